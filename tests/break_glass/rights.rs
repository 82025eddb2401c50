//! What comes up may do what the one before could, and no more.

use rustix::process::getpriority_process;

use super::{BREAK_GLASS, on_every_branch};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

#[test]
fn it_keeps_the_user_the_rights_the_limits_and_the_place_in_the_queue() {
    requires!(Root);
    on_every_branch(|branch| {
        let own = ["prlimit", "--nofile=1234:5678", "--core=77:88", "nice", "-n", "5"];
        let user = ["setpriv", "--reuid", "4711", "--regid", "4711", "--groups", "4712,4713"];
        let rights = ["--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service"];
        let bounds = ["--bounding-set", "-sys_boot", "--no-new-privs", "--"];
        let words = [&own[..], &user, &rights, &bounds].concat();
        let bench = BREAK_GLASS.start_with(branch, |builder| builder.owned_by(4711).through(&words));
        let seen = |pid: u32| {
            let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
            let status = read("status");
            let names = ["Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:"];
            let user = status.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
            let nice =
                read("stat").rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().to_owned();
            format!("{}\n{}\nnice {nice}", user.collect::<Vec<_>>().join("\n"), read("limits"))
        };
        let before = seen(bench.haproxy.master_pid());
        // The tests themselves may have been started with another one.
        let nice = format!("\nnice {}", (getpriority_process(None).unwrap() + 5).min(19));
        assert!(before.contains("4711") && before.ends_with(&nice), "{branch}: {before}");
        assert!(before.contains("CapAmb:\t0000000000000400"), "{branch}: {before}");
        let done = bench.json(&["--approve", &bench.plan()]);
        assert_eq!(done["exit"], 0, "{branch}: {done:#}");
        assert_eq!(seen(bench.main().unwrap()), before, "{branch}");
    });
}

#[test]
fn a_root_whose_groups_and_rights_are_others_than_ours_keeps_them() {
    requires!(Root, Haproxy(Branch::V32));
    let words = ["setpriv", "--groups", "4712", "--bounding-set", "-sys_boot", "--"];
    let bench = BREAK_GLASS.start_with(Branch::V32, |builder| builder.through(&words));
    let done = bench.json(&["--approve", &bench.plan()]);
    assert_eq!(done["exit"], 0, "{done:#}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", bench.main().unwrap())).unwrap();
    assert!(status.lines().any(|line| line.trim_end() == "Groups:\t4712"), "{status}");
}

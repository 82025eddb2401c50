//! What the checks read anew from the host, on real processes: each is tripped, and passes where all is well.

use std::os::unix::fs::PermissionsExt as _;

use haguard::checks::catalog::general_checks;
use rustix::process::Signal;

use super::{CONFIG, check, start};
use crate::support::configs;
use crate::support::document::{finding, level};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance, binary};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

fn level_of(haproxy: &Instance, id: &str) -> String {
    let document = check(&Haguard::new(), haproxy, &[id, "-o", "json"]).json();
    level(&document, id).to_owned()
}

fn evidence(haproxy: &Instance, id: &str) -> String {
    let document = check(&Haguard::new(), haproxy, &[id, "-o", "json"]).json();
    finding(&document, id).to_string()
}

#[test]
fn a_healthy_haproxy_of_every_branch_passes_but_for_having_no_manager() {
    for branch in Branch::here() {
        let haproxy = start(branch);
        let document = check(&Haguard::new(), &haproxy, &["-o", "json"]).json();
        let notable = |check: &&str| !matches!(level(&document, check), "pass" | "skipped");
        let ids: Vec<&str> = general_checks().map(|check| check.id).collect();
        let found: Vec<&str> = ids.into_iter().filter(notable).collect();
        // Other tests run HAProxies on this host too, and what Debian ships in its stable suites has known bugs.
        let expected = |id: &&str| ["arch.manager", "arch.single-instance", "proc.known-bug"].contains(id);
        assert!(found.iter().all(expected), "{branch}: {found:?} {document:#}");
        assert_eq!(document["exit"], 0, "{branch}");
        let bugs = level(&document, "proc.known-bug");
        assert!(branch < Branch::V34 || bugs == "pass", "{branch}: {document:#}");
    }
}

#[test]
fn a_master_that_is_stopped_with_a_reload_signal_waiting_fails() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    assert_eq!(level_of(&haproxy, "proc.master-responsive"), "pass");
    haproxy.signal_master(Signal::STOP);
    haproxy.signal_master(Signal::USR2);
    let pid = haproxy.master_pid().to_string();
    let socket = haproxy.admin_socket().unwrap().to_str().unwrap();
    let haguard = Haguard::new();
    let run = || haguard.run(["check", "proc.master-responsive", "--stats-socket", socket, "-o", "json"]);
    wait_for("the master is stopped", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.contains("State:\tT").then_some(())
    });
    let document = run().json();
    haproxy.signal_master(Signal::CONT);
    assert_eq!(level(&document, "proc.master-responsive"), "fail", "{document:#}");
    let said = finding(&document, "proc.master-responsive").to_string();
    assert!(said.contains("is stopped") && said.contains(&format!("kill -CONT {pid}")), "{said}");
    wait_for("it takes the signal", || {
        (level_of(&haproxy, "proc.master-responsive") == "pass").then_some(())
    });
}

#[test]
fn a_library_that_was_replaced_on_disk_is_found_and_a_reload_mends_it() {
    requires!(Haproxy(Branch::V30));
    let program = binary(Branch::V30);
    let probe = Instance::builder(Branch::V30).config(CONFIG).start();
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", probe.worker_pid())).unwrap();
    let library = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    let library = library.into_iter().find(|path| path.contains("libz.so") || path.contains("libcrypt.so"));
    let Some(library) = library else { panic!("{} maps no library to replace: {maps}", program.display()) };
    let folder = tempfile::TempDir::with_prefix("hag").unwrap();
    let copy = folder.path().join("libcopy.so.1");
    std::fs::copy(library, &copy).unwrap();
    let haproxy = Instance::builder(Branch::V30).config(CONFIG).env("LD_PRELOAD", copy.to_str().unwrap());
    let haproxy = haproxy.start();
    assert_eq!(level_of(&haproxy, "host.stale-libs"), "pass");
    // As a package does it: the new file is written beside the old one and takes its name.
    let new = folder.path().join("new");
    std::fs::copy(library, &new).unwrap();
    std::fs::rename(&new, &copy).unwrap();
    let said = evidence(&haproxy, "host.stale-libs");
    assert!(said.contains("\"warn\"") && said.contains("libcopy.so.1"), "{said}");
    assert!(haproxy.reload().success);
    wait_for("the old worker is gone", || (level_of(&haproxy, "host.stale-libs") == "pass").then_some(()));
}

#[test]
fn a_pid_file_is_compared_with_the_process_and_never_believed() {
    requires!(Haproxy(Branch::V26), Haproxy(Branch::V30), Haproxy(Branch::V34));
    for branch in [Branch::V26, Branch::V34] {
        let built = Instance::builder(branch).config(CONFIG).arg("-p").arg("{dir}/haproxy.pid");
        let haproxy = built.start();
        let path = haproxy.dir().join("haproxy.pid");
        wait_for("the PID file is written", || {
            std::fs::metadata(&path).is_ok_and(|meta| meta.len() > 1).then_some(())
        });
        assert_eq!(
            level_of(&haproxy, "arch.pidfile"),
            "pass",
            "{branch}: {}",
            evidence(&haproxy, "arch.pidfile")
        );
        std::fs::write(&path, "1\n").unwrap();
        assert_eq!(level_of(&haproxy, "arch.pidfile"), "warn", "{branch}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(level_of(&haproxy, "arch.pidfile"), "warn", "{branch}");
    }
    let haproxy = start(Branch::V30);
    assert!(evidence(&haproxy, "arch.pidfile").contains("no PID file"));
}

#[test]
fn a_map_that_is_gone_is_named_with_the_line_that_asks_for_it() {
    requires!(Haproxy(Branch::V32));
    let text = CONFIG.to_owned() + configs::MAPPED;
    let haproxy = Instance::builder(Branch::V32).config(&text).file("hosts.map", "a x\n").start();
    assert_eq!(level_of(&haproxy, "config.files-readable"), "pass");
    std::fs::remove_file(haproxy.dir().join("hosts.map")).unwrap();
    let said = evidence(&haproxy, "config.files-readable");
    let line = haproxy.config().lines().position(|line| line.contains("hosts.map")).unwrap() + 1;
    assert!(said.contains("\"fail\"") && said.contains(&format!("haproxy.cfg:{line} ")), "{said}");
}

#[test]
fn a_map_that_only_root_may_read_fails_for_a_haproxy_of_another_user() {
    requires!(Root, Haproxy(Branch::V30));
    let text = CONFIG.to_owned() + configs::MAPPED;
    let built = Instance::builder(Branch::V30).config(&text).file("hosts.map", "a x\n").owned_by(65534);
    let haproxy = built.start();
    assert_eq!(
        level_of(&haproxy, "config.files-readable"),
        "pass",
        "{}",
        evidence(&haproxy, "config.files-readable")
    );
    let map = haproxy.dir().join("hosts.map");
    std::fs::set_permissions(&map, std::fs::Permissions::from_mode(0o600)).unwrap();
    let said = evidence(&haproxy, "config.files-readable");
    assert!(said.contains("\"fail\"") && said.contains("uid 65534 may not read it"), "{said}");
}

#[test]
fn a_state_file_from_before_the_worker_is_stale_and_a_fresh_one_is_not() {
    requires!(Haproxy(Branch::V30));
    let globals = "hard-stop-after 30m\nserver-state-file {dir}/state";
    let text = format!(
        "defaults\n    mode http\n    timeout connect 2s\n    timeout client 2s\n    timeout server 2s\n    load-server-state-from-file global\n{CONFIG}"
    );
    let built = Instance::builder(Branch::V30).global(&globals.replace("{dir}", "/tmp/none")).config(&text);
    let mut haproxy = built.start();
    let state = haproxy.dir().join("state");
    let text = haproxy.config().replace("/tmp/none/state", state.to_str().unwrap());
    haproxy.write_config(&text);
    assert_eq!(level_of(&haproxy, "config.state-file-stale"), "warn", "there is no file");
    std::fs::write(&state, haproxy.admin("show servers state")).unwrap();
    assert_eq!(level_of(&haproxy, "config.state-file-stale"), "pass");
    assert!(haproxy.reload().success);
    let said = evidence(&haproxy, "config.state-file-stale");
    assert!(said.contains("\"warn\"") && said.contains("older than the worker"), "{said}");
}

#[test]
fn sockets_that_are_not_handed_over_are_told() {
    requires!(Haproxy(Branch::V28));
    let plain = start(Branch::V28);
    assert_eq!(level_of(&plain, "proc.seamless"), "pass");
    let by_flag = Instance::builder(Branch::V28).config(CONFIG).arg("-dR").start();
    let by_file = Instance::builder(Branch::V28).config(CONFIG).global("noreuseport").start();
    for haproxy in [by_flag, by_file] {
        assert_eq!(level_of(&haproxy, "proc.seamless"), "warn", "{}", evidence(&haproxy, "proc.seamless"));
    }
}

#[test]
fn somebody_who_is_at_it_is_named_and_not_disturbed() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let haguard = Haguard::new();
    let look = || check(&haguard, &haproxy, &["host.lock", "-o", "json"]).json();
    assert_eq!(level(&look(), "host.lock"), "pass");
    let start = haguard::clients::linux::process(haproxy.master_pid()).unwrap().start_ticks.unwrap();
    let state = haguard.home().join("state");
    let held = haguard::state::lock::acquire(
        &state,
        haproxy.master_pid(),
        start,
        "haguard reload".into(),
        "alice".into(),
    );
    let said = look();
    assert_eq!(level(&said, "host.lock"), "warn", "{said:#}");
    let words = finding(&said, "host.lock").to_string();
    assert!(words.contains("of alice since") && words.contains("haguard reload"), "{words}");
    drop(held.unwrap());
    assert_eq!(level(&look(), "host.lock"), "pass", "a lock file that nobody holds is no lock");
}

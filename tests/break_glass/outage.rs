//! Restarts that do not come out well.

use std::net::TcpListener;

use rustix::process::Signal;

use super::{BREAK_GLASS, BackgroundRun, Builder, end, gate, on_every_branch, unwrapped};
use crate::support::configs;
use crate::support::document::as_text;
use crate::support::haproxy::Branch;
use crate::support::process::alive;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

#[test]
fn a_haproxy_that_does_not_come_up_again_is_said_loudly_with_its_own_words_and_the_way_by_hand() {
    requires!(Root, Haproxy(Branch::V30));
    let mut bench = BREAK_GLASS.start(Branch::V30);
    // The stranger comes after the check: this address is bound as soon as the run has written its journal.
    let taken = crate::support::ports::free();
    let text = bench.haproxy.config() + &configs::more_of_app(format!("127.0.0.1:{}", taken.number));
    bench.haproxy.write_config(&text);
    let id = bench.plan();
    let (gate, journal) = gate(&bench.haguard);
    let document = std::thread::scope(|scope| {
        let run = scope.spawn(|| bench.json(&["--approve", &id]));
        super::wait_at(&journal);
        let _owner = TcpListener::bind(("127.0.0.1", taken.number)).unwrap();
        drop(gate);
        run.join().unwrap()
    });
    assert_eq!((&document["exit"], &document["changed"]), (&8.into(), &true.into()), "{document:#}");
    assert_eq!(document["restart"]["outcome"], "down", "{document:#}");
    assert!(as_text(&document["summary"]).contains("HAPROXY IS DOWN"), "{document:#}");
    let log = document["restart"]["startup_log"].to_string();
    assert!(log.contains("cannot bind socket"), "{document:#}");
    let by_hand = as_text(&document["next"][0]);
    assert!(by_hand.contains("haproxy -W -S ") && by_hand.starts_with("cd "), "{by_hand}");
    assert!(!alive(bench.haproxy.master_pid()));
    let evidence = std::path::Path::new(as_text(&document["restart"]["evidence"]));
    for name in ["report.json", "before.json", "haproxy.log"] {
        assert!(evidence.join(name).is_file(), "{name}");
    }
    assert!(std::path::Path::new(as_text(&document["restart"]["snapshot"])).join("runtime.json").is_file());
}

#[test]
fn what_cannot_be_put_back_ends_with_8_is_named_and_leaves_evidence() {
    requires!(Root, Haproxy(Branch::V30));
    // Without a master's socket, and with a socket that may only look: what was read cannot be set again.
    let mut bench = BREAK_GLASS.start_with(Branch::V30, |builder| builder.without_master_socket());
    bench.haproxy.admin("set server app/s1 state maint");
    let text = bench.haproxy.config();
    bench.haproxy.write_config(&text.replace("level admin", "level user"));
    let done = bench.json(&["--approve", &bench.plan()]);
    let main = u32::try_from(done["restart"]["main"].as_u64().unwrap()).unwrap();
    let serves = alive(main);
    end(main);
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert!(serves, "{done:#}");
    assert!(done["restart"]["open"].to_string().contains("app/s1"), "{done:#}");
    assert!(as_text(&done["next"][0]).ends_with("runtime.json"), "{done:#}");
    let evidence = std::path::Path::new(as_text(&done["restart"]["evidence"]));
    let report = std::fs::read_to_string(evidence.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["summary"], done["summary"]);
    assert!(evidence.join("after.json").is_file());
}

/// A line of /proc/PID/status.
fn status(pid: u32, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

#[test]
fn whoever_is_killed_after_the_order_does_not_leave_the_host_without_it() {
    requires!(Root, Haproxy(Branch::V30));
    // A master that is stopped does not end, so that haguard waits for its end.
    let bench = BREAK_GLASS.start_with(Branch::V30, |builder| builder.without_master_socket());
    let (old, worker) = (bench.haproxy.master_pid(), bench.haproxy.worker_pid());
    bench.haproxy.signal_master(Signal::STOP);
    let BackgroundRun { process: mut run, log } = bench.background(&["--approve", &bench.plan()]);
    let term = 1_u64 << (Signal::TERM.as_raw() - 1);
    wait_for("the order", || {
        assert!(!run.has_ended(), "{}", std::fs::read_to_string(&log).unwrap());
        let pending = u64::from_str_radix(&status(old, "ShdPnd:")?, 16).ok()?;
        (pending & term != 0).then_some(())
    });
    run.signal(Signal::KILL);
    run.end(Signal::KILL);
    bench.haproxy.signal_master(Signal::CONT);
    let new = wait_for("another one serves", || bench.main().filter(|pid| *pid != worker));
    let main = status(new, "PPid:").unwrap().parse().unwrap();
    assert!(main != old && !alive(old) && !alive(worker));
    let history = unwrapped(&bench.haguard.run(["history"]).stdout);
    assert!(history.contains("not recorded"), "the run is known to be cut off: {history}");
    end(main);
}

/// Started where there is a file of this name, its worker ends as soon as somebody sets the server s1 to MAINT; a run
/// that puts states back does, once it has seen the worker serve.
const FRAGILE: &str = "local armed = io.open('{dir}/armed')
if armed then
    core.register_task(function()
        while core.backends['app'].servers['s1']:get_stats().status ~= 'MAINT' do core.msleep(2) end
        os.exit(1)
    end)
end
";

#[test]
fn a_haproxy_that_comes_up_for_a_moment_and_ends_again_is_an_outage_and_said_so() {
    requires!(Root);
    on_every_branch(|branch| {
        let fragile =
            |builder: Builder| builder.global("lua-load {dir}/fragile.lua").file("fragile.lua", FRAGILE);
        let bench = BREAK_GLASS.start_with(branch, fragile);
        bench.haproxy.admin("set server app/s1 state maint");
        let id = bench.plan();
        let (gate, journal) = gate(&bench.haguard);
        let document = std::thread::scope(|scope| {
            let run = scope.spawn(|| bench.json(&["--approve", &id]));
            super::wait_at(&journal);
            std::fs::write(bench.haproxy.dir().join("armed"), "").unwrap(); // nothing is rehearsed from here on
            drop(gate);
            run.join().unwrap()
        });
        let said = format!("{branch}: {document:#}");
        assert_eq!((&document["exit"], &document["changed"]), (&8.into(), &true.into()), "{said}");
        assert_eq!(document["restart"]["outcome"], "down", "{said}");
        assert!(as_text(&document["summary"]).contains("HAPROXY IS DOWN"), "{said}");
        assert!(document["restart"]["main"].is_null(), "{said}");
        let log = document["restart"]["startup_log"].to_string();
        assert!(log.contains("exited with code 1"), "{said}");
        let by_hand = as_text(&document["next"][0]);
        assert!(by_hand.contains("haproxy -W -S ") && by_hand.starts_with("cd "), "{said}");
        let history = unwrapped(&bench.haguard.run(["history"]).stdout);
        assert!(history.contains("down") || history.contains("DOWN"), "{branch}: {history}");
    });
}

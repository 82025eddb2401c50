//! One run at a time, none while frozen, and patience with a reload that takes its time.

use super::{RELOAD, on_every_branch, unwrapped};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

#[test]
fn a_second_run_is_told_who_reloads_and_a_slow_reload_is_not_called_failed() {
    on_every_branch(|branch| {
        let bench = RELOAD.start(branch);
        let (id, worker) = (bench.plan(), bench.haproxy.worker_pid());
        let gate = bench.gate();
        let first = bench.background(&["--approve", &id]);
        first.wait_at_gate();
        let hold = bench.hold_loading();
        drop(gate);
        super::wait_for("the reload is under way", || {
            bench.recorded().iter().any(|line| line["step"] == "reload").then_some(())
        });
        let pid = first.process.pid();
        for more in [&["--approve", id.as_str()][..], &["--plan"], &[]] {
            let second = bench.run(more);
            assert_eq!(second.status, 7, "{branch}: {second}");
            let said = unwrapped(&second.stderr);
            assert!(said.contains(&format!("PID {pid} of ")), "{branch}: {second}");
            assert!(said.contains("haguard reload") && said.contains("--approve"), "{branch}: {second}");
        }
        let history = bench.haguard.run(["history"]);
        assert!(unwrapped(&history.stdout).contains("under way in step reload"), "{branch}: {history}");
        assert!(!first.process.has_ended(), "{branch}: {}", first.output());
        // Longer than any single question may take.
        let begun = std::time::Instant::now();
        super::wait_for("some seconds pass", || (begun.elapsed().as_millis() > 3500).then_some(()));
        assert!(!first.process.has_ended(), "{branch}: {}", first.output());
        std::fs::remove_file(hold).unwrap();
        let (status, said) = first.end();
        assert_eq!(status, Some(0), "{branch}: {said}");
        assert_ne!(bench.haproxy.worker_pid(), worker, "{branch}");
        assert_eq!(bench.run(&["--approve", &bench.plan()]).status, 0, "{branch}: the lock is free");
    });
}

#[test]
fn the_same_haproxy_named_by_another_socket_is_the_same_turn() {
    requires!(Haproxy(Branch::V30));
    let bench = RELOAD.start(Branch::V30);
    let id = bench.plan();
    let gate = bench.gate();
    let first = bench.background(&["--approve", &id]);
    first.wait_at_gate();
    let admin = bench.haproxy.admin_socket().unwrap().to_str().unwrap();
    // The second run writes its own end into the journal, so the gate opens for it.
    let second = bench.spawn(["reload", "--stats-socket", admin, "--plan"].map(str::to_owned).into());
    second.wait_at_gate();
    drop(gate);
    let (status, said) = second.end();
    assert_eq!(status, Some(7), "{said}");
    assert_eq!(first.end().0, Some(0));
}

#[test]
fn a_freeze_stops_every_change_with_its_reason_and_shows_plans_all_the_same() {
    requires!(Haproxy(Branch::V34));
    let bench = RELOAD.start(Branch::V34);
    let (id, worker) = (bench.plan(), bench.haproxy.worker_pid());
    std::fs::write(bench.haguard.home().join("state/freeze"), "INC-4711: no changes before Monday\n")
        .unwrap();
    let said = bench.run(&["--approve", &id]);
    assert_eq!(said.status, 7, "{said}");
    assert!(unwrapped(&said.stderr).contains("INC-4711: no changes before Monday"), "{said}");
    assert_eq!(bench.run(&["--plan"]).status, 0);
    assert_eq!(bench.haproxy.worker_pid(), worker);
}

//! Signals at every moment of a reload: HAProxy stays in force, the lock is free, and the journal tells how far it got.

use rustix::process::Signal;

use super::{BackgroundRun, Bench, RELOAD, on_every_branch, unwrapped};
use crate::support::copied;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// What must hold after haguard was killed, wherever it stood.
fn assert_in_force(bench: &Bench, master: u32, place: &str) {
    assert_eq!(bench.haproxy.master_pid(), master);
    // A reload that was ordered goes on without haguard.
    wait_for("it has settled, and the lock is free", || (bench.run(&["--plan"]).status == 0).then_some(()));
    bench.assert_serves();
    let history = bench.haguard.run(["history"]);
    assert!(unwrapped(&history.stdout).contains(place), "`{place}` in {history}");
}

fn kill(mut run: BackgroundRun) {
    run.process.end(Signal::KILL);
}

#[test]
fn killed_before_the_order_it_has_done_nothing() {
    requires!(Haproxy(Branch::V30));
    let bench = RELOAD.start(Branch::V30);
    let (master, worker) = (bench.haproxy.master_pid(), bench.haproxy.worker_pid());
    let id = bench.plan();
    let gate = bench.gate();
    let run = bench.background(&["--approve", &id]);
    run.wait_at_gate();
    kill(run);
    drop(gate);
    assert_eq!(bench.haproxy.worker_pid(), worker);
    assert_in_force(&bench, master, "plan ");
    assert_eq!(bench.plan(), id, "nothing moved");
}

#[test]
fn killed_while_haproxy_loads_the_journal_says_that_the_result_is_not_known() {
    on_every_branch(|branch| {
        let bench = RELOAD.start(branch);
        let (master, worker) = (bench.haproxy.master_pid(), bench.haproxy.worker_pid());
        let id = bench.plan();
        let gate = bench.gate();
        let run = bench.background(&["--approve", &id]);
        run.wait_at_gate();
        let hold = bench.hold_loading();
        drop(gate);
        // Only a loading process waits for the file, so the order was given.
        wait_for("HAProxy loads", || loading(&bench).then_some(()));
        kill(run);
        std::fs::remove_file(hold).unwrap();
        wait_for("the reload goes on without haguard", || {
            (bench.haproxy.listed_worker()? != worker).then_some(())
        });
        assert_in_force(&bench, master, "stopped unfinished in step reload");
    });
}

/// A child of HAProxy's is asleep while the file is there.
pub(super) fn loading(bench: &Bench) -> bool {
    let master = bench.haproxy.master_pid();
    let children = |pid: u32| -> Vec<u32> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    let mut below = children(master);
    below.extend(below.clone().into_iter().flat_map(children));
    below.into_iter().any(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name == "sh\n" || name == "sleep\n")
    })
}

#[test]
fn killed_after_any_line_of_its_journal_it_leaves_haproxy_in_force() {
    requires!(Haproxy(Branch::V32));
    let bench = RELOAD.start(Branch::V32);
    let master = bench.haproxy.master_pid();
    for lines in 1..=7 {
        let id = bench.plan();
        let before = bench.recorded().len();
        let mut gate = bench.gate();
        let run = bench.background(&["--approve", &id]);
        run.wait_at_gate();
        // Let it write line by line; it may be quicker than we are now and then, which is another line to be killed at.
        while bench.recorded().len() < before + lines && !run.process.has_ended() {
            let seen = bench.recorded().len();
            drop(gate);
            while bench.recorded().len() == seen && !run.process.has_ended() {
                std::hint::spin_loop();
            }
            gate = bench.gate();
        }
        let ended = run.process.has_ended();
        kill(run);
        drop(gate);
        let written = bench.recorded();
        let last = written.last().unwrap();
        let place = match (last["step"].as_str(), last["result"].as_str()) {
            (Some(step), None) => format!("stopped unfinished in step {step}"),
            (Some(step), Some(result)) => {
                unwrapped(&format!("stopped unfinished after step {step}: {result}"))
            }
            (None, _) => "serves in place of".to_owned(),
        };
        assert!(lines < 7 || ended || last["exit"] == 0, "the last line is the end: {last}");
        assert_in_force(&bench, master, place.split(':').next().unwrap());
    }
}

#[test]
fn a_signal_while_it_only_looks_ends_it_with_nothing_changed() {
    requires!(Haproxy(Branch::V30));
    for signal in [Signal::INT, Signal::TERM] {
        let bench = RELOAD.start(Branch::V30);
        let (id, worker) = (bench.plan(), bench.haproxy.worker_pid());
        // The configuration test loads the same script, and waits.
        let hold = bench.hold_loading();
        let run = bench.background(&["--approve", &id]);
        let pid = run.process.pid();
        wait_for("it tests the configuration", || {
            let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
            let child = |thread: std::fs::DirEntry| {
                std::fs::read_to_string(thread.path().join("children")).is_ok_and(|text| !text.is_empty())
            };
            threads.into_iter().any(child).then_some(())
        });
        run.process.signal(signal);
        std::fs::remove_file(hold).unwrap();
        let (status, said) = run.end();
        assert_eq!(status, Some(130), "{said}");
        assert!(said.contains("nothing was changed. (exit 130)"), "{said}");
        assert_eq!(bench.haproxy.worker_pid(), worker);
    }
}

#[test]
fn a_signal_during_the_act_finishes_the_step_and_says_how_far_it_got() {
    on_every_branch(|branch| {
        for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM")] {
            let bench = RELOAD.start(branch);
            let (id, worker) = (bench.plan(), bench.haproxy.worker_pid());
            let gate = bench.gate();
            let run = bench.background(&["--approve", &id]);
            run.wait_at_gate();
            run.process.signal(signal);
            drop(gate);
            let (status, said) = run.end();
            assert_eq!(status, Some(8), "{branch}: {said}");
            let new = bench.haproxy.worker_pid();
            assert_ne!(new, worker, "{branch}: the step was finished");
            let text = unwrapped(&said);
            for words in [
                format!("stopped by {name} after worker {new} took over, before the proof"),
                "finished: reload".to_owned(),
                "check it by hand".to_owned(),
                "changes were made. (exit 8)".to_owned(),
            ] {
                assert!(text.contains(&words), "{branch} `{words}`: {said}");
            }
            bench.assert_serves();
        }
    });
}

#[test]
fn a_lost_terminal_does_not_stop_it() {
    on_every_branch(|branch| {
        let bench = RELOAD.start(branch);
        let id = bench.plan();
        let gate = bench.gate();
        let run = bench.background(&["--approve", &id]);
        run.wait_at_gate();
        run.process.signal(Signal::HUP);
        drop(gate);
        let (status, said) = run.end();
        assert_eq!(status, Some(0), "{branch}: {said}");
    });
}

#[test]
fn nobody_reading_what_it_says_does_not_stop_it() {
    requires!(Haproxy(Branch::V30));
    let bench = RELOAD.start(Branch::V30);
    let haguard = copied::haguard();
    // A reader that has gone, streams that are closed, and a device that is full.
    for streams in ["| true", ">&- 2>&-", ">/dev/full 2>/dev/full"] {
        let worker = bench.haproxy.worker_pid();
        let arguments = bench.arguments(&["-v", "--approve", &bench.plan()]).join(" ");
        let status = bench.haguard.home().join("status");
        let line = format!("{{ {haguard} {arguments}; echo $? >{}; }} {streams}", status.display());
        let mut command = bench.haguard.command_for("sh");
        let _ = crate::support::haguard::RunOutput::from_command(command.args(["-c", &line]));
        let said = std::fs::read_to_string(status).unwrap();
        assert_eq!(said.trim(), "0", "{streams}");
        assert_ne!(bench.haproxy.worker_pid(), worker, "{streams}");
    }
}

//! Nobody is there any more: the shell, the terminal, haguard itself, or the process that waits.

use rustix::process::{Pid, Signal, kill_process};

use super::super::{on_every_branch, unwrapped};
use super::{EditedBench, LONG};
use crate::support::copied;
use crate::support::document::as_text;
use crate::support::haguard::RunOutput;
use crate::support::haproxy::Branch;
use crate::support::process::{alive, wait_gone};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn a_terminal_that_is_closed_takes_no_way_back_along() {
    requires!(Program("script"), Haproxy(Branch::V32));
    let edited = EditedBench::start(Branch::V32);
    let bench = &edited.bench;
    let id = edited.plan("2s");
    let arguments = bench.arguments(&["--confirm-within", "2s", "--approve", &id]).join(" ");
    let line = format!("{} {arguments}; kill -HUP 0", copied::haguard());
    let mut command = bench.haguard.command_for("script");
    let said = RunOutput::from_command(command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm"));
    assert!(said.stdout.contains("confirm it with"), "{said}");
    let watcher = bench.watcher(&id);
    let field = |pid: u32, number: usize| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(number - 3).unwrap().to_owned()
    };
    assert_eq!(field(watcher, 6), watcher.to_string(), "a session of its own");
    assert_eq!(field(watcher, 7), "0", "no terminal");
    signal(watcher, Signal::HUP);
    let end = bench.end_of(&id);
    assert_eq!(end["exit"], 0, "{end:#}");
    assert_eq!(bench.haproxy.config(), edited.before);
    assert!(!edited.is_new());
}

#[test]
fn haguard_killed_while_haproxy_loads_leaves_a_way_back() {
    on_every_branch(|branch| {
        let edited = EditedBench::start(branch);
        let bench = &edited.bench;
        let id = edited.plan("3s");
        let worker = bench.haproxy.worker_pid();
        let gate = bench.gate();
        let mut run = bench.background(&["--confirm-within", "3s", "--approve", &id]);
        run.wait_at_gate();
        let hold = bench.hold_loading();
        drop(gate);
        wait_for("HAProxy loads", || super::super::signals::loading(bench).then_some(()));
        let early = bench.confirm(&id);
        assert_eq!(early.status, 7, "{branch}: {early}");
        assert!(unwrapped(&early.stdout).contains("is not done yet"), "{branch}: {early}");
        run.process.end(Signal::KILL);
        std::fs::remove_file(hold).unwrap();
        wait_for("the reload goes on", || (bench.haproxy.listed_worker()? != worker).then_some(()));
        let end = bench.end_of(&id);
        assert_eq!(end["exit"], 0, "{branch}: {end:#}");
        assert_eq!(bench.haproxy.config(), edited.before, "{branch}");
        assert!(!edited.is_new(), "{branch}");
        assert_eq!(std::fs::read_to_string(edited.aside(&id)).unwrap(), edited.edit, "{branch}");
    });
}

#[test]
fn haguard_killed_before_the_order_leaves_everything_as_it_was() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let bench = &edited.bench;
    let (id, worker) = (edited.plan("1s"), bench.haproxy.worker_pid());
    let gate = bench.gate();
    let mut run = bench.background(&["--confirm-within", "1s", "--approve", &id]);
    run.wait_at_gate();
    assert!(alive(bench.watcher(&id)), "it is there before the order");
    run.process.end(Signal::KILL);
    drop(gate);
    let end = bench.end_of(&id);
    assert_eq!((&end["exit"], &end["changed"]), (&0.into(), &false.into()), "{end:#}");
    assert!(as_text(&end["summary"]).contains("haguard ended before it ordered the reload"), "{end:#}");
    assert_eq!((bench.haproxy.worker_pid(), bench.haproxy.config()), (worker, edited.edit.clone()));
    let nothing = bench.confirm(&id);
    assert_eq!(nothing.status, 6, "{nothing}");
    assert!(nothing.stdout.contains("there is nothing to confirm"), "{nothing}");
    // The same plan is still the plan, and can be applied.
    assert_eq!(edited.plan("1s"), id);
    edited.reload("1s");
    assert_eq!(bench.end_of(&id)["exit"], 0);
}

#[test]
fn a_watcher_that_was_killed_is_told_and_stands_in_nobodys_way() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let bench = &edited.bench;
    let (id, _) = edited.reload(LONG);
    let watcher = bench.watcher(&id);
    signal(watcher, Signal::KILL);
    wait_gone(watcher);
    let listed = bench.haguard.run(["confirm"]);
    // The state stands in a column of its own, on two lines.
    let state = unwrapped(&listed.stdout);
    assert!(state.contains("rollback timer") && state.ends_with("ended"), "{listed}");
    let said = bench.confirm(&id);
    assert_eq!(said.status, 8, "{said}");
    assert!(unwrapped(&said.stdout).contains("it is not rolled back automatically"), "{said}");
    super::super::assert_width(&said.stdout);
    assert!(edited.is_new() && bench.haproxy.config() == edited.edit);
    assert_eq!(bench.run(&["--plan"]).status, 0);
}

#[test]
fn a_watcher_that_ends_before_the_order_stops_the_reload() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let bench = &edited.bench;
    let (id, worker) = (edited.plan(LONG), bench.haproxy.worker_pid());
    let gate = bench.gate();
    let run = bench.background(&["--confirm-within", LONG, "--approve", &id]);
    run.wait_at_gate();
    let watcher = bench.watcher(&id);
    signal(watcher, Signal::KILL);
    // A signal is under way for a moment, in which the process still runs.
    wait_gone(watcher);
    drop(gate);
    let (status, said) = run.end();
    assert_eq!(status, Some(5), "{said}");
    assert!(
        unwrapped(&said).contains("The rollback timer could not be started; nothing was changed"),
        "{said}"
    );
    assert!(said.contains("nothing was changed. (exit 5)"), "{said}");
    assert_eq!(bench.haproxy.worker_pid(), worker);
}

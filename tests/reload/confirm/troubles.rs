//! A way back that meets something: another edit, a bind that is taken, a reload that failed already.

use std::net::TcpListener;

use super::super::{RELOAD, on_every_branch, unwrapped};
use super::{EditedBench, LONG};
use crate::support::configs;
use crate::support::document::as_text;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

#[test]
fn a_file_that_somebody_edits_meanwhile_is_kept_too() {
    requires!(Haproxy(Branch::V28));
    let mut edited = EditedBench::start(Branch::V28);
    let (id, _) = edited.reload("2s");
    let newer = format!("{}\n# still at work\n", edited.edit);
    edited.bench.haproxy.write_config(&newer);
    let bench = &edited.bench;
    let end = bench.end_of(&id);
    assert_eq!(end["exit"], 0, "{end:#}");
    assert_eq!(bench.haproxy.config(), edited.before);
    assert_eq!(std::fs::read_to_string(edited.aside(&id)).unwrap(), newer);
    let restored =
        bench.recorded().into_iter().find(|line| line["step"] == "restore" && line["result"].is_string());
    let restored = restored.unwrap();
    assert!(as_text(&restored["result"]).contains("edited after the reload: /"), "{restored:#}");
    // What the worker had loaded is kept as well: haguard keeps what it has proven.
    let kept = std::fs::read_dir(bench.haguard.home().join("state/kept")).unwrap().flatten();
    let texts: Vec<String> = kept.filter_map(|e| std::fs::read_to_string(e.path().join("0")).ok()).collect();
    assert!(texts.contains(&edited.edit));
}

#[test]
fn a_copy_that_is_not_the_one_of_the_plan_is_not_put_back() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let (id, document) = edited.reload("4s");
    let copy = edited.bench.haguard.home().join("state").join(format!("confirm/{id}.files/0"));
    assert!(copy.exists(), "{document:#}");
    std::fs::write(&copy, "global\n").unwrap();
    let bench = &edited.bench;
    let end = bench.end_of(&id);
    assert_eq!(end["exit"], 8, "{end:#}");
    assert!(as_text(&end["summary"]).contains("is not the one that the plan names"), "{end:#}");
    assert_eq!(bench.haproxy.config(), edited.edit, "nothing was written");
}

#[test]
fn a_reload_that_failed_leaves_nothing_to_confirm() {
    on_every_branch(|branch| {
        let mut edited = EditedBench::start(branch);
        let taken = crate::support::ports::free();
        let text = edited.edit.clone() + &configs::more(format!("127.0.0.1:{}", taken.number));
        edited.bench.haproxy.write_config(&text);
        let bench = &edited.bench;
        let (id, worker) = (edited.plan(LONG), bench.haproxy.worker_pid());
        let gate = bench.gate();
        let run = bench.background(&["--confirm-within", LONG, "--approve", &id]);
        run.wait_at_gate();
        let _owner = TcpListener::bind(("127.0.0.1", taken.number)).unwrap();
        drop(gate);
        let (status, said) = run.end();
        assert_eq!(status, Some(1), "{branch}: {said}");
        let end = bench.end_of(&id);
        assert!(
            as_text(&end["summary"]).contains("nothing to confirm: the reload failed"),
            "{branch}: {end:#}"
        );
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
        assert_eq!(bench.haproxy.config(), text, "{branch}: the edit is its author's");
        assert_eq!(bench.confirm(&id).status, 6, "{branch}");
        assert_eq!(bench.haguard.run(["confirm"]).stdout, "none\n", "{branch}");
    });
}

#[test]
fn a_way_back_that_fails_says_what_is_in_force_and_what_to_do() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        // Before, it listens on one address more, which somebody takes as soon as it is given up.
        let more = crate::support::ports::free();
        let plain = bench.haproxy.config();
        let before = plain.clone() + &configs::more(format!("127.0.0.1:{}", more.number));
        bench.haproxy.write_config(&before);
        assert_eq!(bench.run(&["--approve", &bench.plan()]).status, 0, "{branch}");
        bench.haproxy.write_config(&plain);
        let plan = bench.json(&["--plan", "--confirm-within", "3s"]);
        let id = as_text(&plan["plan"]["id"]).to_owned();
        let done = bench.json(&["--confirm-within", "3s", "--approve", &id]);
        assert_eq!(done["exit"], 0, "{branch}: {done:#}");
        let worker = bench.haproxy.worker_pid();
        let _owner =
            wait_for("the address is given up", || TcpListener::bind(("127.0.0.1", more.number)).ok());
        let end = bench.end_of(&id);
        assert_eq!((&end["exit"], &end["changed"]), (&8.into(), &true.into()), "{branch}: {end:#}");
        let said = as_text(&end["summary"]);
        for words in [
            "the rollback failed: ".to_owned(),
            format!("worker {worker} still serves the unconfirmed configuration"),
            "the previous files are in place: `haguard reload` loads them".to_owned(),
            format!("haproxy.cfg.unconfirmed-{id}"),
        ] {
            assert!(said.contains(&words), "{branch} `{words}`: {said}");
        }
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
        assert_eq!(bench.haproxy.config(), before, "{branch}");
        bench.assert_serves();
        let late = bench.confirm(&id);
        assert_eq!(late.status, 6, "{branch}: {late}");
        assert!(unwrapped(&late.stdout).contains("the rollback failed"), "{branch}: {late}");
        super::super::assert_width(&late.stdout);
    });
}

#[test]
fn a_haproxy_that_ended_meanwhile_is_not_touched_and_the_files_neither() {
    requires!(Haproxy(Branch::V30));
    let mut edited = EditedBench::start(Branch::V30);
    let (id, _) = edited.reload("3s");
    edited.bench.haproxy.restart();
    let bench = &edited.bench;
    let worker = bench.haproxy.worker_pid();
    let end = bench.end_of(&id);
    assert_eq!(end["exit"], 8, "{end:#}");
    let said = as_text(&end["summary"]);
    assert!(said.contains("the HAProxy that was reloaded has ended since"), "{said}");
    let copy = bench.haguard.home().join(format!("state/confirm/{id}.files"));
    assert!(said.ends_with(&format!("the previous files are in {}", copy.display())), "{said}");
    assert_eq!(std::fs::read_to_string(copy.join("0")).unwrap(), edited.before);
    assert_eq!((bench.haproxy.config(), bench.haproxy.worker_pid()), (edited.edit.clone(), worker));
}

#[test]
fn a_way_back_waits_for_the_run_that_is_under_way() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let bench = &edited.bench;
    let (id, _) = edited.reload("1s");
    // As another run would hold it: the lock of this HAProxy.
    let locks = std::fs::read_dir(bench.haguard.home().join("state/locks")).unwrap().flatten();
    let path =
        locks.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "lock")).unwrap();
    let held = std::fs::File::options().write(true).open(path).unwrap();
    held.lock().unwrap();
    wait_for("it wants to go back", || (bench.pending(&id)?["state"]["is"] == "going-back").then_some(()));
    let late = bench.confirm(&id);
    assert_eq!(late.status, 6, "{late}");
    assert!(unwrapped(&late.stdout).contains("too late, the time limit ended at"), "{late}");
    let second = bench.run(&["--plan"]);
    assert_eq!(second.status, 7, "{second}");
    assert_eq!(bench.haproxy.config(), edited.edit, "nothing is touched before the lock is had");
    drop(held);
    assert_eq!(bench.end_of(&id)["exit"], 0);
    assert_eq!(bench.haproxy.config(), edited.before);
}

//! What it refuses, and that nothing was touched then.

use std::net::TcpListener;

use super::{BREAK_GLASS, BackgroundRun, Bench, gate, host, on_every_branch, unwrapped};
use crate::support::configs;
use crate::support::document::{as_text, finding};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::{handed, ports};

/// The processes are the same after it.
#[track_caller]
fn untouched(bench: &Bench, run: impl FnOnce()) {
    let (main, worker) = (bench.main(), bench.haproxy.worker_pid());
    run();
    assert_eq!((bench.main(), bench.haproxy.worker_pid()), (main, worker));
}

#[test]
fn another_host_no_reason_and_no_consent_are_refusals() {
    requires!(Root, Haproxy(Branch::V30));
    let bench = BREAK_GLASS.start(Branch::V30);
    let id = bench.plan();
    let host = host();
    untouched(&bench, || {
        let wrong = bench.arguments(&["--break-glass", "lb-of-another", "--reason", "x", "--approve", &id]);
        let said = bench.haguard.run(wrong);
        assert_eq!(said.status, 3, "{said}");
        let text = unwrapped(&said.stderr);
        assert!(text.contains("`lb-of-another` was typed") && text.contains(&host), "{said}");
        for reason in [&["--reason", "  "][..], &[]] {
            let args = [&["--break-glass", &host], reason, &["--approve", &id]].concat();
            let said = bench.haguard.run(bench.arguments(&args));
            assert_eq!(said.status, 2, "{said}");
            assert!(said.stderr.contains("--reason"), "{said}");
        }
        for lonely in [&["--approve", &id][..], &["--plan"], &["--reason", "x"]] {
            let said = bench.haguard.run(bench.arguments(lonely));
            assert_eq!(said.status, 2, "{said}");
        }
        let said = bench.run(&[]);
        assert_eq!(said.status, 3, "{said}");
        let text = unwrapped(&said.stdout.replace("\\\n", ""));
        let command = format!("--break-glass {host} --reason 'INC-4711 it is deaf' --approve {id}");
        assert!(text.contains(&command), "`{command}` in {said}");
        assert!(text.ends_with("nothing was changed. (exit 3)"), "{said}");
        // Without the flag it is the refusal that it always was.
        let plain = bench.haguard.run(bench.arguments(&[]));
        assert_eq!(plain.status, 3, "{plain}");
        assert!(plain.stdout.starts_with("refused: restart of"), "{plain}");
        let said = unwrapped(&plain.stdout.replace("\\\n", ""));
        assert!(said.contains(&format!("--break-glass {host} --reason 'WHY' --plan")), "{plain}");
    });
    assert!(
        std::fs::read_to_string(bench.journal()).unwrap().contains("lb-of-another"),
        "a refusal is in the journal"
    );
}

#[test]
fn what_would_not_come_up_again_is_not_ended() {
    requires!(Root);
    on_every_branch(|branch| {
        let mut bench = BREAK_GLASS.start(branch);
        let good = bench.haproxy.config();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let stranger = configs::more_of_app(format!("127.0.0.1:{port}"));
        let cases = [
            (configs::REFUSED.to_owned(), "restart.cold-start"),
            (configs::UNBINDABLE.to_owned(), "restart.binds-free"),
            (stranger, "restart.binds-free"),
        ];
        for (more, id) in cases {
            bench.haproxy.write_config(&format!("{good}\n{more}"));
            untouched(&bench, || {
                let plan = bench.json(&["--plan"]);
                assert_eq!(plan["exit"], 3, "{branch} {id}: {plan:#}");
                assert_eq!(finding(&plan, id)["level"], "fail", "{branch} {id}: {plan:#}");
                let said = bench.run(&["--approve", as_text(&plan["plan"]["id"])]);
                assert_eq!(said.status, 3, "{branch} {id}: {said}");
                assert!(said.stdout.trim_end().ends_with("nothing was changed. (exit 3)"), "{said}");
            });
        }
    });
}

#[test]
fn a_plan_that_is_stale_a_freeze_and_another_run_stop_it() {
    requires!(Root, Haproxy(Branch::V28));
    let mut bench = BREAK_GLASS.start(Branch::V28);
    let id = bench.plan();
    let state = bench.haguard.home().join("state");
    let text = bench.haproxy.config() + configs::LATE;
    bench.haproxy.write_config(&text);
    untouched(&bench, || {
        let stale = bench.json(&["--approve", &id]);
        assert_eq!((&stale["exit"], &stale["changed"]), (&6.into(), &false.into()), "{stale:#}");
        assert!(stale["restart"]["moved"].to_string().contains("haproxy.cfg"), "{stale:#}");
        // The id of a reload is consent to a reload.
        let reload = bench.haguard.run(bench.arguments(&["--plan"]).iter().map(|word| match word.as_str() {
            "restart" => "reload",
            word => word,
        }));
        assert_eq!(reload.status, 0, "{reload}");
        let id = bench.plan();
        std::fs::write(state.join("freeze"), "INC-1 hands off\n").unwrap();
        let frozen = bench.run(&["--approve", &id]);
        assert_eq!(frozen.status, 7, "{frozen}");
        assert!(unwrapped(&frozen.stderr).contains("INC-1 hands off"), "{frozen}");
        std::fs::remove_file(state.join("freeze")).unwrap();
        let lock = std::fs::read_dir(state.join("locks")).unwrap().next().unwrap().unwrap();
        let held = std::fs::File::open(lock.path()).unwrap();
        held.lock().unwrap();
        let locked = bench.run(&["--approve", &id]);
        assert_eq!(locked.status, 7, "{locked}");
    });
}

#[test]
fn what_nobody_can_prove_is_not_restarted() {
    requires!(Root, Haproxy(Branch::V30));
    let bench = BREAK_GLASS.start(Branch::V30);
    untouched(&bench, || {
        // Without root neither a rehearsal nor /proc says enough.
        let uid = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
        let haguard = crate::support::haguard::Haguard::through(&[&["setpriv"], &uid[..]].concat());
        std::fs::set_permissions(haguard.home(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .unwrap();
        let host = host();
        let args = ["--break-glass", &host, "--reason", "x", "--plan", "-o", "json"];
        let said = haguard.run(bench.arguments(&args));
        assert!(matches!(said.status, 5), "{said}");
    });
}

#[test]
fn sockets_that_were_handed_down_would_be_gone_and_the_way_is_said_while_a_reload_keeps_them() {
    requires!(Root, Program("perl"), Haproxy(Branch::V26), Haproxy(Branch::V30), Haproxy(Branch::V34));
    for branch in [Branch::V26, Branch::V30, Branch::V34] {
        let folder = tempfile::tempdir().unwrap();
        let port = ports::free();
        let real = crate::support::haproxy::binary(branch);
        let at = ("127.0.0.1", port.number);
        let program = handed::listener(&real, folder.path(), at);
        let given = "frontend given\n    bind \"fd@${FD}\"\n    default_backend app\n";
        let bench = BREAK_GLASS
            .start_with(branch, |builder| builder.program(&program).extra_config("given.cfg", given));
        untouched(&bench, || {
            let plan = bench.json(&["--plan"]);
            assert_eq!(plan["exit"], 3, "{branch}: {plan:#}");
            let way = finding(&plan, "restart.way");
            assert_eq!(way["level"], "fail", "{branch}: {plan:#}");
            assert!(way["evidence"].to_string().contains("given.cfg:2 fd@"), "{branch}: {way:#}");
            assert!(as_text(&way["mend"]).contains("a reload keeps them"), "{branch}: {way:#}");
            // In the copy it is handed one, so that everything else about its start is known.
            assert_eq!(finding(&plan, "restart.cold-start")["level"], "pass", "{branch}: {plan:#}");
            let said = bench.run(&["--approve", as_text(&plan["plan"]["id"])]);
            assert_eq!(said.status, 3, "{branch}: {said}");
        });
        assert!(bench.haproxy.reload().success, "{branch}");
        std::net::TcpStream::connect(at).unwrap();
    }
}

#[test]
fn of_two_who_approve_one_plan_at_once_one_restarts_it_and_the_other_is_busy() {
    requires!(Root, Haproxy(Branch::V32));
    let bench = BREAK_GLASS.start(Branch::V32);
    let id = bench.plan();
    let (gate, journal) = gate(&bench.haguard);
    let mut ended = std::thread::scope(|scope| {
        let runs = [0, 1].map(|_| scope.spawn(|| bench.run(&["--approve", &id])));
        // One is about to begin, and the other about to note that it may not.
        super::wait_at_for(&journal, 2);
        drop(gate);
        runs.map(|run| run.join().unwrap())
    });
    ended.sort_by_key(|said| said.status);
    let [done, busy] = ended;
    assert_eq!((done.status, busy.status), (0, 7), "{done}{busy}");
    let said = unwrapped(&busy.stderr);
    // Whose it is may not be written yet.
    for words in ["another run is changing this HAProxy: ", "nothing was changed."] {
        assert!(said.contains(words), "{busy}");
    }
}

#[test]
fn a_signal_before_the_order_ends_nothing_and_leaves_no_open_run() {
    requires!(Root, Haproxy(Branch::V30));
    let bench = BREAK_GLASS.start(Branch::V30);
    let id = bench.plan();
    let (gate, journal) = gate(&bench.haguard);
    untouched(&bench, || {
        let BackgroundRun { process: mut run, log } = bench.background(&["--approve", &id]);
        super::wait_at(&journal);
        run.signal(rustix::process::Signal::INT);
        drop(gate);
        crate::support::wait::wait_for("haguard ends", || run.has_ended().then_some(()));
        let status = run.end(rustix::process::Signal::TERM).and_then(|status| status.code());
        assert_eq!(status, Some(130), "{}", std::fs::read_to_string(&log).unwrap());
    });
    let history = bench.haguard.run(["history"]);
    assert!(unwrapped(&history.stdout).contains("SIGINT came before anything was done"), "{history}");
    assert!(!history.stdout.contains("not recorded"), "no run is left open: {history}");
}

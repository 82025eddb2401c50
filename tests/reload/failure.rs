//! Reloads that fail, that would fail, and that bring something else than was planned.

use std::net::TcpListener;

use super::{Bench, RELOAD, on_every_branch, proof, unwrapped};
use crate::support::configs;
use crate::support::document::{as_text, finding};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

/// The reload of this plan, with a bind taken after everything was checked.
fn with_a_bind_taken_meanwhile(bench: &mut Bench) -> (Option<i32>, serde_json::Value) {
    let taken = crate::support::ports::free();
    let text = bench.haproxy.config() + &configs::more(format!("127.0.0.1:{}", taken.number));
    bench.haproxy.write_config(&text);
    let id = bench.plan();
    let gate = bench.gate();
    let run = bench.background(&["--approve", &id, "-o", "json"]);
    run.wait_at_gate();
    let _owner = TcpListener::bind(("127.0.0.1", taken.number)).unwrap();
    drop(gate);
    let (status, said) = run.end();
    (status, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
}

#[test]
fn a_bind_taken_between_check_and_act_leaves_the_old_worker_proven_in_force_and_tells_the_outage() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let worker = bench.haproxy.worker_pid();
        let (status, document) = with_a_bind_taken_meanwhile(&mut bench);
        assert_eq!((status, &document["changed"]), (Some(1), &false.into()), "{branch}: {document:#}");
        assert_eq!(document["reload"]["outcome"], "failed", "{branch}: {document:#}");
        assert_eq!(document["reload"]["worker"], worker, "{branch}");
        assert_eq!(
            proof(&document, "the previous worker still serves")["after"],
            worker.to_string(),
            "{branch}"
        );
        let ms = document["reload"]["refused_ms"].as_u64().unwrap();
        assert!(ms > 0, "{branch}: HAProxy gives up its listeners meanwhile: {document:#}");
        let log = document["reload"]["startup_log"].to_string();
        // 2.6 keeps no start-up log.
        assert!(branch == Branch::V26 || log.contains("cannot bind socket"), "{branch}: {log}");
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
        bench.assert_serves();

        // The bind is free again, and this reload is the cure.
        let plan = bench.json(&["--plan"]);
        assert_eq!(finding(&plan, "reload.settled")["level"], "warn", "{branch}: {plan:#}");
        let cure = bench.run(&["--approve", as_text(&plan["plan"]["id"])]);
        assert_eq!(cure.status, 0, "{branch}: {cure}");
        assert_ne!(bench.haproxy.worker_pid(), worker, "{branch}");
    });
}

#[test]
fn a_reload_by_signal_that_fails_is_told_from_one_that_takes_long() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start_with(branch, |builder| builder.without_master_socket());
        let worker = bench.haproxy.worker_pid();
        let (status, document) = with_a_bind_taken_meanwhile(&mut bench);
        assert_eq!(status, Some(1), "{branch}: {document:#}");
        assert_eq!(document["reload"]["worker"], worker, "{branch}: {document:#}");
        assert!(document["reload"]["refused_ms"].as_u64().unwrap() > 0, "{branch}");
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
    });
}

#[test]
fn the_text_of_a_failed_reload_says_who_serves_why_it_failed_and_for_how_long_clients_were_refused() {
    requires!(Haproxy(Branch::V30));
    let mut bench = RELOAD.start(Branch::V30);
    let taken = crate::support::ports::free();
    let text = bench.haproxy.config() + &configs::more(format!("127.0.0.1:{}", taken.number));
    bench.haproxy.write_config(&text);
    let id = bench.plan();
    let gate = bench.gate();
    let run = bench.background(&["--approve", &id]);
    run.wait_at_gate();
    let _owner = TcpListener::bind(("127.0.0.1", taken.number)).unwrap();
    drop(gate);
    let (status, said) = run.end();
    assert_eq!(status, Some(1), "{said}");
    super::assert_width(&said);
    let text = unwrapped(&said);
    for words in [
        "failed: reload of HAProxy (master ".to_owned(),
        format!("worker {} still serves, proven", bench.haproxy.worker_pid()),
        "connections were refused for about ".to_owned(),
        format!("Address already in use) for [127.0.0.1:{}]", taken.number),
        "nothing was left changed. (exit 1)".to_owned(),
    ] {
        assert!(text.contains(&words), "`{words}` in {said}");
    }
}

#[test]
fn a_configuration_that_does_not_parse_is_refused_and_nothing_is_touched() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let (worker, listed) = (bench.haproxy.worker_pid(), reloads(&bench.haproxy));
        let good = bench.plan();
        let text = bench.haproxy.config() + configs::REFUSED;
        bench.haproxy.write_config(&text);
        let plan = bench.json(&["--plan"]);
        assert_eq!(plan["exit"], 3, "{branch}: {plan:#}");
        assert_eq!(plan["next"].as_array().unwrap().len(), 0, "{branch}: nothing to approve: {plan:#}");
        for id in [as_text(&plan["plan"]["id"]), &good] {
            let said = bench.run(&["--approve", id]);
            assert_eq!(said.status, if id == good { 6 } else { 3 }, "{branch}: {said}");
            assert!(
                unwrapped(&said.stdout).contains("unknown keyword 'no_such_keyword'"),
                "{branch}: {said}"
            );
            assert!(said.stdout.trim_end().contains("nothing was changed."), "{said}");
        }
        assert_eq!((bench.haproxy.worker_pid(), reloads(&bench.haproxy)), (worker, listed), "{branch}");
    });
}

/// The master's own count.
fn reloads(haproxy: &Instance) -> String {
    let table = haproxy.master("show proc");
    table
        .lines()
        .find(|line| line.contains("[failed:"))
        .unwrap()
        .split_whitespace()
        .nth(2)
        .unwrap()
        .to_owned()
}

#[test]
fn a_process_without_a_master_is_never_reloaded() {
    requires!(Haproxy(Branch::V30));
    let builder = Instance::builder(Branch::V30).config(configs::ANSWERING);
    let haproxy = builder.without_master_worker().start();
    let socket = haproxy.admin_socket().unwrap().to_str().unwrap();
    let said = Haguard::new().run(["reload", "--stats-socket", socket, "-o", "json"]);
    assert_eq!(said.status, 3, "{said}");
    assert_eq!(finding(&said.json(), "reload.way")["level"], "fail", "{said}");
}

#[test]
fn a_server_that_was_up_and_is_down_after_the_reload_is_named() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let nobody = crate::support::ports::free();
        let text = bench.haproxy.config();
        let line = text.lines().find(|line| line.contains("server one")).unwrap();
        let moved = format!("    server one 127.0.0.1:{} check inter 200ms fall 1", nobody.number);
        bench.haproxy.write_config(&text.replace(line, &moved));
        let document = bench.json(&["--approve", &bench.plan()]);
        assert_eq!(
            (&document["exit"], &document["changed"]),
            (&8.into(), &true.into()),
            "{branch}: {document:#}"
        );
        assert!(
            document["reload"]["open"].to_string().contains("down now: app/one"),
            "{branch}: {document:#}"
        );
        let commands = document["next"].to_string();
        assert!(commands.contains("show proc") && commands.contains("ss -ltnp"), "{branch}: {commands}");
    });
}

#[test]
fn a_worker_that_ends_soon_after_its_start_is_not_proven() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let script = "core.register_task(function() core.msleep(700) os.exit(1) end)\n";
        std::fs::write(bench.haproxy.dir().join("ends.lua"), script).unwrap();
        let text = bench.haproxy.config().replacen("global", "global\n    lua-load {dir}/ends.lua", 1);
        bench.haproxy.write_config(&text);
        let run = bench.run(&["--approve", &bench.plan()]);
        assert_eq!(run.status, 8, "{branch}: {run}");
        let said = unwrapped(&format!("{}{}", run.stdout, run.stderr));
        assert!(said.contains("ended soon after it had started"), "{branch}: {run}");
    });
}

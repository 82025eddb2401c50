//! Consent: to a plan that was shown, by somebody who is there or by its id, and only while it is still the plan.

use super::{Bench, RELOAD, on_every_branch, unwrapped};
use crate::support::configs;
use crate::support::copied;
use crate::support::document::as_text;
use crate::support::haguard::RunOutput;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::terminal;

#[test]
fn without_a_terminal_or_an_approval_it_refuses_and_prints_the_command() {
    requires!(Haproxy(Branch::V32));
    let bench = RELOAD.start(Branch::V32);
    let worker = bench.haproxy.worker_pid();
    for more in [&[][..], &["--no-input"]] {
        let said = bench.run(more);
        assert_eq!(said.status, 3, "{said}");
        assert!(unwrapped(&said.stdout).contains("it needs consent"), "{said}");
        let command = unwrapped(&said.stdout.replace("\\\n", ""));
        assert!(command.contains(&format!("--approve {}", bench.plan())), "{said}");
        assert!(said.stdout.trim_end().ends_with("nothing was changed. (exit 3)"), "{said}");
    }
    let document = bench.json(&[]);
    assert!(as_text(&document["next"][0]).starts_with("haguard reload --master-socket /"), "{document:#}");
    assert_eq!(bench.haproxy.worker_pid(), worker);
}

#[test]
fn a_plan_is_stale_when_anything_that_it_rests_on_moved() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let mut id = bench.plan();
        assert_eq!(id, bench.plan(), "{branch}: the same state gives the same id");
        // Traffic moves nothing.
        bench.assert_serves();
        assert_eq!(id, bench.plan(), "{branch}");
        let stale = |bench: &Bench, id: &str, words: &str| {
            let document = bench.json(&["--approve", id]);
            assert_eq!((&document["exit"], &document["changed"]), (&6.into(), &false.into()), "{document:#}");
            assert!(
                document["reload"]["moved"].to_string().contains(words),
                "{branch} {words}: {document:#}"
            );
            let text = bench.run(&["--approve", id]);
            assert_eq!(text.status, 6, "{text}");
            assert!(unwrapped(&text.stdout).contains(words), "{words}: {text}");
            assert!(!text.stdout.contains("--approve"), "what nobody has seen is not offered: {text}");
            bench.plan()
        };
        let text = bench.haproxy.config() + configs::LATE;
        bench.haproxy.write_config(&text);
        id = stale(&bench, &id, "haproxy.cfg");
        bench.haproxy.admin("set server app/two state maint");
        id = stale(&bench, &id, "server-admin-state app/two");
        assert!(bench.haproxy.reload().success, "{branch}");
        let moved = stale(&bench, &id, "serving worker");
        assert_ne!(moved, id);
    });
}

#[test]
fn an_id_that_was_never_shown_here_is_said_to_be_one() {
    requires!(Haproxy(Branch::V28));
    let bench = RELOAD.start(Branch::V28);
    let said = bench.run(&["--approve", "0123456789"]);
    assert_eq!(said.status, 6, "{said}");
    assert!(unwrapped(&said.stdout).contains("No plan with this id was shown on this host"), "{said}");
}

/// haguard on a terminal; the keys are typed when it has asked.
fn on_a_terminal(bench: &Bench, keys: &'static str) -> RunOutput {
    let line = format!("{} {}", copied::haguard(), bench.arguments(&[]).join(" "));
    terminal::run_on_terminal(&bench.haguard, &line, || (), keys)
}

#[test]
fn on_a_terminal_yes_is_consent_and_no_and_enter_are_not() {
    requires!(Program("script"), Haproxy(Branch::V30));
    let bench = RELOAD.start(Branch::V30);
    let worker = bench.haproxy.worker_pid();
    for keys in ["n\r", "\r", "q\r"] {
        let said = on_a_terminal(&bench, keys);
        assert_eq!(said.status, 3, "{keys:?}: {said}");
        let text = unwrapped(&said.stdout);
        assert!(
            text.contains("what would be done") && text.contains("Apply plan "),
            "shown, then asked: {said}"
        );
        assert!(text.contains("declined") && text.contains("nothing was changed."), "{said}");
        assert_eq!(bench.haproxy.worker_pid(), worker);
    }
    let said = on_a_terminal(&bench, "\u{3}");
    assert_eq!(said.status, 130, "Ctrl-C: {said}");
    assert_eq!(bench.haproxy.worker_pid(), worker);
    let said = on_a_terminal(&bench, "y\r");
    assert_eq!(said.status, 0, "{said}");
    assert!(
        said.stdout.contains("reload: HAProxy loads the configuration (at most 300s)"),
        "progress: {said}"
    );
    assert_ne!(bench.haproxy.worker_pid(), worker);
}

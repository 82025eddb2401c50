//! `check --for` says before an operation what the operation itself would say.

use super::{CONFIG, break_config, start};
use crate::support::configs;
use crate::support::document::level;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

fn run(haguard: &Haguard, haproxy: &Instance, words: &[&str]) -> RunOutput {
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    haguard.run(words.iter().chain(&["-o", "json", "--master-socket", socket]))
}

/// Both judge alike, finding by finding; and where the check is well, the reload has only consent to wait for.
#[track_caller]
fn agree(haguard: &Haguard, haproxy: &Instance, what: &str) -> i32 {
    let check = run(haguard, haproxy, &["check", "--for", "reload"]);
    let reload = run(haguard, haproxy, &["reload", "--plan"]);
    let (seen, own) = (check.json(), reload.json());
    for found in own["findings"].as_array().unwrap() {
        let id = found["id"].as_str().unwrap();
        assert_eq!(level(&seen, id), found["level"], "{what}: {id}: {check}{reload}");
    }
    assert_eq!(check.status, reload.status, "{what}: {check}{reload}");
    check.status
}

#[test]
fn what_a_reload_would_say_is_said_before_it() {
    requires!(Haproxy(Branch::V26), Haproxy(Branch::V28), Haproxy(Branch::V34));
    for branch in [Branch::V26, Branch::V28, Branch::V34] {
        let mut haproxy = start(branch);
        let haguard = Haguard::new();
        assert_eq!(agree(&haguard, &haproxy, &format!("{branch}: healthy")), 0);
        let reload = run(&haguard, &haproxy, &["reload"]);
        assert_eq!((reload.status, &reload.json()["reload"]["outcome"]), (3, &"refused".into()), "{reload}");
        assert!(
            reload.json()["summary"].as_str().unwrap().contains("consent"),
            "only consent is missing: {reload}"
        );

        let good = haproxy.config();
        haproxy.write_config(&(good.clone() + configs::FAR));
        assert_eq!(agree(&haguard, &haproxy, &format!("{branch}: an address of another host")), 3);
        haproxy.write_config(&good);
        break_config(&mut haproxy);
        assert_eq!(agree(&haguard, &haproxy, &format!("{branch}: files that do not load")), 3);
    }
}

#[test]
fn without_a_master_a_reload_is_refused_and_the_check_says_so() {
    requires!(Haproxy(Branch::V30));
    let built = Instance::builder(Branch::V30).config(CONFIG).without_master_worker();
    let haproxy = built.start();
    let haguard = Haguard::new();
    let socket = haproxy.admin_socket().unwrap().to_str().unwrap();
    let run = |words: &[&str]| haguard.run(words.iter().chain(&["--stats-socket", socket]));
    let (check, reload) = (run(&["check", "--for", "reload"]), run(&["reload", "--plan"]));
    assert_eq!((check.status, reload.status), (3, 3), "{check}{reload}");
}

#[test]
fn a_freeze_and_a_reload_that_waits_stop_an_operation_and_only_warn_who_looks() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let haguard = Haguard::new();
    std::fs::create_dir_all(haguard.home().join("state")).unwrap();
    let freeze = haguard.home().join("state/freeze");
    std::fs::write(&freeze, "INC-9\n").unwrap();
    let look = run(&haguard, &haproxy, &["check", "host.freeze"]);
    assert_eq!((look.status, level(&look.json(), "host.freeze")), (0, "warn"), "{look}");
    assert!(look.stdout.contains("INC-9"), "{look}");
    assert_eq!(run(&haguard, &haproxy, &["check", "--for", "reload"]).status, 3);
    assert_eq!(run(&haguard, &haproxy, &["reload"]).status, 7);
    // A rehearsal changes nothing, so nothing keeps it waiting.
    assert_eq!(run(&haguard, &haproxy, &["check", "--for", "rehearse"]).status, 0);
    std::fs::remove_file(freeze).unwrap();

    let plan = run(&haguard, &haproxy, &["reload", "--confirm-within", "60s", "--plan"]).json();
    let id = plan["plan"]["id"].as_str().unwrap().to_owned();
    let reload = run(&haguard, &haproxy, &["reload", "--confirm-within", "60s", "--approve", &id]);
    assert_eq!(reload.status, 0, "{reload}");
    let check = run(&haguard, &haproxy, &["check", "--for", "reload"]);
    assert_eq!((check.status, level(&check.json(), "host.lock")), (3, "fail"), "{check}");
    assert!(check.stdout.contains(&format!("haguard confirm {id}")), "{check}");
    assert_eq!(run(&haguard, &haproxy, &["reload", "--plan"]).status, 7);
    assert_eq!(haguard.run(["confirm", &id]).status, 0);
    assert_eq!(run(&haguard, &haproxy, &["check", "--for", "reload"]).status, 0);
}

#[test]
fn only_operations_that_exist_can_be_asked_for() {
    let said = Haguard::new().run(["check", "--for", "relaod"]);
    assert_eq!(said.status, 2, "{said}");
    assert!(said.stderr.contains("relaod") && said.stderr.contains("'reload'"), "{said}");
    let both = Haguard::new().run(["check", "arch.sockets", "--for", "reload"]);
    assert_eq!(both.status, 2, "{both}");
}

#[test]
fn nothing_is_rehearsed_that_no_operation_asked_for() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let haguard = Haguard::new();
    let plain = run(&haguard, &haproxy, &["check"]);
    assert_eq!(level(&plain.json(), "config.rehearsal"), "skipped", "{plain}");
    let operation = run(&haguard, &haproxy, &["check", "--for", "rehearse"]);
    let rehearsed = if rustix::process::geteuid().is_root() { "pass" } else { "warn" };
    assert_eq!(level(&operation.json(), "config.rehearsal"), rehearsed, "{operation}");
    // A check that is asked for by its id is not skipped: that would look like a pass.
    let named = run(&haguard, &haproxy, &["check", "config.rehearsal"]);
    assert_eq!(level(&named.json(), "config.rehearsal"), rehearsed, "{named}");
}

//! `check` as people, CI and monitoring use it: what it runs, how it waits, what it prints, and its exit codes.

mod catalogue;
mod examples;
mod formats;
mod ignore;
mod limits;
mod operation;
mod output;
mod schema;

use haguard::checks::catalog;
use haguard::exit::Exit;

use crate::support::configs;
use crate::support::document::unwrapped;
use crate::support::golden;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

/// A HAProxy that nothing is wrong with.
pub(crate) const CONFIG: &str = "
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    server one 127.0.0.1:1 disabled
";

pub(crate) fn start(branch: Branch) -> Instance {
    Instance::builder(branch).global("hard-stop-after 30m").config(CONFIG).start()
}

/// `check` about this HAProxy.
pub(crate) fn check(haguard: &Haguard, haproxy: &Instance, more: &[&str]) -> RunOutput {
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    haguard.run(["check", "--master-socket", socket].iter().chain(more))
}

/// A line that HAProxy does not understand.
pub(crate) fn break_config(haproxy: &mut Instance) {
    let text = haproxy.config() + configs::REFUSED;
    haproxy.write_config(&text);
}

#[test]
fn an_id_that_was_published_is_never_taken_away() {
    const FILE: &str = "tests/fixtures/check-ids.txt";
    for id in golden::read(FILE).lines() {
        assert!(catalog::find(id).is_some(), "{id} was published: scripts and ignores name it");
    }
    let mut ids: Vec<&str> = catalog::all_checks().map(|check| check.id).collect();
    ids.sort_unstable();
    golden::file(FILE, &(ids.join("\n") + "\n"));
}

#[test]
fn every_id_and_every_group_can_be_explained() {
    let haguard = Haguard::new();
    let subjects = haguard.run(["explain", "-o", "json"]).json();
    let listed = |id: &str| subjects["table"]["rows"].as_array().unwrap().iter().any(|row| row[0] == id);
    for check in catalog::all_checks() {
        let said = haguard.run(["explain", check.id]);
        assert!(said.status == 0 && unwrapped(&said.stdout).contains(check.title), "{said}");
        assert!(listed(check.id), "{}", check.id);
    }
    let group = haguard.run(["explain", "arch"]);
    let text = unwrapped(&group.stdout);
    assert!(group.status == 0 && text.contains("arch.sockets: its sockets are answered"), "{group}");
    assert!(!text.contains("proc."), "{group}");
    let explained = |id: &str| {
        let said = haguard.run(["explain", id]);
        assert_eq!(said.status, 0, "{said}");
        unwrapped(&said.stdout)
    };
    let manager = explained("arch.manager");
    assert!(manager.contains("before: reload, restart, guard.") && manager.contains("cannot be ignored"));
    assert!(!explained("config.hard-stop-after").contains("cannot be ignored"));
    for exit in Exit::ALL {
        let said = explained(&exit.code().to_string());
        assert!(said.contains(exit.meaning()) && said.len() > 120, "{said}");
    }
}

#[test]
fn a_group_is_asked_by_its_name_and_only_looks() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let document = check(&Haguard::new(), &haproxy, &["config", "runtime.map-drift", "-o", "json"]).json();
    let findings = document["findings"].as_array().unwrap();
    let ids: Vec<&str> = findings.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    let config = catalog::general_checks().filter(|check| check.group() == "config").map(|check| check.id);
    assert_eq!(ids, config.chain(["runtime.map-drift"]).collect::<Vec<_>>());
    let rehearsal = findings.iter().find(|finding| finding["id"] == "config.rehearsal").unwrap();
    assert_eq!(rehearsal["level"], "skipped", "{rehearsal}");
}

#[test]
fn the_list_names_the_group_and_who_wants_it() {
    let document = Haguard::new().run(["check", "--list", "-o", "json"]).json();
    let rows = document["table"]["rows"].as_array().unwrap();
    let row = |id: &str| rows.iter().find(|row| row[0] == id).unwrap_or_else(|| panic!("{id}"));
    assert_eq!(row("config.test-same-argv")[1], "config");
    assert_eq!(row("config.test-same-argv")[2], "reload restart rehearse");
    assert_eq!(row("runtime.map-drift")[2], "");
    assert_eq!(row("host.freeze")[2], "reload restart guard");
}

#[test]
fn evidence_stands_under_every_result_and_short_shows_only_what_is_not_ok() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let haguard = Haguard::new();
    let said = check(&haguard, &haproxy, &["arch.sockets", "arch.identity", "config.test-same-argv"]);
    assert_eq!(said.status, 0, "{said}");
    for evidence in ["is answered by", "show proc on", "haproxy -c"] {
        assert!(unwrapped(&said.stdout).contains(evidence), "{evidence}: {said}");
    }
    assert!(said.stdout.contains("0 failed, 0 unknown, 0 warnings, 3 ok, 0 skipped"), "{said}");
    let said = check(&haguard, &haproxy, &["arch.sockets", "arch.manager", "-o", "short"]);
    assert!(said.stdout.contains("arch.manager") && !said.stdout.contains("arch.sockets"), "{said}");
    assert_eq!(said.stdout.lines().count(), 2, "{said}");
}

#[test]
fn the_exit_code_depends_on_the_verdict_and_on_no_format() {
    requires!(Haproxy(Branch::V30));
    let mut haproxy = start(Branch::V30);
    let haguard = Haguard::new();
    let formats = ["text", "short", "json", "junit", "github"];
    for format in formats {
        let said = check(&haguard, &haproxy, &["config.test-same-argv", "-o", format]);
        assert_eq!(said.status, 0, "{format}: {said}");
    }
    break_config(&mut haproxy);
    for format in formats {
        let said = check(&haguard, &haproxy, &["config.test-same-argv", "-o", format]);
        assert_eq!(said.status, 3, "{format}: {said}");
    }
    for format in formats {
        let said = haguard.run(["check", "--master-socket", "/no/such.sock", "-o", format]);
        assert_eq!(said.status, 5, "{format}: {said}");
    }
}

#[test]
fn a_format_that_a_command_has_not_is_a_usage_error_that_names_those_it_has() {
    let haguard = Haguard::new();
    for command in [&["history"][..], &["restart"], &["check", "--list"]] {
        for format in ["short", "junit", "github"] {
            let said = haguard.run(command.iter().chain(&["-o", format]));
            assert_eq!(said.status, 2, "{command:?}: {said}");
            let text = unwrapped(&said.stderr);
            assert!(text.contains(&format!("no format `{format}`")), "{said}");
            assert!(text.contains("use -o with one of: text, json") && said.stdout.is_empty(), "{said}");
        }
    }
}

#[test]
fn waiting_ends_as_soon_as_all_is_well_and_tells_the_last_state_otherwise() {
    requires!(Haproxy(Branch::V30));
    let mut haproxy = start(Branch::V30);
    let haguard = Haguard::new();
    let good = haproxy.config();
    break_config(&mut haproxy);
    let over = check(&haguard, &haproxy, &["config.test-same-argv", "--wait", "1s"]);
    assert_eq!(over.status, 3, "{over}");
    assert!(over.stdout.contains("no_such_keyword") && over.stderr.is_empty(), "{over}");

    let socket = haproxy.master_socket().unwrap().display().to_string();
    let arguments = ["-v", "check", "config.test-same-argv", "--wait", "60s", "--master-socket", &socket];
    let mut waiting = haguard.std_command();
    let log = haguard.home().join("log");
    waiting.args(arguments).stdout(std::fs::File::create(&log).unwrap());
    let errors = haguard.home().join("errors");
    waiting.stderr(std::fs::File::create(&errors).unwrap());
    let mut waiting = waiting.spawn().unwrap();
    // It has seen the bad state twice, so it is waiting.
    crate::support::wait::wait_for("haguard looks a second time", || {
        let looks = std::fs::read_to_string(&errors).unwrap().matches("show startup-logs").count();
        (looks >= 2).then_some(())
    });
    haproxy.write_config(&good);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    assert!(std::fs::read_to_string(&log).unwrap().contains("1 ok"));
}

#[test]
fn without_root_what_needs_root_is_unknown_and_never_a_pass() {
    requires!(Root, Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let nobody =
        Haguard::through(&["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
    std::os::unix::fs::chown(nobody.home(), Some(65534), Some(65534)).unwrap();
    let document = nobody
        .run(["check", "-o", "json", "--master-socket", haproxy.master_socket().unwrap().to_str().unwrap()])
        .json();
    assert_eq!(document["exit"], 5, "{document:#}");
    for id in ["arch.identity", "host.stale-libs", "proc.fd-headroom"] {
        assert_eq!(crate::support::document::level(&document, id), "unknown", "{id}: {document:#}");
    }
}

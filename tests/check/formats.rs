//! The formats of programs, read by what reads them.

use super::{break_config, check, start};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

const IDS: [&str; 3] = ["arch.manager", "config.test-same-argv", "dp.reachable"];

/// A warning, a failure and a check that is skipped.
fn run(haguard: &Haguard, haproxy: &Instance, format: &str) -> RunOutput {
    check(haguard, haproxy, &[&IDS[..], &["-o", format]].concat())
}

#[test]
fn junit_is_xml_with_a_case_for_each_check() {
    requires!(Haproxy(Branch::V32));
    let mut haproxy = start(Branch::V32);
    break_config(&mut haproxy);
    let haguard = Haguard::new();
    let said = run(&haguard, &haproxy, "junit");
    assert_eq!(said.status, 3, "{said}");
    let read = roxmltree::Document::parse(&said.stdout).unwrap();
    let suite = read.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let counts = ["tests", "failures", "errors", "skipped"].map(|name| suite.attribute(name).unwrap());
    assert_eq!(counts, ["3", "1", "0", "1"], "{said}");
    let case = |id: &str| {
        let mut cases = read.descendants().filter(|node| node.has_tag_name("testcase"));
        cases.find(|node| node.attribute("name") == Some(id)).unwrap_or_else(|| panic!("{id}: {said}"))
    };
    let has = |id: &str, name: &str| case(id).children().any(|node| node.has_tag_name(name));
    assert!(has("arch.manager", "system-out") && !has("arch.manager", "failure"), "{said}");
    assert!(has("config.test-same-argv", "failure") && has("dp.reachable", "skipped"), "{said}");
    let failure = case("config.test-same-argv").first_element_child().unwrap();
    assert!(failure.text().unwrap().contains("unknown keyword 'no_such_keyword'"), "{said}");
    assert_eq!(case("arch.manager").attribute("classname"), Some("haguard.arch"));

    let unknown = haguard.run(["check", "arch.identity", "--master-socket", "/no/such.sock", "-o", "junit"]);
    let read = roxmltree::Document::parse(&unknown.stdout).unwrap();
    assert!(read.descendants().any(|node| node.has_tag_name("error")), "unknown is an error: {unknown}");
    let usage = haguard.run(["check", "arch.sokets", "-o", "junit"]);
    let read = roxmltree::Document::parse(&usage.stdout).unwrap();
    assert!(read.descendants().any(|node| node.has_tag_name("error")) && usage.status == 2, "{usage}");
}

#[test]
fn github_gets_an_annotation_for_what_is_not_ok() {
    requires!(Haproxy(Branch::V28));
    let mut haproxy = start(Branch::V28);
    break_config(&mut haproxy);
    let haguard = Haguard::new();
    let said = run(&haguard, &haproxy, "github");
    assert_eq!(said.status, 3, "{said}");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with("::warning title=arch.manager (warn)::"), "{said}");
    assert!(lines[1].starts_with("::error title=config.test-same-argv (FAIL)::"), "{said}");
    assert!(lines[1].contains("%0A") && lines[1].contains("unknown keyword 'no_such_keyword'"), "{said}");
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[2].starts_with("1 failed, "), "{said}");
    let usage = haguard.run(["check", "arch.sokets", "-o", "github"]);
    assert!(usage.stdout.starts_with("::error title=haguard check::there is no check"), "{usage}");
}

/// What the plugin conventions ask of the first line: a state, a text, one bar, and `name=value` after it.
#[track_caller]
fn plugin(said: &RunOutput, status: i32, word: &str) -> Vec<(String, String)> {
    assert_eq!(said.status, status, "{said}");
    assert!(said.stderr.is_empty(), "{said}");
    let first = said.stdout.lines().next().unwrap();
    assert!(first.starts_with(&format!("HAPROXY {word} - ")), "{said}");
    let Some((_, data)) = first.split_once(" | ") else { return Vec::new() };
    assert_eq!(said.stdout.matches('|').count(), 1, "{said}");
    let words = data.split(' ').map(|word| word.split_once('=').unwrap_or_else(|| panic!("{word}: {said}")));
    words.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn nagios_gets_its_own_status_and_the_numbers() {
    requires!(Haproxy(Branch::V26), Haproxy(Branch::V34));
    for branch in [Branch::V26, Branch::V34] {
        let mut haproxy = start(branch);
        let haguard = Haguard::new();
        let nagios = |haproxy: &Instance, id: &str| check(&haguard, haproxy, &[id, "-o", "nagios"]);
        let data = plugin(&nagios(&haproxy, "arch.sockets"), 0, "OK");
        let value = |name: &str| {
            data.iter()
                .find(|(said, _)| said == name)
                .unwrap_or_else(|| panic!("{branch}: {name}: {data:?}"))
                .1
                .clone()
        };
        assert_eq!(value("servers"), "1;;;0", "{branch}");
        assert_eq!(value("servers_maint"), "1;;;0", "{branch}");
        assert_eq!(value("failed_reloads"), "0;;;0", "{branch}");
        assert_eq!(value("old_workers"), "0;;;0", "{branch}");
        let memory = value("worker_memory");
        let bytes = memory.strip_suffix("B;;;0").and_then(|bytes| bytes.parse::<u64>().ok());
        assert!(bytes.is_some_and(|bytes| bytes > 1_000_000), "{branch}: {memory}");

        plugin(&nagios(&haproxy, "arch.manager"), 1, "WARNING");
        break_config(&mut haproxy);
        let critical = nagios(&haproxy, "config.test-same-argv");
        plugin(&critical, 2, "CRITICAL");
        assert!(critical.stdout.contains("\nFAIL config.test-same-argv: "), "{critical}");
    }
    let haguard = Haguard::new();
    plugin(&haguard.run(["check", "--master-socket", "/no/such.sock", "-o", "nagios"]), 3, "UNKNOWN");
    for wrong in [&["check", "arch.sokets"][..], &["check", "--no-such-flag"], &["check", "--wait", "soon"]] {
        plugin(&haguard.run(wrong.iter().chain(&["-o", "nagios"])), 3, "UNKNOWN");
    }
    let broken = haguard.config("[haproxi]\n");
    plugin(&haguard.run(["check", "-o", "nagios", "--config", broken.to_str().unwrap()]), 3, "UNKNOWN");
}

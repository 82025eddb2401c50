//! The text of `check` and `inspect` as an operator reads it: in a pipe, 80 columns wide.

use haguard::checks::catalog;

use super::{check, start};
use crate::support::document::finding;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;

#[track_caller]
fn assert_width(said: &RunOutput) {
    for line in said.stdout.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}\n{said}", line.chars().count());
    }
}

/// Lines that begin in the first column.
fn headings(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with(|c: char| !c.is_whitespace())).collect()
}

#[test]
fn on_a_host_without_haproxy_the_cause_stands_once_with_the_number_of_checks_that_need_it() {
    requires!(Sandbox);
    let sandbox = Sandbox::new();
    let haguard = Haguard::inside(&sandbox);
    let document = haguard.run(["check", "-o", "json"]).json();
    let why = finding(&document, "arch.process")["text"].as_str().unwrap().to_owned();
    let findings = document["findings"].as_array().unwrap();
    let same = findings.iter().filter(|one| one["text"].as_str().unwrap().ends_with(&why)).count();
    assert!(same > 30, "{document:#}");
    for command in ["check", "inspect"] {
        let said = haguard.run([command]);
        assert_eq!(said.status, 5, "{said}");
        assert_eq!(said.stdout.matches("no HAProxy process can be seen").count(), 1, "{said}");
        assert!(said.stdout.contains(&format!("{same} checks need it")), "{said}");
        assert!(said.stdout.matches("haguard explain").count() <= 1, "{said}");
        assert!(said.stdout.lines().count() < 40, "{said}");
        assert_width(&said);
    }
}

#[test]
fn results_stand_under_a_heading_for_each_group() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let said = check(&Haguard::new(), &haproxy, &[]);
    let groups: Vec<&str> = headings(&said.stdout)
        .into_iter()
        .filter(|line| catalog::all_checks().any(|check| check.group() == *line))
        .collect();
    assert!(groups.starts_with(&["arch", "proc", "config", "runtime"]), "{said}");
    let mut group = "";
    for line in said.stdout.lines() {
        group = if groups.contains(&line) { line } else { group };
        let id = line.split_whitespace().find(|word| catalog::find(word).is_some());
        let of =
            id.filter(|_| line.starts_with("  ok ") || line.starts_with("  warn ")).and_then(catalog::find);
        assert!(of.is_none_or(|check| check.group() == group), "{line} stands under {group}: {said}");
    }
    assert_width(&said);
}

#[test]
fn the_list_of_checks_never_cuts_an_id() {
    let haguard = Haguard::new();
    for columns in [None, Some("80"), Some("40")] {
        let mut command = haguard.command();
        command.args(["check", "--list"]);
        columns.into_iter().for_each(|columns| _ = command.env("COLUMNS", columns));
        let said = RunOutput::from_command(&mut command);
        for check in catalog::all_checks() {
            let whole = said.stdout.lines().any(|line| line.split_whitespace().next() == Some(check.id));
            assert!(whole, "{}: {said}", check.id);
        }
        assert_width(&said);
    }
}

#[test]
fn inspect_begins_with_five_lines_that_say_what_matters() {
    requires!(Haproxy(Branch::V32));
    let haproxy = start(Branch::V32);
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    haproxy.admin("set server app/one weight 7");
    let said = Haguard::new().run(["inspect", "--master-socket", socket]);
    let summary: Vec<&str> = said.stdout.lines().take_while(|line| !line.is_empty()).collect();
    let labels: Vec<&str> = summary.iter().map(|line| line.get(..15).unwrap_or(line).trim_end()).collect();
    assert_eq!(labels, ["runs", "controlled by", "health", "would be lost", "next"], "{said}");
    assert!(summary[0].contains(&format!("master {}", haproxy.master_pid())), "{said}");
    assert!(summary[3].contains("by a restart 1 thing, by a reload 1 thing"), "{said}");
    assert!(summary[4].contains("--losses"), "{said}");
    assert_width(&said);
}

//! The examples for CI and for monitoring, run as they stand.

use super::start;
use crate::support::golden;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

/// What follows a key on the lines of an example.
fn values(file: &str, key: &str) -> Vec<String> {
    let text = golden::read(file);
    let lines = text.lines().filter_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix(key));
    lines.map(|rest| rest.trim().to_owned()).collect()
}

#[test]
fn the_steps_of_the_workflow_pass_on_a_healthy_haproxy() {
    requires!(Root, Haproxy(Branch::V34));
    let haproxy = start(Branch::V34);
    let haguard = Haguard::new();
    let socket = haproxy.master_socket().unwrap().display();
    let config = haguard.config(&format!("[haproxy]\nmaster_socket = '{socket}'\n"));
    let steps = values("examples/github-actions.yml", "run: haguard ");
    assert_eq!(steps.len(), 4, "{steps:?}");
    for step in steps {
        let step = step.replace("haproxy/haproxy.cfg", haproxy.config_path().to_str().unwrap());
        let said =
            RunOutput::from_command(haguard.command().args(step.split(' ')).env("HAGUARD_CONFIG", &config));
        assert_eq!(said.status, 0, "{step}: {said}");
    }
}

#[test]
fn the_command_of_the_plugin_answers_as_one() {
    requires!(Haproxy(Branch::V34));
    let haproxy = start(Branch::V34);
    let command = values("examples/nagios.cfg", "command_line ").remove(0);
    let rest = command.split_once("haguard ").unwrap().1;
    let said = Haguard::new()
        .run(rest.replace("$ARG1$", haproxy.master_socket().unwrap().to_str().unwrap()).split(' '));
    // No service manager controls a HAProxy of a test.
    assert_eq!(said.status, 1, "{said}");
    assert!(said.stdout.starts_with("HAPROXY WARNING - arch."), "{said}");
}

#[test]
fn what_sudo_lets_a_monitor_run_is_that_one_command() {
    let text = golden::read("examples/nagios.cfg").replace("\\\n#", "");
    let granted = text.split_once("NOPASSWD: ").unwrap().1.lines().next().unwrap();
    let granted: Vec<&str> = granted.split_whitespace().collect();
    let command = values("examples/nagios.cfg", "command_line ").remove(0);
    let socket = values("examples/nagios.cfg", "check_command ").remove(0);
    let command = command.replace("$ARG1$", socket.split_once('!').unwrap().1);
    let command: Vec<&str> = command.split_whitespace().skip(1).collect();
    assert_eq!((granted[0], &granted[1..]), ("/usr/local/bin/haguard", &command[1..]));
}

#[test]
fn no_line_of_them_is_wider_than_a_terminal() {
    for name in ["examples/github-actions.yml", "examples/nagios.cfg"] {
        for line in golden::read(name).lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

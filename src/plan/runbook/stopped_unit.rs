//! What to do where no HAProxy runs: start its unit.

use super::shell_quote;
use crate::facts::guard::Unit;
use crate::plan::RunbookStep;

/// The state of a unit without a running process, as text; `None` where it has one, or is no unit of this host.
pub fn describe_stopped_unit(unit: &Unit) -> Option<String> {
    let name = unit.get("Id");
    if unit.main_pid().is_some() || unit.get("ActiveState") == "active" {
        return None;
    }
    let state = match (unit.get("LoadState"), unit.get("ActiveState"), unit.get("SubState")) {
        ("masked", ..) => "is masked, so systemd refuses to start it".to_owned(),
        ("loaded", "failed", _) => "has failed, and systemd does not try again by itself".to_owned(),
        ("loaded", _, "auto-restart") => "ends each time systemd starts it".to_owned(),
        ("loaded", active, _) => format!("is {active}"),
        _ => return None,
    };
    Some(format!(
        "No HAProxy runs on this host, so there is nothing to restart: {name} {state}. It needs a start, which the guard \
         does not refuse."
    ))
}

/// The steps to a start, in order. `config` is the file that it would load, where that is known.
pub fn start_runbook(unit: &Unit, config: Option<&str>) -> Vec<RunbookStep> {
    let name = unit.get("Id");
    let step = |when: &str, command: String| RunbookStep { when: when.to_owned(), command };
    let mut steps = vec![step("see how it ended:", format!("journalctl -u {name} -n 50 --no-pager"))];
    if let Some(config) = config {
        let command = format!("haguard rehearse --config-file {}", shell_quote(config));
        steps.push(step("rehearse the files before anything is started:", command));
    }
    if unit.get("LoadState") == "masked" {
        steps.push(step(
            "the unit is masked, perhaps on purpose; to unmask it:",
            format!("systemctl unmask {name}"),
        ));
    }
    let again = match unit.get("ActiveState") {
        "failed" => format!("systemctl reset-failed {name} && systemctl start {name}"),
        _ => format!("systemctl start {name}"),
    };
    steps.push(step("start it:", again));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(more: &str) -> Unit {
        let lines = ["Id=haproxy.service", "MainPID=0"].into_iter().chain(more.lines());
        let pairs = lines.filter_map(|line| line.split_once('='));
        Unit { properties: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    #[test]
    fn a_stopped_unit_gets_steps_to_a_start_and_a_running_one_none() {
        let failed = unit("LoadState=loaded\nActiveState=failed\nSubState=failed");
        assert!(describe_stopped_unit(&failed).unwrap().contains("has failed"));
        let steps = start_runbook(&failed, Some("/etc/haproxy/haproxy.cfg"));
        let typed: Vec<&str> = steps.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(typed[1], "haguard rehearse --config-file /etc/haproxy/haproxy.cfg");
        assert!(
            typed[2].starts_with("systemctl reset-failed") && typed[2].ends_with("start haproxy.service")
        );
        let masked = unit("LoadState=masked\nActiveState=inactive");
        assert!(describe_stopped_unit(&masked).unwrap().contains("masked"));
        assert!(
            start_runbook(&masked, None)
                .iter()
                .any(|step| step.command == "systemctl unmask haproxy.service")
        );
        let looping = unit("LoadState=loaded\nActiveState=activating\nSubState=auto-restart");
        assert!(describe_stopped_unit(&looping).unwrap().contains("each time"));
        for other in ["LoadState=not-found\nActiveState=inactive", "LoadState=loaded\nActiveState=active"] {
            assert_eq!(describe_stopped_unit(&unit(other)), None);
        }
    }
}

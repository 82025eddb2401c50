//! The plan of a restart: its method, what is kept over it, and how the result is verified.

use std::collections::BTreeMap;

use super::replay::ReplayPreview;
use super::runbook::restart_commands::{container_cli, container_restart, single_command};
use super::{Action, Basis, Effect, Ledger, LossKind, Plan, RestartBy, RunbookStep, Step, reload, runbook};
use crate::facts::controllers::{Container, SystemdUnit};
use crate::facts::guard::GuardFacts;
use crate::facts::{Control, Controller, Facts, Instance, Known};
use crate::plural::plural;

/// Properties of a unit that decide what a restart of it does.
const RESTART_PROPERTIES: &[&str] = &[
    "ExecStart",
    "FragmentPath",
    "LoadState",
    "NeedDaemonReload",
    "RefuseManualStart",
    "RefuseManualStop",
    "UnitFileState",
];

/// The number of snapshots, and of evidence folders, that are kept for each HAProxy.
pub const MAX_SNAPSHOTS: usize = 20;

/// The proven way to restart an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartMethod<'a> {
    /// systemd, by the unit of this name.
    Systemd(&'a str),
    /// Docker or Podman.
    Docker(&'a Container),
    /// No service manager: it is ended, and its own command line starts another one.
    Process,
}

/// The emergency restart through haguard, where it is proven how this instance is restarted.
pub fn break_glass_step(facts: &Facts) -> Option<RunbookStep> {
    let instance = facts.instance.seen()?;
    RestartMethod::from_instance(instance).ok()?;
    let host = runbook::shell_quote(&facts.host);
    let command = format!("haguard restart --break-glass {host} --reason 'WHY' --plan");
    let when = "through haguard: a snapshot, the restart, runtime state put back, the result verified; shows a plan first:";
    Some(RunbookStep::new(when, runbook::with_instance_option(&command, instance)))
}

impl<'a> RestartMethod<'a> {
    /// The proven way to restart this instance.
    ///
    /// # Errors
    /// When it is not proven, or another controller has to do it; the text names the command for that.
    pub fn from_instance(instance: &'a Instance) -> Result<Self, String> {
        match &instance.control {
            Control::Proven { controller: Controller::Systemd(SystemdUnit { unit }), .. } => {
                Ok(RestartMethod::Systemd(unit))
            }
            Control::Proven { controller: Controller::Docker { container }, .. } => {
                Ok(RestartMethod::Docker(container))
            }
            Control::Proven { controller: Controller::Podman { container }, .. } => {
                let there = container_restart("podman", container).command;
                match (&container.unit, container.socket.is_empty()) {
                    (None, false) => Ok(RestartMethod::Docker(container)),
                    (Some(unit), _) => {
                        Err(format!("{unit} runs its container; restart it through the unit: `{there}`"))
                    }
                    (None, true) => Err(format!(
                        "haguard restarts a Podman container over Podman's socket, and no socket knows this container (try \
                         `systemctl start podman.socket`); by hand: `{there}`"
                    )),
                }
            }
            Control::Proven { controller: Controller::Unmanaged(_) | Controller::Shell(_), .. } => {
                Ok(RestartMethod::Process)
            }
            Control::Proven { controller, .. } => {
                let there = single_command(controller).map_or(String::new(), |(_, how)| format!(": `{how}`"));
                Err(format!("it is controlled by {}: restart it through that{there}", controller.describe()))
            }
            control => Err(control.why().unwrap_or("its controller is not proven").to_owned()),
        }
    }

    /// How its step is carried out.
    pub fn by(self) -> RestartBy {
        match self {
            RestartMethod::Systemd(_) => RestartBy::Systemd,
            RestartMethod::Docker(_) => RestartBy::Docker,
            RestartMethod::Process => RestartBy::Process,
        }
    }

    fn reason(self, instance: &Instance) -> String {
        match self {
            RestartMethod::Systemd(unit) => format!("systemctl restart {unit}; every connection is cut"),
            RestartMethod::Docker(container) => {
                format!("{} is restarted; every connection is cut", container.describe())
            }
            RestartMethod::Process => {
                let argv: Vec<String> = runbook::start_arguments(instance)
                    .iter()
                    .map(|word| runbook::shell_quote(word))
                    .collect();
                format!("SIGTERM, then `{}` in its place; every connection is cut", argv.join(" "))
            }
        }
    }
}

/// The plan of a restart; none where it is not known what runs, or how it is restarted.
pub fn restart(facts: &Facts, ledger: &Ledger, kept: &[ReplayPreview]) -> Option<Plan> {
    let instance = facts.instance.seen()?;
    let manner = RestartMethod::from_instance(instance).ok()?;
    let mut steps = vec![Step::save_snapshot(format!(
        "{} and the runtime state, so that nothing is lost that cannot be put back",
        plural(facts.config.files.len(), "configuration file")
    ))];
    let unit = facts.guard.as_ref().and_then(Known::seen);
    let guarded = unit.is_some_and(GuardFacts::is_restored_after_restart);
    let lifted = !unit.is_some_and(GuardFacts::effective);
    let guard = |action, reason: &str| match manner {
        RestartMethod::Systemd(unit) if guarded => {
            Some(Step::new(action, format!("RefuseManualStop of {unit}"), reason))
        }
        _ => None,
    };
    let lift = match lifted {
        true => "a run that was killed left it lifted by a drop-in under /run, which is used again",
        false => "systemd would refuse; lifted by a drop-in under /run and daemon-reload",
    };
    steps.extend(guard(Action::OverrideGuard, lift));
    let by = Action::Restart(manner.by());
    steps.push(Step::new(by, instance.title(), manner.reason(instance)));
    steps.extend(guard(Action::RestoreGuard, "whatever the result of the restart"));
    steps.extend(reload::configuration_steps(facts, kept));
    steps.extend(reload::proof_steps(facts));
    let target = format!("{} on {}", instance.title(), facts.host);
    Some(Plan::new("restart", Vec::new(), target, basis(facts, ledger), steps))
}

/// What must still be true when it is restarted: of HAProxy, and of its unit where it has one.
pub fn basis(facts: &Facts, ledger: &Ledger) -> Basis {
    let mut unit = facts.guard.as_ref().and_then(Known::seen).map(restart_properties).unwrap_or_default();
    unit.extend(
        facts.start.as_ref().and_then(Known::seen).map(|start| start.rests_on.clone()).unwrap_or_default(),
    );
    Basis { unit, ..Basis::from_facts(facts, ledger) }
}

/// What of a unit must still be true when it is restarted.
pub fn restart_properties(unit: &GuardFacts) -> BTreeMap<String, String> {
    // What systemd records about the last run is no setting.
    let value =
        |name: &str| unit.shown.get(name).split(" ; start_time=").next().unwrap_or_default().to_owned();
    let properties = RESTART_PROPERTIES.iter().map(|name| ((*name).to_owned(), value(name)));
    let edited = ("EnvironmentFiles edited since".to_owned(), unit.environment_edited.join(" "));
    properties.chain([edited]).collect()
}

/// What a restart loses beyond a reload, and no replay puts back.
pub fn restart_only_losses(ledger: &Ledger) -> Vec<ReplayPreview> {
    let only = |line: &&super::Loss| line.on_reload == Effect::Kept && line.on_restart != Effect::Kept;
    let lost = ledger.lines.iter().filter(only).filter(|line| line.kind == LossKind::StickTable);
    lost.map(|line| ReplayPreview {
        kind: line.kind,
        object: line.object.clone(),
        how: None,
        why: Some("its local peer ends too; another peer may teach it again".to_owned()),
    })
    .collect()
}

/// What to do where it was ended and nothing came up, most urgent first.
pub fn outage_runbook(instance: &Instance) -> Vec<RunbookStep> {
    let quote = runbook::shell_quote;
    let advice = |when: &str, command: String| RunbookStep { when: when.to_owned(), command };
    match RestartMethod::from_instance(instance) {
        Ok(RestartMethod::Systemd(unit)) => vec![
            advice("start it, and read why it does not come up:", format!("systemctl start {}", quote(unit))),
            advice("its log:", format!("journalctl -u {} -n 50 --no-pager", quote(unit))),
        ],
        Ok(RestartMethod::Docker(container)) => {
            let program = container_program(instance, container);
            vec![
                advice("start it:", format!("{program} start {}", quote(&container.name))),
                advice("its log:", format!("{program} logs --tail 50 {}", quote(&container.name))),
            ]
        }
        Ok(RestartMethod::Process) | Err(_) => {
            let argv: Vec<String> =
                runbook::start_arguments(instance).iter().map(|word| quote(word)).collect();
            let folder =
                instance.main.cwd.seen().map_or(String::new(), |cwd| format!("cd {} && ", quote(cwd)));
            vec![advice("start it; it then prints what is wrong:", format!("{folder}{}", argv.join(" ")))]
        }
    }
}

fn container_program(instance: &Instance, container: &Container) -> String {
    let podman = matches!(instance.control.controller(), Some(Controller::Podman { .. }));
    container_cli(if podman { "podman" } else { "docker" }, container)
}

/// What to do where the manager may still carry out an order that haguard has given up on.
pub fn pending_job_runbook(instance: &Instance) -> Vec<RunbookStep> {
    let advice = |when: &str, command: String| RunbookStep { when: when.to_owned(), command };
    match RestartMethod::from_instance(instance) {
        Ok(RestartMethod::Systemd(unit)) => {
            let unit = runbook::shell_quote(unit);
            vec![
                advice("what systemd has still to do:", "systemctl list-jobs".to_owned()),
                advice("what holds it up:", format!("systemctl status {unit}")),
                advice(
                    "once no job of it is left, and where it does not run then:",
                    format!("systemctl start {unit}"),
                ),
            ]
        }
        Ok(RestartMethod::Docker(container)) => {
            let (program, name) =
                (container_program(instance, container), runbook::shell_quote(&container.name));
            vec![
                advice(
                    "whether the daemon answers again, and what runs:",
                    format!("{program} inspect {name}"),
                ),
                advice("where it does not run then:", format!("{program} start {name}")),
            ]
        }
        Ok(RestartMethod::Process) | Err(_) => Vec::new(),
    }
}

/// Connections that a restart cuts, where they were counted.
pub fn open_connections(facts: &Facts) -> Known<u64> {
    facts.live.connections.as_ref().map(|count| count.current + count.draining)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::controllers::{ServiceFolder, SupervisedProgram, Unmanaged};
    use crate::facts::guard::{DropIn, tests::sample as guard};
    use crate::facts::test_facts;
    use crate::plan;

    fn plan_of(facts: &Facts) -> Plan {
        restart(facts, &plan::ledger(facts), &[]).unwrap()
    }

    fn step_lines(plan: &Plan) -> Vec<String> {
        let line = |step: &Step| {
            let (verb, method) = step.action.names();
            format!("{verb} {} {method}", step.object)
        };
        plan.steps.iter().map(line).collect()
    }

    #[test]
    fn nobody_keeps_it_so_its_own_command_line_starts_it_again() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
        let plan = plan_of(&facts);
        let expected = [
            "keep a snapshot state",
            "restart HAProxy (master 100) process",
            "prove the new worker look",
            "keep 1 configuration file state",
        ];
        assert_eq!(step_lines(&plan), expected);
        assert_ne!(plan.id, plan::reload(&facts, &plan::ledger(&facts), None).unwrap().id);
    }

    #[test]
    fn the_way_through_haguard_is_named_where_it_would_be_taken_and_not_where_it_would_be_refused() {
        let mut facts = test_facts::healthy();
        let said = break_glass_step(&facts).unwrap().command;
        let command = "haguard restart --break-glass lb1 --reason 'WHY' --plan";
        assert_eq!(said, format!("{command} --master-socket /run/master.sock"));
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::Runit(ServiceFolder {
                folder: "/etc/sv/haproxy".into(),
                supervisor: 1,
            }));
        assert_eq!(break_glass_step(&facts), None);
        test_facts::instance_mut(&mut facts).control = Control::unknown("denied");
        assert_eq!(break_glass_step(&facts), None);
    }

    #[test]
    fn the_guard_is_lifted_for_the_restart_alone_and_a_unit_that_changed_is_another_plan() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).control =
            test_facts::proven_control(Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() }));
        let mut with = |more: &str| {
            facts.guard = Some(Known::Seen(guard(DropIn::Absent, more)));
            plan_of(&facts)
        };
        let free = with("");
        assert!(!step_lines(&free).iter().any(|step| step.contains("RefuseManualStop")), "{free:?}");
        let guarded = with("RefuseManualStop=yes\n");
        assert_eq!(
            step_lines(&guarded)[1..4],
            [
                "change RefuseManualStop of haproxy.service systemd",
                "restart HAProxy (master 100) systemd",
                "restore RefuseManualStop of haproxy.service systemd"
            ]
        );
        assert_ne!(with("RefuseManualStop=yes\nNeedDaemonReload=yes\n").id, guarded.id);
    }

    #[test]
    fn another_controllers_restart_command_is_named() {
        let mut facts = test_facts::healthy();
        let controller = Controller::Supervisord(SupervisedProgram {
            program: "lb".into(),
            supervisor: 7,
            config: Some("/etc/s.conf".into()),
        });
        test_facts::instance_mut(&mut facts).control = test_facts::proven_control(controller);
        let why = RestartMethod::from_instance(test_facts::instance_mut(&mut facts)).unwrap_err();
        assert!(why.contains("restart it through that: `supervisorctl -c /etc/s.conf restart lb`"), "{why}");
        test_facts::instance_mut(&mut facts).control = Control::unknown("no answer");
        assert_eq!(
            RestartMethod::from_instance(test_facts::instance_mut(&mut facts)).unwrap_err(),
            "no answer"
        );
        assert_eq!(break_glass_step(&facts), None);
    }
}

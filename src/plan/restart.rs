//! The plan of a restart: who does it, what is kept over it, and how what comes up is proven.

use std::collections::BTreeMap;

use super::model::{Action, Plan, Step, Way};
use super::replay::Preview;
use super::runbook::restart_commands::{command, contained, daemon};
use super::{Advice, Basis, Fate, Kind, Ledger, reload, runbook};
use crate::facts::controller::Container;
use crate::facts::guard::GuardFacts;
use crate::facts::{Control, Controller, Facts, Instance, Known};
use crate::plural::plural;

/// Properties of a unit that decide what a restart of it does.
const DECISIVE: &[&str] = &[
    "ExecStart",
    "FragmentPath",
    "LoadState",
    "NeedDaemonReload",
    "RefuseManualStart",
    "RefuseManualStop",
    "UnitFileState",
];

/// Of each HAProxy this many snapshots are kept, and as much evidence.
pub const NEWEST: usize = 20;

/// Who restarts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner<'a> {
    /// systemd, by the unit of this name.
    Systemd(&'a str),
    /// Docker or Podman.
    Docker(&'a Container),
    /// Nobody keeps it: it is ended, and its own command line starts another one.
    Process,
}

/// The emergency path through haguard, where it is proven who restarts this one.
pub fn emergency(facts: &Facts) -> Option<Advice> {
    let instance = facts.instance.seen()?;
    Manner::of(instance).ok()?;
    let host = runbook::quote(&facts.host);
    let command = format!("haguard restart --break-glass {host} --reason 'WHY' --plan");
    let when = "through haguard: a snapshot, the restart, what only memory holds put back, and a proof; shows a plan first:";
    Some(Advice::new(when, runbook::named(&command, instance)))
}

impl<'a> Manner<'a> {
    /// Who is proven to restart this one.
    ///
    /// # Errors
    /// When nobody is, or it has to be done there: with the correct procedure.
    pub fn of(instance: &'a Instance) -> Result<Self, String> {
        match &instance.control {
            Control::Proven { controller: Controller::Systemd { unit }, .. } => Ok(Manner::Systemd(unit)),
            Control::Proven { controller: Controller::Docker { container }, .. } => {
                Ok(Manner::Docker(container))
            }
            Control::Proven { controller: Controller::Podman { container }, .. } => {
                let there = contained("podman", container).command;
                match (&container.unit, container.socket.is_empty()) {
                    (None, false) => Ok(Manner::Docker(container)),
                    (Some(unit), _) => Err(format!("{unit} runs its container: restart it there: `{there}`")),
                    (None, true) => Err(format!(
                        "Podman restarts it for haguard over its socket, and at none is this container known (try \
                         `systemctl start podman.socket`); by hand: `{there}`"
                    )),
                }
            }
            Control::Proven { controller: Controller::Nobody { .. } | Controller::Shell { .. }, .. } => {
                Ok(Manner::Process)
            }
            Control::Proven { controller, .. } => {
                let there = command(controller).map_or(String::new(), |(_, how)| format!(": `{how}`"));
                Err(format!("it is controlled by {}: restart it there{there}", controller.words()))
            }
            control => Err(control.why().unwrap_or("who controls it is not proven").to_owned()),
        }
    }

    fn way(self) -> Way {
        match self {
            Manner::Systemd(_) => Way::Systemd,
            Manner::Docker(_) => Way::Docker,
            Manner::Process => Way::Process,
        }
    }

    fn reason(self, instance: &Instance) -> String {
        match self {
            Manner::Systemd(unit) => format!("systemctl restart {unit}; every connection is cut"),
            Manner::Docker(container) => {
                format!("{} is restarted; every connection is cut", container.words())
            }
            Manner::Process => {
                let argv: Vec<String> =
                    runbook::start_arguments(instance).iter().map(|word| runbook::quote(word)).collect();
                format!("SIGTERM, then `{}` in its place; every connection is cut", argv.join(" "))
            }
        }
    }
}

/// The plan of a restart; none where it is not known what runs, or who restarts it.
pub fn restart(facts: &Facts, ledger: &Ledger, kept: &[Preview]) -> Option<Plan> {
    let instance = facts.instance.seen()?;
    let manner = Manner::of(instance).ok()?;
    let mut steps = vec![Step {
        action: Action::Keep,
        object: "a snapshot".to_owned(),
        how: Way::State,
        reason: format!(
            "{} and what only memory holds, so that what does not come back is not gone",
            plural(facts.config.files.len(), "configuration file")
        ),
    }];
    let unit = facts.guard.as_ref().and_then(Known::seen);
    let guarded = unit.is_some_and(GuardFacts::is_put_back);
    let lifted = !unit.is_some_and(GuardFacts::effective);
    let guard = |action, reason: &str| match manner {
        Manner::Systemd(unit) if guarded => Some(Step {
            action,
            object: format!("RefuseManualStop of {unit}"),
            how: Way::Systemd,
            reason: reason.to_owned(),
        }),
        _ => None,
    };
    let lift = match lifted {
        true => "a run that was killed left it lifted, by a drop-in under /run; it stays so for this restart",
        false => "systemd refuses otherwise; a drop-in under /run, and daemon-reload",
    };
    steps.extend(guard(Action::Change, lift));
    steps.push(Step {
        action: Action::Restart,
        object: instance.title(),
        how: manner.way(),
        reason: manner.reason(instance),
    });
    steps.extend(guard(Action::Restore, "whatever came of it"));
    steps.extend(reload::changes(facts, kept));
    steps.extend(reload::proof(facts));
    let target = format!("{} on {}", instance.title(), facts.host);
    Some(Plan::new("restart", Vec::new(), target, basis(facts, ledger), steps))
}

/// What must still be true when it is restarted: of HAProxy, and of its unit where it has one.
pub fn basis(facts: &Facts, ledger: &Ledger) -> Basis {
    let mut unit = facts.guard.as_ref().and_then(Known::seen).map(decisive).unwrap_or_default();
    unit.extend(
        facts.start.as_ref().and_then(Known::seen).map(|start| start.rests_on.clone()).unwrap_or_default(),
    );
    Basis { unit, ..Basis::of(facts, ledger) }
}

/// What of a unit must still be true when it is restarted.
pub fn decisive(unit: &GuardFacts) -> BTreeMap<String, String> {
    // What systemd notes down about its last run is no setting.
    let value =
        |name: &str| unit.shown.get(name).split(" ; start_time=").next().unwrap_or_default().to_owned();
    let said = DECISIVE.iter().map(|name| ((*name).to_owned(), value(name)));
    let edited = ("EnvironmentFiles edited since".to_owned(), unit.environment_edited.join(" "));
    said.chain([edited]).collect()
}

/// What a restart loses beyond a reload, and no replay puts back.
pub fn beyond_replay(ledger: &Ledger) -> Vec<Preview> {
    let only = |line: &&super::Loss| line.on_reload == Fate::Kept && line.on_restart != Fate::Kept;
    let lost = ledger.lines.iter().filter(only).filter(|line| line.kind == Kind::StickTable);
    lost.map(|line| Preview {
        kind: line.kind,
        object: line.object.clone(),
        how: None,
        why: Some("its local peer ends too; another peer may teach it again".to_owned()),
    })
    .collect()
}

/// What to do where it was ended and nothing came up, most urgent first.
pub fn after_outage(instance: &Instance) -> Vec<Advice> {
    let quote = runbook::quote;
    let advice = |when: &str, command: String| Advice { when: when.to_owned(), command };
    match Manner::of(instance) {
        Ok(Manner::Systemd(unit)) => vec![
            advice("start it, and read why it does not come up:", format!("systemctl start {}", quote(unit))),
            advice("what it said:", format!("journalctl -u {} -n 50 --no-pager", quote(unit))),
        ],
        Ok(Manner::Docker(container)) => {
            let program = daemon_of(instance, container);
            vec![
                advice("start it:", format!("{program} start {}", quote(&container.name))),
                advice("what it said:", format!("{program} logs --tail 50 {}", quote(&container.name))),
            ]
        }
        Ok(Manner::Process) | Err(_) => {
            let argv: Vec<String> =
                runbook::start_arguments(instance).iter().map(|word| quote(word)).collect();
            let folder =
                instance.main.cwd.seen().map_or(String::new(), |cwd| format!("cd {} && ", quote(cwd)));
            vec![advice(
                "start it; what is wrong stands in its own words then:",
                format!("{folder}{}", argv.join(" ")),
            )]
        }
    }
}

fn daemon_of(instance: &Instance, container: &Container) -> String {
    let podman = matches!(instance.control.named(), Some(Controller::Podman { .. }));
    daemon(if podman { "podman" } else { "docker" }, container)
}

/// What to do where the manager may still carry out an order that haguard has given up on.
pub fn unfinished(instance: &Instance) -> Vec<Advice> {
    let advice = |when: &str, command: String| Advice { when: when.to_owned(), command };
    match Manner::of(instance) {
        Ok(Manner::Systemd(unit)) => {
            let unit = runbook::quote(unit);
            vec![
                advice("what systemd has still to do:", "systemctl list-jobs".to_owned()),
                advice("what holds it up:", format!("systemctl status {unit}")),
                advice(
                    "once no job of it is left, and where it does not run then:",
                    format!("systemctl start {unit}"),
                ),
            ]
        }
        Ok(Manner::Docker(container)) => {
            let (program, name) = (daemon_of(instance, container), runbook::quote(&container.name));
            vec![
                advice(
                    "whether the daemon answers again, and what runs:",
                    format!("{program} inspect {name}"),
                ),
                advice("where it does not run then:", format!("{program} start {name}")),
            ]
        }
        Ok(Manner::Process) | Err(_) => Vec::new(),
    }
}

/// Connections that a restart cuts, where they were counted.
pub fn connections(facts: &Facts) -> Known<u64> {
    facts.live.connections.as_ref().map(|count| count.current + count.draining)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::guard::{DropIn, tests::sample as guard};
    use crate::facts::test_facts;
    use crate::plan;

    fn plan_of(facts: &Facts) -> Plan {
        restart(facts, &plan::ledger(facts), &[]).unwrap()
    }

    fn said(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(|s| format!("{} {} {}", s.action.name(), s.object, s.how.name())).collect()
    }

    #[test]
    fn nobody_keeps_it_so_its_own_command_line_starts_it_again() {
        let mut facts = test_facts::healthy();
        test_facts::instance(&mut facts).control =
            test_facts::control(Controller::Nobody { cgroup: "/".into() });
        let plan = plan_of(&facts);
        let expected = [
            "keep a snapshot state",
            "restart HAProxy (master 100) process",
            "prove the new worker look",
            "keep 1 configuration file state",
        ];
        assert_eq!(said(&plan), expected);
        assert_ne!(plan.id, plan::reload(&facts, &plan::ledger(&facts), None).unwrap().id);
    }

    #[test]
    fn the_way_through_haguard_is_named_where_it_would_be_taken_and_not_where_it_would_be_refused() {
        let mut facts = test_facts::healthy();
        let said = emergency(&facts).unwrap().command;
        let command = "haguard restart --break-glass lb1 --reason 'WHY' --plan";
        assert_eq!(said, format!("{command} --master-socket /run/master.sock"));
        test_facts::instance(&mut facts).control =
            test_facts::control(Controller::Runit { folder: "/etc/sv/haproxy".into(), supervisor: 1 });
        assert_eq!(emergency(&facts), None);
        test_facts::instance(&mut facts).control = Control::unknown("denied");
        assert_eq!(emergency(&facts), None);
    }

    #[test]
    fn the_guard_is_lifted_for_the_restart_alone_and_a_unit_that_changed_is_another_plan() {
        let mut facts = test_facts::healthy();
        test_facts::instance(&mut facts).control =
            test_facts::control(Controller::Systemd { unit: "haproxy.service".into() });
        let mut with = |more: &str| {
            facts.guard = Some(Known::Seen(guard(DropIn::Absent, more)));
            plan_of(&facts)
        };
        let free = with("");
        assert!(!said(&free).iter().any(|step| step.contains("RefuseManualStop")), "{free:?}");
        let guarded = with("RefuseManualStop=yes\n");
        assert_eq!(
            said(&guarded)[1..4],
            [
                "change RefuseManualStop of haproxy.service systemd",
                "restart HAProxy (master 100) systemd",
                "restore RefuseManualStop of haproxy.service systemd"
            ]
        );
        assert_ne!(with("RefuseManualStop=yes\nNeedDaemonReload=yes\n").id, guarded.id);
    }

    #[test]
    fn what_somebody_else_keeps_is_restarted_there() {
        let mut facts = test_facts::healthy();
        let controller = Controller::Supervisord {
            program: "lb".into(),
            supervisor: 7,
            config: Some("/etc/s.conf".into()),
        };
        test_facts::instance(&mut facts).control = test_facts::control(controller);
        let why = Manner::of(test_facts::instance(&mut facts)).unwrap_err();
        assert!(why.contains("restart it there: `supervisorctl -c /etc/s.conf restart lb`"), "{why}");
        test_facts::instance(&mut facts).control = Control::unknown("nobody answers");
        assert_eq!(Manner::of(test_facts::instance(&mut facts)).unwrap_err(), "nobody answers");
        assert_eq!(emergency(&facts), None);
    }
}

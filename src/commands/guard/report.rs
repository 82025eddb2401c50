//! The report of each outcome of `guard install` and `guard remove`.

use crate::act::consent::ClearanceDenied;
use crate::act::guard::GuardChangeResult;
use crate::act::operation::Outcome;
use crate::checks::{self, Finding};
use crate::commands::Context;
use crate::exit::Exit;
use crate::facts::{DropIn, GuardFacts};
use crate::plan::guard::{ALLOWED_COMMANDS, BYPASSES, GuardChange, REFUSED_COMMANDS, bypasses};
use crate::plan::runbook::shell_quote;
use crate::plan::{Plan, RunbookStep};
use crate::report::{Body, GuardBody, Report};
use crate::wire::systemd::guard_drop_in;

/// HAProxy is not controlled by systemd.
pub(super) fn not_systemd(command: &str, why: &str) -> Report {
    let body = GuardBody {
        outcome: "not in force".to_owned(),
        why: "The guard makes systemd refuse, and systemd does not control this HAProxy. `haguard restart` refuses all the \
              same, and shows what controls it."
            .to_owned(),
        holes: to_strings(BYPASSES),
        ..GuardBody::default()
    };
    Report::new(command, Exit::Refused, why, Body::Guard(Box::new(body)))
}

/// The unit of the guard is not known.
pub(super) fn unknown_unit(command: &str, why: &str) -> Report {
    let body = GuardBody {
        outcome: "unknown".to_owned(),
        why: "The guard is for units of this host's systemd. `haguard inspect` shows what controls HAProxy; as root it sees \
              more. Or name the unit: `haguard guard status haproxy.service`."
            .to_owned(),
        ..GuardBody::default()
    };
    Report::new(command, Exit::Unknown, why, Body::Guard(Box::new(body)))
}

/// What every report about a unit has.
pub(super) fn body(facts: &GuardFacts) -> GuardBody {
    GuardBody {
        unit: Some(facts.unit.clone()),
        stand: Some(facts.status().describe().to_owned()),
        file: Some(facts.path.clone()),
        ..GuardBody::default()
    }
}

fn to_strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|line| (*line).to_owned()).collect()
}

/// Everything that a report of a change can be made from.
pub(super) struct GuardReport<'a> {
    pub(super) kind: GuardChange,
    pub(super) context: &'a Context<'a>,
    pub(super) facts: &'a GuardFacts,
    pub(super) plan: &'a Plan,
    pub(super) findings: &'a [Finding],
}

impl GuardReport<'_> {
    /// The unit is in the wanted state already.
    pub(super) fn nothing_to_do(&self) -> Report {
        let sentence = match self.kind {
            GuardChange::Install => "the guard is in force already",
            GuardChange::Remove => "haguard's guard is not installed",
        };
        let summary = format!("{}: {sentence}", self.facts.unit);
        self.report(Exit::Done, summary, GuardBody { outcome: "nothing to do".into(), ..body(self.facts) })
    }

    /// `--plan`.
    pub(super) fn planned(&self) -> Report {
        let exit = checks::exit_code(self.findings);
        let Plan { id, target, .. } = self.plan;
        let (summary, apply) = match exit {
            Exit::Done => (
                format!("plan {id}: {} of {target}", self.operation_phrase()),
                Some(self.command_with(&self.approve_flag())),
            ),
            _ => (
                format!("plan {id}: {} of {target}, which would be refused now", self.operation_phrase()),
                None,
            ),
        };
        self.report(exit, summary, GuardBody { outcome: "planned".into(), apply, ..self.body_with_effects() })
    }

    /// The plan, where the question follows.
    pub(super) fn asked(&self) -> Report {
        let summary = format!("plan {}: {} of {}", self.plan.id, self.operation_phrase(), self.plan.target);
        self.report(Exit::Done, summary, GuardBody { outcome: "asked".into(), ..self.body_with_effects() })
    }

    /// No clearance.
    pub(super) fn denied(&self, withheld: &ClearanceDenied) -> Report {
        let of = format!("{} of {}", self.operation_phrase(), self.plan.target);
        let refused = || GuardBody { outcome: "refused".into(), ..body(self.facts) };
        let (summary, body) = match withheld {
            ClearanceDenied::Blocked(_) => (format!("{of}: a check says no"), refused()),
            ClearanceDenied::Stale { changes, shown } => {
                let why = match shown {
                    true => "Changed since the plan was shown:",
                    false => "No plan with this id was shown on this host.",
                };
                let apply = Some(self.command_with("--plan"));
                let body = GuardBody {
                    outcome: "stale".into(),
                    why: why.into(),
                    moved: changes.clone(),
                    apply,
                    ..body(self.facts)
                };
                (format!("{of}: state changed since the plan was made"), body)
            }
            ClearanceDenied::NoConsent => {
                let why = "No terminal to ask on, and no --approve ID was given.".into();
                let apply = Some(self.command_with(&self.approve_flag()));
                let body = GuardBody { outcome: "refused".into(), why, apply, ..self.body_with_effects() };
                (format!("{of}: it needs consent"), body)
            }
            ClearanceDenied::Declined => {
                (format!("{of}: declined"), GuardBody { outcome: "declined".into(), ..body(self.facts) })
            }
        };
        self.report(withheld.exit(), summary, body)
    }

    /// A signal came before anything was done.
    pub(super) fn interrupted(&self, signal: &str) -> Report {
        let summary = format!(
            "{} of {}: {signal} came before anything was done",
            self.operation_phrase(),
            self.plan.target
        );
        self.report(
            Exit::Interrupted,
            summary,
            GuardBody { outcome: "interrupted".into(), ..body(self.facts) },
        )
    }

    /// The result, whatever its outcome.
    pub(super) fn finished(&self, done: GuardChangeResult) -> Report {
        let of = format!("{} of {}", self.operation_phrase(), self.plan.target);
        let GuardChangeResult { outcome: ended, proof, after, writes } = done;
        let facts = after.as_ref().unwrap_or(self.facts);
        let with = |outcome: &str| GuardBody { outcome: outcome.into(), ..body(facts) };
        let (exit, summary, body) = match ended {
            Outcome::Proven => {
                let sentence = match self.kind {
                    GuardChange::Install => "systemd refuses a manual stop and restart from now on, proven",
                    GuardChange::Remove => "the unit is as it was before the guard, proven",
                };
                let guard = match self.kind {
                    GuardChange::Install => GuardBody {
                        refused: to_strings(REFUSED_COMMANDS),
                        works: to_strings(ALLOWED_COMMANDS),
                        ..with("done")
                    },
                    GuardChange::Remove => with("done"),
                };
                (Exit::Done, format!("{}: {sentence}", self.plan.target), guard)
            }
            Outcome::Failed(why) => {
                let summary = format!("{of} failed; the unit is back in its previous state, proven");
                (Exit::Failed, summary, GuardBody { why, ..with("undone") })
            }
            Outcome::Unproven(why) => {
                let summary = format!("{of}: not everything about it is proven");
                (Exit::Unproven, summary, GuardBody { why, by_hand: self.by_hand(), ..with("unproven") })
            }
            Outcome::StateChanged(changes) => {
                return self.denied(&ClearanceDenied::Stale { changes, shown: true });
            }
            Outcome::PreparationFailed(error) => (
                Exit::Unknown,
                format!("{of}: systemd does not answer any more"),
                GuardBody { why: format!("Nothing was changed: {error:#}."), ..with("unknown") },
            ),
            Outcome::Interrupted(signal) | Outcome::Stopped(signal) => return self.interrupted(signal),
            Outcome::JournalFailed(error) | Outcome::RollbackTimerFailed(error) => {
                let why = format!("The journal cannot be written, so nothing was changed: {error:#}");
                (
                    Exit::Unknown,
                    format!("{of}: the journal cannot be written"),
                    GuardBody { why, ..with("unknown") },
                )
            }
        };
        let mut report = self.report(exit, summary, body);
        report.changed = matches!(exit, Exit::Done | Exit::Unproven);
        report.proof = proof;
        report.cost.writes = writes;
        report
    }

    fn operation_phrase(&self) -> &'static str {
        self.kind.operation()
    }

    fn approve_flag(&self) -> String {
        format!("--approve {}", self.plan.id)
    }

    /// With the file and its effects, for the decision about the plan.
    fn body_with_effects(&self) -> GuardBody {
        let installs = self.kind == GuardChange::Install;
        let some = |list: &[&str]| if installs { to_strings(list) } else { Vec::new() };
        let folder = std::path::Path::new(&self.facts.path).parent().is_some_and(std::path::Path::is_dir);
        let writes = installs && self.facts.file == DropIn::Absent;
        GuardBody {
            text: writes.then(|| guard_drop_in::render(!folder)),
            refused: some(REFUSED_COMMANDS),
            works: some(ALLOWED_COMMANDS),
            holes: if installs { bypasses(self.facts) } else { Vec::new() },
            ..body(self.facts)
        }
    }

    fn by_hand(&self) -> Vec<RunbookStep> {
        let GuardFacts { unit, path, .. } = self.facts;
        let line = |when: &str, command: String| RunbookStep { when: when.to_owned(), command };
        vec![
            line("see every file of the unit, in order:", format!("systemctl cat {unit}")),
            line("remove the guard:", format!("rm {} && systemctl daemon-reload", shell_quote(path))),
        ]
    }

    fn report(&self, exit: Exit, summary: String, body: GuardBody) -> Report {
        let next = body.apply.iter().cloned().chain(body.by_hand.iter().map(|advice| advice.command.clone()));
        let next = next.collect();
        let mut report = Report::new(self.operation_phrase(), exit, summary, Body::Guard(Box::new(body)));
        report.findings = self.findings.to_vec();
        report.plan = Some(self.plan.clone());
        report.next = next;
        report
    }

    /// This command with another ending, ready to paste.
    fn command_with(&self, ending: &str) -> String {
        let config = self
            .context
            .global
            .config
            .iter()
            .map(|path| format!(" --config {}", shell_quote(&path.to_string_lossy())));
        format!(
            "haguard {} {}{} {ending}",
            self.operation_phrase(),
            shell_quote(&self.facts.unit),
            config.collect::<String>()
        )
    }
}

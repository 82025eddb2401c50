//! What a guard command tells: the report of each way in which it can end.

use crate::act::consent::Withheld;
use crate::act::guard::{Done, Ended};
use crate::checks::{self, Finding};
use crate::commands::Context;
use crate::commands::operation::report;
use crate::exit::Exit;
use crate::facts::{DropIn, GuardFacts};
use crate::plan::guard::{HOLES, Order, REFUSED, WORKS, holes};
use crate::plan::runbook::quote;
use crate::plan::{Advice, Plan};
use crate::report::{Body, Guard, Report};
use crate::wire::systemd::guard_drop_in;

/// HAProxy is somebody else's than systemd's.
pub(super) fn not_systemd(command: &str, why: &str) -> Report {
    let body = Guard {
        outcome: "not in force".to_owned(),
        why: "The guard is systemd's refusal, and systemd is not asked when this HAProxy is restarted. `haguard restart` \
              refuses all the same, and says what controls it."
            .to_owned(),
        holes: lines(HOLES),
        ..Guard::default()
    };
    Report::new(command, Exit::Refused, why, Body::Guard(Box::new(body)))
}

/// It is not known whose guard it would be.
pub(super) fn unknown(command: &str, why: &str) -> Report {
    let body = Guard {
        outcome: "unknown".to_owned(),
        why: "The guard is for units of this host's systemd. `haguard inspect` says what controls HAProxy; as root it sees \
              more. A unit that is named is looked at whatever runs: `haguard guard status haproxy.service`."
            .to_owned(),
        ..Guard::default()
    };
    Report::new(command, Exit::Unknown, why, Body::Guard(Box::new(body)))
}

/// What every report about a unit has.
pub(super) fn body(facts: &GuardFacts) -> Guard {
    Guard {
        unit: Some(facts.unit.clone()),
        stand: Some(facts.stand().words().to_owned()),
        file: Some(facts.path.clone()),
        ..Guard::default()
    }
}

fn lines(list: &[&str]) -> Vec<String> {
    list.iter().map(|line| (*line).to_owned()).collect()
}

/// Everything that a report of a change can be made from.
pub(super) struct Account<'a> {
    pub(super) kind: Order,
    pub(super) context: &'a Context<'a>,
    pub(super) facts: &'a GuardFacts,
    pub(super) plan: &'a Plan,
    pub(super) findings: &'a [Finding],
}

impl Account<'_> {
    /// The unit is as it would be already.
    pub(super) fn nothing_to_do(&self) -> Report {
        let said = match self.kind {
            Order::Install => "the guard is in force already",
            Order::Remove => "there is no guard of haguard's",
        };
        let summary = format!("{}: {said}", self.facts.unit);
        self.report(Exit::Done, summary, Guard { outcome: "nothing to do".into(), ..body(self.facts) })
    }

    /// `--plan`.
    pub(super) fn planned(&self) -> Report {
        let exit = checks::verdict(self.findings);
        let Plan { id, target, .. } = self.plan;
        let (summary, apply) = match exit {
            Exit::Done => {
                (format!("plan {id}: {} of {target}", self.what()), Some(self.command(&self.approve())))
            }
            _ => (format!("plan {id}: {} of {target}, which would be refused now", self.what()), None),
        };
        self.report(exit, summary, Guard { outcome: "planned".into(), apply, ..self.explained() })
    }

    /// Shows the plan on stderr, where the question follows.
    pub(super) fn show(&self) {
        let summary = format!("plan {}: {} of {}", self.plan.id, self.what(), self.plan.target);
        let report = self.report(Exit::Done, summary, Guard { outcome: "asked".into(), ..self.explained() });
        report::ask(&report, self.context);
    }

    /// No clearance.
    pub(super) fn withheld(&self, withheld: &Withheld) -> Report {
        let of = format!("{} of {}", self.what(), self.plan.target);
        let refused = || Guard { outcome: "refused".into(), ..body(self.facts) };
        let (summary, body) = match withheld {
            Withheld::Blocked(_) => (format!("{of}: a check says no"), refused()),
            Withheld::Stale { moved, shown } => {
                let why = match shown {
                    true => "These are not as they were when the plan was shown:",
                    false => "No plan with this id was shown on this host.",
                };
                let apply = Some(self.command("--plan"));
                let body = Guard {
                    outcome: "stale".into(),
                    why: why.into(),
                    moved: moved.clone(),
                    apply,
                    ..body(self.facts)
                };
                (format!("{of}: the world moved since the plan"), body)
            }
            Withheld::Missing => {
                let why = "Nobody is here to be asked, and no plan was approved.".into();
                let apply = Some(self.command(&self.approve()));
                let body = Guard { outcome: "refused".into(), why, apply, ..self.explained() };
                (format!("{of}: it needs somebody's consent"), body)
            }
            Withheld::Declined => {
                (format!("{of}: declined"), Guard { outcome: "declined".into(), ..body(self.facts) })
            }
        };
        self.report(withheld.exit(), summary, body)
    }

    /// A signal came before anything was done.
    pub(super) fn interrupted(&self, signal: &str) -> Report {
        let summary =
            format!("{} of {}: {signal} came before anything was done", self.what(), self.plan.target);
        self.report(Exit::Interrupted, summary, Guard { outcome: "interrupted".into(), ..body(self.facts) })
    }

    /// The act, however it ended.
    pub(super) fn ended(&self, done: Done) -> Report {
        let of = format!("{} of {}", self.what(), self.plan.target);
        let Done { ended, proof, after, writes } = done;
        let facts = after.as_ref().unwrap_or(self.facts);
        let with = |outcome: &str| Guard { outcome: outcome.into(), ..body(facts) };
        let (exit, summary, body) = match ended {
            Ended::Proven => {
                let said = match self.kind {
                    Order::Install => "systemd refuses a manual stop and restart from now on, proven",
                    Order::Remove => "the unit is as it was before the guard, proven",
                };
                let guard = match self.kind {
                    Order::Install => Guard { refused: lines(REFUSED), works: lines(WORKS), ..with("done") },
                    Order::Remove => with("done"),
                };
                (Exit::Done, format!("{}: {said}", self.plan.target), guard)
            }
            Ended::Undone(why) => {
                let summary = format!("{of} failed; the unit is as before, proven");
                (Exit::Failed, summary, Guard { why, ..with("undone") })
            }
            Ended::Unproven(why) => {
                let summary = format!("{of}: not everything about it is proven");
                (Exit::Unproven, summary, Guard { why, by_hand: self.by_hand(), ..with("unproven") })
            }
            Ended::Moved(moved) => return self.withheld(&Withheld::Stale { moved, shown: true }),
            Ended::Unknown(why) => (
                Exit::Unknown,
                format!("{of}: systemd does not answer any more"),
                Guard { why, ..with("unknown") },
            ),
            Ended::Interrupted(signal) => return self.interrupted(signal),
            Ended::Unrecorded(error) => {
                let why = format!("The journal cannot be written, so nothing was done: {error:#}");
                (
                    Exit::Unknown,
                    format!("{of}: the journal cannot be written"),
                    Guard { why, ..with("unknown") },
                )
            }
        };
        let mut report = self.report(exit, summary, body);
        report.changed = matches!(exit, Exit::Done | Exit::Unproven);
        report.proof = proof;
        report.cost.writes = writes;
        report
    }

    fn what(&self) -> &'static str {
        self.kind.operation()
    }

    fn approve(&self) -> String {
        format!("--approve {}", self.plan.id)
    }

    /// For somebody who decides.
    fn explained(&self) -> Guard {
        let installs = self.kind == Order::Install;
        let some = |list: &[&str]| if installs { lines(list) } else { Vec::new() };
        let folder = std::path::Path::new(&self.facts.path).parent().is_some_and(std::path::Path::is_dir);
        let writes = installs && self.facts.file == DropIn::Absent;
        Guard {
            text: writes.then(|| guard_drop_in::text(!folder)),
            refused: some(REFUSED),
            works: some(WORKS),
            holes: if installs { holes(self.facts) } else { Vec::new() },
            ..body(self.facts)
        }
    }

    fn by_hand(&self) -> Vec<Advice> {
        let GuardFacts { unit, path, .. } = self.facts;
        let line = |when: &str, command: String| Advice { when: when.to_owned(), command };
        vec![
            line("see every file of the unit, in order:", format!("systemctl cat {unit}")),
            line("take the guard away:", format!("rm {} && systemctl daemon-reload", quote(path))),
        ]
    }

    fn report(&self, exit: Exit, summary: String, body: Guard) -> Report {
        let next = body.apply.iter().cloned().chain(body.by_hand.iter().map(|advice| advice.command.clone()));
        let next = next.collect();
        let mut report = Report::new(self.what(), exit, summary, Body::Guard(Box::new(body)));
        report.findings = self.findings.to_vec();
        report.plan = Some(self.plan.clone());
        report.next = next;
        report
    }

    /// This very command with another ending, as it can be pasted.
    fn command(&self, ending: &str) -> String {
        let config = self
            .context
            .global
            .config
            .iter()
            .map(|path| format!(" --config {}", quote(&path.to_string_lossy())));
        format!("haguard {} {}{} {ending}", self.what(), quote(&self.facts.unit), config.collect::<String>())
    }
}

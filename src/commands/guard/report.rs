//! The report of each outcome of `guard install` and `guard remove`.

use std::path::Path;

use crate::act::guard::GuardChangeResult;
use crate::act::operation::Outcome;
use crate::checks::Finding;
use crate::commands::operation::report::Draft;
use crate::exit::Exit;
use crate::facts::{DropIn, GuardFacts};
use crate::plan::guard::{ALLOWED_COMMANDS, BYPASSES, GuardChange, REFUSED_COMMANDS, bypasses};
use crate::plan::runbook::shell_quote;
use crate::plan::{Plan, RunbookStep};
use crate::report::{Body, GuardBody, ReloadBody, Report};
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
        self.report(Draft::new(Exit::Done, "nothing to do", format!("{}: {sentence}", self.facts.unit)))
    }

    /// The report of a draft.
    pub(super) fn report(&self, draft: Draft) -> Report {
        let body = if draft.shows_plan { self.body_with_effects() } else { body(self.facts) };
        self.report_with(draft, body)
    }

    /// The result, whatever its outcome.
    pub(super) fn finished(&self, mut draft: Draft, done: GuardChangeResult) -> Report {
        let facts = done.after.as_ref().unwrap_or(self.facts);
        let mut body = body(facts);
        match (&done.outcome, self.kind) {
            (Outcome::Proven, GuardChange::Install) => {
                let summary = "systemd refuses a manual stop and restart from now on, proven";
                draft.reword("done", format!("{}: {summary}", self.plan.target));
                body.refused = to_strings(REFUSED_COMMANDS);
                body.works = to_strings(ALLOWED_COMMANDS);
            }
            (Outcome::Proven, GuardChange::Remove) => {
                let summary = "the unit is as it was before the guard, proven";
                draft.reword("done", format!("{}: {summary}", self.plan.target));
            }
            (Outcome::Failed, _) => draft.body.outcome = "undone".to_owned(),
            (Outcome::Unproven, _) => draft.body.by_hand = self.by_hand(),
            _ => {}
        }
        if !done.why.is_empty() {
            draft.body.why = done.why;
        }
        let mut report = self.report_with(draft, body);
        report.changed = matches!(report.exit, Exit::Done | Exit::Unproven);
        report.proof = done.proof;
        report.cost.writes = done.writes;
        report
    }

    /// With the file and its effects, for the decision about the plan.
    fn body_with_effects(&self) -> GuardBody {
        let installs = self.kind == GuardChange::Install;
        let some = |list: &[&str]| if installs { to_strings(list) } else { Vec::new() };
        let folder = Path::new(&self.facts.path).parent().is_some_and(Path::is_dir);
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
        let remove = format!("rm {} && systemctl daemon-reload", shell_quote(path));
        vec![
            RunbookStep::new("see every file of the unit, in order:", format!("systemctl cat {unit}")),
            RunbookStep::new("remove the guard:", remove),
        ]
    }

    fn report_with(&self, draft: Draft, body: GuardBody) -> Report {
        let next = draft.body.next_commands();
        let ReloadBody { outcome, why, moved, apply, by_hand, .. } = draft.body;
        let body = GuardBody { outcome, why, moved, apply, by_hand, ..body };
        let mut report =
            Report::new(self.kind.operation(), draft.exit, draft.summary, Body::Guard(Box::new(body)));
        report.findings = self.findings.to_vec();
        report.plan = Some(self.plan.clone());
        report.next = next;
        report
    }
}

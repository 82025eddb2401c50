//! Asks for consent to one plan, and gathers again after a question: state may have changed while it was open.

use std::io::{self, IsTerminal};

use crate::act::consent::{self, ClearanceDenied, ClearedPlan, ConsentSource};
use crate::act::signals::Interrupts;
use crate::checks::{self, Finding};
use crate::commands::Context;
use crate::exit::Exit;
use crate::plan::{Basis, Plan};
use crate::state::plans;

/// How consent can be given.
pub(in crate::commands) struct ConsentRequest<'a> {
    /// `--approve`.
    pub(in crate::commands) approve: Option<&'a str>,
    pub(in crate::commands) context: &'a Context<'a>,
    pub(in crate::commands) interrupts: &'a Interrupts,
}

/// The result of the request.
pub(in crate::commands) enum ConsentOutcome<'p> {
    /// The plan may be carried out.
    Cleared(ClearedPlan<'p>),
    /// A signal came first.
    Interrupted(&'static str),
    /// The plan may not be carried out; with the findings of the last gathering.
    Withheld(ClearanceDenied, Vec<Finding>),
}

/// Asks for consent to `plan`, of which `findings` were found; `show` shows it before the question. After a question
/// `again` gathers once more, where it can: carrying the plan out reads again only what can be read in a moment.
pub(in crate::commands) fn request<'p>(
    plan: &'p Plan,
    findings: &[Finding],
    asked: &ConsentRequest<'_>,
    show: impl FnOnce(),
    again: impl FnOnce() -> Option<(Basis, Vec<Finding>)>,
) -> ConsentOutcome<'p> {
    // A question that comes after a signal to stop would wait for an answer that never comes.
    if let Some(signal) = asked.interrupts.stop_signal() {
        return ConsentOutcome::Interrupted(signal);
    }
    let recall = |id: &str| plans::load(&asked.context.settings.state_dir.value, id);
    let source = asked.source();
    let cleared = match consent::obtain_clearance(plan, findings, source, recall, show, asked.interrupts) {
        Ok(cleared) => cleared,
        Err(denied) => {
            return match asked.interrupts.stop_signal() {
                Some(signal) => ConsentOutcome::Interrupted(signal),
                None => ConsentOutcome::Withheld(denied, findings.to_vec()),
            };
        }
    };
    let Some((basis, findings)) = (source == ConsentSource::Prompt).then(again).flatten() else {
        return ConsentOutcome::Cleared(cleared);
    };
    let changes = plan.basis.changes_since(&basis);
    match checks::exit_code(&findings) {
        _ if !changes.is_empty() => {
            ConsentOutcome::Withheld(ClearanceDenied::Stale { changes, shown: true }, findings)
        }
        Exit::Done => ConsentOutcome::Cleared(cleared),
        blocked => ConsentOutcome::Withheld(ClearanceDenied::Blocked(blocked), findings),
    }
}

impl ConsentRequest<'_> {
    /// How consent can be had: by the id of a plan, at a terminal, or not at all.
    fn source(&self) -> ConsentSource<'_> {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        match self.approve {
            Some(id) => ConsentSource::PlanId(id),
            None if terminal && !self.context.global.no_input => ConsentSource::Prompt,
            None => ConsentSource::Unavailable,
        }
    }
}

//! Consent to one plan, and a second look where somebody took their time over it.

use std::io::{self, IsTerminal};

use crate::act::consent::{self, Clearance, ClearanceDenied, ConsentSource};
use crate::act::signals::Interrupts;
use crate::checks::{self, Finding};
use crate::commands::Context;
use crate::exit::Exit;
use crate::plan::{Basis, Plan};
use crate::state::plans;

/// Who is asked.
pub(in crate::commands) struct ConsentRequest<'a> {
    /// `--approve`.
    pub(in crate::commands) approve: Option<&'a str>,
    pub(in crate::commands) context: &'a Context<'a>,
    pub(in crate::commands) interrupts: &'a Interrupts,
}

/// What came of it.
pub(in crate::commands) enum ConsentOutcome<'p> {
    /// It may be done.
    Cleared(Clearance<'p>),
    /// A signal came first.
    Interrupted(&'static str),
    /// It may not, by what was found last.
    Withheld(ClearanceDenied, Vec<Finding>),
}

/// Asks for consent to `plan`, of which `findings` were found; `show` shows it before the question.
pub(in crate::commands) fn request<'p>(
    plan: &'p Plan,
    findings: &[Finding],
    asked: &ConsentRequest<'_>,
    show: impl FnOnce(),
) -> ConsentOutcome<'p> {
    // A question that comes after the wish to stop would wait for an answer that nobody gives.
    if let Some(signal) = asked.interrupts.stop_signal() {
        return ConsentOutcome::Interrupted(signal);
    }
    let recall = |id: &str| plans::load(&asked.context.settings.state_dir.value, id);
    match consent::obtain_clearance(plan, findings, asked.source(), recall, show, asked.interrupts) {
        Ok(clearance) => ConsentOutcome::Cleared(clearance),
        Err(withheld) => match asked.interrupts.stop_signal() {
            Some(signal) => ConsentOutcome::Interrupted(signal),
            None => ConsentOutcome::Withheld(withheld, findings.to_vec()),
        },
    }
}

/// The same; after a question the world is looked at `again`, since the act itself reads again only what can be read in
/// a moment.
pub(in crate::commands) fn request_and_recheck<'p>(
    plan: &'p Plan,
    findings: &[Finding],
    asked: &ConsentRequest<'_>,
    show: impl FnOnce(),
    again: impl FnOnce() -> (Basis, Vec<Finding>),
) -> ConsentOutcome<'p> {
    let answer = request(plan, findings, asked, show);
    if asked.source() != ConsentSource::Prompt || !matches!(answer, ConsentOutcome::Cleared(_)) {
        return answer;
    }
    let (basis, findings) = again();
    let moved = plan.basis.changes_since(&basis);
    match checks::exit_code(&findings) {
        _ if !moved.is_empty() => {
            ConsentOutcome::Withheld(ClearanceDenied::Stale { moved, shown: true }, findings)
        }
        Exit::Done => answer,
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

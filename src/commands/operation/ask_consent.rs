//! Consent to one plan, and a second look where somebody took their time over it.

use std::io::{self, IsTerminal};

use crate::act::consent::{self, Clearance, Consent, Withheld};
use crate::act::signals::Interrupts;
use crate::checks::{self, Finding};
use crate::commands::Context;
use crate::exit::Exit;
use crate::plan::{Basis, Plan};
use crate::state::plans;

/// Who is asked.
pub(in crate::commands) struct Asked<'a> {
    /// `--approve`.
    pub(in crate::commands) approve: Option<&'a str>,
    pub(in crate::commands) context: &'a Context<'a>,
    pub(in crate::commands) interrupts: &'a Interrupts,
}

/// What came of it.
pub(in crate::commands) enum Answer<'p> {
    /// It may be done.
    Cleared(Clearance<'p>),
    /// A signal came first.
    Interrupted(&'static str),
    /// It may not, by what was found last.
    Withheld(Withheld, Vec<Finding>),
}

/// Asks for consent to `plan`, of which `findings` were found; `show` shows it before the question.
pub(in crate::commands) fn first<'p>(
    plan: &'p Plan,
    findings: &[Finding],
    asked: &Asked<'_>,
    show: impl FnOnce(),
) -> Answer<'p> {
    // A question that comes after the wish to stop would wait for an answer that nobody gives.
    if let Some(signal) = asked.interrupts.stop() {
        return Answer::Interrupted(signal);
    }
    let recall = |id: &str| plans::recall(&asked.context.settings.state_dir.value, id);
    match consent::confirm(plan, findings, asked.consent(), recall, show, asked.interrupts) {
        Ok(clearance) => Answer::Cleared(clearance),
        Err(withheld) => match asked.interrupts.stop() {
            Some(signal) => Answer::Interrupted(signal),
            None => Answer::Withheld(withheld, findings.to_vec()),
        },
    }
}

/// The same; after a question the world is looked at `again`, since the act itself reads again only what can be read in
/// a moment.
pub(in crate::commands) fn to<'p>(
    plan: &'p Plan,
    findings: &[Finding],
    asked: &Asked<'_>,
    show: impl FnOnce(),
    again: impl FnOnce() -> (Basis, Vec<Finding>),
) -> Answer<'p> {
    let answer = first(plan, findings, asked, show);
    if asked.consent() != Consent::Ask || !matches!(answer, Answer::Cleared(_)) {
        return answer;
    }
    let (basis, findings) = again();
    let moved = plan.basis.moved(&basis);
    match checks::verdict(&findings) {
        _ if !moved.is_empty() => Answer::Withheld(Withheld::Stale { moved, shown: true }, findings),
        Exit::Done => answer,
        blocked => Answer::Withheld(Withheld::Blocked(blocked), findings),
    }
}

impl Asked<'_> {
    /// How consent can be had: by the id of a plan, at a terminal, or not at all.
    fn consent(&self) -> Consent<'_> {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        match self.approve {
            Some(id) => Consent::Approved(id),
            None if terminal && !self.context.global.no_input => Consent::Ask,
            None => Consent::Nobody,
        }
    }
}

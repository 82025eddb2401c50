//! `guard` in a report.

use serde::Serialize;

use crate::plan::{BasisChange, RunbookStep};

/// The result of a guard command.
#[derive(Debug, Default, Serialize)]
pub struct GuardBody {
    /// in force, not in force, unknown, planned, asked, refused, declined, stale, interrupted, done, undone or unproven.
    pub outcome: String,
    /// Why, as a paragraph; empty where the summary says it.
    pub why: String,
    /// The unit, where it is known which.
    pub unit: Option<String>,
    /// The state of the guard, in words.
    pub stand: Option<String>,
    /// The path of the drop-in.
    pub file: Option<String>,
    /// The text of the drop-in.
    pub text: Option<String>,
    /// State that changed since the plan was shown.
    pub moved: Vec<BasisChange>,
    /// What systemd refuses with the guard, and who will notice.
    pub refused: Vec<String>,
    /// What still works.
    pub works: Vec<String>,
    /// What the guard does not prevent.
    pub holes: Vec<String>,
    /// The command that applies the plan.
    pub apply: Option<String>,
    /// What to do by hand.
    pub by_hand: Vec<RunbookStep>,
}

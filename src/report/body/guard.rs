//! `guard` in a report.

use serde::Serialize;

use crate::plan::{BasisChange, RunbookStep};

/// What a guard command came to.
#[derive(Debug, Default, Serialize)]
pub struct GuardBody {
    /// in force, not in force, unknown, planned, asked, refused, declined, stale, interrupted, done, undone or unproven.
    pub outcome: String,
    /// Why, as a paragraph; empty where the summary says it.
    pub why: String,
    /// The unit, where it is known which.
    pub unit: Option<String>,
    /// How the guard stands, in words.
    pub stand: Option<String>,
    /// Its file.
    pub file: Option<String>,
    /// What would be written there.
    pub text: Option<String>,
    /// What is not as it was when the plan was shown.
    pub moved: Vec<BasisChange>,
    /// What is refused with the guard, and who will notice.
    pub refused: Vec<String>,
    /// What works as without it.
    pub works: Vec<String>,
    /// What it does not keep from happening.
    pub holes: Vec<String>,
    /// The command that applies the plan.
    pub apply: Option<String>,
    /// What to do by hand.
    pub by_hand: Vec<RunbookStep>,
}

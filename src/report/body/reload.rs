//! `reload` in a report.

use serde::Serialize;

use super::ConfirmationRequest;
use crate::plan::replay::ReplayResult;
use crate::plan::{BasisChange, RunbookStep};

/// The result of a reload.
#[derive(Debug, Default, Serialize)]
pub struct ReloadBody {
    /// planned, asked, refused, declined, stale, interrupted, proven, failed, unproven, stopped or unknown.
    pub outcome: String,
    /// Why, as a paragraph; empty where the summary says it.
    pub why: String,
    /// State that changed since the plan was shown.
    pub moved: Vec<BasisChange>,
    /// The worker that serves after the reload.
    pub worker: Option<u32>,
    /// For how long a listener was closed to clients, in milliseconds; none where nothing was done.
    pub refused_ms: Option<u64>,
    /// HAProxy's own start-up log of this reload.
    pub startup_log: Vec<String>,
    /// What could not be verified.
    pub open: Vec<String>,
    /// Notes that are no failure.
    pub notes: Vec<String>,
    /// The result for each thing that was to be put back.
    pub returned: Vec<ReplayResult>,
    /// The steps that were finished.
    pub finished: Vec<String>,
    /// How the ledger was made, where a plan is shown.
    pub compared_with: Option<String>,
    /// The command that applies the plan.
    pub apply: Option<String>,
    /// How to check by hand what could not be verified.
    pub by_hand: Vec<RunbookStep>,
    /// The confirmation that it waits for; without it the reload is rolled back.
    pub confirm: Option<ConfirmationRequest>,
}

impl ReloadBody {
    /// The commands to run next.
    pub fn next_commands(&self) -> Vec<String> {
        let confirm = self.confirm.iter().map(|confirm| &confirm.command);
        let by_hand = self.by_hand.iter().map(|step| &step.command);
        self.apply.iter().chain(confirm).chain(by_hand).cloned().collect()
    }
}

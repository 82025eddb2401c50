//! The context of a change, and its result.

use std::time::Duration;

use super::observe::refused_connections::RefusedConnections;
use super::proof::Claim;
use super::runtime_state::replay::ReplayResult;
use super::signals::Interrupts;
use crate::config::Settings;
use crate::facts::Facts;
use crate::plan::BasisChange;
use crate::state::journal_steps::StepJournal;

/// The context of a run.
pub struct OperationContext<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// Signals that came.
    pub interrupts: &'a Interrupts,
    /// The run's journal.
    pub steps: &'a StepJournal,
    /// Called with each step's name and its time limit.
    pub progress: &'a dyn Fn(&str, Duration),
    /// Called in the last moment before the order; when it fails, no order is given.
    pub before_apply: &'a dyn Fn() -> anyhow::Result<()>,
}

/// How an operation ended.
#[derive(Debug)]
pub enum Outcome {
    /// Done, and every claim holds.
    Proven,
    /// It failed, and the previous state is verified to be in force.
    Failed,
    /// Something changed, and not all of it could be verified.
    Unproven,
    /// A signal asked to stop when a part was done.
    Stopped(&'static str),
    /// A signal asked to stop before anything was done.
    Interrupted(&'static str),
    /// The state changed since the plan was made; nothing was done.
    StateChanged(Vec<BasisChange>),
    /// The journal cannot be written, so nothing was done.
    JournalFailed(anyhow::Error),
    /// The rollback timer could not be started, so nothing was done.
    RollbackTimerFailed(anyhow::Error),
    /// Something that the change needs could not be had, so nothing was done.
    PreparationFailed(anyhow::Error),
}

impl Outcome {
    /// Failed with the previous state in force where `verified`, else not known.
    pub(super) fn failed_if(verified: bool) -> Self {
        if verified { Outcome::Failed } else { Outcome::Unproven }
    }
}

/// The result of a reload or restart.
#[derive(Debug)]
pub struct OperationResult {
    /// How it ended.
    pub outcome: Outcome,
    /// The worker that serves, where it is known.
    pub worker: Option<u32>,
    /// The steps that were finished.
    pub finished: Vec<&'static str>,
    /// HAProxy's own start-up log of this reload.
    pub log: Vec<String>,
    /// Claims with what was seen before and after.
    pub claims: Vec<Claim>,
    /// What became of each thing that was to be put back.
    pub returned: Vec<ReplayResult>,
    /// How long clients were refused.
    pub refused: RefusedConnections,
    /// Things worth saying that are no failure.
    pub notes: Vec<String>,
    /// The facts gathered afterwards.
    pub after: Option<Box<Facts>>,
    /// Commands sent to HAProxy.
    pub calls: u32,
    /// The order was given.
    pub ordered: bool,
}

impl OperationResult {
    pub(super) fn not_applied(ended: Outcome) -> Self {
        OperationResult {
            outcome: ended,
            worker: None,
            finished: Vec::new(),
            log: Vec::new(),
            claims: Vec::new(),
            returned: Vec::new(),
            refused: RefusedConnections::default(),
            notes: Vec::new(),
            after: None,
            calls: 0,
            ordered: false,
        }
    }

    /// A step of it is in the journal.
    pub fn is_journaled(&self) -> bool {
        !matches!(
            self.outcome,
            Outcome::Interrupted(_) | Outcome::StateChanged(_) | Outcome::JournalFailed(_)
        )
    }

    /// What is not proven, in sentences.
    pub fn broken_claims(&self) -> Vec<String> {
        self.claims.iter().filter_map(|claim| claim.broken.clone()).collect()
    }
}

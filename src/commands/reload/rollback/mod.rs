//! The rollback of a reload that is not confirmed in time.
//!
//! - `arm`: finds and tests the previous configuration, starts the timer
//! - `run`: puts the previous configuration back, reloads and proves it
//! - `timer`: the background process that waits for `haguard confirm`
//!
//! How far it has come is recorded in the file of [`crate::state::pending_confirmations`] alone.

pub(super) mod arm;
mod run;
pub(crate) mod timer;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Settings;
use crate::facts::Facts;
use crate::plan::Plan;
use crate::state::pending_confirmations::PendingConfirmation;

/// What the timer is sent.
#[derive(Debug, Serialize, Deserialize)]
struct TimerRequest {
    /// As `--config` names haguard's own configuration.
    config: Option<PathBuf>,
    timeout_ms: Option<u64>,
    /// The process that orders the reload, and its start in clock ticks since boot.
    parent: (u32, u64),
    /// As it is written down, but for the timer's own PID.
    pending: PendingConfirmation,
    /// The plan that was consented to.
    plan: Plan,
    /// The facts that it was made from.
    facts: Facts,
}

/// A rollback that may be run.
struct RollbackJob {
    request: TimerRequest,
    settings: Settings,
}

impl RollbackJob {
    fn state_dir(&self) -> &Path {
        &self.settings.state_dir.value
    }

    fn id(&self) -> &str {
        &self.request.pending.id
    }
}

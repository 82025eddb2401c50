//! Which process is HAProxy's main one during a restart.

use std::time::{Duration, Instant};

use crate::clients::linux;
use crate::facts::Process;

/// Which process is the main one now.
pub(super) enum MainProcess {
    /// This one.
    Running(u32),
    /// None yet.
    Starting(String),
    /// There is none, and nothing will start one.
    Ended(String),
}

/// Nothing runs. The service manager may start it again within `limit`.
pub(super) fn starting_or_ended(
    down: &mut Option<Instant>,
    limit: Duration,
    failed: Option<&str>,
    state: String,
) -> MainProcess {
    match down.get_or_insert_with(Instant::now).elapsed() > limit {
        true => MainProcess::Ended(failed.map(|why| format!("{why}; ")).unwrap_or_default() + &state),
        false => MainProcess::Starting(state),
    }
}

/// It is still the same process.
pub(super) fn is_same_process(before: &Process) -> bool {
    linux::process(before.pid).is_ok_and(|now| now.start_ticks == before.start_ticks)
}

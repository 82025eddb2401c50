//! Which process is HAProxy's main one while a restart goes on.

use std::time::{Duration, Instant};

use crate::clients::linux;
use crate::facts::Process;

/// Which process is the main one now.
pub(super) enum Main {
    /// This one.
    Is(u32),
    /// None yet.
    NotYet(String),
    /// There is none, and nobody will start one.
    Gone(String),
}

/// Nothing runs: somebody may be about to start it again, for as long as `limit`.
pub(super) fn waited(
    down: &mut Option<Instant>,
    limit: Duration,
    failed: Option<&str>,
    state: String,
) -> Main {
    match down.get_or_insert_with(Instant::now).elapsed() > limit {
        true => Main::Gone(failed.map(|why| format!("{why}; ")).unwrap_or_default() + &state),
        false => Main::NotYet(state),
    }
}

/// It is still the same process.
pub(super) fn still_runs(before: &Process) -> bool {
    linux::process(before.pid).is_ok_and(|now| now.start_ticks == before.start_ticks)
}

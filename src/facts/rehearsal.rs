//! The result of starting the next worker in a sandbox.

use serde::{Deserialize, Serialize};

use super::Known;

/// One rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// It came up and answered.
    pub came_up: bool,
    /// The program and its arguments, as started.
    pub command: String,
    /// How it ended where it did not come up: an exit status as a shell says it.
    pub ended: Option<i32>,
    /// Alerts in HAProxy's own words, without secrets.
    pub alerts: Vec<String>,
    /// Warnings, likewise.
    pub warnings: Vec<String>,
    /// Milliseconds until the sandbox was ready.
    pub set_up_ms: u64,
    /// Milliseconds from HAProxy's start until its worker answered, or until it ended.
    pub start_up_ms: u64,
    /// The most memory that the worker has held, in kilobytes.
    pub memory_kb: Known<u64>,
}

impl Rehearsal {
    /// Why it did not come up: HAProxy's first alert, where there is one.
    pub fn failure_reason(&self) -> Option<String> {
        let ended =
            self.ended.map_or("it did not end".to_owned(), |code| format!("it ended with status {code}"));
        (!self.came_up).then(|| self.alerts.first().cloned().unwrap_or(ended))
    }
}

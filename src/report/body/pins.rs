//! `inspect --save` in a report.

use serde::Serialize;

/// What was pinned, and what was not.
#[derive(Debug, Default, Serialize)]
pub struct PinsReport {
    /// The file.
    pub file: String,
    /// Every service that is pinned in it now, with who runs it.
    pub pinned: Vec<String>,
    /// The changes: lines that begin with - or +.
    pub diff: Vec<String>,
    /// What could not be pinned, each with the reason.
    pub unproven: Vec<String>,
}

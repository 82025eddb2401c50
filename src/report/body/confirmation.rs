//! A confirmation in a report: what waits for one, and what became of it.

use jiff::Timestamp;
use serde::Serialize;

/// A reload that waits for its confirmation.
#[derive(Debug, Serialize)]
pub struct ConfirmationRequest {
    /// The plan's id.
    pub id: String,
    /// The time limit, as `--confirm-within` takes it.
    pub within: String,
    /// When the limit ends.
    pub until: Timestamp,
    /// The command that confirms it.
    pub command: String,
    /// The configuration that is put back without a confirmation.
    pub previous: String,
}

/// The result of `confirm`.
#[derive(Debug, Serialize)]
pub struct Confirmation {
    /// The plan's id.
    pub id: String,
    /// confirmed, late, stopped, void, unwatched or under way.
    pub outcome: String,
    /// The HAProxy that was reloaded.
    pub target: String,
    /// When the rollback was due.
    pub until: Option<Timestamp>,
    /// What happened, as a paragraph; empty where the summary says it.
    pub why: String,
}

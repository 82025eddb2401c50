//! A confirmation in a report: what waits for one, and what became of it.

use jiff::Timestamp;
use serde::Serialize;

/// A reload that wants to be confirmed.
#[derive(Debug, Serialize)]
pub struct ConfirmationRequest {
    /// The plan's id.
    pub id: String,
    /// How long a confirmation is waited for, as `--confirm-within` takes it.
    pub within: String,
    /// Until when.
    pub until: Timestamp,
    /// The command that confirms it.
    pub command: String,
    /// What would be put back.
    pub previous: String,
}

/// What `confirm` came to.
#[derive(Debug, Serialize)]
pub struct Confirmation {
    /// The plan's id.
    pub id: String,
    /// confirmed, late, stopped, void, unwatched or under way.
    pub outcome: String,
    /// What was reloaded.
    pub target: String,
    /// When it would have gone back.
    pub until: Option<Timestamp>,
    /// What happened, as a paragraph; empty where the summary says it.
    pub why: String,
}

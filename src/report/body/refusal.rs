//! `restart` in a report: a refusal.

use serde::Serialize;

use super::ServiceLookup;
use crate::plan::RunbookStep;

/// Why not, and what to do instead.
#[derive(Debug, Default, Serialize)]
pub struct Refusal {
    /// The first line: refused, the operation, what and where.
    pub title: String,
    /// Why, as a paragraph.
    pub why: String,
    /// What could not be seen, each with the reason.
    pub unseen: Vec<String>,
    /// How the ledger was made; nothing where there was nothing to compare.
    pub compared_with: Option<String>,
    /// The safe ways.
    pub alternatives: Vec<RunbookStep>,
    /// The emergency path through haguard, where there is one.
    pub emergency: Option<RunbookStep>,
    /// The emergency path by hand, in order.
    pub by_hand: Vec<RunbookStep>,
    /// Other HAProxy instances on this host.
    pub others: Vec<String>,
    /// The lookup of another service; none where the target is HAProxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Box<ServiceLookup>>,
}

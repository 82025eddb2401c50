//! The result of restoring one object.

use serde::Serialize;

use crate::plan::losses::LossKind;

/// The result for one object that was set at run time, or may have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayResult {
    /// What kind of thing.
    pub kind: LossKind,
    /// Which one, by the name HAProxy gives it.
    pub object: String,
    /// Which side of it.
    pub what: &'static str,
    /// The particulars; no values of lists, no keys.
    pub detail: String,
    /// It is as it was, seen in the worker after the change.
    pub returned: bool,
    /// Why it is not.
    pub why: Option<String>,
}

//! A service that a name, PID, port or path stands for.

use serde::Serialize;

use crate::facts::Service;

/// How sure it is that this service was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchQuality {
    /// It is called so, or listens there.
    Exact,
    /// Its folder or its arguments hold the word.
    Near,
}

/// A service that may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMatch<'a> {
    /// It.
    pub service: &'a Service,
    /// How sure that is.
    pub quality: MatchQuality,
    /// What of it answers to the word.
    pub reason: String,
}

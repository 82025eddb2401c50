//! A service that a name, PID, port or path stands for.

use serde::Serialize;

use crate::facts::Service;

/// How well a service matches the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchQuality {
    /// It has this name, or listens there.
    Exact,
    /// Its folder or its arguments contain the word.
    Near,
}

/// A service that may be the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMatch<'a> {
    /// The service.
    pub service: &'a Service,
    /// How well it matches.
    pub quality: MatchQuality,
    /// What matched, as a sentence.
    pub reason: String,
}

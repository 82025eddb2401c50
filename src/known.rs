//! What was seen, or why it could not be seen.

use serde::{Deserialize, Serialize};

/// A fact: seen, or unknown with the reason. An unreachable part is a value, never a crash and never a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known<T> {
    /// The value, as it was read.
    Seen(T),
    /// Not seen; `why` is a sentence fragment that names the source and, where there is one, the mend.
    Unknown {
        /// Why it could not be seen.
        why: String,
    },
}

impl<T> Known<T> {
    /// Shorthand for a fact that could not be read.
    pub fn unknown(why: impl Into<String>) -> Self {
        Known::Unknown { why: why.into() }
    }

    /// The value where it was seen.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Known::Seen(value) => Some(value),
            Known::Unknown { .. } => None,
        }
    }

    /// The reason where it was not seen.
    pub fn why(&self) -> Option<&str> {
        match self {
            Known::Seen(_) => None,
            Known::Unknown { why } => Some(why),
        }
    }

    /// The same fact, seen through `f`.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::Seen(value) => Known::Seen(f(value)),
            Known::Unknown { why } => Known::Unknown { why },
        }
    }

    /// A borrowed view, so that two facts can be joined without a copy.
    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Known::Seen(value) => Known::Seen(value),
            Known::Unknown { why } => Known::Unknown { why: why.clone() },
        }
    }

    /// Both facts, or the first reason that one of them is missing.
    pub fn zip<U>(self, other: Known<U>) -> Known<(T, U)> {
        match (self, other) {
            (Known::Seen(a), Known::Seen(b)) => Known::Seen((a, b)),
            (Known::Unknown { why }, _) | (_, Known::Unknown { why }) => Known::Unknown { why },
        }
    }
}

impl<T> From<anyhow::Result<T>> for Known<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        match result {
            Ok(value) => Known::Seen(value),
            Err(error) => Known::Unknown { why: format!("{error:#}") },
        }
    }
}

//! What was seen, or why it could not be seen.

use serde::{Deserialize, Serialize};

/// A fact: seen, or unknown with the reason. An unreachable part is a value, never a crash and never a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known<T> {
    /// The value, as it was read.
    Seen(T),
    /// Not seen; `why` is a sentence fragment that names the source and, where there is one, the remedy.
    Unknown {
        /// Why it could not be seen.
        why: String,
    },
}

/// The reason of a fact that was not seen, as an error for `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unknown {
    /// Why it could not be seen.
    pub why: String,
}

impl Unknown {
    /// With this reason.
    pub fn new(why: impl Into<String>) -> Self {
        Unknown { why: why.into() }
    }
}

impl<T> Known<T> {
    /// Shorthand for a fact that could not be read.
    pub fn unknown(why: impl Into<String>) -> Self {
        Known::Unknown { why: why.into() }
    }

    /// The value, or the reason.
    ///
    /// # Errors
    /// Where it was not seen.
    pub fn get(&self) -> Result<&T, Unknown> {
        match self {
            Known::Seen(value) => Ok(value),
            Known::Unknown { why } => Err(Unknown::new(why)),
        }
    }

    /// The value, or `what: reason`.
    ///
    /// # Errors
    /// Where it was not seen.
    pub fn context(&self, what: &str) -> Result<&T, Unknown> {
        self.get().map_err(|Unknown { why }| Unknown::new(format!("{what}: {why}")))
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
        Result::from(self).map(f).into()
    }

    /// What `f` makes of the value: known, unknown, or an error whose text is the reason.
    pub fn and_then<U, K: Into<Known<U>>>(self, f: impl FnOnce(T) -> K) -> Known<U> {
        match self {
            Known::Seen(value) => f(value).into(),
            Known::Unknown { why } => Known::Unknown { why },
        }
    }

    /// A borrowed view, so that two facts can be joined without a copy.
    pub fn as_ref(&self) -> Known<&T> {
        self.get().into()
    }

    /// Both facts, or the first reason that one of them is missing.
    pub fn zip<U>(self, other: Known<U>) -> Known<(T, U)> {
        let both = || Ok::<_, Unknown>((Result::from(self)?, Result::from(other)?));
        both().into()
    }
}

impl<T> From<Known<T>> for Result<T, Unknown> {
    fn from(known: Known<T>) -> Self {
        match known {
            Known::Seen(value) => Ok(value),
            Known::Unknown { why } => Err(Unknown { why }),
        }
    }
}

impl<T> From<Result<T, Unknown>> for Known<T> {
    fn from(result: Result<T, Unknown>) -> Self {
        result.map_or_else(Known::from, Known::Seen)
    }
}

impl<T> From<Unknown> for Known<T> {
    fn from(Unknown { why }: Unknown) -> Self {
        Known::Unknown { why }
    }
}

impl<T> From<anyhow::Result<T>> for Known<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        result.map_or_else(|error| Known::unknown(format!("{error:#}")), Known::Seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_goes_through_question_marks_and_back() {
        let sum = |a: Known<u8>, b: Known<u8>| -> Known<u8> {
            let add = || Ok::<u8, Unknown>(a.get()? + b.context("no second")?);
            add().into()
        };
        assert_eq!(sum(Known::Seen(1), Known::Seen(2)), Known::Seen(3));
        assert_eq!(sum(Known::unknown("denied"), Known::unknown("x")), Known::unknown("denied"));
        assert_eq!(sum(Known::Seen(1), Known::unknown("denied")), Known::unknown("no second: denied"));
        assert_eq!(Known::Seen(1).zip(Known::<u8>::unknown("gone")), Known::unknown("gone"));
        assert_eq!(Known::<u8>::from(Unknown::new("gone")).map(|n| n + 1).why(), Some("gone"));
    }

    #[test]
    fn the_stored_form_is_the_one_of_earlier_releases() {
        let stored = |known: &Known<u8>| serde_json::to_string(known).unwrap();
        assert_eq!(stored(&Known::Seen(7)), r#"{"seen":7}"#);
        assert_eq!(stored(&Known::unknown("denied")), r#"{"unknown":{"why":"denied"}}"#);
        for known in [Known::Seen(7), Known::unknown("denied")] {
            assert_eq!(serde_json::from_str::<Known<u8>>(&stored(&known)).unwrap(), known);
        }
    }
}

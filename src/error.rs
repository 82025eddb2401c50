//! A failure at the edge: what went wrong, which exit code it is, and what would mend it.

use std::fmt;

use crate::exit::Exit;

/// What a command returns when it cannot give a report.
#[derive(Debug)]
pub struct Failure {
    /// The exit code; a failure never leaves anything changed.
    pub exit: Exit,
    /// What went wrong, with its causes.
    pub error: anyhow::Error,
    /// What the operator can do about it.
    pub remedy: Option<String>,
}

impl Failure {
    /// A usage or configuration error (exit 2).
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Failure { exit: Exit::Usage, error: error.into(), remedy: None }
    }

    /// Something could not be determined (exit 5).
    pub fn unknown(error: impl Into<anyhow::Error>) -> Self {
        Failure { exit: Exit::Unknown, error: error.into(), remedy: None }
    }

    /// Adds the mend.
    pub fn with_remedy(mut self, mend: impl Into<String>) -> Self {
        self.remedy = Some(mend.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// A failure that nobody foresaw is a failure with nothing changed: this commands only read.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure { exit: Exit::Failed, error, remedy: None }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::from(anyhow::Error::from(error))
    }
}

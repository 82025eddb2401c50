//! A failure of a command: what went wrong, the exit code, and the remedy.

use std::fmt;

use crate::exit::Exit;

/// What a command returns in place of a report.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
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

    /// Adds the remedy.
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// An unexpected error: exit 1, with nothing changed. Errors of a change that was begun are part of its outcome and carry
/// their own exit code, so none of them comes this way.
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

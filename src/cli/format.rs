//! The formats of an answer.

use clap::ValueEnum;

use crate::label::display_value_name;

/// How the answer is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: schema haguard/1
    Json,
    /// For people in a hurry: only what is not ok (check)
    Short,
    /// For CI: a JUnit report (check)
    Junit,
    /// For CI: annotations of GitHub Actions (check)
    Github,
    /// For monitoring: a Nagios plugin's answer and status (check)
    Nagios,
    /// For whoever comes later: a DEPLOYMENT.md (inspect)
    Markdown,
}

display_value_name!(Format);

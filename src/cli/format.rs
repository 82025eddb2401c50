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
    /// Only what is not ok (check)
    Short,
    /// JUnit report for CI (check)
    Junit,
    /// GitHub Actions annotations (check)
    Github,
    /// Output and exit status of a Nagios plugin (check)
    Nagios,
    /// A DEPLOYMENT.md (inspect)
    Markdown,
}

display_value_name!(Format);

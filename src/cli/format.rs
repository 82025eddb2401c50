//! The formats of an answer.

use clap::ValueEnum;

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

impl Format {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Short => "short",
            Format::Junit => "junit",
            Format::Github => "github",
            Format::Nagios => "nagios",
            Format::Markdown => "markdown",
        }
    }
}

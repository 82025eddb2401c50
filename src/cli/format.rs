//! The formats, and which command has which.

use clap::ValueEnum;

use super::Command;

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

/// What every command has.
const COMMON_FORMATS: &[Format] = &[Format::Text, Format::Json];

/// What `inspect` has.
const INSPECT_FORMATS: &[Format] = &[Format::Text, Format::Json, Format::Markdown];

/// What `check` has.
const CHECK_FORMATS: &[Format] =
    &[Format::Text, Format::Short, Format::Json, Format::Junit, Format::Github, Format::Nagios];

impl Command {
    /// The formats that this command has.
    pub fn formats(&self) -> &'static [Format] {
        match self {
            Command::Check(args) if !args.list => CHECK_FORMATS,
            // A script is a script in every format.
            Command::Completions(_) => &[Format::Text],
            // A part of it is no file for others.
            Command::Inspect(args) if !args.losses && !args.routes && !args.save => INSPECT_FORMATS,
            _ => COMMON_FORMATS,
        }
    }
}

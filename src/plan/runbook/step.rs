//! One step of a runbook.

use serde::Serialize;

/// A command, and when or why to type it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunbookStep {
    /// When, or why.
    pub when: String,
    /// What to type; empty where there is nothing to type.
    pub command: String,
}

impl RunbookStep {
    /// With its occasion and its command.
    pub fn new(when: impl Into<String>, command: impl Into<String>) -> Self {
        RunbookStep { when: when.into(), command: command.into() }
    }
}

/// A step with a command.
pub(super) fn command_step(when: &str, command: String) -> RunbookStep {
    RunbookStep::new(when, command)
}

/// A step without a command.
pub(super) fn note(when: &str) -> RunbookStep {
    RunbookStep::new(when, "")
}

/// A word quoted for a shell.
pub fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        // An argument can be a whole script; $'..' keeps its line breaks on one line.
        false if word.chars().any(char::is_control) => {
            format!("$'{}'", word.chars().map(escape_ansi_c).collect::<String>())
        }
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A character between `$'` and `'`, which bash, ksh and zsh understand.
fn escape_ansi_c(c: char) -> String {
    match c {
        '\n' => r"\n".to_owned(),
        '\t' => r"\t".to_owned(),
        '\'' => r"\'".to_owned(),
        '\\' => r"\\".to_owned(),
        c if c.is_control() => format!(r"\u{:04x}", u32::from(c)),
        c => c.to_string(),
    }
}

//! What HAProxy's runtime and master sockets print, as values.
//!
//! Every format was read from real processes of 2.6, 2.8, 3.0, 3.2 and 3.4; the answers stand under
//! `tests/fixtures/wire/haproxy`. Columns are found by name and unknown ones are passed over, so that a
//! newer branch which prints more is still read; what does not look like the answer at all is an error.
//!
//! - `certificates`: `show ssl cert`
//! - `cli_sockets`: `show cli sockets` and `show cli level`
//! - `info`: `show info`
//! - `patterns`: `show map` and `show acl`
//! - `peers`: `show peers`
//! - `processes`: `show proc`
//! - `reload`: `reload` of the master
//! - `response`: where one answer ends, and which are refusals
//! - `servers_state`: `show servers state`, also the state file
//! - `stats`: `show stat`
//! - `stick_tables`: `show table`

pub mod certificates;
pub mod cli_sockets;
pub mod info;
pub mod patterns;
pub mod peers;
pub mod processes;
pub mod reload;
pub mod response;
pub mod servers_state;
pub mod stats;
pub mod stick_tables;

/// An answer that is not what the command prints; quotes the beginning of the line that gave it away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{command}` answered something else: {why}: {line:?}")]
pub struct Malformed {
    /// The command whose answer was expected.
    pub command: &'static str,
    /// What was looked for and not found.
    pub why: &'static str,
    /// The beginning of the offending line, at most [`MAX_QUOTED`] characters.
    pub line: String,
}

/// Answers can hold secrets and megabytes, so an error quotes no more characters than this.
pub const MAX_QUOTED: usize = 80;

impl Malformed {
    pub(crate) fn new(command: &'static str, why: &'static str, line: &str) -> Self {
        let line = line.lines().next().unwrap_or_default();
        Malformed { command, why, line: line.chars().take(MAX_QUOTED).collect() }
    }
}

/// The lines of an answer that say something. A line of spaces counts as empty.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty())
}

/// The first line that says something, for an error about the answer as a whole.
fn first_line(text: &str) -> &str {
    lines(text).next().unwrap_or_default()
}

/// `-` is how HAProxy prints "none".
fn none_if_dash(word: &str) -> Option<String> {
    (!word.is_empty() && word != "-").then(|| word.to_owned())
}

#[cfg(test)]
pub(crate) mod fixtures {
    /// Long-term branches whose answers are committed.
    pub(crate) const BRANCHES: [&str; 5] = ["2.6", "2.8", "3.0", "3.2", "3.4"];

    /// The captured answer `name` of one branch.
    pub(crate) fn read(branch: &str, name: &str) -> String {
        let root = env!("CARGO_MANIFEST_DIR");
        let path = format!("{root}/tests/fixtures/wire/haproxy/{branch}/{name}.txt");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The captured answer `name` of every branch, with the branch.
    pub(crate) fn every(name: &str) -> Vec<(&'static str, String)> {
        BRANCHES.iter().map(|branch| (*branch, read(branch, name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_quotes_one_short_line() {
        let error = Malformed::new("show x", "no header", &format!("{}\nsecret", "é".repeat(300)));
        assert_eq!(error.line, "é".repeat(MAX_QUOTED));
        assert!(!error.to_string().contains("secret"));
    }
}

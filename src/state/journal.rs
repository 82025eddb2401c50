//! The journal: one JSON line for each thing that was attempted, refusals included.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::Store;
use crate::exit::Exit;

const FILE: &str = "journal.jsonl";

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When it ended.
    pub at: Timestamp,
    /// On which host.
    pub host: String,
    /// The command's name.
    pub command: String,
    /// The command line, with what may be secret taken out.
    pub argv: Vec<String>,
    /// The target: the process and its unit, or what was asked for.
    pub target: String,
    /// How it ended.
    pub exit: Exit,
    /// Something was changed.
    pub changed: bool,
    /// One sentence.
    pub summary: String,
    /// The user who ran it.
    pub who: InvokingUser,
    /// The run whose steps stand before this entry; runs that only look have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// The user who ran a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvokingUser {
    /// Effective user id.
    pub uid: u32,
    /// The user that logged in, which sudo does not change.
    pub login_uid: Option<u32>,
    /// The name in `USER`.
    pub user: Option<String>,
    /// The name in `SUDO_USER`.
    pub sudo_user: Option<String>,
    /// The address that the shell was reached from.
    pub ssh_client: Option<String>,
}

impl InvokingUser {
    /// The best name there is.
    pub fn name(&self) -> String {
        let name = self.sudo_user.as_ref().or(self.user.as_ref());
        name.cloned().unwrap_or_else(|| format!("uid {}", self.uid))
    }
}

/// One line about one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStep {
    /// When it was written.
    pub at: Timestamp,
    /// The run it belongs to; the entry that ends the run names it too.
    pub run: String,
    /// The process of the run.
    pub pid: u32,
    /// The command's name.
    pub command: String,
    /// The target.
    pub target: String,
    /// The user who ran it.
    pub who: InvokingUser,
    /// The step.
    pub step: String,
    /// Its result; none in the line that is written before it is done.
    pub result: Option<String>,
}

/// Where the journal of this state folder is.
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// Adds an entry. Each is one write of one line, under a lock, so that two runs never mix.
///
/// # Errors
/// When the folder cannot be made or the file cannot be written.
pub fn append(state_dir: &Path, entry: &JournalEntry) -> Result<()> {
    append_line(state_dir, entry)
}

/// One line, on disk before this returns: a step that is about to be done must be known after a crash.
pub(crate) fn append_line(state_dir: &Path, line: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    Store::new(state_dir).append(FILE, line).context("the journal")
}

/// The newest `last` entries, oldest first, and how many lines could not be read.
///
/// # Errors
/// When the journal is there and cannot be opened. One that is not there is empty.
pub fn read(state_dir: &Path, last: usize) -> Result<(Vec<JournalEntry>, usize)> {
    let (mut entries, mut broken) = (VecDeque::new(), 0);
    for line in lines(state_dir)? {
        match line? {
            JournalLine::Entry(entry) => {
                entries.push_back(*entry);
                if entries.len() > last {
                    entries.pop_front();
                }
            }
            JournalLine::Step(_) => {}
            // A line that a crash cut short must not hide the others.
            JournalLine::Broken => broken += 1,
        }
    }
    Ok((entries.into(), broken))
}

/// One line of the journal.
pub(crate) enum JournalLine {
    Entry(Box<JournalEntry>),
    Step(Box<JournalStep>),
    Broken,
}

/// Every line, oldest first; none where there is no journal.
pub(crate) fn lines(state_dir: &Path) -> Result<Box<dyn Iterator<Item = Result<JournalLine>>>> {
    let store = Store::new(state_dir);
    let Some(journal) = store.open(FILE).context("the journal")? else {
        return Ok(Box::new(std::iter::empty()));
    };
    let read = move |line: std::io::Result<Vec<u8>>| {
        let line = line.with_context(|| format!("reading the journal {}", store.path(FILE).display()))?;
        let entry = || serde_json::from_slice(&line).map(|entry| JournalLine::Entry(Box::new(entry)));
        let step = || serde_json::from_slice(&line).map(|step| JournalLine::Step(Box::new(step)));
        Ok(entry().or_else(|_| step()).unwrap_or(JournalLine::Broken))
    };
    Ok(Box::new(BufReader::new(journal).split(b'\n').map(read)))
}

/// A command line that may be kept: what follows `password`, `token`, `secret` or `key` is taken out, and so are
/// credentials in URLs.
pub fn redact(argv: &[String]) -> Vec<String> {
    let mut hide_next = false;
    let mut kept = Vec::new();
    for word in argv {
        let (name, value) =
            word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let low = name.to_ascii_lowercase();
        let secret =
            low.starts_with('-') && ["password", "token", "secret", "key"].iter().any(|w| low.contains(w));
        kept.push(match (hide_next, secret, value) {
            (true, _, _) => "***".to_owned(),
            (_, true, Some(_)) => format!("{name}=***"),
            _ => without_credentials(word),
        });
        hide_next = secret && value.is_none();
    }
    kept
}

fn without_credentials(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((credentials, _)) => format!("{scheme}://***{}", &rest[credentials.len()..]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn journal_entry(summary: &str) -> JournalEntry {
        JournalEntry {
            at: Timestamp::UNIX_EPOCH,
            host: "lb1".into(),
            command: "restart".into(),
            argv: vec!["haguard".into(), "restart".into()],
            target: "HAProxy (master 1)".into(),
            exit: Exit::Refused,
            changed: false,
            summary: summary.into(),
            who: InvokingUser::default(),
            run: None,
        }
    }

    #[test]
    fn entries_come_back_newest_last_and_a_cut_line_hides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("deep/state");
        assert_eq!(read(&state, 5).unwrap(), (vec![], 0));
        for summary in ["one", "two", "three"] {
            append(&state, &journal_entry(summary)).unwrap();
        }
        let mut file = std::fs::File::options().append(true).open(state.join(FILE)).unwrap();
        file.write_all(b"{\"at\":\"20").unwrap();
        append(&state, &journal_entry("four")).unwrap();
        assert_eq!(read(&state, 2).unwrap(), (vec![journal_entry("three"), journal_entry("four")], 1));
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(state.join(FILE)).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_may_be_secret_never_reaches_the_journal() {
        let line = "haguard --password hunter2 --nomad-token=hunter2 http://a:hunter2@h/x --config f";
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let kept = redact(&argv).join(" ");
        assert_eq!(kept, "haguard --password *** --nomad-token=*** http://***@h/x --config f");
    }

    proptest! {
        #[test]
        fn redaction_keeps_the_number_of_words(argv in proptest::collection::vec("\\PC{0,20}", 0..8)) {
            prop_assert_eq!(redact(&argv).len(), argv.len());
        }
    }
}

//! The journal: one JSON line for each thing that was attempted, refusals included.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;

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
    /// What it was about: the process and its unit, or what was asked for.
    pub target: String,
    /// How it ended.
    pub exit: Exit,
    /// Something is different from before.
    pub changed: bool,
    /// One sentence.
    pub summary: String,
    /// Who.
    pub who: InvokingUser,
    /// The run whose steps stand before this entry; runs that only look have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// Who called.
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
    /// What it is done to.
    pub target: String,
    /// Who.
    pub who: InvokingUser,
    /// The step.
    pub step: String,
    /// What came of it; none in the line that is written before it is done.
    pub result: Option<String>,
}

/// Where the journal of this state folder is.
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("journal.jsonl")
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
    let file = path(state_dir);
    let shown = file.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state_dir)
        .with_context(|| format!("making {}", state_dir.display()))?;
    let mut journal: File = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(&file)
        .with_context(|| format!("opening the journal {shown}"))?;
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    journal.lock().with_context(|| format!("locking the journal {shown}"))?;
    let written = write_line(&mut journal, line);
    written.with_context(|| format!("writing the journal {shown}"))
}

/// A line that a crash or a full disk cuts short must not take the next one with it.
fn write_line(journal: &mut File, mut line: Vec<u8>) -> std::io::Result<()> {
    let before = journal.metadata()?.len();
    let mut last = [b'\n'];
    if before > 0 {
        journal.read_exact_at(&mut last, before - 1)?;
    }
    if last != [b'\n'] {
        line.insert(0, b'\n');
    }
    let written = journal.write_all(&line).and_then(|()| journal.sync_data());
    if written.is_err() {
        let _ = journal.set_len(before);
    }
    written
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
    let file = path(state_dir);
    let journal = match File::open(&file) {
        Ok(journal) => journal,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Box::new(std::iter::empty()));
        }
        Err(error) => return Err(error).with_context(|| format!("opening the journal {}", file.display())),
    };
    let read = move |line: std::io::Result<Vec<u8>>| {
        let line = line.with_context(|| format!("reading the journal {}", file.display()))?;
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
        let mut file = OpenOptions::new().append(true).open(path(&state)).unwrap();
        file.write_all(b"{\"at\":\"20").unwrap();
        append(&state, &journal_entry("four")).unwrap();
        assert_eq!(read(&state, 2).unwrap(), (vec![journal_entry("three"), journal_entry("four")], 1));
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(path(&state)).unwrap().mode() & 0o777, 0o600);
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

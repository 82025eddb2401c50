//! Reloads that wait for a confirmation: one file each, which alone says how far a rollback has come.
//!
//! Whoever confirms, rolls back, or finds a process ended reads that file and replaces it whole, under one lock. Whoever
//! writes its decision first has decided; the others find the file changed and leave it so.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::journal::{self, InvokingUser, JournalEntry};
use super::loaded_configs;
use super::retention::{Retention, StoredItem};
use super::store::Store;
use crate::clients::linux;
use crate::exit::Exit;
use crate::time;

const FOLDER: &str = "confirm";
/// Of those that are decided; one that is open is in use.
const RETENTION: Retention = Retention { most: 20, max_age: Some(SignedDuration::from_hours(90 * 24)) };
/// A copy is written before its file is, so one without a file may be of a reload that begins.
const ORPHANED_COPIES: Retention =
    Retention { most: usize::MAX, max_age: Some(SignedDuration::from_hours(1)) };

/// A reload whose previous configuration is put back unless it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingConfirmation {
    /// The plan's id.
    pub id: String,
    /// What was reloaded.
    pub target: String,
    /// Its main process.
    pub main_pid: u32,
    /// When that started, in clock ticks since boot.
    pub main_start: Option<u64>,
    /// Sockets that were given to find it, as `--master-socket` and `--stats-socket` take them.
    pub sockets: [Option<PathBuf>; 2],
    /// The command that began it, without secrets.
    pub command: Vec<String>,
    /// The user who began it.
    pub who: InvokingUser,
    /// When it began.
    pub begun: Timestamp,
    /// How long a confirmation is waited for, in milliseconds.
    pub within_ms: u64,
    /// When the reload was about to be ordered; none before that. Files of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Timestamp>,
    /// When it is rolled back; none until the reload is done.
    pub until: Option<Timestamp>,
    /// The folder with the copy of the previous configuration.
    pub copy: PathBuf,
    /// Where that copy was found.
    pub source: String,
    /// The process that waits, its rollback timer, and its start in clock ticks since boot.
    pub watcher: (u32, Option<u64>),
    /// How far it has come.
    pub state: ConfirmationState,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum ConfirmationState {
    /// Nothing is decided.
    Waiting,
    /// It was confirmed, and stays.
    Confirmed {
        /// When.
        at: Timestamp,
        /// By which user.
        by: String,
    },
    /// The time was over: the previous configuration is being put back.
    #[serde(rename = "going-back")]
    RollingBack {
        /// Since when.
        since: Timestamp,
    },
    /// The rollback is over.
    #[serde(rename = "back")]
    RolledBack {
        /// When it ended.
        at: Timestamp,
        /// How.
        exit: Exit,
        /// In a sentence.
        summary: String,
    },
    /// There is nothing to confirm.
    #[serde(rename = "void")]
    NotNeeded {
        /// Since when.
        at: Timestamp,
        /// Why.
        why: String,
    },
}

impl PendingConfirmation {
    /// Nothing is decided, or it is being rolled back.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ConfirmationState::Waiting | ConfirmationState::RollingBack { .. })
    }

    /// Nothing is decided.
    pub fn is_waiting(&self) -> bool {
        self.state == ConfirmationState::Waiting
    }

    /// Its rollback timer runs.
    pub fn is_watched(&self) -> bool {
        let (pid, start) = self.watcher;
        linux::process(pid).is_ok_and(|process| process.start_ticks == start)
    }

    /// Records how it ended, under the command that began it: the journal is the only place where a process without a
    /// terminal can report.
    pub fn journal_end(
        &self,
        state_dir: &Path,
        exit: Exit,
        changed: bool,
        summary: String,
        run: Option<String>,
    ) {
        let entry = JournalEntry {
            at: time::now(),
            host: linux::hostname(),
            command: "confirm".to_owned(),
            argv: self.command.clone(),
            target: self.target.clone(),
            exit,
            changed,
            summary,
            who: self.who.clone(),
            run,
        };
        if let Err(error) = journal::append(state_dir, &entry) {
            tracing::warn!("the end of plan {} was not recorded: {error:#}", self.id);
        }
    }
}

/// The folder of the files; every change in there is a rename.
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join(FOLDER)
}

/// Keeps a copy of the previous configuration, readable by its owner only, in place of one that an earlier run with this
/// plan left, and returns where.
///
/// # Errors
/// When the state folder cannot be written.
pub fn save_config_copy(state_dir: &Path, id: &str, files: &[(PathBuf, Vec<u8>)]) -> Result<PathBuf> {
    Store::new(state_dir).replace_folder(&copy_path(id), &loaded_configs::copy_files(files)?)
}

/// The copy of the previous configuration.
///
/// # Errors
/// When it cannot be read whole.
pub fn read_config_copy(state_dir: &Path, id: &str) -> Result<loaded_configs::ConfigFiles> {
    let files = loaded_configs::read(&Store::new(state_dir), &copy_path(id))?;
    files.with_context(|| format!("{} is missing", state_dir.join(copy_path(id)).display()))
}

/// Removes the copy of the previous configuration. One that cannot be removed is pruned later.
pub fn remove_config_copy(state_dir: &Path, id: &str) {
    let _ = Store::new(state_dir).remove(&copy_path(id));
}

/// Writes the file of a new one.
///
/// # Errors
/// When another one of this id is open and watched, or the state folder cannot be written.
pub fn create(state_dir: &Path, pending: &PendingConfirmation) -> Result<()> {
    let store = Store::new(state_dir);
    let _locked = lock(&store)?;
    let other = read(&store, &pending.id)?;
    ensure!(
        !other.is_some_and(|other| other.is_open() && other.is_watched()),
        "{} waits already",
        pending.id
    );
    write(&store, pending)?;
    prune(&store);
    Ok(())
}

/// Lets `decide` change the one of this id, and returns it as it is then; none where there is none. A change is kept
/// only where `decide` returns true.
///
/// # Errors
/// When it cannot be read or written.
pub fn update(
    state_dir: &Path,
    id: &str,
    decide: impl FnOnce(&mut PendingConfirmation) -> bool,
) -> Result<Option<PendingConfirmation>> {
    if !is_id(id) {
        return Ok(None);
    }
    let store = Store::new(state_dir);
    let _locked = lock(&store)?;
    let Some(mut pending) = read(&store, id)? else { return Ok(None) };
    let before = pending.clone();
    if !decide(&mut pending) {
        return Ok(Some(before));
    }
    write(&store, &pending)?;
    Ok(Some(pending))
}

/// Records that the reload is about to be ordered.
///
/// # Errors
/// When its rollback timer has ended or it is decided, or the file cannot be written: then no reload may be ordered.
pub fn mark_ordered(state_dir: &Path, id: &str) -> Result<()> {
    change_waiting(state_dir, id, |pending| pending.ordered = Some(time::now()))
}

/// The reload is done, so the time to confirm it begins; returns its end, `within` from now.
///
/// # Errors
/// When its rollback timer has ended or it is decided, or the file cannot be written.
pub fn start_timer(state_dir: &Path, id: &str, within: Duration) -> Result<Timestamp> {
    let within = SignedDuration::try_from(within)?;
    let until = time::now().checked_add(within).unwrap_or(Timestamp::MAX);
    change_waiting(state_dir, id, |pending| pending.until = Some(until))?;
    Ok(until)
}

fn change_waiting(state_dir: &Path, id: &str, change: impl FnOnce(&mut PendingConfirmation)) -> Result<()> {
    let mut refused = Some("its file was removed".to_owned());
    update(state_dir, id, |pending| {
        refused = match (pending.is_waiting(), pending.is_watched()) {
            (false, _) => Some("it is decided already".to_owned()),
            (_, false) => Some(format!("its rollback timer (PID {}) has ended", pending.watcher.0)),
            _ => None,
        };
        if refused.is_none() {
            change(pending);
        }
        refused.is_none()
    })?;
    refused.map_or(Ok(()), |why| Err(anyhow::anyhow!("plan {id}: {why}")))
}

/// There is nothing to confirm: it is decided so where nothing is decided yet, and recorded where `in_journal`.
///
/// # Errors
/// When the file cannot be read or written.
pub fn close_without_confirmation(state_dir: &Path, id: &str, why: &str, in_journal: bool) -> Result<()> {
    let mut closed = false;
    let pending = update(state_dir, id, |pending| {
        closed = pending.is_waiting();
        pending.state = ConfirmationState::NotNeeded { at: time::now(), why: why.to_owned() };
        closed
    })?;
    let Some(pending) = pending.filter(|_| closed) else { return Ok(()) };
    remove_config_copy(state_dir, id);
    if in_journal {
        let summary = format!("plan {id}: nothing to confirm: {why}");
        pending.journal_end(state_dir, Exit::Done, false, summary, None);
    }
    Ok(())
}

/// The one of this id.
///
/// # Errors
/// When it is there and cannot be read.
pub fn find(state_dir: &Path, id: &str) -> Result<Option<PendingConfirmation>> {
    if is_id(id) { read(&Store::new(state_dir), id) } else { Ok(None) }
}

/// All of them, oldest first. One that cannot be read is left out.
pub fn all(state_dir: &Path) -> Vec<PendingConfirmation> {
    read_all(&Store::new(state_dir))
}

/// The one that is open for the HAProxy with this main process, and watched.
pub fn find_open_for_process(
    state_dir: &Path,
    main_pid: u32,
    main_start: Option<u64>,
) -> Option<PendingConfirmation> {
    let same =
        |pending: &PendingConfirmation| pending.main_pid == main_pid && pending.main_start == main_start;
    all(state_dir).into_iter().find(|pending| same(pending) && pending.is_open() && pending.is_watched())
}

/// A path is no id.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn file_path(id: &str) -> String {
    format!("{FOLDER}/{id}.json")
}

fn copy_path(id: &str) -> String {
    format!("{FOLDER}/{id}.files")
}

fn lock(store: &Store) -> Result<File> {
    let file = store.open_lock(&format!("{FOLDER}/lock"))?;
    file.lock().with_context(|| format!("locking {}", store.path(FOLDER).display()))?;
    Ok(file)
}

fn read(store: &Store, id: &str) -> Result<Option<PendingConfirmation>> {
    let path = file_path(id);
    let text = store.read(&path)?;
    let parse = |text: Vec<u8>| {
        serde_json::from_slice(&text).with_context(|| format!("in {}", store.path(&path).display()))
    };
    text.map(parse).transpose()
}

fn read_all(store: &Store) -> Vec<PendingConfirmation> {
    let names = store.list(FOLDER).into_iter().map(|entry| entry.name);
    let read = |name: String| read(store, name.strip_suffix(".json")?).ok().flatten();
    let mut all: Vec<PendingConfirmation> = names.filter_map(read).collect();
    all.sort_by_key(|pending| pending.begun);
    all
}

fn write(store: &Store, pending: &PendingConfirmation) -> Result<()> {
    store.replace(&file_path(&pending.id), &serde_json::to_vec(pending)?)
}

/// Gives up decided ones with their copies, and copies that have no file.
fn prune(store: &Store) {
    let items = read_all(store).into_iter().map(|pending| StoredItem {
        in_use: pending.is_open(),
        at: pending.begun,
        name: format!("{}.json", pending.id),
    });
    for name in RETENTION.prune(store, FOLDER, items.collect()) {
        let _ = store.remove(&copy_path(name.trim_end_matches(".json")));
    }
    let entries = store.list(FOLDER);
    let has_file = |id: &str| entries.iter().any(|entry| entry.name.strip_suffix(".json") == Some(id));
    let copies = entries.iter().filter_map(|entry| {
        let in_use = has_file(entry.name.strip_suffix(".files")?);
        Some(StoredItem { name: entry.name.clone(), at: entry.modified, in_use })
    });
    ORPHANED_COPIES.prune(store, FOLDER, copies.collect());
}

#[cfg(test)]
#[path = "pending_confirmations_tests.rs"]
mod tests;

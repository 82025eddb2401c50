//! Reloads that wait for a confirmation: one file each, and every change of one is decided under a lock.
//!
//! `haguard confirm` and the watcher may come at the same moment. Whoever writes its decision first has decided; the
//! other one finds the file changed and leaves it so.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::journal::InvokingUser;
use super::loaded_configs;
use crate::clients::linux;
use crate::exit::Exit;

/// More decided ones than this are forgotten, oldest first.
const MAX_RESOLVED: usize = 20;

/// A reload whose configuration of before is put back unless somebody confirms it.
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
    /// Sockets that were named to find it, as `--master-socket` and `--stats-socket` take them.
    pub sockets: [Option<PathBuf>; 2],
    /// The command that began it, without secrets.
    pub command: Vec<String>,
    /// Who began it.
    pub who: InvokingUser,
    /// When it began.
    pub begun: Timestamp,
    /// How long a confirmation is waited for, in milliseconds.
    pub within_ms: u64,
    /// Until when; none while the reload is under way.
    pub until: Option<Timestamp>,
    /// The folder with the copy that would be put back.
    pub copy: PathBuf,
    /// What that copy is.
    pub source: String,
    /// The process that waits, and its start in clock ticks since boot.
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
    /// Somebody confirmed it: it stays.
    Confirmed {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
    },
    /// The time was over: the configuration of before is being put back.
    #[serde(rename = "going-back")]
    RollingBack {
        /// Since when.
        since: Timestamp,
    },
    /// The way back is over.
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
    /// Nothing is decided, or it is on its way back.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ConfirmationState::Waiting | ConfirmationState::RollingBack { .. })
    }

    /// Its watcher lives.
    pub fn is_watched(&self) -> bool {
        let (pid, start) = self.watcher;
        linux::process(pid).is_ok_and(|process| process.start_ticks == start)
    }
}

/// Where they are; every change in there is a rename.
pub fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("confirm")
}

/// Keeps the copy that would be put back, readable by its owner only, and returns where.
///
/// # Errors
/// When the state folder cannot be written.
pub fn save_config_copy(state_dir: &Path, id: &str, files: &[(PathBuf, Vec<u8>)]) -> Result<PathBuf> {
    let copy = folder(state_dir).join(format!("{id}.files"));
    // One of an earlier run with this plan, which came to nothing.
    let _ = std::fs::remove_dir_all(&copy);
    loaded_configs::write_folder(&copy, files, || Ok(()))?;
    Ok(copy)
}

/// Writes a new one down.
///
/// # Errors
/// When another one of this id is open and watched, or the state folder cannot be written.
pub fn create(state_dir: &Path, pending: &PendingConfirmation) -> Result<()> {
    let _turn = lock_folder(state_dir)?;
    let other = read(&path(state_dir, &pending.id))?;
    ensure!(
        !other.is_some_and(|other| other.is_open() && other.is_watched()),
        "{} waits already",
        pending.id
    );
    write(state_dir, pending)?;
    prune(state_dir);
    Ok(())
}

/// Lets `write_state` change the one of this id, and returns it as it is then; none where there is no such one. A change is
/// kept only where `write_state` says true.
///
/// # Errors
/// When it cannot be read or written.
pub fn update(
    state_dir: &Path,
    id: &str,
    decide: impl FnOnce(&mut PendingConfirmation) -> bool,
) -> Result<Option<PendingConfirmation>> {
    let _turn = lock_folder(state_dir)?;
    let Some(mut pending) = find(state_dir, id)? else { return Ok(None) };
    let before = pending.clone();
    if !decide(&mut pending) {
        return Ok(Some(before));
    }
    write(state_dir, &pending)?;
    Ok(Some(pending))
}

/// The one of this id.
///
/// # Errors
/// When it is there and cannot be read.
pub fn find(state_dir: &Path, id: &str) -> Result<Option<PendingConfirmation>> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { read(&path(state_dir, id)) } else { Ok(None) }
}

/// All of them, oldest first. One that cannot be read is left out.
pub fn all(state_dir: &Path) -> Vec<PendingConfirmation> {
    let entries = std::fs::read_dir(folder(state_dir)).into_iter().flatten().flatten();
    let paths =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut all: Vec<PendingConfirmation> = paths.filter_map(|path| read(&path).ok().flatten()).collect();
    all.sort_by_key(|pending| pending.begun);
    all
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

fn path(state_dir: &Path, id: &str) -> PathBuf {
    folder(state_dir).join(format!("{id}.json"))
}

fn lock_folder(state_dir: &Path) -> Result<File> {
    let folder = folder(state_dir);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

fn read(path: &Path) -> Result<Option<PendingConfirmation>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        Ok(text) => serde_json::from_slice(&text).map(Some).with_context(|| format!("in {}", path.display())),
    }
}

fn write(state_dir: &Path, pending: &PendingConfirmation) -> Result<()> {
    let (path, fresh) =
        (path(state_dir, &pending.id), folder(state_dir).join(format!("{}.fresh", pending.id)));
    let shown = path.display();
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(&fresh);
    let mut file = file.with_context(|| format!("writing {shown}"))?;
    file.write_all(&serde_json::to_vec(pending)?)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("writing {shown}"))?;
    std::fs::rename(&fresh, &path).with_context(|| format!("writing {shown}"))
}

fn prune(state_dir: &Path) {
    let decided: Vec<PendingConfirmation> =
        all(state_dir).into_iter().filter(|pending| !pending.is_open()).collect();
    for old in decided.iter().take(decided.len().saturating_sub(MAX_RESOLVED)) {
        let _ = std::fs::remove_file(path(state_dir, &old.id));
        let _ = std::fs::remove_dir_all(&old.copy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;
    use std::os::unix::fs::MetadataExt;

    fn sample(state: &Path) -> PendingConfirmation {
        let me = std::process::id();
        PendingConfirmation {
            id: "0123456789".into(),
            target: "HAProxy (master 1)".into(),
            main_pid: 1,
            main_start: Some(7),
            sockets: [None, None],
            command: vec![],
            who: InvokingUser::default(),
            begun: time::now(),
            within_ms: 1000,
            until: None,
            copy: save_config_copy(state, "0123456789", &[("/etc/a.cfg".into(), b"global\n".to_vec())])
                .unwrap(),
            source: "the files".into(),
            watcher: (me, linux::process(me).unwrap().start_ticks),
            state: ConfirmationState::Waiting,
        }
    }

    #[test]
    fn whoever_decides_first_has_decided() {
        let dir = tempfile::tempdir().unwrap();
        let pending = sample(dir.path());
        create(dir.path(), &pending).unwrap();
        assert!(create(dir.path(), &pending).is_err(), "it is watched");
        let decide = |state: ConfirmationState| {
            let changed = update(dir.path(), &pending.id, |now| {
                let open = now.state == ConfirmationState::Waiting;
                now.state = state;
                open
            });
            changed.unwrap().unwrap().state
        };
        let confirmed = ConfirmationState::Confirmed { at: time::now(), by: "alice".into() };
        assert_eq!(decide(confirmed.clone()), confirmed);
        assert_eq!(decide(ConfirmationState::RollingBack { since: time::now() }), confirmed);
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(path(dir.path(), &pending.id)), mode(pending.copy.join("0"))), (0o600, 0o600));
    }

    #[test]
    fn one_is_open_for_its_haproxy_only_and_only_while_it_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let mut pending = sample(dir.path());
        create(dir.path(), &pending).unwrap();
        assert_eq!(find_open_for_process(dir.path(), 1, Some(7)), Some(pending.clone()));
        assert_eq!(
            find_open_for_process(dir.path(), 1, Some(8)),
            None,
            "another process under the same number"
        );
        pending.watcher.1 = Some(0);
        write(dir.path(), &pending).unwrap();
        assert_eq!(find_open_for_process(dir.path(), 1, Some(7)), None, "its watcher is gone");
        assert_eq!(find(dir.path(), "../x").unwrap(), None, "a path is no id");
    }

    #[test]
    fn decided_ones_are_forgotten_in_time_with_their_copies() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..MAX_RESOLVED + 5 {
            let id = format!("{number:010}");
            let copy = save_config_copy(dir.path(), &id, &[]).unwrap();
            let void = ConfirmationState::NotNeeded { at: time::now(), why: "x".into() };
            let pending =
                PendingConfirmation { id, copy, state: void, begun: time::now(), ..sample(dir.path()) };
            create(dir.path(), &pending).unwrap();
        }
        assert!(all(dir.path()).len() <= MAX_RESOLVED + 1);
        assert!(!folder(dir.path()).join("0000000000.files").exists());
    }
}

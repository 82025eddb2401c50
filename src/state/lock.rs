//! One run at a time per HAProxy, and none while a freeze file says so.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::store::Store;
use crate::clients::linux;
use crate::clients::lock_file::{self, LOCK_FOLDER, LockHolder};
use crate::time;

/// The right to change one HAProxy. The kernel frees it when the process ends, however it ends.
#[derive(Debug)]
#[must_use = "the lock is free again when this is dropped"]
pub struct Lock {
    _file: File,
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds the lock.
    #[error("another run is changing this HAProxy: {0}")]
    Held(String),
    /// A freeze file is there.
    #[error("changes are frozen by {path}: {reason}", path = path.display())]
    Frozen {
        /// The file.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The lock could not be asked for.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// Takes the lock of the HAProxy whose main process has this PID and start, or names its holder.
///
/// # Errors
/// [`LockError::Held`], or [`LockError::Failed`] when the state folder cannot be written.
pub fn acquire(
    state_dir: &Path,
    main_pid: u32,
    start_ticks: u64,
    command: String,
    user: String,
) -> Result<Lock, LockError> {
    let store = Store::new(state_dir);
    remove_stale(&store);
    let inside = format!("{LOCK_FOLDER}/{}", lock_file::lock_name(main_pid, start_ticks));
    let path = store.path(&inside);
    let holder = LockHolder { pid: std::process::id(), user, command, since: time::now() };
    loop {
        let mut file = store.open_lock(&inside).context("the lock")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(describe_holder(&mut file))),
            Err(TryLockError::Error(error)) => {
                return Err(LockError::Failed(
                    anyhow::Error::from(error).context(format!("locking {}", path.display())),
                ));
            }
        }
        // Another run may have removed the file between our opening and our locking it.
        if file.metadata().is_ok_and(|meta| meta.nlink() == 0) {
            continue;
        }
        write_holder(&mut file, &holder).with_context(|| format!("writing the lock {}", path.display()))?;
        return Ok(Lock { _file: file });
    }
}

fn write_holder(file: &mut File, holder: &LockHolder) -> Result<()> {
    file.set_len(0)?;
    file.write_all(&serde_json::to_vec(holder)?)?;
    Ok(file.flush()?)
}

/// The holder as it wrote itself into the file; it may be writing just now.
fn describe_holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let holder = read.ok().and_then(|_| serde_json::from_str::<LockHolder>(&text).ok());
    holder.map_or_else(|| "one that has just begun".to_owned(), |holder| holder.describe())
}

/// Removes the locks of HAProxies that have ended. A file that is locked is never touched.
fn remove_stale(store: &Store) {
    for entry in store.list(LOCK_FOLDER) {
        let ids = entry.name.strip_suffix(".lock").and_then(|name| name.split_once('-'));
        let Some((Ok(pid), Ok(start))) = ids.map(|(pid, start)| (pid.parse::<u32>(), start.parse::<u64>()))
        else {
            continue;
        };
        if !linux::process(pid).is_ok_and(|process| process.start_ticks == Some(start)) {
            store.remove_unlocked(&format!("{LOCK_FOLDER}/{}", entry.name));
        }
    }
}

/// The freeze that is in force: `/etc/haguard/freeze`, or `freeze` in the state folder. What it says is the reason.
pub fn active_freeze(state_dir: &Path) -> Option<LockError> {
    lock_file::active_freeze(state_dir).map(|(path, reason)| LockError::Frozen { path, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acquire_own(state: &Path) -> Result<Lock, LockError> {
        let me = std::process::id();
        let start = linux::process(me).unwrap().start_ticks.unwrap();
        acquire(state, me, start, "haguard reload".into(), "alice".into())
    }

    #[test]
    fn a_second_run_is_told_who_holds_it_and_a_third_has_it_when_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let first = acquire_own(dir.path()).unwrap();
        let said = acquire_own(dir.path()).unwrap_err().to_string();
        assert!(said.contains(&format!("PID {} of alice since ", std::process::id())), "{said}");
        assert!(said.contains("`haguard reload`"), "{said}");
        drop(first);
        let _third = acquire_own(dir.path()).unwrap();
    }

    #[test]
    fn locks_of_processes_that_have_ended_are_tidied_away() {
        let dir = tempfile::tempdir().unwrap();
        let gone = acquire(dir.path(), u32::MAX >> 1, 7, "x".into(), "y".into()).unwrap();
        let path = dir.path().join(format!("locks/{}-7.lock", u32::MAX >> 1));
        let held = acquire_own(dir.path()).unwrap();
        assert!(path.exists(), "it is held");
        drop((gone, held));
        let _held = acquire_own(dir.path()).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_freeze_says_why_and_an_empty_one_holds_too() {
        let dir = tempfile::tempdir().unwrap();
        assert!(active_freeze(dir.path()).is_none());
        for (text, said) in [("INC-1\n", "freeze: INC-1"), ("", "gives no reason")] {
            std::fs::write(dir.path().join("freeze"), text).unwrap();
            assert!(active_freeze(dir.path()).unwrap().to_string().contains(said));
        }
    }
}

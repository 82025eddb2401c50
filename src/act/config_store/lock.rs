//! One run of haguard at a time per configuration file.
//!
//! The lock of a HAProxy does not do: two HAProxies can load the same file. The lock is a file of haguard's own, because
//! a lock on the configuration file would be one on a file that is replaced.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::StoreError;
use crate::clients::lock_file::LOCK_FOLDER;
use crate::gather;
use crate::state::store::Store;
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;

/// Locks every file, each once and in the same order in every run: two runs then never wait for one another.
pub(super) fn acquire_all(
    state_dir: &Path,
    files: Vec<PathBuf>,
    limit: Duration,
) -> Result<Vec<File>, StoreError> {
    let deadline = Deadline::after(limit);
    let store = Store::new(state_dir);
    let by_lock: BTreeMap<String, PathBuf> = files.into_iter().map(|file| (lock_path(&file), file)).collect();
    by_lock.iter().map(|(lock, file)| acquire(&store, lock, file, deadline)).collect()
}

fn lock_path(file: &Path) -> String {
    format!("{LOCK_FOLDER}/config-{}", gather::md5_hex(file.as_os_str().as_bytes()))
}

/// The kernel frees the lock when the process ends, however it ends. The file stays: it is empty, and there are only as
/// many as configuration files.
fn acquire(store: &Store, lock: &str, file: &Path, deadline: Deadline) -> Result<File, StoreError> {
    let opened = store.open_lock(lock).context("the lock")?;
    let tried = wait::until(deadline, timeouts::POLL, || match opened.try_lock() {
        Err(TryLockError::WouldBlock) => ControlFlow::Continue(()),
        Err(TryLockError::Error(error)) => ControlFlow::Break(Err(error)),
        Ok(()) => ControlFlow::Break(Ok(())),
    });
    match tried {
        Ok(locked) => locked.with_context(|| format!("locking {}", store.path(lock).display()))?,
        Err(()) => return Err(StoreError::Locked(file.to_owned())),
    }
    Ok(opened)
}

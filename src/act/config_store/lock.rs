//! One run of haguard at a time per configuration file.
//!
//! The lock of a HAProxy does not do: two HAProxies can load the same file. The lock is a file of haguard's own, because
//! a lock on the configuration file would be one on a file that is replaced.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::StoreError;
use crate::gather;
use crate::time::Deadline;
use crate::{timeouts, wait};

/// Locks every file, each once and in the same order in every run: two runs then never wait for one another.
pub(super) fn acquire_all(
    state_dir: &Path,
    files: Vec<PathBuf>,
    limit: Duration,
) -> Result<Vec<File>, StoreError> {
    let deadline = Deadline::after(limit);
    let by_lock: BTreeMap<PathBuf, PathBuf> =
        files.into_iter().map(|file| (lock_path(state_dir, &file), file)).collect();
    by_lock.iter().map(|(lock, file)| acquire(lock, file, deadline)).collect()
}

fn lock_path(state_dir: &Path, file: &Path) -> PathBuf {
    state_dir.join("locks").join(format!("config-{}", gather::md5_hex(file.as_os_str().as_bytes())))
}

/// The kernel frees the lock when the process ends, however it ends. The file stays: it is empty, and there are only as
/// many as configuration files.
fn acquire(lock: &Path, file: &Path, deadline: Deadline) -> Result<File, StoreError> {
    let opened = open(lock)?;
    let tried = wait::until(deadline, timeouts::POLL, || match opened.try_lock() {
        Err(TryLockError::WouldBlock) => ControlFlow::Continue(()),
        Err(TryLockError::Error(error)) => ControlFlow::Break(Err(error)),
        Ok(()) => ControlFlow::Break(Ok(())),
    });
    match tried {
        Ok(locked) => locked.with_context(|| format!("locking {}", lock.display()))?,
        Err(()) => return Err(StoreError::Locked(file.to_owned())),
    }
    Ok(opened)
}

fn open(lock: &Path) -> Result<File> {
    let folder = lock.parent().unwrap_or(lock);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("making {}", folder.display()))?;
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(false).mode(0o600).open(lock);
    opened.with_context(|| format!("opening the lock {}", lock.display()))
}

//! The files that say whose turn it is: the lock of each HAProxy, and the freeze.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::wire::linux::proc_locks;

/// The freeze file of the host. A second one, `freeze` in the state folder, counts as well.
pub const FREEZE_FILE: &str = "/etc/haguard/freeze";

/// Who holds a lock, as it wrote itself down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The process.
    pub pid: u32,
    /// The user.
    pub user: String,
    /// What it was called with, without secrets.
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

impl LockHolder {
    /// In one line.
    pub fn describe(&self) -> String {
        let LockHolder { pid, user, command, since } = self;
        format!("PID {pid} of {user} since {}, `{command}`", since.strftime("%F %T UTC"))
    }
}

/// The lock of the HAProxy whose main process has this PID and start.
pub fn lock_path(state_dir: &Path, main_pid: u32, start_ticks: u64) -> PathBuf {
    state_dir.join("locks").join(format!("{main_pid}-{start_ticks}.lock"))
}

/// Who has the lock now. It is looked up in the kernel's list: asking for the lock would keep others from it.
///
/// # Errors
/// When the state folder may not be read.
pub fn holder(state_dir: &Path, main_pid: u32, start_ticks: u64) -> Result<Option<LockHolder>> {
    let path = lock_path(state_dir, main_pid, start_ticks);
    let read = std::fs::metadata(&path).and_then(|meta| Ok((meta.ino(), std::fs::read_to_string(&path)?)));
    let (inode, text) = match read {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let Ok(holder) = serde_json::from_str::<LockHolder>(&text) else { return Ok(None) };
    let locks = std::fs::read_to_string("/proc/locks").context("reading /proc/locks")?;
    Ok(proc_locks::holds_flock(&locks, holder.pid, inode).then_some(holder))
}

/// The freeze that is in force, with the reason that it gives.
pub fn active_freeze(state_dir: &Path) -> Option<(PathBuf, String)> {
    [PathBuf::from(FREEZE_FILE), state_dir.join("freeze")].into_iter().find_map(|path| {
        let reason = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            // One that cannot be read is still there.
            Err(error) => format!("(its reason cannot be read: {error})"),
        };
        let reason = if reason.is_empty() { "it gives no reason".to_owned() } else { reason };
        Some((path, reason))
    })
}

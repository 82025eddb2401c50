//! The files that keep runs apart: the lock of each HAProxy, and the freeze.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::linux::{self, OwnFolder};
use crate::wire::linux::proc_locks;

/// The freeze file of the host. A second one, `freeze` in the state folder, counts as well.
pub const FREEZE_FILE: &str = "/etc/haguard/freeze";

/// The holder of a lock, as it wrote itself into the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The process.
    pub pid: u32,
    /// The user.
    pub user: String,
    /// Its command line, without secrets.
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

/// The folder of the locks, in the state folder.
pub const LOCK_FOLDER: &str = "locks";
/// In bytes. A command line is at most 2 MiB.
const MAX_LOCK_SIZE: u64 = 4 << 20;

/// The name of the lock of the HAProxy whose main process has this PID and start.
pub fn lock_name(main_pid: u32, start_ticks: u64) -> String {
    format!("{main_pid}-{start_ticks}.lock")
}

/// The holder of the lock now. It is looked up in the kernel's list, because asking for the lock would keep others from
/// it.
///
/// # Errors
/// When the state folder may not be read, or is not trusted.
pub fn holder(state_dir: &Path, main_pid: u32, start_ticks: u64) -> Result<Option<LockHolder>> {
    let Some(folder) = OwnFolder::open(state_dir)? else { return Ok(None) };
    let Some(folder) = folder.enter(LOCK_FOLDER)? else { return Ok(None) };
    let name = lock_name(main_pid, start_ticks);
    let Some(file) = folder.open_file(&name, OFlags::RDONLY)? else { return Ok(None) };
    let inode = file.metadata().with_context(|| format!("reading {name}"))?.ino();
    let mut text = Vec::new();
    file.take(MAX_LOCK_SIZE).read_to_end(&mut text).with_context(|| format!("reading {name}"))?;
    let Ok(holder) = serde_json::from_slice::<LockHolder>(&text) else { return Ok(None) };
    let locks = std::fs::read_to_string("/proc/locks").context("reading /proc/locks")?;
    Ok(proc_locks::holds_flock(&locks, holder.pid, inode).then_some(holder))
}

/// The freeze that is in force, with the reason that it gives.
pub fn active_freeze(state_dir: &Path) -> Option<(PathBuf, String)> {
    [PathBuf::from(FREEZE_FILE), state_dir.join("freeze")].into_iter().find_map(|path| {
        let reason = match linux::read_text_file(&path) {
            Ok(text) => text.trim().to_owned(),
            // A link that leads nowhere was put there by someone who wanted a freeze.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                match std::fs::symlink_metadata(&path) {
                    Ok(_) => "(its link leads nowhere)".to_owned(),
                    Err(_) => return None,
                }
            }
            // One that cannot be read is still there.
            Err(error) => format!("(its reason cannot be read: {error})"),
        };
        let reason = if reason.is_empty() { "it gives no reason".to_owned() } else { reason };
        Some((path, reason))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_a_freeze() {
        let dir = tempfile::tempdir().unwrap();
        let freeze = dir.path().join("freeze");
        assert_eq!(active_freeze(dir.path()), None);
        std::os::unix::fs::symlink("/nowhere/freeze", &freeze).unwrap();
        assert_eq!(active_freeze(dir.path()), Some((freeze, "(its link leads nowhere)".to_owned())));
    }
}

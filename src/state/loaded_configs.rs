//! Copies of the configuration that a worker loaded, so that this state can be found again.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::clients::linux;
use crate::facts::Instance;

/// More copies than this are given up, oldest first.
const MAX_COPIES: usize = 8;

/// The files that one worker loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedConfigCopy {
    /// The worker.
    pub worker: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// Path and bytes, in the order they are loaded. They may hold passwords: never show them.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

#[derive(Serialize, Deserialize)]
struct CopyIndex {
    files: Vec<PathBuf>,
}

/// Keeps a copy, readable by its owner only, and returns where.
///
/// # Errors
/// When the state folder cannot be written.
pub fn save(state_dir: &Path, kept: &LoadedConfigCopy) -> Result<PathBuf> {
    let parent = state_dir.join("kept");
    let name = folder_name(kept.worker, kept.start_ticks);
    let fresh = parent.join(format!("{name}.{}.fresh", std::process::id()));
    let folder = parent.join(name);
    // One of our own number was left by somebody who was killed.
    let _ = std::fs::remove_dir_all(&fresh);
    write_folder(&fresh, &kept.files, || {
        // The same worker has the same files: a second copy replaces the first.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::rename(&fresh, &folder).with_context(|| format!("writing {}", folder.display()))
    })?;
    prune(&parent);
    Ok(folder)
}

/// Writes copies of files into a new folder, with a list of where they belong, and then what else `more` puts there.
/// Where any of it fails, as on a full disk, nothing of the folder is left.
pub(crate) fn write_folder(
    folder: &Path,
    files: &[(PathBuf, Vec<u8>)],
    more: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let parent = folder.parent().context("a folder is in a folder")?;
    let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
    let made = made.and_then(|()| DirBuilder::new().mode(0o700).create(folder));
    made.with_context(|| format!("making {}", folder.display()))?;
    let filled = write_copies(folder, files).and_then(|()| more());
    if filled.is_err() {
        // What cannot be removed is no worse than what could not be written.
        let _ = std::fs::remove_dir_all(folder);
    }
    filled
}

fn write_copies(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let index = CopyIndex { files: files.iter().map(|(path, _)| path.clone()).collect() };
    write(&folder.join("index.json"), &serde_json::to_vec(&index)?)?;
    for (at, (_, bytes)) in files.iter().enumerate() {
        write(&folder.join(at.to_string()), bytes)?;
    }
    Ok(())
}

/// Path and bytes of every file that was laid out in a folder.
///
/// # Errors
/// When they cannot all be read.
pub fn read(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
    };
    let index: CopyIndex = serde_json::from_slice(&read("index.json")?).context("in index.json")?;
    let files = index.files.into_iter().enumerate();
    files.map(|(at, path)| Ok((path, read(&at.to_string())?))).collect()
}

/// The copy of what the worker that serves has loaded, where there is one.
///
/// # Errors
/// When it is there and cannot be read whole.
pub fn find_for_serving_worker(state_dir: &Path, instance: &Instance) -> Result<Option<LoadedConfigCopy>> {
    let started = |pid: u32| linux::process(pid).ok()?.start_ticks;
    match instance.serving.seen().and_then(|pid| Some((*pid, started(*pid)?))) {
        Some((worker, start)) => find(state_dir, worker, start),
        None => Ok(None),
    }
}

/// The copy of what this worker loaded, where there is one.
///
/// # Errors
/// When it is there and cannot be read whole.
pub fn find(state_dir: &Path, worker: u32, start_ticks: u64) -> Result<Option<LoadedConfigCopy>> {
    let folder = state_dir.join("kept").join(folder_name(worker, start_ticks));
    if !folder.is_dir() {
        return Ok(None);
    }
    Ok(Some(LoadedConfigCopy { worker, start_ticks, files: read(&folder)? }))
}

fn folder_name(worker: u32, start_ticks: u64) -> String {
    format!("{worker}-{start_ticks}")
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("writing {}", path.display()))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("writing {}", path.display()))
}

fn prune(parent: &Path) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut all: Vec<_> =
        entries.filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path()))).collect();
    all.sort();
    for (_, path) in all.iter().take(all.len().saturating_sub(MAX_COPIES)) {
        let _ = std::fs::remove_dir_all(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_a_worker_loaded_is_found_again_and_nobody_else_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let files =
            vec![(PathBuf::from("/etc/a.cfg"), b"global\n".to_vec()), ("/etc/b.cfg".into(), vec![0xff])];
        let kept = LoadedConfigCopy { worker: 7, start_ticks: 9, files };
        for _ in 0..2 {
            let folder = save(dir.path(), &kept).unwrap();
            let mode = |path: PathBuf| std::fs::metadata(path).unwrap().mode() & 0o777;
            assert_eq!((mode(folder.clone()), mode(folder.join("0"))), (0o700, 0o600));
        }
        assert_eq!(find(dir.path(), 7, 9).unwrap(), Some(kept.clone()));
        assert_eq!(find(dir.path(), 7, 10).unwrap(), None, "another process under the same number");
        for worker in 100..120 {
            let _ = save(dir.path(), &LoadedConfigCopy { worker, ..kept.clone() }).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path().join("kept")).unwrap().count(), MAX_COPIES);
    }
}

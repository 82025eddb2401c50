//! Copies of the configuration that a worker loaded, so that it can be loaded again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::retention::{Retention, StoredItem};
use super::store::{FolderFiles, Store};
use crate::clients::linux;
use crate::facts::Instance;

const FOLDER: &str = "kept";
/// The copy of a worker that runs is in use.
const RETENTION: Retention = Retention { most: 8, max_age: None };
/// The file that lists where the files of a copy, which have numbers for names, belong.
const INDEX: &str = "index.json";

/// Path and bytes of each file, in the order they are loaded. They may hold passwords: never show them.
pub type ConfigFiles = Vec<(PathBuf, Vec<u8>)>;

/// The files that one worker loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedConfigCopy {
    /// The worker.
    pub worker: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// What it loaded.
    pub files: ConfigFiles,
}

#[derive(Serialize, Deserialize)]
struct CopyIndex {
    files: Vec<PathBuf>,
}

/// Keeps a copy, readable by its owner only, and returns where. The same worker has the same files, so a second copy
/// replaces the first.
///
/// # Errors
/// When the state folder cannot be written.
pub fn save(state_dir: &Path, kept: &LoadedConfigCopy) -> Result<PathBuf> {
    let store = Store::new(state_dir);
    let name = folder_name(kept.worker, kept.start_ticks);
    let folder = store.replace_folder(&format!("{FOLDER}/{name}"), &copy_files(&kept.files)?)?;
    let items = store.list(FOLDER).into_iter().map(|entry| StoredItem {
        at: entry.modified,
        in_use: entry.name == name || is_of_running_worker(&entry.name),
        name: entry.name,
    });
    RETENTION.prune(&store, FOLDER, items.collect());
    Ok(folder)
}

fn is_of_running_worker(name: &str) -> bool {
    let parts = name.split_once('-').and_then(|(pid, start)| Some((pid.parse().ok()?, start.parse().ok()?)));
    parts.is_some_and(|(pid, start)| start_ticks(pid) == Some(start))
}

/// Copies of files as they are written into a folder, with a list of where they belong.
pub(crate) fn copy_files(files: &[(PathBuf, Vec<u8>)]) -> Result<FolderFiles<'_>> {
    let index = CopyIndex { files: files.iter().map(|(path, _)| path.clone()).collect() };
    let index = (INDEX.to_owned(), serde_json::to_vec(&index)?.into());
    let copies = files.iter().enumerate().map(|(at, (_, bytes))| (at.to_string(), bytes.into()));
    Ok(std::iter::once(index).chain(copies).collect())
}

/// Path and bytes of every file that was copied into a folder; none where there is no such folder.
///
/// # Errors
/// When they cannot all be read.
pub(crate) fn read(store: &Store, folder: &str) -> Result<Option<ConfigFiles>> {
    let index_path = format!("{folder}/{INDEX}");
    let Some(index) = store.read(&index_path)? else { return Ok(None) };
    let index: CopyIndex = serde_json::from_slice(&index)
        .with_context(|| format!("in {}", store.path(&index_path).display()))?;
    let read = |(at, path)| {
        let inside = format!("{folder}/{at}");
        let missing = || format!("{} is missing", store.path(&inside).display());
        Ok((path, store.read(&inside)?.with_context(missing)?))
    };
    index.files.into_iter().enumerate().map(read).collect::<Result<_>>().map(Some)
}

/// The copy of what the serving worker has loaded; none where there is no copy.
///
/// # Errors
/// When it is there and cannot be read whole.
pub fn find_for_serving_worker(state_dir: &Path, instance: &Instance) -> Result<Option<LoadedConfigCopy>> {
    match instance.serving.seen().and_then(|pid| Some((*pid, start_ticks(*pid)?))) {
        Some((worker, start)) => find(state_dir, worker, start),
        None => Ok(None),
    }
}

/// The copy of what this worker loaded; none where there is no copy.
///
/// # Errors
/// When it is there and cannot be read whole.
pub fn find(state_dir: &Path, worker: u32, start_ticks: u64) -> Result<Option<LoadedConfigCopy>> {
    let folder = format!("{FOLDER}/{}", folder_name(worker, start_ticks));
    let files = read(&Store::new(state_dir), &folder)?;
    Ok(files.map(|files| LoadedConfigCopy { worker, start_ticks, files }))
}

fn folder_name(worker: u32, start_ticks: u64) -> String {
    format!("{worker}-{start_ticks}")
}

fn start_ticks(pid: u32) -> Option<u64> {
    linux::process(pid).ok()?.start_ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_a_worker_loaded_is_found_again_and_only_its_owner_may_read_it() {
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
        assert_eq!(std::fs::read_dir(dir.path().join("kept")).unwrap().count(), RETENTION.most);
    }

    #[test]
    fn the_copy_of_a_worker_that_runs_stays_however_many_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let me = std::process::id();
        let start = start_ticks(me).unwrap();
        let copy = |worker, start_ticks| LoadedConfigCopy { worker, start_ticks, files: vec![] };
        let _ = save(dir.path(), &copy(me, start)).unwrap();
        for worker in 100..120 {
            let _ = save(dir.path(), &copy(worker, 9)).unwrap();
        }
        assert_eq!(find(dir.path(), me, start).unwrap(), Some(copy(me, start)));
        assert_eq!(std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), RETENTION.most);
    }

    #[test]
    fn a_copy_that_was_cut_short_is_an_error_that_names_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let files = vec![(PathBuf::from("/etc/a.cfg"), b"global\n".to_vec())];
        let folder = save(dir.path(), &LoadedConfigCopy { worker: 7, start_ticks: 9, files }).unwrap();
        std::fs::remove_file(folder.join("0")).unwrap();
        let said = format!("{:#}", find(dir.path(), 7, 9).unwrap_err());
        assert!(said.contains("kept/7-9/0 is missing"), "{said}");
        std::fs::write(folder.join(INDEX), "{\"files\":[\"/et").unwrap();
        let said = format!("{:#}", find(dir.path(), 7, 9).unwrap_err());
        assert!(said.contains("kept/7-9/index.json"), "{said}");
    }
}

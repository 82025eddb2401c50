//! The configuration that a reload replaces: where its bytes are found.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

use crate::clients::linux::{self, OwnFolder};
use crate::facts::{Facts, Instance, Known, Process};
use crate::gather;
use crate::plan::RollbackPlan;
use crate::plural::plural;
use crate::state::loaded_configs;

/// Files that can be put back.
#[derive(Clone)]
pub struct PreviousConfig {
    /// Where they were found.
    pub source: String,
    /// Path and bytes, in the order they are loaded. They may hold passwords: never show them.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// They are the very files on disk.
    pub on_disk: bool,
}

impl fmt::Debug for PreviousConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<&PathBuf> = self.files.iter().map(|(path, _)| path).collect();
        f.debug_struct("Previous")
            .field("source", &self.source)
            .field("files", &paths)
            .finish_non_exhaustive()
    }
}

impl PreviousConfig {
    /// Finds what the serving worker loaded: the files that `--previous` names, else the copy that haguard keeps of what
    /// it has proven, else the files on disk where they are unchanged since. None where none of these is certain.
    ///
    /// # Errors
    /// When given files cannot be read or do not fit, or when files cannot be put back there at all.
    pub fn find(state_dir: &Path, facts: &Facts, given: &[PathBuf]) -> Result<Option<Self>> {
        let instance = facts.instance.seen().context("which HAProxy runs is not known")?;
        ensure!(
            instance.main.same_mount_namespace == Known::Seen(true),
            "{} runs in a mount namespace of its own, where haguard does not put files back",
            instance.title()
        );
        if !given.is_empty() {
            return PreviousConfig::from_paths(facts, given).map(Some);
        }
        if let Some(kept) = loaded_configs::find_for_serving_worker(state_dir, instance)? {
            let source = format!("the copy that haguard kept of what worker {} loaded", kept.worker);
            return Ok(Some(PreviousConfig { source, files: kept.files, on_disk: false }));
        }
        if !files_unchanged_since_start(instance, facts) {
            return Ok(None);
        }
        let read = |path: &str| {
            gather::read_process_file(&instance.main, path).with_context(|| format!("reading {path}"))
        };
        let files = facts.config.files.iter().map(|file| Ok((PathBuf::from(&file.path), read(&file.path)?)));
        let source = "the files on disk, which are unchanged since the worker loaded them".to_owned();
        Ok(Some(PreviousConfig { source, files: files.collect::<Result<_>>()?, on_disk: true }))
    }

    /// The files that `--previous` names, in place of those that HAProxy loads.
    ///
    /// # Errors
    /// When they are not as many, or one cannot be read.
    pub fn from_paths(facts: &Facts, given: &[PathBuf]) -> Result<Self> {
        let now = &facts.config.files;
        ensure!(
            given.len() == now.len(),
            "--previous was given {}, and HAProxy loads {}: {}",
            plural(given.len(), "time"),
            plural(now.len(), "file"),
            now.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(" ")
        );
        let read =
            |path: &PathBuf| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
        let files = now.iter().zip(given).map(|(file, path)| Ok((PathBuf::from(&file.path), read(path)?)));
        Ok(PreviousConfig {
            source: "the files given with --previous".to_owned(),
            files: files.collect::<Result<_>>()?,
            on_disk: false,
        })
    }

    /// What a plan says about it.
    pub fn rollback_description(&self, within: std::time::Duration) -> RollbackPlan {
        let files =
            self.files.iter().map(|(path, bytes)| (path.display().to_string(), gather::md5_hex(bytes)));
        RollbackPlan { within, source: self.source.clone(), files: files.collect() }
    }
}

/// Neither content, nor name, nor mode of a file changed since, and no file came to or went from its folder where the
/// whole folder is loaded: a time of writing alone can be made old.
fn files_unchanged_since_start(instance: &Instance, facts: &Facts) -> bool {
    let Known::Seen(started) = &instance.worker_started else { return false };
    let paths = facts.config.files.iter().map(|file| file.path.as_str());
    let folders = facts.config.arguments.iter().map(String::as_str);
    paths.chain(folders).all(|path| is_older_than(&PathBuf::from(instance.main.absolute(path)), *started))
}

fn is_older_than(path: &Path, started: Timestamp) -> bool {
    // /proc rounds the start down. What is this close to it may have come after it, and is not taken for sure.
    let last = started.as_millisecond();
    std::fs::metadata(path).is_ok_and(|meta| {
        let latest = (meta.mtime(), meta.mtime_nsec()).max((meta.ctime(), meta.ctime_nsec()));
        latest.0.saturating_mul(1000) + latest.1 / 1_000_000 <= last
    })
}

/// Copies that HAProxy can try while the files themselves stay as they are. They are removed when this is dropped.
#[derive(Debug)]
pub struct StagedConfig {
    folder: PathBuf,
    /// The copies, in the order they are loaded.
    pub files: Vec<PathBuf>,
}

impl StagedConfig {
    /// Writes the copies where the user that HAProxy is started as can read them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(previous: &PreviousConfig, state_dir: &Path, main: &Process) -> Result<Self> {
        let parent = if main.uid == linux::effective_uid() { state_dir } else { Path::new("/tmp") };
        let name = format!("haguard-trial-{}", std::process::id());
        let folder = parent.join(&name);
        let parent = OwnFolder::create(parent)?;
        // With our own PID: what is there was left by a process that was killed.
        parent.remove(&name)?;
        parent.make_folder(&name)?;
        let opened = parent.enter(&name)?.context("it was removed")?;
        let mut trial = StagedConfig { folder, files: Vec::new() };
        for (number, (path, bytes)) in previous.files.iter().enumerate() {
            let name = format!("{number}-{}", path.file_name().unwrap_or_default().to_string_lossy());
            let copy = trial.folder.join(&name);
            let written = opened.create_file(&name).and_then(|mut file| Ok(file.write_all(bytes)?));
            written.with_context(|| format!("writing {}", copy.display()))?;
            trial.files.push(copy);
        }
        if main.uid != linux::effective_uid() {
            for path in trial.files.iter().chain([&trial.folder]) {
                std::os::unix::fs::chown(path, Some(main.uid), None)
                    .with_context(|| format!("giving {} to the user of HAProxy", path.display()))?;
            }
        }
        Ok(trial)
    }
}

impl Drop for StagedConfig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hold_passwords_is_never_shown() {
        let files = vec![(PathBuf::from("/etc/a.cfg"), b"hunter2".to_vec())];
        let previous = PreviousConfig { source: "x".into(), files, on_disk: false };
        let shown = format!("{previous:?}");
        assert!(shown.contains("/etc/a.cfg") && !shown.contains("104"), "{shown}");
    }

    #[test]
    fn an_older_file_that_was_moved_there_counts_as_touched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.cfg");
        std::fs::write(&path, "x").unwrap();
        let written = Timestamp::try_from(std::fs::metadata(&path).unwrap().modified().unwrap()).unwrap();
        assert!(is_older_than(&path, written));
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        assert!(
            !is_older_than(&path, Timestamp::from_second(9).unwrap()),
            "its time of writing was made old"
        );
    }
}

//! The configuration of a HAProxy as it is stored, and the one way in which haguard changes it.
//!
//! | file | what is in it |
//! |---|---|
//! | `lock` | one run of haguard at a time per file |
//! | `attributes` | mode, owner, extended attributes and ACL of a file, for its successor |
//! | `exchange` | two files change places in one step |
//! | `staged_change` | the change of one file: laid out beside it, applied, undone |
//!
//! Today the store is files on this host. All files of a change are locked and read; what is new is written beside them
//! and tested by the caller; then each file and its successor change places in one step of the kernel's. At no moment is
//! a file missing or half written. What a file held is kept beside it.
//!
//! - A file that changed since it was read is not overwritten: the change is refused, and all files are as they were.
//! - A successor has the mode, the owner, the extended attributes and the ACL of its file. Where one of them cannot be
//!   set, the change is refused.
//! - Behind a symbolic link, the file that it leads to is changed, and the link stays. Where a file is to go, the link
//!   goes.
//! - A file with several hard links is written in place, because a successor would leave the other names with the old
//!   content. This is the one case in which a reader can see a file half written. What it held is on disk before.

mod attributes;
mod exchange;
mod lock;
mod staged_change;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::clearance::Clearance;
use crate::clients::linux;
use crate::gather;
use staged_change::StagedChange;

/// Configuration files that are locked for a change. They are free again when this is dropped.
#[derive(Debug)]
pub struct ConfigStore {
    _locks: Vec<File>,
}

/// A file as it was read.
#[derive(Clone)]
pub struct StoredFile {
    /// The name that it was read by.
    name: PathBuf,
    /// The file itself, behind every symbolic link.
    path: PathBuf,
    /// Its bytes; none where there is no file. They may hold passwords: never show them.
    content: Option<Vec<u8>>,
}

/// The change of one file.
pub struct FileChange<'a> {
    /// The file as it was read. It must still be so.
    pub file: StoredFile,
    /// What it is to hold; none where its name is to go.
    pub content: Option<&'a [u8]>,
    /// A file whose mode, owner and other attributes a new file gets.
    pub template: Option<&'a Path>,
}

/// A file's new content where it can be tested before it is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedFile<'a> {
    /// The file that is to be changed.
    pub file: &'a Path,
    /// A file beside it with the new content.
    pub content: &'a Path,
}

/// What was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WrittenFiles {
    /// Files that were changed, created or removed.
    pub changed: Vec<PathBuf>,
    /// Files beside them that keep what they held.
    pub kept: Vec<PathBuf>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another run of haguard holds the lock of the file.
    #[error("another run of haguard is changing {path}", path = .0.display())]
    Locked(PathBuf),
    /// The file is not as it was read.
    #[error("{path} changed since haguard read it", path = .0.display())]
    Changed(PathBuf),
    /// Something else failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl ConfigStore {
    /// Locks these files, whether or not they exist. Other runs of haguard with this state folder are waited for.
    ///
    /// # Errors
    /// [`StoreError::Locked`] after `limit`, or when the state folder cannot be written.
    pub fn lock<'a>(
        state_dir: &Path,
        files: impl IntoIterator<Item = &'a PathBuf>,
        limit: Duration,
    ) -> Result<Self, StoreError> {
        let paths: Result<Vec<PathBuf>> = files.into_iter().map(|file| resolve_links(file)).collect();
        Ok(ConfigStore { _locks: lock::acquire_all(state_dir, paths?, limit)? })
    }

    /// Reads a file; a file that does not exist is a result, too.
    ///
    /// # Errors
    /// When it is no regular file, or may not be read.
    pub fn read(&self, file: &Path) -> Result<StoredFile> {
        let path = resolve_links(file)?;
        let content = match linux::read_regular_file(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        Ok(StoredFile { name: file.to_owned(), path, content })
    }

    /// Changes all of these files, or none. What each held is kept beside it as `FILE.SUFFIX`, a name that HAProxy does
    /// not load from a folder because it does not end in `.cfg`. `test` decides before a file is changed.
    ///
    /// # Errors
    /// [`StoreError::Changed`], or when the test or a write fails: then all files are as they were, or the error says
    /// which one is not.
    pub fn write(
        &self,
        _clearance: &Clearance,
        changes: &[FileChange<'_>],
        suffix: &str,
        test: impl FnOnce(&[StagedFile<'_>]) -> Result<()>,
    ) -> Result<WrittenFiles, StoreError> {
        let mut staged = Vec::new();
        let mut applied = 0;
        let written = stage_all(changes, suffix, &mut staged).and_then(|()| {
            test(&staged.iter().filter_map(StagedChange::staged_file).collect::<Vec<_>>())?;
            staged.iter().try_for_each(|change| {
                change.apply()?;
                applied += 1;
                Ok(())
            })
        });
        match written {
            Ok(()) => Ok(WrittenFiles {
                changed: staged.iter().map(|change| change.path().to_owned()).collect(),
                kept: staged.iter().filter_map(StagedChange::kept_file).map(Path::to_owned).collect(),
            }),
            Err(error) => Err(undo_all(&staged, applied, error)),
        }
    }
}

fn stage_all(
    changes: &[FileChange<'_>],
    suffix: &str,
    staged: &mut Vec<StagedChange>,
) -> Result<(), StoreError> {
    for change in changes {
        staged.push(StagedChange::stage(change, suffix)?);
    }
    Ok(())
}

/// Takes back the first changes, which were applied, newest first, and removes what was laid out for the others.
fn undo_all(staged: &[StagedChange], applied: usize, error: StoreError) -> StoreError {
    staged[applied..].iter().for_each(StagedChange::discard);
    let undone: Vec<Result<()>> = staged[..applied].iter().rev().map(StagedChange::undo).collect();
    match undone.into_iter().find_map(Result::err) {
        Some(worse) => anyhow!("{error}, and a change could not be undone: {worse:#}").into(),
        None => error,
    }
}

impl StoredFile {
    /// The file itself, behind every symbolic link.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes; none where there is no file.
    pub fn content(&self) -> Option<&[u8]> {
        self.content.as_deref()
    }

    fn md5(&self) -> Option<String> {
        self.content().map(gather::md5_hex)
    }
}

/// The file that a path leads to. It need not exist, but its folder must.
fn resolve_links(path: &Path) -> Result<PathBuf> {
    let resolved = match std::fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            match (std::fs::read_link(path), path.parent()) {
                // A link to a file that is gone: a chain of links without an end is another error.
                (Ok(target), Some(folder)) => return resolve_links(&folder.join(target)),
                (Err(_), Some(folder)) => std::fs::canonicalize(folder)
                    .map(|folder| folder.join(path.file_name().unwrap_or_default())),
                _ => Err(error),
            }
        }
        other => other,
    };
    resolved.with_context(|| format!("looking for {}", path.display()))
}

//! The change of one file: laid out beside it, applied, and undone when another file of the same change fails.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::OFlags;

use super::attributes::{FileAttributes, write_new_file};
use super::exchange::{exchange, rename_to_new, sync_parent_folder, with_suffix};
use super::{FileChange, StagedFile, StoreError};
use crate::clients::linux;
use crate::gather;

/// Names that are tried for what is kept beside a file.
const MAX_NAME_ATTEMPTS: usize = 9;

/// One change, ready to be applied.
#[derive(Debug)]
pub(super) struct StagedChange {
    path: PathBuf,
    /// The new content until the change is applied, and then what the file held.
    beside: PathBuf,
    method: Method,
    /// The hash of what was read; none where there was no file.
    before: Option<String>,
    /// The hash of the new content; none where the file goes.
    after: Option<String>,
}

#[derive(Debug)]
enum Method {
    /// The file and the one beside it change places.
    Exchange(FileAttributes),
    /// There is no file yet.
    Create,
    /// The file goes.
    Remove,
    /// The file has other names, which are to hold the new content as well.
    InPlace(FileAttributes),
}

impl StagedChange {
    /// Writes the new content beside the file.
    pub(super) fn stage(change: &FileChange<'_>, suffix: &str) -> Result<Self, StoreError> {
        // A link without its file would still be loaded from a folder, so the link is what goes.
        let path = change.content.map_or(change.file.name.as_path(), |_| change.file.path()).to_owned();
        let beside = free_name(&path, suffix)?;
        let method = match (change.content, change.file.content()) {
            (None, _) => Method::Remove,
            (Some(bytes), None) => {
                let template = change.template.context("there is no file whose mode and owner it could get");
                let like = template.and_then(|file| FileAttributes::read(&File::open(file)?));
                let like = like.with_context(|| format!("creating {}", path.display()))?;
                write_new_file(&beside, bytes, &like)?;
                Method::Create
            }
            (Some(bytes), Some(_)) => {
                let Ok(file) = open_file(&path) else { return Err(StoreError::Changed(path)) };
                let shown = || format!("reading the attributes of {}", path.display());
                let like = FileAttributes::read(&file).with_context(shown)?;
                write_new_file(&beside, bytes, &like)?;
                match file.metadata().with_context(shown)?.nlink() {
                    0 | 1 => Method::Exchange(like),
                    _ => Method::InPlace(like),
                }
            }
        };
        let (before, after) = (change.file.md5(), change.content.map(gather::md5_hex));
        Ok(StagedChange { path, beside, method, before, after })
    }

    /// The file that is changed.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the new content can be tested; none where the file goes.
    pub(super) fn staged_file(&self) -> Option<StagedFile<'_>> {
        let new = !matches!(self.method, Method::Remove);
        new.then_some(StagedFile { file: &self.path, content: &self.beside })
    }

    /// Once it is applied: the file that keeps what the changed one held.
    pub(super) fn kept_file(&self) -> Option<&Path> {
        (!matches!(self.method, Method::Create)).then_some(&self.beside)
    }

    /// Applies the change. When it fails, nothing is changed and nothing is left beside the file.
    pub(super) fn apply(&self) -> Result<(), StoreError> {
        let applied = match &self.method {
            Method::Exchange(like) => self.apply_exchange(like),
            Method::Create => self.check_rename(rename_to_new(&self.beside, &self.path)),
            Method::Remove => self.apply_remove(),
            Method::InPlace(like) => self.apply_in_place(like),
        };
        sync_parent_folder(&self.path);
        applied
    }

    /// What was there is compared after the exchange: then no other program can change it in between.
    fn apply_exchange(&self, like: &FileAttributes) -> Result<(), StoreError> {
        self.check_rename(exchange(&self.path, &self.beside))?;
        let same = holds(&self.beside, self.before.as_deref())
            && open_file(&self.beside)
                .and_then(|file| FileAttributes::read(&file))
                .is_ok_and(|now| now == *like);
        if !same {
            let back = exchange(&self.path, &self.beside);
            back.with_context(|| format!("taking the change of {} back", self.path.display()))?;
            return Err(StoreError::Changed(self.path.clone()));
        }
        Ok(())
    }

    fn apply_remove(&self) -> Result<(), StoreError> {
        self.check_rename(rename_to_new(&self.path, &self.beside))?;
        let removed = linux::read_regular_file(&self.beside).ok();
        if removed.map(|bytes| gather::md5_hex(&bytes)) != self.before {
            let back = rename_to_new(&self.beside, &self.path);
            back.with_context(|| format!("taking the removal of {} back", self.path.display()))?;
            return Err(StoreError::Changed(self.path.clone()));
        }
        Ok(())
    }

    /// What the file holds is on disk under another name before it is overwritten.
    fn apply_in_place(&self, like: &FileAttributes) -> Result<(), StoreError> {
        let new =
            std::fs::read(&self.beside).with_context(|| format!("reading {}", self.beside.display()))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&self.path)
            .with_context(|| format!("opening {} to write it in place", self.path.display()))?;
        let mut old = Vec::new();
        file.read_to_end(&mut old).with_context(|| format!("reading {}", self.path.display()))?;
        if Some(gather::md5_hex(&old)) != self.before {
            return Err(StoreError::Changed(self.path.clone()));
        }
        let kept = with_suffix(&self.beside, "previous");
        write_new_file(&kept, &old, like)?;
        sync_parent_folder(&kept);
        if let Err(error) = overwrite(&mut file, &new) {
            let back = overwrite(&mut file, &old);
            back.with_context(|| {
                format!("{} is half written, and {} is what it held", self.path.display(), kept.display())
            })?;
            let _ = std::fs::remove_file(&kept);
            return Err(error.context(format!("writing {} in place", self.path.display())).into());
        }
        let renamed = std::fs::rename(&kept, &self.beside);
        Ok(renamed.with_context(|| format!("renaming {}", kept.display()))?)
    }

    /// A file that came or went since it was read is a change like any other.
    fn check_rename(&self, renamed: std::io::Result<()>) -> Result<(), StoreError> {
        match renamed {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => {
                Err(StoreError::Changed(self.path.clone()))
            }
            other => Ok(other.with_context(|| {
                format!("renaming {} and {}", self.path.display(), self.beside.display())
            })?),
        }
    }

    /// Takes an applied change back. What was written to the file meanwhile stays beside it.
    pub(super) fn undo(&self) -> Result<()> {
        let undone = match &self.method {
            Method::Exchange(_) => exchange(&self.path, &self.beside),
            Method::Create => rename_to_new(&self.path, &self.beside),
            Method::Remove => rename_to_new(&self.beside, &self.path),
            Method::InPlace(_) => {
                return self.undo_in_place().with_context(|| format!("writing {} back", self.path.display()));
            }
        };
        undone.with_context(|| format!("renaming {} back", self.path.display()))?;
        self.discard();
        sync_parent_folder(&self.path);
        Ok(())
    }

    fn undo_in_place(&self) -> Result<()> {
        let old = std::fs::read(&self.beside)?;
        overwrite(&mut OpenOptions::new().write(true).open(&self.path)?, &old)?;
        Ok(std::fs::remove_file(&self.beside)?)
    }

    /// Removes what was written beside the file, where it is still that.
    pub(super) fn discard(&self) {
        if self.after.is_some() && holds(&self.beside, self.after.as_deref()) {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

/// A regular file with this content is there.
fn holds(path: &Path, md5: Option<&str>) -> bool {
    let read = || -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        open_file(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().is_ok_and(|bytes| Some(gather::md5_hex(&bytes).as_str()) == md5)
}

/// Opens a file that may have become a link or a pipe since it was looked at.
fn open_file(path: &Path) -> Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    anyhow::ensure!(file.metadata()?.is_file(), "{} is no regular file", path.display());
    Ok(file)
}

/// The new length comes last: until then the file holds no less than it did.
fn overwrite(file: &mut File, bytes: &[u8]) -> Result<()> {
    file.write_all_at(bytes, 0)?;
    file.set_len(bytes.len() as u64)?;
    file.flush()?;
    Ok(file.sync_all()?)
}

/// A name beside the file that is free.
fn free_name(file: &Path, suffix: &str) -> Result<PathBuf> {
    let names = (1..=MAX_NAME_ATTEMPTS).map(|number| match number {
        1 => with_suffix(file, suffix),
        more => with_suffix(file, &format!("{suffix}-{more}")),
    });
    let free = names.into_iter().find(|path| std::fs::symlink_metadata(path).is_err());
    let last = with_suffix(file, &format!("{suffix}-{MAX_NAME_ATTEMPTS}"));
    free.with_context(|| format!("every name up to {} is taken", last.display()))
}

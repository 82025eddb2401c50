//! The one way to the files of the state folder: made, replaced, appended to, read, listed and removed.
//!
//! What is written appears whole or not at all: it is written beside its place under a name that ends in `.fresh`,
//! synchronised, and renamed. A `.fresh` name that no process holds a lock on was left by a process that was killed, and
//! the next write in its folder removes it. Files have mode 0600 and folders 0700. [`OwnFolder`] holds the rules on
//! links, owners and modes. Paths are relative to the state folder, such as `plans/1f.json`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use rustix::fs::OFlags;

use crate::clients::linux::OwnFolder;

/// In bytes. No configuration comes near it; a larger file would only take the memory of the host.
const MAX_SIZE: u64 = 1 << 30;
/// How the name ends of what is being written.
const FRESH: &str = ".fresh";

/// The state folder; it need not be there yet.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
}

/// Name and bytes of each file of a folder.
pub(crate) type FolderFiles<'a> = Vec<(String, Cow<'a, [u8]>)>;

/// What is in a folder of the store.
#[derive(Debug)]
pub(crate) struct StoredEntry {
    /// Its name in that folder.
    pub(crate) name: String,
    /// When it was last written.
    pub(crate) modified: Timestamp,
}

impl Store {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Store { root: state_dir.to_owned() }
    }

    /// The full path, for messages.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// Writes a file whole, in place of the one that may be there.
    ///
    /// # Errors
    /// When it cannot be written; the one that was there stays.
    pub(crate) fn replace(&self, inside: &str, bytes: &[u8]) -> Result<()> {
        let write = || {
            let (folder, name) = self.make_parent(inside)?;
            sweep(&folder);
            let fresh = fresh_name(name);
            let written = create_locked(&folder, &fresh).and_then(|mut file| {
                file.write_all(bytes).and_then(|()| file.sync_all())?;
                folder.rename(&fresh, name)
            });
            finish(&folder, &fresh, written)
        };
        write().with_context(|| format!("writing {}", self.path(inside).display()))
    }

    /// Writes a folder of files that is not there yet, and returns its path.
    ///
    /// # Errors
    /// When there is one, or it cannot be written; then nothing of it is left.
    pub(crate) fn create_folder(&self, inside: &str, files: &FolderFiles<'_>) -> Result<PathBuf> {
        self.write_folder(inside, files, false)
    }

    /// Writes a folder of files in place of the one that may be there, and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn replace_folder(&self, inside: &str, files: &FolderFiles<'_>) -> Result<PathBuf> {
        self.write_folder(inside, files, true)
    }

    fn write_folder(&self, inside: &str, files: &FolderFiles<'_>, replace: bool) -> Result<PathBuf> {
        let write = || {
            let (folder, name) = self.make_parent(inside)?;
            sweep(&folder);
            let fresh = fresh_name(name);
            let written = fill_folder(&folder, &fresh, files).and_then(|_locked| {
                if replace {
                    folder.remove(name)?;
                }
                // A folder that has files in it is never replaced by a rename.
                folder.rename(&fresh, name)
            });
            finish(&folder, &fresh, written)
        };
        let path = self.path(inside);
        write().with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Adds a line that ends in a newline, under a lock, and on disk before this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn append(&self, inside: &str, line: Vec<u8>) -> Result<()> {
        let (folder, name) = self.make_parent(inside)?;
        let mut file = require(folder.open_file(name, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)?)?;
        let shown = self.path(inside);
        file.lock().with_context(|| format!("locking {}", shown.display()))?;
        append_whole(&mut file, line).with_context(|| format!("writing {}", shown.display()))
    }

    /// The bytes of a file; none where there is none.
    ///
    /// # Errors
    /// When it cannot be read, is not trusted, or is larger than 1 GiB.
    pub(crate) fn read(&self, inside: &str) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open(inside)? else { return Ok(None) };
        let shown = self.path(inside);
        let what = || format!("reading {}", shown.display());
        let too_large = || format!("{} is larger than {MAX_SIZE} bytes", shown.display());
        ensure!(file.metadata().with_context(what)?.len() <= MAX_SIZE, too_large());
        let mut bytes = Vec::new();
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes).with_context(what)?;
        ensure!(bytes.len() as u64 <= MAX_SIZE, too_large());
        Ok(Some(bytes))
    }

    /// A file open to be read; none where there is none.
    ///
    /// # Errors
    /// When it cannot be opened, or is not trusted.
    pub(crate) fn open(&self, inside: &str) -> Result<Option<File>> {
        let (parent, name) = split(inside);
        match self.find_folder(parent)? {
            Some(folder) => folder.open_file(name, OFlags::RDONLY),
            None => Ok(None),
        }
    }

    /// A file to put a lock on, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be opened, or is not trusted.
    pub(crate) fn open_lock(&self, inside: &str) -> Result<File> {
        let (folder, name) = self.make_parent(inside)?;
        require(folder.open_file(name, OFlags::RDWR | OFlags::CREATE)?)
    }

    /// What is in a folder, unfinished writes left out; nothing where it cannot be read.
    pub(crate) fn list(&self, inside: &str) -> Vec<StoredEntry> {
        let Ok(Some(folder)) = self.find_folder(inside) else { return Vec::new() };
        let names = folder.names().unwrap_or_default().into_iter().filter(|name| !name.ends_with(FRESH));
        let entry = |name: String| {
            let stat = folder.stat(&name)?;
            let nanoseconds = i32::try_from(stat.st_mtime_nsec).ok()?;
            Some(StoredEntry { name, modified: Timestamp::new(stat.st_mtime, nanoseconds).ok()? })
        };
        names.filter_map(entry).collect()
    }

    /// Removes a file or a folder; it may be gone already.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove(&self, inside: &str) -> Result<()> {
        let (parent, name) = split(inside);
        self.find_folder(parent)?.map_or(Ok(()), |folder| folder.remove(name))
    }

    /// Removes a file unless a process holds a lock on it.
    pub(crate) fn remove_unlocked(&self, inside: &str) {
        let (parent, name) = split(inside);
        if let Ok(Some(folder)) = self.find_folder(parent) {
            folder.remove_unlocked(name);
        }
    }

    fn find_folder(&self, inside: &str) -> Result<Option<OwnFolder>> {
        let mut folder = OwnFolder::open(&self.root)?;
        for name in inside.split('/').filter(|name| !name.is_empty()) {
            folder = match folder {
                Some(folder) => folder.enter(name)?,
                None => return Ok(None),
            };
        }
        Ok(folder)
    }

    fn make_parent<'a>(&self, inside: &'a str) -> Result<(OwnFolder, &'a str)> {
        let (parent, name) = split(inside);
        let mut folder = OwnFolder::create(&self.root)?;
        for name in parent.split('/').filter(|name| !name.is_empty()) {
            folder = folder.enter_or_make(name)?;
        }
        Ok((folder, name))
    }
}

/// The folder of a path, and the name in it.
fn split(inside: &str) -> (&str, &str) {
    inside.rsplit_once('/').unwrap_or(("", inside))
}

fn require(file: Option<File>) -> Result<File> {
    file.context("the file was removed while it was opened")
}

/// A name that no other write of this or another process has.
fn fresh_name(name: &str) -> String {
    static WRITES: AtomicU32 = AtomicU32::new(0);
    format!("{name}.{}-{}{FRESH}", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed))
}

/// A new file with a lock that says that it is being written.
fn create_locked(folder: &OwnFolder, fresh: &str) -> Result<File> {
    loop {
        let file = folder.create_file(fresh)?;
        file.lock()?;
        // Another process may have swept it away before the lock was taken.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// The lock lasts as long as the folder that is returned.
fn fill_folder(folder: &OwnFolder, fresh: &str, files: &FolderFiles<'_>) -> Result<OwnFolder> {
    folder.make_folder(fresh)?;
    let filled = folder.enter(fresh)?.context("it was removed while it was written")?;
    filled.lock()?;
    for (name, bytes) in files {
        let mut file = filled.create_file(name)?;
        file.write_all(bytes).and_then(|()| file.sync_all())?;
    }
    filled.sync()?;
    Ok(filled)
}

/// Synchronises the folder after a rename; removes what was written where that failed, as on a full disk.
fn finish(folder: &OwnFolder, fresh: &str, written: Result<()>) -> Result<()> {
    match written {
        // The rename is done. Some file systems cannot synchronise a folder, and that undoes nothing.
        Ok(()) => drop(folder.sync()),
        Err(_) => drop(folder.remove(fresh)),
    }
    written
}

/// Removes unfinished writes of processes that have ended.
fn sweep(folder: &OwnFolder) {
    for name in folder.names().unwrap_or_default().iter().filter(|name| name.ends_with(FRESH)) {
        folder.remove_unlocked(name);
    }
}

/// A line that a crash or a full disk cut short must not run into the next one.
fn append_whole(file: &mut File, mut line: Vec<u8>) -> std::io::Result<()> {
    let before = file.metadata()?.len();
    let mut last = [b'\n'];
    if before > 0 {
        file.read_exact_at(&mut last, before - 1)?;
    }
    if last != [b'\n'] {
        line.insert(0, b'\n');
    }
    let written = file.write_all(&line).and_then(|()| file.sync_data());
    if written.is_err() {
        let _ = file.set_len(before);
    }
    written
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

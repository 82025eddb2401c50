//! A folder that only its owner may change, held open, and what is below it.
//!
//! No link is followed below such a folder, and what another user owns or may write is refused: haguard often runs as
//! root, and a planted link or file would make it read or overwrite what another user chose. Every step is one `openat`
//! with `O_NOFOLLOW` from the folder above, which all kernels have; `openat2` is missing before 5.6 and where a filter
//! of system calls does not know it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, mkdirat, openat, renameat,
    statat, unlinkat,
};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A pipe in place of a file must not be waited for.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
const GROUP_OR_OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// A folder of this user or of root that no other user may change, held open.
#[derive(Debug)]
pub struct OwnFolder {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl OwnFolder {
    /// Opens the folder at this path; none where there is none. Links in the path itself are followed: they were set
    /// up by whoever chose the path.
    ///
    /// # Errors
    /// When it is not a folder, cannot be read, belongs to another user, or other users may write it.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        match rustix::fs::open(path, FOLDER, Mode::empty()) {
            Ok(descriptor) => OwnFolder::checked(descriptor, path.to_owned()).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("opening {}", path.display())),
        }
    }

    /// Opens the folder at this path, and makes it and those above it (mode 0700) where they are missing.
    ///
    /// # Errors
    /// As [`OwnFolder::open`], and when it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("making {}", path.display()))?;
        OwnFolder::open(path)?.with_context(|| format!("{} was removed", path.display()))
    }

    /// Opens a folder in this one; none where there is none.
    ///
    /// # Errors
    /// When it is a link or a file, or as [`OwnFolder::open`].
    pub fn enter(&self, name: &str) -> Result<Option<Self>> {
        let path = self.child(name)?;
        match openat(&self.descriptor, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(descriptor) => OwnFolder::checked(descriptor, path).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => self.open_error(name, error),
        }
    }

    /// Opens a folder in this one, and makes it (mode 0700) where there is none.
    ///
    /// # Errors
    /// As [`OwnFolder::enter`], and when it cannot be made.
    pub fn enter_or_make(&self, name: &str) -> Result<Self> {
        match self.make_folder(name) {
            Ok(()) => {}
            Err(error) if error.downcast_ref::<Errno>() == Some(&Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        self.enter(name)?.with_context(|| format!("{}/{name} was removed", self.path.display()))
    }

    /// Makes a folder (mode 0700) that is not there yet.
    ///
    /// # Errors
    /// When something has that name already, or the kernel refuses.
    pub fn make_folder(&self, name: &str) -> Result<()> {
        let path = self.child(name)?;
        mkdirat(&self.descriptor, name, Mode::RWXU).with_context(|| format!("making {}", path.display()))
    }

    /// Opens a plain file in this folder; none where there is none. With [`OFlags::CREATE`] a missing one is made (mode
    /// 0600).
    ///
    /// # Errors
    /// When it is a link or not a plain file, belongs to another user, other users may write it, or it cannot be opened.
    pub fn open_file(&self, name: &str, flags: OFlags) -> Result<Option<File>> {
        let path = self.child(name)?;
        match openat(&self.descriptor, name, flags | FILE, Mode::RUSR | Mode::WUSR) {
            Ok(descriptor) => {
                let stat = fstat(&descriptor).with_context(|| format!("opening {}", path.display()))?;
                let plain = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
                ensure!(plain, "{} is not a plain file", path.display());
                ensure_own(&stat, &path)?;
                Ok(Some(File::from(descriptor)))
            }
            Err(Errno::NOENT) if !flags.contains(OFlags::CREATE) => Ok(None),
            Err(error) => self.open_error(name, error),
        }
    }

    /// Makes a file (mode 0600) that is not there yet, open to be written.
    ///
    /// # Errors
    /// When something has that name already, or the kernel refuses.
    pub fn create_file(&self, name: &str) -> Result<File> {
        let opened = self.open_file(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        opened.with_context(|| format!("{}/{name} was not made", self.path.display()))
    }

    /// Renames within this folder, in one step. A file at the new name is replaced; a folder is only where it is empty.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let path = self.child(to)?;
        let renamed = renameat(&self.descriptor, from, &self.descriptor, to);
        renamed.with_context(|| format!("renaming {from} to {}", path.display()))
    }

    /// Removes a file, a link itself, or a folder with everything in it; it may be gone already.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.child(name)?;
        let what = || format!("removing {}", path.display());
        match unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            // The standard library follows no link below this path, and the path leads to the folder that is held.
            Err(Errno::ISDIR) => {
                let held = format!("/proc/self/fd/{}/{name}", self.descriptor.as_raw_fd());
                std::fs::remove_dir_all(held).with_context(what)
            }
            Err(error) => Err(error).with_context(what),
        }
    }

    /// Removes what is there under this name unless a process holds a lock on it.
    pub fn remove_unlocked(&self, name: &str) {
        match openat(&self.descriptor, name, FILE | OFlags::RDONLY, Mode::empty()) {
            Ok(left) if flock(&left, FlockOperation::NonBlockingLockExclusive).is_err() => {}
            // A link cannot be opened, and no process can hold a lock on it.
            Ok(_) | Err(Errno::LOOP) => drop(self.remove(name)),
            Err(_) => {}
        }
    }

    /// The names in this folder; those that are not UTF-8 are left out.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let what = || format!("reading {}", self.path.display());
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor).with_context(what)? {
            let entry = entry.with_context(what)?;
            names.extend(entry.file_name().to_str().ok().map(str::to_owned));
        }
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    /// What is there under this name, a link itself included.
    pub fn stat(&self, name: &str) -> Option<Stat> {
        statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    /// Waits for the lock on this folder, which is held until this value is dropped.
    ///
    /// # Errors
    /// When the file system has no locks.
    pub fn lock(&self) -> Result<()> {
        let locked = flock(&self.descriptor, FlockOperation::LockExclusive);
        locked.with_context(|| format!("locking {}", self.path.display()))
    }

    /// Puts the names of this folder on disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<()> {
        let synced = rustix::fs::fsync(self.descriptor.as_fd());
        synced.with_context(|| format!("writing {}", self.path.display()))
    }

    fn checked(descriptor: OwnedFd, path: PathBuf) -> Result<Self> {
        let stat = fstat(&descriptor).with_context(|| format!("opening {}", path.display()))?;
        ensure_own(&stat, &path)?;
        Ok(OwnFolder { descriptor, path })
    }

    fn child(&self, name: &str) -> Result<PathBuf> {
        let plain = !matches!(name, "" | "." | "..") && !name.contains('/');
        ensure!(plain, "`{name}` is not the name of a file in {}", self.path.display());
        Ok(self.path.join(name))
    }

    /// `O_NOFOLLOW` says "not a directory" or "too many links" of a link, which would send a reader the wrong way.
    fn open_error<T>(&self, name: &str, error: Errno) -> Result<T> {
        let path = self.path.join(name);
        let link = self.stat(name).is_some_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink);
        if link {
            bail!("{} is a symbolic link, which is not followed here", path.display());
        }
        Err(error).with_context(|| format!("opening {}", path.display()))
    }
}

/// It belongs to this user or to root, and no other user may write it.
fn ensure_own(stat: &Stat, path: &Path) -> Result<()> {
    let (owner, us) = (stat.st_uid, super::effective_uid());
    let name = |uid| super::user_name(uid).map_or(format!("UID {uid}"), |name| format!("{name} (UID {uid})"));
    ensure!(
        owner == us || owner == 0,
        "{} belongs to {}, not to {}, so it is not trusted",
        path.display(),
        name(owner),
        name(us)
    );
    // In a folder like /tmp other users may add names, and change only their own.
    let sticky = FileType::from_raw_mode(stat.st_mode) == FileType::Directory && stat.st_mode & STICKY != 0;
    ensure!(
        stat.st_mode & GROUP_OR_OTHERS_WRITE == 0 || sticky,
        "{} of {} may be written by other users (mode {:04o}), so it is not trusted: chmod go-w {0}",
        path.display(),
        name(owner),
        stat.st_mode & 0o7777
    );
    Ok(())
}

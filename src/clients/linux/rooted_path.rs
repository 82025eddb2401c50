//! A file of a process with a root of its own, held open while it is read.
//!
//! Another user may change what is below `/proc/PID/root` at any moment: a path that was resolved may be a link when it is
//! opened, and an absolute link would lead root to a file of the host. openat2 resolves and opens such a path in one step,
//! within that root.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// A rename or a mount that happens while `..` is resolved makes the kernel ask for another try.
const MAX_RETRIES: usize = 32;

/// An open file or folder: it stays the same when another one takes its path.
#[derive(Debug)]
pub struct RootedPath {
    descriptor: OwnedFd,
}

impl RootedPath {
    /// Opens what stands at a path, links followed.
    ///
    /// # Errors
    /// When nothing stands there, or the kernel cannot resolve a path within another root.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(RootedPath { descriptor: open_path(path, OFlags::PATH)? })
    }

    /// The same of a path within another root; none of any other path.
    ///
    /// # Errors
    /// As those of [`RootedPath::open`].
    pub fn open_in_other_root(path: &Path) -> Result<Option<Self>> {
        split_proc_root(path).map(|_| RootedPath::open(path)).transpose()
    }

    /// A path that leads to it, and to nothing else, while this is held.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.descriptor.as_raw_fd()))
    }

    /// What it is.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn metadata(self) -> Result<Metadata> {
        File::from(self.descriptor).metadata()
    }
}

/// What stands at a path, links followed.
///
/// # Errors
/// As those of [`RootedPath::open`].
pub fn metadata(path: &Path) -> Result<Metadata> {
    RootedPath::open(path)?.metadata()
}

/// What stands at a path, which may be a link itself.
///
/// # Errors
/// As those of [`RootedPath::open`].
pub fn link_metadata(path: &Path) -> Result<Metadata> {
    File::from(open_path(path, OFlags::PATH | OFlags::NOFOLLOW)?).metadata()
}

/// Whether something stands at a path.
///
/// # Errors
/// When it cannot be determined.
pub fn exists(path: &Path) -> Result<bool> {
    match RootedPath::open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A folder stands at a path.
pub fn is_folder(path: &Path) -> bool {
    metadata(path).is_ok_and(|seen| seen.is_dir())
}

/// The names in a folder; those that are no text are left out.
///
/// # Errors
/// When it is none, or may not be read.
pub fn list_folder(path: &Path) -> Result<Vec<String>> {
    let held = RootedPath::open(path)?;
    let entries = std::fs::read_dir(held.path())?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Opens what stands at a path.
pub(super) fn open_path(path: &Path, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    let Some((root, inside)) = split_proc_root(path) else {
        return Ok(rustix::fs::open(path, flags, Mode::empty())?);
    };
    let root = rustix::fs::open(&root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..MAX_RETRIES {
        match openat2(&root, &inside, flags, Mode::empty(), within) {
            Err(Errno::AGAIN) => {}
            // A filter of system calls that does not know it says PERM.
            Err(errno @ (Errno::NOSYS | Errno::PERM)) if !openat2_is_available() => {
                let why =
                    format!("a path within another root cannot be opened safely here: openat2: {errno}");
                return Err(Error::new(ErrorKind::Unsupported, why));
            }
            opened => return Ok(opened?),
        }
    }
    Err(Error::new(ErrorKind::ResourceBusy, "its folders are moved while it is opened"))
}

/// The kernel has the call, and no seccomp filter forbids it.
fn openat2_is_available() -> bool {
    openat2(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT).is_ok()
}

/// A path through `/proc/PID/root`: the root, and what of the path is in it.
fn split_proc_root(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut parts = path.strip_prefix("/proc").ok()?.components();
    let pid: u32 = parts.next()?.as_os_str().to_str()?.parse().ok()?;
    (parts.next()?.as_os_str() == "root").then(|| {
        let inside = parts.as_path();
        let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
        (PathBuf::from(format!("/proc/{pid}/root")), inside.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_through_the_root_of_a_process_is_of_another() {
        let split = |path: &str| split_proc_root(Path::new(path));
        let inside = |root: &str, inside: &str| Some((PathBuf::from(root), PathBuf::from(inside)));
        assert_eq!(split("/proc/7/root/etc/a.cfg"), inside("/proc/7/root", "etc/a.cfg"));
        assert_eq!(split("/proc/7/root"), inside("/proc/7/root", "."));
        for ours in ["/etc/a.cfg", "/proc/7/cwd/a", "/proc/self/root/a", "proc/7/root/a", "/procs/7/root/a"] {
            assert_eq!(split(ours), None, "{ours}");
        }
    }

    #[test]
    fn an_open_file_stays_the_same_whatever_replaces_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&path, "first").unwrap();
        std::os::unix::fs::symlink(&path, &other).unwrap();
        assert!(link_metadata(&other).unwrap().is_symlink() && metadata(&other).unwrap().is_file());
        let held = RootedPath::open(&other).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(held.path()).unwrap(), "first");
        assert!(!exists(&dir.path().join("none")).unwrap() && is_folder(dir.path()));
        let mut found = list_folder(dir.path()).unwrap();
        found.sort();
        assert_eq!(found, ["a", "b"]);
    }
}

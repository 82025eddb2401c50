//! Renaming without a moment in which a file is missing or lost.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Two files change places.
pub(super) fn exchange(file: &Path, other: &Path) -> Result<()> {
    match renameat_with(CWD, file, CWD, other, RenameFlags::EXCHANGE) {
        // Some file systems, NFS for one, cannot do it in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => exchange_by_link(file, other),
        done => Ok(done?),
    }
}

/// With a second name no content is without a name at any moment, and `file` is there at every moment.
pub(super) fn exchange_by_link(file: &Path, other: &Path) -> Result<()> {
    let second = with_suffix(other, "exchange");
    std::fs::hard_link(file, &second)?;
    std::fs::rename(other, file).inspect_err(|_| {
        let _ = std::fs::remove_file(&second);
    })?;
    std::fs::rename(&second, other)
}

/// Renames a file to a name that is free.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if std::fs::symlink_metadata(to).is_ok() => {
            Err(Error::from(ErrorKind::AlreadyExists))
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => std::fs::rename(from, to),
        done => Ok(done?),
    }
}

/// Makes a rename outlast a power cut. The rename itself is done, so a folder that cannot be synchronised is no failure.
pub(super) fn sync_parent_folder(file: &Path) {
    let _ = file.parent().and_then(|folder| File::open(folder).ok()).map(|folder| folder.sync_all());
}

/// `FILE.SUFFIX`.
pub(super) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

//! Creates and removes drop-ins by rename and unlink, so that systemd never reads half of one.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};

use crate::clearance::Clearance;
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Makes the folder of a unit's drop-ins; true where it was not there.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(file: &Path, _clearance: &Clearance) -> Result<bool> {
    let folder = file.parent().context("a drop-in without a folder")?;
    match DirBuilder::new().mode(0o755).create(folder) {
        Ok(()) => {
            std::fs::set_permissions(folder, Permissions::from_mode(0o755))
                .with_context(|| format!("making {}", folder.display()))?;
            sync_folder(folder.parent());
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("making {}", folder.display())),
    }
}

/// Writes a drop-in under a name that is not taken.
///
/// # Errors
/// When it cannot be written, or the name was taken meanwhile: then nothing is left of it.
pub fn write(file: &Path, text: &str, _clearance: &Clearance) -> Result<()> {
    let folder = file.parent().context("a drop-in without a folder")?;
    // systemd reads only names that end in .conf.
    let beside = folder.join(format!(".haguard-{}", std::process::id()));
    // A killed haguard with the same PID may have left one.
    let _ = std::fs::remove_file(&beside);
    let written = (|| {
        let mut fresh = OpenOptions::new().create_new(true).write(true).mode(0o644).open(&beside)?;
        fresh.set_permissions(Permissions::from_mode(0o644))?;
        fresh.write_all(text.as_bytes())?;
        fresh.sync_all()?;
        Ok(renameat_with(CWD, &beside, CWD, file, RenameFlags::NOREPLACE)?)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    sync_folder(Some(folder));
    written.map_err(|error: std::io::Error| error).with_context(|| format!("writing {}", file.display()))
}

/// Takes a drop-in away, and its folder where that is wanted and it is empty then. One that is gone already is no error.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(file: &Path, folder_too: bool, _clearance: &Clearance) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", file.display()));
        }
        _ => {}
    }
    let folder = file.parent();
    sync_folder(folder);
    if let Some(folder) = folder.filter(|_| folder_too) {
        match std::fs::remove_dir(folder) {
            Err(error) if !matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => {
                return Err(error).with_context(|| format!("removing {}", folder.display()));
            }
            _ => {}
        }
        sync_folder(folder.parent());
    }
    Ok(())
}

fn sync_folder(folder: Option<&Path>) {
    // An fsync of the folder that fails does not undo the change.
    let _ = folder.and_then(|folder| File::open(folder).ok()).map(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_in_is_written_and_removed_and_a_foreign_one_is_left_alone() {
        let clearance = Clearance::grant("test");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.service.d/50-x.conf");
        assert!(make_folder(&file, &clearance).unwrap());
        std::fs::write(file.with_file_name(format!(".haguard-{}", std::process::id())), "half of").unwrap();
        assert!(!make_folder(&file, &clearance).unwrap());
        write(&file, "[Unit]\n", &clearance).unwrap();
        assert!(write(&file, "other", &clearance).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "[Unit]\n");
        assert_eq!(
            std::fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        std::fs::write(file.with_file_name("60-y.conf"), "").unwrap();
        remove(&file, true, &clearance).unwrap();
        assert!(file.parent().unwrap().is_dir(), "another file is in there");
        std::fs::remove_file(file.with_file_name("60-y.conf")).unwrap();
        remove(&file, true, &clearance).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

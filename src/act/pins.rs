//! Pins written into haguard's own file, whole or not at all.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::config::file::Pin;
use crate::config::pins;

/// The result of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPins {
    /// The file itself, behind any link.
    pub path: PathBuf,
    /// Its content was changed.
    pub changed: bool,
}

/// Puts these pins into the file; it is made where there is none.
///
/// # Errors
/// When it cannot be read, edited or replaced; then it is as it was.
pub fn save(path: &Path, new: &[Pin]) -> Result<SavedPins> {
    // A link stays a link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let shown = path.display();
    let before = read(&path).with_context(|| format!("reading {shown}"))?;
    let after =
        pins::with_pins(before.as_deref().unwrap_or_default(), new).with_context(|| format!("in {shown}"))?;
    let changed = before.as_deref() != Some(after.as_str()) && !new.is_empty();
    if changed {
        replace(&path, before.as_deref(), &after).with_context(|| format!("writing {shown}"))?;
    }
    Ok(SavedPins { path, changed })
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Writes beside it and renames, with the owner and the mode of the old one.
fn replace(path: &Path, before: Option<&str>, after: &str) -> Result<()> {
    let folder = path.parent().context("it has no parent folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let name = path.file_name().context("it has no name")?.to_string_lossy();
    let fresh = folder.join(format!(".{name}.{}", std::process::id()));
    let written = || -> Result<()> {
        let mut file = File::create_new(&fresh).with_context(|| fresh.display().to_string())?;
        match std::fs::metadata(path) {
            Ok(old) => {
                // Only root can give a file away, and any other user who may write here owns it or shares its group.
                let _ = std::os::unix::fs::chown(&fresh, Some(old.uid()), Some(old.gid()));
                file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
            }
            Err(_) => file.set_permissions(Permissions::from_mode(0o644))?,
        }
        file.write_all(after.as_bytes())?;
        file.sync_all()?;
        ensure!(
            read(path)?.as_deref() == before,
            "another process changed it meanwhile; nothing was written"
        );
        Ok(std::fs::rename(&fresh, path)?)
    };
    written().inspect_err(|_| {
        let _ = std::fs::remove_file(&fresh);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin() -> Pin {
        Pin { service: "haproxy".into(), controller: "nobody".into(), ..Pin::default() }
    }

    #[test]
    fn a_file_is_made_once_and_keeps_its_mode_and_its_link() {
        let dir = tempfile::tempdir().unwrap();
        let (link, real) = (dir.path().join("link.toml"), dir.path().join("new/real.toml"));
        assert!(save(&real, &[pin()]).unwrap().changed);
        std::fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(!save(&link, &[pin()]).unwrap().changed, "it says so already");
        assert!(save(&link, &[Pin { controller: "docker".into(), ..pin() }]).unwrap().changed);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&real).unwrap().mode() & 0o777, 0o640);
        assert!(std::fs::read_to_string(&real).unwrap().contains("docker"));
        assert_eq!(
            std::fs::read_dir(real.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_as_toml_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h.toml");
        std::fs::write(&path, "[haproxy\n").unwrap();
        assert!(save(&path, &[pin()]).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[haproxy\n");
    }
}

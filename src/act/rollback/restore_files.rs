//! Puts files back as they were. What stood there is kept beside them, so that no work is lost.
//!
//! Everything is written beside the files first; then each file changes places with what was written, in one step of
//! the kernel's. There is no moment at which a file is missing, and whatever somebody wrote until then is kept.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Names that are tried for what is kept beside a file.
const MAX_NAME_ATTEMPTS: usize = 9;

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RestoredFiles {
    /// Files whose content is the one of before again.
    pub changed: Vec<PathBuf>,
    /// Where that is kept which stood there.
    pub aside: Vec<PathBuf>,
}

/// One file's way back.
#[derive(Debug)]
enum RestoreAction {
    /// The file and what is beside it change places.
    Exchange { file: PathBuf, beside: PathBuf },
    /// The file is not there any more.
    Create { file: PathBuf, beside: PathBuf },
    /// The file was not there before.
    Remove { file: PathBuf, beside: PathBuf },
}

/// Makes the files `now` what `before` says; what stood there is kept as `FILE.unconfirmed-ID`.
///
/// # Errors
/// When one of them cannot be written: then all of them are as they were.
pub fn restore_files(now: &[PathBuf], before: &[(PathBuf, Vec<u8>)], id: &str) -> Result<RestoredFiles> {
    let mut prepared = Vec::new();
    let made = prepare(now, before, id, &mut prepared);
    let mut done = 0;
    let swapped = made.and_then(|()| {
        for swap in &prepared {
            swap.apply()?;
            done += 1;
        }
        Ok(())
    });
    if let Err(error) = swapped {
        let undone: Vec<_> = prepared[..done].iter().rev().map(RestoreAction::undo).collect();
        prepared[done..].iter().for_each(RestoreAction::remove_leftover);
        return match undone.into_iter().find_map(Result::err) {
            Some(worse) => Err(error.context(format!("and it could not be undone: {worse:#}"))),
            None => Err(error),
        };
    }
    let mut put = RestoredFiles::default();
    for swap in &prepared {
        let (RestoreAction::Exchange { file, beside }
        | RestoreAction::Create { file, beside }
        | RestoreAction::Remove { file, beside }) = swap;
        put.changed.push(file.clone());
        put.aside.extend((!matches!(swap, RestoreAction::Create { .. })).then(|| beside.clone()));
        sync_parent_folder(file);
    }
    Ok(put)
}

fn prepare(
    now: &[PathBuf],
    before: &[(PathBuf, Vec<u8>)],
    id: &str,
    prepared: &mut Vec<RestoreAction>,
) -> Result<()> {
    for (path, bytes) in before {
        // The file behind a symbolic link is what is written; the link stays.
        match std::fs::canonicalize(path) {
            Ok(file) => {
                if std::fs::read(&file).with_context(|| format!("reading {}", file.display()))? == *bytes {
                    continue;
                }
                let like = std::fs::metadata(&file).with_context(|| format!("reading {}", file.display()))?;
                let beside = write_beside(&file, bytes, &like, id)?;
                prepared.push(RestoreAction::Exchange { file, beside });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Its own mode is gone with it; a neighbour's is the best guess.
                let neighbour = now.iter().find_map(|path| std::fs::metadata(path).ok());
                let like =
                    neighbour.with_context(|| format!("{} and all others are gone", path.display()))?;
                let beside = write_beside(path, bytes, &like, id)?;
                prepared.push(RestoreAction::Create { file: path.clone(), beside });
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }
    for file in now.iter().filter(|path| before.iter().all(|(other, _)| other != *path)) {
        let beside = free_name(file, id)?;
        prepared.push(RestoreAction::Remove { file: file.clone(), beside });
    }
    Ok(())
}

impl RestoreAction {
    fn apply(&self) -> Result<()> {
        match self {
            RestoreAction::Exchange { file, beside } => exchange(file, beside),
            RestoreAction::Create { file, beside } => rename_to_new(beside, file),
            RestoreAction::Remove { file, beside } => rename_to_new(file, beside),
        }
    }

    /// The other way round, after it was done.
    fn undo(&self) -> Result<()> {
        match self {
            RestoreAction::Exchange { file, beside } => exchange(file, beside)?,
            RestoreAction::Create { file, beside } => rename_to_new(file, beside)?,
            RestoreAction::Remove { file, beside } => rename_to_new(beside, file)?,
        }
        self.remove_leftover();
        Ok(())
    }

    /// Takes away what was written beside a file and is not in use.
    fn remove_leftover(&self) {
        if let RestoreAction::Exchange { beside, .. } | RestoreAction::Create { beside, .. } = self {
            let _ = std::fs::remove_file(beside);
        }
    }
}

fn exchange(file: &Path, beside: &Path) -> Result<()> {
    let what = || format!("exchanging {} and {}", file.display(), beside.display());
    match renameat_with(CWD, file, CWD, beside, RenameFlags::EXCHANGE) {
        // Some file systems, NFS for one, cannot do it in one step; with a second name no content is ever without one.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let second = beside.with_extension("exchange");
            std::fs::hard_link(file, &second)
                .and_then(|()| std::fs::rename(beside, file))
                .and_then(|()| std::fs::rename(&second, beside))
                .with_context(what)
        }
        other => other.with_context(what),
    }
}

fn rename_to_new(from: &Path, to: &Path) -> Result<()> {
    let what = || format!("renaming {} to {}", from.display(), to.display());
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) if !to.exists() => std::fs::rename(from, to).with_context(what),
        other => other.with_context(what),
    }
}

/// A name beside the file that nobody has; HAProxy does not load it from a folder, because it does not end in `.cfg`.
fn free_name(file: &Path, id: &str) -> Result<PathBuf> {
    let name = file.file_name().context("a file without a name")?.to_string_lossy();
    let names = (1..=MAX_NAME_ATTEMPTS).map(|number| match number {
        1 => file.with_file_name(format!("{name}.unconfirmed-{id}")),
        more => file.with_file_name(format!("{name}.unconfirmed-{id}-{more}")),
    });
    let free = names.into_iter().find(|path| std::fs::symlink_metadata(path).is_err());
    free.with_context(|| {
        format!("{} has {MAX_NAME_ATTEMPTS} unconfirmed versions beside it already", file.display())
    })
}

fn write_beside(file: &Path, bytes: &[u8], like: &std::fs::Metadata, id: &str) -> Result<PathBuf> {
    let beside = free_name(file, id)?;
    let written = write_file(&beside, bytes, like).with_context(|| format!("writing {}", beside.display()));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&beside);
        bail!("{error:#}");
    }
    Ok(beside)
}

/// Owner first: it takes away rights that the mode may give.
fn write_file(path: &Path, bytes: &[u8], like: &std::fs::Metadata) -> Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (like.uid(), like.gid()) {
        std::os::unix::fs::fchown(&file, Some(like.uid()), Some(like.gid()))
            .context("giving it to its owner")?;
    }
    file.set_permissions(PermissionsExt::from_mode(like.mode() & 0o7777))?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

fn sync_parent_folder(file: &Path) {
    // The exchange is done; a folder that cannot be synchronised takes nothing back.
    let _ = file.parent().and_then(|folder| File::open(folder).ok()).map(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn files_are_as_before_with_their_mode_and_what_stood_there_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (a, same) = (file(dir.path(), "a.cfg", "new"), file(dir.path(), "b.cfg", "same"));
        let link = dir.path().join("l.cfg");
        std::os::unix::fs::symlink(&a, &link).unwrap();
        std::fs::set_permissions(&a, PermissionsExt::from_mode(0o640)).unwrap();
        let before = [(link.clone(), b"old".to_vec()), (same.clone(), b"same".to_vec())];
        let put = restore_files(&[link.clone(), same], &before, "1f").unwrap();
        let aside = dir.path().join("a.cfg.unconfirmed-1f");
        assert_eq!(put, RestoredFiles { changed: vec![a.clone()], aside: vec![aside.clone()] });
        assert_eq!((text(&link).as_str(), text(&aside).as_str()), ("old", "new"));
        let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().mode();
        assert_eq!((mode(&a) & 0o777, mode(&aside) & 0o777), (0o640, 0o640));
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        // A second time nothing of the first is overwritten.
        std::fs::write(&a, "newer").unwrap();
        let put = restore_files(std::slice::from_ref(&link), &before[..1], "1f").unwrap();
        assert_eq!(put.aside, [dir.path().join("a.cfg.unconfirmed-1f-2")]);
        assert_eq!(text(&aside), "new");
    }

    #[test]
    fn files_of_a_folder_come_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let (stays, came) = (file(dir.path(), "a.cfg", "a"), file(dir.path(), "z.cfg", "z"));
        let gone = dir.path().join("b.cfg");
        let before = [(stays.clone(), b"a".to_vec()), (gone.clone(), b"b".to_vec())];
        let put = restore_files(&[stays, came.clone()], &before, "1f").unwrap();
        assert_eq!(put.changed, [gone.clone(), came.clone()]);
        assert_eq!((text(&gone).as_str(), came.exists()), ("b", false));
        assert_eq!(text(&put.aside[0]), "z");
    }

    #[test]
    fn when_one_file_cannot_be_written_all_are_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let a = file(dir.path(), "a.cfg", "new");
        let lost = dir.path().join("nowhere/b.cfg");
        let before = [(a.clone(), b"old".to_vec()), (lost, b"old".to_vec())];
        let error = restore_files(std::slice::from_ref(&a), &before, "1f").unwrap_err();
        assert!(format!("{error:#}").contains("nowhere/b.cfg"), "{error:#}");
        assert_eq!(text(&a), "new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}

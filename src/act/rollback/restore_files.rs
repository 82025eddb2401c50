//! Puts the files of the previous configuration back, all of them or none.
//!
//! What stood there is kept beside them, so that no work is lost: also what was written to a file until the last moment.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::act::config_store::{ConfigStore, FileChange, StoreError, WrittenFiles};
use crate::clearance::Clearance;
use crate::timeouts;

/// A file that is edited while it is put back is read again this often.
const MAX_ATTEMPTS: usize = 5;

/// Makes the files `now` what `before` says; what stood there is kept as `FILE.unconfirmed-ID`, where ID is the plan's.
///
/// # Errors
/// When one of them cannot be written: then all of them are as they were.
pub fn restore_files(
    clearance: &Clearance,
    state_dir: &Path,
    now: &[PathBuf],
    before: &[(PathBuf, Vec<u8>)],
) -> Result<WrittenFiles> {
    let files = now.iter().chain(before.iter().map(|(path, _)| path));
    let store = ConfigStore::lock(state_dir, files, timeouts::CONFIG_LOCK)?;
    let suffix = format!("unconfirmed-{}", clearance.plan_id());
    for _ in 1..MAX_ATTEMPTS {
        match restore_once(&store, clearance, now, before, &suffix) {
            Err(StoreError::Changed(_)) => {}
            other => return Ok(other?),
        }
    }
    Ok(restore_once(&store, clearance, now, before, &suffix)?)
}

fn restore_once(
    store: &ConfigStore,
    clearance: &Clearance,
    now: &[PathBuf],
    before: &[(PathBuf, Vec<u8>)],
    suffix: &str,
) -> Result<WrittenFiles, StoreError> {
    // The mode of a file that is gone went with it; that of another one is the best guess.
    let template = now.iter().find(|path| path.exists()).map(PathBuf::as_path);
    let mut changes = Vec::new();
    for (path, bytes) in before {
        let file = store.read(path)?;
        let twice = changes.iter().any(|change: &FileChange<'_>| change.file.path() == file.path());
        if file.content() != Some(bytes) && !twice {
            changes.push(FileChange { file, content: Some(bytes), template });
        }
    }
    for path in now.iter().filter(|path| before.iter().all(|(other, _)| other != *path)) {
        let file = store.read(path)?;
        if file.content().is_some() {
            changes.push(FileChange { file, content: None, template: None });
        }
    }
    // It was rehearsed before the reload that it undoes, and it is rehearsed again before it is loaded.
    store.write(clearance, &changes, suffix, |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::time::Duration;

    use super::*;
    use crate::act::consent;
    use crate::facts::test_facts;
    use crate::plan::{self, Plan, RollbackPlan};

    /// The plan of a reload that is undone unless it is confirmed.
    fn agreed() -> Plan {
        let facts = test_facts::healthy();
        let files = vec![("/etc/a.cfg".to_owned(), "1".to_owned())];
        let back = RollbackPlan { within: Duration::from_secs(9), source: "x".into(), files };
        plan::reload(&facts, &plan::ledger(&facts), None).unwrap().with_rollback(&back)
    }

    fn restore(dir: &Path, now: &[PathBuf], before: &[(PathBuf, Vec<u8>)]) -> Result<WrittenFiles> {
        restore_files(&consent::restore_clearance(&agreed()).unwrap(), &dir.join("state"), now, before)
    }

    fn kept(file: &Path) -> PathBuf {
        let name = format!("{}.unconfirmed-{}", file.file_name().unwrap().display(), agreed().id);
        file.with_file_name(name)
    }

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
        let put = restore(dir.path(), &[link.clone(), same], &before).unwrap();
        let aside = kept(&a);
        assert_eq!(put, WrittenFiles { changed: vec![a.clone()], kept: vec![aside.clone()] });
        assert_eq!((text(&link).as_str(), text(&aside).as_str()), ("old", "new"));
        let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().mode();
        assert_eq!((mode(&a) & 0o777, mode(&aside) & 0o777), (0o640, 0o640));
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        // A second time nothing of the first is overwritten.
        std::fs::write(&a, "newer").unwrap();
        let put = restore(dir.path(), std::slice::from_ref(&link), &before[..1]).unwrap();
        assert_eq!(put.kept, [PathBuf::from(format!("{}-2", aside.display()))]);
        assert_eq!(text(&aside), "new");
    }

    #[test]
    fn files_of_a_folder_come_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let (stays, came) = (file(dir.path(), "a.cfg", "a"), file(dir.path(), "z.cfg", "z"));
        let gone = dir.path().join("b.cfg");
        let before = [(stays.clone(), b"a".to_vec()), (gone.clone(), b"b".to_vec())];
        let put = restore(dir.path(), &[stays, came.clone()], &before).unwrap();
        assert_eq!(put.changed, [gone.clone(), came.clone()]);
        assert_eq!((text(&gone).as_str(), came.exists()), ("b", false));
        assert_eq!(text(&put.kept[0]), "z");
    }

    #[test]
    fn a_link_that_came_goes_and_its_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (stays, target) = (file(dir.path(), "a.cfg", "a"), file(dir.path(), "target", "z"));
        let link = dir.path().join("z.cfg");
        std::os::unix::fs::symlink("target", &link).unwrap();
        let before = [(stays.clone(), b"a".to_vec())];
        let put = restore(dir.path(), &[stays, link.clone()], &before).unwrap();
        assert_eq!((put.changed, put.kept), (vec![link.clone()], vec![kept(&link)]));
        assert!(std::fs::symlink_metadata(&link).is_err());
        assert_eq!((text(&target).as_str(), text(&kept(&link)).as_str()), ("z", "z"));
    }

    #[test]
    fn when_one_file_cannot_be_written_all_are_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let a = file(dir.path(), "a.cfg", "new");
        let lost = dir.path().join("nowhere/b.cfg");
        let before = [(a.clone(), b"old".to_vec()), (lost, b"old".to_vec())];
        let error = restore(dir.path(), std::slice::from_ref(&a), &before).unwrap_err();
        assert!(format!("{error:#}").contains("nowhere/b.cfg"), "{error:#}");
        assert_eq!(text(&a), "new");
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1 + usize::from(dir.path().join("state").exists()),
            "nothing is left beside it"
        );
    }
}

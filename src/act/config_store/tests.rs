use std::ffi::CStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use rustix::fs::{XattrFlags, lgetxattr, setxattr};
use rustix::io::Errno;

use super::*;
use crate::act::consent;
use crate::facts::test_facts;
use crate::plan::{self, RollbackPlan};

const ACL: &CStr = c"system.posix_acl_access";
const DEFAULT_ACL: &CStr = c"system.posix_acl_default";
const NOTE: &CStr = c"user.note";

/// A folder with files, and a store of them.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let bench = Bench { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(bench.path("etc")).unwrap();
        files.iter().for_each(|(name, bytes)| std::fs::write(bench.file(name), bytes).unwrap());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path("etc").join(name)
    }

    fn text(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("etc")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn lock(&self, names: &[&str]) -> Result<ConfigStore, StoreError> {
        let files: Vec<PathBuf> = names.iter().map(|name| self.file(name)).collect();
        ConfigStore::lock(&self.path("state"), &files, Duration::from_millis(1))
    }

    /// Writes new contents; `meanwhile` is the test that comes before the change.
    fn write(
        &self,
        new: &[(&str, Option<&[u8]>)],
        meanwhile: impl FnOnce(&[StagedFile<'_>]) -> Result<()>,
    ) -> Result<WrittenFiles, StoreError> {
        let facts = test_facts::healthy();
        let back = RollbackPlan { within: Duration::from_secs(9), source: "x".into(), files: vec![] };
        let plan = plan::reload(&facts, &plan::ledger(&facts), None).unwrap().with_rollback(&back);
        let clearance = consent::restore_clearance(&plan).unwrap();
        let store = self.lock(&new.iter().map(|(name, _)| *name).collect::<Vec<_>>()).unwrap();
        let template = self.file("a.cfg");
        let changes: Vec<FileChange<'_>> = new
            .iter()
            .map(|(name, content)| FileChange {
                file: store.read(&self.file(name)).unwrap(),
                content: *content,
                template: Some(&template),
            })
            .collect();
        store.write(&clearance, &changes, "old", meanwhile)
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn xattr(path: &Path, name: &CStr) -> Option<Vec<u8>> {
    let mut value = vec![0; 4096];
    let length = lgetxattr(path, name, value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

/// False on a file system that has no such attribute.
fn set_xattr(path: &Path, name: &CStr, value: &[u8]) -> bool {
    match setxattr(path, name, value, XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP) => false,
        done => done.map(|()| true).unwrap(),
    }
}

/// An ACL that lets the user 65534 read, as the kernel stores it.
fn acl() -> Vec<u8> {
    const NOBODY: u32 = 65534;
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 6, u32::MAX), // owner
        (0x02, 4, NOBODY),   // a named user
        (0x04, 4, u32::MAX), // group
        (0x10, 4, u32::MAX), // mask
        (0x20, 0, u32::MAX), // others
    ];
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn the_new_file_has_the_mode_the_attributes_and_the_acl_of_the_old_one() {
    let bench = Bench::new(&[("a.cfg", b"old\r\n\0\xff")]);
    let file = bench.file("a.cfg");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o4640)).unwrap();
    let has = set_xattr(&file, NOTE, b"by hand\0") && set_xattr(&file, ACL, &acl());
    let inode = std::fs::metadata(&file).unwrap().ino();
    let written = bench.write(&[("a.cfg", Some(b"new\r\n\0\xfe"))], |_| Ok(())).unwrap();
    let kept = bench.file("a.cfg.old");
    assert_eq!(written, WrittenFiles { changed: vec![file.clone()], kept: vec![kept.clone()] });
    assert_eq!(
        (bench.text("a.cfg"), bench.text("a.cfg.old")),
        (b"new\r\n\0\xfe".into(), b"old\r\n\0\xff".into())
    );
    assert_eq!((mode(&file), mode(&kept)), (0o4640, 0o4640));
    assert_eq!(std::fs::metadata(&kept).unwrap().ino(), inode, "what is kept is the very file");
    if has {
        assert_eq!(xattr(&file, NOTE), Some(b"by hand\0".into()));
        assert_eq!(xattr(&file, ACL), Some(acl()));
    }
}

#[test]
fn the_default_acl_of_the_folder_gives_nobody_more_rights_than_the_file_gave() {
    let bench = Bench::new(&[("a.cfg", b"old")]);
    if !set_xattr(&bench.path("etc"), DEFAULT_ACL, &acl()) {
        return;
    }
    let probe = bench.file("probe");
    std::fs::write(&probe, "").unwrap();
    assert!(xattr(&probe, ACL).is_some(), "a new file inherits it");
    std::fs::set_permissions(bench.file("a.cfg"), PermissionsExt::from_mode(0o640)).unwrap();
    bench.write(&[("a.cfg", Some(b"new"))], |_| Ok(())).unwrap();
    assert_eq!((xattr(&bench.file("a.cfg"), ACL), mode(&bench.file("a.cfg"))), (None, 0o640));
}

#[test]
fn the_new_file_has_the_owner_of_the_old_one() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let bench = Bench::new(&[("a.cfg", b"old")]);
    let file = bench.file("a.cfg");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    chown(&file, Some(65534), Some(7)).unwrap();
    bench.write(&[("a.cfg", Some(b"new")), ("b.cfg", Some(b"more"))], |_| Ok(())).unwrap();
    for name in ["a.cfg", "a.cfg.old", "b.cfg"] {
        let meta = std::fs::metadata(bench.file(name)).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (65534, 7, 0o600), "{name}");
    }
}

#[test]
fn a_link_stays_a_link_and_a_file_behind_one_may_be_new() {
    let bench = Bench::new(&[("a.cfg", b"old")]);
    std::fs::create_dir(bench.path("srv")).unwrap();
    symlink("../srv/b", bench.file("one.cfg")).unwrap();
    symlink("one.cfg", bench.file("two.cfg")).unwrap();
    let real = bench.path("srv/b");
    for (text, kept) in [(&b"first"[..], 0), (b"second", 1)] {
        let written = bench.write(&[("two.cfg", Some(text))], |_| Ok(())).unwrap();
        let real = std::fs::canonicalize(&real).unwrap();
        assert_eq!((&written.changed, written.kept.len()), (&vec![real.clone()], kept));
        assert_eq!(std::fs::read(&real).unwrap(), text);
    }
    assert_eq!(std::fs::read_link(bench.file("two.cfg")).unwrap(), Path::new("one.cfg"));
    assert_eq!(bench.names(), ["a.cfg", "one.cfg", "two.cfg"]);
    assert_eq!(std::fs::read(bench.path("srv/b.old")).unwrap(), b"first");
}

#[test]
fn every_hard_link_of_a_file_has_the_new_content() {
    let bench = Bench::new(&[("a.cfg", b"a longer text"), ("c.cfg", b"c")]);
    std::fs::hard_link(bench.file("a.cfg"), bench.path("elsewhere")).unwrap();
    let inode = std::fs::metadata(bench.file("a.cfg")).unwrap().ino();
    let tested = |staged: &[StagedFile<'_>]| {
        assert_eq!(std::fs::read(staged[0].content).unwrap(), b"new");
        assert_eq!(bench.text("a.cfg"), b"a longer text");
        Ok(())
    };
    bench.write(&[("a.cfg", Some(b"new"))], tested).unwrap();
    assert_eq!(std::fs::read(bench.path("elsewhere")).unwrap(), b"new");
    let meta = std::fs::metadata(bench.file("a.cfg")).unwrap();
    assert_eq!((meta.ino(), meta.nlink()), (inode, 2));
    assert_eq!(bench.text("a.cfg.old"), b"a longer text");
    // It is taken back where another file of the same change fails.
    let edit = |_: &[StagedFile<'_>]| Ok(std::fs::write(bench.file("c.cfg"), "edited")?);
    let error = bench.write(&[("a.cfg", Some(b"newer")), ("c.cfg", Some(b"x"))], edit).unwrap_err();
    assert!(matches!(&error, StoreError::Changed(file) if file.ends_with("c.cfg")), "{error}");
    assert_eq!((bench.text("a.cfg"), bench.text("c.cfg")), (b"new".into(), b"edited".into()));
    assert_eq!(bench.names(), ["a.cfg", "a.cfg.old", "c.cfg"]);
    // A change of it is seen, too.
    let edit = |_: &[StagedFile<'_>]| Ok(std::fs::write(bench.path("elsewhere"), "edited")?);
    assert!(matches!(bench.write(&[("a.cfg", Some(b"x"))], edit), Err(StoreError::Changed(_))));
    assert_eq!((bench.text("a.cfg"), bench.names().len()), (b"edited".into(), 3));
}

/// Whatever happens to a file after it was read, and wherever it stands in the change.
#[test]
fn a_file_that_changed_since_it_was_read_is_named_and_all_are_as_they_were() {
    type Meanwhile = fn(&Path);
    let edits: [(&str, Meanwhile); 5] = [
        ("edited in place", |file| std::fs::write(file, "edited").unwrap()),
        ("replaced", |file| {
            std::fs::write(file.with_extension("tmp"), "edited").unwrap();
            std::fs::rename(file.with_extension("tmp"), file).unwrap();
        }),
        ("removed", |file| std::fs::remove_file(file).unwrap()),
        ("another mode", |file| std::fs::set_permissions(file, PermissionsExt::from_mode(0o604)).unwrap()),
        ("a link now", |file| {
            std::fs::remove_file(file).unwrap();
            symlink("a.cfg", file).unwrap();
        }),
    ];
    for (situation, edit) in edits {
        for new in [Some(&b"new"[..]), None] {
            if new.is_none() && matches!(situation, "another mode" | "a link now") {
                continue;
            }
            let bench = Bench::new(&[("a.cfg", b"a"), ("b.cfg", b"b"), ("gone.cfg", b"g")]);
            let changes =
                [("a.cfg", Some(&b"x"[..])), ("gone.cfg", None), ("new.cfg", Some(b"n")), ("b.cfg", new)];
            let edited = bench.file("b.cfg");
            let error = bench
                .write(&changes, |_| {
                    edit(&edited);
                    Ok(())
                })
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "{} changed since haguard read it",
                    std::fs::canonicalize(bench.path("etc")).unwrap().join("b.cfg").display()
                ),
                "{situation}"
            );
            let left = std::fs::read(&edited).ok();
            let expected = match situation {
                "removed" => None,
                "another mode" => Some(&b"b"[..]),
                "a link now" => Some(&b"a"[..]),
                _ => Some(&b"edited"[..]),
            };
            assert_eq!(left.as_deref(), expected, "{situation}");
            assert_eq!(
                (bench.text("a.cfg"), bench.text("gone.cfg")),
                (b"a".into(), b"g".into()),
                "{situation}"
            );
            let names = bench.names().into_iter().filter(|name| name != "b.cfg").collect::<Vec<_>>();
            assert_eq!(names, ["a.cfg", "gone.cfg"], "{situation}: nothing is left beside them");
        }
    }
}

#[test]
fn a_file_that_came_since_is_not_overwritten() {
    let bench = Bench::new(&[("a.cfg", b"a")]);
    let error = bench
        .write(&[("new.cfg", Some(b"n"))], |_| Ok(std::fs::write(bench.file("new.cfg"), "theirs")?))
        .unwrap_err();
    assert!(matches!(error, StoreError::Changed(_)), "{error}");
    assert_eq!((bench.text("new.cfg"), bench.names().len()), (b"theirs".into(), 2));
}

#[test]
fn nothing_is_changed_unless_the_test_accepts_it() {
    let bench = Bench::new(&[("a.cfg", b"a"), ("gone.cfg", b"g")]);
    let changes = [("a.cfg", Some(&b"x"[..])), ("gone.cfg", None), ("new.cfg", Some(b"n"))];
    let refuse = |staged: &[StagedFile<'_>]| {
        let shown = |staged: &StagedFile<'_>| {
            (staged.file.file_name().unwrap().to_owned(), std::fs::read(staged.content).unwrap())
        };
        let shown: Vec<_> = staged.iter().map(shown).collect();
        assert_eq!(shown, [("a.cfg".into(), b"x".to_vec()), ("new.cfg".into(), b"n".to_vec())]);
        assert_eq!(bench.text("a.cfg"), b"a");
        anyhow::bail!("unknown keyword")
    };
    assert_eq!(bench.write(&changes, refuse).unwrap_err().to_string(), "unknown keyword");
    assert_eq!(
        (bench.names(), bench.text("a.cfg")),
        (vec!["a.cfg".into(), "gone.cfg".into()], b"a".to_vec())
    );
    let written = bench.write(&changes, |_| Ok(())).unwrap();
    assert_eq!((written.changed.len(), written.kept.len()), (3, 2));
    assert_eq!(bench.names(), ["a.cfg", "a.cfg.old", "gone.cfg.old", "new.cfg"]);
}

#[test]
fn one_run_at_a_time_changes_a_file_by_whatever_name() {
    let bench = Bench::new(&[("a.cfg", b"a"), ("b.cfg", b"b")]);
    symlink("a.cfg", bench.file("link.cfg")).unwrap();
    let held = bench.lock(&["a.cfg", "link.cfg", "a.cfg"]).unwrap();
    let error = bench.lock(&["b.cfg", "link.cfg"]).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("another run of haguard is changing /") && said.ends_with("/a.cfg"), "{said}");
    assert!(bench.lock(&["b.cfg"]).is_ok());
    drop(held);
    assert!(bench.lock(&["b.cfg", "link.cfg"]).is_ok());
    assert_eq!(bench.names().len(), 3, "the locks are in the state folder");
}

#[test]
fn what_is_no_regular_file_is_neither_read_nor_replaced() {
    let bench = Bench::new(&[("a.cfg", b"a")]);
    std::fs::create_dir(bench.file("folder.cfg")).unwrap();
    let store = bench.lock(&["folder.cfg"]).unwrap();
    assert!(store.read(&bench.file("folder.cfg")).is_err());
    assert_eq!(store.read(&bench.file("none.cfg")).unwrap().content(), None);
    assert!(store.read(&bench.file("none/none.cfg")).is_err());
}

#[test]
fn without_an_exchange_in_one_step_no_content_is_lost_either() {
    let bench = Bench::new(&[("a.cfg", b"a"), ("b.cfg", b"b")]);
    exchange::exchange_by_link(&bench.file("a.cfg"), &bench.file("b.cfg")).unwrap();
    assert_eq!((bench.text("a.cfg"), bench.text("b.cfg")), (b"b".into(), b"a".into()));
    assert_eq!(bench.names(), ["a.cfg", "b.cfg"]);
    assert!(exchange::exchange_by_link(&bench.file("a.cfg"), &bench.file("none")).is_err());
    assert_eq!((bench.names(), bench.text("a.cfg")), (vec!["a.cfg".into(), "b.cfg".into()], b"b".to_vec()));
}

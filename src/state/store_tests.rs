//! The store against what may stand in its folder: links, other users' files, unfinished writes, and no room.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(&dir.path().join("state"));
    (dir, store)
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn refused<T: std::fmt::Debug>(result: Result<T>) -> String {
    format!("{:#}", result.unwrap_err())
}

fn names(folder: PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn one_file(bytes: &[u8]) -> FolderFiles<'_> {
    vec![("0".to_owned(), bytes.into())]
}

#[test]
fn what_is_written_is_read_again_and_only_its_owner_may_read_it() {
    let (_dir, store) = store();
    assert_eq!(store.read("plans/a.json").unwrap(), None);
    assert_eq!(store.list("plans").len(), 0);
    for text in ["one", "two"] {
        store.replace("plans/a.json", text.as_bytes()).unwrap();
        assert_eq!(store.read("plans/a.json").unwrap().unwrap(), text.as_bytes());
    }
    let folder = store.create_folder("kept/7-9", &one_file(b"x")).unwrap();
    assert_eq!(folder, store.path("kept/7-9"));
    let modes = ["", "plans", "plans/a.json", "kept", "kept/7-9", "kept/7-9/0"].map(|p| mode(&store.path(p)));
    assert_eq!(modes, [0o700, 0o700, 0o600, 0o700, 0o700, 0o600]);
    assert_eq!(
        (names(store.path("plans")), names(store.path("kept"))),
        (vec!["a.json".into()], vec!["7-9".into()])
    );
    assert_eq!(store.list("plans")[0].name, "a.json");
    assert!(refused(store.create_folder("kept/7-9", &one_file(b"y"))).contains("writing "));
    assert_eq!(store.read("kept/7-9/0").unwrap().unwrap(), b"x", "nothing is overwritten");
    assert_eq!(names(store.path("kept")), ["7-9"], "nothing of the second is left");
    store.replace_folder("kept/7-9", &one_file(b"y")).unwrap();
    assert_eq!(store.read("kept/7-9/0").unwrap().unwrap(), b"y");
    store.remove("kept/7-9").unwrap();
    store.remove("kept/7-9").unwrap();
    assert_eq!(store.read("kept/7-9/0").unwrap(), None);
}

#[test]
fn a_link_at_a_file_is_neither_read_nor_written_through() {
    let (dir, store) = store();
    let target = dir.path().join("target");
    std::fs::write(&target, "secret").unwrap();
    store.replace("plans/a.json", b"x").unwrap();
    for name in ["plans/l.json", "journal.jsonl"] {
        symlink(&target, store.path(name)).unwrap();
        assert!(refused(store.read(name)).contains(" is a symbolic link, which is not followed"), "{name}");
        assert!(refused(store.append(name, b"line\n".to_vec())).contains("symbolic link"), "{name}");
        assert!(refused(store.open_lock(name)).contains("symbolic link"), "{name}");
    }
    symlink(dir.path().join("absent"), store.path("plans/dangling")).unwrap();
    assert!(refused(store.open_lock("plans/dangling")).contains("symbolic link"));
    assert!(!dir.path().join("absent").exists(), "no file was made through the link");
    // A write replaces the link itself, and a removal removes it.
    store.replace("plans/l.json", b"new").unwrap();
    assert_eq!(store.read("plans/l.json").unwrap().unwrap(), b"new");
    store.remove("journal.jsonl").unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"secret");
}

#[test]
fn a_link_at_a_folder_is_not_followed() {
    let (dir, store) = store();
    let elsewhere = dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("a.json"), "x").unwrap();
    store.replace("other/a", b"x").unwrap();
    symlink(&elsewhere, store.path("plans")).unwrap();
    for said in [
        refused(store.read("plans/a.json")),
        refused(store.replace("plans/b.json", b"x")),
        refused(store.create_folder("plans/f", &one_file(b"x"))),
        refused(store.remove("plans/a.json")),
    ] {
        assert!(said.contains("plans is a symbolic link, which is not followed"), "{said}");
    }
    assert_eq!((names(elsewhere), store.list("plans").len()), (vec!["a.json".to_owned()], 0));
    // The state folder itself may be reached through a link: whoever set its path chose that.
    let link = dir.path().join("link");
    symlink(store.path(""), &link).unwrap();
    assert_eq!(Store::new(&link).read("other/a").unwrap().unwrap(), b"x");
}

#[test]
fn a_path_that_leads_out_is_no_path_of_the_store() {
    let (dir, store) = store();
    std::fs::write(dir.path().join("x"), "x").unwrap();
    store.replace("a", b"x").unwrap();
    for path in ["../x", "plans/../../x", "..", "plans/."] {
        assert!(store.read(path).is_err() || store.read(path).unwrap().is_none(), "{path}");
        assert!(store.replace(path, b"y").is_err(), "{path}");
    }
    assert_eq!(std::fs::read(dir.path().join("x")).unwrap(), b"x");
}

#[test]
fn what_other_users_may_write_is_refused_with_the_command_that_mends_it() {
    let (_dir, store) = store();
    store.replace("plans/a.json", b"x").unwrap();
    for (path, bad, good) in [("plans/a.json", 0o660, 0o600), ("plans", 0o770, 0o700), ("", 0o777, 0o700)] {
        let set = |mode| std::fs::set_permissions(store.path(path), PermissionsExt::from_mode(mode)).unwrap();
        set(bad);
        let said = refused(store.read("plans/a.json"));
        let shown = store.path(path).display().to_string();
        let shown = shown.trim_end_matches('/');
        assert!(said.contains(&format!("may be written by other users (mode {bad:04o})")), "{said}");
        assert!(said.ends_with(&format!("chmod go-w {shown}")), "{said}");
        set(good);
        assert!(store.read("plans/a.json").unwrap().is_some());
    }
}

#[test]
fn what_belongs_to_another_user_is_refused_with_its_owner() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (_dir, store) = store();
    for path in ["journal.jsonl", "plans/a.json"] {
        store.replace(path, b"x\n").unwrap();
        chown(store.path(path), Some(4711), None).unwrap();
        let said = refused(store.read(path));
        assert!(said.contains("belongs to UID 4711, not to "), "{said}");
        assert!(refused(store.append(path, b"line\n".to_vec())).contains("belongs to UID 4711"));
        // A write puts a file of our own in its place.
        store.replace(path, b"ours").unwrap();
        assert_eq!(store.read(path).unwrap().unwrap(), b"ours");
    }
    chown(store.path("plans"), Some(4711), None).unwrap();
    assert!(refused(store.replace("plans/a.json", b"y")).contains("plans belongs to UID 4711"));
}

#[test]
fn a_pipe_or_a_file_without_end_is_no_file() {
    let (_dir, store) = store();
    store.replace("a", b"x").unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, store.path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    assert!(refused(store.read("pipe")).contains("is not a plain file"));
    assert!(refused(store.append("pipe", b"x\n".to_vec())).contains("is not a plain file"));
    let large = File::options().write(true).open(store.path("a")).unwrap();
    large.set_len(MAX_SIZE + 1).unwrap();
    assert!(refused(store.read("a")).contains(&format!("larger than {MAX_SIZE} bytes")));
}

#[test]
fn what_a_killed_process_left_unfinished_is_swept_and_what_is_being_written_is_not() {
    let (_dir, store) = store();
    store.replace("plans/a.json", b"whole").unwrap();
    // Killed between the write and the rename: the old bytes are in force.
    std::fs::write(store.path("plans/a.json.1-0.fresh"), "ha").unwrap();
    std::fs::create_dir(store.path("plans/f.1-0.fresh")).unwrap();
    std::fs::write(store.path("plans/f.1-0.fresh/0"), "ha").unwrap();
    symlink("/etc", store.path("plans/l.fresh")).unwrap();
    let (folder, _) = store.make_parent("plans/x").unwrap();
    let writing = create_locked(&folder, "b.json.1-0.fresh").unwrap();
    assert_eq!(store.read("plans/a.json").unwrap().unwrap(), b"whole");
    assert_eq!(store.list("plans").len(), 1, "an unfinished write is not listed");
    store.replace("plans/c.json", b"next").unwrap();
    assert_eq!(names(store.path("plans")), ["a.json", "b.json.1-0.fresh", "c.json"]);
    drop(writing);
    store.replace("plans/c.json", b"next").unwrap();
    assert_eq!(names(store.path("plans")), ["a.json", "c.json"]);
    assert!(Path::new("/etc").is_dir());
}

#[test]
fn a_line_that_was_cut_short_ends_before_the_next_one() {
    let (_dir, store) = store();
    store.append("journal.jsonl", b"one\n".to_vec()).unwrap();
    let path = store.path("journal.jsonl");
    File::options().append(true).open(&path).unwrap().write_all(b"tw").unwrap();
    store.append("journal.jsonl", b"three\n".to_vec()).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"one\ntw\nthree\n");
}

/// In a mount namespace of the test's own thread, which only root may make.
#[test]
fn on_a_full_disk_what_was_there_stays_and_nothing_else_is_left() {
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
    use rustix::thread::UnshareFlags;

    let (_dir, store) = store();
    store.replace("plans/a.json", b"x").unwrap();
    let root = store.path("");
    std::thread::spawn(move || {
        #[expect(deprecated, reason = "a new mount namespace takes no memory away")]
        if rustix::thread::unshare(UnshareFlags::NEWNS).is_err() {
            return;
        }
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        mount("none", &root, "tmpfs", MountFlags::empty(), Some(c"size=128k,mode=0700")).unwrap();
        store.replace("plans/a.json", b"old").unwrap();
        store.append("journal.jsonl", b"one\n".to_vec()).unwrap();
        let large = vec![b'x'; 1 << 20];
        let said = [
            refused(store.replace("plans/a.json", &large)),
            refused(store.replace_folder("kept/1-1", &one_file(&large))),
            refused(store.append("journal.jsonl", large)),
        ];
        assert!(said.iter().all(|said| said.contains("No space left")), "{said:?}");
        assert_eq!(store.read("plans/a.json").unwrap().unwrap(), b"old");
        assert_eq!(store.read("journal.jsonl").unwrap().unwrap(), b"one\n");
        let left = ["plans", "kept"].map(|folder| names(store.path(folder)));
        assert_eq!(left, [vec!["a.json".to_owned()], vec![]]);
    })
    .join()
    .unwrap();
}

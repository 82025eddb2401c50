//! Going back changes the content of a file and nothing else about it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{XattrFlags, getxattr, setxattr};
use rustix::io::Errno;

use super::super::{Bench, RELOAD};
use crate::support::document::as_text;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

/// Names, with a value that the file system takes: a note, and an ACL that lets the user 65534 read.
const ATTRIBUTES: [(&str, &[u8]); 2] = [
    ("user.note", b"by hand"),
    (
        "system.posix_acl_access",
        b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xfe\xff\0\0\x04\0\x04\0\xff\xff\xff\xff\
          \x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
    ),
];

fn attribute(path: &Path, name: &str) -> Vec<u8> {
    let mut value = vec![0; 4096];
    let length = getxattr(path, name, value.as_mut_slice()).unwrap_or_else(|errno| panic!("{name}: {errno}"));
    value.truncate(length);
    value
}

/// Edits the file, reloads, and lets the time to confirm pass. Returns the plan's id.
fn edit_and_go_back(bench: &Bench, edit: impl FnOnce()) -> String {
    assert_eq!(bench.run(&["--approve", &bench.plan()]).status, 0);
    edit();
    let plan = bench.json(&["--confirm-within", "1s", "--plan"]);
    let id = as_text(&plan["plan"]["id"]).to_owned();
    let done = bench.json(&["--confirm-within", "1s", "--approve", &id]);
    assert_eq!(done["exit"], 0, "{done:#}");
    assert!(bench.haproxy.ask("show backend").contains("late"));
    let end = bench.end_of(&id);
    assert_eq!(end["exit"], 0, "{end:#}");
    assert!(!bench.haproxy.ask("show backend").contains("late"));
    id
}

#[test]
fn a_file_that_goes_back_keeps_links_mode_attributes_and_every_byte() {
    requires!(Haproxy(Branch::V32));
    let bench = RELOAD.start(Branch::V32);
    let (link, folder) = (bench.haproxy.config_path().to_owned(), bench.haproxy.dir().join("real"));
    let before = [bench.haproxy.config().replace('\n', "\r\n").as_bytes(), b"# caf\xe9\r\n"].concat();
    let edited = [&before[..], b"backend late\r\n"].concat();
    fs::create_dir(&folder).unwrap();
    let file = folder.join("haproxy.cfg");
    fs::rename(&link, &file).unwrap();
    symlink("real/haproxy.cfg", &link).unwrap();
    fs::write(&file, &before).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    // Some file systems have no such attributes: the rest of the test holds there, too.
    let set = |(name, value): &(&str, &[u8])| match setxattr(&file, *name, value, XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP) => false,
        done => done.map(|()| true).unwrap(),
    };
    let attributes: Vec<_> = ATTRIBUTES.into_iter().filter(set).collect();
    let id = edit_and_go_back(&bench, || fs::write(&file, &edited).unwrap());
    let kept = folder.join(format!("haproxy.cfg.unconfirmed-{id}"));
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("real/haproxy.cfg"));
    assert!(fs::read(&file).unwrap() == before && fs::read(&kept).unwrap() == edited);
    for path in [&file, &kept] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o640, "{}", path.display());
        for (name, value) in &attributes {
            assert_eq!(attribute(path, name), *value, "{name} of {}", path.display());
        }
    }

    // A file with another name is written in place, so that the other name has the content, too.
    let other = folder.join("other-name");
    fs::hard_link(&file, &other).unwrap();
    let inode = fs::metadata(&file).unwrap().ino();
    edit_and_go_back(&bench, || fs::write(&file, &edited).unwrap());
    let meta = fs::metadata(&file).unwrap();
    assert_eq!((meta.ino(), meta.nlink(), meta.mode() & 0o7777), (inode, 2, 0o640));
    assert!(fs::read(&other).unwrap() == before);
}

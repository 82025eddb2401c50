//! HAProxies that do not depend on where the checkout is: copies in the folder of this run.
//!
//! A HAProxy of `.ci/haproxy` names its dynamic loader by an absolute path, so a copy needs another one written into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use super::{docker, executable, guest, haproxy, run};

static COPIES: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());

/// The folder of a branch, or a copy where other users may not enter the checkout or its path needs quotation marks.
pub(super) fn usable(folder: PathBuf) -> PathBuf {
    if run::plain(&folder) && run::open(&folder) {
        return folder;
    }
    let mut copies = COPIES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let above = || run::folder().join("h"); // short: sockets and loaders have little room
    copies.entry(folder).or_insert_with_key(|folder| copy(folder, &above(), &above())).clone()
}

/// A folder with copies of every branch that came with its own loader, to be mounted at [`guest::BRANCHES`] and nowhere
/// else: a unit with PrivateTmp or ProtectHome does not see the checkout, wherever that is mounted.
///
/// [`guest::BRANCHES`]: super::guest::BRANCHES
pub(super) fn for_guests() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let above = run::folder().join("g");
        std::fs::create_dir_all(&above).expect("a folder for copies");
        let branches = std::fs::read_dir(haproxy::cache()).into_iter().flatten().flatten();
        for folder in branches.map(|entry| entry.path()) {
            if docker::loader(&folder.join("haproxy")).is_some() {
                copy(&folder, &above, guest::BRANCHES.as_ref());
            }
        }
        above
    });
    &FOLDER
}

/// Copies a branch into the folder `above`, for those who see that folder as `seen`.
fn copy(folder: &Path, above: &Path, seen: &Path) -> PathBuf {
    std::fs::create_dir_all(above).expect("a folder for copies");
    docker::copy(&[folder], above);
    let name = folder.file_name().expect("the branch");
    let binary = above.join(name).join("haproxy");
    if let Some(old) = docker::loader(&binary) {
        let root = old.ancestors().find(|above| above.ends_with("root")).expect("as .ci/haproxy lays it out");
        let new = seen.join(name).join("root").join(old.strip_prefix(root).expect("it is above"));
        loads_with(&binary, old.as_os_str().as_encoded_bytes(), new.as_os_str().as_encoded_bytes());
    }
    above.join(name)
}

/// Writes another loader's path over the one in the program; a path that is longer has no room.
fn loads_with(binary: &Path, old: &[u8], new: &[u8]) {
    let longer = String::from_utf8_lossy(new);
    assert!(new.len() <= old.len(), "the program has no room for {longer}: set a shorter TMPDIR");
    let mut bytes = std::fs::read(binary).expect("it was just copied");
    let at = bytes.windows(old.len()).position(|window| window == old).expect("it was just read there");
    bytes[at..at + old.len()].fill(0);
    bytes[at..at + new.len()].copy_from_slice(new);
    let aside = binary.with_extension("aside");
    std::fs::write(&aside, bytes).expect("a file beside it");
    executable::copy(&aside, binary);
    std::fs::remove_file(&aside).expect("it is ours");
}

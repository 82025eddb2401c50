//! HAProxy for everybody: where other users may not enter the checkout, or where its path is no plain word, each branch is
//! copied into the folder of this run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{docker, executable, run};

static COPIES: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());

/// The folder of a branch, or a copy of it.
pub(super) fn usable(folder: PathBuf) -> PathBuf {
    if run::plain(&folder) && run::open(&folder) {
        return folder;
    }
    let mut copies = COPIES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    copies.entry(folder).or_insert_with_key(|folder| copy(folder)).clone()
}

fn copy(folder: &Path) -> PathBuf {
    let above = run::folder().join("h"); // short: see below
    std::fs::create_dir_all(&above).expect("a folder for copies");
    docker::copy(&[folder], &above);
    let copy = above.join(folder.file_name().expect("the branch"));
    let binary = copy.join("haproxy");
    if let Some(old) = docker::loader(&binary) {
        let root = old.ancestors().find(|above| above.ends_with("root")).expect("as .ci/haproxy lays it out");
        let new = copy.join("root").join(old.strip_prefix(root).expect("it is above"));
        loads_with(&binary, old.as_os_str().as_encoded_bytes(), new.as_os_str().as_encoded_bytes());
    }
    copy
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

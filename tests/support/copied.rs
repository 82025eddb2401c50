//! Programs that do not depend on where the checkout is: copies in the folder of this run.
//!
//! A HAProxy of `.ci/haproxy` names its dynamic loader by an absolute path, so a copy needs another one written into it.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use assert_cmd::Command;

use super::{docker, executable, guest, haproxy, run};

/// The folders of which branches were copied.
static COPIED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// haguard, or a copy where other users may not enter the checkout or its path needs quotation marks.
pub(crate) fn haguard() -> &'static str {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| {
        let built = Path::new(env!("CARGO_BIN_EXE_haguard"));
        if run::plain(built) && run::open(built) {
            return built.display().to_string();
        }
        let above = run::folder().join("p");
        copy(built, &above);
        above.join("haguard").display().to_string()
    });
    &PROGRAM
}

/// The folder of a branch, or a copy where other users may not enter the checkout or its path needs quotation marks.
pub(crate) fn usable(folder: PathBuf) -> PathBuf {
    if run::plain(&folder) && run::open(&folder) {
        return folder;
    }
    let (above, name) =
        (folder.parent().expect("a folder of branches"), folder.file_name().expect("the branch"));
    let mut copied = COPIED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let number = copied.iter().position(|known| known == above).unwrap_or(copied.len());
    if number == copied.len() {
        copied.push(above.to_owned());
    }
    let above = run::folder().join(format!("h{number}")); // one for all branches of a folder
    if !above.join(name).exists() {
        branch(&folder, &above, &above);
    }
    above.join(name)
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
                branch(&folder, &above, guest::BRANCHES.as_ref());
            }
        }
        above
    });
    &FOLDER
}

/// Copies a branch into the folder `above`, for those who see that folder as `seen`.
fn branch(folder: &Path, above: &Path, seen: &Path) {
    copy(folder, above);
    let name = folder.file_name().expect("the branch");
    let binary = above.join(name).join("haproxy");
    if let Some(old) = docker::loader(&binary) {
        let root = old.ancestors().find(|above| above.ends_with("root")).expect("as .ci/haproxy lays it out");
        let rest = old.strip_prefix(root).expect("it is above");
        loads_with(&binary, &old, &seen.join(name).join("root"), rest);
    }
}

/// Copies a file or a folder into the folder `above`, for everybody, whatever the umask of whoever made it.
fn copy(what: &Path, above: &Path) {
    std::fs::create_dir_all(above).expect("a folder for copies");
    docker::copy(&[what], above);
    let copy = above.join(what.file_name().expect("it has a name"));
    docker::run_output(Command::new("chmod").args(["-R", "a+rX"]).arg(copy)).expect("the copy is ours");
}

/// Writes another loader's path over the one in the program, filled up with slashes, which leave room for the next one.
fn loads_with(binary: &Path, old: &Path, root: &Path, rest: &Path) {
    let (old, root) = (old.as_os_str().as_encoded_bytes(), root.as_os_str().as_encoded_bytes());
    let rest = rest.as_os_str().as_encoded_bytes();
    let slashes = old.len().checked_sub(root.len() + rest.len()).filter(|slashes| *slashes > 0);
    let slashes = slashes.expect("too little room in the program: rm -r .cache/haproxy, and make test again");
    let new = [root, &b"/".repeat(slashes), rest].concat();
    let mut bytes = std::fs::read(binary).expect("it was just copied");
    let at = bytes.windows(old.len()).position(|window| window == old).expect("it was just read there");
    bytes[at..at + old.len()].copy_from_slice(&new);
    let aside = binary.with_extension("aside");
    std::fs::write(&aside, bytes).expect("a file beside it");
    executable::copy(&aside, binary);
    std::fs::remove_file(&aside).expect("it is ours");
}

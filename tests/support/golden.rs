//! Committed text that a test makes again and compares; `HAGUARD_UPDATE=1` writes it instead.

use std::path::{Path, PathBuf};

use super::skip;

/// A path inside the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a committed file; empty where there is none yet.
pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_default()
}

/// Compares a whole file.
#[track_caller]
pub(crate) fn file(name: &str, made: &str) {
    compare_or_update(name, &read(name), made);
}

/// Compares what stands between the marks of a block in a file; the marks stand on lines of their own.
#[track_caller]
pub(crate) fn block(name: &str, block: &str, made: &str) {
    let whole = read(name);
    let (before, old, after) = split(&whole, name, block);
    let made = format!("{before}{}\n{after}", made.trim_matches('\n'));
    compare_or_update(name, &format!("{before}{old}{after}"), &made);
}

#[track_caller]
fn split<'a>(whole: &'a str, name: &str, block: &str) -> (&'a str, &'a str, &'a str) {
    let (begin, end) = (format!("<!-- begin {block} -->\n"), format!("<!-- end {block} -->"));
    let found = whole.find(&begin).zip(whole.find(&end));
    let (from, to) = found.unwrap_or_else(|| panic!("{name} has no block between {begin} and {end}"));
    let from = from + begin.len();
    (&whole[..from], &whole[from..to], &whole[to..])
}

#[track_caller]
fn compare_or_update(name: &str, committed: &str, made: &str) {
    if committed == made {
        return;
    }
    if skip::variable("HAGUARD_UPDATE").is_some() {
        let path = path(name);
        std::fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a folder");
        return std::fs::write(path, made).expect("the repository is writable");
    }
    let (mut old, mut new) = (committed.lines(), made.lines());
    let at = old.by_ref().zip(new.by_ref()).position(|(old, new)| old != new);
    let line = at.unwrap_or_else(|| committed.lines().count().min(made.lines().count()));
    let show = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    panic!(
        "{name} is out of date in line {} of what is compared; `make artifacts` writes it again\n  committed: {}\n  \
         now made:  {}",
        line + 1,
        show(committed),
        show(made)
    );
}

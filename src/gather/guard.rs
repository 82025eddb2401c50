//! The guard of a unit, as systemd and the files tell it. Nothing here needs root.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::clients::{linux, systemd};
use crate::facts::guard::{DropIn, GuardFacts};
use crate::wire::systemd::guard_drop_in::{self, DropInOrigin};
use crate::wire::systemd::unit::Unit;

/// Looks at the guard of this unit, whether or not there is one.
///
/// # Errors
/// When systemd cannot be asked.
pub fn guard(unit: &str, limit: Duration) -> Result<GuardFacts> {
    let shown = systemd::show(unit, limit)?;
    let id = shown.get("Id");
    let unit = if id.is_empty() { unit.to_owned() } else { id.to_owned() };
    let path = canonical_drop_in_path(&guard_drop_in::path(&unit));
    let file = read_drop_in(&path);
    let read = shown.quoted_list("DropInPaths");
    let lifts = |path: &&String| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        path.starts_with("/run/") && guard_drop_in::refuses_stop(&text) == Some(false)
    };
    let there = list_drop_ins(&unit);
    let refuses = |path: &String| {
        guard_drop_in::refuses_stop(&std::fs::read_to_string(path).unwrap_or_default()) == Some(true)
    };
    let all = there.iter().cloned().chain([shown.get("FragmentPath").to_owned()]);
    let refused_by: Vec<String> = all.filter(refuses).collect();
    // Where nothing refuses there is nothing to be lifted.
    let lifted_by = read.iter().filter(|_| !refused_by.is_empty()).filter(lifts).cloned().collect();
    let unread = unread_drop_ins(there, &read);
    let environment_edited = edited_environment_files(&shown);
    Ok(GuardFacts { unit, shown, path, file, lifted_by, refused_by, unread, environment_edited })
}

/// The same place without links in its folders: systemd tells of drop-ins so.
fn canonical_drop_in_path(path: &str) -> String {
    let path = Path::new(path);
    let of = |folder: &Path| {
        let rest = path.strip_prefix(folder).ok()?;
        Some(std::fs::canonicalize(folder).ok()?.join(rest))
    };
    let nearest = path.ancestors().skip(1).find_map(of);
    nearest.unwrap_or_else(|| path.to_owned()).display().to_string()
}

/// A restart reads these anew, and they may name other files and options; a reload does not.
fn edited_environment_files(shown: &Unit) -> Vec<String> {
    let started = shown.main_pid().and_then(|pid| linux::process(pid).ok()?.started);
    let files = shown.environment_files().into_iter();
    files.filter(|path| changed_since(path, started)).map(str::to_owned).collect()
}

/// A file was written, or came to stand at its path, after this moment. A package brings the time of its making along as
/// that of the last write; the time of the change is the kernel's.
pub(super) fn changed_since(path: &str, moment: Option<jiff::Timestamp>) -> bool {
    let seen = std::fs::metadata(path).ok();
    let changed = seen.and_then(|seen| {
        let nanoseconds = i32::try_from(seen.ctime_nsec()).ok()?;
        jiff::Timestamp::new(seen.ctime(), nanoseconds).ok()
    });
    moment.zip(changed).is_some_and(|(moment, changed)| changed > moment)
}

/// The drop-ins that systemd would read now.
fn list_drop_ins(unit: &str) -> Vec<String> {
    let mut there: BTreeMap<String, String> = BTreeMap::new();
    for folder in guard_drop_in::folders(unit) {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".conf") && !name.starts_with('.') {
                // A name in an earlier folder hides the same name in a later one.
                there.entry(name.clone()).or_insert_with(|| format!("{folder}/{name}"));
            }
        }
    }
    there.into_values().collect()
}

/// Drop-ins that came or went since systemd read them. Up to systemd 252 NeedDaemonReload does not tell of a folder that
/// is new.
fn unread_drop_ins(there: Vec<String>, read: &[String]) -> Vec<String> {
    // systemd may call /usr/lib by its old name, /lib.
    let same = |path: &str| std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let known: Vec<PathBuf> = read.iter().map(|path| same(path)).collect();
    let came = there.into_iter().filter(|path| !known.contains(&same(path)) && !is_masking_file(path));
    let gone = read.iter().filter(|path| !Path::new(path).exists()).cloned();
    came.chain(gone).collect()
}

/// A link to /dev/null or an empty file takes a drop-in of its name out, and is not listed.
fn is_masking_file(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() == 0 || !file.is_file())
}

fn read_drop_in(path: &str) -> DropIn {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return DropIn::Absent,
        Err(error) => return DropIn::Unreadable { why: format!("reading {path}: {error}") },
    };
    match guard_drop_in::origin(&text) {
        DropInOrigin::Unmodified => {
            DropIn::Unmodified { folder_made: guard_drop_in::folder_was_created(&text) }
        }
        DropInOrigin::Edited => DropIn::Edited,
        DropInOrigin::Foreign => DropIn::Foreign,
    }
}

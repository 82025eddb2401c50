//! The guard of a unit, as systemd and the files tell it. Nothing here needs root.

use std::time::Duration;

use anyhow::Result;

use crate::clients::systemd;
use crate::facts::guard::{DropIn, GuardFacts};
use crate::wire::drop_in::{self, Whose};

/// Looks at the guard of this unit, whether or not there is one.
///
/// # Errors
/// When systemd cannot be asked.
pub fn guard(unit: &str, limit: Duration) -> Result<GuardFacts> {
    let shown = systemd::show(unit, limit)?;
    let id = shown.get("Id");
    let unit = if id.is_empty() { unit.to_owned() } else { id.to_owned() };
    let path = drop_in::path(&unit);
    let file = file(&path);
    let lifts = |path: &&str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        path.starts_with("/run/") && drop_in::refuses_stop(&text) == Some(false)
    };
    let drop_ins = shown.list("DropInPaths").into_iter().map(|path| path.trim_matches('"'));
    let lifted_by = drop_ins.filter(lifts).map(str::to_owned).collect();
    Ok(GuardFacts { unit, shown, path, file, lifted_by })
}

fn file(path: &str) -> DropIn {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return DropIn::Absent,
        Err(error) => return DropIn::Unreadable { why: format!("reading {path}: {error}") },
    };
    match drop_in::whose(&text) {
        Whose::Ours => DropIn::Ours { folder_made: drop_in::folder_made(&text) },
        Whose::Edited => DropIn::Edited,
        Whose::Foreign => DropIn::Foreign,
    }
}

//! Losses of map and ACL lists: entries that differ from their file or configuration line.

use super::{Effect, Loss, LossKind, add_part, edit_note, loss_line};
use crate::facts::{Facts, HashedEntry, PatternKind, Patterns};
use crate::known::Unknown;
use crate::plan::diff::WorkerDiff;
use crate::plan::diff::drift::EntryDrift;

pub(super) fn add_losses(facts: &Facts, diff: &WorkerDiff<'_>, lines: &mut Vec<Loss>) {
    add_part(facts, LossKind::MapEntry, "map and ACL entries", lines, |lines| {
        for (list, next) in diff.patterns.running()? {
            let kind = match list.kind {
                PatternKind::Map => LossKind::MapEntry,
                PatternKind::Acl => LossKind::AclEntry,
            };
            add_part(facts, kind, &list.name, lines, |lines| add_list(facts, kind, list, next, lines));
        }
        Ok(())
    });
}

fn add_list(
    facts: &Facts,
    kind: LossKind,
    list: &Patterns,
    next: Result<Option<&Patterns>, Unknown>,
    lines: &mut Vec<Loss>,
) -> Result<(), Unknown> {
    let entries = list.entries.get()?;
    let drift = match next.and_then(|next| stored_entries(facts, list, next)) {
        // An empty list on a configuration line loses nothing, wherever its line stands.
        Err(_) if entries.is_empty() && !list.file => return Ok(()),
        stored => EntryDrift::between(entries, stored?),
    };
    if drift.total() > 0 {
        let place = if list.file { "its file" } else { "its line" };
        let detail = format!("{} against {place}{}", drift.describe(), edit_note(facts));
        lines.push(loss_line(facts, kind, list.name.clone(), drift.total(), Effect::Lost, detail));
    }
    Ok(())
}

/// The entries in the file or on the configuration line.
fn stored_entries<'a>(
    facts: &'a Facts,
    list: &Patterns,
    next: Option<&'a Patterns>,
) -> Result<&'a [HashedEntry], Unknown> {
    let stored = next.ok_or_else(|| {
        Unknown::new(format!("{} was not found in the files{}", list.name, edit_note(facts)))
    })?;
    stored.entries.get().map(Vec::as_slice)
}

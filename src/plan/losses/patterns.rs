//! Losses of map and ACL lists: entries that differ from their file or configuration line.

use std::collections::BTreeMap;

use super::{Effect, Loss, LossKind, add_part, edit_note, loss_line};
use crate::facts::{Facts, PatternKind, Patterns, Provenance};
use crate::known::Unknown;

type EntryPair = (String, Option<String>);

pub(super) fn add_losses(facts: &Facts, lines: &mut Vec<Loss>) {
    add_part(facts, LossKind::MapEntry, "map and ACL entries", lines, |facts, lines| {
        for list in facts.live.patterns.get()? {
            let kind = match list.kind {
                PatternKind::Map => LossKind::MapEntry,
                PatternKind::Acl => LossKind::AclEntry,
            };
            add_part(facts, kind, &list.name, lines, |facts, lines| add_list(facts, kind, list, lines));
        }
        Ok(())
    });
}

fn add_list(facts: &Facts, kind: LossKind, list: &Patterns, lines: &mut Vec<Loss>) -> Result<(), Unknown> {
    let entries = list.entries.get()?;
    let drift = match stored_entries(facts, list) {
        // An empty list on a configuration line loses nothing, wherever its line stands.
        Err(_) if entries.is_empty() && !list.file => return Ok(()),
        stored => Drift::between(entries, stored?),
    };
    if drift.total() > 0 {
        let place = if list.file { "its file" } else { "its line" };
        let detail = format!("{} against {place}{}", drift.describe(), edit_note(facts));
        lines.push(loss_line(facts, kind, list.name.clone(), drift.total(), Effect::Lost, detail));
    }
    Ok(())
}

/// The entries in the file or on the configuration line.
fn stored_entries<'a>(facts: &'a Facts, list: &Patterns) -> Result<&'a [EntryPair], Unknown> {
    let mut next = facts.next.patterns.get()?.iter();
    let next = next.find(|other| other.kind == list.kind && other.name == list.name);
    let stored = next.or_else(|| find_moved_list(facts, list)).ok_or_else(|| {
        Unknown::new(format!("{} was not found in the files{}", list.name, edit_note(facts)))
    })?;
    stored.entries.get().map(Vec::as_slice)
}

/// The list on a configuration line that an edit moved: same file, same criterion, same values.
fn find_moved_list<'a>(facts: &'a Facts, list: &Patterns) -> Option<&'a Patterns> {
    if list.file || facts.next.how != Provenance::Rehearsed {
        return None;
    }
    let place = |name: &str| {
        let (at, criterion) = name.rsplit_once(' ')?;
        Some((at.rsplit_once(':')?.0.to_owned(), criterion.to_owned()))
    };
    let mut others = facts.next.patterns.seen()?.iter();
    others.find(|other| {
        !other.file
            && other.entries == list.entries
            && place(&other.name).is_some()
            && place(&other.name) == place(&list.name)
    })
}

/// How two multisets of entries differ.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plan) struct Drift {
    added: u64,
    changed: u64,
    removed: u64,
}

impl Drift {
    /// Entries that `live` has, lacks and has with another value than `stored`.
    pub(in crate::plan) fn between(live: &[EntryPair], stored: &[EntryPair]) -> Self {
        let mut balance: BTreeMap<&EntryPair, i64> = BTreeMap::new();
        for entry in live {
            *balance.entry(entry).or_default() += 1;
        }
        for entry in stored {
            *balance.entry(entry).or_default() -= 1;
        }
        // Per key, one removed and one added value are one change.
        let mut keys: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (entry, count) in balance {
            let (came, went) = keys.entry(entry.0.as_str()).or_default();
            match count {
                0 => {}
                more if more > 0 => *came += more.unsigned_abs(),
                less => *went += less.unsigned_abs(),
            }
        }
        let mut drift = Drift { added: 0, changed: 0, removed: 0 };
        for (came, went) in keys.into_values() {
            let changed = came.min(went);
            drift.changed += changed;
            drift.added += came - changed;
            drift.removed += went - changed;
        }
        drift
    }

    pub(in crate::plan) fn total(&self) -> u64 {
        self.added + self.changed + self.removed
    }

    pub(in crate::plan) fn describe(&self) -> String {
        let parts = [(self.added, "added"), (self.changed, "changed"), (self.removed, "removed")];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<EntryPair> {
        pairs.iter().map(|(k, v)| (k.to_string(), Some(v.to_string()))).collect()
    }

    #[test]
    fn added_changed_removed_and_doubled_keys() {
        let stored = entries(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
        let live = entries(&[("a", "1"), ("b", "9"), ("d", "4"), ("d", "4"), ("e", "5")]);
        assert_eq!(Drift::between(&live, &stored), Drift { added: 2, changed: 1, removed: 1 });
        assert_eq!(Drift::between(&live, &stored).describe(), "2 added, 1 changed, 1 removed");
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself_in_any_order(mut list in proptest::collection::vec(("[a-c]", proptest::option::of("[xy]")), 0..12)) {
            let first = list.clone();
            list.reverse();
            prop_assert_eq!(Drift::between(&list, &first).total(), 0);
        }

        #[test]
        fn one_more_entry_is_one_added(list in proptest::collection::vec(("[a-c]", proptest::option::of("[xy]")), 0..12)) {
            let mut more = list.clone();
            more.push(("new".into(), None));
            prop_assert_eq!(Drift::between(&more, &list), Drift { added: 1, changed: 0, removed: 0 });
            prop_assert_eq!(Drift::between(&list, &more), Drift { added: 0, changed: 0, removed: 1 });
        }
    }
}

//! What map and ACL lists would lose: entries that differ from their file or line.

use std::collections::BTreeMap;

use super::{Effect, Loss, LossKind, edit_note, loss_line, unknown_line};
use crate::facts::{Facts, Known, PatternKind, Patterns, Provenance};

type EntryPair = (String, Option<String>);

pub(super) fn add_losses(facts: &Facts, lines: &mut Vec<Loss>) {
    let live = match &facts.live.patterns {
        Known::Unknown { why } => {
            return lines.push(unknown_line(facts, LossKind::MapEntry, "map and ACL entries", why));
        }
        Known::Seen(live) => live,
    };
    for list in live {
        let kind = match list.kind {
            PatternKind::Map => LossKind::MapEntry,
            PatternKind::Acl => LossKind::AclEntry,
        };
        let entries = match &list.entries {
            Known::Unknown { why } => {
                lines.push(unknown_line(facts, kind, &list.name, why));
                continue;
            }
            Known::Seen(entries) => entries,
        };
        let drift = match stored_entries(facts, list) {
            Known::Unknown { why } if entries.is_empty() && !list.file => {
                tracing::trace!(list = list.name, why, "an empty inline list loses nothing");
                continue;
            }
            Known::Unknown { why } => {
                lines.push(unknown_line(facts, kind, &list.name, &why));
                continue;
            }
            Known::Seen(stored) => Drift::between(entries, stored),
        };
        if drift.total() == 0 {
            continue;
        }
        let place = if list.file { "its file" } else { "its line" };
        let detail = format!("{} against {place}{}", drift.describe(), edit_note(facts));
        lines.push(loss_line(facts, kind, list.name.clone(), drift.total(), Effect::Lost, detail));
    }
}

/// What the file or the configuration line holds.
fn stored_entries<'a>(facts: &'a Facts, list: &Patterns) -> Known<&'a [EntryPair]> {
    let next = match &facts.next.patterns {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(all) => all.iter().find(|other| other.kind == list.kind && other.name == list.name),
    };
    match next.or_else(|| find_moved_list(facts, list)) {
        Some(other) => other.entries.as_ref().map(Vec::as_slice),
        None => Known::unknown(format!("{} was not found in the files{}", list.name, edit_note(facts))),
    }
}

/// A line that an edit moved: a list of the same criterion, in the same file, with the same values.
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
    /// What `live` has, lacks and has otherwise than `stored_entries`.
    pub(in crate::plan) fn between(live: &[EntryPair], stored: &[EntryPair]) -> Self {
        let mut balance: BTreeMap<&EntryPair, i64> = BTreeMap::new();
        for entry in live {
            *balance.entry(entry).or_default() += 1;
        }
        for entry in stored {
            *balance.entry(entry).or_default() -= 1;
        }
        // Per key: a value that went and one that came are one change.
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
        let said: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        said.join(", ")
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

//! How two lists of entries differ, by their hashes.

use std::collections::BTreeMap;

use crate::facts::HashedEntry;
use crate::facts::worker_state::EntryHash;

/// How two multisets of entries differ.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plan) struct EntryDrift {
    added: u64,
    changed: u64,
    removed: u64,
}

impl EntryDrift {
    /// Entries that `live` has, lacks and has with another value than `stored`.
    pub(in crate::plan) fn between(live: &[HashedEntry], stored: &[HashedEntry]) -> Self {
        let mut balance: BTreeMap<&HashedEntry, i64> = BTreeMap::new();
        for entry in live {
            *balance.entry(entry).or_default() += 1;
        }
        for entry in stored {
            *balance.entry(entry).or_default() -= 1;
        }
        // Per key, one removed and one added value are one change.
        let mut keys: BTreeMap<&EntryHash, (u64, u64)> = BTreeMap::new();
        for (entry, count) in balance {
            let (came, went) = keys.entry(&entry.0).or_default();
            match count {
                0 => {}
                more if more > 0 => *came += more.unsigned_abs(),
                less => *went += less.unsigned_abs(),
            }
        }
        let mut drift = EntryDrift { added: 0, changed: 0, removed: 0 };
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

    fn entries(pairs: &[(&str, &str)]) -> Vec<HashedEntry> {
        pairs.iter().map(|(k, v)| ((*k).into(), Some((*v).into()))).collect()
    }

    fn any_entries() -> impl Strategy<Value = Vec<HashedEntry>> {
        let pair = ("[a-c]", proptest::option::of("[xy]"));
        let entry =
            pair.prop_map(|(key, value)| (key.as_str().into(), value.map(|value| value.as_str().into())));
        proptest::collection::vec(entry, 0..12)
    }

    #[test]
    fn added_changed_removed_and_doubled_keys() {
        let stored = entries(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
        let live = entries(&[("a", "1"), ("b", "9"), ("d", "4"), ("d", "4"), ("e", "5")]);
        assert_eq!(EntryDrift::between(&live, &stored), EntryDrift { added: 2, changed: 1, removed: 1 });
        assert_eq!(EntryDrift::between(&live, &stored).describe(), "2 added, 1 changed, 1 removed");
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself_in_any_order(mut list in any_entries()) {
            let first = list.clone();
            list.reverse();
            prop_assert_eq!(EntryDrift::between(&list, &first).total(), 0);
        }

        #[test]
        fn one_more_entry_is_one_added(list in any_entries()) {
            let mut more = list.clone();
            more.push(("new".into(), None));
            prop_assert_eq!(EntryDrift::between(&more, &list), EntryDrift { added: 1, changed: 0, removed: 0 });
            prop_assert_eq!(EntryDrift::between(&list, &more), EntryDrift { added: 0, changed: 0, removed: 1 });
        }
    }
}

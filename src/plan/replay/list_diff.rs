//! The fewest changes that turn one list of entries into another and keep the order.

use std::collections::{HashMap, VecDeque};

use crate::facts::runtime_state::RuntimePatternEntry;
use crate::secret::Secret;

/// One change of a list. Values are secrets, so that `Debug` shows none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListEdit {
    /// Append an entry.
    Add(Secret, Option<Secret>),
    /// Set another value for the entry with this address.
    Set(String, Secret),
    /// Delete the entry with this address.
    Delete(String),
}

/// The changes from the new worker's list to the old worker's list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListDiff {
    /// The changes; `None` where only the whole list restores the order.
    pub(super) edits: Option<Vec<ListEdit>>,
    /// The whole list of the old worker.
    pub(super) whole: Vec<(Secret, Option<Secret>)>,
    /// Entries that are added.
    pub(super) added: usize,
    /// Entries whose value changes.
    pub(super) changed: usize,
    /// Entries that are removed.
    pub(super) removed: usize,
    /// Entries that were left out.
    pub(super) skipped: usize,
}

impl ListDiff {
    /// The lists are equal.
    pub(super) fn is_empty(&self) -> bool {
        self.edits.as_ref().is_some_and(Vec::is_empty)
    }

    /// The values of additions and changes.
    pub(super) fn new_values(&self) -> impl Iterator<Item = &str> {
        self.edits.iter().flatten().filter_map(|edit| match edit {
            ListEdit::Add(_, value) => value.as_ref().map(Secret::reveal),
            ListEdit::Set(_, value) => Some(value.reveal()),
            ListEdit::Delete(_) => None,
        })
    }

    /// The differences as text.
    pub(super) fn describe(&self) -> String {
        let parts = [(self.added, "added"), (self.changed, "changed"), (self.removed, "removed")];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        if parts.is_empty() { "their order".to_owned() } else { parts.join(", ") }
    }
}

/// The changes from the new list to the old one. An entry for which `skip` is true is not added, and no value is
/// changed to one for which it is true.
pub(super) fn diff_lists(
    is: &[RuntimePatternEntry],
    was: &[RuntimePatternEntry],
    skip: impl Fn(&RuntimePatternEntry) -> bool,
) -> ListDiff {
    let partner = match_entries(is, was);
    let mut of_old: Vec<Option<&RuntimePatternEntry>> = vec![None; was.len()];
    for (entry, old) in is.iter().zip(&partner) {
        if let Some(slot) = old.and_then(|old| of_old.get_mut(old)) {
            *slot = Some(entry);
        }
    }
    // What each old entry becomes: itself, the new worker's entry in its place, or nothing.
    let mut skipped = 0;
    let wanted: Vec<Option<&RuntimePatternEntry>> = was
        .iter()
        .zip(&of_old)
        .map(|(old, new)| {
            let same = new.is_some_and(|new| new.key_and_value() == old.key_and_value());
            if same || !skip(old) {
                return Some(old);
            }
            skipped += 1;
            *new
        })
        .collect();
    let mut edits = Vec::new();
    let mut reached: Vec<(&str, &str)> = Vec::new();
    let (mut changed, mut removed) = (0, 0);
    for (entry, old) in is.iter().zip(&partner) {
        match old.and_then(|old| wanted.get(old).copied().flatten()) {
            None => {
                removed += 1;
                edits.push(ListEdit::Delete(entry.reference.clone()));
            }
            Some(want) => {
                if want.key_and_value() != entry.key_and_value() {
                    changed += 1;
                    let value = want.value.clone().unwrap_or_default();
                    edits.push(ListEdit::Set(entry.reference.clone(), Secret::new(value)));
                }
                reached.push(want.key_and_value());
            }
        }
    }
    let mut added = 0;
    for want in wanted.iter().zip(&of_old).filter(|(_, new)| new.is_none()).filter_map(|(want, _)| *want) {
        added += 1;
        edits.push(ListEdit::Add(Secret::new(&want.key), want.value.clone().map(Secret::new)));
        reached.push(want.key_and_value());
    }
    let wanted: Vec<&RuntimePatternEntry> = wanted.into_iter().flatten().collect();
    let in_order = wanted.iter().map(|want| want.key_and_value()).eq(reached);
    let whole = wanted.iter().map(|want| (Secret::new(&want.key), want.value.clone().map(Secret::new)));
    ListDiff { whole: whole.collect(), edits: in_order.then_some(edits), added, changed, removed, skipped }
}

/// For each new entry the old one that it corresponds to: first an equal one, then one with the same key.
fn match_entries(is: &[RuntimePatternEntry], was: &[RuntimePatternEntry]) -> Vec<Option<usize>> {
    let mut equal: HashMap<(&str, &str), VecDeque<usize>> = HashMap::new();
    for (number, old) in was.iter().enumerate() {
        equal.entry(old.key_and_value()).or_default().push_back(number);
    }
    let mut partner: Vec<Option<usize>> =
        is.iter().map(|entry| equal.get_mut(&entry.key_and_value()).and_then(VecDeque::pop_front)).collect();
    let mut taken = vec![false; was.len()];
    for old in partner.iter().flatten() {
        if let Some(slot) = taken.get_mut(*old) {
            *slot = true;
        }
    }
    let mut by_key: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (number, old) in was.iter().enumerate().filter(|(number, _)| taken.get(*number) == Some(&false)) {
        by_key.entry(&old.key).or_default().push_back(number);
    }
    for (entry, slot) in is.iter().zip(&mut partner).filter(|(_, slot)| slot.is_none()) {
        *slot = by_key.get_mut(entry.key.as_str()).and_then(VecDeque::pop_front);
    }
    partner
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(pairs: &[(String, String)]) -> Vec<RuntimePatternEntry> {
        let entry = |(n, (key, value)): (usize, &(String, String))| RuntimePatternEntry {
            reference: format!("0x{n:x}"),
            key: key.clone(),
            value: Some(value.clone()),
        };
        pairs.iter().enumerate().map(entry).collect()
    }

    /// The list in HAProxy after the changes.
    fn apply_diff(is: &[RuntimePatternEntry], way: &ListDiff) -> Vec<(String, String)> {
        let plain = |value: &Option<Secret>| value.as_ref().map_or(String::new(), |v| v.reveal().to_owned());
        let Some(edits) = &way.edits else {
            return way.whole.iter().map(|(k, v)| (k.reveal().to_owned(), plain(v))).collect();
        };
        let mut all: Vec<(String, String, String)> = is
            .iter()
            .map(|e| (e.reference.clone(), e.key.clone(), e.value.clone().unwrap_or_default()))
            .collect();
        for edit in edits {
            match edit {
                ListEdit::Add(key, value) => all.push((String::new(), key.reveal().to_owned(), plain(value))),
                ListEdit::Set(at, value) => {
                    all.iter_mut().find(|e| e.0 == *at).unwrap().2 = value.reveal().to_owned();
                }
                ListEdit::Delete(at) => all.retain(|e| e.0 != *at),
            }
        }
        all.into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
        text.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn what_was_appended_changed_and_removed_takes_one_change_each() {
        let is = list(&pairs(&[("a", "1"), ("b", "2"), ("c", "3")]));
        let was = list(&pairs(&[("a", "1"), ("b", "9"), ("d", "4")]));
        let found = diff_lists(&is, &was, |_| false);
        assert_eq!(found.describe(), "1 added, 1 changed, 1 removed");
        assert_eq!(found.edits.as_ref().unwrap().len(), 3);
    }

    #[test]
    fn the_second_of_two_equal_keys_is_the_one_that_goes() {
        let is = list(&pairs(&[("a", "1"), ("a", "2")]));
        let found = diff_lists(&is, &list(&pairs(&[("a", "1")])), |_| false);
        assert_eq!(found.edits, Some(vec![ListEdit::Delete("0x1".into())]));
    }

    #[test]
    fn another_order_needs_the_whole_list() {
        let is = list(&pairs(&[("/a", "1"), ("/ab", "2")]));
        let was = list(&pairs(&[("/ab", "2"), ("/a", "1")]));
        let found = diff_lists(&is, &was, |_| false);
        assert_eq!((found.edits.is_none(), found.describe()), (true, "their order".to_owned()));
    }

    #[test]
    fn what_leads_nowhere_is_left_out_and_a_value_stays() {
        let is = list(&pairs(&[("a", "web")]));
        let was = list(&pairs(&[("a", "gone"), ("b", "gone"), ("c", "web")]));
        let found = diff_lists(&is, &was, |entry| entry.value.as_deref() == Some("gone"));
        assert_eq!((found.skipped, found.added, found.changed), (2, 1, 0));
        assert_eq!(apply_diff(&is, &found), pairs(&[("a", "web"), ("c", "web")]));
    }

    proptest! {
        #[test]
        fn the_way_always_leads_there(
            is in proptest::collection::vec(("[a-c]", "[xy]?"), 0..9),
            was in proptest::collection::vec(("[a-c]", "[xy]?"), 0..9),
        ) {
            let (held, goal) = (list(&is), list(&was));
            let found = diff_lists(&held, &goal, |_| false);
            prop_assert_eq!(apply_diff(&held, &found), was.clone());
            prop_assert_eq!(found.is_empty(), is == was);
            prop_assert!(diff_lists(&goal, &goal, |_| false).is_empty());
        }
    }
}

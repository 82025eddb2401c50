//! Map and ACL lists: entries that were added, changed, removed or reordered at run time.

use std::collections::HashSet;

use super::{
    RemovedBackends, ReplayItem, ReplayStep, ambiguous_change, count_entries, known_pair, list_diff,
};
use crate::facts::loaded_config::{ConfigBaseline, ConfigSinceLoad};
use crate::facts::runtime_state::{RuntimePatternEntry, RuntimePatternList};
use crate::facts::{Known, LoadedConfig, PatternKind, RuntimeState};
use crate::known::Unknown;
use crate::plan::losses::LossKind;

/// The list of the new worker that corresponds to one of the old worker.
enum Counterpart<'a> {
    /// This list, and it is as the old worker loaded it.
    Found(&'a RuntimePatternList),
    /// Nothing was set at run time, or no line uses the list any more.
    NotNeeded,
    /// Not known.
    Ambiguous(String),
}

pub(super) fn add_items(
    old: &RuntimeState,
    new: &RuntimeState,
    loaded: &LoadedConfig,
    gone: &RemovedBackends,
    items: &mut Vec<ReplayItem>,
) {
    let Some((held, now)) =
        known_pair(&old.lists, &new.lists, LossKind::MapEntry, "map and ACL lists", items)
    else {
        return;
    };
    // A file that serves both as a map and as an ACL is one list, and is put back once.
    let maps: HashSet<u32> =
        held.iter().filter(|list| list.kind == PatternKind::Map).map(|list| list.id).collect();
    for (number, list) in held.iter().enumerate() {
        if list.kind == PatternKind::Acl && maps.contains(&list.id) {
            continue;
        }
        // Several lists can stand on one line; they keep their order.
        let same = |other: &&RuntimePatternList| other.kind == list.kind && other.name == list.name;
        let nth = held.iter().take(number).filter(same).count();
        compare_list(list, nth, now, loaded, gone, items);
    }
}

fn loss_kind(list: &RuntimePatternList) -> LossKind {
    match list.kind {
        PatternKind::Map => LossKind::MapEntry,
        PatternKind::Acl => LossKind::AclEntry,
    }
}

fn compare_list(
    old: &RuntimePatternList,
    nth: usize,
    now: &[RuntimePatternList],
    loaded: &LoadedConfig,
    gone: &RemovedBackends,
    items: &mut Vec<ReplayItem>,
) {
    let (kind, what) = (loss_kind(old), "entries");
    let mut cannot = |detail: String, why: String| {
        items.push(ReplayItem::not_restorable(kind, old.name.clone(), what, detail, why));
    };
    let held = match old.entries.get() {
        Err(Unknown { why }) => return cannot("its entries could not be read".to_owned(), why),
        Ok(held) => held,
    };
    let new = match find_counterpart(old, held, nth, now, loaded) {
        Counterpart::NotNeeded => return,
        Counterpart::Found(new) => new,
        Counterpart::Ambiguous(why) => {
            let remedy = format!("set it again: `show {0}`, `add {0}`", old.kind);
            return cannot(
                "its entries differ from those of the old worker".to_owned(),
                ambiguous_change(&why, &remedy),
            );
        }
    };
    let is = match new.entries.get() {
        Err(Unknown { why }) => return cannot("its entries could not be read".to_owned(), why),
        Ok(is) => is,
    };
    let leads_nowhere = |entry: &RuntimePatternEntry| {
        old.kind == PatternKind::Map && entry.value.as_ref().is_some_and(|value| gone.contains(value))
    };
    let way = list_diff::diff_lists(is, held, leads_nowhere);
    if way.skipped > 0 {
        let names: Vec<&str> = gone.iter().map(String::as_str).collect();
        let detail = format!("{} set at run time", count_entries(way.skipped));
        let why = format!("the backend that they name no longer exists ({})", names.join(", "));
        items.push(ReplayItem::not_restorable(
            kind,
            old.name.clone(),
            "entries that lead nowhere",
            detail,
            why,
        ));
    }
    if !way.is_empty() {
        let blanks = way.new_values().any(|value| value.contains([' ', '\t']));
        let note = if blanks {
            "; HAProxy does not show where a key with blanks ends, so each key is taken to have none"
        } else {
            ""
        };
        let note = if old.kind == PatternKind::Map { note } else { "" };
        let detail = format!("{}, at run time{note}", way.describe());
        let step = ReplayStep::Entries { kind: new.kind, id: new.id, edits: way.edits, whole: way.whole };
        items.push(ReplayItem::restorable(kind, old.name.clone(), what, detail, vec![step]));
    }
}

fn find_counterpart<'a>(
    old: &RuntimePatternList,
    held: &[RuntimePatternEntry],
    nth: usize,
    now: &'a [RuntimePatternList],
    loaded: &LoadedConfig,
) -> Counterpart<'a> {
    let mut same = now.iter().filter(|list| list.kind == old.kind && list.name == old.name);
    let Some(sample) = &old.sample else {
        // No line uses the file any more.
        let Some(new) = same.next() else { return Counterpart::NotNeeded };
        if new.entries.seen().is_some_and(|is| same_entries(is, held)) {
            return Counterpart::NotNeeded;
        }
        return match loaded.is_unchanged(&old.name) {
            Known::Seen(true) => Counterpart::Found(new),
            Known::Seen(false) => {
                Counterpart::Ambiguous(format!("{} was edited after the worker started", old.name))
            }
            Known::Unknown { why } => Counterpart::Ambiguous(why),
        };
    };
    match &loaded.config {
        Known::Seen(ConfigSinceLoad::Unchanged) => match same.nth(nth) {
            Some(new) => Counterpart::Found(new),
            None => Counterpart::Ambiguous("the new worker does not have it".to_owned()),
        },
        Known::Seen(ConfigSinceLoad::Changed(copy)) => find_moved_list(old, held, nth, sample, now, copy),
        Known::Unknown { why } => {
            let alike =
                |list: &&RuntimePatternList| list.entries.seen().is_some_and(|is| same_entries(is, held));
            let found =
                now.iter().filter(|list| list.sample.as_ref() == Some(sample)).any(|list| alike(&list));
            match found || held.is_empty() {
                true => Counterpart::NotNeeded,
                false => Counterpart::Ambiguous(why.clone()),
            }
        }
    }
}

/// A list on a line that may have moved: found by its values in the copy of the old files.
fn find_moved_list<'a>(
    old: &RuntimePatternList,
    held: &[RuntimePatternEntry],
    nth: usize,
    sample: &String,
    now: &'a [RuntimePatternList],
    copy: &ConfigBaseline,
) -> Counterpart<'a> {
    let Some(values) = copy.inline.get(&old.name).and_then(|lists| lists.get(nth)) else {
        return Counterpart::Ambiguous("the copy of the files does not have its line".to_owned());
    };
    let as_written = |entries: &[RuntimePatternEntry]| entries.iter().map(|entry| &entry.key).eq(values);
    if as_written(held) {
        return Counterpart::NotNeeded;
    }
    let alike = now.iter().filter(|list| {
        list.sample.as_ref() == Some(sample)
            && list.entries.seen().is_some_and(|is| as_written(is) || same_entries(is, held))
    });
    match alike.collect::<Vec<_>>().as_slice() {
        [only] => Counterpart::Found(only),
        [] => Counterpart::Ambiguous("the edit changed its line too".to_owned()),
        many => Counterpart::Ambiguous(format!("{} lines look like its own", many.len())),
    }
}

fn same_entries(one: &[RuntimePatternEntry], other: &[RuntimePatternEntry]) -> bool {
    one.iter()
        .map(RuntimePatternEntry::key_and_value)
        .eq(other.iter().map(RuntimePatternEntry::key_and_value))
}

//! Map and ACL lists: what was added, changed, removed or ordered otherwise at run time.

use super::{Gone, Item, Step, both, cannot_tell, entries, list_diff};
use crate::facts::loaded_config::{Config, Copied};
use crate::facts::runtime_state::{HeldEntry, HeldList};
use crate::facts::{Holdings, Known, Loaded, PatternKind};
use crate::plan::losses::Kind;

/// The list of the new worker that an old one stands for.
enum Counterpart<'a> {
    /// This one, and it is as the old worker loaded it.
    Is(&'a HeldList),
    /// Nothing was set at run time, or nothing looks into the list any more.
    Nothing,
    /// It cannot be told.
    CannotTell(String),
}

pub(super) fn items(old: &Holdings, new: &Holdings, loaded: &Loaded, gone: &Gone, items: &mut Vec<Item>) {
    let Some((held, now)) = both(&old.lists, &new.lists, Kind::MapEntry, "map and ACL lists", items) else {
        return;
    };
    for (number, list) in held.iter().enumerate() {
        // Several lists can stand on one line; they keep their order.
        let same = |other: &&HeldList| other.kind == list.kind && other.name == list.name;
        let nth = held.iter().take(number).filter(same).count();
        compare(list, nth, now, loaded, gone, items);
    }
}

fn kind_of(list: &HeldList) -> Kind {
    match list.kind {
        PatternKind::Map => Kind::MapEntry,
        PatternKind::Acl => Kind::AclEntry,
    }
}

fn compare(
    old: &HeldList,
    nth: usize,
    now: &[HeldList],
    loaded: &Loaded,
    gone: &Gone,
    items: &mut Vec<Item>,
) {
    let (kind, what) = (kind_of(old), "entries");
    let mut cannot = |detail: String, why: String| {
        items.push(Item::cannot(kind, old.name.clone(), what, detail, why));
    };
    let held = match &old.entries {
        Known::Unknown { why } => return cannot("its entries could not be read".to_owned(), why.clone()),
        Known::Seen(held) => held,
    };
    let new = match counterpart(old, held, nth, now, loaded) {
        Counterpart::Nothing => return,
        Counterpart::Is(new) => new,
        Counterpart::CannotTell(why) => {
            let mend = format!("set it again: `show {0}`, `add {0}`", noun(old.kind));
            return cannot("its entries are not as they were".to_owned(), cannot_tell(&why, &mend));
        }
    };
    let is = match &new.entries {
        Known::Unknown { why } => return cannot("its entries could not be read".to_owned(), why.clone()),
        Known::Seen(is) => is,
    };
    let leads_nowhere = |entry: &HeldEntry| {
        old.kind == PatternKind::Map && entry.value.as_ref().is_some_and(|value| gone.contains(value))
    };
    let way = list_diff::way(is, held, leads_nowhere);
    if way.skipped > 0 {
        let names: Vec<&str> = gone.iter().map(String::as_str).collect();
        let detail = format!("{} set at run time", entries(way.skipped));
        let why = format!("the backend it leads to no longer exists ({})", names.join(", "));
        items.push(Item::cannot(kind, old.name.clone(), "entries that lead nowhere", detail, why));
    }
    if !way.is_empty() {
        let blanks = way.brought().any(|value| value.contains([' ', '\t']));
        let note = if blanks {
            "; where a key with blanks ends is not shown, so it is taken to have none"
        } else {
            ""
        };
        let note = if old.kind == PatternKind::Map { note } else { "" };
        let detail = format!("{}, at run time{note}", way.words());
        let step = Step::Entries { kind: new.kind, id: new.id, edits: way.edits, whole: way.whole };
        items.push(Item::put_back(kind, old.name.clone(), what, detail, vec![step]));
    }
}

fn noun(kind: PatternKind) -> &'static str {
    match kind {
        PatternKind::Map => "map",
        PatternKind::Acl => "acl",
    }
}

fn counterpart<'a>(
    old: &HeldList,
    held: &[HeldEntry],
    nth: usize,
    now: &'a [HeldList],
    loaded: &Loaded,
) -> Counterpart<'a> {
    let mut same = now.iter().filter(|list| list.kind == old.kind && list.name == old.name);
    let Some(sample) = &old.sample else {
        // No line looks into the file any more.
        let Some(new) = same.next() else { return Counterpart::Nothing };
        if new.entries.seen().is_some_and(|is| equal(is, held)) {
            return Counterpart::Nothing;
        }
        return match loaded.untouched(&old.name) {
            Known::Seen(true) => Counterpart::Is(new),
            Known::Seen(false) => {
                Counterpart::CannotTell(format!("{} was edited after the worker started", old.name))
            }
            Known::Unknown { why } => Counterpart::CannotTell(why),
        };
    };
    match &loaded.config {
        Known::Seen(Config::Untouched) => match same.nth(nth) {
            Some(new) => Counterpart::Is(new),
            None => Counterpart::CannotTell("the new worker does not have it".to_owned()),
        },
        Known::Seen(Config::Was(copy)) => moved(old, held, nth, sample, now, copy),
        Known::Unknown { why } => {
            let alike = |list: &&HeldList| list.entries.seen().is_some_and(|is| equal(is, held));
            let found =
                now.iter().filter(|list| list.sample.as_ref() == Some(sample)).any(|list| alike(&list));
            match found || held.is_empty() {
                true => Counterpart::Nothing,
                false => Counterpart::CannotTell(why.clone()),
            }
        }
    }
}

/// A list on a line that may stand elsewhere now: found by what the copy says was on the line.
fn moved<'a>(
    old: &HeldList,
    held: &[HeldEntry],
    nth: usize,
    sample: &String,
    now: &'a [HeldList],
    copy: &Copied,
) -> Counterpart<'a> {
    let Some(values) = copy.inline.get(&old.name).and_then(|lists| lists.get(nth)) else {
        return Counterpart::CannotTell("the copy of the files does not have its line".to_owned());
    };
    let as_written = |entries: &[HeldEntry]| entries.iter().map(|entry| &entry.key).eq(values);
    if as_written(held) {
        return Counterpart::Nothing;
    }
    let alike = now.iter().filter(|list| {
        list.sample.as_ref() == Some(sample)
            && list.entries.seen().is_some_and(|is| as_written(is) || equal(is, held))
    });
    match alike.collect::<Vec<_>>().as_slice() {
        [only] => Counterpart::Is(only),
        [] => Counterpart::CannotTell("the edit changed its line too".to_owned()),
        many => Counterpart::CannotTell(format!("{} lines look like its own", many.len())),
    }
}

fn equal(one: &[HeldEntry], other: &[HeldEntry]) -> bool {
    one.iter().map(HeldEntry::pair).eq(other.iter().map(HeldEntry::pair))
}

//! Pairs map and ACL lists. A list in a file has its path for a name; one on a configuration line has the number of its
//! line, which every edit above it moves, so it is found by its content first.

use std::collections::{BTreeMap, BTreeSet};

use super::Pair;
use crate::facts::{PatternKind, Patterns};

/// Where lists on lines can be exchanged: the kind, the file and the criterion.
type Place<'a> = (PatternKind, &'a str, &'a str);

pub(super) fn pair_lists<'a>(live: &'a [Patterns], next: &'a [Patterns]) -> Vec<Pair<'a, Patterns>> {
    let files: BTreeMap<_, &Patterns> =
        next.iter().filter(|list| list.file).map(|list| ((list.kind, &list.name), list)).collect();
    let inline = inline_partners(live, next);
    let of_live = live.iter().map(|list| {
        let next =
            if list.file { files.get(&(list.kind, &list.name)) } else { inline.get(list.name.as_str()) };
        Pair { live: Some(list), next: next.copied() }
    });
    let mut pairs: Vec<Pair<'a, Patterns>> = of_live.collect();
    let taken: BTreeSet<_> =
        pairs.iter().filter_map(|pair| pair.next).map(|list| (list.kind, &list.name)).collect();
    let only_next = next.iter().filter(|list| !taken.contains(&(list.kind, &list.name)));
    pairs.extend(only_next.map(|list| Pair { live: None, next: Some(list) }));
    pairs
}

/// The partner of each list on a line, by its name: the list of equal content, else the one on its line, else the next
/// one in order where no list came or went.
fn inline_partners<'a>(live: &'a [Patterns], next: &'a [Patterns]) -> BTreeMap<&'a str, &'a Patterns> {
    let mut partner: BTreeMap<&str, &Patterns> = BTreeMap::new();
    let (live, mut next) = (by_place(live), by_place(next));
    for (place, lists) in live {
        let mut free = next.remove(&place).unwrap_or_default();
        let same_count = free.len() == lists.len();
        let mut take = |list: &Patterns, fits: &dyn Fn(&Patterns) -> bool| {
            // Its own line is tried first.
            let own = free.iter().position(|other| other.name == list.name && fits(other));
            own.or_else(|| free.iter().position(|other| fits(other))).map(|number| free.remove(number))
        };
        let mut left = Vec::new();
        for list in lists {
            match take(list, &|other| other.entries.seen().is_some() && other.entries == list.entries) {
                Some(found) => drop(partner.insert(&list.name, found)),
                None => left.push(list),
            }
        }
        for list in left {
            let found = take(list, &|other| same_count || other.name == list.name);
            found.map(|found| partner.insert(&list.name, found));
        }
    }
    partner
}

fn by_place(lists: &[Patterns]) -> BTreeMap<Place<'_>, Vec<&Patterns>> {
    let mut places: BTreeMap<Place<'_>, Vec<&Patterns>> = BTreeMap::new();
    for list in lists.iter().filter(|list| !list.file) {
        // FILE:LINE CRITERION
        let (at, criterion) = list.name.rsplit_once(' ').unwrap_or((&list.name, ""));
        let file = at.rsplit_once(':').map_or(at, |(file, _)| file);
        places.entry((list.kind, file, criterion)).or_default().push(list);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Known;

    fn list(line: u32, keys: &[&str]) -> Patterns {
        let entries = Known::Seen(keys.iter().map(|key| ((*key).into(), None)).collect());
        Patterns { kind: PatternKind::Acl, name: format!("/h.cfg:{line} src"), file: false, entries }
    }

    fn pairs(live: &[Patterns], next: &[Patterns]) -> Vec<(String, String)> {
        let line = |list: Option<&Patterns>| {
            list.map_or(String::new(), |list| list.name.trim_start_matches("/h.cfg:").replace(" src", ""))
        };
        let mut all: Vec<_> =
            pair_lists(live, next).iter().map(|pair| (line(pair.live), line(pair.next))).collect();
        all.sort();
        all
    }

    fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(live, next)| ((*live).to_owned(), (*next).to_owned())).collect()
    }

    #[test]
    fn a_comment_above_two_lists_moves_both() {
        let live = [list(9, &["a"]), list(10, &["b"])];
        let next = [list(10, &["a"]), list(11, &["b"])];
        assert_eq!(pairs(&live, &next), expected(&[("10", "11"), ("9", "10")]));
    }

    #[test]
    fn a_list_that_was_changed_at_run_time_and_moved_is_compared_with_its_line() {
        let live = [list(9, &["a"]), list(10, &["b", "more"])];
        let next = [list(11, &["a"]), list(12, &["b"])];
        assert_eq!(pairs(&live, &next), expected(&[("10", "12"), ("9", "11")]));
    }

    #[test]
    fn one_that_went_has_no_partner_and_one_that_came_is_new() {
        let gone = pairs(&[list(9, &["a"]), list(10, &["b"])], &[list(9, &["b"])]);
        assert_eq!(gone, expected(&[("10", "9"), ("9", "")]));
        let came = pairs(&[list(9, &["b"])], &[list(9, &["a"]), list(10, &["b"])]);
        assert_eq!(came, expected(&[("", "9"), ("9", "10")]));
    }

    #[test]
    fn what_is_equal_twice_stays_on_its_line() {
        let both = [list(9, &["a"]), list(10, &["a"])];
        assert_eq!(pairs(&both, &both), expected(&[("10", "10"), ("9", "9")]));
    }
}

//! The differences between two worker states, by type. The ledger, the changes that `rehearse` shows, the addresses that
//! come and go, and the proof of a reload are each made from this one comparison.
//!
//! - `changes`: the differences as a list of changes
//! - `drift`: how two lists of entries differ
//! - `pattern_lists`: pairs map and ACL lists

pub mod changes;
pub(in crate::plan) mod drift;
mod pattern_lists;

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{Certificate, Facts, Known, Listener, Patterns, Proxy, Server, StickTable, WorkerState};
use crate::known::Unknown;

/// One object, by its name in both states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a, T> {
    /// As the running worker has it.
    pub live: Option<&'a T>,
    /// As the next worker would have it.
    pub next: Option<&'a T>,
}

/// Pairs the objects of two lists that have one key: first those of `live` in their order, then those that only `next`
/// has.
pub fn pair_by<'a, T, K: Ord>(live: &'a [T], next: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<Pair<'a, T>> {
    let others: BTreeMap<K, &T> = next.iter().rev().map(|one| (key(one), one)).collect();
    let known: BTreeSet<K> = live.iter().map(&key).collect();
    let of_live = live.iter().map(|one| Pair { live: Some(one), next: others.get(&key(one)).copied() });
    let only_next = next.iter().filter(|one| !known.contains(&key(one)));
    of_live.chain(only_next.map(|one| Pair { live: None, next: Some(one) })).collect()
}

/// One kind of objects in both states.
#[derive(Debug)]
pub struct PartDiff<'a, T> {
    live: &'a Known<Vec<T>>,
    next: &'a Known<Vec<T>>,
    pairs: Vec<Pair<'a, T>>,
}

impl<'a, T: 'static> PartDiff<'a, T> {
    fn between<K: Ord>(live: &'a Known<Vec<T>>, next: &'a Known<Vec<T>>, key: impl Fn(&'a T) -> K) -> Self {
        PartDiff::paired(live, next, |live, next| pair_by(live, next, key))
    }

    fn paired(
        live: &'a Known<Vec<T>>,
        next: &'a Known<Vec<T>>,
        pair: impl FnOnce(&'a [T], &'a [T]) -> Vec<Pair<'a, T>>,
    ) -> Self {
        let slice = |known: &'a Known<Vec<T>>| known.seen().map_or(&[][..], Vec::as_slice);
        PartDiff { live, next, pairs: pair(slice(live), slice(next)) }
    }

    /// Every object of either state.
    ///
    /// # Errors
    /// Where one of the states is not known.
    pub fn pairs(&self) -> Result<&[Pair<'a, T>], Unknown> {
        self.live.get()?;
        self.next.get()?;
        Ok(&self.pairs)
    }

    /// Every object that runs, and what the next worker has in its place, where that is known.
    ///
    /// # Errors
    /// Where it is not known what runs.
    pub fn running(&self) -> Result<impl Iterator<Item = (&'a T, Result<Option<&'a T>, Unknown>)>, Unknown> {
        self.live.get()?;
        let running = self.pairs.iter().filter_map(|pair| Some((pair.live?, pair.next)));
        Ok(running.map(|(live, next)| (live, self.next.get().map(|_| next))))
    }

    /// What the next worker has.
    ///
    /// # Errors
    /// Where that is not known.
    pub fn next(&self) -> Result<&'a [T], Unknown> {
        self.next.get().map(Vec::as_slice)
    }

    /// What only the next worker has; nothing where one of the states is not known.
    pub fn added(&self) -> impl Iterator<Item = &'a T> {
        let pairs = self.pairs().unwrap_or_default().iter();
        pairs.filter(|pair| pair.live.is_none()).filter_map(|pair| pair.next)
    }

    /// What only the running worker has; nothing where one of the states is not known.
    pub fn removed(&self) -> impl Iterator<Item = &'a T> {
        let pairs = self.pairs().unwrap_or_default().iter();
        pairs.filter(|pair| pair.next.is_none()).filter_map(|pair| pair.live)
    }
}

/// The running worker beside another state: the next worker, or what a reload was planned to bring.
#[derive(Debug)]
pub struct WorkerDiff<'a> {
    /// Frontends, backends and listen sections.
    pub proxies: PartDiff<'a, Proxy>,
    /// Servers.
    pub servers: PartDiff<'a, Server>,
    /// Map and ACL lists.
    pub patterns: PartDiff<'a, Patterns>,
    /// Stick tables.
    pub tables: PartDiff<'a, StickTable>,
    /// Certificates.
    pub certificates: PartDiff<'a, Certificate>,
    /// Listeners.
    pub listeners: PartDiff<'a, Listener>,
}

impl<'a> WorkerDiff<'a> {
    /// Compares two states.
    pub fn between(live: &'a WorkerState, next: &'a WorkerState) -> Self {
        WorkerDiff {
            proxies: PartDiff::between(&live.proxies, &next.proxies, |one| one.name.as_str()),
            servers: PartDiff::between(&live.servers, &next.servers, |one| {
                (one.backend.as_str(), one.name.as_str())
            }),
            patterns: PartDiff::paired(&live.patterns, &next.patterns, pattern_lists::pair_lists),
            tables: PartDiff::between(&live.tables, &next.tables, |one| one.name.as_str()),
            certificates: PartDiff::between(&live.certificates, &next.certificates, |one| one.name.as_str()),
            listeners: PartDiff::between(&live.listeners, &next.listeners, |one| one),
        }
    }

    /// The running worker beside the next one.
    pub fn from_facts(facts: &'a Facts) -> Self {
        WorkerDiff::between(&facts.live, &facts.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts::{healthy, known_mut};

    #[test]
    fn what_comes_and_what_goes_are_told_apart_and_an_unseen_side_is_unknown() {
        let mut facts = healthy();
        let short = |all: Vec<&Listener>| all.into_iter().map(Listener::short).collect::<Vec<_>>();
        let none = WorkerDiff::from_facts(&facts);
        assert_eq!((none.listeners.added().count(), none.listeners.removed().count()), (0, 0));
        let read = |text: &str| text.parse::<Listener>().unwrap();
        *known_mut(&mut facts.next.listeners) = vec![read("tcp 127.0.0.1:8001"), read("tcp [::]:8000")];
        let change = WorkerDiff::from_facts(&facts).listeners;
        assert_eq!(short(change.added().collect()), ["127.0.0.1:8001", "[::]:8000"]);
        assert_eq!(short(change.removed().collect()), ["127.0.0.1:8000"]);
        facts.live.listeners = Known::unknown("closed");
        let change = WorkerDiff::from_facts(&facts).listeners;
        assert_eq!(change.pairs(), Err(Unknown::new("closed")));
        assert_eq!((change.added().count(), change.removed().count()), (0, 0));
        assert_eq!(change.next().unwrap().len(), 2);
    }

    #[test]
    fn what_runs_is_listed_even_where_the_next_worker_is_unknown() {
        let mut facts = healthy();
        facts.next.servers = Known::unknown("denied");
        let diff = WorkerDiff::from_facts(&facts);
        let running: Vec<_> = diff.servers.running().unwrap().collect();
        assert!(!running.is_empty());
        assert!(running.iter().all(|(_, next)| *next == Err(Unknown::new("denied"))), "{running:?}");
    }
}

//! Which listeners must be there after a reload.

use std::collections::BTreeSet;

use crate::facts::{Facts, Listener};

/// What the new worker must hold: all that the next worker was seen, or read, to listen on; where that is not known,
/// what this one has, as long as no file was written since.
pub fn expected(facts: &Facts) -> BTreeSet<Listener> {
    let unedited = facts.config.edited_since_load.seen().is_some_and(Vec::is_empty);
    match facts.next.listeners.seen() {
        Some(next) => next.iter().cloned().collect(),
        None if unedited => current(facts),
        None => BTreeSet::new(),
    }
}

/// What is listened on now: the previous worker must hold it again when a reload has failed.
pub fn current(facts: &Facts) -> BTreeSet<Listener> {
    facts.live.listeners.seen().into_iter().flatten().cloned().collect()
}

/// The addresses on which clients must be able to connect all the while: before and after.
pub fn uninterrupted(facts: &Facts) -> BTreeSet<Listener> {
    let tcp = |listener: &&Listener| matches!(listener, Listener::Tcp(_));
    current(facts).intersection(&expected(facts)).filter(tcp).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Known, test_facts};

    fn listener(text: &str) -> Listener {
        text.parse().unwrap()
    }

    #[test]
    fn what_comes_is_expected_what_goes_is_not_and_what_stays_never_pauses() {
        let mut facts = test_facts::healthy();
        let [stays, goes, comes] = ["tcp 127.0.0.1:1", "tcp 127.0.0.1:2", "tcp 127.0.0.1:3"].map(listener);
        let path = listener("unix /run/admin.sock");
        facts.live.listeners = Known::Seen(vec![stays.clone(), goes.clone(), path.clone()]);
        facts.next.listeners = Known::Seen(vec![stays.clone(), comes.clone(), path.clone()]);
        assert_eq!(expected(&facts), [stays.clone(), comes, path.clone()].into());
        assert_eq!(current(&facts), [stays.clone(), goes, path].into());
        assert_eq!(uninterrupted(&facts), [stays].into());
        facts.next.listeners = Known::unknown("a name");
        assert_eq!(expected(&facts), current(&facts), "no file was written");
        facts.config.edited_since_load = Known::Seen(vec!["/etc/haproxy.cfg".to_owned()]);
        assert!(expected(&facts).is_empty());
    }
}

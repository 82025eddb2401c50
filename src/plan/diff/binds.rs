//! The addresses on which a reload would start or stop listening.

use crate::facts::binds::subtract_listeners;
use crate::facts::{Known, Listener, WorkerState};

/// Addresses that are added and removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListenerDiff {
    /// In the next worker only.
    pub new: Vec<Listener>,
    /// In the running worker only.
    pub gone: Vec<Listener>,
}

/// The difference between the present listeners and those of the next worker. Unknown where one side is.
pub fn diff_listeners(live: &WorkerState, next: &WorkerState) -> Known<ListenerDiff> {
    let both = live.listeners.as_ref().zip(next.listeners.as_ref());
    both.map(|(live, next)| ListenerDiff {
        new: subtract_listeners(next, live),
        gone: subtract_listeners(live, next),
    })
}

/// The addresses on which a worker should listen and does not, for the proof after a reload: `wanted` are those of the
/// planned next worker, `holds` those that a PID has.
pub fn missing_listeners(wanted: &[Listener], holds: &[Listener]) -> Vec<Listener> {
    subtract_listeners(wanted, holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts::{healthy, known_mut};

    #[test]
    fn what_comes_and_what_goes_are_told_apart_and_an_unseen_side_is_unknown() {
        let mut facts = healthy();
        let none = diff_listeners(&facts.live, &facts.next);
        assert_eq!(none, Known::Seen(ListenerDiff::default()));
        let read = |text: &str| text.parse::<Listener>().unwrap();
        *known_mut(&mut facts.next.listeners) = vec![read("tcp 127.0.0.1:8001"), read("tcp [::]:8000")];
        let change = diff_listeners(&facts.live, &facts.next);
        let change = change.seen().unwrap();
        assert_eq!(change.new, [read("tcp 127.0.0.1:8001"), read("tcp [::]:8000")]);
        assert_eq!(change.gone, [read("tcp 127.0.0.1:8000")]);
        assert_eq!(missing_listeners(&change.new, &[read("tcp [::]:8000")]), [read("tcp 127.0.0.1:8001")]);
        facts.live.listeners = Known::unknown("closed");
        assert_eq!(diff_listeners(&facts.live, &facts.next), Known::unknown("closed"));
    }
}

//! How long clients could not connect over a restart, and when the first connection of each address was taken again.
//!
//! Rows of the kernel's table tell when an address is closed, or taken by another socket; one connection to it, made
//! then, shows when a process accepts clients there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clients::linux;
use crate::facts::Listener;
use crate::timeouts;

/// A look-out over addresses while HAProxy is restarted.
#[derive(Debug)]
pub struct DowntimeMonitor {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<ObservedDowntime>,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct ObservedDowntime {
    /// Every address that was watched.
    pub addresses: BTreeMap<Listener, AddressDowntime>,
    /// Why it could not be watched, or not to the end.
    pub trouble: Option<String>,
}

/// One address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddressDowntime {
    /// For how long no socket listened there.
    pub closed: Duration,
    /// From the order to the first connection that was taken; none where none was.
    pub accepted: Option<Duration>,
}

impl ObservedDowntime {
    /// Nothing was watched.
    pub fn unobserved(why: impl Into<String>) -> Self {
        ObservedDowntime { trouble: Some(why.into()), ..ObservedDowntime::default() }
    }

    /// The longest time for which an address was closed.
    pub fn longest(&self) -> Option<Duration> {
        self.addresses.values().map(|gap| gap.closed).max()
    }

    /// When the last address took a connection; none where one has not.
    pub fn fully_restored_after(&self) -> Option<Duration> {
        let taken =
            |gap: &AddressDowntime| gap.accepted.or((gap.closed == Duration::ZERO).then_some(Duration::ZERO));
        let all: Option<Vec<Duration>> = self.addresses.values().map(taken).collect();
        all.and_then(|all| all.into_iter().max())
    }
}

impl DowntimeMonitor {
    /// Starts to watch these addresses of our own network. What is not listened on yet counts from now on.
    pub fn start(addresses: impl IntoIterator<Item = Listener>) -> Self {
        // Before the thread is there: what it finds first may be the new one already.
        let mut now = linux::tcp_listener_inodes(std::process::id()).unwrap_or_default();
        let with_sockets = |listener: Listener| {
            let sockets = now.remove(&listener).unwrap_or_default();
            (listener, sockets)
        };
        let addresses: Vec<_> = addresses.into_iter().map(with_sockets).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let begun = Instant::now();
        let thread = std::thread::spawn(move || monitor(begun, addresses, &stopped));
        DowntimeMonitor { stop, thread }
    }

    /// Ends the watch.
    pub fn end(self) -> ObservedDowntime {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_else(|_| ObservedDowntime::unobserved("the watch ended early"))
    }
}

/// How one address stands.
struct WatchedAddress {
    /// The sockets that took clients there before; one of a short restart may come back between two looks.
    sockets: BTreeSet<u64>,
    closed_since: Option<Instant>,
    gap: AddressDowntime,
}

fn monitor(
    begun: Instant,
    addresses: Vec<(Listener, BTreeSet<u64>)>,
    stopped: &AtomicBool,
) -> ObservedDowntime {
    let fresh =
        |(at, sockets)| (at, WatchedAddress { sockets, closed_since: None, gap: AddressDowntime::default() });
    let mut places: BTreeMap<Listener, WatchedAddress> = addresses.into_iter().map(fresh).collect();
    let mut trouble = None;
    let mut last = begun;
    let mut final_look = false;
    loop {
        let now = Instant::now();
        match sample(begun, last, &mut places) {
            Ok(()) => last = now,
            Err(error) => {
                trouble = Some(format!("{error:#}"));
                break;
            }
        }
        if final_look {
            break;
        }
        // One look more after the word: what has just come back is still to be seen.
        final_look = stopped.load(Ordering::SeqCst);
        if !final_look {
            std::thread::park_timeout(timeouts::LISTENER_SAMPLE);
        }
    }
    let now = Instant::now();
    let addresses = places.into_iter().map(|(listener, place)| {
        let open = place.closed_since.map_or(Duration::ZERO, |since| now - since);
        (listener, AddressDowntime { closed: place.gap.closed + open, ..place.gap })
    });
    ObservedDowntime { addresses: addresses.collect(), trouble }
}

fn sample(
    begun: Instant,
    last: Instant,
    places: &mut BTreeMap<Listener, WatchedAddress>,
) -> anyhow::Result<()> {
    let mut rows = linux::tcp_listener_inodes(std::process::id())?;
    // A table that changes while it is read can hide a row for one look.
    if !places.keys().all(|listener| rows.contains_key(listener)) {
        rows.extend(linux::tcp_listener_inodes(std::process::id())?);
    }
    for (listener, place) in places {
        let now = rows.get(listener);
        let same = now.is_some_and(|now| !now.is_disjoint(&place.sockets));
        if !same {
            place.closed_since.get_or_insert(last);
        }
        let (Some(now), Some(since)) = (now, place.closed_since) else { continue };
        if accepts_connection(listener) {
            let taken = Instant::now();
            place.gap.closed += taken - since;
            place.gap.accepted.get_or_insert(taken - begun);
            place.closed_since = None;
            place.sockets.clone_from(now);
        }
    }
    Ok(())
}

fn accepts_connection(listener: &Listener) -> bool {
    let Some(mut at) = listener.socket_addr() else { return true };
    if at.ip().is_unspecified() {
        at = match at {
            SocketAddr::V4(_) => (Ipv4Addr::LOCALHOST, at.port()).into(),
            SocketAddr::V6(_) => (Ipv6Addr::LOCALHOST, at.port()).into(),
        };
    }
    TcpStream::connect_timeout(&at, timeouts::CONNECT).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::observe::refused_connections::tests::{listener, until};
    use std::net::TcpListener;

    #[test]
    fn an_address_that_went_and_came_back_took_a_connection_and_one_that_never_came_did_not() {
        let [(_stays, stays_at), (goes, goes_at), (_, never)] = [listener(), listener(), listener()];
        let at = goes.local_addr().unwrap();
        drop(goes);
        let watch = DowntimeMonitor::start([stays_at.clone(), goes_at.clone(), never.clone()]);
        let begun = Instant::now();
        until(|| begun.elapsed() > Duration::from_millis(60));
        let back = TcpListener::bind(at).unwrap();
        let (_client, _) = back.accept().unwrap();
        let seen = watch.end();
        assert!(seen.trouble.is_none(), "{seen:?}");
        assert_eq!(seen.addresses[&stays_at], AddressDowntime::default());
        let gap = seen.addresses[&goes_at];
        assert!(gap.closed >= Duration::from_millis(60) && gap.accepted.is_some(), "{gap:?}");
        assert!(seen.addresses[&never].closed > gap.closed && seen.addresses[&never].accepted.is_none());
        assert_eq!(
            (seen.longest(), seen.fully_restored_after()),
            (Some(seen.addresses[&never].closed), None)
        );
    }
}

//! Whether clients could connect meanwhile: the listening rows of the kernel, looked at every few milliseconds.
//!
//! No connection is made. A bind whose row is gone refuses clients; rows are looked at twice before that is believed,
//! because a table that changes while it is read can hide a row for one look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clients::linux;
use crate::facts::Listener;
use crate::timeouts;

/// A look-out over addresses while something is changed.
#[derive(Debug)]
pub struct RefusalMonitor {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<RefusedConnections>,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedConnections {
    /// Each address with the time for which no socket listened there; those without a gap are not in it.
    pub gaps: BTreeMap<Listener, Duration>,
    /// How many addresses were watched.
    pub watched: usize,
    /// The longest pause between two looks: a shorter gap may have been missed.
    pub blind: Duration,
    /// Why it could not be watched to the end.
    pub trouble: Option<String>,
}

impl RefusedConnections {
    /// The longest time for which an address refused clients.
    pub fn longest(&self) -> Duration {
        self.gaps.values().max().copied().unwrap_or_default()
    }
}

impl RefusalMonitor {
    /// Starts to watch these addresses, as process `pid` sees the network.
    pub fn start(pid: u32, addresses: BTreeSet<Listener>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || monitor(pid, &addresses, &stopped));
        RefusalMonitor { stop, thread }
    }

    /// Ends the watch.
    pub fn end(self) -> RefusedConnections {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_else(|_| RefusedConnections {
            trouble: Some("the watch ended early".to_owned()),
            ..RefusedConnections::default()
        })
    }
}

fn monitor(pid: u32, addresses: &BTreeSet<Listener>, stopped: &AtomicBool) -> RefusedConnections {
    let mut seen = RefusedConnections { watched: addresses.len(), ..RefusedConnections::default() };
    let mut last = Instant::now();
    while !stopped.load(Ordering::SeqCst) {
        std::thread::park_timeout(timeouts::LISTENER_SAMPLE);
        let missing = match missing_listeners(pid, addresses) {
            Ok(missing) => missing,
            Err(error) => {
                seen.trouble = Some(format!("{error:#}"));
                break;
            }
        };
        let now = Instant::now();
        let since = now - last;
        last = now;
        seen.blind = seen.blind.max(since);
        for address in missing {
            *seen.gaps.entry(address).or_default() += since;
        }
    }
    seen
}

fn missing_listeners(pid: u32, addresses: &BTreeSet<Listener>) -> anyhow::Result<Vec<Listener>> {
    let rows = linux::tcp_listeners(pid)?;
    let mut missing: Vec<Listener> = addresses.difference(&rows).cloned().collect();
    if !missing.is_empty() {
        let again = linux::tcp_listeners(pid)?;
        missing.retain(|address| !again.contains(address));
    }
    Ok(missing)
}

#[cfg(test)]
pub(in crate::act) mod tests {
    use super::*;
    use crate::time::Deadline;
    use crate::wait;
    use std::net::TcpListener;
    use std::ops::ControlFlow;

    /// A look that finds what the condition wants, or a failure after ten seconds.
    pub(in crate::act) fn until(mut done: impl FnMut() -> bool) {
        let deadline = Deadline::after(Duration::from_secs(10));
        let found = wait::until(deadline, timeouts::POLL, || match done() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        assert!(found.is_ok(), "in vain");
    }

    /// A listening socket, and its address.
    pub(in crate::act) fn listener() -> (TcpListener, Listener) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = Listener::Tcp(socket.local_addr().unwrap());
        (socket, at)
    }

    #[test]
    fn an_address_that_nobody_listens_on_for_a_while_is_told_and_the_others_are_not() {
        let [(stays, stays_at), (goes, goes_at)] = [listener(), listener()];
        let names = [stays_at, goes_at];
        let me = std::process::id();
        let watch = RefusalMonitor::start(me, names.iter().cloned().collect());
        drop(goes);
        let begun = Instant::now();
        until(|| begun.elapsed() > Duration::from_millis(60));
        let seen = watch.end();
        drop(stays);
        assert_eq!(seen.gaps.keys().collect::<Vec<_>>(), [&names[1]], "{seen:?}");
        assert!(seen.longest() > Duration::ZERO && seen.trouble.is_none() && seen.watched == 2);
    }
}

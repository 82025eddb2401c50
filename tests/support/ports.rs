//! Loopback ports that no other test takes, in this process or another.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A port that is ours while this value lives.
///
/// Binding port 0 alone is not enough: HAProxy binds with SO_REUSEPORT, so two tests that were given the same number
/// one after the other would both succeed and share the traffic. The lock file keeps the number apart until the end.
#[derive(Debug)]
pub(crate) struct Port {
    /// The number.
    pub(crate) number: u16,
    _lock: File,
}

/// A port on 127.0.0.1 that nobody listens on and no other test holds.
pub(crate) fn free() -> Port {
    listen().1
}

/// A listener on a port that no other test holds. Also for our own servers: one that were given the number which
/// another test is about to give to a program would answer in its place.
pub(crate) fn listen() -> (TcpListener, Port) {
    let uid = rustix::process::getuid().as_raw();
    // one for every run of this user, wherever each has its own files
    let folder = format!("/tmp/haguard-test-ports-{uid}");
    std::fs::create_dir_all(&folder).expect("a folder for port locks");
    let candidates = below_ephemeral();
    // Runs beside each other begin elsewhere, and a number that a test let go is not the next one's.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let start = usize::try_from(std::process::id()).expect("a PID fits") * 37;
    for _ in 0..candidates.len() {
        let step = start + NEXT.fetch_add(1, Ordering::Relaxed);
        let number = candidates.start + u16::try_from(step % candidates.len()).expect("a port");
        let path = format!("{folder}/{number}");
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path).expect("a port lock");
        if lock.try_lock().is_err() {
            continue;
        }
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", number)) {
            return (listener, Port { number, _lock: lock });
        }
    }
    panic!("no port of {candidates:?} is free on 127.0.0.1");
}

/// The ports from which the kernel never takes one for an outgoing connection. Between the moment when a test lets a
/// number go and the moment when HAProxy binds it, a connection of anyone could take it otherwise.
fn below_ephemeral() -> Range<u16> {
    let range =
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("the kernel's range");
    let first: u16 =
        range.split_whitespace().next().and_then(|first| first.parse().ok()).expect("the first port of it");
    if first > 20_000 { 10_000..first } else { 61_000..65_535 }
}

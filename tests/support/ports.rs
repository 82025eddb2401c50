//! Loopback ports that no other test takes, in this process or another.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;

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
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let number = listener.local_addr().expect("a bound socket has an address").port();
        let path = format!("{folder}/{number}");
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(path).expect("a port lock");
        if lock.try_lock().is_ok() {
            return (listener, Port { number, _lock: lock });
        }
    }
}

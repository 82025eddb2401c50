//! Whatever the tables of sockets hold, reading them does not panic.
#![no_main]

use haguard::wire::linux::listener::Listener;
use haguard::wire::linux::proc_net::{self, SocketTable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = proc_net::inet_sockets(SocketTable::Tcp, text, true);
    let _ = proc_net::inet_sockets(SocketTable::Udp, text, false);
    let _ = proc_net::unix_sockets(text);
    let _ = proc_net::epoll_targets(text).count();
    let _ = text.parse::<Listener>();
});

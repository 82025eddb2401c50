//! Whatever the tables of sockets hold, reading them does not panic.
#![no_main]

use haguard::wire::linux::listener::Listener;
use haguard::wire::linux::proc_net::{self, Table};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = proc_net::addresses(Table::Tcp, text, true);
    let _ = proc_net::addresses(Table::Udp, text, false);
    let _ = proc_net::unix(text);
    let _ = proc_net::watched(text).count();
    let _ = text.parse::<Listener>();
});

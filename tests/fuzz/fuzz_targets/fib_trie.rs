//! /proc/PID/net/fib_trie and if_inet6.
#![no_main]

use std::net::IpAddr;

use haguard::wire::linux::fib_trie::{ipv4, ipv6};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let found = ipv4(text);
    assert!(found.iter().all(|address| address.is_ipv4() && text.contains(&address.to_string())));
    assert!(found.is_sorted());
    let more = format!("{text}\n     |-- 192.0.2.77\n        /32 host LOCAL\n");
    assert!(ipv4(&more).contains(&IpAddr::from([192, 0, 2, 77])));
    assert!(ipv6(text).iter().all(IpAddr::is_ipv6));
});

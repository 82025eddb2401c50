//! The addresses that a network namespace calls its own, from /proc/PID/net/fib_trie and if_inet6.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 addresses of `fib_trie`: each stands on the line before `/32 host LOCAL`.
pub fn ipv4(text: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.trim().parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last.map(IpAddr::V4));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The IPv6 addresses of `if_inet6`: 32 hex digits at the start of each line.
pub fn ipv6(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let hex = line.split_ascii_whitespace().next().filter(|hex| hex.len() == 32)?;
        u128::from_str_radix(hex, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from(bits)))
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn own_addresses_are_those_of_local_hosts() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.2.0\n        /24 link UNICAST\n     |-- 10.0.2.15\n        \
                    /32 host LOCAL\n     |-- 10.0.2.255\n        /32 link BROADCAST\nLocal:\n     |-- 10.0.2.15\n        \
                    /32 host LOCAL\n";
        assert_eq!(ipv4(text), ["10.0.2.15".parse::<IpAddr>().unwrap()]);
        let six = "00000000000000000000000000000001 01 80 10 80       lo\nshort\n";
        assert_eq!(ipv6(six), ["::1".parse::<IpAddr>().unwrap()]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\PC\n]{0,200}") {
            let _ = (ipv4(&text), ipv6(&text));
        }
    }
}

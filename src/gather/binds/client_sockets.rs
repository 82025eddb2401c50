//! UDP sockets that a worker sends from, and that look like listeners: it polls them, and the kernel gave them a port.
//!
//! HAProxy 3.2 and newer do not connect the sockets of a `resolvers` section, so that /proc shows them as it shows a
//! `dgram-bind` or a `quic4@` bind.

use std::ops::RangeInclusive;

use crate::clients::linux;
use crate::facts::{Known, Listener};

/// Linux' own range: that of a new network namespace.
pub(in crate::gather) const DEFAULT_RANGE: RangeInclusive<u16> = 32_768..=60_999;

/// The ports that the kernel gives to sockets that ask for none, where this process lives.
pub(in crate::gather) fn ephemeral_ports(pid: u32) -> RangeInclusive<u16> {
    let read = || std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let text = linux::in_network_namespace(pid, read).ok().flatten();
    text.and_then(|text| parse_range(&text)).unwrap_or(DEFAULT_RANGE)
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ports = text.split_whitespace().map(str::parse::<u16>);
    Some(ports.next()?.ok()?..=ports.next()?.ok()?)
}

/// Takes out what is bound to every address and to a port of `ephemeral`, and is no listener of the files.
pub(in crate::gather) fn remove(
    listeners: &mut Known<Vec<Listener>>,
    configured: &Known<Vec<Listener>>,
    ephemeral: &RangeInclusive<u16>,
) {
    let Known::Seen(listeners) = listeners else { return };
    let configured = configured.seen().map(Vec::as_slice).unwrap_or_default();
    listeners.retain(|listener| match listener {
        Listener::Udp(at) => {
            !at.ip().is_unspecified() || !ephemeral.contains(&at.port()) || configured.contains(listener)
        }
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_may_have_bound_by_itself_is_taken_out() {
        let read = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect::<Vec<Listener>>();
        let all = [
            "tcp 0.0.0.0:40000",
            "udp 0.0.0.0:40000",
            "udp [::]:40001",
            "udp 127.0.0.1:40002",
            "udp [::]:443",
        ];
        let mut seen = Known::Seen(read(&all));
        remove(&mut seen, &Known::Seen(read(&["udp [::]:40001"])), &DEFAULT_RANGE);
        let left = ["tcp 0.0.0.0:40000", "udp [::]:40001", "udp 127.0.0.1:40002", "udp [::]:443"];
        assert_eq!(seen, Known::Seen(read(&left)));
        remove(&mut seen, &Known::unknown("denied"), &(1..=500));
        assert_eq!(seen.seen().unwrap().len(), 3, "{seen:?}");
        assert_eq!(parse_range("32768\t60999\n"), Some(DEFAULT_RANGE));
        assert_eq!(parse_range("x 1"), None);
    }
}

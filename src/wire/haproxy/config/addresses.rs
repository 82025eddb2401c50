//! The addresses of `parse_server_address` and `bind` lines.

use core::net::{Ipv4Addr, Ipv6Addr};

/// More ports than this stay a range, so that one line cannot fill the memory.
const MAX_PORTS_PER_RANGE: usize = 64;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// A name that has to be resolved.
    Name(String),
    /// The path of a unix socket.
    Unix(String),
    /// The name of an abstract unix socket (`abns@`, `abnsz@`).
    Abstract(String),
    /// One end of an inherited socket pair.
    SocketPair(String),
    /// An inherited file descriptor.
    Descriptor(String),
    /// The server behind a reversed HTTP connection.
    Reverse(String),
}

/// The port of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// This port.
    Fixed(u16),
    /// The port the client came to, plus this.
    Relative(i32),
    /// This kind of address has no port.
    None,
}

impl Port {
    /// The number that `show servers state` prints.
    pub fn servers_state_number(self) -> i32 {
        match self {
            Port::Fixed(port) => i32::from(port),
            Port::Relative(offset) => offset,
            Port::None => 0,
        }
    }
}

/// A family prefix and the rest of an address.
pub(super) fn split_family(text: &str) -> (&str, &str) {
    let text = ["stream+", "dgram+", "quic+"].iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(text);
    match text.split_once('@') {
        Some((
            family @ ("unix" | "uxst" | "uxdg" | "abns" | "abnsz" | "ip" | "ipv4" | "ipv6" | "tcp" | "tcp4"
            | "tcp6" | "udp" | "udp4" | "udp6" | "mptcp" | "mptcp4" | "mptcp6" | "quic4" | "quic6"
            | "fd" | "sockpair" | "rhttp"),
            rest,
        )) => (family, rest),
        _ if text.starts_with('/') => ("unix", text),
        _ => ("ip", text),
    }
}

/// Splits host and port at the last colon that is not inside brackets.
pub(super) fn split_host_port(text: &str) -> (&str, Option<&str>) {
    match text.rfind([':', ']']) {
        Some(at) if at > 0 || text.starts_with(':') => match text[at..].strip_prefix(':') {
            Some(port) => (&text[..at], Some(port)),
            None => (text, None),
        },
        _ => (text, None),
    }
}

/// The address of a `parse_server_address` line.
pub(super) fn parse_server_address(text: &str) -> (Host, Port) {
    let (family, rest) = split_family(text);
    match family {
        "unix" | "uxst" | "uxdg" => return (Host::Unix(rest.to_string()), Port::None),
        "abns" | "abnsz" => return (Host::Abstract(rest.to_string()), Port::None),
        "fd" => return (Host::Descriptor(rest.to_string()), Port::None),
        "sockpair" => return (Host::SocketPair(rest.to_string()), Port::None),
        "rhttp" => return (Host::Reverse(rest.to_string()), Port::None),
        _ => {}
    }
    let (host, port) = split_host_port(rest);
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let host = if let Ok(ip) = bare.parse() {
        Host::Ipv4(ip)
    } else if let Ok(ip) = bare.parse() {
        Host::Ipv6(ip)
    } else if bare.is_empty() || bare == "*" {
        Host::Ipv4(Ipv4Addr::UNSPECIFIED)
    } else {
        Host::Name(bare.to_string())
    };
    let port = port.unwrap_or_default();
    let offset = port.strip_prefix('+').and_then(|rest| rest.parse().ok());
    let port = match (offset, port.parse::<i32>()) {
        (Some(offset), _) => Port::Relative(offset),
        (None, Ok(number)) => match u16::try_from(number) {
            Ok(port) if port > 0 => Port::Fixed(port),
            _ => Port::Relative(number),
        },
        _ => Port::Relative(0),
    };
    (host, port)
}

/// The addresses of a `bind` line: commas split, ranges of at most 64 ports expanded.
pub(super) fn expand_bind_addresses(text: &str) -> Vec<String> {
    text.split(',').filter(|address| !address.is_empty()).flat_map(expand_bind_address).collect()
}

fn expand_bind_address(address: &str) -> Vec<String> {
    let ip = !matches!(
        split_family(address).0,
        "unix" | "uxst" | "uxdg" | "abns" | "abnsz" | "fd" | "sockpair" | "rhttp"
    );
    let Some(colon) = address.rfind(':').filter(|_| ip) else { return vec![address.to_string()] };
    let (host, ports) = (&address[..colon], &address[colon + 1..]);
    let range =
        ports.split_once('-').and_then(|(low, high)| Some(low.parse::<u16>().ok()?..=high.parse().ok()?));
    match range {
        Some(range) if !range.is_empty() && range.len() <= MAX_PORTS_PER_RANGE => {
            range.map(|port| format!("{host}:{port}")).collect()
        }
        _ => vec![address.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those that `show servers state` printed in 2.6 and 3.4.
    #[test]
    fn server_addresses_are_read_as_the_binary_reads_them() {
        let localhost = || Host::Ipv4(Ipv4Addr::LOCALHOST);
        let six = || Host::Ipv6(Ipv6Addr::LOCALHOST);
        let cases = [
            ("127.0.0.1:80", localhost(), Port::Fixed(80)),
            ("127.0.0.1", localhost(), Port::Relative(0)),
            ("127.0.0.1:", localhost(), Port::Relative(0)),
            ("127.0.0.1:0", localhost(), Port::Relative(0)),
            ("127.0.0.1:+5", localhost(), Port::Relative(5)),
            ("127.0.0.1:-5", localhost(), Port::Relative(-5)),
            ("::1:80", six(), Port::Fixed(80)),
            ("[::1]:81", six(), Port::Fixed(81)),
            ("ipv6@[::1]", six(), Port::Relative(0)),
            ("quic4@127.0.0.1:443", localhost(), Port::Fixed(443)),
            ("stream+ipv4@127.0.0.1:1", localhost(), Port::Fixed(1)),
            ("example.org:8080", Host::Name("example.org".into()), Port::Fixed(8080)),
            ("_http._tcp.x", Host::Name("_http._tcp.x".into()), Port::Relative(0)),
            ("unix@/tmp/x:1", Host::Unix("/tmp/x:1".into()), Port::None),
            ("/tmp/y", Host::Unix("/tmp/y".into()), Port::None),
            ("abns@name", Host::Abstract("name".into()), Port::None),
            ("sockpair@7", Host::SocketPair("7".into()), Port::None),
            ("fd@7", Host::Descriptor("7".into()), Port::None),
        ];
        for (text, host, port) in cases {
            assert_eq!(parse_server_address(text), (host, port), "{text}");
        }
    }

    #[test]
    fn bind_addresses_split_at_commas_and_ranges() {
        let cases: &[(&str, &[&str])] = &[
            ("127.0.0.9:1-3,:7", &["127.0.0.9:1", "127.0.0.9:2", "127.0.0.9:3", ":7"]),
            (":1000-2000", &[":1000-2000"]),
            (":9-3", &[":9-3"]),
            (":65530-65535", &[":65530", ":65531", ":65532", ":65533", ":65534", ":65535"]),
            ("[::]:443", &["[::]:443"]),
            ("unix@/a:1-2", &["unix@/a:1-2"]),
            ("/a:1-2,:80", &["/a:1-2", ":80"]),
        ];
        for (text, expected) in cases {
            assert_eq!(expand_bind_addresses(text), *expected, "{text}");
        }
    }
}

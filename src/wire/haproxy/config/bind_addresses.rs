//! The addresses of a `bind` line or a `stats socket`, taken apart.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::addresses::{split_family, split_host_port};

/// One address that something listens on. A name still has to be resolved, and a range may hold many ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An address of IP.
    Ip {
        /// Which address.
        at: BindHost,
        /// The first port.
        low: u16,
        /// The last port.
        high: u16,
        /// UDP: QUIC, or a forwarder of logs.
        udp: bool,
    },
    /// The path of a unix socket, after `unix-bind prefix`.
    Unix(String),
    /// An abstract name.
    Abstract {
        /// The name.
        name: String,
        /// It is filled up to the full length (`abns@`), or not (`abnsz@`).
        padded: bool,
    },
    /// A descriptor that HAProxy was given.
    Descriptor(u32),
    /// Something that takes connections without an address: a socket pair, or a reversed connection.
    NoAddress,
    /// Not understood.
    Unrecognized,
}

/// An address of IP, or the name of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindHost {
    /// This one.
    Ip(IpAddr),
    /// A name.
    Name {
        /// The name.
        name: String,
        /// Of IPv6 (true) or IPv4 (false) only.
        six: Option<bool>,
    },
}

/// What else a `bind` line says of its address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindOptions {
    /// `v6only` (true) or `v4v6` (false); without either the host's own setting decides.
    pub v6only: Option<bool>,
    /// `transparent`: the address need not be on the host.
    pub transparent: bool,
    /// `interface`
    pub interface: Option<String>,
    /// `namespace`: a network namespace by name.
    pub namespace: Option<String>,
}

/// The options among the words after the address.
pub(super) fn parse_options<'a>(words: impl Iterator<Item = &'a str>) -> BindOptions {
    let mut options = BindOptions::default();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        match word {
            // v6only wins over v4v6, wherever they stand.
            "v6only" => options.v6only = Some(true),
            "v4v6" => options.v6only = options.v6only.or(Some(false)),
            "transparent" => options.transparent = true,
            "interface" => options.interface = words.peek().map(ToString::to_string),
            "namespace" => options.namespace = words.peek().map(ToString::to_string),
            _ => {}
        }
    }
    options
}

/// Every address of one word, in order. `datagram` is what the line takes where the address does not say.
pub(super) fn parse(text: &str, datagram: bool, prefix: &str) -> Vec<Endpoint> {
    text.split(',')
        .filter(|address| !address.is_empty())
        .map(|one| parse_endpoint(one, datagram, prefix))
        .collect()
}

fn parse_endpoint(text: &str, datagram: bool, prefix: &str) -> Endpoint {
    let (kind, rest) = split_family(text);
    match kind {
        "unix" | "uxst" | "uxdg" => return Endpoint::Unix(format!("{prefix}{rest}")),
        "abns" | "abnsz" => return Endpoint::Abstract { name: rest.to_owned(), padded: kind == "abns" },
        "fd" => return rest.parse().map_or(Endpoint::Unrecognized, Endpoint::Descriptor),
        "sockpair" | "rhttp" => return Endpoint::NoAddress,
        _ => {}
    }
    let quic = kind.starts_with("quic") || text.starts_with("quic+");
    let udp = quic || kind.starts_with("udp") || text.starts_with("dgram+") || datagram;
    let (host, Some(ports)) = split_host_port(rest) else { return Endpoint::Unrecognized };
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse::<u16>()) else {
        return Endpoint::Unrecognized;
    };
    if low == 0 || low > high {
        return Endpoint::Unrecognized;
    }
    let six = match kind.as_bytes().last() {
        Some(b'6') => Some(true),
        Some(b'4') => Some(false),
        _ => None,
    };
    Endpoint::Ip { at: parse_host(host, six), low, high, udp }
}

fn parse_host(host: &str, six: Option<bool>) -> BindHost {
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    if bare.is_empty() || bare == "*" {
        let any = if six == Some(true) { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        return BindHost::Ip(any);
    }
    match bare.parse() {
        Ok(ip) => BindHost::Ip(ip),
        Err(_) => BindHost::Name { name: bare.to_owned(), six },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(at: &str, low: u16, high: u16, udp: bool) -> Endpoint {
        Endpoint::Ip { at: BindHost::Ip(at.parse().unwrap()), low, high, udp }
    }

    /// Each was compared with what the binaries bound.
    #[test]
    fn every_form_of_an_address_is_taken_apart() {
        let name = |name: &str, six| BindHost::Name { name: name.into(), six };
        let unix = |path: &str| Endpoint::Unix(path.into());
        let cases = [
            ("*:80", ip("0.0.0.0", 80, 80, false)),
            (":80", ip("0.0.0.0", 80, 80, false)),
            ("ipv4@:80", ip("0.0.0.0", 80, 80, false)),
            ("ipv6@:80", ip("::", 80, 80, false)),
            ("ipv6@*:80", ip("::", 80, 80, false)),
            (":::80", ip("::", 80, 80, false)),
            ("[::]:80", ip("::", 80, 80, false)),
            ("::ffff:127.0.0.1:80", ip("::ffff:127.0.0.1", 80, 80, false)),
            ("127.0.0.1:80-82", ip("127.0.0.1", 80, 82, false)),
            (":1-65535", ip("0.0.0.0", 1, 65535, false)),
            ("tcp6@::1:80", ip("::1", 80, 80, false)),
            ("mptcp4@127.0.0.1:80", ip("127.0.0.1", 80, 80, false)),
            ("quic4@:443", ip("0.0.0.0", 443, 443, true)),
            ("quic6@:443", ip("::", 443, 443, true)),
            ("udp4@127.0.0.1:514", ip("127.0.0.1", 514, 514, true)),
            ("dgram+ipv4@127.0.0.1:514", ip("127.0.0.1", 514, 514, true)),
            ("web:80", Endpoint::Ip { at: name("web", None), low: 80, high: 80, udp: false }),
            ("ipv6@web:80", Endpoint::Ip { at: name("web", Some(true)), low: 80, high: 80, udp: false }),
            ("unix@/a", unix("/pre/a")),
            ("uxst@/a", unix("/pre/a")),
            ("/a", unix("/pre/a")),
            ("abns@x", Endpoint::Abstract { name: "x".into(), padded: true }),
            ("abnsz@x", Endpoint::Abstract { name: "x".into(), padded: false }),
            ("fd@7", Endpoint::Descriptor(7)),
            ("fd@${FD}", Endpoint::Unrecognized),
            ("sockpair@7", Endpoint::NoAddress),
            ("127.0.0.1", Endpoint::Unrecognized),
            ("127.0.0.1:0", Endpoint::Unrecognized),
            (":9-3", Endpoint::Unrecognized),
            (":http", Endpoint::Unrecognized),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, false, "/pre"), [expected], "{text}");
        }
        assert_eq!(parse("127.0.0.1:514", true, ""), [ip("127.0.0.1", 514, 514, true)]);
        assert_eq!(parse("/a,:80", false, "/p"), [unix("/p/a"), ip("0.0.0.0", 80, 80, false)]);
    }

    #[test]
    fn v6only_wins_and_values_follow_their_words() {
        let read = |text: &str| parse_options(text.split(' '));
        assert_eq!(read("v6only v4v6").v6only, Some(true));
        assert_eq!(read("ssl v4v6").v6only, Some(false));
        assert_eq!(read("ssl").v6only, None);
        let all = read("transparent interface eth0 namespace red");
        assert!(all.transparent);
        assert_eq!((all.interface.as_deref(), all.namespace.as_deref()), (Some("eth0"), Some("red")));
    }
}

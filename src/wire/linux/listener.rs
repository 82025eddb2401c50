//! What a process listens on, in one canonical form: the same whether /proc, a rehearsal or the files say it.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// One listener. As text and in JSON: `tcp 127.0.0.1:80`, `udp [::]:443`, `unix /run/a.sock`, `abns name`, `fd 3`.
///
/// An IPv6 wildcard is the same listener whether it also takes IPv4 or not: /proc does not tell the two apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Listener {
    /// A TCP address, also of MPTCP.
    Tcp(SocketAddr),
    /// A UDP address: QUIC, or a forwarder of logs.
    Udp(SocketAddr),
    /// The path that clients use. A relative one starts where the process was started.
    Unix(String),
    /// An abstract name.
    Abstract {
        /// The name, without what fills it up.
        name: String,
        /// `abns@` fills the name with zeros to its full length, `abnsz@` does not: two different addresses.
        padded: bool,
    },
    /// A descriptor that was handed down and whose socket is not known.
    Inherited(u32),
}

/// Whether two listeners stand in each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// They do not.
    No,
    /// They do if the one on the IPv6 wildcard also takes IPv4.
    IfDualStack,
    /// They do.
    Yes,
}

impl Listener {
    /// A TCP listener; what follows a `%` in an IPv6 address is left out, as in /proc.
    pub fn tcp(ip: IpAddr, port: u16) -> Self {
        Listener::Tcp(SocketAddr::new(ip, port))
    }

    /// A UDP listener, likewise.
    pub fn udp(ip: IpAddr, port: u16) -> Self {
        Listener::Udp(SocketAddr::new(ip, port))
    }

    /// The address and port, where it has them.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(at) | Listener::Udp(at) => Some(*at),
            Listener::Unix(_) | Listener::Abstract { .. } | Listener::Inherited(_) => None,
        }
    }

    /// The same kind and the same IP address; the port may differ.
    pub fn same_ip(&self, other: &Listener) -> bool {
        match (self, other) {
            (Listener::Tcp(a), Listener::Tcp(b)) | (Listener::Udp(a), Listener::Udp(b)) => a.ip() == b.ip(),
            _ => false,
        }
    }

    /// Whether both can be bound by processes that do not share.
    pub fn overlap(&self, other: &Listener) -> Overlap {
        match (self, other) {
            (Listener::Tcp(a), Listener::Tcp(b)) | (Listener::Udp(a), Listener::Udp(b)) => {
                socket_overlap(*a, *b)
            }
            _ if self == other => Overlap::Yes,
            _ => Overlap::No,
        }
    }

    /// As people write it: the address alone for TCP and for paths, otherwise with its kind in front.
    pub fn short(&self) -> String {
        match self {
            Listener::Tcp(at) => at.to_string(),
            Listener::Unix(path) => path.clone(),
            other => other.to_string(),
        }
    }
}

fn socket_overlap(a: SocketAddr, b: SocketAddr) -> Overlap {
    if a.port() != b.port() {
        return Overlap::No;
    }
    let (mapped_a, mapped_b) = (a.ip().to_canonical(), b.ip().to_canonical());
    if mapped_a.is_ipv4() == mapped_b.is_ipv4() {
        let meet = mapped_a == mapped_b || mapped_a.is_unspecified() || mapped_b.is_unspecified();
        return if meet { Overlap::Yes } else { Overlap::No };
    }
    let six = if mapped_a.is_ipv6() { mapped_a } else { mapped_b };
    if six.is_unspecified() { Overlap::IfDualStack } else { Overlap::No }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Tcp(at) => write!(f, "tcp {at}"),
            Listener::Udp(at) => write!(f, "udp {at}"),
            Listener::Unix(path) => write!(f, "unix {path}"),
            Listener::Abstract { name, padded: true } => write!(f, "abns {name}"),
            Listener::Abstract { name, padded: false } => write!(f, "abnsz {name}"),
            Listener::Inherited(fd) => write!(f, "fd {fd}"),
        }
    }
}

/// A text that names no listener.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no listener: expected for example `tcp 127.0.0.1:80` or `unix /run/a.sock`")]
pub struct ParseListenerError(String);

impl FromStr for Listener {
    type Err = ParseListenerError;

    fn from_str(text: &str) -> Result<Self, ParseListenerError> {
        let wrong = || ParseListenerError(text.to_owned());
        let (kind, rest) = text.split_once(' ').ok_or_else(wrong)?;
        Ok(match kind {
            "tcp" => Listener::Tcp(rest.parse().map_err(|_| wrong())?),
            "udp" => Listener::Udp(rest.parse().map_err(|_| wrong())?),
            "unix" => Listener::Unix(rest.to_owned()),
            "abns" => Listener::Abstract { name: rest.to_owned(), padded: true },
            "abnsz" => Listener::Abstract { name: rest.to_owned(), padded: false },
            "fd" => Listener::Inherited(rest.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        })
    }
}

impl From<Listener> for String {
    fn from(listener: Listener) -> Self {
        listener.to_string()
    }
}

impl TryFrom<String> for Listener {
    type Error = ParseListenerError;

    fn try_from(text: String) -> Result<Self, ParseListenerError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_listener(text: &str) -> Listener {
        text.parse().unwrap()
    }

    #[test]
    fn text_reads_back_as_what_it_was() {
        let all = [
            "tcp 127.0.0.1:80",
            "tcp [::]:443",
            "udp [::1]:443",
            "unix /run/a b.sock",
            "abns x",
            "abnsz x",
            "fd 3",
        ];
        for text in all {
            assert_eq!(parse_listener(text).to_string(), text);
            let json = serde_json::to_string(&parse_listener(text)).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<Listener>(&json).unwrap(), parse_listener(text));
        }
        for text in ["", "tcp", "tcp 80", "sctp 127.0.0.1:1", "fd x"] {
            assert!(text.parse::<Listener>().is_err(), "{text}");
        }
    }

    #[test]
    fn listeners_meet_as_the_kernel_lets_them_meet() {
        let cases = [
            ("tcp 127.0.0.1:80", "tcp 127.0.0.1:80", Overlap::Yes),
            ("tcp 127.0.0.1:80", "tcp 127.0.0.1:81", Overlap::No),
            ("tcp 127.0.0.1:80", "tcp 127.0.0.2:80", Overlap::No),
            ("tcp 127.0.0.1:80", "udp 127.0.0.1:80", Overlap::No),
            ("tcp 127.0.0.1:80", "tcp 0.0.0.0:80", Overlap::Yes),
            ("tcp 0.0.0.0:80", "tcp 127.0.0.1:80", Overlap::Yes),
            ("tcp [::1]:80", "tcp [::]:80", Overlap::Yes),
            ("tcp [::1]:80", "tcp 0.0.0.0:80", Overlap::No),
            ("tcp 127.0.0.1:80", "tcp [::]:80", Overlap::IfDualStack),
            ("tcp [::]:80", "tcp 0.0.0.0:80", Overlap::IfDualStack),
            ("tcp [::ffff:127.0.0.1]:80", "tcp 127.0.0.1:80", Overlap::Yes),
            ("tcp [::ffff:127.0.0.1]:80", "tcp [::]:80", Overlap::IfDualStack),
            ("unix /a", "unix /a", Overlap::Yes),
            ("unix /a", "unix /b", Overlap::No),
            ("abns x", "abns x", Overlap::Yes),
            ("abns x", "abnsz x", Overlap::No),
        ];
        for (a, b, expected) in cases {
            assert_eq!(parse_listener(a).overlap(&parse_listener(b)), expected, "{a} and {b}");
            assert_eq!(parse_listener(b).overlap(&parse_listener(a)), expected, "{b} and {a}");
        }
    }
}

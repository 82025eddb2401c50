//! Whether an address can be bound: by binding it for a moment. Nothing is ever listened on, so no client can come.

use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::wire::linux::listener::Listener;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// It can be bound.
    Bound,
    /// Somebody holds it.
    InUse,
    /// The address is on no interface of this host.
    NotHere,
    /// We may not; somebody with more rights might.
    Denied,
    /// Something else.
    Failed(String),
}

/// How it is tried.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What `v6only` and `v4v6` would set; without them the host's own setting counts.
    pub v6only: Option<bool>,
    /// The address need not be on the host.
    pub anywhere: bool,
}

/// Binds the address as HAProxy would, but without SO_REUSEPORT, which would share it with another process of the same
/// user; nothing is tried of what has no IP address.
pub fn address(listener: &Listener, options: Options) -> Option<Trial> {
    let kind = if matches!(listener, Listener::Udp(_)) { SocketType::DGRAM } else { SocketType::STREAM };
    Some(attempt(listener.socket()?, kind, options).map_or_else(trial, |()| Trial::Bound))
}

/// Binds the address with a port that the kernel chooses: is it on this host?
pub fn host(ip: IpAddr, options: Options) -> Trial {
    attempt(SocketAddr::new(ip, 0), SocketType::STREAM, options).map_or_else(trial, |()| Trial::Bound)
}

fn attempt(at: SocketAddr, kind: SocketType, options: Options) -> Result<(), Errno> {
    let family = if at.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if let (Some(v6only), true) = (options.v6only, at.is_ipv6()) {
        sockopt::set_ipv6_v6only(&socket, v6only)?;
    }
    match (options.anywhere, at.is_ipv6()) {
        (true, true) => sockopt::set_ipv6_freebind(&socket, true)?,
        (true, false) => sockopt::set_ip_freebind(&socket, true)?,
        (false, _) => {}
    }
    bind(&socket, &at)
}

fn trial(error: Errno) -> Trial {
    match error {
        Errno::ADDRINUSE => Trial::InUse,
        Errno::ADDRNOTAVAIL => Trial::NotHere,
        Errno::ACCESS | Errno::PERM => Trial::Denied,
        other => Trial::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    fn tried(text: &str, options: Options) -> Option<Trial> {
        address(&text.parse().unwrap(), options)
    }

    #[test]
    fn an_address_is_held_bound_or_not_here_and_a_trial_leaves_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plain = Options::default();
        assert_eq!(tried(&format!("tcp 127.0.0.1:{port}"), plain), Some(Trial::InUse));
        assert_eq!(tried(&format!("tcp 0.0.0.0:{port}"), plain), Some(Trial::InUse));
        assert_eq!(tried("tcp 192.0.2.1:20000", plain), Some(Trial::NotHere));
        let anywhere = Options { anywhere: true, ..plain };
        assert_eq!(tried("tcp 192.0.2.1:20000", anywhere), Some(Trial::Bound));
        assert_eq!(host("192.0.2.1".parse().unwrap(), plain), Trial::NotHere);
        assert_eq!(host("127.0.0.1".parse().unwrap(), plain), Trial::Bound);
        drop(listener);
        for _ in 0..2 {
            assert_eq!(tried(&format!("tcp 127.0.0.1:{port}"), plain), Some(Trial::Bound));
        }
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = datagrams.local_addr().unwrap().port();
        assert_eq!(tried(&format!("udp 127.0.0.1:{port}"), plain), Some(Trial::InUse));
        assert_eq!(tried("unix /run/a.sock", plain), None);
    }
}

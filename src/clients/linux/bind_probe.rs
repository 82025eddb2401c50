//! Whether an address can be bound, by binding it for a moment. The socket never listens, so that no client can connect.

use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::wire::linux::listener::Listener;

/// The result of an attempt to bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindProbe {
    /// It can be bound.
    Available,
    /// Another socket holds it.
    InUse,
    /// The address is on no interface of this host.
    NotLocal,
    /// This user may not bind it; root might.
    Denied,
    /// Something else.
    Failed(String),
}

/// Options of the socket.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProbeOptions {
    /// What `v6only` and `v4v6` would set; without them the host's own setting counts.
    pub v6only: Option<bool>,
    /// The address need not be on the host.
    pub anywhere: bool,
}

/// Binds the address as HAProxy would, but without SO_REUSEPORT, which would share it with another process of the same
/// user; nothing is tried of what has no IP address.
pub fn probe_listener(listener: &Listener, options: ProbeOptions) -> Option<BindProbe> {
    let kind = if matches!(listener, Listener::Udp(_)) { SocketType::DGRAM } else { SocketType::STREAM };
    Some(try_bind(listener.socket_addr()?, kind, options).map_or_else(from_errno, |()| BindProbe::Available))
}

/// Binds the address with a port that the kernel chooses: is it on this host?
pub fn probe_ip(ip: IpAddr, options: ProbeOptions) -> BindProbe {
    try_bind(SocketAddr::new(ip, 0), SocketType::STREAM, options)
        .map_or_else(from_errno, |()| BindProbe::Available)
}

fn try_bind(at: SocketAddr, kind: SocketType, options: ProbeOptions) -> Result<(), Errno> {
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

fn from_errno(error: Errno) -> BindProbe {
    match error {
        Errno::ADDRINUSE => BindProbe::InUse,
        Errno::ADDRNOTAVAIL => BindProbe::NotLocal,
        Errno::ACCESS | Errno::PERM => BindProbe::Denied,
        other => BindProbe::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    fn probe(text: &str, options: ProbeOptions) -> Option<BindProbe> {
        probe_listener(&text.parse().unwrap(), options)
    }

    #[test]
    fn an_address_is_in_use_available_or_not_local_and_a_probe_leaves_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let plain = ProbeOptions::default();
        assert_eq!(probe(&format!("tcp 127.0.0.1:{port}"), plain), Some(BindProbe::InUse));
        assert_eq!(probe(&format!("tcp 0.0.0.0:{port}"), plain), Some(BindProbe::InUse));
        assert_eq!(probe("tcp 192.0.2.1:20000", plain), Some(BindProbe::NotLocal));
        let anywhere = ProbeOptions { anywhere: true, ..plain };
        assert_eq!(probe("tcp 192.0.2.1:20000", anywhere), Some(BindProbe::Available));
        assert_eq!(probe_ip("192.0.2.1".parse().unwrap(), plain), BindProbe::NotLocal);
        assert_eq!(probe_ip("127.0.0.1".parse().unwrap(), plain), BindProbe::Available);
        drop(listener);
        for _ in 0..2 {
            assert_eq!(probe(&format!("tcp 127.0.0.1:{port}"), plain), Some(BindProbe::Available));
        }
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = datagrams.local_addr().unwrap().port();
        assert_eq!(probe(&format!("udp 127.0.0.1:{port}"), plain), Some(BindProbe::InUse));
        assert_eq!(probe("unix /run/a.sock", plain), None);
    }
}

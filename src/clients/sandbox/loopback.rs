//! The network of a sealed copy: loopback alone, on which every address of the host may be bound.

use std::fs;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::netlink;

/// Settings of the host's network, under `/proc/sys/net`, that decide whether a bind works.
pub const INHERITED_SYSCTLS: &[&str] =
    &["ipv4/ip_unprivileged_port_start", "ipv6/bindv6only", "ipv4/tcp_fastopen", "mptcp/enabled"];

/// Brings loopback up, sets what the host has set, and makes the interfaces that are named.
pub(super) fn set_up(sysctls: &[(String, String)], interfaces: &[String]) -> Result<()> {
    // Binding works with loopback down too; what a script of HAProxy's asks of 127.0.0.1 fails sooner with it up.
    if let Err(error) = netlink::raise_loopback() {
        tracing::debug!("loopback stays down: {error:#}");
    }
    for family in ["ipv4", "ipv6"] {
        let name = format!("/proc/sys/net/{family}/ip_nonlocal_bind");
        match fs::write(&name, "1") {
            // A kernel without IPv6 has no such address to bind either.
            Err(error) if family == "ipv4" => return Err(error).context(name),
            _ => {}
        }
    }
    for (name, value) in sysctls {
        fs::write(format!("/proc/sys/net/{name}"), value).with_context(|| format!("setting {name}"))?;
    }
    interfaces.iter().try_for_each(|name| netlink::create_interface(name))
}

/// Sockets under the numbers that the program was promised (`fd@N`), each listening where the host's own does.
/// The caller keeps them until the program is started.
pub(super) fn open_inherited_sockets(wanted: &[(i32, String)]) -> Result<Vec<OwnedFd>> {
    let mut sockets = Vec::new();
    for (number, address) in wanted {
        let address: SocketAddr = address.parse().with_context(|| format!("fd@{number}: {address}"))?;
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        // The kernel gives the lowest free number, so those below are filled first.
        let socket = loop {
            let socket = socket_with(family, SocketType::STREAM, SocketFlags::empty(), None)?;
            match socket.as_raw_fd() {
                taken if taken == *number => break socket,
                taken if taken < *number => sockets.push(socket),
                _ => anyhow::bail!("fd@{number} is taken in the sealed copy"),
            }
        };
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address).with_context(|| format!("fd@{number}: binding {address}"))?;
        listen(&socket, 16)?;
        sockets.push(socket);
    }
    Ok(sockets)
}

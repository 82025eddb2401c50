//! What a process may bind.

use anyhow::{Context, Result};
use procfs::process::Process as Entry;

use super::same_namespace;
use crate::known::Known;

/// CAP_DAC_OVERRIDE in the kernel's numbering: folders open to it whatever their mode.
const CAP_DAC_OVERRIDE: u64 = 1 << 1;
/// CAP_NET_BIND_SERVICE: low ports.
const CAP_NET_BIND_SERVICE: u64 = 1 << 10;

/// Privileges of a process that matter for bind(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindPrivileges {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// It may bind ports below [`BindPrivileges::first_unprivileged_port`].
    pub low_ports: bool,
    /// It may write where the mode of a folder forbids it.
    pub any_folder: bool,
    /// The lowest port that every user may bind, in our own network namespace.
    pub first_unprivileged_port: u16,
}

/// The privileges of a process. Ambient capabilities count too: a master keeps them when it executes itself again.
///
/// # Errors
/// When it has ended.
pub fn bind_privileges(pid: u32) -> Result<BindPrivileges> {
    let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
    let status = entry.status().with_context(|| format!("/proc/{pid}/status"))?;
    let capabilities = status.capeff | status.capamb.unwrap_or(0);
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    Ok(BindPrivileges {
        uid: status.euid,
        gid: status.egid,
        low_ports: capabilities & CAP_NET_BIND_SERVICE != 0,
        any_folder: capabilities & CAP_DAC_OVERRIDE != 0,
        // A kernel without that setting keeps the ports below 1024.
        first_unprivileged_port: first.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024),
    })
}

/// Whether an IPv6 wildcard takes IPv6 alone where nothing else is asked for, in our own network namespace. None on a
/// host without IPv6.
pub fn ipv6_only_by_default() -> Option<bool> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv6/bindv6only").ok()?;
    Some(text.trim() == "1")
}

/// It lives in our own network namespace.
pub fn shares_network_namespace(pid: u32) -> Known<bool> {
    same_namespace(pid, "net")
}

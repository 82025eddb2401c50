//! The sockets of processes, from /proc/PID/fd and /proc/PID/net: always of the network namespace that the process
//! lives in, which need not be ours.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, anyhow};

use super::namespaces::{proc_root_path, same_file};
use super::{describe_denied, same_namespace};
use crate::known::Known;
use crate::wire::linux::listener::Listener;
use crate::wire::linux::proc_net::{self, SocketEntry, SocketTable};

/// What a process listens on, sorted, each once.
///
/// # Errors
/// When its file descriptors may not be read.
pub fn listeners(pid: u32) -> Result<Vec<Listener>> {
    let files = OpenDescriptors::from_pid(pid)?;
    let mut found: Vec<Listener> = bound_sockets(pid, false)?
        .into_iter()
        .filter(|row| row.listening && files.sockets.contains_key(&row.inode))
        .filter(|row| !matches!(row.listener, Listener::Udp(_)) || files.polls_socket(pid, row.inode))
        .map(|row| row.listener)
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// Every socket that holds an address in the network namespace of this process; with `connections` also those of open
/// connections.
///
/// # Errors
/// When the tables cannot be read, which needs no privilege but a process that still runs.
pub fn bound_sockets(pid: u32, connections: bool) -> Result<Vec<SocketEntry>> {
    let mut rows = Vec::new();
    for (name, kind) in [
        ("tcp", SocketTable::Tcp),
        ("tcp6", SocketTable::Tcp),
        ("udp", SocketTable::Udp),
        ("udp6", SocketTable::Udp),
    ] {
        rows.extend(proc_net::inet_sockets(kind, &read_net_file(pid, name)?, connections));
    }
    rows.extend(proc_net::unix_sockets(&read_net_file(pid, "unix")?));
    Ok(rows)
}

fn read_net_file(pid: u32, name: &str) -> Result<String> {
    let path = format!("/proc/{pid}/net/{name}");
    let bytes = match std::fs::read(&path) {
        // A kernel without IPv6 has no such tables.
        Err(error) if error.kind() == ErrorKind::NotFound && name.ends_with('6') => Vec::new(),
        other => other.map_err(|error| anyhow!("{path}: {}", describe_denied(Some(error))))?,
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// TCP listeners of the network namespace of this process.
///
/// # Errors
/// When its view of the network cannot be read.
pub fn tcp_listeners(pid: u32) -> Result<BTreeSet<Listener>> {
    Ok(tcp_listener_inodes(pid)?.into_keys().collect())
}

/// The same with the sockets that take them, by inode: another socket at the same address is another listener.
///
/// # Errors
/// When its view of the network cannot be read.
pub fn tcp_listener_inodes(pid: u32) -> Result<BTreeMap<Listener, BTreeSet<u64>>> {
    let mut sockets: BTreeMap<Listener, BTreeSet<u64>> = BTreeMap::new();
    for name in ["tcp", "tcp6"] {
        let rows = proc_net::inet_sockets(SocketTable::Tcp, &read_net_file(pid, name)?, false);
        for row in rows.into_iter().filter(|row| row.listening) {
            sockets.entry(row.listener).or_default().insert(row.inode);
        }
    }
    Ok(sockets)
}

/// The sockets that a process has open: each inode with one of its descriptors.
///
/// # Errors
/// When its file descriptors may not be read.
pub fn open_sockets(pid: u32) -> Result<BTreeMap<u64, u32>> {
    Ok(OpenDescriptors::from_pid(pid)?.sockets)
}

/// The open files of a process that matter here.
pub(super) struct OpenDescriptors {
    pub(super) sockets: BTreeMap<u64, u32>,
    polls: Vec<u32>,
}

impl OpenDescriptors {
    pub(super) fn from_pid(pid: u32) -> Result<Self> {
        let folder = format!("/proc/{pid}/fd");
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| anyhow!("{folder}: {}", describe_denied(Some(error))))?;
        let mut files = OpenDescriptors { sockets: BTreeMap::new(), polls: Vec::new() };
        for entry in entries.flatten() {
            let fd = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            // One that was closed meanwhile is no error.
            let (Some(fd), Ok(target)) = (fd, std::fs::read_link(entry.path())) else { continue };
            let target = target.to_string_lossy();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
                files.sockets.insert(inode, fd);
            } else if target == "anon_inode:[eventpoll]" {
                files.polls.push(fd);
            }
        }
        Ok(files)
    }

    /// The UDP socket with which HAProxy sends logs is bound as well, but HAProxy does not poll it. Where epoll cannot be
    /// read, a socket counts as a listener.
    pub(super) fn polls_socket(&self, pid: u32, inode: u64) -> bool {
        let read = |fd: &u32| std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok();
        let polls: Vec<String> = self.polls.iter().filter_map(read).collect();
        let watched =
            |fd| polls.iter().any(|text| proc_net::epoll_targets(text).any(|watched| watched == fd));
        polls.is_empty() || self.sockets.get(&inode).is_none_or(|fd| watched(*fd))
    }
}

/// True when the process holds the listening socket that stands at this path, whatever it calls it itself.
///
/// # Errors
/// When its file descriptors may not be read.
pub fn holds_unix_listener(pid: u32, path: &Path) -> Result<bool> {
    let files = OpenDescriptors::from_pid(pid)?;
    let table = format!("/proc/{pid}/net/unix");
    let text = std::fs::read(&table).with_context(|| format!("reading {table}"))?;
    let rows = proc_net::unix_sockets(&String::from_utf8_lossy(&text));
    Ok(rows.iter().any(|row| match &row.listener {
        Listener::Unix(bound) if files.sockets.contains_key(&row.inode) => {
            let bound = Path::new(bound);
            let elsewhere = || same_file(&proc_root_path(pid, bound), path);
            // Where the files are ours, a path is what it seems; a link to it is another path.
            bound == path && same_namespace(pid, "mnt") != Known::Seen(false)
                || bound.is_absolute() && elsewhere()
        }
        _ => false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_ours_is_found_by_port_and_by_path() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s p.sock");
        let _unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let found = listeners(std::process::id()).unwrap();
        assert!(found.contains(&Listener::Tcp(tcp.local_addr().unwrap())), "{found:?}");
        assert!(found.contains(&Listener::Unix(path.to_string_lossy().into_owned())), "{found:?}");
        assert!(holds_unix_listener(std::process::id(), &path).unwrap());
        assert!(!holds_unix_listener(std::process::id(), Path::new("/run/other.sock")).unwrap());
    }

    #[test]
    fn a_socket_that_no_process_polls_is_no_listener() {
        use rustix::event::epoll;
        let (sends, waits) = (
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap(),
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        epoll::add(&poll, &waits, epoll::EventData::new_u64(0), epoll::EventFlags::IN).unwrap();
        let found = listeners(std::process::id()).unwrap();
        assert!(found.contains(&Listener::Udp(waits.local_addr().unwrap())), "{found:?}");
        assert!(!found.contains(&Listener::Udp(sends.local_addr().unwrap())), "{found:?}");
    }
}

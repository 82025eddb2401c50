//! This host's processes and listeners, from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use procfs::net::{TcpState, UnixState};
use procfs::process::{FDTarget, Process as Entry};

use crate::known::Known;
use crate::wire::process::Process;

/// Every HAProxy that can be seen, in the order of its PID.
///
/// # Errors
/// When /proc cannot be read at all.
pub fn haproxies() -> Result<Vec<Process>> {
    let mut found = named("haproxy")?;
    found.retain(Process::is_haproxy);
    Ok(found)
}

/// Every process whose command name starts so, in the order of its PID.
///
/// # Errors
/// When /proc cannot be read at all.
pub fn named(name: &str) -> Result<Vec<Process>> {
    let entries = std::fs::read_dir("/proc").context("reading /proc")?.flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    // The command name is one short read, so 500 strangers cost little; one that ends meanwhile is no error.
    let is_named = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.starts_with(name))
    };
    Ok(pids.into_iter().filter(is_named).filter_map(|pid| process(pid).ok()).collect())
}

/// One process.
///
/// # Errors
/// When it does not exist or is a zombie.
pub fn process(pid: u32) -> Result<Process> {
    let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
    let stat = entry.stat().with_context(|| format!("PID {pid}"))?;
    anyhow::ensure!(stat.state != 'Z', "PID {pid} has ended");
    let exe = std::fs::read_link(format!("/proc/{pid}/exe"));
    let shown = exe.as_ref().ok().map(|path| path.to_string_lossy().into_owned());
    let exe_deleted = shown.as_ref().is_some_and(|path| path.ends_with(" (deleted)"));
    Ok(Process {
        pid,
        ppid: u32::try_from(stat.ppid).unwrap_or(0),
        uid: entry.uid()?,
        started: started(stat.starttime),
        start_ticks: Some(stat.starttime),
        comm: stat.comm,
        argv: entry.cmdline().unwrap_or_default(),
        exe: match shown {
            Some(path) => Known::Seen(path.trim_end_matches(" (deleted)").to_owned()),
            None => Known::unknown(format!("/proc/{pid}/exe: {}", denied(exe.err()))),
        },
        exe_deleted,
        cwd: link(pid, "cwd"),
        cgroup: cgroup(pid),
        same_pid_namespace: same_namespace(pid, "pid"),
        same_mount_namespace: same_namespace(pid, "mnt"),
    })
}

/// The boot time in /proc/stat is rounded to a second; the uptime is not.
fn started(ticks: u64) -> Option<Timestamp> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime_ms = (uptime.split_whitespace().next()?.parse::<f64>().ok()? * 1000.0) as i64;
    let start_ms = i64::try_from(ticks.checked_mul(1000)? / procfs::ticks_per_second()).ok()?;
    Timestamp::from_millisecond(crate::time::now().as_millisecond() - uptime_ms + start_ms).ok()
}

fn denied(error: Option<std::io::Error>) -> String {
    match error {
        Some(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            "permission denied (run as root)".into()
        }
        Some(e) => e.to_string(),
        None => "unreadable".into(),
    }
}

fn link(pid: u32, name: &str) -> Known<String> {
    match std::fs::read_link(format!("/proc/{pid}/{name}")) {
        Ok(path) => Known::Seen(path.to_string_lossy().into_owned()),
        Err(error) => Known::unknown(format!("/proc/{pid}/{name}: {}", denied(Some(error)))),
    }
}

fn cgroup(pid: u32) -> Known<String> {
    let text = match std::fs::read_to_string(format!("/proc/{pid}/cgroup")) {
        Ok(text) => text,
        Err(error) => return Known::unknown(format!("/proc/{pid}/cgroup: {}", denied(Some(error)))),
    };
    // Version 2 stands on the line `0::`; a version 1 host has systemd's own hierarchy by name.
    let line = text.lines().find_map(|line| line.strip_prefix("0::"));
    let named = || text.lines().find_map(|line| line.split_once(":name=systemd:").map(|(_, path)| path));
    match line.or_else(named) {
        Some(path) => Known::Seen(path.to_owned()),
        None => Known::unknown(format!("/proc/{pid}/cgroup names no group")),
    }
}

fn same_namespace(pid: u32, kind: &str) -> Known<bool> {
    let of = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/{kind}"));
    match (of("self"), of(&pid.to_string())) {
        (Ok(ours), Ok(theirs)) => Known::Seen(ours == theirs),
        (Err(error), _) | (_, Err(error)) => {
            Known::unknown(format!("/proc/{pid}/ns/{kind}: {}", denied(Some(error))))
        }
    }
}

/// Processes whose parent this is, in the order of their PID.
pub fn children(parent: u32) -> Vec<Process> {
    haproxies().unwrap_or_default().into_iter().filter(|process| process.ppid == parent).collect()
}

/// Addresses on which somebody takes TCP connections, as this process sees the network.
///
/// # Errors
/// When its view of the network cannot be read.
pub fn tcp_listening(pid: u32) -> Result<BTreeSet<String>> {
    let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
    let rows = entry.tcp()?.into_iter().chain(entry.tcp6().unwrap_or_default());
    Ok(rows.filter(|row| row.state == TcpState::Listen).map(|row| row.local_address.to_string()).collect())
}

/// The environment that a process was started with. It may hold secrets: use it, never show it.
///
/// # Errors
/// When it belongs to another user and we are not root.
pub fn environment(pid: u32) -> Result<BTreeMap<String, String>> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ"))
        .map_err(|error| anyhow::anyhow!("/proc/{pid}/environ: {}", denied(Some(error))))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.split('\0').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect())
}

/// The group of a process, for running something as its owner.
pub fn gid(pid: u32) -> Option<u32> {
    Entry::new(i32::try_from(pid).ok()?).ok()?.status().ok().map(|status| status.egid)
}

/// What a process listens on: `address:port`, or the path of a unix socket.
///
/// # Errors
/// When its file descriptors may not be read.
pub fn listeners(pid: u32) -> Result<Vec<String>> {
    let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
    let sockets = sockets_of(&entry)?;
    let mut found = BTreeSet::new();
    for row in entry.tcp()?.into_iter().chain(entry.tcp6().unwrap_or_default()) {
        if row.state == TcpState::Listen && sockets.contains(&row.inode) {
            found.insert(row.local_address.to_string());
        }
    }
    // A QUIC bind is an unconnected datagram socket.
    for row in entry.udp().unwrap_or_default().into_iter().chain(entry.udp6().unwrap_or_default()) {
        if sockets.contains(&row.inode) && row.local_address.port() != 0 && row.remote_address.port() == 0 {
            found.insert(format!("udp {}", row.local_address));
        }
    }
    for row in procfs::net::unix().unwrap_or_default() {
        if accepts(&row.state) && sockets.contains(&row.inode) {
            found.extend(row.path.map(|path| bound_path(&path.to_string_lossy()).to_owned()));
        }
    }
    Ok(found.into_iter().collect())
}

/// A unix socket that listens is unconnected; the connections it accepted carry its path too.
fn accepts(state: &UnixState) -> bool {
    *state == UnixState::UNCONNECTED
}

fn sockets_of(entry: &Entry) -> Result<BTreeSet<u64>> {
    let pid = entry.pid;
    let fds = entry.fd().map_err(|error| match error {
        procfs::ProcError::PermissionDenied(_) => {
            anyhow::anyhow!("/proc/{pid}/fd: permission denied (run as root)")
        }
        other => anyhow::anyhow!("/proc/{pid}/fd: {other}"),
    })?;
    Ok(fds
        .flatten()
        .filter_map(|fd| match fd.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect())
}

/// True when the process holds the listening socket that stands at this path.
///
/// # Errors
/// When its file descriptors may not be read.
pub fn holds_unix_listener(pid: u32, path: &Path) -> Result<bool> {
    let sockets = sockets_of(&Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?)?;
    Ok(procfs::net::unix().context("reading /proc/net/unix")?.iter().any(|row| {
        accepts(&row.state)
            && sockets.contains(&row.inode)
            && row.path.as_ref().is_some_and(|bound| Path::new(bound_path(&bound.to_string_lossy())) == path)
    }))
}

/// The path that clients use. HAProxy binds `PATH.PID.tmp` and renames it; the kernel goes on showing the first name.
fn bound_path(shown: &str) -> &str {
    let stem = shown.strip_suffix(".tmp").and_then(|rest| rest.rsplit_once('.'));
    match stem {
        Some((path, pid)) if !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()) => path,
        _ => shown,
    }
}

/// This host's name.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The user that logged in, which neither sudo nor su changes; none for a service.
pub fn login_uid() -> Option<u32> {
    let uid: u32 = std::fs::read_to_string("/proc/self/loginuid").ok()?.trim().parse().ok()?;
    (uid != u32::MAX).then_some(uid)
}

/// Our effective user id.
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_haproxy_bound_first_is_not_shown() {
        assert_eq!(bound_path("/run/a.sock.123.tmp"), "/run/a.sock");
        assert_eq!(bound_path("/run/a.sock"), "/run/a.sock");
        assert_eq!(bound_path("/run/a.x.tmp"), "/run/a.x.tmp");
    }

    #[test]
    fn our_own_process_is_seen_and_one_that_is_not_there_is_an_error() {
        let me = process(std::process::id()).unwrap();
        assert_eq!(me.uid, uid());
        assert_eq!(me.same_pid_namespace, Known::Seen(true));
        assert_eq!(me.same_mount_namespace, Known::Seen(true));
        assert!(me.started.is_some_and(|at| at < crate::time::now()));
        assert!(process(u32::MAX >> 1).is_err());
    }

    #[test]
    fn a_listener_of_ours_is_found_by_port_and_by_path() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let _unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let found = listeners(std::process::id()).unwrap();
        assert!(found.contains(&tcp.local_addr().unwrap().to_string()), "{found:?}");
        assert!(found.contains(&path.to_string_lossy().into_owned()), "{found:?}");
        assert!(holds_unix_listener(std::process::id(), &path).unwrap());
        assert!(!holds_unix_listener(std::process::id(), Path::new("/run/other.sock")).unwrap());
    }
}

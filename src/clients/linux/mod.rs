//! Processes, sockets, users and namespaces of this host, from /proc.
//!
//! - `ancestors`: a process and its parents
//! - `bind_privileges`: what a process may bind
//! - `bind_probe`: whether an address is free, by binding it
//! - `credentials`: user, capabilities and limits of a process
//! - `exec_context`: what a process hands on to a program that it executes
//! - `file_size`: the limit of the size of a file
//! - `namespaces`: paths and PIDs in other namespaces
//! - `own_folder`: a folder that only its owner may change, without following links below it
//! - `pidfd`: signals to exactly one process
//! - `process_namespaces`: the namespaces of a process, and entering them
//! - `process_scan`: all processes with their listeners, in one pass
//! - `process_stats`: open files, signals, libraries, control group memory
//! - `regular_file`: files that another user may have replaced by a pipe or device
//! - `rooted_path`: files below /proc/PID/root, without following links out of it
//! - `socket_owners`: the process of a socket
//! - `sockets`: listeners and sockets of a process
//! - `unit_credentials`: credentials that a unit would give to its service
//! - `users`: accounts and groups from /etc/passwd and /etc/group

mod ancestors;
mod bind_privileges;
pub mod bind_probe;
pub mod credentials;
mod exec_context;
pub mod file_size;
mod namespaces;
mod own_folder;
pub mod pidfd;
mod process_namespaces;
mod process_scan;
mod process_stats;
mod regular_file;
mod rooted_path;
mod socket_owners;
mod sockets;
mod unit_credentials;
mod users;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use jiff::Timestamp;
use procfs::process::Process as Entry;
use rustix::time::{ClockId, clock_gettime};

use crate::known::Known;
use crate::wire::linux::cgroup;
use crate::wire::linux::process::Process;

pub use ancestors::{Ancestor, is_initial_pid_namespace, namespace_init, read_ancestor, thread_group_id};
pub use bind_privileges::{BindPrivileges, bind_privileges, ipv6_only_by_default, shares_network_namespace};
pub use exec_context::{exec_context, exec_context_differences};
pub use namespaces::{
    PidTranslation, foreign_namespaces, in_network_namespace, mounts, network_interfaces, proc_root_path,
    same_file,
};
pub use own_folder::OwnFolder;
pub use process_namespaces::ProcessNamespaces;
pub use process_scan::{ProcessScan, ScannedProcess, namespace_addresses, network_namespace, scan_processes};
pub use process_stats::{SignalState, cgroup_headroom_kb, open_file_count, signal_state, stale_libraries};
pub use regular_file::{open_regular_file, read_regular_file, read_text_file};
pub use rooted_path::{RootedPath, exists, is_folder, link_metadata, list_folder, metadata};
pub use socket_owners::{SocketOwners, find_socket_owners, user_name};
pub use sockets::{
    bound_sockets, holds_unix_listener, listeners, open_sockets, tcp_listener_inodes, tcp_listeners,
};
pub use unit_credentials::UnitCredentials;
pub use users::{Account, find_account, local_groups, process_account};

/// The name of PID 1 of a sandbox in /proc: what runs below it is no HAProxy of this host.
pub const SANDBOX_INIT_NAME: &str = "haguard-sealed";

/// Every HAProxy that can be seen, in the order of its PID.
///
/// # Errors
/// When /proc cannot be read at all.
pub fn haproxy_processes() -> Result<Vec<Process>> {
    let mut found = processes_named(&["haproxy"])?;
    found.retain(|process| process.is_haproxy() && !is_in_sandbox(process) && !has_ended(process));
    Ok(found)
}

/// It ended since it was read. The parent of a process in a sandbox may have ended as well, so that it is not recognised as
/// one.
fn has_ended(process: &Process) -> bool {
    let now = || Entry::new(i32::try_from(process.pid).ok()?).ok()?.stat().ok();
    process.same_pid_namespace != Known::Seen(true)
        && now().is_none_or(|now| now.state == 'Z' || Some(now.starttime) != process.start_ticks)
}

/// It, or its master, runs in a sandbox of haguard: its PID 1 has [`SANDBOX_INIT_NAME`]. Any process can take that name, but
/// not a PID namespace of its own.
fn is_in_sandbox(process: &Process) -> bool {
    let sealed = |pid: u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|comm| comm.trim_end() == SANDBOX_INIT_NAME)
    };
    let above = |pid: u32| {
        Entry::new(i32::try_from(pid).ok()?).ok()?.stat().ok().and_then(|s| u32::try_from(s.ppid).ok())
    };
    process.same_pid_namespace != Known::Seen(true)
        && (sealed(process.ppid) || above(process.ppid).is_some_and(sealed))
}

/// Every process whose command name starts with one of these, in the order of its PID.
///
/// # Errors
/// When /proc cannot be read at all.
pub fn processes_named(names: &[&str]) -> Result<Vec<Process>> {
    let entries = std::fs::read_dir("/proc").context("reading /proc")?.flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    // The command name is one short read, so that 500 other processes cost little; one that ends meanwhile is no error.
    let is_named = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|comm| names.iter().any(|name| comm.starts_with(name)))
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
        started: start_time(stat.starttime),
        start_ticks: Some(stat.starttime),
        comm: stat.comm,
        argv: entry.cmdline().unwrap_or_default(),
        exe: match shown {
            Some(path) => Known::Seen(path.trim_end_matches(" (deleted)").to_owned()),
            None => Known::unknown(format!("/proc/{pid}/exe: {}", describe_denied(exe.err()))),
        },
        exe_deleted,
        cwd: proc_link(pid, "cwd"),
        cgroup: cgroup(pid),
        same_pid_namespace: same_namespace(pid, "pid"),
        same_mount_namespace: same_namespace(pid, "mnt"),
    })
}

/// The boot time in /proc/stat is rounded to a second and the uptime to a hundredth; the kernel's two clocks are exact.
fn start_time(ticks: u64) -> Option<Timestamp> {
    let booted = clock_gettime(ClockId::Boottime);
    let up_ms = booted.tv_sec.checked_mul(1000)?.checked_add(booted.tv_nsec / 1_000_000)?;
    let start_ms = i64::try_from(ticks.checked_mul(1000)? / procfs::ticks_per_second()).ok()?;
    Timestamp::from_millisecond(crate::time::now().as_millisecond() - up_ms + start_ms).ok()
}

fn describe_denied(error: Option<std::io::Error>) -> String {
    match error {
        Some(e) if e.kind() == std::io::ErrorKind::PermissionDenied => match effective_uid() {
            0 => "permission denied, even to root here".into(),
            _ => "permission denied (run as root)".into(),
        },
        Some(e) => e.to_string(),
        None => "unreadable".into(),
    }
}

fn proc_link(pid: u32, name: &str) -> Known<String> {
    match std::fs::read_link(format!("/proc/{pid}/{name}")) {
        Ok(path) => Known::Seen(path.to_string_lossy().into_owned()),
        Err(error) => Known::unknown(format!("/proc/{pid}/{name}: {}", describe_denied(Some(error)))),
    }
}

fn cgroup(pid: u32) -> Known<String> {
    let text = match std::fs::read_to_string(format!("/proc/{pid}/cgroup")) {
        Ok(text) => text,
        Err(error) => return Known::unknown(format!("/proc/{pid}/cgroup: {}", describe_denied(Some(error)))),
    };
    match cgroup::most_specific_path(&text) {
        Some(path) => Known::Seen(path.to_owned()),
        None => Known::unknown(format!("/proc/{pid}/cgroup names no group")),
    }
}

fn same_namespace(pid: u32, kind: &str) -> Known<bool> {
    let of = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/{kind}"));
    match (of("self"), of(&pid.to_string())) {
        (Ok(ours), Ok(theirs)) => Known::Seen(ours == theirs),
        (Err(error), _) | (_, Err(error)) => {
            Known::unknown(format!("/proc/{pid}/ns/{kind}: {}", describe_denied(Some(error))))
        }
    }
}

/// Processes whose parent this is, in the order of their PID.
pub fn children(parent: u32) -> Vec<Process> {
    haproxy_processes().unwrap_or_default().into_iter().filter(|process| process.ppid == parent).collect()
}

/// The environment that a process was started with. It may hold secrets: use it, never show it.
///
/// # Errors
/// When it belongs to another user and we are not root.
pub fn environment(pid: u32) -> Result<BTreeMap<String, String>> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ"))
        .map_err(|error| anyhow::anyhow!("/proc/{pid}/environ: {}", describe_denied(Some(error))))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.split('\0').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect())
}

/// True where a process changed its user after its program was started: the kernel then gives its files in /proc to root,
/// unless the process made itself dumpable again.
pub fn has_changed_user(pid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(format!("/proc/{pid}/fd")).map(|meta| meta.uid());
    let user = Entry::new(i32::try_from(pid).unwrap_or_default()).and_then(|entry| entry.status());
    matches!((owner, user), (Ok(owner), Ok(status)) if owner != status.euid)
}

/// Memory that a process holds now, in kilobytes.
pub fn resident_kb(pid: u32) -> Option<u64> {
    Entry::new(i32::try_from(pid).ok()?).ok()?.status().ok()?.vmrss
}

/// The same of a master with its workers: the most that one of them holds.
pub fn max_resident_kb_of_master(master: u32) -> Option<u64> {
    children(master).into_iter().map(|worker| worker.pid).chain([master]).filter_map(resident_kb).max()
}

/// The most memory that a process has held, in kilobytes.
pub fn peak_resident_kb(pid: u32) -> Option<u64> {
    Entry::new(i32::try_from(pid).ok()?).ok()?.status().ok()?.vmhwm
}

/// Memory that can be had without swapping, in kilobytes.
pub fn available_memory_kb() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The limits of open files of a process, soft and hard.
pub fn open_file_limits(pid: u32) -> Option<(u64, u64)> {
    use procfs::process::LimitValue;
    let limit = Entry::new(i32::try_from(pid).ok()?).ok()?.limits().ok()?.max_open_files;
    match (limit.soft_limit, limit.hard_limit) {
        (LimitValue::Value(soft), LimitValue::Value(hard)) => Some((soft, hard)),
        _ => None,
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
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_seen_and_one_that_is_not_there_is_an_error() {
        let me = process(std::process::id()).unwrap();
        assert_eq!(me.uid, effective_uid());
        assert_eq!(me.same_pid_namespace, Known::Seen(true));
        assert_eq!(me.same_mount_namespace, Known::Seen(true));
        assert!(me.started.is_some_and(|at| at < crate::time::now()));
        assert!(process(u32::MAX >> 1).is_err());
    }
}

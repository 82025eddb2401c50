//! Every process of this host with what it listens on: one pass over /proc, in which only those that matter are read in
//! full.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result, bail};

use super::sockets::{self, OpenDescriptors};
use super::{describe_denied, is_in_sandbox, process};
use crate::known::Known;
use crate::wire::linux::command_line;
use crate::wire::linux::fib_trie;
use crate::wire::linux::listener::Listener;
use crate::wire::linux::proc_net::SocketEntry;
use crate::wire::linux::process::Process;

/// One process that listens, or that is a part of what surrounds HAProxy.
#[derive(Debug, Clone)]
pub struct ScannedProcess {
    /// The process.
    pub process: Process,
    /// What it listens on, each with its number; unknown where its open files are closed to us.
    pub listens: Known<BTreeMap<u64, Listener>>,
    /// The network namespace it lives in, as the kernel names it.
    pub network: Known<String>,
}

/// The result of one pass.
#[derive(Debug, Default)]
pub struct ProcessScan {
    /// Those that matter, in the order of PIDs.
    pub processes: Vec<ScannedProcess>,
    /// The parent of every process, also of those that are not listed.
    pub parents: BTreeMap<u32, u32>,
    /// Listeners of our own network namespace without a visible process, with their user.
    pub unowned: Vec<(Listener, Option<u32>)>,
    /// How many processes there are.
    pub count: usize,
    /// How many of them have open files that this user may not read.
    pub hidden: usize,
}

/// What a network namespace listens on, by the number of the socket.
type SocketsByInode = BTreeMap<u64, SocketEntry>;

/// Looks at every process once.
///
/// # Errors
/// When /proc cannot be read at all.
pub fn scan_processes() -> Result<ProcessScan> {
    let entries = std::fs::read_dir("/proc").context("reading /proc")?.flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let ours = network_namespace("self").seen().cloned();
    let mut tables: BTreeMap<String, SocketsByInode> = BTreeMap::new();
    let mut found = ProcessScan { count: pids.len(), ..ProcessScan::default() };
    let mut owned = BTreeSet::new();
    // In a container PID 2 is an ordinary process.
    let kernel = std::fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm == "kthreadd\n");
    for pid in pids {
        let Some(ppid) = parent_pid(pid) else { continue };
        found.parents.insert(pid, ppid);
        // Kernel threads have neither arguments nor files, and there are hundreds of them.
        if kernel && (ppid == KTHREADD || pid == KTHREADD) {
            continue;
        }
        let network = network_namespace(&pid.to_string());
        let files = OpenDescriptors::from_pid(pid);
        let listens = match &files {
            Err(error) => Known::unknown(format!("{error:#}")),
            Ok(files) => match cached_listening_sockets(&mut tables, &network, ours.as_deref(), pid) {
                Ok(table) => Known::Seen(listeners_by_inode(pid, files, table)),
                Err(error) => Known::unknown(format!("{error:#}")),
            },
        };
        // One that ended meanwhile hides nothing.
        found.hidden += usize::from(listens.seen().is_none() && parent_pid(pid).is_some());
        owned.extend(listens.seen().into_iter().flat_map(BTreeMap::keys).copied());
        let listens_on_something = listens.seen().is_some_and(|all| !all.is_empty());
        if listens_on_something || may_have_role(pid) {
            // One that ended meanwhile is no error.
            let real = process(pid).ok().filter(|process| !process.is_haproxy() || !is_in_sandbox(process));
            found.processes.extend(real.map(|process| ScannedProcess { process, listens, network }));
        }
    }
    let own_table = match ours.and_then(|ours| tables.remove(&ours)) {
        Some(table) => table,
        None => listening_sockets(std::process::id())?,
    };
    let left = own_table.into_iter().filter(|(inode, _)| !owned.contains(inode));
    // A UDP socket without an owner may just as well be a client's.
    let left = left.filter(|(_, row)| matches!(row.listener, Listener::Tcp(_)));
    found.unowned = left.map(|(_, row)| (row.listener, row.uid)).collect();
    found.unowned.sort();
    Ok(found)
}

/// The parent of all kernel threads.
const KTHREADD: u32 = 2;

/// The table of a process's network namespace, read once for all that live there.
fn cached_listening_sockets<'a>(
    tables: &'a mut BTreeMap<String, SocketsByInode>,
    network: &Known<String>,
    ours: Option<&str>,
    pid: u32,
) -> Result<&'a SocketsByInode> {
    let name = match network {
        Known::Seen(name) => name,
        Known::Unknown { why } => bail!("{why}"),
    };
    if !tables.contains_key(name) {
        // A process may end before its view of the network is read; ours stays.
        let through = if ours == Some(name.as_str()) { std::process::id() } else { pid };
        tables.insert(name.clone(), listening_sockets(through)?);
    }
    tables.get(name).context("a network namespace that was read")
}

fn listening_sockets(pid: u32) -> Result<SocketsByInode> {
    let rows = sockets::bound_sockets(pid, false)?.into_iter().filter(|row| row.listening);
    Ok(rows.map(|row| (row.inode, row)).collect())
}

fn listeners_by_inode(pid: u32, files: &OpenDescriptors, table: &SocketsByInode) -> BTreeMap<u64, Listener> {
    let open = files.sockets.keys().filter_map(|inode| table.get(inode));
    let open =
        open.filter(|row| !matches!(row.listener, Listener::Udp(_)) || files.polls_socket(pid, row.inode));
    open.map(|row| (row.inode, row.listener.clone())).collect()
}

/// Reads only the arguments, and the program's path where those decide nothing.
fn may_have_role(pid: u32) -> bool {
    let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let argv: Vec<String> = String::from_utf8_lossy(&bytes)
        .split('\0')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    // The name in the arguments can be wrong in both directions, so the program counts as well.
    let exe = || std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    command_line::role(None, &argv).is_some()
        || exe().is_some_and(|exe| command_line::role(Some(&exe.to_string_lossy()), &argv).is_some())
}

/// The parent, from the shortest file that names it.
fn parent_pid(pid: u32) -> Option<u32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&stat);
    // The command's name may hold blanks and brackets, so the last bracket counts.
    let mut rest = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let (state, ppid) = (rest.next()?, rest.next()?);
    (state != "Z").then(|| ppid.parse().ok()).flatten()
}

/// The network namespace of a process, as the kernel names it.
pub fn network_namespace(pid: &str) -> Known<String> {
    let path = format!("/proc/{pid}/ns/net");
    match std::fs::read_link(&path) {
        Ok(name) => Known::Seen(name.to_string_lossy().into_owned()),
        Err(error) => Known::unknown(format!("{path}: {}", describe_denied(Some(error)))),
    }
}

/// The addresses of the network namespace that this process lives in.
///
/// # Errors
/// When the kernel's tables cannot be read.
pub fn namespace_addresses(pid: u32) -> Result<Vec<IpAddr>> {
    let path = format!("/proc/{pid}/net/fib_trie");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| anyhow::anyhow!("{path}: {}", describe_denied(Some(error))))?;
    // A kernel without IPv6 has no such table.
    let six = std::fs::read_to_string(format!("/proc/{pid}/net/if_inet6")).unwrap_or_default();
    Ok([fib_trie::ipv4(&text), fib_trie::ipv6(&six)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_scanned_as_soon_as_it_listens() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = Listener::Tcp(tcp.local_addr().unwrap());
        let me = std::process::id();
        let all = scan_processes().unwrap();
        let mine = all.processes.iter().find(|one| one.process.pid == me).unwrap();
        assert!(mine.listens.seen().unwrap().values().any(|listener| *listener == at), "{mine:?}");
        assert!(!all.unowned.iter().any(|(listener, _)| *listener == at));
        assert_eq!(all.parents[&me], mine.process.ppid);
        assert_eq!(mine.network, network_namespace("self"));
        assert!(namespace_addresses(me).unwrap().contains(&"127.0.0.1".parse().unwrap()));
    }
}

//! Who has a socket: one search through the open files of every process.

use std::collections::{BTreeMap, BTreeSet};

use super::sockets::open_sockets;

/// What the search found.
#[derive(Debug, Default)]
pub struct SocketOwners {
    /// The process of each socket; of several the oldest one, from which the others got it.
    pub pid_by_inode: BTreeMap<u64, u32>,
    /// Processes whose open files were closed to us: one of them may have what was not found.
    pub hidden: bool,
}

/// Looks for the processes that have these sockets.
pub fn find_socket_owners(inodes: &BTreeSet<u64>) -> SocketOwners {
    let mut found = SocketOwners::default();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let mut ages: BTreeMap<u64, u64> = BTreeMap::new();
    for pid in pids {
        match open_sockets(pid) {
            Ok(open) => {
                let mut held = open.keys().filter(|inode| inodes.contains(inode)).peekable();
                // PIDs wrap, so it is the start that tells a parent from its children.
                let start = held.peek().and_then(|_| start_ticks(pid)).unwrap_or(u64::MAX);
                for inode in held {
                    if ages.get(inode).is_none_or(|oldest| start < *oldest) {
                        ages.insert(*inode, start);
                        found.pid_by_inode.insert(*inode, pid);
                    }
                }
            }
            // One that ended meanwhile hides nothing.
            Err(_) => found.hidden |= std::fs::exists(format!("/proc/{pid}/stat")).unwrap_or(true),
        }
    }
    found
}

fn start_ticks(pid: u32) -> Option<u64> {
    let entry = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    entry.stat().ok().map(|stat| stat.starttime)
}

/// The name of a user of this host.
pub fn user_name(uid: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

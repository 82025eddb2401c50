//! Who has a socket: one search through the open files of every process.

use std::collections::{BTreeMap, BTreeSet};

use super::sockets::open_sockets;

/// What the search found.
#[derive(Debug, Default)]
pub struct Owners {
    /// The process of each socket; of several, the one with the lowest PID, which is the parent where a server forked.
    pub of: BTreeMap<u64, u32>,
    /// Processes whose open files were closed to us: one of them may have what was not found.
    pub hidden: bool,
}

/// Looks for the processes that have these sockets.
pub fn owners(inodes: &BTreeSet<u64>) -> Owners {
    let mut found = Owners::default();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    for pid in pids {
        if found.of.len() == inodes.len() {
            break;
        }
        match open_sockets(pid) {
            Ok(open) => {
                for inode in open.keys().filter(|inode| inodes.contains(inode)) {
                    found.of.entry(*inode).or_insert(pid);
                }
            }
            // One that ended meanwhile hides nothing.
            Err(_) => found.hidden |= std::fs::exists(format!("/proc/{pid}/stat")).unwrap_or(true),
        }
    }
    found
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

//! Other processes that listen on an address of this HAProxy: where both ask for SO_REUSEPORT, as HAProxy does, the kernel
//! shares the new connections among them.

use std::collections::BTreeSet;

use anyhow::Result;

use super::conflicts::SocketOwnerLookup;
use crate::clients::linux;
use crate::facts::{Known, SocketOwner, Worker, WorkerState};
use crate::gather::DiscoveredInstance;
use crate::wire::linux::proc_net::SocketEntry;

/// The sockets of other processes on the addresses that the serving worker listens on.
///
/// # Errors
/// When the sockets of HAProxy itself may not be seen, so that its own cannot be told from others.
pub(in crate::gather) fn find_shared_listeners(
    found: &DiscoveredInstance,
    live: &WorkerState,
) -> Result<Vec<SocketOwner>> {
    let listens = live.listeners.get()?;
    let own = own_sockets(found)?;
    let other = |row: &SocketEntry| {
        row.listening
            && row.inode != 0
            && row.listener.socket_addr().is_some()
            && listens.contains(&row.listener)
            && !own.contains(&row.inode)
    };
    let rows: Vec<SocketEntry> =
        linux::bound_sockets(found.instance.main.pid, false)?.into_iter().filter(other).collect();
    let owners = SocketOwnerLookup::from_inodes(rows.iter().map(|row| row.inode).collect());
    let mut all: Vec<SocketOwner> = rows.into_iter().map(|row| owners.owner(row)).collect();
    // One that has several sockets on an address, one for each thread perhaps, is named once.
    all.dedup_by(|a, b| a.holds == b.holds && a.process == b.process);
    Ok(all)
}

/// The sockets of the main process and of its workers, also of those that still drain.
fn own_sockets(found: &DiscoveredInstance) -> Result<BTreeSet<u64>> {
    let instance = &found.instance;
    let mut own: BTreeSet<u64> = linux::open_sockets(instance.main.pid)?.into_keys().collect();
    own.extend(linux::open_sockets(*instance.serving.get()?)?.into_keys());
    let others = [&instance.workers, &instance.old_workers].into_iter().filter_map(Known::seen).flatten();
    for Worker { pid, .. } in others {
        // One that ended meanwhile has none.
        own.extend(linux::open_sockets(*pid).unwrap_or_default().into_keys());
    }
    Ok(own)
}

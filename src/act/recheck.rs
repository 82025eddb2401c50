//! Whether the state is still as the plan was made for, in the last moment before the change.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::clients::haproxy::runtime::RuntimeSocket;
use crate::clients::linux;
use crate::facts::{Facts, Instance, Known};
use crate::gather;
use crate::plan::{Basis, BasisChange, Plan};
use crate::timeouts;
use crate::wire::haproxy::runtime::processes::ShowProc;

/// What can be read again in a moment: processes, counts and the bytes of the files.
pub(super) fn changes_since_plan(
    plan: &Plan,
    instance: &Instance,
    files: &ConfigFileBytes,
    calls: &Arc<AtomicU32>,
) -> Vec<BasisChange> {
    let main = linux::process(instance.main.pid).ok();
    let mut now = Basis { main_pid: main.as_ref().map(|main| main.pid), ..plan.basis.clone() };
    now.main_start = main.and_then(|main| main.start_ticks);
    if let Known::Seen(socket) = &instance.master_socket {
        let master = RuntimeSocket::new(&socket.path, timeouts::RUNTIME_QUERY, Arc::clone(calls));
        let listed = master.processes().ok();
        let old = plan.basis.serving;
        let candidates = listed.as_ref().map(ShowProc::serving_candidates).unwrap_or_default();
        let serves = candidates.iter().find(|row| Some(row.pid) == old).or(candidates.first());
        now.serving = serves.map(|row| row.pid);
        now.reloads = listed.as_ref().map(|listed| listed.master.reloads);
        now.failed_reloads = listed.map(|listed| listed.failed);
    }
    for (path, bytes) in files {
        let md5 = bytes.as_ref().map(|bytes| gather::md5_hex(bytes));
        now.files.insert(path.clone(), md5);
    }
    plan.basis.changes_since(&now)
}

pub(super) type ConfigFileBytes = Vec<(String, Option<Vec<u8>>)>;

pub(super) fn read_config_files(instance: &Instance, facts: &Facts) -> ConfigFileBytes {
    let paths = facts.config.files.iter().map(|file| file.path.clone());
    paths.map(|path| (path.clone(), gather::read_process_file(&instance.main, &path).ok())).collect()
}

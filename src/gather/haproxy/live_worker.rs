//! The running worker, asked over its socket.

use anyhow::Result;

use super::runtime_state::read_worker;
use crate::clients::haproxy::runtime::WorkerChannel;
use crate::clients::linux;
use crate::facts::{Connections, Known, Listener, Provenance, RuntimeState, WorkerState};
use crate::gather::{DiscoveredInstance, GatherContext};
use crate::known::Unknown;
use crate::wire::haproxy::runtime::info::Info;

/// One reading of the serving worker.
pub(in crate::gather) struct LiveWorker {
    /// What reports show of it.
    pub(in crate::gather) state: WorkerState,
    /// All of it, with the values; unknown where it has no socket that can be asked.
    pub(in crate::gather) runtime: Known<RuntimeState>,
    /// What it says of itself.
    pub(in crate::gather) info: Known<Info>,
}

impl LiveWorker {
    /// Nothing was read, for one reason.
    pub(in crate::gather) fn unknown(why: &str) -> Self {
        LiveWorker {
            state: WorkerState::unknown(Provenance::Live, why),
            runtime: Known::unknown(why),
            info: Known::unknown(why),
        }
    }
}

/// The serving worker.
pub(in crate::gather) fn read_serving_worker(
    look: &GatherContext<'_>,
    found: &DiscoveredInstance,
) -> LiveWorker {
    let listeners = listeners(found);
    match found.channel.get() {
        Err(Unknown { why }) => {
            let mut worker = LiveWorker::unknown(&why);
            worker.state.listeners = listeners;
            worker
        }
        Ok(channel) => {
            let (runtime, info) = read_worker(channel, &permission_hint(found, channel));
            let state = runtime.worker_state(Provenance::Live, &look.entry_hasher);
            let info = Known::from(info);
            let connections = info.as_ref().map(|info| connections(found, info));
            let state = WorkerState { connections, listeners, ..state };
            LiveWorker { state, runtime: Known::Seen(runtime), info }
        }
    }
}

/// The state of a rehearsed worker, which has no client connections.
pub(in crate::gather) fn rehearsed_worker_state(
    look: &GatherContext<'_>,
    channel: &WorkerChannel,
    pid: u32,
) -> WorkerState {
    let (runtime, _) = read_worker(channel, "");
    let state = runtime.worker_state(Provenance::Rehearsed, &look.entry_hasher);
    let connections = Known::unknown("the next worker has none yet");
    WorkerState { connections, listeners: linux::listeners(pid).into(), ..state }
}

/// Why a question may have been refused. On a socket with a low level HAProxy gives misleading reasons, such as a lack of
/// memory.
fn permission_hint(found: &DiscoveredInstance, channel: &WorkerChannel) -> String {
    let path = channel.socket().path().to_string_lossy();
    let mut sockets = found.instance.admin_sockets.seen().into_iter().flatten();
    let low = sockets.find(|socket| socket.path == path && !socket.is_admin_level());
    low.and_then(|socket| socket.level.seen()).map_or_else(String::new, |level| {
        format!(" ({path} has level {level}: give haguard a socket with level admin, or the master's)")
    })
}

fn listeners(found: &DiscoveredInstance) -> Known<Vec<Listener>> {
    let listeners = || -> Result<Vec<Listener>> { linux::listeners(*found.instance.serving.get()?) };
    listeners().into()
}

fn connections(found: &DiscoveredInstance, info: &Info) -> Connections {
    let old = found.instance.old_workers.seen().into_iter().flatten();
    Connections {
        current: info.curr_conns,
        draining: old.filter_map(|worker| worker.connections.seen()).sum(),
    }
}

//! `restart --break-glass` in a report.

use serde::Serialize;

use super::ReloadBody;

/// The result of a restart, with every field of a reload.
#[derive(Debug, Default, Serialize)]
pub struct RestartBody {
    /// The fields of a reload; `refused_ms` is the longest time for which an address was closed.
    #[serde(flatten)]
    pub act: ReloadBody,
    /// The reason that the operator gave.
    pub reason: String,
    /// The controller that restarts it, in words.
    pub controller: String,
    /// The main process now; none where none is known.
    pub main: Option<u32>,
    /// Connections that were cut; none where nothing was done, or they could not be counted.
    pub connections_cut: Option<u64>,
    /// The longest time for which an address was closed to clients, in milliseconds.
    pub downtime_ms: Option<u64>,
    /// Each TCP address.
    pub listeners: Vec<ListenerDowntime>,
    /// Milliseconds from the order until the runtime state was put back.
    pub restored_ms: Option<u64>,
    /// Milliseconds from the order until everything was verified.
    pub full_service_ms: Option<u64>,
    /// The folder with the configuration files and the runtime state.
    pub snapshot: Option<String>,
    /// The folder with the evidence of a failure.
    pub evidence: Option<String>,
}

/// One address over the restart.
#[derive(Debug, Serialize)]
pub struct ListenerDowntime {
    /// The address.
    pub address: String,
    /// For how long no process listened there, in milliseconds.
    pub closed_ms: u64,
    /// Milliseconds from the order to the first connection that was taken; none where none was.
    pub accepted_ms: Option<u64>,
}

//! `restart --break-glass` as text and in documents: what a reload tells, and what only a restart costs.

use std::io::{self, Write};

use serde::Serialize;

use super::reload;
use crate::plan::restart::MAX_SNAPSHOTS;
use crate::report::{Paint, ReloadBody, Report};

/// What a restart came to. It has every field of a reload's.
#[derive(Debug, Default, Serialize)]
pub struct RestartBody {
    /// What it has in common with a reload; `refused_ms` is the longest time for which an address was closed.
    #[serde(flatten)]
    pub act: ReloadBody,
    /// Why it had to be.
    pub reason: String,
    /// Who restarts it, in words.
    pub controller: String,
    /// The main process now; none where none is known.
    pub main: Option<u32>,
    /// Connections that were cut; none where nothing was done, or they could not be counted.
    pub connections_cut: Option<u64>,
    /// The longest time for which an address was closed to clients, in milliseconds.
    pub downtime_ms: Option<u64>,
    /// Each TCP address.
    pub listeners: Vec<ListenerDowntime>,
    /// Milliseconds from the order until what only memory held was put back.
    pub restored_ms: Option<u64>,
    /// Milliseconds from the order until everything was proven.
    pub full_service_ms: Option<u64>,
    /// The folder with the configuration files and with what only memory held.
    pub snapshot: Option<String>,
    /// The folder with the evidence, where something did not come out well.
    pub evidence: Option<String>,
}

/// One address over the restart.
#[derive(Debug, Serialize)]
pub struct ListenerDowntime {
    /// The address.
    pub address: String,
    /// For how long nobody listened there, in milliseconds.
    pub closed_ms: u64,
    /// Milliseconds from the order to the first connection that was taken; none where none was.
    pub accepted_ms: Option<u64>,
}

pub(in crate::report) fn write(
    report: &Report,
    body: &RestartBody,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    reload::write(report, &body.act, ("what it cost", &downtime_lines(body)), out, paint)
}

/// Lines that only a restart has.
fn downtime_lines(body: &RestartBody) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(body.connections_cut.map(|count| format!("connections cut: {count}")));
    lines.extend(body.downtime_ms.map(|ms| format!("clients could not connect for at most {ms} ms")));
    let never = body.listeners.iter().filter(|one| one.accepted_ms.is_none() && one.closed_ms > 0);
    lines.extend(never.map(|one| format!("{} takes no connection", one.address)));
    lines.extend(body.restored_ms.map(|ms| format!("put back {ms} ms after the order")));
    lines.extend(body.full_service_ms.map(|ms| format!("proven {ms} ms after the order")));
    lines.extend(body.snapshot.as_ref().map(|path| {
        format!("what was there before is in {path} (of each HAProxy the newest {MAX_SNAPSHOTS} are kept)")
    }));
    lines.extend(body.evidence.as_ref().map(|path| format!("the evidence is in {path}")));
    lines
}

//! `restart --break-glass` as text: what a reload shows, and the downtime.

use std::io::{self, Write};

use super::reload;
use crate::plan::restart::MAX_SNAPSHOTS;
use crate::report::{Paint, Report, RestartBody};

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
    lines.extend(
        body.restored_ms.map(|ms| format!("runtime state put back {ms} ms after the restart was ordered")),
    );
    lines.extend(body.full_service_ms.map(|ms| format!("verified {ms} ms after the restart was ordered")));
    lines.extend(body.snapshot.as_ref().map(|path| {
        format!(
            "snapshot of the previous state: {path} (the newest {MAX_SNAPSHOTS} of each HAProxy are kept)"
        )
    }));
    lines.extend(body.evidence.as_ref().map(|path| format!("evidence: {path}")));
    lines
}

//! A rehearsal as text: whether the worker came up, what it holds, and how it differs from the running one.

use std::io::{self, Write};

use super::findings;
use super::wrap::{paragraph, prose};
use crate::facts::Provenance;
use crate::plan::StateChanges;
use crate::plan::diff::changes::ChangeKind;
use crate::plural::plural;
use crate::report::{Paint, RehearsalBody, Report};

/// Differences that are shown one by one; the rest is counted, and JSON has them all.
const MAX_DIFFERENCES: usize = 40;

/// Of a warning this many characters are shown: some are whole paragraphs, and JSON has them all.
const MAX_WARNING_CHARS: usize = 130;

pub(in crate::report) fn write(
    report: &Report,
    body: &RehearsalBody,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let heading = match report.exit.code() {
        3 => paint.bad(&prose("", &report.summary)),
        _ => paint.strong(&prose("", &report.summary)),
    };
    writeln!(out, "{heading}")?;
    for alert in &body.alerts {
        writeln!(out, "{}", paragraph("  HAProxy: ", "           ", alert, 80))?;
    }
    for warning in &body.warnings {
        let first: String = warning.chars().take(MAX_WARNING_CHARS).collect();
        let rest = if first.len() < warning.len() { ".." } else { "" };
        writeln!(
            out,
            "{}",
            paint.faint(&paragraph("  warning: ", "           ", &format!("{first}{rest}"), 80))
        )?;
    }
    let holds = body.holds.describe();
    if !holds.is_empty() {
        let how = if body.how == Provenance::Rehearsed { "" } else { " (read, not rehearsed)" };
        writeln!(out, "{}", prose("  it has ", &format!("{holds}{how}")))?;
    }
    if let (Some(start_up), Some(set_up)) = (body.start_up_ms, body.set_up_ms) {
        let memory = body.memory_kb.map_or(String::new(), |kb| format!(", the worker used {} MB", kb / 1024));
        let text = format!("started in {start_up} ms{memory}; the sealed copy took {set_up} ms to make");
        writeln!(out, "{}", paint.faint(&prose("  ", &text)))?;
    }
    if let Some(difference) = &body.difference {
        changes(difference, out, paint)?;
    }
    let notable: Vec<_> = report.findings.iter().filter(|f| f.level.is_notable()).cloned().collect();
    if !notable.is_empty() {
        writeln!(out)?;
        findings::write(&notable, out, paint)?;
    }
    Ok(())
}

fn changes(difference: &StateChanges, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if !difference.changes.is_empty() {
        writeln!(out, "\n{}", paint.strong("differences from the running worker"))?;
    }
    for change in difference.changes.iter().take(MAX_DIFFERENCES) {
        let sign = match change.action {
            ChangeKind::Add => "+",
            ChangeKind::Change => "~",
            ChangeKind::Remove => "-",
        };
        let detail = if change.detail.is_empty() { String::new() } else { format!(" ({})", change.detail) };
        let line = format!("{} {}{detail}", change.what, change.object);
        writeln!(out, "{}", paragraph(&format!("  {sign} "), "      ", &line, 80))?;
    }
    let more = difference.changes.len().saturating_sub(MAX_DIFFERENCES);
    if more > 0 {
        writeln!(out, "  and {}: -o json has them all", plural(more, "more difference"))?;
    }
    for why in &difference.unknown {
        writeln!(out, "{}", paragraph("  ? ", "      ", &format!("not compared: {why}"), 80))?;
    }
    Ok(())
}

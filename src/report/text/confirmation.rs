//! Confirmations as text: the request and its result.

use std::io::{self, Write};

use super::wrap::{command, prose};
use crate::exit::Exit;
use crate::report::{Confirmation, ConfirmationRequest, Paint, Report};

/// The command to type, and what happens without it.
pub(in crate::report) fn write_request(
    wanted: &ConfirmationRequest,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let ConfirmationRequest { until, command: line, previous, .. } = wanted;
    writeln!(out, "\n{}\n{}", paint.strong("confirm it with"), command("  ", line))?;
    let until = until.strftime("%F %T UTC");
    writeln!(out, "{}", prose("  ", &format!("otherwise HAProxy rolls back at {until} to {previous}")))
}

pub(in crate::report) fn write(
    report: &Report,
    body: &Confirmation,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let word = match report.exit {
        Exit::Done => paint.strong(&body.outcome),
        _ => paint.bad(&body.outcome),
    };
    let indent = " ".repeat(body.outcome.len() + 2);
    writeln!(out, "{word}: {}", prose(&indent, &report.summary).trim_start())?;
    if !body.why.is_empty() {
        writeln!(out, "{}", prose("", &body.why))?;
    }
    Ok(())
}

//! Confirmations as text and in documents: what waits for one, and what became of it.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::wrap::{command, prose};
use crate::exit::Exit;
use crate::report::{Paint, Report};

/// A reload that wants to be confirmed.
#[derive(Debug, Serialize)]
pub struct ConfirmationRequest {
    /// The plan's id.
    pub id: String,
    /// How long a confirmation is waited for, as `--confirm-within` takes it.
    pub within: String,
    /// Until when.
    pub until: Timestamp,
    /// The command that confirms it.
    pub command: String,
    /// What would be put back.
    pub previous: String,
}

/// What `confirm` came to.
#[derive(Debug, Serialize)]
pub struct Confirmation {
    /// The plan's id.
    pub id: String,
    /// confirmed, late, stopped, void, unwatched or under way.
    pub outcome: String,
    /// What was reloaded.
    pub target: String,
    /// When it would have gone back.
    pub until: Option<Timestamp>,
    /// What happened, as a paragraph; empty where the summary says it.
    pub why: String,
}

/// What to type, and what happens otherwise.
pub(in crate::report) fn write_request(
    wanted: &ConfirmationRequest,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let ConfirmationRequest { until, command: line, previous, .. } = wanted;
    writeln!(out, "\n{}\n{}", paint.strong("confirm it with"), command("  ", line))?;
    let until = until.strftime("%F %T UTC");
    writeln!(out, "{}", prose("  ", &format!("or HAProxy goes back at {until}, to {previous}")))
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

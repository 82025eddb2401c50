//! Pieces that several reports have in common as text.

use std::io::{self, Write};

use super::wrap::{command, prose};
use crate::facts::Known;
use crate::plan::RunbookStep;
use crate::report::{Paint, Report};

/// A name and its value; what does not fit hangs under the value.
pub(in crate::report) fn row(out: &mut impl Write, name: &str, value: &str) -> io::Result<()> {
    let hang = " ".repeat(18);
    writeln!(out, "  {name:<15} {}", prose(&hang, value).trim_start())
}

/// The value, or why it is not known.
pub(in crate::report) fn value_or_reason<T>(known: &Known<T>, show: impl FnOnce(&T) -> String) -> String {
    match known {
        Known::Seen(value) => show(value),
        Known::Unknown { why } => format!("unknown: {why}"),
    }
}

/// Commands under a heading, each with its occasion; nothing where there are none.
pub(in crate::report) fn commands(
    heading: &str,
    list: &[RunbookStep],
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    if list.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.strong(heading))?;
    for RunbookStep { when, command: line } in list {
        writeln!(out, "{}", prose("  ", when))?;
        if !line.is_empty() {
            writeln!(out, "{}", command("    ", line))?;
        }
    }
    Ok(())
}

/// The proof that looking changed nothing.
pub(in crate::report) fn proof(report: &Report, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if report.proof.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.strong("the same before and after this look"))?;
    for proof in &report.proof {
        let mark = if proof.before == proof.after { "same" } else { "CHANGED" };
        let seen = if proof.before == proof.after {
            proof.after.clone()
        } else {
            format!("{} -> {}", proof.before, proof.after)
        };
        row(out, mark, &format!("{}: {seen}", proof.claim))?;
    }
    Ok(())
}

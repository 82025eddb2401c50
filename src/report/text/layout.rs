//! Pieces that several reports have in common as text.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::wrap::{WIDTH, command, escape_control_chars, prose};
use crate::facts::Known;
use crate::plan::RunbookStep;
use crate::report::{Paint, Report};

/// A name and its value; more lines of the value are below it.
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

/// A line of a file as it is, unless it is longer than the page.
pub(in crate::report) fn file_line(line: &str) -> String {
    match line.width() + 2 > WIDTH {
        true => prose("  ", line),
        false => format!("  {}", escape_control_chars(line)).trim_end().to_owned(),
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

/// Lines under a heading, each with an indent; nothing where there are none.
pub(in crate::report) fn list(
    heading: &str,
    indent: &str,
    lines: &[String],
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    if !lines.is_empty() {
        writeln!(out, "\n{}", paint.strong(heading))?;
    }
    lines.iter().try_for_each(|line| writeln!(out, "{}", prose(indent, line)))
}

/// The proof that gathering facts changed nothing.
pub(in crate::report) fn proof(report: &Report, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if report.proof.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.strong("before and after this look"))?;
    for proof in &report.proof {
        let (mark, seen) = match proof.before == proof.after {
            true => ("same", proof.after.clone()),
            false => ("CHANGED", format!("{} -> {}", proof.before, proof.after)),
        };
        row(out, mark, &format!("{}: {seen}", proof.claim))?;
    }
    Ok(())
}

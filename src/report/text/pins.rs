//! What `inspect --save` pinned.

use std::io::{self, Write};

use super::wrap::prose;
use crate::report::{Paint, PinsReport, Report};

pub(in crate::report) fn write(
    report: &Report,
    body: &PinsReport,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let PinsReport { file, pinned, diff, unproven } = body;
    writeln!(out, "{}", prose("", &report.summary))?;
    for line in if diff.is_empty() { pinned } else { diff } {
        writeln!(out, "{}", prose("  ", line))?;
    }
    if !unproven.is_empty() {
        writeln!(out, "\n{}", paint.strong("not pinned, because their controller is not proven"))?;
        for line in unproven {
            writeln!(out, "{}", prose("  ", line))?;
        }
    }
    match report.changed {
        true => writeln!(out, "{}", prose("", &format!("changed: {file}, and nothing else."))),
        false => Ok(()),
    }
}

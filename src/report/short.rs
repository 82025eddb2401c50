//! The short answer: what is not ok, a line each, and the tally.

use std::io::{self, Write};

use super::wrap::prose;
use super::{Body, Paint, Report, findings, text};
use crate::checks::Finding;

pub(super) fn write(report: &Report, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if let Body::Error(_) = report.body {
        return text::write(report, out, paint);
    }
    let notable: Vec<Finding> =
        report.findings.iter().filter(|finding| finding.level.is_notable()).cloned().collect();
    let columns = findings::Columns::of(&notable);
    for finding in &findings::once(&notable) {
        findings::line(finding, columns, out, paint)?;
    }
    writeln!(out, "{}", prose("", &report.summary))
}

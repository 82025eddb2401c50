//! The short answer: what is not ok, a line each, and the tally.

use std::io::{self, Write};

use crate::checks::Finding;
use crate::report::text::wrap::prose;
use crate::report::text::{self, findings};
use crate::report::{Body, Paint, Report};

pub(in crate::report) fn write(report: &Report, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if let Body::Error(_) = report.body {
        return text::write(report, out, paint);
    }
    let notable: Vec<Finding> =
        report.findings.iter().filter(|finding| finding.level.is_notable()).cloned().collect();
    let columns = findings::Columns::from_findings(&notable);
    for finding in &findings::shorten_repeated_reasons(&notable) {
        findings::write_line(finding, columns, out, paint)?;
    }
    writeln!(out, "{}", prose("", &report.summary))
}

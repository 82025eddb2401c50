//! The report as one JSON document: the contract that scripts depend on.

use std::io::{self, Write};

use crate::report::Report;

pub(in crate::report) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}

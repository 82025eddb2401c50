//! Findings, a line each, with evidence under them, and the mend under what is not well.

use std::io::{self, Write};

use super::Paint;
use super::wrap::prose;
use crate::checks::Finding;

/// A screen has 24 lines, and there are other findings.
const MOST_EVIDENCE: usize = 8;

/// Where the text begins.
const HANG: usize = 36;

/// Findings where they are one part of an answer: evidence and mend under what is not well.
pub(super) fn write(findings: &[Finding], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    for finding in findings {
        line(finding, out, paint)?;
        if finding.level.is_notable() {
            evidence(finding, out, paint)?;
            mend(finding, out, paint)?;
        }
    }
    Ok(())
}

/// Findings where they are the answer: evidence under every one.
pub(super) fn whole(findings: &[Finding], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    for finding in findings {
        line(finding, out, paint)?;
        evidence(finding, out, paint)?;
        if finding.level.is_notable() {
            mend(finding, out, paint)?;
        }
    }
    Ok(())
}

/// The level, the id, and what was found.
pub(super) fn line(finding: &Finding, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let Finding { id, level, text, ignored_by, .. } = finding;
    let first = prose(&" ".repeat(HANG), text);
    match ignored_by {
        None => writeln!(out, "  {}{id:<25} {}", paint.level(*level), first.trim_start()),
        Some(by) => {
            writeln!(out, "  {} {id:<23} {}", paint.ignored(), first.trim_start())?;
            writeln!(out, "{}", prose("      ignored by ", by))
        }
    }
}

fn evidence(finding: &Finding, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let evidence = &finding.evidence;
    for line in evidence.iter().take(MOST_EVIDENCE) {
        writeln!(out, "{}", paint.faint(&prose("            ", line)))?;
    }
    match evidence.len().saturating_sub(MOST_EVIDENCE) {
        0 => Ok(()),
        more => writeln!(out, "            and {more} more (all of them with -o json)"),
    }
}

fn mend(finding: &Finding, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if let Some(mend) = &finding.mend {
        writeln!(out, "{}", prose("      mend: ", mend))?;
    }
    writeln!(out, "{}", paint.faint(&format!("      more: haguard explain {}", finding.id)))
}

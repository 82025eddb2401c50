//! `check` in a report.

use serde::Serialize;

use crate::checks::{Finding, Level, Metric};
use crate::plural::plural;

/// What the checks came to.
#[derive(Debug, Serialize)]
pub struct CheckSummary {
    /// How many findings of each level.
    #[serde(flatten)]
    pub tally: Tally,
    /// The numbers that a monitor draws.
    pub measures: Vec<Metric>,
}

/// How many findings of each level.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    /// Passed.
    pub pass: usize,
    /// Warnings, with those that are ignored.
    pub warn: usize,
    /// Findings that somebody lives with.
    pub ignored: usize,
    /// Failures.
    pub fail: usize,
    /// Could not be told.
    pub unknown: usize,
    /// Skipped, with a reason.
    pub skipped: usize,
}

impl Tally {
    /// Counts them.
    pub fn from_findings(findings: &[Finding]) -> Self {
        let mut tally = Tally::default();
        for finding in findings {
            tally.ignored += usize::from(finding.ignored_by.is_some());
            match finding.level {
                Level::Pass => tally.pass += 1,
                Level::Warn => tally.warn += 1,
                Level::Fail => tally.fail += 1,
                Level::Unknown => tally.unknown += 1,
                Level::Skipped => tally.skipped += 1,
            }
        }
        tally
    }

    /// The tally as a sentence.
    pub fn sentence(&self) -> String {
        let Self { pass, warn, ignored, fail, unknown, skipped } = self;
        let warnings = match ignored {
            0 => plural(*warn, "warning"),
            ignored => format!("{} ({ignored} ignored)", plural(*warn, "warning")),
        };
        format!("{fail} failed, {unknown} unknown, {warnings}, {pass} ok, {skipped} skipped")
    }
}

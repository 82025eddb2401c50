//! `check` in a report.

use serde::Serialize;

use crate::checks::{Finding, Level, Metric};
use crate::plural::plural;

/// The results of the checks in numbers.
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
    /// Findings that an ignore turns into warnings.
    pub ignored: usize,
    /// Failures.
    pub fail: usize,
    /// Could not be determined.
    pub unknown: usize,
    /// Skipped, with a reason.
    pub skipped: usize,
}

impl Tally {
    /// Counts the findings.
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

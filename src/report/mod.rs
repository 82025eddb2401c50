//! The report: one model of what a command found, and several renderers that compute nothing.

pub mod format;
pub mod text;

use std::io::{self, Write};

use serde::Serialize;

use crate::checks::{Finding, Level, Metric};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Cost, Facts, Proof};
use crate::plan::replay::ReplayResult;
use crate::plan::{BasisChange, Loss, Plan, RunbookStep};
use crate::plural::plural;

pub use text::confirmation::{Confirmation, ConfirmationRequest};
pub use text::guard::GuardBody;
pub use text::pins::PinsReport;
pub use text::rehearsal::{RehearsalBody, WorkerCounts};
pub use text::restart::{ListenerDowntime, RestartBody};
pub use text::service::{MatchedService, ServiceLookup, ServiceProcedure};
pub use text::style::Paint;

/// The version of the JSON document.
pub const SCHEMA: &str = "haguard/1";

/// What a command found and did.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The command's name.
    pub command: String,
    /// How it ended.
    pub exit: Exit,
    /// Something is different from before. Read-only and refused commands never change anything.
    pub changed: bool,
    /// One sentence.
    pub summary: String,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// The ledger.
    pub losses: Vec<Loss>,
    /// The plan; commands that only read have none.
    pub plan: Option<Plan>,
    /// Claims with what was seen before and after.
    pub proof: Vec<Proof>,
    /// What the run cost.
    pub cost: Cost,
    /// Commands to run next.
    pub next: Vec<String>,
    /// `inspect`: how each service that was seen is restarted, and how it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub procedures: Vec<ServiceProcedure>,
    /// What belongs to one command only.
    #[serde(flatten)]
    pub body: Body,
}

/// The part of a report that one command alone has; its name is its key in JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// `restart`.
    Refusal(Refusal),
    /// `rehearse`.
    Rehearsal(Box<RehearsalBody>),
    /// `reload`.
    Reload(Box<ReloadBody>),
    /// `restart --break-glass`.
    Restart(Box<RestartBody>),
    /// `confirm ID`.
    Confirmation(Confirmation),
    /// `guard`.
    Guard(Box<GuardBody>),
    /// `inspect`: the facts as a snapshot that `--facts` takes back.
    Facts(Box<Facts>),
    /// `inspect --routes`: the facts, shown from this side.
    #[serde(rename = "facts")]
    Routes(Box<Facts>),
    /// `inspect --save`.
    Pins(PinsReport),
    /// `inspect --losses`.
    Ledger(LedgerSource),
    /// `check`.
    Verdict(CheckSummary),
    /// `history`, `config show`, `check --list`: rows under named columns.
    Table(ReportTable),
    /// `explain`.
    Explanation(Explanation),
    /// A command that ended before it had anything to show.
    Error(CommandError),
}

/// Why not, and what to do instead.
#[derive(Debug, Serialize)]
pub struct Refusal {
    /// The first line: refused, the operation, what and where.
    pub title: String,
    /// Why, as a paragraph.
    pub why: String,
    /// What could not be seen, each with the reason.
    pub unseen: Vec<String>,
    /// How the ledger was made; nothing where there was nothing to compare.
    pub compared_with: Option<String>,
    /// The safe ways.
    pub alternatives: Vec<RunbookStep>,
    /// The emergency path through haguard, where there is one.
    pub emergency: Option<RunbookStep>,
    /// The emergency path by hand, in order.
    pub by_hand: Vec<RunbookStep>,
    /// Other HAProxies of this host, which were not meant.
    pub others: Vec<String>,
    /// Another service that was asked for, and what is known of it; none where HAProxy was meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Box<ServiceLookup>>,
}

/// What a reload came to.
#[derive(Debug, Default, Serialize)]
pub struct ReloadBody {
    /// planned, asked, refused, declined, stale, interrupted, proven, failed, unproven, stopped or unknown.
    pub outcome: String,
    /// Why, as a paragraph; empty where the summary says it.
    pub why: String,
    /// What is not as it was when the plan was shown.
    pub moved: Vec<BasisChange>,
    /// The worker that serves after the act.
    pub worker: Option<u32>,
    /// For how long a listener was closed to clients, in milliseconds; none where nothing was done.
    pub refused_ms: Option<u64>,
    /// HAProxy's own start-up log of this reload.
    pub startup_log: Vec<String>,
    /// What is not proven.
    pub open: Vec<String>,
    /// What is worth saying and no failure.
    pub notes: Vec<String>,
    /// What became of each thing that was to be put back.
    pub returned: Vec<ReplayResult>,
    /// The steps that were finished.
    pub finished: Vec<String>,
    /// How the ledger was made, where a plan is shown.
    pub compared_with: Option<String>,
    /// The command that applies the plan.
    pub apply: Option<String>,
    /// How to judge by hand what could not be judged.
    pub by_hand: Vec<RunbookStep>,
    /// How it is confirmed, where it is undone otherwise.
    pub confirm: Option<ConfirmationRequest>,
}

/// What the ledger was made from.
#[derive(Debug, Serialize)]
pub struct LedgerSource {
    /// The files, and how they were learnt.
    pub compared_with: String,
}

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

/// Rows under named columns.
#[derive(Debug, Serialize)]
pub struct ReportTable {
    /// The columns' names.
    pub columns: Vec<&'static str>,
    /// The rows, a cell for each column.
    pub rows: Vec<Vec<String>>,
}

/// What `explain` says of one subject.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The subject.
    pub id: String,
    /// What it is, as a sentence that is true when all is well.
    pub title: String,
    /// Why it exists, by paragraph.
    pub text: Vec<String>,
}

/// What went wrong before there was anything to report.
#[derive(Debug, Serialize)]
pub struct CommandError {
    /// What, with its causes.
    pub message: String,
    /// What would mend it.
    pub mend: Option<String>,
}

impl Report {
    /// An empty report of a command that changed nothing.
    pub fn new(command: &str, exit: Exit, summary: impl Into<String>, body: Body) -> Self {
        Report {
            schema: SCHEMA,
            command: command.to_owned(),
            exit,
            changed: false,
            summary: summary.into(),
            findings: Vec::new(),
            losses: Vec::new(),
            plan: None,
            proof: Vec::new(),
            cost: Cost::default(),
            next: Vec::new(),
            procedures: Vec::new(),
            body,
        }
    }

    /// A command that ended before it had anything to show.
    pub fn failed(command: &str, failure: &Failure) -> Self {
        let body = Body::Error(CommandError { message: failure.to_string(), mend: failure.remedy.clone() });
        Report::new(command, failure.exit, failure.to_string(), body)
    }

    /// The same with the proof and the cost of the look that it rests on.
    #[must_use]
    pub fn with_facts(self, facts: &Facts) -> Self {
        Report { proof: facts.unchanged.seen().cloned().unwrap_or_default(), cost: facts.cost, ..self }
    }

    /// Writes it as people read it.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_text(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        text::write(self, out, paint)
    }

    /// Writes what runs as a file for people who come later; what is no such report is written as text.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_markdown(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        match &self.body {
            Body::Facts(facts) => format::markdown::write(facts, out),
            _ => self.write_text(out, paint),
        }
    }

    /// Writes what is not ok, a line each.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_short(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        format::short::write(self, out, paint)
    }

    /// Writes it as a JUnit report.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_junit(&self, out: &mut impl Write) -> io::Result<()> {
        format::junit::write(self, out)
    }

    /// Writes it as annotations of GitHub Actions.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_github(&self, out: &mut impl Write) -> io::Result<()> {
        format::github::write(self, out)
    }

    /// Writes it as a Nagios plugin does.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_nagios(&self, out: &mut impl Write) -> io::Result<()> {
        format::nagios::write(self, out)
    }

    /// The process status of a Nagios plugin: the only one that depends on the format.
    pub fn nagios_status(&self) -> u8 {
        format::nagios::status(self)
    }

    /// Writes it as one JSON document.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        format::json::write(self, out)
    }
}

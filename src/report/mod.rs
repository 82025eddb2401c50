//! The report: one model of what a command found, and several renderers that compute nothing.
//!
//! `body` has the data of each command, `text` renders it for people, `format` for programs.

mod body;
pub mod format;
pub mod text;

use std::io::{self, Write};

use serde::Serialize;

use crate::checks::Finding;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Cost, Facts, Proof};
use crate::plan::{Loss, Plan};

pub use body::{
    Body, CheckSummary, CommandError, Confirmation, ConfirmationRequest, Explanation, GuardBody,
    LedgerSource, ListenerDowntime, MatchedService, PinsReport, Refusal, RehearsalBody, ReloadBody,
    ReportTable, RestartBody, ServiceLookup, ServiceProcedure, Tally, WorkerCounts,
};
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
    /// Something was changed. Read-only and refused commands never change anything.
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

    /// The same with the proof that nothing changed and the cost of gathering these facts.
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

    /// Writes the facts as a DEPLOYMENT.md; any other report is written as text.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn write_markdown(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        match &self.body {
            Body::Facts(facts) => format::markdown::write(facts, out),
            _ => self.write_text(out, paint),
        }
    }

    /// Writes what is not ok, a line for each finding.
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

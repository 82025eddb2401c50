//! The part of a report that one command alone has: data only, serialized as it stands here.
//!
//! - `check`: `check`
//! - `confirmation`: `confirm`
//! - `guard`: `guard`
//! - `pins`: `inspect --save`
//! - `refusal`: a refused restart
//! - `rehearsal`: `rehearse`
//! - `reload`: `reload`
//! - `restart`: `restart --break-glass`
//! - `service`: services of the host

mod check;
mod confirmation;
mod guard;
mod pins;
mod refusal;
mod rehearsal;
mod reload;
mod restart;
mod service;

pub use check::{CheckSummary, Tally};
pub use confirmation::{Confirmation, ConfirmationRequest};
pub use guard::GuardBody;
pub use pins::PinsReport;
pub use refusal::Refusal;
pub use rehearsal::{RehearsalBody, WorkerCounts};
pub use reload::ReloadBody;
pub use restart::{ListenerDowntime, RestartBody};
pub use service::{MatchedService, ServiceLookup, ServiceProcedure};

use serde::Serialize;

use crate::facts::Facts;

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

/// What the ledger was made from.
#[derive(Debug, Serialize)]
pub struct LedgerSource {
    /// The files, and how they were learnt.
    pub compared_with: String,
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

/// A failure before there was anything to report.
#[derive(Debug, Serialize)]
pub struct CommandError {
    /// What, with its causes.
    pub message: String,
    /// What to do about it.
    pub mend: Option<String>,
}

//! Checks: pure judgements of facts. A check without the facts it needs is unknown, never a pass.
//!
//! - `arch`: `arch.*`: which HAProxy, who controls it, pins
//! - `catalog`: the table of all checks
//! - `config`: `config.*`: the files that the next worker would load
//! - `dp`: `dp.*`: the Data Plane API
//! - `guard`: `guard.*`: whether systemd refuses a manual restart
//! - `host`: `host.*`: libraries, needrestart, a freeze, another run
//! - `ignore`: findings that are ignored by decision
//! - `metrics`: numbers for a monitor
//! - `operations`: which checks an operation requires
//! - `proc`: `proc.*`: master, workers, versions and resources
//! - `reload`: `reload.*`: what a reload requires
//! - `restart`: `restart.*`: what a restart requires
//! - `runtime`: `runtime.*`: runtime-only state, from the ledger

/// Rows of the catalogue: `id, function, title, why;`.
macro_rules! checks {
    ($($id:literal, $run:path, $title:literal, $why:literal;)*) => {
        &[$(Check { id: $id, title: $title, why: $why, run: $run }),*]
    };
}

mod arch;
pub mod catalog;
mod config;
mod dp;
mod guard;
mod host;
mod ignore;
mod metrics;
mod operations;
mod proc;
mod reload;
mod restart;
mod runtime;
#[cfg(test)]
mod tests;

pub use guard::{GUARD_CHECKS, guard_findings, guard_ready};
pub use ignore::{Ignore, apply_ignores, not_ignorable};
pub use metrics::{Metric, metrics};
pub use operations::{OPERATIONS, Operation, operations_requiring};
pub use reload::RELOAD_CHECKS;
pub use reload::rollback::rollback;
pub use restart::RESTART_CHECKS;

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::facts::{Facts, Instance, Known};
use crate::known::Unknown;
use crate::plan::Ledger;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not judged, with the reason.
    Skipped,
    /// In order.
    Pass,
    /// A warning; stops nothing.
    Warn,
    /// Not known; blocks like a failure.
    Unknown,
    /// Failed.
    Fail,
}

impl Level {
    /// A warning, unknown or a failure.
    pub fn is_notable(self) -> bool {
        !matches!(self, Level::Pass | Level::Skipped)
    }

    /// The word that text shows; never colour alone.
    pub fn label(self) -> &'static str {
        match self {
            Level::Skipped => "skip",
            Level::Pass => "ok",
            Level::Warn => "warn",
            Level::Unknown => "unknown",
            Level::Fail => "FAIL",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's id; stable.
    pub id: String,
    /// Its result.
    pub level: Level,
    /// What was found, as one sentence without a full stop.
    pub text: String,
    /// The facts that led to the result.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub mend: Option<String>,
    /// The source and the reason of an `ignore` entry: the finding is then a warning at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored_by: Option<String>,
}

/// A finding without its id.
#[derive(Debug)]
struct Judgement {
    level: Level,
    text: String,
    evidence: Vec<String>,
    mend: Option<String>,
}

impl Judgement {
    fn new(level: Level, text: impl Into<String>) -> Self {
        Judgement { level, text: text.into(), evidence: Vec::new(), mend: None }
    }

    fn pass(text: impl Into<String>) -> Self {
        Self::new(Level::Pass, text)
    }

    fn warn(text: impl Into<String>) -> Self {
        Self::new(Level::Warn, text)
    }

    fn fail(text: impl Into<String>) -> Self {
        Self::new(Level::Fail, text)
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::new(Level::Unknown, why)
    }

    fn skipped(why: impl Into<String>) -> Self {
        Self::new(Level::Skipped, why)
    }

    fn with_evidence(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    fn with_remedy(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    fn into_finding(self, id: &str) -> Finding {
        let Judgement { level, text, evidence, mend } = self;
        Finding { id: id.to_owned(), level, text, evidence, mend, ignored_by: None }
    }
}

impl From<Unknown> for Judgement {
    fn from(unknown: Unknown) -> Self {
        Judgement::unknown(unknown.why)
    }
}

/// A fact that was not seen ends a check: its reason becomes the finding.
type CheckResult = Result<Judgement, Unknown>;

/// What every check sees.
#[derive(Debug, Clone, Copy)]
struct CheckContext<'a> {
    facts: &'a Facts,
    ledger: &'a Ledger,
}

impl<'a> CheckContext<'a> {
    fn instance(&self) -> Result<&'a Instance, Unknown> {
        self.facts.instance.get()
    }
}

const START_WITH_MASTER: &str = "start it with -W and a master socket: -S /run/haproxy-master.sock";

fn describe_failed_reloads(count: u32) -> String {
    match count {
        1 => "the last reload failed".to_owned(),
        many => format!("the last {many} reloads failed"),
    }
}

fn describe_argv(instance: &Instance) -> String {
    format!("argv: {}", instance.main.argv.join(" "))
}

/// The PIDs that belong to this instance: its main process, and its workers, old ones included.
fn own_pids(instance: &Instance) -> Vec<u32> {
    let lists = [&instance.workers, &instance.old_workers];
    let workers = lists.into_iter().filter_map(Known::seen).flatten().map(|worker| worker.pid);
    workers.chain(instance.serving.seen().copied()).chain([instance.main.pid]).collect()
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Stable id, `group.name`.
    pub id: &'static str,
    /// A sentence that is true when the check passes.
    pub title: &'static str,
    /// Why the check exists, for `explain`.
    pub why: &'static str,
    run: fn(CheckContext<'_>) -> CheckResult,
}

impl Check {
    /// What it is about: the part of its id before the dot.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

/// Runs the checks of these ids, or all that belong to no single operation when none is named, in the order of the
/// catalogue.
pub fn run_checks(facts: &Facts, ledger: &Ledger, ids: &[&str]) -> Vec<Finding> {
    let restarted = facts.after_unit_start();
    let run = |check: &Check| {
        let facts = if check.group() == "restart" { &restarted } else { facts };
        let outcome = (check.run)(CheckContext { facts, ledger });
        outcome.unwrap_or_else(Judgement::from).into_finding(check.id)
    };
    let named = |check: &Check| ids.contains(&check.id);
    let general =
        |check: &Check| ids.is_empty() && catalog::general_checks().any(|other| other.id == check.id);
    let wanted = |check: &&Check| named(check) || general(check);
    catalog::all_checks().filter(wanted).map(run).collect()
}

/// The checks of the configuration that would be loaded.
pub const REHEARSE_CHECKS: &[&str] = &["config.rehearsal", "config.test-same-argv", "config.new-binds-free"];

/// The checks that have no result before the next worker is rehearsed.
pub const NEEDS_REHEARSAL: &[&str] = &["config.rehearsal", "restart.cold-start"];

/// The exit code of a set of findings: a failure outweighs what is unknown, a warning stops nothing.
pub fn exit_code(findings: &[Finding]) -> Exit {
    match findings.iter().map(|finding| finding.level).max() {
        Some(Level::Fail) => Exit::Refused,
        Some(Level::Unknown) => Exit::Unknown,
        _ => Exit::Done,
    }
}

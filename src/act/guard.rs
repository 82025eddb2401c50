//! The guard comes or goes: the file, then systemd, then the proof; undone by itself where anything else is different.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::consent::ClearedPlan;
use super::operation::{OperationContext, Outcome};
use super::steps::{self, StepExecutor};
use crate::clearance::Clearance;
use crate::clients::systemd::{actions, drop_in};
use crate::facts::Proof;
use crate::facts::guard::{DropIn, GuardFacts};
use crate::gather;
use crate::plan::guard::{GuardChange, basis, unrelated_changes};
use crate::plan::{Action, BasisChange, Step};
use crate::timeouts;
use crate::wire::systemd::guard_drop_in as text;

/// The result of a change of the guard.
#[derive(Debug)]
pub struct GuardChangeResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it is not proven, as a sentence fragment; empty where it is, or nothing was done.
    pub why: String,
    /// Claims with what was seen before and after.
    pub proof: Vec<Proof>,
    /// The facts gathered afterwards.
    pub after: Option<GuardFacts>,
    /// Files written or removed, and orders to systemd.
    pub writes: u32,
}

impl GuardChangeResult {
    /// Nothing was done, for this reason.
    pub fn not_applied(ended: Outcome) -> Self {
        GuardChangeResult { outcome: ended, why: String::new(), proof: Vec::new(), after: None, writes: 0 }
    }

    /// A step of it is in the journal.
    pub fn is_journaled(&self) -> bool {
        matches!(self.outcome, Outcome::Proven | Outcome::Unproven) || self.writes > 0
    }
}

/// Installs or removes the guard, as the steps of the plan say.
pub fn apply(
    cleared: ClearedPlan<'_>,
    kind: GuardChange,
    before: &GuardFacts,
    run: &OperationContext<'_>,
) -> GuardChangeResult {
    let changes = match gather::guard(&before.unit, timeouts::SERVICE_QUERY) {
        Ok(now) => cleared.plan().basis.changes_since(&basis(&now)),
        Err(error) => return GuardChangeResult::not_applied(Outcome::PreparationFailed(error)),
    };
    if !changes.is_empty() {
        return GuardChangeResult::not_applied(Outcome::StateChanged(changes));
    }
    if let Some(signal) = run.interrupts.stop_signal() {
        return GuardChangeResult::not_applied(Outcome::Interrupted(signal));
    }
    if let Err(error) = run.steps.begin(kind.operation()) {
        return GuardChangeResult::not_applied(Outcome::JournalFailed(error));
    }
    let clearance = cleared.clearance();
    let drop_in = GuardFile { before, clearance };
    let mut executor = GuardExecutor { kind, drop_in, writes: 0, failed: None, verified: None };
    steps::execute_plan(cleared.plan(), &mut executor);
    let GuardExecutor { mut writes, failed, verified, .. } = executor;
    let unverified = || "the plan has no step that verifies it".to_owned();
    let (outcome, why, after) = match (failed, verified) {
        (None, Some(after)) => (Outcome::Proven, String::new(), Some(after)),
        (failed, _) => drop_in.revert(failed.unwrap_or_else(unverified), &mut writes),
    };
    run.steps.end(kind.operation(), &journal_result(&outcome, &why));
    let proof = after.as_ref().map(|after| unit_proof(before, after)).unwrap_or_default();
    GuardChangeResult { outcome, why, proof, after, writes }
}

/// Carries out the steps of a change of the guard.
struct GuardExecutor<'a> {
    kind: GuardChange,
    drop_in: GuardFile<'a>,
    /// Files written or removed, and orders to systemd.
    writes: u32,
    /// Why it is not as the plan says.
    failed: Option<String>,
    /// What was seen when it was verified.
    verified: Option<GuardFacts>,
}

impl StepExecutor for GuardExecutor<'_> {
    fn execute(&mut self, step: &Step) -> ControlFlow<()> {
        let GuardFile { before, clearance } = self.drop_in;
        let done = match (step.action, &before.file) {
            (Action::WriteDropIn, _) => self.drop_in.write(None, &mut self.writes),
            (Action::RemoveDropIn, DropIn::Unmodified { folder_made }) => {
                self.drop_in.remove(*folder_made, &mut self.writes)
            }
            (Action::DaemonReload, _) => {
                self.writes += 1;
                actions::daemon_reload(timeouts::DAEMON_RELOAD, clearance)
            }
            (Action::Verify, _) => self.verify(),
            _ => Ok(()),
        };
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(format!("{error:#}"));
                ControlFlow::Break(())
            }
        }
    }
}

impl GuardExecutor<'_> {
    fn verify(&mut self) -> Result<()> {
        let before = self.drop_in.before;
        let after = gather::guard(&before.unit, timeouts::SERVICE_QUERY)?;
        if let Some(why) = find_deviation(self.kind, before, &after) {
            bail!(why);
        }
        self.verified = Some(after);
        Ok(())
    }
}

/// The file of the guard, with the clearance to change it.
#[derive(Clone, Copy)]
struct GuardFile<'a> {
    before: &'a GuardFacts,
    clearance: &'a Clearance,
}

impl GuardFile<'_> {
    /// Writes the file; into a folder of its own where there was none, which the file says of itself.
    fn write(self, folder_made: Option<bool>, writes: &mut u32) -> Result<()> {
        let GuardFile { before, clearance } = self;
        let path = Path::new(&before.path);
        let made = drop_in::make_folder(path, clearance)?;
        *writes += 1;
        let written = drop_in::write(path, &text::render(folder_made.unwrap_or(made)), clearance);
        if written.is_err() && made {
            let _ = path.parent().map(std::fs::remove_dir);
        }
        written
    }

    /// Removes it, if it is still what haguard wrote.
    fn remove(self, folder: bool, writes: &mut u32) -> Result<()> {
        let GuardFile { before, clearance } = self;
        let path = Path::new(&before.path);
        let found = std::fs::read_to_string(path).with_context(|| format!("reading {}", before.path))?;
        anyhow::ensure!(
            text::origin(&found) == text::DropInOrigin::Unmodified,
            "{} is not haguard's any more",
            before.path
        );
        *writes += 1;
        drop_in::remove(path, folder, clearance)
    }

    /// Makes the file what it was before, and proves that the unit is.
    fn revert(self, why: String, writes: &mut u32) -> (Outcome, String, Option<GuardFacts>) {
        let GuardFile { before, clearance } = self;
        let back = (|| {
            let now = gather::guard(&before.unit, timeouts::SERVICE_QUERY)?;
            match (&before.file, &now.file) {
                (DropIn::Absent, DropIn::Unmodified { folder_made }) => {
                    GuardFile { before: &now, clearance }.remove(*folder_made, writes)?
                }
                (DropIn::Unmodified { folder_made }, DropIn::Absent) => {
                    self.write(Some(*folder_made), writes)?
                }
                _ => {}
            }
            *writes += 1;
            actions::daemon_reload(timeouts::DAEMON_RELOAD, clearance)?;
            gather::guard(&before.unit, timeouts::SERVICE_QUERY)
        })();
        match back {
            Ok(now) => {
                let left = basis(before).changes_since(&basis(&now));
                let left: Vec<String> = left.iter().map(BasisChange::to_string).collect();
                match left.is_empty() {
                    true => (Outcome::Failed, why, Some(now)),
                    false => {
                        let why = format!("{why}; it was taken back, and still: {}", left.join("; "));
                        (Outcome::Unproven, why, Some(now))
                    }
                }
            }
            Err(error) => {
                (Outcome::Unproven, format!("{why}; and it could not be taken back: {error:#}"), None)
            }
        }
    }
}

/// What is not as the plan says; none where all is.
fn find_deviation(kind: GuardChange, before: &GuardFacts, after: &GuardFacts) -> Option<String> {
    let others: Vec<String> = unrelated_changes(before, after).iter().map(BasisChange::to_string).collect();
    if !others.is_empty() {
        return Some(format!("something else came out different: {}", others.join("; ")));
    }
    if after.needs_daemon_reload() {
        return Some("another process changed a file of the unit meanwhile".to_owned());
    }
    match kind {
        GuardChange::Install if !kind.is_done(after) => {
            Some(format!("the guard is {}", after.status().describe()))
        }
        GuardChange::Remove if !kind.is_done(after) => Some(format!("{} is there again", after.path)),
        _ => None,
    }
}

fn journal_result(outcome: &Outcome, why: &str) -> String {
    match outcome {
        Outcome::Proven => "done and proven".to_owned(),
        Outcome::Failed => format!("as before: {why}"),
        Outcome::Unproven => why.to_owned(),
        _ => "nothing was done".to_owned(),
    }
}

/// The settings that make the guard, and everything else as one claim.
fn unit_proof(before: &GuardFacts, after: &GuardFacts) -> Vec<Proof> {
    let source = || format!("systemctl show {}", before.unit);
    let value = |facts: &GuardFacts, name: &str| match facts.shown.get(name) {
        "" => "none".to_owned(),
        set => set.to_owned(),
    };
    let mut list: Vec<Proof> = ["RefuseManualStop", "DropInPaths", "UnitFileState", "MainPID"]
        .map(|name| Proof {
            claim: name.to_owned(),
            before: value(before, name),
            after: value(after, name),
            source: source(),
        })
        .to_vec();
    let digest =
        |facts: &GuardFacts| gather::md5_hex(format!("{:?}", facts.preserved_properties()).as_bytes());
    list.push(Proof {
        claim: "how it is started and reloaded".to_owned(),
        before: format!("md5 {}", digest(before)),
        after: format!("md5 {}", digest(after)),
        source: source(),
    });
    list
}

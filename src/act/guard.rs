//! The guard comes or goes: the file, then systemd, then the proof; undone by itself where anything else is different.

use std::path::Path;

use anyhow::{Context, Result};

use super::consent::Clearance;
use super::signals::Interrupts;
use crate::clients::systemd::{actions, drop_in};
use crate::facts::Proof;
use crate::facts::guard::{DropIn, GuardFacts};
use crate::gather;
use crate::plan::BasisChange;
use crate::plan::guard::{GuardChange, basis, unrelated_changes};
use crate::state::journal_steps::StepJournal;
use crate::timeouts;
use crate::wire::systemd::guard_drop_in as text;

/// How it ended.
#[derive(Debug)]
pub enum GuardOutcome {
    /// Done and proven.
    Proven,
    /// It failed, or something else came out different; all is proven to be as before.
    Reverted(String),
    /// Something is changed, and could not be proven or undone.
    Unproven(String),
    /// systemd does not say how the unit stands now; nothing was done.
    UnitUnknown(String),
    /// The world moved in the last moment; nothing was done.
    StateChanged(Vec<BasisChange>),
    /// A signal asked to stop before anything was done.
    Interrupted(&'static str),
    /// The journal cannot be written, so nothing was done.
    JournalFailed(anyhow::Error),
}

/// What the act left.
#[derive(Debug)]
pub struct GuardChangeResult {
    /// How it ended.
    pub outcome: GuardOutcome,
    /// Claims with what was seen before and after.
    pub proof: Vec<Proof>,
    /// The look afterwards.
    pub after: Option<GuardFacts>,
    /// Files written or removed, and orders to systemd.
    pub writes: u32,
}

impl GuardChangeResult {
    /// Nothing was done, for this reason.
    pub fn not_applied(ended: GuardOutcome) -> Self {
        GuardChangeResult { outcome: ended, proof: Vec::new(), after: None, writes: 0 }
    }

    /// A step of it stands in the journal.
    pub fn is_journaled(&self) -> bool {
        matches!(self.outcome, GuardOutcome::Proven | GuardOutcome::Unproven(_)) || self.writes > 0
    }
}

/// Makes the guard come or go, as the plan says.
pub fn apply(
    clearance: Clearance<'_>,
    kind: GuardChange,
    before: &GuardFacts,
    interrupts: &Interrupts,
    steps: &StepJournal,
) -> GuardChangeResult {
    let moved = match gather::guard(&before.unit, timeouts::SERVICE_QUERY) {
        Ok(now) => clearance.plan().basis.changes_since(&basis(&now)),
        Err(error) => {
            return GuardChangeResult::not_applied(GuardOutcome::UnitUnknown(format!(
                "Nothing was done: {error:#}."
            )));
        }
    };
    if !moved.is_empty() {
        return GuardChangeResult::not_applied(GuardOutcome::StateChanged(moved));
    }
    if let Some(signal) = interrupts.stop_signal() {
        return GuardChangeResult::not_applied(GuardOutcome::Interrupted(signal));
    }
    if let Err(error) = steps.begin(kind.operation()) {
        return GuardChangeResult::not_applied(GuardOutcome::JournalFailed(error));
    }
    let mut writes = 0;
    let done = change_drop_in(kind, before, &mut writes)
        .and_then(|()| gather::guard(&before.unit, timeouts::SERVICE_QUERY));
    let wrong = match &done {
        Ok(after) => find_deviation(kind, before, after),
        Err(error) => Some(format!("{error:#}")),
    };
    let (ended, after) = match (wrong, done) {
        (None, after) => (GuardOutcome::Proven, after.ok()),
        (Some(why), _) => revert(before, why, &mut writes),
    };
    steps.end(kind.operation(), &journal_result(&ended));
    let proof = after.as_ref().map(|after| unit_proof(before, after)).unwrap_or_default();
    GuardChangeResult { outcome: ended, proof, after, writes }
}

fn change_drop_in(kind: GuardChange, before: &GuardFacts, writes: &mut u32) -> Result<()> {
    match (kind, &before.file) {
        (GuardChange::Install, DropIn::Absent) => write_drop_in(before, None, writes)?,
        (GuardChange::Remove, DropIn::Unmodified { folder_made }) => {
            remove_drop_in(before, *folder_made, writes)?
        }
        _ => {}
    }
    *writes += 1;
    actions::daemon_reload(timeouts::DAEMON_RELOAD)
}

/// Writes the file; into a folder of its own where there was none, which the file says of itself.
fn write_drop_in(before: &GuardFacts, folder_made: Option<bool>, writes: &mut u32) -> Result<()> {
    let path = Path::new(&before.path);
    let made = drop_in::make_folder(path)?;
    *writes += 1;
    let written = drop_in::write(path, &text::render(folder_made.unwrap_or(made)));
    if written.is_err() && made {
        let _ = path.parent().map(std::fs::remove_dir);
    }
    written
}

/// Removes it, if it is still what haguard wrote.
fn remove_drop_in(before: &GuardFacts, folder: bool, writes: &mut u32) -> Result<()> {
    let path = Path::new(&before.path);
    let found = std::fs::read_to_string(path).with_context(|| format!("reading {}", before.path))?;
    anyhow::ensure!(
        text::origin(&found) == text::DropInOrigin::Unmodified,
        "{} is not haguard's any more",
        before.path
    );
    *writes += 1;
    drop_in::remove(path, folder)
}

/// What is not as the plan says; none where all is.
fn find_deviation(kind: GuardChange, before: &GuardFacts, after: &GuardFacts) -> Option<String> {
    let others: Vec<String> = unrelated_changes(before, after).iter().map(BasisChange::to_string).collect();
    if !others.is_empty() {
        return Some(format!("something else came out different: {}", others.join("; ")));
    }
    if after.needs_daemon_reload() {
        return Some("somebody else wrote a file of the unit meanwhile".to_owned());
    }
    match kind {
        GuardChange::Install if !kind.is_done(after) => {
            Some(format!("the guard is {}", after.status().describe()))
        }
        GuardChange::Remove if !kind.is_done(after) => Some(format!("{} is there again", after.path)),
        _ => None,
    }
}

/// Makes the file what it was before, and proves that the unit is.
fn revert(before: &GuardFacts, why: String, writes: &mut u32) -> (GuardOutcome, Option<GuardFacts>) {
    let back = (|| {
        let now = gather::guard(&before.unit, timeouts::SERVICE_QUERY)?;
        match (&before.file, &now.file) {
            (DropIn::Absent, DropIn::Unmodified { folder_made }) => {
                remove_drop_in(&now, *folder_made, writes)?
            }
            (DropIn::Unmodified { folder_made }, DropIn::Absent) => {
                write_drop_in(before, Some(*folder_made), writes)?
            }
            _ => {}
        }
        *writes += 1;
        actions::daemon_reload(timeouts::DAEMON_RELOAD)?;
        gather::guard(&before.unit, timeouts::SERVICE_QUERY)
    })();
    match back {
        Ok(now) => {
            let left = basis(before).changes_since(&basis(&now));
            let left: Vec<String> = left.iter().map(BasisChange::to_string).collect();
            match left.is_empty() {
                true => (GuardOutcome::Reverted(why), Some(now)),
                false => (
                    GuardOutcome::Unproven(format!(
                        "{why}; it was taken back, and still: {}",
                        left.join("; ")
                    )),
                    Some(now),
                ),
            }
        }
        Err(error) => {
            (GuardOutcome::Unproven(format!("{why}; and it could not be taken back: {error:#}")), None)
        }
    }
}

fn journal_result(ended: &GuardOutcome) -> String {
    match ended {
        GuardOutcome::Proven => "done and proven".to_owned(),
        GuardOutcome::Reverted(why) => format!("as before: {why}"),
        GuardOutcome::Unproven(why) => why.clone(),
        GuardOutcome::UnitUnknown(_)
        | GuardOutcome::StateChanged(_)
        | GuardOutcome::Interrupted(_)
        | GuardOutcome::JournalFailed(_) => "nothing was done".to_owned(),
    }
}

/// The settings that make the guard, and everything else as one claim.
fn unit_proof(before: &GuardFacts, after: &GuardFacts) -> Vec<Proof> {
    let source = || format!("systemctl show {}", before.unit);
    let value = |facts: &GuardFacts, name: &str| match facts.shown.get(name) {
        "" => "none".to_owned(),
        said => said.to_owned(),
    };
    let mut list: Vec<Proof> = ["RefuseManualStop", "DropInPaths", "UnitFileState", "MainPID"]
        .map(|name| Proof {
            claim: name.to_owned(),
            before: value(before, name),
            after: value(after, name),
            source: source(),
        })
        .to_vec();
    let said = |facts: &GuardFacts| gather::md5_hex(format!("{:?}", facts.preserved_properties()).as_bytes());
    list.push(Proof {
        claim: "how it is started and reloaded".to_owned(),
        before: format!("md5 {}", said(before)),
        after: format!("md5 {}", said(after)),
        source: source(),
    });
    list
}

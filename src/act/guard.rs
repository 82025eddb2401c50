//! The guard comes or goes: the file, then systemd, then the proof; undone by itself where anything else is different.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::consent::Clearance;
use super::signals::Interrupts;
use crate::clients::systemd::{actions, drop_in};
use crate::facts::Proof;
use crate::facts::guard::{DropIn, GuardFacts};
use crate::gather;
use crate::plan::Moved;
use crate::plan::guard::{Order, basis, otherwise};
use crate::state::journal_steps::Steps;
use crate::wire::systemd::guard_drop_in as text;

/// A host with thousands of units takes seconds to read them again; one that takes longer than this is in trouble.
const DAEMON_RELOAD: Duration = Duration::from_secs(90);
/// How long systemd may take to tell about one unit.
const SHOW: Duration = Duration::from_secs(10);

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// Done and proven.
    Proven,
    /// It failed, or something else came out different; all is proven to be as before.
    Undone(String),
    /// Something is changed, and could not be proven or undone.
    Unproven(String),
    /// systemd does not say how the unit stands now; nothing was done.
    Unknown(String),
    /// The world moved in the last moment; nothing was done.
    Moved(Vec<Moved>),
    /// A signal asked to stop before anything was done.
    Interrupted(&'static str),
    /// The journal cannot be written, so nothing was done.
    Unrecorded(anyhow::Error),
}

/// What the act left.
#[derive(Debug)]
pub struct Done {
    /// How it ended.
    pub ended: Ended,
    /// Claims with what was seen before and after.
    pub proof: Vec<Proof>,
    /// The look afterwards.
    pub after: Option<GuardFacts>,
    /// Files written or removed, and orders to systemd.
    pub writes: u32,
}

impl Done {
    /// Nothing was done, for this reason.
    pub fn nothing(ended: Ended) -> Self {
        Done { ended, proof: Vec::new(), after: None, writes: 0 }
    }

    /// A step of it stands in the journal.
    pub fn recorded(&self) -> bool {
        matches!(self.ended, Ended::Proven | Ended::Unproven(_)) || self.writes > 0
    }
}

/// Makes the guard come or go, as the plan says.
pub fn guard(
    clearance: Clearance<'_>,
    kind: Order,
    before: &GuardFacts,
    interrupts: &Interrupts,
    steps: &Steps,
) -> Done {
    let moved = match gather::guard(&before.unit, SHOW) {
        Ok(now) => clearance.plan().basis.moved(&basis(&now)),
        Err(error) => {
            return Done::nothing(Ended::Unknown(format!("Nothing was done: {error:#}.")));
        }
    };
    if !moved.is_empty() {
        return Done::nothing(Ended::Moved(moved));
    }
    if let Some(signal) = interrupts.stop() {
        return Done::nothing(Ended::Interrupted(signal));
    }
    if let Err(error) = steps.begin(kind.operation()) {
        return Done::nothing(Ended::Unrecorded(error));
    }
    let mut writes = 0;
    let done = order(kind, before, &mut writes).and_then(|()| gather::guard(&before.unit, SHOW));
    let wrong = match &done {
        Ok(after) => wrong(kind, before, after),
        Err(error) => Some(format!("{error:#}")),
    };
    let (ended, after) = match (wrong, done) {
        (None, after) => (Ended::Proven, after.ok()),
        (Some(why), _) => undone(before, why, &mut writes),
    };
    steps.end(kind.operation(), &told(&ended));
    let proof = after.as_ref().map(|after| proof(before, after)).unwrap_or_default();
    Done { ended, proof, after, writes }
}

fn order(kind: Order, before: &GuardFacts, writes: &mut u32) -> Result<()> {
    match (kind, &before.file) {
        (Order::Install, DropIn::Absent) => write(before, None, writes)?,
        (Order::Remove, DropIn::Ours { folder_made }) => remove(before, *folder_made, writes)?,
        _ => {}
    }
    *writes += 1;
    actions::daemon_reload(DAEMON_RELOAD)
}

/// Writes the file; into a folder of its own where there was none, which the file says of itself.
fn write(before: &GuardFacts, folder_made: Option<bool>, writes: &mut u32) -> Result<()> {
    let path = Path::new(&before.path);
    let made = drop_in::make_folder(path)?;
    *writes += 1;
    let written = drop_in::write(path, &text::text(folder_made.unwrap_or(made)));
    if written.is_err() && made {
        let _ = path.parent().map(std::fs::remove_dir);
    }
    written
}

/// Removes it, if it is still what haguard wrote.
fn remove(before: &GuardFacts, folder: bool, writes: &mut u32) -> Result<()> {
    let path = Path::new(&before.path);
    let found = std::fs::read_to_string(path).with_context(|| format!("reading {}", before.path))?;
    anyhow::ensure!(text::whose(&found) == text::Whose::Ours, "{} is not haguard's any more", before.path);
    *writes += 1;
    drop_in::remove(path, folder)
}

/// What is not as the plan says; none where all is.
fn wrong(kind: Order, before: &GuardFacts, after: &GuardFacts) -> Option<String> {
    let others: Vec<String> = otherwise(before, after).iter().map(Moved::to_string).collect();
    if !others.is_empty() {
        return Some(format!("something else came out different: {}", others.join("; ")));
    }
    if after.needs_daemon_reload() {
        return Some("somebody else wrote a file of the unit meanwhile".to_owned());
    }
    match kind {
        Order::Install if !kind.is_done(after) => Some(format!("the guard is {}", after.stand().words())),
        Order::Remove if !kind.is_done(after) => Some(format!("{} is there again", after.path)),
        _ => None,
    }
}

/// Makes the file what it was before, and proves that the unit is.
fn undone(before: &GuardFacts, why: String, writes: &mut u32) -> (Ended, Option<GuardFacts>) {
    let back = (|| {
        let now = gather::guard(&before.unit, SHOW)?;
        match (&before.file, &now.file) {
            (DropIn::Absent, DropIn::Ours { folder_made }) => remove(&now, *folder_made, writes)?,
            (DropIn::Ours { folder_made }, DropIn::Absent) => write(before, Some(*folder_made), writes)?,
            _ => {}
        }
        *writes += 1;
        actions::daemon_reload(DAEMON_RELOAD)?;
        gather::guard(&before.unit, SHOW)
    })();
    match back {
        Ok(now) => {
            let left = basis(before).moved(&basis(&now));
            let left: Vec<String> = left.iter().map(Moved::to_string).collect();
            match left.is_empty() {
                true => (Ended::Undone(why), Some(now)),
                false => (
                    Ended::Unproven(format!("{why}; it was taken back, and still: {}", left.join("; "))),
                    Some(now),
                ),
            }
        }
        Err(error) => (Ended::Unproven(format!("{why}; and it could not be taken back: {error:#}")), None),
    }
}

fn told(ended: &Ended) -> String {
    match ended {
        Ended::Proven => "done and proven".to_owned(),
        Ended::Undone(why) => format!("as before: {why}"),
        Ended::Unproven(why) => why.clone(),
        Ended::Unknown(_) | Ended::Moved(_) | Ended::Interrupted(_) | Ended::Unrecorded(_) => {
            "nothing was done".to_owned()
        }
    }
}

/// The settings that make the guard, and everything else as one claim.
fn proof(before: &GuardFacts, after: &GuardFacts) -> Vec<Proof> {
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
    let said = |facts: &GuardFacts| gather::md5(format!("{:?}", facts.shape()).as_bytes());
    list.push(Proof {
        claim: "how it is started and reloaded".to_owned(),
        before: format!("md5 {}", said(before)),
        after: format!("md5 {}", said(after)),
        source: source(),
    });
    list
}

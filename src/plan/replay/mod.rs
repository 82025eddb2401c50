//! Runtime state that a reload lost, and the steps to restore it: a pure function of the state of the old and the new
//! worker, and of what is known of the configuration that the old one had loaded.
//!
//! Only what was set at run time is put back, never what an edit of the files changed. Where the two cannot be told
//! apart, the item says so, and nothing is done.
//!
//! - `certificates`: certificates and stick tables
//! - `list_diff`: the fewest changes from one list to another
//! - `lists`: map and ACL entries
//! - `preview`: what would be put back, before the reload
//! - `result`: the result of each item
//! - `servers`: servers

mod certificates;
mod list_diff;
mod lists;
mod preview;
mod result;
mod servers;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::facts::runtime_state::RuntimeServer;
use crate::facts::{Known, LoadedConfig, PatternKind, RuntimeState, ServerAdminState};
use crate::secret::Secret;

pub use self::preview::{ReplayPreview, preview_replay};
use super::losses::LossKind;
pub use list_diff::ListEdit;
pub use result::ReplayResult;

/// One step to restore runtime state. `Debug` shows no value of a list and no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayStep {
    /// A server, by backend and name.
    Server {
        /// Its backend.
        backend: String,
        /// Its name.
        server: String,
        /// What to do with it.
        change: ServerStep,
    },
    /// Entries of a list.
    Entries {
        /// Map or ACL.
        kind: PatternKind,
        /// The list's number in the new worker.
        id: u32,
        /// The single changes; `None` where only the whole list restores the order.
        edits: Option<Vec<ListEdit>>,
        /// The whole list of the old worker.
        whole: Vec<(Secret, Option<Secret>)>,
    },
    /// A certificate with its key, under a name that the new worker has.
    Certificate {
        /// Its name.
        name: String,
        /// The certificate, its chain and its key.
        pem: Secret,
    },
}

/// What to do with one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerStep {
    /// Set its administrative state.
    State(ServerAdminState),
    /// Let it take traffic, and mark it as down at once: a server that leaves maintenance counts as up until its checks
    /// have failed, and this one was down.
    ReadyDown,
    /// Set the weight that the operator sees.
    Weight(u32),
    /// Set its address; the port only where it differs.
    Address(String, Option<u16>),
    /// Send its checks to another address.
    CheckAddress(String),
    /// Send its checks to another port.
    CheckPort(u16),
    /// Send its agent check to another address, and port.
    Agent(String, Option<u16>),
    /// Switch its checks on or off.
    Checks(bool),
    /// Switch its agent check on or off.
    AgentCheck(bool),
    /// Add it; it starts in maintenance.
    Add(Box<RuntimeServer>),
    /// Delete it; it has to be in maintenance.
    Delete,
}

/// Whether one difference can be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayVerdict {
    /// These steps restore it, in this order.
    Restore(Vec<ReplayStep>),
    /// It cannot be restored, or it is not known whether it should be; with the reason and the remedy.
    NotRestorable(String),
}

/// One difference between the workers that was, or may have been, set at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayItem {
    /// Its kind in the ledger.
    pub kind: LossKind,
    /// Its name in HAProxy.
    pub object: String,
    /// The part that differs: one server can have a state, checks and an address.
    pub what: &'static str,
    /// The particulars, as a sentence fragment without any value of a list.
    pub detail: String,
    /// Whether it can be restored.
    pub verdict: ReplayVerdict,
}

/// The whole replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Everything that differs and was, or may have been, set at run time.
    pub items: Vec<ReplayItem>,
}

/// Computes the steps that restore the old worker's runtime state in the new one. A part that could not be read
/// becomes an item that says so. Empty where there is nothing to do.
pub fn replay(old: &RuntimeState, new: &RuntimeState, loaded: &LoadedConfig) -> Replay {
    let mut items = Vec::new();
    let gone = servers::removed_backends(old, new, loaded, &mut items);
    servers::add_items(old, new, loaded, &gone, &mut items);
    lists::add_items(old, new, loaded, &gone, &mut items);
    certificates::add_items(old, new, loaded, &mut items);
    certificates::add_stick_table_items(old, &mut items);
    Replay { items }
}

/// Names of backends that the new worker does not have.
type RemovedBackends = BTreeSet<String>;

impl Replay {
    /// Every step with the number of its item, in a safe order: steps that keep traffic away come before steps that
    /// admit it, and map entries, which lead to backends, come last.
    pub fn ordered_steps(&self) -> Vec<(usize, &ReplayStep)> {
        let mut all = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let ReplayVerdict::Restore(steps) = &item.verdict else { continue };
            let mut phase = 0;
            for (nth, step) in steps.iter().enumerate() {
                // A later step of one item never overtakes an earlier one; the same steps of many items stand together.
                phase = phase.max(step.phase());
                all.push(((phase, nth, number), step));
            }
        }
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|((_, _, number), step)| (number, step)).collect()
    }

    /// The same as a preview, for a next worker that was rehearsed.
    pub fn previews(&self) -> Vec<ReplayPreview> {
        self.items.iter().map(ReplayPreview::from_item).collect()
    }
}

impl ReplayStep {
    fn phase(&self) -> u8 {
        match self {
            ReplayStep::Server { change, .. } => match change {
                ServerStep::State(ServerAdminState::Maint | ServerAdminState::Drain)
                | ServerStep::Weight(0)
                | ServerStep::Delete => 0,
                // HAProxy refuses to set the address of checks that are disabled.
                ServerStep::State(ServerAdminState::Ready)
                | ServerStep::ReadyDown
                | ServerStep::Checks(false)
                | ServerStep::AgentCheck(false) => 3,
                _ => 2,
            },
            // An ACL often decides who is denied.
            ReplayStep::Entries { kind: PatternKind::Acl, .. } | ReplayStep::Certificate { .. } => 1,
            ReplayStep::Entries { kind: PatternKind::Map, .. } => 4,
        }
    }
}

impl ReplayItem {
    fn restorable(
        kind: LossKind,
        object: String,
        what: &'static str,
        detail: String,
        steps: Vec<ReplayStep>,
    ) -> Self {
        ReplayItem { kind, object, what, detail, verdict: ReplayVerdict::Restore(steps) }
    }

    fn not_restorable(
        kind: LossKind,
        object: String,
        what: &'static str,
        detail: String,
        why: String,
    ) -> Self {
        ReplayItem { kind, object, what, detail, verdict: ReplayVerdict::NotRestorable(why) }
    }
}

/// The state of both workers, or an item that names the one that could not be read.
fn known_pair<'a, T>(
    old: &'a Known<Vec<T>>,
    new: &'a Known<Vec<T>>,
    kind: LossKind,
    object: &str,
    items: &mut Vec<ReplayItem>,
) -> Option<(&'a [T], &'a [T])> {
    let sides = [(old, "of the old worker"), (new, "of the new worker")];
    for (side, whose) in sides {
        if let Known::Unknown { why } = side {
            let detail = format!("{object} {whose} could not be read");
            items.push(ReplayItem::not_restorable(kind, object.to_owned(), "all", detail, why.clone()));
            return None;
        }
    }
    Some((old.seen()?, new.seen()?))
}

/// The reason where an edit and a change at run time cannot be told apart.
fn ambiguous_change(why: &str, mend: &str) -> String {
    format!(
        "it is not known whether this was set at run time or came with an edit: {why}; if at run time, {mend}"
    )
}

fn count_entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        many => format!("{many} entries"),
    }
}

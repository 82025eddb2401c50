//! What a reload lost and what would put it back: a pure function of what the old worker held, what the new one
//! holds, and what is known of the configuration that the old one had loaded.
//!
//! Only what was set at run time is put back, never what an edit of the files changed. Where the two cannot be told
//! apart, that is said, and nothing is done.

mod certificates;
mod list_diff;
mod lists;
mod preview;
mod result;
mod servers;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::facts::runtime_state::HeldServer;
use crate::facts::{Admin, Holdings, Known, Loaded, PatternKind};
use crate::secret::Secret;

pub use self::preview::{Preview, preview};
use super::losses::Kind;
pub use list_diff::Edit;
pub use result::Returned;

/// One step towards what was. `Debug` shows no value of a list and no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
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
        /// The changes, each on its own; `None` where only the whole can bring back the order.
        edits: Option<Vec<Edit>>,
        /// The whole list as it shall be.
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
    /// Tell it what to do.
    State(Admin),
    /// Set the weight that the operator sees.
    Weight(u32),
    /// Move it; a port only where that differs.
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
    Add(Box<HeldServer>),
    /// Delete it; it has to be in maintenance.
    Delete,
}

/// What becomes of one thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These steps bring it back, in their order.
    PutBack(Vec<Step>),
    /// It cannot be brought back, or it cannot be told whether it should be; with the reason and the mend.
    Cannot(String),
}

/// One thing that was set at run time, or may have been, and is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What kind of thing, in the words of the ledger.
    pub kind: Kind,
    /// Which one, by the name HAProxy gives it.
    pub object: String,
    /// Which side of it: one server can have a state, checks and an address.
    pub what: &'static str,
    /// The particulars, as a sentence fragment without any value of a list.
    pub detail: String,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// The whole replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Everything that differs and was, or may have been, set at run time.
    pub items: Vec<Item>,
}

/// Computes what would bring the new worker to where the old one was. What could not be read becomes an item that
/// says so. Empty where there is nothing to do.
pub fn replay(old: &Holdings, new: &Holdings, loaded: &Loaded) -> Replay {
    let mut items = Vec::new();
    let gone = servers::gone(old, new, loaded, &mut items);
    servers::items(old, new, loaded, &gone, &mut items);
    lists::items(old, new, loaded, &gone, &mut items);
    certificates::items(old, new, loaded, &mut items);
    certificates::tables(old, &mut items);
    Replay { items }
}

/// Names of backends that the new worker does not have.
type Gone = BTreeSet<String>;

impl Replay {
    /// Every step with the number of its item, in the order in which they are safe: what keeps traffic away comes
    /// before what brings it, and the way to a backend comes last.
    pub fn ordered(&self) -> Vec<(usize, &Step)> {
        let mut all = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let Verdict::PutBack(steps) = &item.verdict else { continue };
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
    pub fn previews(&self) -> Vec<Preview> {
        self.items.iter().map(Preview::of).collect()
    }
}

impl Step {
    fn phase(&self) -> u8 {
        match self {
            Step::Server { change, .. } => match change {
                ServerStep::State(Admin::Maint | Admin::Drain)
                | ServerStep::Weight(0)
                | ServerStep::Delete => 0,
                // Without checks HAProxy refuses to say where they go.
                ServerStep::State(Admin::Ready)
                | ServerStep::Checks(false)
                | ServerStep::AgentCheck(false) => 3,
                _ => 2,
            },
            // An ACL often says who is kept out.
            Step::Entries { kind: PatternKind::Acl, .. } | Step::Certificate { .. } => 1,
            Step::Entries { kind: PatternKind::Map, .. } => 4,
        }
    }
}

impl Item {
    fn put_back(kind: Kind, object: String, what: &'static str, detail: String, steps: Vec<Step>) -> Self {
        Item { kind, object, what, detail, verdict: Verdict::PutBack(steps) }
    }

    fn cannot(kind: Kind, object: String, what: &'static str, detail: String, why: String) -> Self {
        Item { kind, object, what, detail, verdict: Verdict::Cannot(why) }
    }
}

/// Both sides, or one item that says which of them could not be read.
fn both<'a, T>(
    old: &'a Known<Vec<T>>,
    new: &'a Known<Vec<T>>,
    kind: Kind,
    object: &str,
    items: &mut Vec<Item>,
) -> Option<(&'a [T], &'a [T])> {
    let sides = [(old, "of the old worker"), (new, "of the new worker")];
    for (side, whose) in sides {
        if let Known::Unknown { why } = side {
            let detail = format!("{object} {whose} could not be read");
            items.push(Item::cannot(kind, object.to_owned(), "all", detail, why.clone()));
            return None;
        }
    }
    Some((old.seen()?, new.seen()?))
}

/// What to say where an edit and a change at run time cannot be told apart.
fn cannot_tell(why: &str, mend: &str) -> String {
    format!("cannot tell whether this was set at run time or came with an edit: {why}; if it was, {mend}")
}

fn entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        many => format!("{many} entries"),
    }
}

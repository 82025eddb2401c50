//! The HAProxy that is looked at: which node it is, and how that is reached.

use super::InstanceSelector;
use crate::clients::linux;

/// One HAProxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name in reports, plans and the journal.
    pub name: String,
    /// How it is reached.
    pub reach: Reach,
}

/// The way to a node. What it does not show is unknown in the facts, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It runs on this host: by /proc, its sockets and its files.
    Local(InstanceSelector),
}

impl Node {
    /// The HAProxy of this host that the selector names.
    pub fn local(selector: InstanceSelector) -> Self {
        Node { name: linux::hostname(), reach: Reach::Local(selector) }
    }

    /// The same for a process: its master, its worker, or the only process.
    pub fn local_process(pid: u32) -> Self {
        Node::local(InstanceSelector::Pid(pid))
    }

    /// The only HAProxy of this host.
    pub fn only_local() -> Self {
        Node::local(InstanceSelector::Any)
    }

    /// Whether a choice between several HAProxies is still open.
    pub fn is_open(&self) -> bool {
        self.reach == Reach::Local(InstanceSelector::Any)
    }
}

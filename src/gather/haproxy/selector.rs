//! Which of several HAProxies is the target.

use crate::facts::{Candidate, Known};
use crate::wire::linux::cgroup::{self, CgroupOwner};

/// The target, where no socket is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceSelector {
    /// The only HAProxy of this host.
    Any,
    /// The one with this master, or this only process.
    Pid(u32),
    /// The one that this unit controls.
    Unit(String),
}

impl InstanceSelector {
    /// Reads the name that a person gave: nothing, `haproxy`, a PID, or a unit.
    pub fn parse(name: Option<&str>) -> Self {
        match name {
            None | Some("haproxy") => InstanceSelector::Any,
            Some(name) => match name.parse() {
                Ok(pid) => InstanceSelector::Pid(pid),
                Err(_) if name.contains('.') => InstanceSelector::Unit(name.to_owned()),
                Err(_) => InstanceSelector::Unit(format!("{name}.service")),
            },
        }
    }

    /// As it follows "which is not" in a message.
    pub(in crate::gather) fn describe(&self) -> String {
        match self {
            InstanceSelector::Any => "the target".to_owned(),
            InstanceSelector::Pid(pid) => format!("PID {pid}"),
            InstanceSelector::Unit(unit) => format!("controlled by a unit {unit}"),
        }
    }

    pub(in crate::gather) fn matches(&self, candidate: &Candidate) -> bool {
        match self {
            InstanceSelector::Any => true,
            InstanceSelector::Pid(pid) => candidate.process.pid == *pid || candidate.workers.contains(pid),
            InstanceSelector::Unit(name) => {
                // A guest's unit of that name is the guest's.
                let ours = candidate.process.same_pid_namespace != Known::Seen(false);
                let claim = candidate.process.cgroup.seen().map(|path| cgroup::owner(path));
                ours && claim == Some(CgroupOwner::Service { unit: name.clone() })
            }
        }
    }
}

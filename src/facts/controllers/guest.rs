//! Other systems on this host.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// Another system that runs on this host in namespaces of its own, such as an nspawn guest: what controls the process has to
/// be asked in there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestSystem {
    /// Its first process, as this host numbers it.
    pub leader: u32,
    /// What its control group says inside, such as `/system.slice/haproxy.service`.
    pub inside: Option<String>,
}

impl ControllerDetails for GuestSystem {
    fn describe(&self) -> String {
        let inside = self.inside.as_ref().map_or(String::new(), |path| format!(": {path} in there"));
        format!("another system on this host (first process {}{inside})", self.leader)
    }

    fn pinned_names(&self) -> PinnedNames {
        PinnedNames { name: self.inside.clone(), ..PinnedNames::default() }
    }
}

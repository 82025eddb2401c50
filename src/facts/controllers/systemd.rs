//! Units of systemd: of this host, or of a user.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// A unit of this host's systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemdUnit {
    /// The unit.
    pub unit: String,
}

/// A unit of a user's own systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSystemdUnit {
    /// The unit.
    pub unit: String,
    /// The user.
    pub uid: u32,
}

impl ControllerDetails for SystemdUnit {
    fn describe(&self) -> String {
        format!("systemd, {}", self.unit)
    }

    fn pinned_names(&self) -> PinnedNames {
        PinnedNames { unit: Some(self.unit.clone()), ..PinnedNames::default() }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        vec![("its unit is", self.unit.clone())]
    }
}

impl ControllerDetails for UserSystemdUnit {
    fn describe(&self) -> String {
        format!("systemd of user {}, {}", self.uid, self.unit)
    }

    fn pinned_names(&self) -> PinnedNames {
        PinnedNames { unit: Some(self.unit.clone()), ..PinnedNames::default() }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        vec![("its unit is", self.unit.clone())]
    }
}

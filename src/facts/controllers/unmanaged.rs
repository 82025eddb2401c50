//! Processes without a service manager.

use serde::{Deserialize, Serialize};

use super::ControllerDetails;

/// No manager was found: a script or a person started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmanaged {
    /// The control group that it lives in.
    pub cgroup: String,
}

impl ControllerDetails for Unmanaged {
    fn describe(&self) -> String {
        format!("no service manager (control group {})", self.cgroup)
    }
}

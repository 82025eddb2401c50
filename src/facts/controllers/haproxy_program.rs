//! Programs of a HAProxy's own configuration.

use serde::{Deserialize, Serialize};

use super::ControllerDetails;

/// A `program` of a HAProxy's own configuration, which its master starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaproxyProgram {
    /// The master.
    pub master: u32,
    /// The master's socket, as it can be opened from here.
    pub socket: Option<String>,
}

impl ControllerDetails for HaproxyProgram {
    fn describe(&self) -> String {
        format!("HAProxy's master {}, as its `program`", self.master)
    }
}

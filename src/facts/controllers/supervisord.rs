//! Programs of supervisord.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// A program of supervisord's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisedProgram {
    /// Its name in supervisord's configuration.
    pub program: String,
    /// The process of supervisord.
    pub supervisor: u32,
    /// The configuration file of supervisord, where it is known.
    pub config: Option<String>,
}

impl ControllerDetails for SupervisedProgram {
    fn describe(&self) -> String {
        format!("supervisord ({}), program {}", self.supervisor, self.program)
    }

    fn pinned_names(&self) -> PinnedNames {
        PinnedNames { name: Some(self.program.clone()), ..PinnedNames::default() }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        vec![("its program is", self.program.clone())]
    }
}

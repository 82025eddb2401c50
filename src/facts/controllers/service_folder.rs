//! Service folders of runit and s6: a supervisor per service.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// A service folder of runit's or s6's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFolder {
    /// The folder.
    pub folder: String,
    /// The process of runsv or s6-supervise.
    pub supervisor: u32,
}

impl ControllerDetails for ServiceFolder {
    fn describe(&self) -> String {
        self.folder.clone()
    }

    fn pinned_names(&self) -> PinnedNames {
        PinnedNames { name: Some(self.folder.clone()), ..PinnedNames::default() }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        let last = self.folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        [last, &self.folder].map(|name| ("its service folder is", name.to_owned())).to_vec()
    }
}

//! Tasks of Nomad.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// A task of a Nomad allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NomadTask {
    /// The allocation's id.
    pub allocation: String,
    /// The task's name.
    pub task: String,
    /// The job, where the task's environment says it.
    #[serde(default)]
    pub job: Option<String>,
    /// Nomad's namespace, where it is not the default one.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl ControllerDetails for NomadTask {
    fn describe(&self) -> String {
        let job = self.job.as_ref().map_or(String::new(), |job| format!(", job {job}"));
        let space = self.namespace.as_ref().map_or(String::new(), |name| format!(", namespace {name}"));
        format!("Nomad, task {} of allocation {}{job}{space}", self.task, self.allocation)
    }

    // An allocation's id changes with every deployment.
    fn pinned_names(&self) -> PinnedNames {
        PinnedNames { name: Some(self.task.clone()), ..PinnedNames::default() }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        let job = self.job.iter().map(|job| ("its job is", job.clone()));
        job.chain([("its task is", self.task.clone()), ("its allocation is", self.allocation.clone())])
            .collect()
    }
}

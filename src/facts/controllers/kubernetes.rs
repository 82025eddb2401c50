//! Containers of a pod.

use serde::{Deserialize, Serialize};

use super::ControllerDetails;

/// A container of Kubernetes'.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubernetesContainer {
    /// Its id.
    pub container: String,
    /// Its pod's uid, where the control group says it.
    pub pod: Option<String>,
}

impl ControllerDetails for KubernetesContainer {
    fn describe(&self) -> String {
        format!("Kubernetes, container {}", self.container)
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        vec![("its container is", self.container.clone())]
    }
}

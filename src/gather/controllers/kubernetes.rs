//! Kubernetes: the control group of a pod. Its API is not asked.

use super::ControllerEvidence;
use super::docker::container_monitor;
use crate::facts::controllers::{Control, Controller, Evidence, KubernetesContainer};

/// A pod that the control group names.
pub(super) fn identify(case: ControllerEvidence<'_>, container: String, pod: Option<String>) -> Control {
    let case = match container_monitor(&case.line, &container) {
        Some(words) => case.with_evidence(Evidence::new("its parents", words)),
        None => case,
    };
    case.claimed(
        Controller::Kubernetes(KubernetesContainer { container, pod }),
        "haguard does not ask Kubernetes: use kubectl rollout restart on what owns the pod",
    )
}

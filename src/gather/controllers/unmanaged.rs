//! No manager: the control group names none, and no parent keeps programs running.

use super::ControllerEvidence;
use super::ancestry::describe_process;
use super::shell::ssh_client_address;
use crate::clients::linux;
use crate::facts::controllers::{Control, Controller, Evidence, Unmanaged};

/// Two sources agree: the control group, and the parents.
pub(super) fn identify(case: ControllerEvidence<'_>) -> Control {
    let pid = case.process.pid;
    if case.line.process().ppid == 0 && pid == 1 && linux::is_initial_pid_namespace() {
        let first =
            Evidence::new("/proc/self/ns/pid", "the first PID namespace: the kernel itself started it");
        let controller = Controller::Unmanaged(Unmanaged { cgroup: case.cgroup.to_owned() });
        return case.with_evidence(first).proven(controller);
    }
    if case.line.process().ppid == 0 && pid == 1 {
        return case.unknown(
            "it is the first process of the PID namespace that haguard sees: what keeps it running is outside of it \
             (run haguard on the host)",
        );
    }
    if let Some(why) = case.line.incomplete_reason().map(str::to_owned) {
        return case.unknown(format!("the line of its parents cannot be followed: {why}"));
    }
    let above = Evidence::new(format!("the parents of {pid}"), case.line.describe());
    if let Some(keeper) = case.line.unsupported_supervisor() {
        let why = format!(
            "{} may start it again, and haguard does not know how to ask it",
            describe_process(keeper)
        );
        return case.with_evidence(above).unknown(why);
    }
    let controller = Controller::Unmanaged(Unmanaged { cgroup: case.cgroup.to_owned() });
    let case = match ssh_client_address(pid) {
        Some(from) => {
            let value = format!("SSH_CONNECTION: it was started in a login from {from}");
            case.with_evidence(Evidence::new(format!("/proc/{pid}/environ"), value))
        }
        None => case,
    };
    case.with_evidence(above).proven(controller)
}

//! Processes in a PID namespace of their own that no container engine claims: guests and sandboxes.

use super::ancestry::describe_process;
use super::{Ancestry, ControllerEvidence, ControllerQueries};
use crate::clients::linux;
use crate::facts::controllers::{Control, Controller, Evidence, GuestSystem};
use crate::facts::{Known, Process};
use crate::wire::linux::cgroup::CgroupOwner;

/// Programs that start whole systems.
const GUEST_STARTERS: &[&str] = &["systemd-nspawn", "lxc-start", "lxd", "incusd"];

/// Evidence that a process is not in the namespaces of this host.
pub(super) fn namespace_evidence(process: &Process, line: &Ancestry) -> Vec<Evidence> {
    let mut found = Vec::new();
    let (pid, own) = (process.pid, line.process());
    if own.is_nested() {
        let numbers: Vec<String> = own.ns_pids.iter().map(u32::to_string).collect();
        let inside = format!("{}: it is in a PID namespace of its own", numbers.join(" "));
        found.push(Evidence::new(format!("/proc/{pid}/status NSpid"), inside));
    }
    if process.same_mount_namespace == Known::Seen(false) {
        found.push(Evidence::new(format!("/proc/{pid}/ns/mnt"), "it sees other file systems than haguard"));
    }
    found
}

/// It is in another PID namespace, and the control group names no container engine.
pub(super) fn identify(
    queries: &ControllerQueries,
    case: ControllerEvidence<'_>,
    claim: &CgroupOwner,
) -> Control {
    let inside = match claim {
        CgroupOwner::SystemContainer { inside } => inside.clone(),
        CgroupOwner::NoOwner => None,
        _ => Some(case.cgroup.to_owned()),
    };
    let pid = case.process.pid;
    let Some((leader, starter)) = namespace_leader(queries, &case.line) else {
        return case.unknown(format!(
            "PID {pid} is in a PID namespace of its own, and its first process cannot be found (run as root)"
        ));
    };
    let (by, starts_systems) = match starter {
        Some((words, known)) => (format!(", started by {words}"), known),
        None => (String::new(), false),
    };
    let case =
        case.with_evidence(Evidence::new("the first process of its PID namespace", format!("{leader}{by}")));
    let guest = Controller::Guest(GuestSystem { leader, inside });
    match starts_systems || matches!(claim, CgroupOwner::SystemContainer { .. }) {
        true => case.proven(guest),
        false => case.claimed(guest, "nothing but its PID namespace says so"),
    }
}

/// The first process of the namespace, and who started it, with whether that one starts whole systems.
fn namespace_leader(queries: &ControllerQueries, line: &Ancestry) -> Option<(u32, Option<(String, bool)>)> {
    let own = line.process();
    let first = |pid: u32| {
        queries.relatives.get_or_query(&pid, || linux::read_ancestor(pid).map_err(|e| format!("{e:#}")))
    };
    let in_line = line.processes().iter().find(|one| one.is_nested() && one.ns_pids.last() == Some(&1));
    let leader = match in_line {
        Some(found) => found.clone(),
        None => {
            let name = match std::fs::read_link(format!("/proc/{}/ns/pid", own.pid)) {
                Ok(name) => name.to_string_lossy().into_owned(),
                Err(_) => return None,
            };
            first(queries.leaders.get_or_query(&name, || linux::namespace_init(own.pid))?).ok()?
        }
    };
    let parent = first(leader.ppid).ok();
    let starter =
        parent.map(|parent| (describe_process(&parent), GUEST_STARTERS.contains(&parent.comm.as_str())));
    Some((leader.pid, starter))
}

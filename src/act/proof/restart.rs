//! The proof of a restart: another HAProxy in the place of the previous one, and which claims do not hold.

use std::collections::BTreeMap;

use super::{
    Claim, admin_socket_claims, config_file_claims, listeners_claim, planned_object_claims, value_or_unknown,
};
use crate::act::runtime_state::replay::ReplayResult;
use crate::clients::linux;
use crate::facts::{Control, Controller, Facts, Instance, Known};

/// What must be true of the facts `after` a restart from which `worker` came, and into which `returned` was put back.
pub fn restart_claims(before: &Facts, after: &Facts, worker: u32, returned: &[ReplayResult]) -> Vec<Claim> {
    let Known::Seen((was, is)) = before.instance.as_ref().zip(after.instance.as_ref()) else {
        let why = after.instance.why().unwrap_or("what ran before is not known").to_owned();
        let both = ("seen".to_owned(), "unknown".to_owned());
        return vec![Claim::new("HAProxy can be seen", both, "a look".to_owned(), false, || why)];
    };
    let mut claims = vec![
        new_main_process_claim(was, is),
        old_processes_ended_claim(was),
        same_controller_claim(was, is),
        new_worker_serves_claim(was, is, worker),
    ];
    claims.extend(admin_socket_claims(was, is, worker));
    claims.push(listeners_claim(before, after, worker));
    claims.extend(planned_object_claims(before, after, returned));
    claims.extend(config_file_claims(before, after));
    claims
}

fn new_main_process_claim(was: &Instance, is: &Instance) -> Claim {
    let name = |of: &Instance| format!("{}, start {}", of.main.pid, of.main.start_ticks.unwrap_or_default());
    let later = is.main.start_ticks > was.main.start_ticks;
    let source = format!("/proc/{}/stat", is.main.pid);
    Claim::new("another HAProxy runs", (name(was), name(is)), source, later, || {
        format!("{} is not one that was started after the order", is.title())
    })
}

/// Everything of the one before has ended; two of them would share the clients.
fn old_processes_ended_claim(was: &Instance) -> Claim {
    let old = [&was.workers, &was.old_workers].into_iter().filter_map(Known::seen).flatten();
    let mut pids: Vec<u32> = old.map(|worker| worker.pid).collect();
    pids.extend(was.serving.seen());
    pids.push(was.main.pid);
    pids.sort_unstable();
    pids.dedup();
    let since = was.main.started;
    let alive = |pid: &&u32| {
        linux::process(**pid).is_ok_and(|now| match **pid == was.main.pid {
            true => now.start_ticks == was.main.start_ticks,
            // The number of a worker may have been given to a process that is no HAProxy of the previous ones.
            false => now.is_haproxy() && now.ppid == was.main.pid && now.started >= since,
        })
    };
    let left: Vec<String> = pids.iter().filter(alive).map(u32::to_string).collect();
    let both = (format!("{} running", pids.len()), format!("{} running", left.len()));
    Claim::new("the previous processes have ended", both, "/proc".to_owned(), left.is_empty(), || {
        format!("PID {} of the previous HAProxy still runs", left.join(" "))
    })
}

fn same_controller_claim(was: &Instance, is: &Instance) -> Claim {
    let words = |of: &Instance| match &of.control {
        Control::Proven { controller, .. } => controller.describe(),
        control => format!("{}: {}", control.certainty(), control.why().unwrap_or_default()),
    };
    let same = match (was.control.proven(), is.control.proven()) {
        (Some(Controller::Docker { container: was }), Some(Controller::Docker { container: is }))
        | (Some(Controller::Podman { container: was }), Some(Controller::Podman { container: is })) => {
            was.id == is.id
        }
        // A shell does not control what haguard starts: it is unmanaged then.
        (Some(Controller::Shell { .. }), Some(Controller::Unmanaged { .. })) => true,
        (Some(was), Some(is)) => was == is,
        _ => false,
    };
    let source = is.control.evidence().first().map_or("/proc".to_owned(), |seen| seen.source.clone());
    Claim::new("it is controlled as before", (words(was), words(is)), source, same, || {
        format!("it was controlled by {}, and now: {}", words(was), words(is))
    })
}

fn new_worker_serves_claim(was: &Instance, is: &Instance, worker: u32) -> Claim {
    let failed = is.failed_reloads.seen().copied().unwrap_or_default();
    let serves = is.serving.seen() == Some(&worker) && failed == 0;
    Claim::new(
        "a new worker serves",
        (value_or_unknown(&was.serving), value_or_unknown(&is.serving)),
        if is.workers.seen().is_some() { "show proc, show info" } else { "/proc, show info" }.to_owned(),
        serves,
        || format!("worker {} serves, not {worker}; failed reloads: {failed}", value_or_unknown(&is.serving)),
    )
}

/// An unmanaged process must have what the previous one was given at its start.
pub fn exec_context_claim(was: &BTreeMap<String, String>, main: u32) -> Claim {
    let title = "it has the previous user, rights, limits and folder";
    let source = format!("/proc/{main}");
    let is = match linux::exec_context(main) {
        Ok(is) => is,
        Err(error) => {
            let both = ("seen".to_owned(), "unknown".to_owned());
            return Claim::new(title, both, source, false, || format!("{error:#}"));
        }
    };
    let other = linux::exec_context_differences(was, &is);
    let both = (format!("{} settings", was.len()), format!("{} the same", was.len() - other.len()));
    Claim::new(title, both, source, other.is_empty(), || other.join("; "))
}

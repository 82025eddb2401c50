//! Proves the identity of a process by two sources that agree, and finds its controller.

use std::path::Path;

use crate::clients::linux;
use crate::facts::{Control, Controller, Evidence, Known, Process};
use crate::gather::GatherContext;

/// `show proc` names the master, SO_PEERCRED the process that opened the socket, /proc the one that holds it.
pub(in crate::gather) fn prove_by_master(
    main: &Process,
    path: &Path,
    peer: &Known<u32>,
) -> Known<Vec<String>> {
    let mut sources = vec![format!("show proc on {} names master {}", path.display(), main.pid)];
    match peer {
        Known::Seen(pid) if *pid == main.pid => sources.push(format!("SO_PEERCRED of that socket is {pid}")),
        Known::Seen(pid) => {
            return Known::unknown(format!("SO_PEERCRED of {} is {pid}, not {}", path.display(), main.pid));
        }
        Known::Unknown { .. } => {}
    }
    if linux::holds_unix_listener(main.pid, path).is_ok_and(|holds| holds) {
        sources.push(format!("/proc/{}/fd holds that socket", main.pid));
    }
    require_two_sources(sources)
}

/// On 3.2 and 3.4 SO_PEERCRED of a stats socket is the first worker, which may have ended: `show info` and /proc decide.
pub(in crate::gather) fn prove_by_worker(pid: u32, path: &Path, answers: Option<u32>) -> Known<Vec<String>> {
    let mut sources = Vec::new();
    if answers == Some(pid) {
        sources.push(format!("show info on {} answers as {pid}", path.display()));
    }
    if linux::holds_unix_listener(pid, path).is_ok_and(|holds| holds) {
        sources.push(format!("/proc/{pid}/fd holds that socket"));
    }
    require_two_sources(sources)
}

fn require_two_sources(sources: Vec<String>) -> Known<Vec<String>> {
    match sources.len() {
        0 => Known::unknown("neither its sockets nor its open files can be asked"),
        1 => Known::unknown(format!("only one source speaks for it: {}", sources.join(""))),
        _ => Known::Seen(sources),
    }
}

/// Who controls it; a unit that was named must be the one.
pub(in crate::gather) fn identify_controller(look: &GatherContext<'_>, main: &Process) -> Control {
    let control = look.controllers.identify(main);
    let Some(named) = look.settings.unit.as_ref() else { return control };
    if control.unit().is_none_or(|unit| unit == named.value) && control.proven().is_none_or(is_systemd) {
        return control;
    }
    let found = control.proven().map_or_else(String::new, Controller::describe);
    let mut evidence = control.evidence().to_vec();
    evidence.push(Evidence::new(named.origin.to_string(), format!("unit = {}", named.value)));
    Control::Conflict { evidence, why: format!("{} was named, but it is controlled by {found}", named.value) }
}

fn is_systemd(controller: &Controller) -> bool {
    matches!(controller, Controller::Systemd(_))
}

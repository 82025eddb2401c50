//! Containers of Podman: each has a monitor (conmon), and Podman's service or program knows its name.

use super::ancestry::{Ancestry, describe_process};
use super::docker::{self, ContainerLookup, ContainerSource};
use super::{ControllerEvidence, ControllerQueries, systemd};
use crate::clients;
use crate::clients::containers::podman;
use crate::facts::controllers::{Container, Control, Controller, Evidence};
use crate::timeouts;
use crate::wire::containers::conmon::Conmon;
use crate::wire::systemd::unit::Unit;

/// The label for the unit that runs a container. podman-compose sets it whether or not there is such a unit.
const UNIT_LABEL: &str = "PODMAN_SYSTEMD_UNIT";

/// The monitor of a container, above its processes.
#[derive(Clone)]
pub(super) struct ContainerMonitor {
    pid: u32,
    uid: u32,
    words: String,
    conmon: Conmon,
}

impl ContainerMonitor {
    /// The nearest in a line.
    pub(super) fn from_ancestry(line: &Ancestry) -> Option<Self> {
        let mut above = line.processes().iter().skip(1).filter(|one| one.comm == "conmon");
        let found = above.find_map(|one| Some((one, Conmon::from_argv(&one.argv)?)))?;
        let (one, conmon) = found;
        Some(ContainerMonitor { pid: one.pid, uid: one.uid, words: describe_process(one), conmon })
    }
}

/// By the monitor, where the control group names no nearer controller.
pub(super) fn identify_by_monitor(
    queries: &ControllerQueries,
    case: ControllerEvidence<'_>,
    monitor: ContainerMonitor,
) -> Control {
    let id = monitor.conmon.id.clone();
    identify(queries, case, &id, None, Some(monitor))
}

/// A container of Podman's, by the control group or by its monitor; `user` is the user whose systemd it runs under.
pub(super) fn identify(
    queries: &ControllerQueries,
    case: ControllerEvidence<'_>,
    id: &str,
    user: Option<u32>,
    monitor: Option<ContainerMonitor>,
) -> Control {
    let monitor = monitor.filter(|monitor| monitor.conmon.id == id);
    let user = monitor.as_ref().map(|monitor| monitor.uid).or(user).unwrap_or(case.process.uid);
    let answer = queries
        .containers
        .get_or_query(&id.to_owned(), || lookup_container(queries, id, user, monitor.as_ref()));
    let case = match &monitor {
        Some(one) => {
            let words = format!("{} runs container {}", one.words, docker::short_id(id));
            case.with_evidence(Evidence::new("its parents", words))
        }
        None => case,
    };
    let theirs = (user != 0).then_some(user);
    let (source, seen) = match (answer, &monitor) {
        (ContainerLookup::Found { source, container }, _) => (source, container),
        (ContainerLookup::Unavailable { why }, Some(one)) => {
            let name = one.conmon.name.clone().unwrap_or_else(|| docker::short_id(id).to_owned());
            let (id, options) = (id.to_owned(), one.conmon.non_default_options());
            let container = Container { id, name, user: theirs, options, ..Container::default() };
            return case.claimed(Controller::Podman { container }, why);
        }
        (ContainerLookup::NotFound { sockets }, _) => return docker::unknown_container(case, id, &sockets),
        (ContainerLookup::Unavailable { why }, None) => {
            return case.unknown(format!("container {id}: {why}"));
        }
    };
    let (case, unit) = match seen.labels.get(UNIT_LABEL) {
        Some(name) => verify_unit(queries, case, name, theirs),
        None => (case, Ok(None)),
    };
    let options = match (&source, monitor) {
        (ContainerSource::Program, Some(one)) => one.conmon.non_default_options(),
        _ => Vec::new(),
    };
    let name = seen.name.clone();
    let found = |unit| {
        move |container| Controller::Podman {
            container: Container { unit, user: theirs, options, ..container },
        }
    };
    match unit {
        Ok(unit) => docker::verify_container(case, id, &source, seen, found(unit)),
        Err(why) => {
            let container = docker::container_facts(seen, 0, &source);
            case.claimed(
                found(None)(container),
                format!("whether a unit runs container {name} is not known: {why}"),
            )
        }
    }
}

/// Asks Podman's service, and its program where the service does not know the container.
fn lookup_container(
    queries: &ControllerQueries,
    id: &str,
    user: u32,
    monitor: Option<&ContainerMonitor>,
) -> ContainerLookup {
    let sockets = clients::containers::docker::podman_sockets(queries.docker_host.as_deref(), user);
    let answer = docker::lookup_container(queries, sockets, id);
    let Some(monitor) = monitor.filter(|_| !matches!(answer, ContainerLookup::Found { .. })) else {
        return answer;
    };
    // A service knows the containers of one storage folder; there may be others.
    match podman::inspect(
        monitor.pid,
        monitor.uid,
        &monitor.conmon,
        queries.deadline.at_most(timeouts::PODMAN_QUERY),
    ) {
        Ok(container) => ContainerLookup::Found { source: ContainerSource::Program, container },
        Err(error) => ContainerLookup::Unavailable { why: format!("{error:#}") },
    }
}

/// The unit of the label, where systemd has it and runs it.
fn verify_unit<'a>(
    queries: &ControllerQueries,
    case: ControllerEvidence<'a>,
    name: &str,
    user: Option<u32>,
) -> (ControllerEvidence<'a>, Result<Option<String>, String>) {
    let label = |words: &str| Evidence::new(format!("{UNIT_LABEL} {name}"), words);
    if !user.map_or_else(clients::systemd::is_running, clients::systemd::user_manager_is_running) {
        return (case.with_evidence(label("no systemd runs that could have it")), Ok(None));
    }
    match systemd::query_unit(queries, name, user) {
        Ok(unit) if is_unit_active(&unit) => {
            let state = format!("systemd has it, {}", unit.get("ActiveState"));
            (case.with_evidence(label(&state)), Ok(Some(name.to_owned())))
        }
        Ok(_) => (case.with_evidence(label("systemd does not run it")), Ok(None)),
        Err(why) => (case, Err(why)),
    }
}

/// A unit that has failed does not restart what it left running.
fn is_unit_active(unit: &Unit) -> bool {
    unit.is_loaded() && !matches!(unit.get("ActiveState"), "inactive" | "failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_failed_or_is_not_there_runs_no_container() {
        let unit = |load: &str, active: &str| {
            let pairs = [("LoadState", load), ("ActiveState", active)];
            Unit { properties: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into() }
        };
        for (load, active, expected) in [
            ("loaded", "active", true),
            ("loaded", "activating", true),
            ("loaded", "failed", false),
            ("loaded", "inactive", false),
            ("not-found", "active", false),
        ] {
            assert_eq!(is_unit_active(&unit(load, active)), expected, "{load} {active}");
        }
    }
}

//! Podman's containers: there is no daemon, but each has a monitor, and Podman's program tells what it is called.

use std::time::Duration;

use super::ancestry::{Line, named};
use super::docker::{self, Answer, Source};
use super::{Case, Managers, systemd};
use crate::clients;
use crate::clients::containers::podman;
use crate::facts::controller::{Container, Control, Controller, Evidence};
use crate::wire::containers::conmon::Conmon;
use crate::wire::systemd::unit::Unit;

/// The program reads its records before it answers.
const ONE_ANSWER: Duration = Duration::from_secs(5);
/// What Podman was told of the unit that runs a container. podman-compose writes it down whether or not there is one.
const UNIT: &str = "PODMAN_SYSTEMD_UNIT";

/// The monitor of a container, above its processes.
#[derive(Clone)]
pub(super) struct Monitor {
    pid: u32,
    uid: u32,
    words: String,
    told: Conmon,
}

impl Monitor {
    /// The nearest in a line.
    pub(super) fn of(line: &Line) -> Option<Self> {
        let mut above = line.members().iter().skip(1).filter(|one| one.comm == "conmon");
        let found = above.find_map(|one| Some((one, Conmon::read(&one.argv)?)))?;
        let (one, told) = found;
        Some(Monitor { pid: one.pid, uid: one.uid, words: named(one), told })
    }
}

/// The control group names nobody who is nearer than this monitor.
pub(super) fn by_monitor(managers: &Managers, case: Case<'_>, monitor: Monitor) -> Control {
    let id = monitor.told.id.clone();
    control(managers, case, &id, None, Some(monitor))
}

/// A container of Podman's, by the control group or by its monitor; `user` is the user whose systemd it runs under.
pub(super) fn control(
    managers: &Managers,
    case: Case<'_>,
    id: &str,
    user: Option<u32>,
    monitor: Option<Monitor>,
) -> Control {
    let monitor = monitor.filter(|monitor| monitor.told.id == id);
    let user = monitor.as_ref().map(|monitor| monitor.uid).or(user).unwrap_or(case.process.uid);
    let answer = managers.containers.get(&id.to_owned(), || ask(managers, id, user, monitor.as_ref()));
    let case = match &monitor {
        Some(one) => {
            let words = format!("{} keeps container {}", one.words, docker::short(id));
            case.with(Evidence::new("its parents", words))
        }
        None => case,
    };
    let theirs = (user != 0).then_some(user);
    let (source, seen) = match (answer, &monitor) {
        (Answer::Known { source, container }, _) => (source, container),
        (Answer::Silent { why }, Some(one)) => {
            let name = one.told.name.clone().unwrap_or_else(|| docker::short(id).to_owned());
            let (id, options) = (id.to_owned(), one.told.unusual());
            let container = Container { id, name, user: theirs, options, ..Container::default() };
            return case.claimed(Controller::Podman { container }, why);
        }
        (Answer::Stranger { sockets }, _) => return docker::stranger(case, id, &sockets),
        (Answer::Silent { why }, None) => return case.unknown(format!("container {id}: {why}")),
    };
    let (case, unit) = match seen.labels.get(UNIT) {
        Some(name) => run_by(managers, case, name, theirs),
        None => (case, Ok(None)),
    };
    let options = match (&source, monitor) {
        (Source::Program, Some(one)) => one.told.unusual(),
        _ => Vec::new(),
    };
    let name = seen.name.clone();
    let found = |unit| {
        move |container| Controller::Podman {
            container: Container { unit, user: theirs, options, ..container },
        }
    };
    match unit {
        Ok(unit) => docker::told(case, id, &source, seen, found(unit)),
        Err(why) => {
            let container = docker::container(seen, 0, &source);
            case.claimed(
                found(None)(container),
                format!("whether a unit runs container {name} is not known: {why}"),
            )
        }
    }
}

/// Podman's service, and where there is none its program.
fn ask(managers: &Managers, id: &str, user: u32, monitor: Option<&Monitor>) -> Answer {
    let sockets = clients::containers::docker::sockets_of_podman(managers.docker_host.as_deref(), user);
    let said = docker::ask(managers, sockets, id);
    let Some(monitor) = monitor.filter(|_| !matches!(said, Answer::Known { .. })) else { return said };
    // Its service shows the containers of one place; there may be others.
    match podman::inspect(monitor.pid, monitor.uid, &monitor.told, managers.deadline.at_most(ONE_ANSWER)) {
        Ok(container) => Answer::Known { source: Source::Program, container },
        Err(error) => Answer::Silent { why: format!("{error:#}") },
    }
}

/// The unit that Podman was told of, where systemd has it and runs it.
fn run_by<'a>(
    managers: &Managers,
    case: Case<'a>,
    name: &str,
    user: Option<u32>,
) -> (Case<'a>, Result<Option<String>, String>) {
    let said = |words: &str| Evidence::new(format!("{UNIT} {name}"), words);
    if !user.map_or_else(clients::systemd::is_here, clients::systemd::is_here_for) {
        return (case.with(said("no systemd runs that could have it")), Ok(None));
    }
    match systemd::ask(managers, name, user) {
        Ok(unit) if runs(&unit) => {
            let state = format!("systemd has it, {}", unit.get("ActiveState"));
            (case.with(said(&state)), Ok(Some(name.to_owned())))
        }
        Ok(_) => (case.with(said("systemd does not run it")), Ok(None)),
        Err(why) => (case, Err(why)),
    }
}

/// A unit that has failed keeps nothing any more, whatever it left running.
fn runs(unit: &Unit) -> bool {
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
            assert_eq!(runs(&unit(load, active)), expected, "{load} {active}");
        }
    }
}

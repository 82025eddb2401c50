//! Units of systemd: whether systemd agrees with the control group.

use super::ancestry::describe_process;
use super::{ControllerEvidence, ControllerQueries};
use crate::clients::systemd;
use crate::facts::controllers::{Control, Controller, Evidence, SystemdUnit, UserSystemdUnit};
use crate::wire::systemd::unit::Unit;

/// Asks about all of these in one call.
pub(super) fn query_units(queries: &ControllerQueries, names: &[String]) {
    let new: Vec<&str> =
        names.iter().filter(|name| !queries.units.contains(name)).map(String::as_str).collect();
    if let Ok(units) = systemd::show_all(&new, queries.query_timeout()) {
        for (name, unit) in new.into_iter().zip(units) {
            queries.units.insert(name.to_owned(), Ok(unit));
        }
    }
}

/// Asks about one, once in a look.
pub(super) fn query_unit(queries: &ControllerQueries, name: &str, user: Option<u32>) -> Result<Unit, String> {
    let limit = queries.query_timeout();
    match user {
        None => queries.units.get_or_query(&name.to_owned(), || {
            systemd::show(name, limit).map_err(|error| format!("{error:#}"))
        }),
        Some(uid) => queries.user_units.get_or_query(&(uid, name.to_owned()), || {
            systemd::show_user(uid, name, limit).map_err(|error| format!("{error:#}"))
        }),
    }
}

/// The control group names a unit of the system's or of a user's systemd.
pub(super) fn identify(
    queries: &ControllerQueries,
    case: ControllerEvidence<'_>,
    name: &str,
    user: Option<u32>,
) -> Control {
    let controller = match user {
        None => Controller::Systemd(SystemdUnit { unit: name.to_owned() }),
        Some(uid) => Controller::UserSystemd(UserSystemdUnit { unit: name.to_owned(), uid }),
    };
    let supervisor = case.supervisor();
    let unit = match (query_unit(queries, name, user), supervisor) {
        (Ok(unit), _) => unit,
        // A supervisor between the process and the unit is nearer than the unit.
        (Err(_), Some((at, kind))) => return (kind.identify)(queries, case, at),
        (Err(why), None) if user.is_some() => return case.claimed(controller, why),
        (Err(why), None) => {
            let cgroup = case.cgroup;
            return case.unknown(format!("control group {cgroup}, but {why}"));
        }
    };
    let (pid, main_pid) = (case.process.pid, unit.main_pid());
    let place = main_pid.and_then(|main| case.line.position(main));
    if let Some((at, kind)) = supervisor.filter(|(at, _)| place.is_none_or(|place| *at <= place)) {
        return (kind.identify)(queries, case, at);
    }
    let shown = main_pid.map_or("none".to_owned(), |pid| pid.to_string());
    let asked = if user.is_some() { "systemctl --user show" } else { "systemctl show" };
    let case = case.with_evidence(Evidence::new(format!("{asked} {name}"), format!("MainPID {shown}")));
    if let Some(why) = unit_conflict(&unit, case.cgroup) {
        return case.conflict(why);
    }
    match place {
        Some(0) => case.proven(controller),
        Some(place) => identify_child(case, place, name, controller),
        None if main_pid.is_none() && unit.get("ActiveState") == "active" => {
            case.claimed(controller, format!("systemd knows of no main process of {name}"))
        }
        None => {
            let cgroup = case.cgroup;
            case.conflict(format!(
                "control group {cgroup}, but MainPID of {name} is {shown}, not {pid} or one of its parents"
            ))
        }
    }
}

/// Why the unit does not control what runs in this control group.
fn unit_conflict(unit: &Unit, cgroup: &str) -> Option<String> {
    let own = unit.get("ControlGroup");
    let why = match unit.get("LoadState") {
        "loaded" => None,
        "masked" => Some(
            "that unit is masked: systemd would neither reload nor restart it (systemctl unmask)".to_owned(),
        ),
        "not-found" if unit.main_pid().is_some() => {
            Some("the unit's file is gone: it could be stopped and not started again".to_owned())
        }
        "not-found" | "" => Some("systemd has no such unit".to_owned()),
        other => Some(format!("systemd could not load that unit (LoadState={other})")),
    };
    if let Some(why) = why {
        return Some(format!("control group {cgroup}, but {why}"));
    }
    let within = cgroup.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    (!own.is_empty() && !within)
        .then(|| format!("control group {cgroup}, but systemd says that the unit has {own}"))
}

/// A process below the main one. A HAProxy whose master is not the main process gets none of the signals that systemd
/// sends for a reload, so that the unit does not control it as a unit should.
fn identify_child(case: ControllerEvidence<'_>, place: usize, name: &str, controller: Controller) -> Control {
    let (main, line) = (describe_process(case.line.ancestor(place)), case.line.describe());
    let parent = case.line.ancestor(1);
    let of_master = parent.comm.starts_with("haproxy") && place == 1;
    if case.process.is_haproxy() && !of_master {
        let pid = case.process.pid;
        return case.conflict(format!(
            "{name} runs {main}, which started HAProxy {pid}: systemd signals the former, so `systemctl reload` does \
             not reach HAProxy; give the unit HAProxy itself as its main process (exec in the script)"
        ));
    }
    let pid = case.process.pid;
    case.with_evidence(Evidence::new(format!("the parents of {pid}"), line)).proven(controller)
}

//! The state of a unit that was given by name, as a sentence.

use crate::facts::Listener;
use crate::facts::guard::Unit;

/// True where systemd knows the unit, even if its file is gone.
pub fn is_known_unit(unit: &Unit) -> bool {
    unit.get("LoadState") != "not-found" || unit.main_pid().is_some()
}

/// The unit's main name, where `name` is an alias.
pub fn canonical_name<'a>(name: &str, unit: &'a Unit) -> Option<&'a str> {
    Some(unit.get("Id")).filter(|id| unit.is_loaded() && !id.is_empty() && *id != name)
}

/// Whether the unit exists, its state, and what would prevent a restart by systemd, in one sentence.
pub fn describe_unit(name: &str, unit: &Unit) -> String {
    let called = match canonical_name(name, unit) {
        Some(id) => format!("The unit {name} (an alias of {id})"),
        None => format!("The unit {name}"),
    };
    let state = unit.get("ActiveState");
    match (unit.get("LoadState"), unit.main_pid()) {
        ("loaded", Some(pid)) => format!("{called} is {state}; its process is {pid}."),
        ("loaded", None) if !unit.get("Id").ends_with(".service") => format!("{called} is {state}."),
        ("loaded", None) if !unit.get("TriggeredBy").is_empty() => {
            let by = unit.list("TriggeredBy").join(" and ");
            format!("{called} is {state} and has no process: {by} starts it when it is needed.")
        }
        ("loaded", None) => format!("{called} is {state} and has no process."),
        ("masked", Some(pid)) => {
            format!(
                "{called} is masked, and {pid} still runs: systemd could stop it, but not start it again."
            )
        }
        ("masked", None) => format!("{called} is masked: systemd does not start it until it is unmasked."),
        ("not-found", Some(pid)) => format!(
            "The file of the unit {name} is gone, and systemd still runs it as {pid}: systemd could stop it, but not \
             start it again."
        ),
        ("not-found", None) => format!("There is no unit {name} on this host."),
        (other, _) => format!("{called} could not be loaded by systemd ({other}): see `systemctl status`."),
    }
}

/// The socket unit that listens there, and the service that it starts; the service is `None` where systemd starts one
/// for each connection (`Accept=yes`).
pub fn find_by_listener<'a>(sockets: &'a [Unit], listener: &Listener) -> Option<(&'a str, Option<&'a str>)> {
    let (at, datagram) = match listener {
        Listener::Udp(at) => (at.to_string(), true),
        other => (other.short(), false),
    };
    let listens = |unit: &&Unit| {
        let mut lines = unit.get("Listen").lines().map(|line| line.rsplit_once(" (").unwrap_or((line, "")));
        lines.any(|(own, kind)| {
            own == at && (listener.socket_addr().is_none() || kind.starts_with("Datagram") == datagram)
        })
    };
    let unit = sockets.iter().find(listens)?;
    let service = Some(unit.get("Triggers")).filter(|name| !name.is_empty() && !unit.is_yes("Accept"));
    Some((unit.get("Id"), service))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A property on each line; one that is there twice has two lines.
    fn unit(text: &str) -> Unit {
        let mut unit = Unit::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let values = unit.properties.entry(name.to_owned()).or_default();
            *values = format!("{values}\n{value}").trim_start().to_owned();
        }
        unit
    }

    #[test]
    fn each_state_of_a_unit_has_its_sentence() {
        let cases = [
            (
                "Id=gui.service\nLoadState=loaded\nActiveState=active\nMainPID=7",
                true,
                "The unit x.service (an alias of gui.service) is active; its process is 7.",
            ),
            (
                "Id=x.service\nLoadState=loaded\nActiveState=inactive\nMainPID=0\nTriggeredBy=x.socket",
                true,
                "The unit x.service is inactive and has no process: x.socket starts it when it is needed.",
            ),
            (
                "Id=x.service\nLoadState=loaded\nActiveState=failed\nMainPID=0",
                true,
                "The unit x.service is failed and has no process.",
            ),
            (
                "Id=x.service\nLoadState=masked\nActiveState=inactive\nMainPID=0",
                true,
                "The unit x.service is masked: systemd does not start it until it is unmasked.",
            ),
            (
                "Id=x.service\nLoadState=not-found\nActiveState=active\nMainPID=7",
                true,
                "The file of the unit x.service is gone, and systemd still runs it as 7: systemd could stop it, but \
                 not start it again.",
            ),
            (
                "Id=x.service\nLoadState=not-found\nActiveState=inactive\nMainPID=0",
                false,
                "There is no unit x.service on this host.",
            ),
            (
                "Id=x.service\nLoadState=bad-setting\nActiveState=inactive",
                true,
                "The unit x.service could not be loaded by systemd (bad-setting): see `systemctl status`.",
            ),
        ];
        for (text, there, sentence) in cases {
            let unit = unit(text);
            assert_eq!((is_known_unit(&unit), describe_unit("x.service", &unit).as_str()), (there, sentence));
        }
        let socket = unit("Id=x.socket\nLoadState=loaded\nActiveState=active");
        assert_eq!(describe_unit("x.socket", &socket), "The unit x.socket is active.");
    }

    #[test]
    fn a_socket_that_systemd_holds_is_traced_to_its_unit() {
        let all = [
            "Id=a.socket\nListen=/run/a (Stream)\nTriggers=a.service\nAccept=no",
            "Id=b.socket\nListen=127.0.0.1:80 (Stream)\nListen=[::1]:80 (Stream)\nTriggers=b@1.service\nAccept=no",
            "Id=c.socket\nListen=127.0.0.1:80 (Datagram)\nTriggers=c.service\nAccept=no",
            "Id=d.socket\nListen=127.0.0.1:81 (Stream)\nTriggers=d@7-1.service d@8-1.service\nAccept=yes",
        ];
        let all = all.map(unit);
        let of = |listener: &str| find_by_listener(&all, &listener.parse().unwrap());
        assert_eq!(of("tcp [::1]:80"), Some(("b.socket", Some("b@1.service"))));
        assert_eq!(of("tcp 127.0.0.1:80"), Some(("b.socket", Some("b@1.service"))));
        assert_eq!(of("udp 127.0.0.1:80"), Some(("c.socket", Some("c.service"))));
        assert_eq!(of("unix /run/a"), Some(("a.socket", Some("a.service"))));
        assert_eq!(of("tcp 127.0.0.1:81"), Some(("d.socket", None)));
        assert_eq!(of("tcp 127.0.0.1:82"), None);
    }
}

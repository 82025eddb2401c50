//! Which process it is, by sources that agree, and who controls it.

use std::path::Path;

use super::Look;
use super::sockets::ONE_ANSWER;
use crate::clients::{host, systemd};
use crate::facts::{Controller, Known, Process};

/// The master says who it is; the kernel says who opened the socket; /proc says who holds it.
pub(super) fn by_master(main: &Process, path: &Path, peer: &Known<u32>) -> Known<Vec<String>> {
    let mut sources = vec![format!("show proc on {} names master {}", path.display(), main.pid)];
    match peer {
        Known::Seen(pid) if *pid == main.pid => sources.push(format!("SO_PEERCRED of that socket is {pid}")),
        Known::Seen(pid) => {
            return Known::unknown(format!("SO_PEERCRED of {} is {pid}, not {}", path.display(), main.pid));
        }
        Known::Unknown { .. } => {}
    }
    if host::holds_unix_listener(main.pid, path).is_ok_and(|holds| holds) {
        sources.push(format!("/proc/{}/fd holds that socket", main.pid));
    }
    enough(sources)
}

/// On 3.2 and 3.4 `SO_PEERCRED` of a stats socket is the first worker, perhaps long gone; who answers and who holds it decide.
pub(super) fn by_worker(pid: u32, path: &Path, answers: Option<u32>) -> Known<Vec<String>> {
    let mut sources = Vec::new();
    if answers == Some(pid) {
        sources.push(format!("show info on {} answers as {pid}", path.display()));
    }
    if host::holds_unix_listener(pid, path).is_ok_and(|holds| holds) {
        sources.push(format!("/proc/{pid}/fd holds that socket"));
    }
    enough(sources)
}

fn enough(sources: Vec<String>) -> Known<Vec<String>> {
    match sources.len() {
        0 | 1 => Known::unknown(format!("only one source speaks for it: {}", sources.join(""))),
        _ => Known::Seen(sources),
    }
}

pub(super) fn controller(look: &Look<'_>, main: &Process) -> Known<Controller> {
    let cgroup = match &main.cgroup {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(cgroup) => cgroup,
    };
    let said = look.settings.unit.as_ref().map(|unit| unit.value.as_str());
    let Some(unit) = systemd::service_of(cgroup) else {
        return match said {
            Some(said) => {
                Known::unknown(format!("{said} was named, but the process is in control group {cgroup}"))
            }
            None => Known::Seen(Controller::Nobody { cgroup: cgroup.clone() }),
        };
    };
    match systemd::show(unit, look.deadline.at_most(ONE_ANSWER)) {
        Err(error) => Known::unknown(format!("control group {cgroup}, but {error:#}")),
        Ok(shown) if shown.main_pid == main.pid => Known::Seen(Controller::Systemd { unit: unit.to_owned() }),
        Ok(shown) => Known::unknown(format!(
            "control group {cgroup}, but MainPID of {unit} is {}, not {}",
            shown.main_pid, main.pid
        )),
    }
}

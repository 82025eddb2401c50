//! Who keeps a process running: what its control group says, and what the manager itself says.

use crate::clients::systemd;
use crate::facts::control::{Control, Controller, Evidence};
use crate::facts::{Known, Process};
use crate::time::Deadline;
use crate::wire::unit;

/// The managers of this host; each is asked once in a look, and only when a process points to it.
pub(super) struct Managers {
    deadline: Deadline,
}

impl Managers {
    /// Nobody is asked yet.
    pub(super) fn new(deadline: Deadline) -> Self {
        Managers { deadline }
    }

    /// Who keeps this process running.
    pub(super) fn control(&self, process: &Process) -> Control {
        let cgroup = match &process.cgroup {
            Known::Unknown { why } => return Control::unknown(why.clone()),
            Known::Seen(cgroup) => cgroup,
        };
        let mut evidence = vec![Evidence::new(format!("/proc/{}/cgroup", process.pid), cgroup)];
        let Some(name) = unit::service_of(cgroup) else {
            return Control::Proven { controller: Controller::Nobody { cgroup: cgroup.clone() }, evidence };
        };
        let shown = match systemd::show(name, self.deadline.at_most(super::sockets::ONE_ANSWER)) {
            Ok(shown) => shown,
            Err(error) => {
                return Control::Unknown { evidence, why: format!("control group {cgroup}, but {error:#}") };
            }
        };
        let main_pid = shown.main_pid().map_or("none".to_owned(), |pid| pid.to_string());
        evidence.push(Evidence::new(format!("systemctl show {name}"), format!("MainPID {main_pid}")));
        match shown.main_pid() == Some(process.pid) {
            true => Control::Proven { controller: Controller::Systemd { unit: name.to_owned() }, evidence },
            false => Control::Conflict {
                evidence,
                why: format!(
                    "control group {cgroup}, but MainPID of {name} is {main_pid}, not {}",
                    process.pid
                ),
            },
        }
    }
}

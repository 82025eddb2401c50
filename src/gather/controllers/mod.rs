//! Who keeps a process running: what its control group claims, what stands above it, and what the manager itself says.
//! Nobody is believed alone.

mod ancestry;
mod cache;
mod docker;
mod guests;
mod haproxy_program;
mod nomad;
mod patroni;
mod podman;
mod supervisors;
mod systemd;
mod terminals;

use std::collections::BTreeMap;
use std::time::Duration;

use ancestry::{Keeper, Line};
use cache::Memo;

use crate::clients::linux::{self, Relative};
use crate::config::Environment;
use crate::facts::controller::{Control, Controller, Evidence};
use crate::facts::{Known, Process};
use crate::time::Deadline;
use crate::wire::linux::cgroup::{self, Claim};
use crate::wire::supervisors::{Pane, Program};
use crate::wire::systemd::unit::Unit;

/// A manager that takes longer than this for one answer is not waited for.
const ONE_ANSWER: Duration = Duration::from_secs(2);

/// The managers of this host; each is asked once in a look, and only when a process points to it.
pub(super) struct Managers {
    deadline: Deadline,
    docker_host: Option<String>,
    /// Every answer is kept, so that a whole host can be looked at.
    units: Memo<String, Result<Unit, String>>,
    user_units: Memo<(u32, String), Result<Unit, String>>,
    containers: Memo<String, docker::Answer>,
    supervisords: Memo<u32, Result<(String, Vec<Program>), String>>,
    tmuxes: Memo<u32, Result<(String, Vec<Pane>), String>>,
    relatives: Memo<u32, Result<Relative, String>>,
    leaders: Memo<String, Option<u32>>,
    patronis: Memo<u32, Vec<patroni::Patroni>>,
}

/// A process that is judged, with everything that was seen of it so far.
struct Case<'a> {
    process: &'a Process,
    cgroup: &'a str,
    line: Line,
    evidence: Vec<Evidence>,
}

impl Managers {
    /// Nobody is asked yet.
    pub(super) fn new(deadline: Deadline, environment: &Environment) -> Self {
        Managers {
            deadline,
            docker_host: environment.docker_host.clone(),
            units: Memo::default(),
            user_units: Memo::default(),
            containers: Memo::default(),
            supervisords: Memo::default(),
            tmuxes: Memo::default(),
            relatives: Memo::default(),
            leaders: Memo::default(),
            patronis: Memo::default(),
        }
    }

    /// Asks systemd at once about all the units that these processes point to.
    pub(super) fn prepare<'a>(&self, processes: impl IntoIterator<Item = &'a Process>) {
        let named = processes.into_iter().filter_map(|process| match cgroup::claim(process.cgroup.seen()?) {
            Claim::Service { unit } => Some((unit, ())),
            _ => None,
        });
        let units: BTreeMap<String, ()> = named.collect();
        systemd::ask_all(self, &units.into_keys().collect::<Vec<_>>());
    }

    /// Who keeps this process running.
    pub(super) fn control(&self, process: &Process) -> Control {
        let judged = self.judged(process);
        // The number may have gone to another process while managers were asked.
        match linux::relative(process.pid) {
            Ok(now) if process.start_ticks.is_none_or(|ticks| ticks == now.start_ticks) => judged,
            Ok(_) => Control::Unknown {
                evidence: judged.evidence().to_vec(),
                why: format!("PID {} is another process by now: look again", process.pid),
            },
            Err(error) => {
                Control::Unknown { evidence: judged.evidence().to_vec(), why: format!("{error:#}") }
            }
        }
    }

    fn judged(&self, process: &Process) -> Control {
        let cgroup = match &process.cgroup {
            Known::Unknown { why } => return Control::unknown(why.clone()),
            Known::Seen(cgroup) => cgroup,
        };
        let mut evidence = vec![Evidence::new(format!("/proc/{}/cgroup", process.pid), cgroup)];
        let line = match Line::of(self, process.pid) {
            Ok(line) => line,
            Err(why) => return Control::Unknown { evidence, why },
        };
        if process.start_ticks.is_some_and(|ticks| ticks != line.own().start_ticks) {
            return Control::Unknown {
                evidence,
                why: format!("PID {} is another process by now", process.pid),
            };
        }
        evidence.extend(guests::evidence(process, &line));
        let case = Case { process, cgroup, line, evidence };
        // Whoever is nearest counts, wherever both live.
        let case = match haproxy_program::control(self, case) {
            Ok(control) => return control,
            Err(case) => case,
        };
        let case = match docker::published(self, case) {
            Ok(control) => return control,
            Err(case) => case,
        };
        let nested = case.line.own().is_nested();
        let monitor = podman::Monitor::of(&case.line);
        match (cgroup::claim(cgroup), monitor) {
            (Claim::Docker { id }, _) => docker::control(self, case, &id),
            (Claim::Podman { id, uid }, monitor) => podman::control(self, case, &id, uid, monitor),
            (Claim::Kubernetes { container, pod }, _) => docker::kubernetes(case, container, pod),
            (Claim::Nomad { allocation, task }, _) => nomad::control(case, allocation, task),
            // A user without rights may make no control groups, and a unit's own may hold the container.
            (claim, Some(monitor)) if !matches!(claim, Claim::Guest { .. }) => {
                podman::by_monitor(self, case, monitor)
            }
            (claim, _) if nested => guests::control(self, case, &claim),
            (Claim::Guest { .. }, _) => case.conflict(
                "the control group is that of a guest, but the process lives in the PID namespace of this host",
            ),
            (claim, _) => match patroni::control(self, case) {
                Ok(control) => control,
                Err(case) => self.claimed(case, &claim),
            },
        }
    }

    /// A unit of systemd's, or nobody.
    fn claimed(&self, case: Case<'_>, claim: &Claim) -> Control {
        match claim {
            Claim::Service { unit } => systemd::control(self, case, unit, None),
            Claim::UserService { unit, uid } => systemd::control(self, case, unit, Some(*uid)),
            _ => self.by_line(case),
        }
    }

    /// The control group names no manager: it is the nearest one above it, or nobody.
    fn by_line(&self, case: Case<'_>) -> Control {
        match case.line.keeper() {
            Some((at, keeper)) => self.kept(case, at, keeper),
            None => nobody(case),
        }
    }

    /// The keeper that stands at this place of the line.
    fn kept(&self, case: Case<'_>, at: usize, keeper: Keeper) -> Control {
        match keeper {
            Keeper::Supervisord => supervisors::supervisord(self, case, at),
            Keeper::Runit => supervisors::runit(case, at),
            Keeper::S6 => supervisors::s6(case, at),
            Keeper::Nomad => nomad::executed(case, at),
            Keeper::Tmux | Keeper::Screen => terminals::multiplexer(self, case, at, keeper),
            Keeper::Shell => terminals::shell(case, at),
        }
    }

    fn limit(&self) -> Duration {
        self.deadline.at_most(ONE_ANSWER)
    }
}

/// Two sources: the control group names nobody, and nobody above it keeps programs running.
fn nobody(case: Case<'_>) -> Control {
    let pid = case.process.pid;
    if case.line.own().ppid == 0 && pid == 1 && linux::is_first_namespace() {
        let first =
            Evidence::new("/proc/self/ns/pid", "the first PID namespace: the kernel itself started it");
        let controller = Controller::Nobody { cgroup: case.cgroup.to_owned() };
        return case.with(first).proven(controller);
    }
    if case.line.own().ppid == 0 && pid == 1 {
        return case.unknown(
            "it is the first process of the PID namespace that haguard sees: what keeps it running is outside of it \
             (run haguard on the host)",
        );
    }
    if let Some(why) = case.line.broken().map(str::to_owned) {
        return case.unknown(format!("the line of its parents cannot be followed: {why}"));
    }
    let above = Evidence::new(format!("the parents of {pid}"), case.line.words());
    if let Some(keeper) = case.line.another_keeper() {
        let why = format!(
            "{} may start it again, and haguard does not know how to ask it",
            ancestry::named(keeper)
        );
        return case.with(above).unknown(why);
    }
    let controller = Controller::Nobody { cgroup: case.cgroup.to_owned() };
    let case = match terminals::login(pid) {
        Some(from) => {
            let said = format!("SSH_CONNECTION: it was started in a login from {from}");
            case.with(Evidence::new(format!("/proc/{pid}/environ"), said))
        }
        None => case,
    };
    case.with(above).proven(controller)
}

impl Case<'_> {
    fn with(mut self, seen: Evidence) -> Self {
        self.evidence.push(seen);
        self
    }

    fn proven(self, controller: Controller) -> Control {
        Control::Proven { controller, evidence: self.evidence }
    }

    fn claimed(self, controller: Controller, why: impl Into<String>) -> Control {
        Control::Claimed { controller, evidence: self.evidence, why: why.into() }
    }

    fn conflict(self, why: impl Into<String>) -> Control {
        Control::Conflict { evidence: self.evidence, why: why.into() }
    }

    fn unknown(self, why: impl Into<String>) -> Control {
        Control::Unknown { evidence: self.evidence, why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn managers() -> Managers {
        Managers::new(Deadline::after(ONE_ANSWER), &Environment::default())
    }

    #[test]
    fn a_number_that_went_to_another_process_says_nothing_of_the_one_before() {
        let me = linux::process(std::process::id()).unwrap();
        let before = Process { start_ticks: me.start_ticks.map(|ticks| ticks - 1), ..me.clone() };
        let control = managers().control(&before);
        assert!(control.why().unwrap().contains("another process"), "{control:?}");
        assert_eq!(control.certainty(), "unknown");
        let gone = Process { pid: u32::MAX >> 1, ..me };
        assert_eq!(managers().control(&gone).certainty(), "unknown");
    }

    #[test]
    fn a_control_group_that_cannot_be_read_is_unknown_with_its_reason() {
        let me = linux::process(std::process::id()).unwrap();
        let hidden = Process { cgroup: Known::unknown("denied (run as root)"), ..me };
        assert_eq!(managers().control(&hidden).why(), Some("denied (run as root)"));
    }

    #[test]
    fn a_control_group_of_a_guest_and_our_own_processes_disagree() {
        let me = linux::process(std::process::id()).unwrap();
        let odd = Process { cgroup: Known::Seen("/payload/system.slice/haproxy.service".into()), ..me };
        assert_eq!(managers().control(&odd).certainty(), "conflict");
    }
}

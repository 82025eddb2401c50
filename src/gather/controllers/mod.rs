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

use ancestry::{Ancestry, Supervisor};
use cache::QueryCache;

use crate::clients::linux::{self, Ancestor};
use crate::config::Environment;
use crate::facts::controller::{Control, Controller, Evidence};
use crate::facts::{Known, Process};
use crate::time::Deadline;
use crate::timeouts;
use crate::wire::linux::cgroup::{self, CgroupOwner};
use crate::wire::supervisors::{SupervisordProgram, TmuxPane};
use crate::wire::systemd::unit::Unit;

/// The managers of this host; each is asked once in a look, and only when a process points to it.
pub(super) struct ControllerQueries {
    deadline: Deadline,
    docker_host: Option<String>,
    /// Every answer is kept, so that a whole host can be looked at.
    units: QueryCache<String, Result<Unit, String>>,
    user_units: QueryCache<(u32, String), Result<Unit, String>>,
    containers: QueryCache<String, docker::ContainerLookup>,
    supervisords: QueryCache<u32, Result<(String, Vec<SupervisordProgram>), String>>,
    tmuxes: QueryCache<u32, Result<(String, Vec<TmuxPane>), String>>,
    relatives: QueryCache<u32, Result<Ancestor, String>>,
    leaders: QueryCache<String, Option<u32>>,
    patronis: QueryCache<u32, Vec<patroni::PatroniStatus>>,
}

/// A process that is judged, with everything that was seen of it so far.
struct ControllerEvidence<'a> {
    process: &'a Process,
    cgroup: &'a str,
    line: Ancestry,
    evidence: Vec<Evidence>,
}

impl ControllerQueries {
    /// Nobody is asked yet.
    pub(super) fn new(deadline: Deadline, environment: &Environment) -> Self {
        ControllerQueries {
            deadline,
            docker_host: environment.docker_host.clone(),
            units: QueryCache::default(),
            user_units: QueryCache::default(),
            containers: QueryCache::default(),
            supervisords: QueryCache::default(),
            tmuxes: QueryCache::default(),
            relatives: QueryCache::default(),
            leaders: QueryCache::default(),
            patronis: QueryCache::default(),
        }
    }

    /// Asks systemd at once about all the units that these processes point to.
    pub(super) fn prefetch_units<'a>(&self, processes: impl IntoIterator<Item = &'a Process>) {
        let named = processes.into_iter().filter_map(|process| match cgroup::owner(process.cgroup.seen()?) {
            CgroupOwner::Service { unit } => Some((unit, ())),
            _ => None,
        });
        let units: BTreeMap<String, ()> = named.collect();
        systemd::query_units(self, &units.into_keys().collect::<Vec<_>>());
    }

    /// Who keeps this process running.
    pub(super) fn identify(&self, process: &Process) -> Control {
        let judged = self.identify_unverified(process);
        // The number may have gone to another process while managers were asked.
        match linux::read_ancestor(process.pid) {
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

    fn identify_unverified(&self, process: &Process) -> Control {
        let cgroup = match &process.cgroup {
            Known::Unknown { why } => return Control::unknown(why.clone()),
            Known::Seen(cgroup) => cgroup,
        };
        let mut evidence = vec![Evidence::new(format!("/proc/{}/cgroup", process.pid), cgroup)];
        let line = match Ancestry::read(self, process.pid) {
            Ok(line) => line,
            Err(why) => return Control::Unknown { evidence, why },
        };
        if process.start_ticks.is_some_and(|ticks| ticks != line.process().start_ticks) {
            return Control::Unknown {
                evidence,
                why: format!("PID {} is another process by now", process.pid),
            };
        }
        evidence.extend(guests::namespace_evidence(process, &line));
        let case = ControllerEvidence { process, cgroup, line, evidence };
        // Whoever is nearest counts, wherever both live.
        let case = match haproxy_program::identify(self, case) {
            Ok(control) => return control,
            Err(case) => case,
        };
        let case = match docker::identify_docker_proxy(self, case) {
            Ok(control) => return control,
            Err(case) => case,
        };
        let nested = case.line.process().is_nested();
        let monitor = podman::ContainerMonitor::from_ancestry(&case.line);
        match (cgroup::owner(cgroup), monitor) {
            (CgroupOwner::Docker { id }, _) => docker::identify(self, case, &id),
            (CgroupOwner::Podman { id, uid }, monitor) => podman::identify(self, case, &id, uid, monitor),
            (CgroupOwner::Kubernetes { container, pod }, _) => docker::identify_kubernetes(case, container, pod),
            (CgroupOwner::Nomad { allocation, task }, _) => nomad::identify(case, allocation, task),
            // A user without rights may make no control groups, and a unit's own may hold the container.
            (claim, Some(monitor)) if !matches!(claim, CgroupOwner::SystemContainer { .. }) => {
                podman::identify_by_monitor(self, case, monitor)
            }
            (claim, _) if nested => guests::identify(self, case, &claim),
            (CgroupOwner::SystemContainer { .. }, _) => case.conflict(
                "the control group is that of a guest, but the process lives in the PID namespace of this host",
            ),
            (claim, _) => match patroni::identify(self, case) {
                Ok(control) => control,
                Err(case) => self.identify_by_unit(case, &claim),
            },
        }
    }

    /// A unit of systemd's, or nobody.
    fn identify_by_unit(&self, case: ControllerEvidence<'_>, claim: &CgroupOwner) -> Control {
        match claim {
            CgroupOwner::Service { unit } => systemd::identify(self, case, unit, None),
            CgroupOwner::UserService { unit, uid } => systemd::identify(self, case, unit, Some(*uid)),
            _ => self.identify_by_ancestry(case),
        }
    }

    /// The control group names no manager: it is the nearest one above it, or nobody.
    fn identify_by_ancestry(&self, case: ControllerEvidence<'_>) -> Control {
        match case.line.supervisor() {
            Some((at, keeper)) => self.identify_by_supervisor(case, at, keeper),
            None => identify_unmanaged(case),
        }
    }

    /// The keeper that stands at this place of the line.
    fn identify_by_supervisor(&self, case: ControllerEvidence<'_>, at: usize, keeper: Supervisor) -> Control {
        match keeper {
            Supervisor::Supervisord => supervisors::identify_supervisord(self, case, at),
            Supervisor::Runit => supervisors::identify_runit(case, at),
            Supervisor::S6 => supervisors::identify_s6(case, at),
            Supervisor::Nomad => nomad::identify_by_executor(case, at),
            Supervisor::Tmux | Supervisor::Screen => terminals::identify_multiplexer(self, case, at, keeper),
            Supervisor::Shell => terminals::identify_shell(case, at),
        }
    }

    fn query_timeout(&self) -> Duration {
        self.deadline.at_most(timeouts::CONTROLLER_QUERY)
    }
}

/// Two sources: the control group names nobody, and nobody above it keeps programs running.
fn identify_unmanaged(case: ControllerEvidence<'_>) -> Control {
    let pid = case.process.pid;
    if case.line.process().ppid == 0 && pid == 1 && linux::is_initial_pid_namespace() {
        let first =
            Evidence::new("/proc/self/ns/pid", "the first PID namespace: the kernel itself started it");
        let controller = Controller::Unmanaged { cgroup: case.cgroup.to_owned() };
        return case.with_evidence(first).proven(controller);
    }
    if case.line.process().ppid == 0 && pid == 1 {
        return case.unknown(
            "it is the first process of the PID namespace that haguard sees: what keeps it running is outside of it \
             (run haguard on the host)",
        );
    }
    if let Some(why) = case.line.incomplete_reason().map(str::to_owned) {
        return case.unknown(format!("the line of its parents cannot be followed: {why}"));
    }
    let above = Evidence::new(format!("the parents of {pid}"), case.line.describe());
    if let Some(keeper) = case.line.unsupported_supervisor() {
        let why = format!(
            "{} may start it again, and haguard does not know how to ask it",
            ancestry::describe_process(keeper)
        );
        return case.with_evidence(above).unknown(why);
    }
    let controller = Controller::Unmanaged { cgroup: case.cgroup.to_owned() };
    let case = match terminals::ssh_client_address(pid) {
        Some(from) => {
            let said = format!("SSH_CONNECTION: it was started in a login from {from}");
            case.with_evidence(Evidence::new(format!("/proc/{pid}/environ"), said))
        }
        None => case,
    };
    case.with_evidence(above).proven(controller)
}

impl ControllerEvidence<'_> {
    fn with_evidence(mut self, seen: Evidence) -> Self {
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

    fn queries() -> ControllerQueries {
        ControllerQueries::new(Deadline::after(timeouts::CONTROLLER_QUERY), &Environment::default())
    }

    #[test]
    fn a_number_that_went_to_another_process_says_nothing_of_the_one_before() {
        let me = linux::process(std::process::id()).unwrap();
        let before = Process { start_ticks: me.start_ticks.map(|ticks| ticks - 1), ..me.clone() };
        let control = queries().identify(&before);
        assert!(control.why().unwrap().contains("another process"), "{control:?}");
        assert_eq!(control.certainty(), "unknown");
        let gone = Process { pid: u32::MAX >> 1, ..me };
        assert_eq!(queries().identify(&gone).certainty(), "unknown");
    }

    #[test]
    fn a_control_group_that_cannot_be_read_is_unknown_with_its_reason() {
        let me = linux::process(std::process::id()).unwrap();
        let hidden = Process { cgroup: Known::unknown("denied (run as root)"), ..me };
        assert_eq!(queries().identify(&hidden).why(), Some("denied (run as root)"));
    }

    #[test]
    fn a_control_group_of_a_guest_and_our_own_processes_disagree() {
        let me = linux::process(std::process::id()).unwrap();
        let odd = Process { cgroup: Known::Seen("/payload/system.slice/haproxy.service".into()), ..me };
        assert_eq!(queries().identify(&odd).certainty(), "conflict");
    }
}

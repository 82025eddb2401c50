//! The controller of a process: what starts it again and reloads it. A controller is proven when two sources agree on it:
//! the control group, the parents, and the manager itself.
//!
//! | module | what it identifies |
//! |---|---|
//! | `ancestry` | (shared) a process and its parents |
//! | `cache` | (shared) answers that are asked for once in a look |
//! | `docker` | containers of Docker, and its proxies |
//! | `guest` | systems in PID namespaces of their own |
//! | `haproxy_program` | `program` sections of another HAProxy |
//! | `kubernetes` | pods |
//! | `multiplexer` | terminals of tmux and screen |
//! | `nomad` | tasks of Nomad |
//! | `patroni` | PostgreSQL below Patroni |
//! | `podman` | containers of Podman |
//! | `runit`, `s6` | service folders; `service_folder` is what both share |
//! | `shell` | shells, also over ssh |
//! | `supervisord` | programs of supervisord |
//! | `systemd` | units of the system and of users |
//! | `unmanaged` | processes without a manager |

mod ancestry;
mod cache;
mod docker;
mod guest;
mod haproxy_program;
mod kubernetes;
mod multiplexer;
mod nomad;
mod patroni;
mod podman;
mod runit;
mod s6;
mod service_folder;
mod shell;
mod supervisord;
mod systemd;
mod unmanaged;

use std::collections::BTreeMap;
use std::time::Duration;

use ancestry::Ancestry;
use cache::QueryCache;

use crate::clients::linux::{self, Ancestor};
use crate::config::Environment;
use crate::facts::controllers::{Control, Controller, Evidence};
use crate::facts::{Known, Process};
use crate::time::Deadline;
use crate::timeouts;
use crate::wire::linux::cgroup::{self, CgroupOwner};
use crate::wire::supervisors::{SupervisordProgram, TmuxPane};
use crate::wire::systemd::unit::Unit;

/// Queries to the managers of this host; each is asked once in a look, and only when a process points to it.
pub(super) struct ControllerQueries {
    deadline: Deadline,
    docker_host: Option<String>,
    /// Answers are cached, because all services of a host are looked at.
    units: QueryCache<String, Result<Unit, String>>,
    user_units: QueryCache<(u32, String), Result<Unit, String>>,
    containers: QueryCache<String, docker::ContainerLookup>,
    supervisords: QueryCache<u32, Result<(String, Vec<SupervisordProgram>), String>>,
    tmuxes: QueryCache<u32, Result<(String, Vec<TmuxPane>), String>>,
    relatives: QueryCache<u32, Result<Ancestor, String>>,
    leaders: QueryCache<String, Option<u32>>,
    patronis: QueryCache<u32, Vec<patroni::PatroniStatus>>,
}

/// A kind of process that keeps others running as their parent.
struct SupervisorKind {
    /// This process is one.
    matches: fn(&Ancestor) -> bool,
    /// Identifies the controller, where such a process stands at this place of the line.
    identify: fn(&ControllerQueries, ControllerEvidence<'_>, usize) -> Control,
    /// It reads what a person types.
    terminal: Option<Terminal>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Terminal {
    Shell,
    Multiplexer,
}

/// The first that matches counts: a service of runit's may be called like another supervisor.
static SUPERVISORS: &[SupervisorKind] = &[
    runit::RUNSV,
    s6::SUPERVISE,
    multiplexer::TMUX,
    multiplexer::SCREEN,
    nomad::EXECUTOR,
    supervisord::SUPERVISORD,
    shell::SHELL,
];

fn supervisor_kind(process: &Ancestor) -> Option<&'static SupervisorKind> {
    SUPERVISORS.iter().find(|kind| (kind.matches)(process))
}

fn nearest_supervisor(line: &[Ancestor]) -> Option<(usize, &'static SupervisorKind)> {
    let parents = line.iter().enumerate().skip(1);
    let mut above = parents.filter_map(|(place, process)| Some((place, supervisor_kind(process)?)));
    let nearest = above.next()?;
    if nearest.1.terminal != Some(Terminal::Shell) {
        return Some(nearest);
    }
    let next = above.find(|(_, kind)| kind.terminal != Some(Terminal::Shell));
    Some(next.filter(|(_, kind)| kind.terminal == Some(Terminal::Multiplexer)).unwrap_or(nearest))
}

/// A process whose controller is looked for, with the evidence so far.
struct ControllerEvidence<'a> {
    process: &'a Process,
    cgroup: &'a str,
    line: Ancestry,
    evidence: Vec<Evidence>,
}

impl ControllerQueries {
    /// Nothing is asked yet.
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

    /// Asks systemd in one call about all units that these processes point to.
    pub(super) fn prefetch_units<'a>(&self, processes: impl IntoIterator<Item = &'a Process>) {
        let named = processes.into_iter().filter_map(|process| match cgroup::owner(process.cgroup.seen()?) {
            CgroupOwner::Service { unit } => Some((unit, ())),
            _ => None,
        });
        let units: BTreeMap<String, ()> = named.collect();
        systemd::query_units(self, &units.into_keys().collect::<Vec<_>>());
    }

    /// The controller of this process.
    pub(super) fn identify(&self, process: &Process) -> Control {
        let judged = self.identify_unverified(process);
        // The PID may have been reused while managers were asked.
        match linux::read_ancestor(process.pid) {
            Ok(now) if process.start_ticks.is_none_or(|ticks| ticks == now.start_ticks) => judged,
            Ok(_) => Control::Unknown {
                evidence: judged.evidence().to_vec(),
                why: format!("PID {} is another process by now: run again", process.pid),
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
        evidence.extend(guest::namespace_evidence(process, &line));
        let case = ControllerEvidence { process, cgroup, line, evidence };
        // The nearest controller counts, also across namespaces.
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
            (CgroupOwner::Kubernetes { container, pod }, _) => kubernetes::identify(case, container, pod),
            (CgroupOwner::Nomad { allocation, task }, _) => nomad::identify(case, allocation, task),
            // A rootless Podman may be unable to create a control group, so that the container is in that of a unit.
            (claim, Some(monitor)) if !matches!(claim, CgroupOwner::SystemContainer { .. }) => {
                podman::identify_by_monitor(self, case, monitor)
            }
            (claim, _) if nested => guest::identify(self, case, &claim),
            (CgroupOwner::SystemContainer { .. }, _) => case.conflict(
                "the control group is that of a guest, but the process lives in the PID namespace of this host",
            ),
            (claim, _) => match patroni::identify(self, case) {
                Ok(control) => control,
                Err(case) => self.identify_by_unit(case, &claim),
            },
        }
    }

    /// A unit of systemd; else the nearest supervisor among the parents.
    fn identify_by_unit(&self, case: ControllerEvidence<'_>, claim: &CgroupOwner) -> Control {
        match claim {
            CgroupOwner::Service { unit } => systemd::identify(self, case, unit, None),
            CgroupOwner::UserService { unit, uid } => systemd::identify(self, case, unit, Some(*uid)),
            _ => self.identify_by_ancestry(case),
        }
    }

    /// The control group names no manager, so that the nearest parent that keeps programs running counts.
    fn identify_by_ancestry(&self, case: ControllerEvidence<'_>) -> Control {
        match case.supervisor() {
            Some((at, kind)) => (kind.identify)(self, case, at),
            None => unmanaged::identify(case),
        }
    }

    fn query_timeout(&self) -> Duration {
        self.deadline.at_most(timeouts::CONTROLLER_QUERY)
    }
}

impl ControllerEvidence<'_> {
    /// The nearest parent that keeps programs running, with its place in the line. What is typed into a shell in a
    /// multiplexer is the multiplexer's.
    fn supervisor(&self) -> Option<(usize, &'static SupervisorKind)> {
        nearest_supervisor(self.line.processes())
    }

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

    /// By its place in the table, since functions cannot be compared.
    fn kind_name(kind: &'static SupervisorKind) -> &'static str {
        let names = ["runit", "s6", "tmux", "screen", "nomad", "supervisord", "shell"];
        names[SUPERVISORS.iter().position(|other| std::ptr::eq(other, kind)).unwrap()]
    }

    fn member(comm: &str, argv: &[&str], tty: Option<&str>) -> Ancestor {
        Ancestor {
            pid: 42,
            ppid: 1,
            uid: 0,
            comm: comm.into(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            session: 42,
            tty: tty.map(str::to_owned),
            start_ticks: 1,
            ns_pids: vec![42],
        }
    }

    #[test]
    fn what_is_typed_in_a_shell_of_a_multiplexer_is_the_multiplexers() {
        let found = |above: &[(&str, &str)]| {
            let own = member("haproxy", &["haproxy"], Some("pts/0"));
            let above = above.iter().map(|(comm, first)| member(comm, &[*first], Some("pts/0")));
            let line: Vec<Ancestor> = std::iter::once(own).chain(above).collect();
            nearest_supervisor(&line).map(|(place, kind)| (place, kind_name(kind)))
        };
        let (shell, tmux) = (("bash", "-bash"), ("tmux: server", "tmux"));
        assert_eq!(found(&[shell, shell, tmux]), Some((3, "tmux")));
        assert_eq!(found(&[shell, ("sshd", "sshd")]), Some((1, "shell")));
        assert_eq!(found(&[shell, ("runsv", "runsv"), tmux]), Some((1, "shell")));
        assert_eq!(found(&[("sh", "sh"), tmux]), Some((2, "tmux")));
    }

    #[test]
    fn who_keeps_programs_running() {
        let pts = Some("pts/0");
        for (comm, argv, tty, wanted) in [
            ("bash", &["-bash"][..], pts, Some("shell")),
            ("bash", &["/bin/bash", "-i"], pts, Some("shell")),
            ("sh", &["-sh"], None, Some("shell")),
            ("bash", &["-bash", "-c", "haproxy"], pts, None),
            ("bash", &["bash", "-lc", "haproxy"], pts, None),
            ("bash", &["bash", "/opt/start.sh"], pts, None),
            ("sh", &["sh"], None, None),
            ("supervisord", &["/usr/bin/python3", "/usr/bin/supervisord", "-n"], None, Some("supervisord")),
            ("python3", &["python3", "/venv/bin/supervisord"], None, Some("supervisord")),
            ("vi", &["vi", "/etc/a", "/etc/supervisord"], None, None),
            ("screen", &["SCREEN", "-dmS", "x"], None, Some("screen")),
            ("screen", &["screen", "-r"], pts, None),
            ("tmux: server", &["tmux", "new"], None, Some("tmux")),
            ("tmux: client", &["tmux", "attach"], pts, None),
            ("nomad", &["/usr/bin/nomad", "executor", "{}"], None, Some("nomad")),
            ("nomad", &["/usr/bin/nomad", "agent", "executor"], None, None),
        ] {
            let found = supervisor_kind(&member(comm, argv, tty)).map(kind_name);
            assert_eq!(found, wanted, "{argv:?}");
        }
        for (comm, wanted) in [("supervise", true), ("PM2 v5.3.0: God", true), ("supervisor", false)] {
            assert_eq!(ancestry::is_unsupported_supervisor(&member(comm, &[comm], None)), wanted, "{comm}");
        }
    }
}

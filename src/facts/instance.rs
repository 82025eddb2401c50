//! One HAProxy: its processes, its sockets, who controls it, and how each claim is known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Control, Known};
pub use crate::wire::haproxy::command_line::HaproxyArgs;
pub use crate::wire::linux::process::Process;

/// How HAProxy was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A master that starts workers; reloads are possible.
    MasterWorker,
    /// One process; a "reload" starts another one.
    Standalone,
}

/// One line of `show proc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its PID.
    pub pid: u32,
    /// Reloads it has survived, failed ones included.
    pub reloads: u32,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// Its version.
    pub version: String,
    /// Its open client connections; asked only of workers from before a reload.
    pub connections: Known<u64>,
}

/// A socket and who answers on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketFact {
    /// Its path.
    pub path: String,
    /// Where the path was learnt.
    pub source: String,
    /// What it allows: user, operator or admin.
    pub level: Known<String>,
    /// The process that opened it (`SO_PEERCRED`): the master up to 3.0, the first worker on 3.2 and 3.4.
    pub peer_pid: Known<u32>,
    /// The process that answers (`show info`, or the master's line of `show proc`).
    pub answered_by: Known<u32>,
}

impl SocketFact {
    /// Its level is admin.
    pub fn is_admin_level(&self) -> bool {
        self.level.seen().is_some_and(|level| level == "admin")
    }
}

/// One HAProxy and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The master, or the only process.
    pub main: Process,
    /// How it was started.
    pub mode: Mode,
    /// The sources that agree on its identity; with two it is proven.
    pub identity: Known<Vec<String>>,
    /// Who controls it.
    pub control: Control,
    /// The worker that serves now.
    pub serving: Known<u32>,
    /// Workers, as the master lists them.
    pub workers: Known<Vec<Worker>>,
    /// Workers of earlier reloads that still run.
    pub old_workers: Known<Vec<Worker>>,
    /// Reloads that were asked of the master since its start.
    #[serde(default = "reloads_not_in_snapshot")]
    pub reloads: Known<u32>,
    /// Reloads that failed in a row since the last good one.
    pub failed_reloads: Known<u32>,
    /// When the serving worker started.
    pub worker_started: Known<Timestamp>,
    /// The master socket.
    pub master_socket: Known<SocketFact>,
    /// The admin sockets.
    pub admin_sockets: Known<Vec<SocketFact>>,
    /// The version that runs.
    pub running_version: Known<String>,
    /// The version that the next start would run.
    pub disk_version: Known<String>,
}

/// Snapshots of older versions have no such fact.
fn reloads_not_in_snapshot() -> Known<u32> {
    Known::unknown("the snapshot does not say")
}

impl Instance {
    /// How messages call it.
    pub fn title(&self) -> String {
        match self.mode {
            Mode::MasterWorker => format!("HAProxy (master {})", self.main.pid),
            Mode::Standalone => format!("HAProxy (process {}, no master)", self.main.pid),
        }
    }

    /// The admin socket that its serving worker answers: where there are several, one that allows everything.
    pub fn serving_admin_socket(&self) -> Option<&SocketFact> {
        let serving = self.serving.seen()?;
        let all = self.admin_sockets.seen().into_iter().flatten();
        let own: Vec<&SocketFact> = all.filter(|s| s.answered_by.seen() == Some(serving)).collect();
        own.iter().find(|socket| socket.is_admin_level()).or(own.first()).copied()
    }

    /// The unit that is proven to control it.
    pub fn unit(&self) -> Option<&str> {
        self.control.unit()
    }
}

/// A HAProxy that was noticed on this host, enough to tell it from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its process.
    pub process: Process,
    /// PIDs of its workers.
    pub workers: Vec<u32>,
    /// Its master socket, read from its arguments.
    pub master_socket: Option<String>,
    /// Who controls it.
    #[serde(default = "control_not_in_snapshot")]
    pub control: Control,
}

fn control_not_in_snapshot() -> Control {
    Control::unknown("the snapshot does not say")
}

impl Candidate {
    /// Groups processes: one whose parent is no HAProxy is a candidate, its HAProxy children are its workers.
    pub fn from_processes(processes: Vec<Process>) -> Vec<Self> {
        let pids: BTreeSet<u32> = processes.iter().map(|p| p.pid).collect();
        let workers_of =
            |root: &Process| processes.iter().filter(|p| p.ppid == root.pid).map(|p| p.pid).collect();
        let roots = processes.iter().filter(|p| !pids.contains(&p.ppid));
        roots
            .map(|root| Candidate {
                workers: workers_of(root),
                master_socket: root.haproxy_args().master_socket.map(|socket| root.absolute(&socket)),
                process: root.clone(),
                control: Control::unknown("not looked at"),
            })
            .collect()
    }

    /// One line that tells it from its neighbours.
    pub fn describe(&self) -> String {
        let Process { pid, uid, .. } = self.process;
        let socket = self.master_socket.as_deref().map_or(String::new(), |path| format!(", -S {path}"));
        let control = match (&self.control, self.control.controller()) {
            (Control::Proven { controller, .. }, _) => controller.describe(),
            (_, Some(controller)) => format!("{} (not proven)", controller.describe()),
            (control, None) => format!("control {}", control.certainty()),
        };
        let place = match self.process.same_pid_namespace {
            Known::Seen(false) => ", in a container or a guest",
            _ => "",
        };
        format!(
            "PID {pid}, uid {uid}, {}{socket}{place}; {control}",
            self.process.haproxy_args().files.join(" ")
        )
    }
}

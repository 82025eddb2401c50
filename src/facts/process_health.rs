//! Memory, open files, signals and libraries of the processes, and what else may change them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Known;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessHealth {
    /// Open files of the main process.
    pub master_files: Known<OpenFiles>,
    /// Open files of the serving worker.
    pub worker_files: Known<OpenFiles>,
    /// Memory of the serving worker, and what is left.
    pub memory: Known<MemoryHeadroom>,
    /// What becomes of the signal that orders a reload.
    pub reload_signal: Known<ReloadSignal>,
    /// Libraries that were replaced on disk since the main process or the serving worker loaded them.
    pub stale_libraries: Known<Vec<String>>,
    /// The PID file that HAProxy writes; none where none is configured.
    pub pid_file: Known<Option<PidFile>>,
    /// What the master wrote at its last start or reload, without secrets.
    pub startup_log: Known<Vec<String>>,
    /// The day on which the version that runs was released.
    pub released: Known<Date>,
    /// Whether needrestart would restart it.
    pub needrestart: Known<Needrestart>,
    /// The freeze in force, as `FILE: REASON`.
    pub freeze: Known<Option<String>>,
    /// The run that holds the lock of this HAProxy now, in one line.
    pub turn: Known<Option<String>>,
}

/// Open files of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFiles {
    /// The process.
    pub pid: u32,
    /// How many are open.
    pub used: u64,
    /// How many may be.
    pub limit: u64,
}

/// Memory, in kilobytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryHeadroom {
    /// What the serving worker holds.
    pub worker_kb: u64,
    /// What this host can give without swapping.
    pub host_kb: u64,
    /// What its control group may still take, where that is limited.
    pub group_kb: Option<u64>,
}

impl MemoryHeadroom {
    /// What the next worker can have.
    pub fn available_kb(&self) -> u64 {
        self.group_kb.map_or(self.host_kb, |group| group.min(self.host_kb))
    }
}

/// SIGUSR2 at the master.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadSignal {
    /// One has come and was not taken, in two looks with a pause between them.
    pub pending: bool,
    /// The master would throw it away.
    pub ignored: bool,
    /// The master has no handler for it, so it would end the master.
    pub deadly: bool,
    /// The master is stopped (SIGSTOP, a debugger) and takes nothing.
    pub stopped: bool,
}

/// A PID file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PidFile {
    /// Its path.
    pub path: String,
    /// The PIDs in it.
    pub pids: Known<Vec<u32>>,
}

/// needrestart, which restarts services after an upgrade of a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Needrestart {
    /// It is not on this host.
    Absent,
    /// It is.
    Installed {
        /// What it does with services: `a` restarts them by itself, `i` asks, `l` lists; none where nothing is set.
        mode: Option<String>,
        /// A rule takes HAProxy out.
        spares_haproxy: bool,
        /// This distribution lets it restart by itself where nothing is set.
        by_itself: bool,
    },
}

impl ProcessHealth {
    /// Nothing of it was seen.
    pub fn unknown(why: &str) -> Self {
        ProcessHealth {
            master_files: Known::unknown(why),
            worker_files: Known::unknown(why),
            memory: Known::unknown(why),
            reload_signal: Known::unknown(why),
            stale_libraries: Known::unknown(why),
            pid_file: Known::unknown(why),
            startup_log: Known::unknown(why),
            released: Known::unknown(why),
            needrestart: Known::unknown(why),
            freeze: Known::unknown(why),
            turn: Known::unknown(why),
        }
    }
}

/// Snapshots of older versions have no such facts.
pub(super) fn not_in_snapshot() -> ProcessHealth {
    ProcessHealth::unknown("the snapshot does not say")
}

//! A process, as /proc shows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::known::Known;
use crate::wire::haproxy::command_line::{self, HaproxyArgs};

/// A process, as /proc shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its PID in our namespace.
    pub pid: u32,
    /// Its parent.
    pub ppid: u32,
    /// Its owner.
    pub uid: u32,
    /// When it started.
    pub started: Option<Timestamp>,
    /// The same in clock ticks since boot, as the kernel counts: exact, so that two looks agree on it.
    #[serde(default)]
    pub start_ticks: Option<u64>,
    /// Its command name.
    pub comm: String,
    /// Its arguments. HAProxy takes no secret in them.
    pub argv: Vec<String>,
    /// The program it runs.
    pub exe: Known<String>,
    /// The program on disk was replaced or removed since.
    pub exe_deleted: bool,
    /// The folder it works in.
    pub cwd: Known<String>,
    /// Its control group.
    pub cgroup: Known<String>,
    /// It lives in our PID namespace; one that does not is in a container.
    pub same_pid_namespace: Known<bool>,
    /// It sees our file systems; a hardened unit has a mount namespace of its own without being a container.
    pub same_mount_namespace: Known<bool>,
}

impl Process {
    /// It runs HAProxy, and not a neighbour such as `haproxy_exporter`, whose name only begins so.
    pub fn is_haproxy(&self) -> bool {
        self.comm == "haproxy" || (self.comm.starts_with("haproxy") && !self.haproxy_args().files.is_empty())
    }

    /// Its arguments, read.
    pub fn haproxy_args(&self) -> HaproxyArgs {
        command_line::parse(&self.argv)
    }

    /// A path as the process would open it: relative ones start in its own folder.
    pub fn absolute(&self, path: &str) -> String {
        let path = command_line::unix_path(path).unwrap_or(path);
        match self.cwd.seen() {
            Some(cwd) if !path.starts_with('/') && !path.contains('@') => {
                format!("{}/{path}", cwd.trim_end_matches('/'))
            }
            _ => path.to_owned(),
        }
    }
}

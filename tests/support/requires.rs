//! What a test needs of the machine, in one line at its head: `requires!(Root, Haproxy(Branch::V30))`.

use std::collections::BTreeSet;
use std::path::Path;

use super::haproxy::{self, Branch};
use super::process::on_path;
use super::{cgroup, docker, guest, nomad, sandbox, skip};

/// A part that a machine may lack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// The tests run as root.
    Root,
    /// haguard can be run as another user: root needs `setpriv` for it, everybody else is one.
    OtherUser,
    /// HAProxy of this branch, which `.ci/haproxy` fetches.
    Haproxy(Branch),
    /// A PID namespace, which root makes, or a user in a namespace of their own.
    Sandbox,
    /// The right to mount, in a namespace of our own.
    Mounts,
    /// A guest with systemd, which `.ci/guest` makes and root boots.
    Guest,
    /// A Docker daemon, which `.ci/docker` fetches and root starts.
    Docker,
    /// Podman, with the runc that `.ci/docker` fetches.
    Podman,
    /// Control groups that we may make.
    ControlGroups,
    /// A control group with a limit of memory.
    MemoryLimit,
    /// A program on PATH, or one that a script in `.ci` has fetched.
    Program(&'static str),
    /// A network interface beside loopback.
    Interface,
    /// etcd, Patroni and PostgreSQL.
    Patroni,
    /// Nomad, which is in no package registry: CI goes without it.
    Nomad,
}

/// Ends the test, after one visible line, where the machine lacks one of these parts; in CI that is a failure.
macro_rules! requires {
    ($($part:ident $(($of:expr))?),+ $(,)?) => {
        if $crate::support::requires::lacks(&[$($crate::support::requires::Part::$part $(($of))?),+]) {
            return;
        }
    };
}
pub(crate) use requires;

/// Says what is lacking, in one line. True where something is.
pub(crate) fn lacks(parts: &[Part]) -> bool {
    let (optional, needed): (Vec<Part>, Vec<Part>) = parts.iter().partition(|part| part.is_optional());
    let lacking = |parts: &[Part]| parts.iter().filter_map(|part| part.lacking()).collect::<BTreeSet<_>>();
    let (optional, needed) = (lacking(&optional), lacking(&needed));
    if !needed.is_empty() {
        return skip::missing(&needed.into_iter().collect::<Vec<_>>().join(", no "));
    }
    optional.iter().for_each(|part| skip::say(&format!("SKIP: no {part}, which is in no package registry")));
    !optional.is_empty()
}

impl Part {
    fn is_optional(self) -> bool {
        matches!(self, Part::Nomad)
    }

    /// What is not here, and where it comes from.
    fn lacking(self) -> Option<String> {
        let lacks = |here: bool, what: &str| (!here).then(|| what.to_owned());
        let root = rustix::process::geteuid().is_root();
        match self {
            Part::Root => lacks(root, "root"),
            Part::OtherUser => lacks(!root || on_path("setpriv").is_some(), "setpriv"),
            Part::Haproxy(branch) => haproxy::lacking(branch),
            Part::Sandbox => {
                lacks(sandbox::is_possible(), "PID namespace: neither root nor a user may make one")
            }
            Part::Mounts => lacks(may_mount(), "right to mount"),
            Part::Guest => guest::lacking().or_else(cgroup::lacking),
            Part::Docker => docker::lacking().or_else(cgroup::lacking),
            Part::Podman => docker::lacking().or_else(|| lacks(on_path("podman").is_some(), "podman")),
            Part::ControlGroups => cgroup::lacking(),
            Part::MemoryLimit => lacks(cgroup::limits_memory(), "control group with a limit of memory"),
            Part::Program(name) => lacks(on_path(name).is_some() || fetched(name).is_file(), name),
            Part::Interface => lacks(interface().is_some(), "network interface beside loopback"),
            Part::Patroni => {
                let programs = on_path("etcd").and(on_path("patroni"));
                lacks(
                    programs.is_some() && Path::new("/usr/lib/postgresql").is_dir(),
                    "etcd, Patroni and PostgreSQL (packages etcd-server, patroni, postgresql)",
                )
            }
            Part::Nomad => lacks(nomad::program().is_some(), "nomad"),
        }
    }
}

/// Where a program is that a script in `.ci` has fetched.
fn fetched(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/bin").join(name)
}

/// Whether we may mount; tried where nobody else sees it.
fn may_mount() -> bool {
    let mut command = assert_cmd::Command::new("unshare");
    let tried = command.args(["--mount", "sh", "-c", "mount -t tmpfs none /sys"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// A network interface beside loopback.
pub(crate) fn interface() -> Option<String> {
    let entries = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).find(|name| name != "lo")
}

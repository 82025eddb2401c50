//! Paths, PIDs, mounts and network of a process in other namespaces.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Symbolic links in one path, as many as the kernel follows.
const MAX_SYMLINKS: usize = 40;
/// The kinds of namespace that decide what a HAProxy sees and may do.
const NAMESPACE_KINDS: &[&str] = &["mnt", "pid", "net", "ipc", "uts", "user"];

/// A path of a process as a path of ours through /proc/PID/root. Symbolic links are followed within that root: an absolute
/// one would otherwise lead to a file of ours. Opening it (`RootedPath`) resolves it again, since the process may replace
/// a folder by a link meanwhile.
pub fn proc_root_path(pid: u32, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let (mut real, mut links) = (PathBuf::new(), 0);
    let mut left = reversed_components(path);
    while let Some(part) = left.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        match std::fs::read_link(root.join(&next)) {
            Ok(target) if links < MAX_SYMLINKS => {
                links += 1;
                if target.is_absolute() {
                    real = PathBuf::new();
                }
                left.extend(reversed_components(&target));
            }
            _ => real = next,
        }
    }
    root.join(real)
}

fn reversed_components(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut names: Vec<OsString> = names.collect();
    names.reverse();
    names
}

/// Both paths lead to one file: the same inode of the same file system.
pub fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |path: &Path| super::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    inode(one).is_some_and(|seen| inode(other) == Some(seen))
}

/// Translates PIDs of the namespace in which a socket was created: commands and answers use those, all other code of
/// haguard uses the PIDs of its own namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PidTranslation {
    /// A process of the other PID namespace; none where it is our own.
    namespace_pid: Option<u32>,
}

impl PidTranslation {
    /// For a path through `/proc/PID/root`: the PID namespace of that process.
    pub fn for_path(path: &Path) -> Self {
        let pid = path.strip_prefix("/proc").ok().and_then(|rest| {
            let mut parts = rest.components().map(|part| part.as_os_str().to_str());
            let pid: u32 = parts.next()??.parse().ok()?;
            (parts.next()?? == "root").then_some(pid)
        });
        pid.map_or_else(Self::default, PidTranslation::for_process)
    }

    /// The PID namespace of this process.
    pub fn for_process(pid: u32) -> Self {
        PidTranslation {
            namespace_pid: Some(pid)
                .filter(|pid| pid_namespace(pid).is_some_and(|theirs| Some(theirs) != pid_namespace("self"))),
        }
    }

    /// Our PID of the process that has this PID there; none when it has ended.
    pub fn to_host_pid(self, theirs: u32) -> Option<u32> {
        let Some(of) = self.namespace_pid else { return Some(theirs) };
        let there = pid_namespace(of)?;
        let entries = std::fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.find(|pid| pid_namespace(*pid).as_ref() == Some(&there) && innermost_pid(*pid) == Some(theirs))
    }

    /// The PID there of a process with this PID here; none when it has ended or is in another namespace.
    pub fn to_namespace_pid(self, ours: u32) -> Option<u32> {
        match self.namespace_pid {
            None => Some(ours),
            Some(of) => innermost_pid(ours)
                .filter(|_| pid_namespace(ours).is_some_and(|seen| Some(seen) == pid_namespace(of))),
        }
    }
}

fn pid_namespace(pid: impl std::fmt::Display) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// The number that a process has in its own PID namespace.
fn innermost_pid(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

/// The namespaces of a process that are not ours: the kind, and the kernel's name of each.
///
/// # Errors
/// When they may not be looked at, which needs root.
pub fn foreign_namespaces(pid: u32) -> Result<BTreeMap<String, PathBuf>> {
    let link = |who: &str, kind: &str| {
        let path = format!("/proc/{who}/ns/{kind}");
        std::fs::read_link(&path)
            .map_err(|error| anyhow::anyhow!("{path}: {}", super::describe_denied(Some(error))))
    };
    let mut own = BTreeMap::new();
    for kind in NAMESPACE_KINDS {
        let theirs = link(&pid.to_string(), kind)?;
        if link("self", kind)? != theirs {
            own.insert((*kind).to_owned(), theirs);
        }
    }
    Ok(own)
}

/// What is mounted where a process lives.
///
/// # Errors
/// When it has ended, or may not be looked at.
pub fn mounts(pid: impl std::fmt::Display) -> Result<Vec<crate::wire::linux::mountinfo::Mount>> {
    let path = format!("/proc/{pid}/mountinfo");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| anyhow::anyhow!("{path}: {}", super::describe_denied(Some(error))))?;
    Ok(crate::wire::linux::mountinfo::parse(&text))
}

/// The network interfaces that a process has.
pub fn network_interfaces(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// Calls `look` in a thread that has entered the network namespace of a process, so that `/proc/sys/net` and bind(2) are of
/// that namespace.
///
/// # Errors
/// When it cannot be entered, which needs root, or when the process has ended.
pub fn in_network_namespace<T: Send>(pid: u32, look: impl FnOnce() -> T + Send) -> Result<T> {
    if super::shares_network_namespace(pid).seen() == Some(&true) {
        return Ok(look());
    }
    let path = format!("/proc/{pid}/ns/net");
    let network = File::open(&path)
        .map_err(|error| anyhow::anyhow!("{path}: {}", super::describe_denied(Some(error))))?;
    std::thread::scope(|scope| {
        let gone = scope.spawn(|| {
            use std::os::fd::AsFd;
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
                .with_context(|| format!("entering the network of PID {pid}"))?;
            Ok(look())
        });
        gone.join().unwrap_or_else(|_| anyhow::bail!("the look at the network of PID {pid} ended early"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_within_the_root_and_what_is_not_there_is_named_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        std::os::unix::fs::symlink(at("real"), at("absolute")).unwrap();
        std::os::unix::fs::symlink("absolute/../real", at("relative")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        let me = std::process::id();
        let wanted =
            Path::new(&format!("/proc/{me}/root")).join(at("real/new.sock").strip_prefix("/").unwrap());
        for name in ["real/new.sock", "absolute/new.sock", "relative/new.sock"] {
            assert_eq!(proc_root_path(me, &at(name)), wanted, "{name}");
        }
        assert!(proc_root_path(me, &at("loop")).ends_with("loop"));
    }

    #[test]
    fn our_own_numbers_are_not_touched() {
        let me = std::process::id();
        for path in ["/run/a.sock".to_owned(), format!("/proc/{me}/root/a"), "/proc/x/root".to_owned()] {
            let numbers = PidTranslation::for_path(Path::new(&path));
            assert_eq!((numbers.to_host_pid(7), numbers.to_namespace_pid(7)), (Some(7), Some(7)), "{path}");
        }
        assert!(foreign_namespaces(me).unwrap().is_empty());
        assert_eq!(in_network_namespace(me, || 7).unwrap(), 7);
    }
}

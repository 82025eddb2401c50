//! What a process sees that is not what we see: its root, its numbers for processes, its network.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// More symbolic links than this in one path lead nowhere, as the kernel says too.
const MOST_LINKS: usize = 40;
/// The kinds of namespace that decide what a HAProxy sees and may do.
const KINDS: &[&str] = &["mnt", "pid", "net", "ipc", "uts", "user"];

/// A path of a process's, as we name it. Symbolic links are followed within its root: an absolute one would otherwise lead
/// to a file of ours. It is a name and no more: what opens it (`plain`, `Held`) resolves it anew, since whoever lives
/// there may put a link in its way meanwhile.
pub fn through_root(pid: u32, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let (mut real, mut links) = (PathBuf::new(), 0);
    let mut left = backwards(path);
    while let Some(part) = left.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&part);
        match std::fs::read_link(root.join(&next)) {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                if target.is_absolute() {
                    real = PathBuf::new();
                }
                left.extend(backwards(&target));
            }
            _ => real = next,
        }
    }
    root.join(real)
}

fn backwards(path: &Path) -> Vec<OsString> {
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

/// How processes are numbered where a socket was made: its answers and questions name them so. Everything else in
/// haguard knows our own numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// A process of the other PID namespace; none where it is our own.
    of: Option<u32>,
}

impl Numbers {
    /// A path through `/proc/PID/root` leads to what numbers processes as that one does.
    pub fn at(path: &Path) -> Self {
        let pid = path.strip_prefix("/proc").ok().and_then(|rest| {
            let mut parts = rest.components().map(|part| part.as_os_str().to_str());
            let pid: u32 = parts.next()??.parse().ok()?;
            (parts.next()?? == "root").then_some(pid)
        });
        pid.map_or_else(Self::default, Self::of)
    }

    /// As this process numbers processes.
    pub fn of(pid: u32) -> Self {
        Numbers { of: Some(pid).filter(|pid| space(pid).is_some_and(|theirs| Some(theirs) != space("self"))) }
    }

    /// Our number of the process that has this one there; none when it has ended.
    pub fn ours(self, theirs: u32) -> Option<u32> {
        let Some(of) = self.of else { return Some(theirs) };
        let there = space(of)?;
        let entries = std::fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.find(|pid| space(*pid).as_ref() == Some(&there) && innermost(*pid) == Some(theirs))
    }

    /// The number there of a process of ours; none when it has ended, or is of another place.
    pub fn theirs(self, ours: u32) -> Option<u32> {
        match self.of {
            None => Some(ours),
            Some(of) => innermost(ours).filter(|_| space(ours).is_some_and(|seen| Some(seen) == space(of))),
        }
    }
}

fn space(pid: impl std::fmt::Display) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// The number that a process has in its own PID namespace.
fn innermost(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

/// The namespaces of a process that are not ours: the kind, and the kernel's name of each.
///
/// # Errors
/// When they may not be looked at, which needs root.
pub fn own_namespaces(pid: u32) -> Result<BTreeMap<String, PathBuf>> {
    let link = |who: &str, kind: &str| {
        let path = format!("/proc/{who}/ns/{kind}");
        std::fs::read_link(&path).map_err(|error| anyhow::anyhow!("{path}: {}", super::denied(Some(error))))
    };
    let mut own = BTreeMap::new();
    for kind in KINDS {
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
        .map_err(|error| anyhow::anyhow!("{path}: {}", super::denied(Some(error))))?;
    Ok(crate::wire::linux::mountinfo::parse(&text))
}

/// The network interfaces that a process has.
pub fn interfaces(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default();
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// Looks from within the network of a process: a thread goes there, and ends when it has looked. What is asked of
/// `/proc/sys/net`, and what is bound, is then of that network.
///
/// # Errors
/// When we may not go there, which needs root, or when the process has ended.
pub fn in_network_of<T: Send>(pid: u32, look: impl FnOnce() -> T + Send) -> Result<T> {
    if super::same_network(pid).seen() == Some(&true) {
        return Ok(look());
    }
    let path = format!("/proc/{pid}/ns/net");
    let network =
        File::open(&path).map_err(|error| anyhow::anyhow!("{path}: {}", super::denied(Some(error))))?;
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
            assert_eq!(through_root(me, &at(name)), wanted, "{name}");
        }
        assert!(through_root(me, &at("loop")).ends_with("loop"));
    }

    #[test]
    fn our_own_numbers_are_not_touched() {
        let me = std::process::id();
        for path in ["/run/a.sock".to_owned(), format!("/proc/{me}/root/a"), "/proc/x/root".to_owned()] {
            let numbers = Numbers::at(Path::new(&path));
            assert_eq!((numbers.ours(7), numbers.theirs(7)), (Some(7), Some(7)), "{path}");
        }
        assert!(own_namespaces(me).unwrap().is_empty());
        assert_eq!(in_network_of(me, || 7).unwrap(), 7);
    }
}

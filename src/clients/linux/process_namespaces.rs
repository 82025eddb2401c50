//! The namespaces of a process that are not haguard's own, and entering them.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};

use super::namespaces::foreign_namespaces;

/// Namespaces of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessNamespaces {
    pid: u32,
    /// By kind (mnt, pid, ..), with the kernel's name; only those that differ from ours.
    namespaces: BTreeMap<String, PathBuf>,
}

/// In the order in which they are entered. The mount namespace is last, since /proc/PID/ns is opened in ours.
const ENTER_ORDER: &[(&str, LinkNameSpaceType)] = &[
    ("ipc", LinkNameSpaceType::InterProcessCommunication),
    ("uts", LinkNameSpaceType::HostNameAndNISDomainName),
    ("net", LinkNameSpaceType::Network),
    ("pid", LinkNameSpaceType::ProcessID),
    ("mnt", LinkNameSpaceType::Mount),
];

impl ProcessNamespaces {
    /// The namespaces of a process; none where all are ours.
    ///
    /// # Errors
    /// When they cannot be read, or when one is a user namespace: what root may do in there is not what the process may.
    pub fn from_pid(pid: u32) -> Result<Option<Self>> {
        let namespaces = foreign_namespaces(pid)?;
        ensure!(
            !namespaces.contains_key("user"),
            "PID {pid} is in a user namespace of its own (rootless), which haguard does not enter"
        );
        Ok((!namespaces.is_empty()).then_some(ProcessNamespaces { pid, namespaces }))
    }

    /// The process whose namespaces these are.
    pub(in crate::clients) fn pid(&self) -> u32 {
        self.pid
    }

    /// It has a PID namespace of its own: a container or a guest.
    pub fn is_container(&self) -> bool {
        self.namespaces.contains_key("pid")
    }

    /// It has a root of its own.
    pub fn has_own_root(&self) -> bool {
        self.namespaces.contains_key("mnt")
    }

    /// The kernel's name of one of its namespaces, where it is not ours.
    pub(in crate::clients) fn namespace(&self, kind: &str) -> Option<&PathBuf> {
        self.namespaces.get(kind)
    }

    /// Moves this process into those of these kinds.
    ///
    /// # Errors
    /// When the process has ended meanwhile, or the kernel refuses.
    pub(in crate::clients) fn enter(&self, kinds: &[&str]) -> Result<()> {
        // A process in there could otherwise trace us through /proc while we still have all rights.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .context("forbidding others to trace this process")?;
        let mut opened = Vec::new();
        for (kind, of_kind) in ENTER_ORDER.iter().filter(|(kind, _)| kinds.contains(kind)) {
            let Some(name) = self.namespaces.get(*kind) else { continue };
            let path = format!("/proc/{}/ns/{kind}", self.pid);
            let file = File::open(&path).with_context(|| path.clone())?;
            let target = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
            ensure!(target == *name, "PID {} is another process by now", self.pid);
            opened.push((kind, *of_kind, file));
        }
        for (kind, of_kind, file) in opened {
            move_into_link_name_space(file.as_fd(), Some(of_kind))
                .with_context(|| format!("entering the {kind} namespace of PID {}", self.pid))?;
        }
        Ok(())
    }
}

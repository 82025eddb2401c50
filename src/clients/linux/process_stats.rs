//! How a process fares, from /proc and its control group.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use procfs::process::Process as Entry;

use super::describe_denied;
use crate::wire::linux::{cgroup, proc_maps};

/// How many files a process has open.
///
/// # Errors
/// When its descriptors may not be counted.
pub fn open_file_count(pid: u32) -> Result<u64> {
    let folder = format!("/proc/{pid}/fd");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| anyhow!("{folder}: {}", describe_denied(Some(error))))?;
    Ok(u64::try_from(entries.flatten().count())?)
}

/// Libraries of a process that were replaced on disk since it loaded them.
///
/// # Errors
/// When its memory map may not be read.
pub fn stale_libraries(pid: u32) -> Result<Vec<String>> {
    let path = format!("/proc/{pid}/maps");
    let text = std::fs::read(&path).map_err(|error| anyhow!("{path}: {}", describe_denied(Some(error))))?;
    Ok(proc_maps::stale_libraries(&String::from_utf8_lossy(&text)))
}

/// What a process does with one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalState {
    /// It waits to be taken.
    pub pending: bool,
    /// It is thrown away.
    pub ignored: bool,
    /// There is a handler for it.
    pub caught: bool,
    /// The process is stopped.
    pub stopped: bool,
}

/// What a process does with this signal now.
///
/// # Errors
/// When it has ended.
pub fn signal_state(pid: u32, signal: u32) -> Result<SignalState> {
    let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
    let status = entry.status().with_context(|| format!("/proc/{pid}/status"))?;
    let bit = 1_u64 << signal.saturating_sub(1).min(63);
    Ok(SignalState {
        pending: (status.sigpnd | status.shdpnd) & bit != 0,
        ignored: status.sigign & bit != 0,
        caught: status.sigcgt & bit != 0,
        stopped: status.state.starts_with(['T', 't']),
    })
}

/// Where a version of control groups has its files: the folder, the limit, what is used, and what of that the kernel
/// takes back before it ends a process.
type CgroupMemoryFiles = (&'static str, &'static str, &'static str, &'static str);

const CGROUP_V1: CgroupMemoryFiles =
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ");
const CGROUP_V2: CgroupMemoryFiles = ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ");

/// Version 1 has no word for no limit, only a number that no machine has.
const NO_LIMIT: u64 = 1 << 60;

/// Memory that the control group of a process may still take, in kilobytes: the least of the group and those above it.
/// None where nothing limits it, or where its group is not below ours to see.
pub fn cgroup_headroom_kb(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let (path, first) = cgroup::memory_path(&text)?;
    let (root, limit, used, cache) = if first { CGROUP_V1 } else { CGROUP_V2 };
    let number = |folder: &Path, name: &str| -> Option<u64> {
        std::fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
    };
    let headroom = |group: &Path| {
        let folder = Path::new(root).join(group);
        let limit = number(&folder, limit).filter(|limit| *limit < NO_LIMIT)?;
        let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let cache = stat.lines().find_map(|line| line.strip_prefix(cache)?.parse().ok()).unwrap_or(0);
        Some(limit.saturating_sub(number(&folder, used)?.saturating_sub(cache)) / 1024)
    };
    Path::new(path.trim_start_matches('/')).ancestors().filter_map(headroom).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_files_open_and_no_library_that_is_gone() {
        let me = std::process::id();
        assert!(open_file_count(me).unwrap() >= 3);
        assert_eq!(stale_libraries(me).unwrap(), Vec::<String>::new());
        let state = signal_state(me, 12).unwrap();
        assert!(!state.pending && !state.stopped, "{state:?}");
        assert!(open_file_count(u32::MAX >> 1).is_err());
    }
}

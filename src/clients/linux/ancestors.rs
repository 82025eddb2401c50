//! A process and its parents: what identifies a supervisor. All of it is readable without root.

use anyhow::{Context, Result, ensure};
use procfs::process::Process as Entry;

use crate::wire::supervisors;

/// One process of a line of parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// Its number.
    pub pid: u32,
    /// Its parent; zero where the parent is outside of our PID namespace.
    pub ppid: u32,
    /// Its real user.
    pub uid: u32,
    /// Its command name.
    pub comm: String,
    /// Its arguments.
    pub argv: Vec<String>,
    /// Its session: the number of the process that began it.
    pub session: u32,
    /// Its controlling terminal, such as `pts/3`.
    pub tty: Option<String>,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// Its number in each PID namespace from ours down to its own.
    pub ns_pids: Vec<u32>,
}

impl Ancestor {
    /// It lives in a PID namespace below ours.
    pub fn is_nested(&self) -> bool {
        self.ns_pids.len() > 1
    }

    /// Its program's name as it was called, without folders and the hyphen of a login shell.
    pub fn program_name(&self) -> &str {
        let first = self.argv.first().map_or(self.comm.as_str(), String::as_str);
        first.rsplit('/').next().unwrap_or(first).trim_start_matches('-')
    }
}

/// Reads one process.
///
/// # Errors
/// When it has ended or is hidden.
pub fn read_ancestor(pid: u32) -> Result<Ancestor> {
    let entry = Entry::new(i32::try_from(pid)?).with_context(|| format!("PID {pid}"))?;
    let stat = entry.stat().with_context(|| format!("PID {pid}"))?;
    ensure!(stat.state != 'Z', "PID {pid} has ended");
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("PID {pid}"))?;
    let numbers = |name: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    Ok(Ancestor {
        pid,
        ppid: u32::try_from(stat.ppid).unwrap_or(0),
        uid: numbers("Uid:").first().copied().with_context(|| format!("/proc/{pid}/status names no user"))?,
        comm: stat.comm,
        argv: entry.cmdline().unwrap_or_default(),
        session: u32::try_from(stat.session).unwrap_or(0),
        tty: supervisors::tty_name(stat.tty_nr),
        start_ticks: stat.starttime,
        ns_pids: numbers("NSpid:"),
    })
}

/// The first process of the PID namespace that this one lives in, by its number out here.
pub fn namespace_init(pid: u32) -> Option<u32> {
    let of = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let namespace = of(pid)?;
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut inside = pids.filter(|pid| of(*pid).as_ref() == Some(&namespace));
    inside.find(|pid| read_ancestor(*pid).is_ok_and(|one| one.ns_pids.last() == Some(&1)))
}

/// The process of a thread; none where this is the number of a process, or of none. Tools such as htop show both.
pub fn thread_group_id(number: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{number}/status")).ok()?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())?;
    (pid != number).then_some(pid)
}

/// We live in the PID namespace that the kernel made at boot, whose number is always the same.
pub fn is_initial_pid_namespace() -> bool {
    std::fs::read_link("/proc/self/ns/pid").is_ok_and(|name| name.as_os_str() == "pid:[4026531836]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_parent_is_older_than_we_are() {
        let me = read_ancestor(std::process::id()).unwrap();
        assert!(!me.is_nested() && me.program_name().starts_with("haguard"), "{me:?}");
        assert!(namespace_init(me.pid).is_none_or(|first| first == 1));
        if me.ppid != 0 {
            assert!(read_ancestor(me.ppid).unwrap().start_ticks <= me.start_ticks);
        }
    }
}

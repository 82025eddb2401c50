//! Signals to exactly one process, and its end.

use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::clearance::Clearance;
use crate::clients::linux;
use crate::time::Deadline;
use crate::wait;

/// One process by its pidfd, which never refers to another process, also when the PID is reused.
#[derive(Debug)]
pub struct ProcessHandle {
    pid: u32,
    pidfd: OwnedFd,
}

impl ProcessHandle {
    /// Opens process `pid`, if it is still the one that started at `start_ticks` after boot.
    ///
    /// The descriptor is opened first and the start compared afterwards.
    ///
    /// # Errors
    /// When the process has ended, or is another one.
    pub fn open(pid: u32, start_ticks: u64) -> Result<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).context("a PID out of range")?;
        let pidfd = pidfd_open(number, PidfdFlags::empty()).with_context(|| format!("PID {pid}"))?;
        let now = linux::process(pid)?;
        ensure!(
            now.start_ticks == Some(start_ticks),
            "PID {pid} is another process than the one that was proven"
        );
        Ok(ProcessHandle { pid, pidfd })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The descriptor.
    pub(in crate::clients) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Asks it to end: a master of HAProxy's ends its workers first, at once.
    ///
    /// # Errors
    /// When it has ended, or belongs to another user.
    pub fn terminate(&self, _clearance: &Clearance) -> Result<()> {
        self.send(Signal::TERM, "SIGTERM")
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    /// When it has ended, or belongs to another user.
    pub fn kill(&self, _clearance: &Clearance) -> Result<()> {
        self.send(Signal::KILL, "SIGKILL")
    }

    fn send(&self, signal: Signal, name: &str) -> Result<()> {
        pidfd_send_signal(&self.pidfd, signal).with_context(|| format!("sending {name} to PID {}", self.pid))
    }

    /// True once it has ended, which is waited for no longer than `limit`.
    ///
    /// # Errors
    /// When the kernel cannot wait so long.
    pub fn ended_within(&self, limit: Duration) -> Result<bool> {
        wait::until_ready(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(Deadline::after(limit)))
    }
}

/// Sends SIGUSR2 to the master `pid`, if it is still the process that started at `start_ticks` after boot.
///
/// # Errors
/// When the process has ended, is another one, or belongs to another user. Nothing was sent then.
pub fn signal_reload(pid: u32, start_ticks: u64, _clearance: &Clearance) -> Result<()> {
    ProcessHandle::open(pid, start_ticks)?.send(Signal::USR2, "SIGUSR2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_under_the_same_number_gets_no_signal() {
        // This very process would die of it.
        let me = std::process::id();
        let started = linux::process(me).unwrap().start_ticks.unwrap();
        assert!(
            signal_reload(me, started + 1, &Clearance::grant("test"))
                .unwrap_err()
                .to_string()
                .contains("another process")
        );
        assert!(!ProcessHandle::open(me, started).unwrap().ended_within(Duration::ZERO).unwrap());
    }
}

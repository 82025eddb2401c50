//! A signal to exactly one process: the way to a master that has no socket.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::host;

/// Sends SIGUSR2 to the master `pid`, if it is still the process that started at `start_ticks` after boot.
///
/// The descriptor is opened first and the start compared afterwards, so that no other process can stand behind it.
///
/// # Errors
/// When the process has ended, is another one, or belongs to somebody else. Nothing was sent then.
pub fn reload(pid: u32, start_ticks: u64) -> Result<()> {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw).context("a PID out of range")?;
    let pidfd = pidfd_open(number, PidfdFlags::empty()).with_context(|| format!("PID {pid}"))?;
    let now = host::process(pid)?;
    ensure!(
        now.start_ticks == Some(start_ticks),
        "PID {pid} is another process than the one that was proven"
    );
    pidfd_send_signal(&pidfd, Signal::USR2).with_context(|| format!("sending SIGUSR2 to PID {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_under_the_same_number_gets_no_signal() {
        // This very process would die of it.
        let me = std::process::id();
        let started = host::process(me).unwrap().start_ticks.unwrap();
        assert!(reload(me, started + 1).unwrap_err().to_string().contains("another process"));
    }
}

//! Changes in systemd. Only `act` calls it.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::clearance::Clearance;
use crate::clients::exec::command::Program;

/// Makes systemd read every unit file again. Nothing is started or stopped.
///
/// # Errors
/// When systemd refuses or does not finish in time.
pub fn daemon_reload(limit: Duration, _clearance: &Clearance) -> Result<()> {
    systemctl(&["daemon-reload"], limit)
}

/// Stops and starts a unit, and waits for the end of it.
///
/// # Errors
/// When systemd refuses, the unit does not come up, or it takes longer than `limit`: then its job may still be running.
pub fn restart(unit: &str, limit: Duration, _clearance: &Clearance) -> Result<()> {
    systemctl(&["restart", "--", unit], limit)
}

/// Takes back a job that has not begun.
///
/// # Errors
/// When systemd knows no such job, refuses, or does not answer in time.
pub fn cancel_job(job: u32, limit: Duration, _clearance: &Clearance) -> Result<()> {
    systemctl(&["cancel", &job.to_string()], limit)
}

fn systemctl(words: &[&str], limit: Duration) -> Result<()> {
    // Without it systemctl would wait for a password, which no person is there to type.
    let first = ["--no-ask-password"];
    let arguments = first.iter().chain(words).map(|word| (*word).to_owned()).collect();
    let program = Program { program: "systemctl".into(), arguments, ..Program::default() };
    let output = program.run(limit)?;
    if !output.status.success() {
        bail!("systemctl {}: {}", words.join(" "), output.stderr.trim());
    }
    Ok(())
}

//! systemd, through `systemctl show`: its form that is meant to be parsed, and readable without root.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::program::Program;
use crate::wire::unit::{self, Unit};

/// Asks the running systemd about a unit.
///
/// # Errors
/// When systemd is not the init system here, or does not answer in time.
pub fn show(name: &str, limit: Duration) -> Result<Unit> {
    if !Path::new("/run/systemd/system").is_dir() {
        bail!("systemd does not run this host");
    }
    let properties = format!("--property={}", unit::PROPERTIES.join(","));
    let arguments = ["show", &properties, "--", name];
    let program = Program {
        program: "systemctl".into(),
        arguments: arguments.map(str::to_owned).to_vec(),
        ..Program::default()
    };
    let said = program.run(limit)?;
    if !said.status.success() {
        bail!("systemctl show {name}: {}", said.stderr.trim());
    }
    unit::parse(&said.stdout).pop().with_context(|| format!("systemctl show {name} printed nothing"))
}

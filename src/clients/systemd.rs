//! systemd, through `systemctl show`: its form that is meant to be parsed, and readable without root.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::host;
use super::program::Program;
use crate::wire::unit::{self, Unit};

/// Asks the running systemd about a unit.
///
/// # Errors
/// When systemd is not the init system here, or does not answer in time.
pub fn show(name: &str, limit: Duration) -> Result<Unit> {
    show_all(&[name], limit)?.pop().with_context(|| format!("systemctl show {name} printed nothing"))
}

/// Asks the running systemd about several units in one call; the answers are in the order of the names.
///
/// # Errors
/// When systemd is not the init system here, or does not answer about each in time.
pub fn show_all(names: &[&str], limit: Duration) -> Result<Vec<Unit>> {
    if !Path::new("/run/systemd/system").is_dir() {
        bail!("systemd does not run this host");
    }
    // Without a name systemd tells of itself.
    if names.is_empty() { Ok(Vec::new()) } else { asked(&[], names, limit) }
}

/// Asks a user's own systemd about a unit: as that user, or as root.
///
/// # Errors
/// When it does not answer in time, or somebody else asks.
pub fn show_user(uid: u32, name: &str, limit: Duration) -> Result<Unit> {
    let machine = format!("--machine={uid}@.host");
    let unit = match host::uid() {
        own if own == uid => asked(&["--user"], &[name], limit)?,
        0 => asked(&["--user", &machine], &[name], limit)?,
        _ => bail!("the systemd of user {uid} answers that user and root alone (run as root)"),
    };
    unit.into_iter().next().with_context(|| format!("systemctl --user show {name} printed nothing"))
}

fn asked(options: &[&str], names: &[&str], limit: Duration) -> Result<Vec<Unit>> {
    let properties = format!("--property={}", unit::PROPERTIES.join(","));
    let words = [options, &["show", &properties, "--"], names].concat();
    let program = Program {
        program: "systemctl".into(),
        arguments: words.into_iter().map(str::to_owned).collect(),
        ..Program::default()
    };
    let said = program.run(limit)?;
    let what = || format!("systemctl {} {}", [options, &["show"]].concat().join(" "), names.join(" "));
    if !said.status.success() {
        bail!("{}: {}", what(), said.stderr.trim());
    }
    let units = unit::parse(&said.stdout);
    if units.len() != names.len() {
        bail!("{} told of {} units", what(), units.len());
    }
    Ok(units)
}

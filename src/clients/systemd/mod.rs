//! systemd, through `systemctl show`, whose output is made for programs and needs no root.
//!
//! - `actions`: daemon-reload, restart and cancel; only `act` calls it
//! - `drop_in`: creates and removes drop-in files
//! - `exec_settings`: how a unit would start its service, over the bus
//! - `journal`: the last lines of a unit

pub mod actions;
pub mod drop_in;
mod exec_settings;
mod journal;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::exec::command::Program;
use super::linux::{self, Account};
use crate::wire::systemd::unit::{self, Job, Unit};

pub use exec_settings::{exec_settings, manager};
pub use journal::journal;

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
    require_systemd()?;
    // Without a name `systemctl show` prints the manager's own properties.
    if names.is_empty() { Ok(Vec::new()) } else { show_as(Program::default(), &[], names, limit) }
}

/// Asks a user's own systemd about a unit. Root asks as that user, over the socket that systemd itself keeps for it: this
/// needs neither logind nor a D-Bus of the user's.
///
/// # Errors
/// When it does not answer in time, or this is neither root nor that user.
pub fn show_user(uid: u32, name: &str, limit: Duration) -> Result<Unit> {
    let asker = match linux::effective_uid() {
        own if own == uid => Program::default(),
        0 => Program {
            // systemd compares only the uid of the peer.
            run_as: Some(Account::unprivileged(uid)),
            environment: Some([("XDG_RUNTIME_DIR".to_owned(), format!("/run/user/{uid}"))].into()),
            ..Program::default()
        },
        _ => bail!("the systemd of user {uid} answers that user and root alone (run as root)"),
    };
    let units = show_as(asker, &["--user"], &[name], limit)?;
    units.into_iter().next().with_context(|| format!("systemctl --user show {name} printed nothing"))
}

/// The systemd of a user runs here.
pub fn user_manager_is_running(uid: u32) -> bool {
    Path::new(&format!("/run/user/{uid}/systemd/private")).exists()
}

/// The names of services and sockets that have a file or are loaded, for suggestions.
///
/// # Errors
/// When systemd is not the init system here, or does not answer in time.
pub fn unit_names(limit: Duration) -> Result<BTreeSet<String>> {
    require_systemd()?;
    let mut names = BTreeSet::new();
    for list in [&["list-unit-files"][..], &["list-units", "--all"]] {
        let plain = &["--type=service,socket", "--no-legend", "--plain", "--no-pager"];
        let output = run_systemctl(&[list, plain].concat(), limit)?;
        names.extend(output.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned));
    }
    Ok(names)
}

/// The sockets that systemd opened for services: each with `Id`, `Listen`, `Triggers` and `Accept`.
///
/// # Errors
/// When systemd is not the init system here, or does not answer in time.
pub fn socket_units(limit: Duration) -> Result<Vec<Unit>> {
    require_systemd()?;
    Ok(unit::parse(&run_systemctl(
        &["show", "--property=Id,Listen,Triggers,Accept", "--", "*.socket"],
        limit,
    )?))
}

/// The jobs of all units that are not finished.
///
/// # Errors
/// When systemd is not the init system here, or does not answer in time.
pub fn jobs(limit: Duration) -> Result<Vec<Job>> {
    require_systemd()?;
    let output = run_systemctl(&["list-jobs", "--plain", "--no-legend", "--no-pager"], limit)?;
    unit::parse_jobs(&output).with_context(|| format!("systemctl list-jobs printed `{}`", output.trim()))
}

/// systemd runs this host.
pub fn is_running() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn require_systemd() -> Result<()> {
    if !is_running() {
        bail!("systemd does not run this host");
    }
    Ok(())
}

fn show_as(asker: Program, options: &[&str], names: &[&str], limit: Duration) -> Result<Vec<Unit>> {
    let properties = format!("--property={}", unit::PROPERTIES.join(","));
    let words = [options, &["show", &properties, "--"], names].concat();
    let units = unit::parse(&run_systemctl_as(asker, &words, limit)?);
    if units.len() != names.len() {
        bail!("systemctl show {} returned {} units", names.join(" "), units.len());
    }
    Ok(units)
}

fn run_systemctl(words: &[&str], limit: Duration) -> Result<String> {
    run_systemctl_as(Program::default(), words, limit)
}

fn run_systemctl_as(asker: Program, words: &[&str], limit: Duration) -> Result<String> {
    let arguments = words.iter().map(|word| (*word).to_owned()).collect();
    let program = Program { program: "systemctl".into(), arguments, ..asker };
    let output = program.run(limit)?;
    if !output.status.success() {
        // The list of properties is long and of no use in a message.
        let shown = words.iter().filter(|word| !word.starts_with("--property"));
        let shown: Vec<&str> = shown.copied().collect();
        bail!("systemctl {}: {}", shown.join(" "), output.stderr.trim());
    }
    Ok(output.stdout)
}

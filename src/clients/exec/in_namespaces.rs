//! Programs run, and host names resolved, in the namespaces of another process and with its credentials. A child of
//! haguard's own program enters them; nothing else of theirs is executed but the program itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, ToSocketAddrs};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::command::{CommandOutput, Program};
use super::helper_request::{ExecSpec, HelperRequest, NamespacePlace};
use super::spawn;
use crate::clients::linux::ProcessNamespaces;
use crate::clients::linux::credentials::ProcessCredentials;

/// The exit status where the child could not do what it was asked for; stderr says why.
pub(super) const EXIT_FAILED: u8 = 125;

/// Every address of each name, or why there is none.
pub type ResolvedNames = BTreeMap<String, Result<BTreeSet<IpAddr>, String>>;

/// Runs a program to its end in these namespaces.
///
/// # Errors
/// When it cannot be started there, or is still running after `limit`: then it is killed.
pub fn run(
    namespaces: &ProcessNamespaces,
    credentials: &ProcessCredentials,
    program: &Program,
    limit: Duration,
) -> Result<CommandOutput> {
    let place = NamespacePlace { namespaces: namespaces.clone(), credentials: credentials.clone() };
    let output = run_helper(&HelperRequest::RunInNamespaces(place, program.exec_spec()), limit)?;
    if output.status.code() == Some(EXIT_FAILED.into()) {
        let pid = namespaces.pid();
        bail!("{} in the namespaces of PID {pid}: {}", program.program, output.stderr.trim());
    }
    Ok(output)
}

/// Resolves host names in these namespaces.
///
/// # Errors
/// When they cannot be entered, or not all names are resolved within `limit`.
pub fn resolve(
    namespaces: &ProcessNamespaces,
    credentials: &ProcessCredentials,
    names: &BTreeSet<String>,
    limit: Duration,
) -> Result<ResolvedNames> {
    let place = NamespacePlace { namespaces: namespaces.clone(), credentials: credentials.clone() };
    let names = names.iter().cloned().collect();
    let output = run_helper(&HelperRequest::ResolveInNamespaces(place, names), limit)?;
    let (pid, errors) = (namespaces.pid(), output.stderr.trim());
    ensure!(output.status.success(), "resolving in the namespaces of PID {pid}: {errors}");
    serde_json::from_slice(output.stdout.as_bytes()).context("the answer of the helper")
}

fn run_helper(request: &HelperRequest, limit: Duration) -> Result<CommandOutput> {
    let helper = Program {
        program: spawn::self_program(),
        name: Some(spawn::HELPER_ARGV0.to_owned()),
        input: request.encode()?,
        new_session: true,
        ..Program::default()
    };
    helper.run(limit)
}

impl NamespacePlace {
    /// Moves this process there.
    fn enter(&self) -> Result<()> {
        // A process there could type into a terminal that it shares with us (TIOCSTI).
        rustix::process::setsid().context("starting a session")?;
        self.namespaces.enter(&["ipc", "uts", "net", "pid", "mnt"])?;
        self.credentials.apply().context("taking the credentials of the process there")
    }
}

/// Runs the program in this child process.
pub(super) fn run_here(place: &NamespacePlace, spec: &ExecSpec) -> Result<ExitCode> {
    place.enter()?;
    let status = spec.command().stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("starting {}", spec.program))?;
    Ok(ExitCode::from(u8::try_from(spawn::shell_status(status)).unwrap_or(1)))
}

/// Resolves the names in this child process.
pub(super) fn resolve_here(place: &NamespacePlace, names: Vec<String>) -> Result<ExitCode> {
    place.enter()?;
    let answers: ResolvedNames = names.into_iter().map(resolve_name).collect();
    serde_json::to_writer(std::io::stdout().lock(), &answers)?;
    Ok(ExitCode::SUCCESS)
}

fn resolve_name(name: String) -> (String, Result<BTreeSet<IpAddr>, String>) {
    let found = (name.as_str(), 0).to_socket_addrs();
    let found = found.map(|found| found.map(|address| address.ip()).collect());
    let answer = found.map_err(|error| format!("{name}: {error}"));
    (name, answer)
}

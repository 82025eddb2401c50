//! The program of a HAProxy: which one, as whom it is run, and what it says of itself.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::clients::exec::command::{CommandOutput, Program};
use crate::clients::exec::in_namespaces;
use crate::clients::linux::credentials::ProcessCredentials;
use crate::clients::linux::{self, Account, ProcessNamespaces};
use crate::facts::{Known, Process};
use crate::gather::GatherContext;
use crate::timeouts;
use crate::wire::haproxy::startup_log;

pub(in crate::gather) fn program_path(look: &GatherContext<'_>, main: &Process) -> Result<String> {
    match (&look.settings.binary, &main.exe) {
        (Some(said), _) => Ok(said.value.display().to_string()),
        (None, Known::Seen(exe)) => Ok(exe.clone()),
        (None, Known::Unknown { why }) => bail!("which program it runs is not known: {why}"),
    }
}

/// Runs a program of this process's where the process lives: on this host, or where its files are others. `dress` is
/// what the program may do there, where that is not what the process may.
pub(in crate::gather) fn run_in_namespaces(
    main: &Process,
    program: Program,
    dress: Option<&ProcessCredentials>,
    limit: Duration,
) -> Result<CommandOutput> {
    let elsewhere = |known: &Known<bool>| *known == Known::Seen(false);
    if !elsewhere(&main.same_mount_namespace) && !elsewhere(&main.same_pid_namespace) {
        return program.run(limit);
    }
    if linux::effective_uid() != 0 {
        bail!("PID {} sees files of its own: run as root to use its program there", main.pid);
    }
    match ProcessNamespaces::from_pid(main.pid)? {
        Some(place) => {
            let own = || ProcessCredentials::from_pid(main.pid, place.is_container());
            in_namespaces::run(&place, &dress.cloned().map_or_else(own, Ok)?, &program, limit)
        }
        None => program.run(limit),
    }
}

/// What the program on disk says of itself. Anybody can give a program that name, so it gets no more rights than the
/// process has that runs it.
pub(in crate::gather) fn query_build(
    look: &GatherContext<'_>,
    main: &Process,
) -> Result<startup_log::BuildInfo> {
    let program = version_command(look, main)?;
    let said = run_in_namespaces(main, program.clone(), None, look.deadline.at_most(timeouts::CONFIG_TEST))?;
    startup_log::parse_build_info(&said.stdout).with_context(|| format!("{} -vv", program.program))
}

/// Whether the program that a process runs says that it is HAProxy; none where it cannot be asked.
pub(in crate::gather) fn is_haproxy_program(look: &GatherContext<'_>, main: &Process) -> Option<bool> {
    let program = version_command(look, main).ok()?;
    let said = run_in_namespaces(main, program, None, look.deadline.at_most(timeouts::CONFIG_TEST)).ok()?;
    Some(startup_log::parse_build_info(&said.stdout).is_ok())
}

fn version_command(look: &GatherContext<'_>, main: &Process) -> Result<Program> {
    let owner = if linux::effective_uid() == 0 { run_as_account(main)? } else { None };
    Ok(Program {
        program: program_path(look, main)?,
        arguments: vec!["-vv".into()],
        run_as: owner,
        ..Program::default()
    })
}

/// Whom to run as where that is somebody else.
pub(in crate::gather) fn run_as_account(main: &Process) -> Result<Option<Account>> {
    match (linux::effective_uid(), main.uid) {
        (ours, theirs) if ours == theirs => Ok(None),
        (0, theirs) => {
            // One that would be somebody else gets nothing of what the process has.
            let own = Some(linux::process_account(main.pid)?).filter(|own| own.uid == theirs);
            Ok(Some(own.unwrap_or_else(|| Account::unprivileged(theirs))))
        }
        (_, theirs) => bail!("only root or uid {theirs} can read the files as the master would read them"),
    }
}

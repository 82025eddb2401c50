//! The program of a HAProxy: its path, the account that runs it for a test, and `haproxy -vv`.

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
        (Some(setting), _) => Ok(setting.value.display().to_string()),
        (None, Known::Seen(exe)) => Ok(exe.clone()),
        (None, Known::Unknown { why }) => bail!("which program it runs is not known: {why}"),
    }
}

/// Runs a program in the namespaces of this process, with `credentials` where they are not those of the process.
pub(in crate::gather) fn run_in_namespaces(
    main: &Process,
    program: Program,
    credentials: Option<&ProcessCredentials>,
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
        Some(namespaces) => {
            let own = || ProcessCredentials::from_pid(main.pid, namespaces.is_container());
            in_namespaces::run(&namespaces, &credentials.cloned().map_or_else(own, Ok)?, &program, limit)
        }
        None => program.run(limit),
    }
}

/// Runs `haproxy -vv`. Any user can call a program haproxy, so that it runs with no more privileges than the process has.
pub(in crate::gather) fn query_build(
    look: &GatherContext<'_>,
    main: &Process,
) -> Result<startup_log::BuildInfo> {
    let program = version_command(look, main)?;
    let output =
        run_in_namespaces(main, program.clone(), None, look.deadline.at_most(timeouts::CONFIG_TEST))?;
    startup_log::parse_build_info(&output.stdout).with_context(|| format!("{} -vv", program.program))
}

/// Whether the program that a process runs says that it is HAProxy; none where it cannot be asked.
pub(in crate::gather) fn is_haproxy_program(look: &GatherContext<'_>, main: &Process) -> Option<bool> {
    let program = version_command(look, main).ok()?;
    let output = run_in_namespaces(main, program, None, look.deadline.at_most(timeouts::CONFIG_TEST)).ok()?;
    Some(startup_log::parse_build_info(&output.stdout).is_ok())
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

/// The account to run the program as; none where that is this user.
pub(in crate::gather) fn run_as_account(main: &Process) -> Result<Option<Account>> {
    match (linux::effective_uid(), main.uid) {
        (ours, theirs) if ours == theirs => Ok(None),
        (0, theirs) => {
            // Where a unit would start it as another user, the groups of the process are not used.
            let own = Some(linux::process_account(main.pid)?).filter(|own| own.uid == theirs);
            Ok(Some(own.unwrap_or_else(|| Account::unprivileged(theirs))))
        }
        (_, theirs) => bail!("only root or uid {theirs} can read the files as the master would read them"),
    }
}

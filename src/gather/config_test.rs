//! `haproxy -c`: whether HAProxy accepts the files, with the arguments, the folder, the environment, the user and the limits
//! of the master.
//!
//! Reading a configuration can execute what it names (`lua-load`) and asks resolvers for names, so the test runs in a
//! sealed copy. Where none can be made, a configuration that names no code is tested on the host.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::haproxy::config_files::{self, ParsedConfig};
use super::haproxy::program::{program_path, run_as_account, run_in_namespaces};
use super::launch::LaunchSpec;
use super::{GatherContext, sandbox_spec};
use crate::clients::exec::command::Program;
use crate::clients::linux;
use crate::clients::sandbox::{Sandbox, SandboxSpec};
use crate::facts::{ConfigTest, Process};
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::command_line::HaproxyArgs;
use crate::wire::haproxy::config::Model;
use crate::wire::haproxy::startup_log;

/// A shell's status of what a signal ended is this and the signal's number.
const SIGNALLED: i32 = 128;

/// Tests the files that were read; with `launch` as its unit would start the program.
///
/// # Errors
/// When the test could not be run, or did not end by itself.
pub(super) fn test(
    look: &GatherContext<'_>,
    main: &Process,
    read: &ParsedConfig,
    launch: Option<&LaunchSpec>,
) -> Result<ConfigTest> {
    if launch.is_none() {
        // That this user may not test it is reported before that its environment cannot be read.
        run_as_account(main)?;
    }
    let arguments = arguments(look, main, read.model.seen())?;
    let sealed = match linux::effective_uid() {
        0 => test_in_copy(look, main, read.model.seen(), launch, arguments.clone()),
        _ => Err(anyhow::anyhow!("a sealed copy needs root")),
    };
    match sealed {
        Err(error) if error.is::<NoCopy>() || linux::effective_uid() != 0 => {
            require_no_code(read).with_context(|| format!("{error:#}"))?;
            test_on_host(look, main, launch, arguments)
        }
        other => other,
    }
}

/// The sealed copy could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the sealed copy could not be made: {0}")]
struct NoCopy(String);

/// The master's own arguments: some sections are accepted only with a master.
fn arguments(look: &GatherContext<'_>, main: &Process, model: Option<&Model>) -> Result<Vec<String>> {
    let list = config_files::list_files(look, main)?;
    let own = main.haproxy_args();
    let mut arguments = vec!["-c".to_owned()];
    if own.master_worker && model.is_none_or(|model| !model.settings.master_worker) {
        arguments.push("-W".to_owned());
    }
    arguments.extend(HaproxyArgs::with_files(&own.test_args, &list.arguments));
    Ok(arguments)
}

/// Lines that execute code while they are read must not run here, where they could do anything.
fn require_no_code(read: &ParsedConfig) -> Result<()> {
    let model = read.model.get()?;
    let code = &model.settings.code;
    ensure!(code.is_empty(), "not tested: {} would run its code outside a sealed copy", code.join(", "));
    Ok(())
}

fn test_in_copy(
    look: &GatherContext<'_>,
    main: &Process,
    model: Option<&Model>,
    launch: Option<&LaunchSpec>,
    arguments: Vec<String>,
) -> Result<ConfigTest> {
    let spec = sandbox_spec::sandbox_spec(look, main, model, launch, arguments)?;
    sandbox_spec::with_resolved_names(look, main, model, spec, run_once, |test| test.alerts.clone())
}

fn run_once(look: &GatherContext<'_>, spec: &SandboxSpec) -> Result<ConfigTest> {
    let mut copy = Sandbox::start(spec, look.deadline).map_err(|error| NoCopy(format!("{error:#}")))?;
    let command = format!("{} {}", spec.program, spec.arguments.join(" "));
    let ended = wait::until(look.deadline, timeouts::REHEARSAL_POLL, || match copy.exit_status() {
        Some(status) => ControlFlow::Break(status),
        None => ControlFlow::Continue(copy.age()),
    });
    let status = match ended {
        Ok(status) if status > SIGNALLED => bail!("{command} was ended by signal {}", status - SIGNALLED),
        Ok(status) => status,
        Err(age) => bail!("{command} had not ended after {} s", age.as_secs()),
    };
    Ok(ConfigTest { valid: status == 0, command, alerts: startup_log::alerts(&copy.stop()) })
}

fn test_on_host(
    look: &GatherContext<'_>,
    main: &Process,
    launch: Option<&LaunchSpec>,
    arguments: Vec<String>,
) -> Result<ConfigTest> {
    let (environment, owner) = match launch {
        Some(launch) => {
            let account = Some(launch.credentials.account());
            (launch.environment.clone(), account.filter(|account| account.uid != linux::effective_uid()))
        }
        None => (config_files::worker_environment(main)?, run_as_account(main)?),
    };
    let program = Program {
        program: program_path(look, main)?,
        arguments,
        environment: Some(environment),
        folder: main.cwd.seen().map(PathBuf::from),
        run_as: owner,
        ..Program::default()
    };
    let command = format!("{} {}", program.program, program.arguments.join(" "));
    let credentials = launch.map(|launch| &launch.credentials);
    let output = run_in_namespaces(main, program, credentials, look.time_limit(timeouts::CONFIG_TEST))?;
    ensure!(output.status.code().is_some(), "{command} ended by a signal: {}", output.status);
    Ok(ConfigTest { valid: output.status.success(), command, alerts: startup_log::alerts(&output.stderr) })
}

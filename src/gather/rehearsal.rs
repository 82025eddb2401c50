//! The next worker, started in a sandbox and read by the same code as the running one.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::binds::client_sockets;
use super::haproxy::{config_files, live_worker, paths, program};
use super::launch::LaunchSpec;
use super::{GatherContext, sandbox_spec};
use crate::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use crate::clients::linux;
use crate::clients::sandbox::{SOCKET_FOLDER, Sandbox, SandboxSpec};
use crate::facts::{Known, Patterns, Process, Rehearsal, WorkerState};
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::command_line::HaproxyArgs;
use crate::wire::haproxy::config::Model;
use crate::wire::haproxy::startup_log;

/// The result, and the state of the worker where it started.
pub(super) struct RehearsalResult {
    pub(super) rehearsal: Known<Rehearsal>,
    pub(super) state: Option<WorkerState>,
}

impl RehearsalResult {
    pub(super) fn not_possible(why: impl Into<String>) -> Self {
        RehearsalResult { rehearsal: Known::unknown(why), state: None }
    }
}

/// The state of the rehearsed worker, with what only the files show: the line of each proxy, and lists that no line uses.
pub(super) fn merge_with_files(
    tried: Option<RehearsalResult>,
    read: WorkerState,
) -> (Option<Known<Rehearsal>>, WorkerState) {
    let Some(RehearsalResult { rehearsal, state }) = tried else { return (None, read) };
    let Some(mut state) = state else { return (Some(rehearsal), read) };
    client_sockets::remove(&mut state.listeners, &read.listeners, &client_sockets::DEFAULT_RANGE);
    if let Known::Seen(proxies) = &mut state.proxies {
        for proxy in proxies {
            let written = read.proxies.seen().into_iter().flatten().find(|other| other.name == proxy.name);
            proxy.at = written.and_then(|written| written.at.clone());
        }
    }
    if let (Known::Seen(mine), Known::Seen(others)) = (&mut state.patterns, read.patterns) {
        let known =
            |list: &Patterns| mine.iter().any(|mine| mine.kind == list.kind && mine.name == list.name);
        let unused: Vec<Patterns> = others.into_iter().filter(|list| list.file && !known(list)).collect();
        mine.extend(unused);
    }
    (Some(rehearsal), state)
}

/// Starts what the master would start next.
pub(super) fn rehearse(look: &GatherContext<'_>, main: &Process, model: Option<&Model>) -> RehearsalResult {
    attempt(look, main, model, None)
        .unwrap_or_else(|error| RehearsalResult::not_possible(format!("{error:#}")))
}

/// Starts what the master's unit would start.
pub(super) fn rehearse_unit_start(
    look: &GatherContext<'_>,
    launch: &LaunchSpec,
    model: Option<&Model>,
) -> RehearsalResult {
    let tried = attempt(look, &launch.main, model, Some(launch));
    tried.unwrap_or_else(|error| RehearsalResult::not_possible(format!("{error:#}")))
}

fn attempt(
    look: &GatherContext<'_>,
    main: &Process,
    model: Option<&Model>,
    launch: Option<&LaunchSpec>,
) -> Result<RehearsalResult> {
    check_prerequisites(main, model)?;
    require_program(look, main)?;
    // One that runs without a master gets one, so that it can be asked; what it binds and loads is the same.
    let mut arguments = vec!["-W".to_owned(), "-db".to_owned(), "-S".to_owned(), master_socket_path()];
    let own = main.haproxy_args().start_args;
    arguments.extend(HaproxyArgs::with_files(&own, &config_files::config_arguments(look, main)));
    let spec = sandbox_spec::sandbox_spec(look, main, model, launch, arguments)?;
    sandbox_spec::with_resolved_names(look, main, model, spec, run_once, |rehearsed| {
        let failed = rehearsed.rehearsal.seen().filter(|seen| !seen.came_up);
        failed.map(|seen| seen.alerts.clone()).unwrap_or_default()
    })
}

/// Reasons not to rehearse, each with what would be needed.
fn check_prerequisites(main: &Process, model: Option<&Model>) -> Result<()> {
    if linux::effective_uid() != 0 {
        bail!("a rehearsal needs root");
    }
    let master = main.haproxy_args().master_worker || model.is_some_and(|model| model.settings.master_worker);
    if !master && main.uid != 0 && linux::has_changed_user(main.pid) {
        let pid = main.pid;
        bail!(
            "PID {pid} runs without a master and gave up the user that it was started as, so what its next start may do is \
             not known (a master, -W, keeps that user)"
        );
    }
    if let (Some(held), Some(free)) =
        (linux::max_resident_kb_of_master(main.pid), linux::available_memory_kb())
        && held.saturating_mul(2) > free
    {
        bail!("{free} kB of memory are free, and a second HAProxy may need {held} kB and more");
    }
    Ok(())
}

/// Without its program on disk a master cannot execute itself again.
fn require_program(look: &GatherContext<'_>, main: &Process) -> Result<()> {
    let program = program::program_path(look, main)?;
    match linux::exists(&paths::on_host(main, &program)) {
        Ok(false) => bail!("{program} is not on disk any more: a reload would find nothing to start"),
        _ => Ok(()),
    }
}

/// The master socket in the sandbox.
fn master_socket_path() -> String {
    format!("{SOCKET_FOLDER}/master.sock")
}

fn run_once(look: &GatherContext<'_>, spec: &SandboxSpec) -> Result<RehearsalResult> {
    let mut copy = Sandbox::start(spec, look.deadline).context("the sandbox could not be created")?;
    let command = format!("{} {}", spec.program, spec.arguments.join(" "));
    // Not counted as calls to the running HAProxy.
    let master = RuntimeSocket::new(copy.path(&master_socket_path()), timeouts::BULK_QUERY, Arc::default());
    let up = wait_until_up(look, &mut copy)?;
    let start_up = copy.age();
    let mut memory_kb = Known::unknown("it did not come up");
    let state = up.map(|pid| {
        memory_kb = linux::peak_resident_kb(pid).context("/proc does not say").into();
        live_worker::rehearsed_worker_state(look, &master.via_master(pid), pid)
    });
    let (ended, set_up) = (copy.exit_status(), copy.set_up);
    let log = copy.stop();
    let rehearsal = Rehearsal {
        came_up: state.is_some(),
        command,
        ended: ended.filter(|_| state.is_none()),
        alerts: startup_log::alerts(&log),
        warnings: startup_log::warnings(&log),
        set_up_ms: milliseconds(set_up),
        start_up_ms: milliseconds(start_up),
        memory_kb,
    };
    Ok(RehearsalResult { rehearsal: Known::Seen(rehearsal), state })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The worker once it answers; none when HAProxy has ended. From 3.2 on the master lists a worker before it has loaded
/// anything, so that the start-up log and an answer are awaited.
fn wait_until_up(look: &GatherContext<'_>, copy: &mut Sandbox) -> Result<Option<u32>> {
    let master = RuntimeSocket::new(copy.path(&master_socket_path()), timeouts::FIRST_QUERY, Arc::default());
    let up = wait::until(look.deadline, timeouts::REHEARSAL_POLL, || {
        if copy.exit_status().is_some() {
            return ControlFlow::Break(None);
        }
        let loaded = copy.age() > timeouts::SILENT_START || startup_log::worker_loaded(&copy.log());
        match loaded.then(|| ready_worker(&master)).flatten() {
            Some(pid) => ControlFlow::Break(Some(pid)),
            None => ControlFlow::Continue(copy.age().as_secs()),
        }
    });
    up.map_err(|seconds| anyhow!("it was still starting after {seconds} s"))
}

fn ready_worker(master: &RuntimeSocket) -> Option<u32> {
    // Before the socket exists there is nothing to connect to.
    if !linux::exists(master.path()).unwrap_or(true) {
        return None;
    }
    let listed = master.processes().ok()?;
    let worker = listed.workers.first()?;
    let channel: WorkerChannel = master.via_master(worker.pid);
    channel.ask("show info").ok().map(|_| worker.pid)
}

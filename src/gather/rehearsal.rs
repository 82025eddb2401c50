//! The next worker, started in a sandbox and read by the same code as the running one.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::GatherContext;
use super::binds::{client_sockets, configured};
use super::haproxy::hostnames::{self, ResolvedHostnames};
use super::haproxy::{config_files, live_worker, paths, program};
use super::launch::LaunchSpec;
use crate::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use crate::clients::linux::credentials::ProcessCredentials;
use crate::clients::linux::{self, ProcessNamespaces};
use crate::clients::sandbox::{self, INHERITED_SYSCTLS, SOCKET_FOLDER, Sandbox, SandboxSpec};
use crate::facts::{Known, Listener, Patterns, Process, Rehearsal, WorkerState};
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::command_line::HaproxyArgs;
use crate::wire::haproxy::config::{Endpoint, Host, Model};
use crate::wire::haproxy::startup_log;

/// Names that only an alert tells are looked up and tried again this often.
const MAX_ATTEMPTS: usize = 3;

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
    let mut spec = sandbox_spec(look, main, model, launch)?;
    let mut resolved = hostnames::resolve(main, server_hostnames(model), look.time_limit(timeouts::RESOLVE));
    for _ in 1..MAX_ATTEMPTS {
        spec.hosts = hosts_file(main, &resolved);
        let rehearsed = run_once(look, &spec)?;
        // Log servers, peers and resolvers may have names too, which do not resolve in the sandbox but on the host.
        let alerts = rehearsed.rehearsal.seen().filter(|seen| !seen.came_up).map(|seen| &seen.alerts);
        let missing: BTreeSet<String> = alerts
            .map(|alerts| startup_log::unresolved_names(alerts))
            .unwrap_or_default()
            .into_iter()
            .collect();
        let new: BTreeSet<String> = missing.into_iter().filter(|name| !resolved.contains_key(name)).collect();
        let found = hostnames::resolve(main, new, look.time_limit(timeouts::RESOLVE));
        let any = found.values().any(|known| known.seen().is_some());
        resolved.extend(found);
        if !any {
            return Ok(rehearsed);
        }
    }
    spec.hosts = hosts_file(main, &resolved);
    run_once(look, &spec)
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

fn server_hostnames(model: Option<&Model>) -> BTreeSet<String> {
    let servers = model.into_iter().flat_map(|model| &model.proxies).flat_map(|proxy| &proxy.servers);
    servers
        .filter_map(|server| match &server.host {
            Host::Name(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// The master socket in the sandbox.
fn master_socket_path() -> String {
    format!("{SOCKET_FOLDER}/master.sock")
}

fn sandbox_spec(
    look: &GatherContext<'_>,
    main: &Process,
    model: Option<&Model>,
    launch: Option<&LaunchSpec>,
) -> Result<SandboxSpec> {
    let args = main.haproxy_args();
    let place = ProcessNamespaces::from_pid(main.pid)?;
    // One that runs without a master gets one, so that it can be asked; what it binds and loads is the same.
    let mut arguments = vec!["-W".to_owned(), "-db".to_owned(), "-S".to_owned(), master_socket_path()];
    arguments.extend(HaproxyArgs::with_files(&args.start_args, &config_files::config_arguments(look, main)));
    let (environment, credentials, low_ports) = match launch {
        Some(launch) => {
            (launch.environment.clone(), launch.credentials.clone(), launch.credentials.can_bind_low_ports())
        }
        None => {
            let credentials = ProcessCredentials::from_pid(
                main.pid,
                place.as_ref().is_some_and(ProcessNamespaces::is_container),
            )?;
            (
                config_files::worker_environment(main)?,
                credentials,
                linux::bind_privileges(main.pid).is_ok_and(|rights| rights.low_ports),
            )
        }
    };
    Ok(SandboxSpec {
        program: program::program_path(look, main)?,
        arguments,
        environment,
        folder: main.cwd.seen().cloned(),
        credentials: Some(credentials),
        place,
        host: sandbox::host_namespaces()?,
        emptied: launch.map(|launch| launch.emptied.clone()).unwrap_or_default(),
        hosts: String::new(),
        sysctls: sysctls(main, low_ports),
        interfaces: bind_interfaces(main, model),
        inherited: inherited_sockets(main, model)?,
    })
}

/// Network settings of the host. A master that may bind low ports without being root can do so in the sandbox.
fn sysctls(main: &Process, low_ports: bool) -> Vec<(String, String)> {
    let read = |name: &&str| {
        let value = std::fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?;
        Some(((*name).to_owned(), value.trim().to_owned()))
    };
    let all = || INHERITED_SYSCTLS.iter().filter_map(read).collect::<Vec<(String, String)>>();
    let mut all = linux::in_network_namespace(main.pid, all).unwrap_or_default();
    if main.uid != 0 && low_ports {
        all.retain(|(name, _)| !name.ends_with("ip_unprivileged_port_start"));
        all.push(("ipv4/ip_unprivileged_port_start".to_owned(), "0".to_owned()));
    }
    all
}

/// Interfaces that binds name and that exist; a bind to another one must fail in the sandbox too.
fn bind_interfaces(main: &Process, model: Option<&Model>) -> Vec<String> {
    let there = linux::network_interfaces(main.pid);
    let here = |name: &str| name != "lo" && there.iter().any(|other| other == name);
    let named =
        model.into_iter().flat_map(|model| &model.binds).filter_map(|bind| bind.options.interface.clone());
    named.filter(|name| here(name)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The sockets of `fd@N` binds, which the master inherited; its other sockets are not passed on.
fn inherited_sockets(main: &Process, model: Option<&Model>) -> Result<Vec<(i32, String)>> {
    let endpoints = model.into_iter().flat_map(|model| &model.binds).flat_map(|bind| &bind.endpoints);
    let wanted: BTreeSet<u32> = endpoints
        .filter_map(|endpoint| match endpoint {
            Endpoint::Descriptor(number) => Some(*number),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let behind = configured::listeners_by_fd(main.pid).unwrap_or_default().into_iter();
    let wanted = behind.filter(|(number, _)| wanted.contains(number));
    let inherited = wanted.map(|(number, listener)| match listener {
        Listener::Tcp(at) => Ok((i32::try_from(number)?, at.to_string())),
        other => bail!("fd@{number} is {other}, and the sealed copy can be handed TCP listeners only"),
    });
    inherited.collect()
}

/// Its /etc/hosts, then the names that it needs with their addresses.
fn hosts_file(main: &Process, resolved: &ResolvedHostnames) -> String {
    let mut text = linux::read_text_file(&paths::on_host(main, "/etc/hosts")).unwrap_or_default();
    for (name, known) in resolved {
        for address in known.seen().into_iter().flatten() {
            text.push_str(&format!("\n{address} {name}"));
        }
    }
    text.push('\n');
    text
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

//! Looks at the host and fills the facts. It cannot fail: what it cannot see is recorded as unknown, with the reason.
//!
//! - `binds`: listeners of the next worker, and conflicts
//! - `config_test`: `haproxy -c`, in a sealed copy
//! - `controllers`: who starts and reloads a process
//! - `dataplane`: the Data Plane API
//! - `guard`: the guard of a unit
//! - `haproxy`: processes, sockets and files of HAProxy
//! - `host`: services and namespaces of this host
//! - `launch`: a start that differs from the running process
//! - `node`: which HAProxy is looked at, and how it is reached
//! - `rehearsal`: starts the next worker in a sandbox
//! - `sandbox_spec`: what is started in a sealed copy
//! - `unchanged`: proves that looking changed nothing
//! - `unit_start`: what a restart by the unit would start
//! - `without_instance`: what is left to look at where no HAProxy was found

pub mod binds;
mod config_test;
mod controllers;
pub mod dataplane;
mod guard;
pub mod haproxy;
pub mod host;
mod launch;
mod node;
mod rehearsal;
mod sandbox_spec;
mod unchanged;
mod unit_start;
mod without_instance;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use controllers::ControllerQueries;
pub use guard::guard;
use haproxy::live_worker::LiveWorker;
use md5::Digest;
use without_instance::{gather_files_only, gather_without_instance, unknown_facts};

use crate::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use crate::clients::linux;
use crate::config::Settings;
use crate::facts::pin::Pin;
use crate::facts::{
    Candidate, ConfigFile, EntryHasher, Facts, GuardFacts, Instance, Known, Process, RuntimeState,
};
use crate::time::{self, Deadline};
use crate::timeouts;
pub use crate::wire::haproxy::config::Model;
pub use haproxy::routes::routes;
pub use haproxy::selector::InstanceSelector;
pub use host::services::{NO_LISTENERS, describe_listeners, service_by_pid, services};
pub use node::{Node, Reach};

/// How the next worker is determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeDepth {
    /// From its files; nothing is started.
    Read,
    /// It is started in a sandbox; where that is not possible, its files are read.
    Rehearse,
    /// The same, and what a restart by its unit would start, where that is something else.
    RehearseUnitStart,
}

/// What every part of a look shares.
struct GatherContext<'a> {
    settings: &'a Settings,
    effort: ProbeDepth,
    deadline: Deadline,
    calls: Arc<AtomicU32>,
    dataplane_calls: AtomicU32,
    entry_hasher: EntryHasher,
    controllers: ControllerQueries,
}

/// The instance, and how its serving worker is reached.
struct DiscoveredInstance {
    instance: Instance,
    channel: Known<WorkerChannel>,
    master: Option<RuntimeSocket>,
}

impl<'a> GatherContext<'a> {
    fn new(settings: &'a Settings, effort: ProbeDepth) -> Self {
        let limit = settings.timeout.value;
        let deadline = Deadline::after(match effort {
            ProbeDepth::Rehearse | ProbeDepth::RehearseUnitStart => limit.max(timeouts::RELOAD),
            ProbeDepth::Read => limit,
        });
        GatherContext {
            settings,
            effort,
            deadline,
            calls: Arc::default(),
            dataplane_calls: AtomicU32::default(),
            entry_hasher: EntryHasher::default(),
            controllers: ControllerQueries::new(deadline, &settings.environment),
        }
    }

    /// The limit of a slow part: a rehearsed start may take long, because a reload would wait for it too.
    fn time_limit(&self, usual: Duration) -> Duration {
        match self.effort {
            ProbeDepth::Read => self.deadline.at_most(usual),
            ProbeDepth::Rehearse | ProbeDepth::RehearseUnitStart => self.deadline.left(),
        }
    }
}

/// Looks at the target and at everything around it.
pub fn gather_facts(settings: &Settings, node: &Node, effort: ProbeDepth) -> Facts {
    gather_with_runtime(settings, node, effort).0
}

/// The same, and the values behind the state of the serving worker, for what puts them back: the same reading.
pub fn gather_with_runtime(
    settings: &Settings,
    node: &Node,
    effort: ProbeDepth,
) -> (Facts, Known<RuntimeState>) {
    gather_all(settings, node, effort, None)
}

/// Looks at what runs now, after a change. What the next worker would be was known before it and is taken from there.
pub fn gather_after_change(settings: &Settings, before: &Facts) -> Facts {
    let node = before.instance.seen().map_or_else(Node::only_local, |i| Node::local_process(i.main.pid));
    gather_all(settings, &node, ProbeDepth::Read, Some(before)).0
}

/// The same after a restart: its main process is another one now.
pub fn gather_after_restart(settings: &Settings, before: &Facts, main: u32) -> Facts {
    gather_all(settings, &Node::local_process(main), ProbeDepth::Read, Some(before)).0
}

/// The target without its state, for repeated calls while it starts.
pub fn find_instance(settings: &Settings, node: &Node) -> Known<Instance> {
    let Reach::Local(selector) = &node.reach;
    let look = GatherContext::new(settings, ProbeDepth::Read);
    let candidates: Known<Vec<Candidate>> = linux::haproxy_processes().map(Candidate::from_processes).into();
    haproxy::instance::find_instance(&look, selector, &candidates).map(|found| found.instance)
}

/// The environment that this process was started with, for the start of another one in its place. It may hold secrets:
/// use it, never show it.
///
/// # Errors
/// When it belongs to another user and we are not root.
pub fn start_environment(main: &Process) -> anyhow::Result<BTreeMap<String, String>> {
    haproxy::config_files::worker_environment(main)
}

/// The main process of the target, by /proc alone, also while its sockets are away.
pub fn find_main_process(settings: &Settings, node: &Node) -> Option<Process> {
    let Reach::Local(selector) = &node.reach;
    haproxy::instance::find_main_process(settings, selector)
}

/// What a plan about a restart by a unit rests on beyond the unit itself, as it is in this moment.
///
/// # Errors
/// When systemd does not say what it would start.
pub fn unit_start_basis(
    settings: &Settings,
    main: &Process,
    guard: &GuardFacts,
) -> anyhow::Result<BTreeMap<String, String>> {
    unit_start::unit_start_basis(&GatherContext::new(settings, ProbeDepth::Read), main, guard)
}

/// The model of a configuration that is given by its bytes, as this process would read it.
pub fn parse_model(settings: &Settings, main: &Process, files: &[(PathBuf, Vec<u8>)]) -> Option<Model> {
    haproxy::config_files::parse_model(&GatherContext::new(settings, ProbeDepth::Read), main, files)
}

/// The bytes of a file of this process's, read as it would open it.
///
/// # Errors
/// When it cannot be read.
pub fn read_process_file(main: &Process, path: &str) -> std::io::Result<Vec<u8>> {
    linux::read_regular_file(&haproxy::paths::on_host(main, path))
}

/// Whether the files that this process reads under their names are the ones that we find there, so that we can put them
/// back; else why not.
///
/// # Errors
/// When one of them is another file here, or none.
pub fn require_host_files(main: &Process, files: &[ConfigFile]) -> anyhow::Result<()> {
    let others = files.iter().find(|file| {
        let there = haproxy::paths::on_host(main, &file.path);
        there != std::path::Path::new(&file.path) && !linux::same_file(&there, file.path.as_ref())
    });
    others.map_or(Ok(()), |file| {
        let pid = main.pid;
        anyhow::bail!("PID {pid} has files of its own, and its {} is not the one of this host", file.path)
    })
}

/// The MD5 of bytes, as facts and plans show it.
pub fn md5_hex(bytes: &[u8]) -> String {
    haproxy::config_files::hex(&md5::Md5::digest(bytes))
}

fn gather_all(
    settings: &Settings,
    node: &Node,
    effort: ProbeDepth,
    before: Option<&Facts>,
) -> (Facts, Known<RuntimeState>) {
    let begun = Instant::now();
    let taken_at = time::now();
    let look = GatherContext::new(settings, effort);
    let candidates = find_candidates(&look);
    let Reach::Local(selector) = &node.reach;
    let (mut facts, runtime) = match haproxy::instance::find_instance(&look, selector, &candidates) {
        Known::Seen(found) => gather_instance(&look, found, before),
        Known::Unknown { why } => {
            let facts = match only_files_given(&look, &candidates) {
                true => gather_files_only(&look, &why),
                false => gather_without_instance(&look, &why),
            };
            (facts, Known::Unknown { why })
        }
    };
    facts.host.clone_from(&node.name);
    facts.candidates = candidates;
    facts.pins = pins(settings);
    facts.taken_at = taken_at;
    facts.cost.dataplane_calls = look.dataplane_calls.load(Ordering::Relaxed);
    facts.cost.runtime_calls = look.calls.load(Ordering::Relaxed);
    facts.cost.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    (facts, runtime)
}

/// The pins of the configuration, in the words of facts.
fn pins(settings: &Settings) -> Vec<Pin> {
    let pins = settings.pins.iter().cloned();
    let pins = pins.map(|pin| Pin {
        service: pin.service,
        controller: pin.controller,
        unit: pin.unit,
        container: pin.container,
        name: pin.name,
        config: pin.config,
    });
    pins.collect()
}

/// Every HAProxy that can be seen, and who controls each.
fn find_candidates(look: &GatherContext<'_>) -> Known<Vec<Candidate>> {
    let found = linux::haproxy_processes().map(|all| {
        let mut candidates = Candidate::from_processes(all);
        look.controllers.prefetch_units(candidates.iter().map(|candidate| &candidate.process));
        candidates.iter_mut().for_each(|one| one.control = look.controllers.identify(&one.process));
        candidates
    });
    found.into()
}

/// Files were given to be tried, no socket was named, and no HAProxy is here.
fn only_files_given(look: &GatherContext<'_>, candidates: &Known<Vec<Candidate>>) -> bool {
    let Settings { config, master_socket, stats_socket, .. } = look.settings;
    look.effort != ProbeDepth::Read
        && config.is_some()
        && master_socket.is_none()
        && stats_socket.is_none()
        && candidates.seen().is_some_and(Vec::is_empty)
}

/// The parts are independent, so they are looked at side by side.
fn gather_instance(
    look: &GatherContext<'_>,
    mut found: DiscoveredInstance,
    earlier: Option<&Facts>,
) -> (Facts, Known<RuntimeState>) {
    let before = unchanged::observe(look, &found);
    let main = &found.instance.main;
    let limit = look.deadline.at_most(timeouts::RUNTIME_QUERY);
    let guarded: Option<Known<GuardFacts>> = found.instance.unit().map(|unit| guard(unit, limit).into());
    let files = OnceLock::new();
    let (worker, test, api, tried, mut vitals, started) = std::thread::scope(|scope| {
        let live = scope.spawn(|| haproxy::live_worker::read_serving_worker(look, &found));
        let api = scope.spawn(|| dataplane::gather(look, Some(main)));
        // It is read beside the worker, and the test needs it.
        let read = files.get_or_init(|| haproxy::config_files::read_instance(look, &found));
        let test = scope.spawn(|| match earlier {
            Some(earlier) => earlier.config.test.clone(),
            None => config_test::test(look, main, read, None).into(),
        });
        let model = read.model.seen();
        let guarded = guarded.as_ref().filter(|_| look.effort == ProbeDepth::RehearseUnitStart);
        let own = model.map(|model| model.variables.clone());
        let started = guarded.map(|guard| {
            scope.spawn(move || unit_start::resolve_and_rehearse(look, main, guard, own.as_ref()))
        });
        let vitals = haproxy::process_health::gather(look, &found, read);
        let tried = (look.effort != ProbeDepth::Read).then(|| rehearsal::rehearse(look, main, model));
        let lost = |what| format!("{what} could not be looked at: its thread ended early");
        let started = started.map(|thread| {
            thread.join().unwrap_or_else(|_| (Known::unknown(lost("the start of its unit")), None))
        });
        (
            live.join().unwrap_or_else(|_| LiveWorker::unknown(&lost("the worker"))),
            test.join().unwrap_or_else(|_| Known::unknown(lost("the configuration test"))),
            api.join().unwrap_or(None),
            tried,
            vitals,
            started,
        )
    });
    let read = files.get_or_init(|| haproxy::config_files::read_instance(look, &found));
    let LiveWorker { state: mut live, runtime, info } = worker;
    vitals.released = haproxy::process_health::release_date(&info);
    let declared = binds::configured::configured_listeners(look, main, read);
    let ephemeral = binds::client_sockets::ephemeral_ports(main.pid);
    binds::client_sockets::remove(
        &mut live.listeners,
        &binds::configured::known_listeners(&declared),
        &ephemeral,
    );
    let (rehearsal, next) = match earlier {
        Some(earlier) => (earlier.rehearsal.clone(), earlier.next.clone()),
        None => rehearsal::merge_with_files(
            tried,
            haproxy::configured_worker::worker_state(look, main, read, &live, &declared),
        ),
    };
    let shared_listeners = binds::shared::find_shared_listeners(&found, &live).into();
    let binds = binds::conflicts::find_new_binds(&found, &live, &next, &declared);
    let config = haproxy::config_files::config_on_disk(&found.instance.worker_started, main, read, test);
    let start = started.map(|(start, tried)| unit_start::start_facts(look, &found, &live, start, tried));
    found.instance.disk_version = read.build.as_ref().map(|built| built.version.clone());
    let unchanged = unchanged::compare(before, unchanged::observe(look, &found));
    let paths: Vec<String> = config.files.iter().map(|file| file.path.clone()).collect();
    let facts = Facts {
        namespaces: host::namespaces::gather(main, &paths),
        live,
        next,
        rehearsal,
        shared_listeners,
        binds,
        config,
        dataplane: api,
        vitals,
        guard: guarded,
        start,
        unchanged,
        instance: Known::Seen(found.instance),
        ..unknown_facts("not looked at")
    };
    (facts, runtime)
}

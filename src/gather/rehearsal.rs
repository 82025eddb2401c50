//! The next worker, started in a sealed copy of this host and asked by the same code as the one that runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Look;
use super::binds::configured;
use super::haproxy::hostnames::{self, Resolved};
use super::haproxy::{config_files, live_worker, paths};
use super::launch::Anew;
use crate::clients::exec::in_namespaces::Place;
use crate::clients::haproxy::runtime::{Channel, Socket};
use crate::clients::linux;
use crate::clients::linux::credentials::Dress;
use crate::clients::sandbox::{self, FOLDER, SealedCopy, Spec, TAKEN_OVER};
use crate::facts::{Known, Listener, Patterns, Picture, Process, Rehearsal};
use crate::wire::haproxy::command_line::Argv;
use crate::wire::haproxy::config::{Endpoint, Host, Model};
use crate::wire::haproxy::startup_log;

/// A worker that loads thousands of certificates or names takes this long at most; a reload would wait as long.
pub(super) const LIMIT: Duration = Duration::from_secs(300);
/// Between two looks at a master that has not made its socket yet.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// A master that says nothing of its start (`quiet`) is asked after this much all the same.
const QUIET: Duration = Duration::from_secs(1);
/// What one question may take: a big worker's answers are long, the first one of all is not.
const ONE_ANSWER: Duration = Duration::from_secs(10);
const FIRST_ANSWER: Duration = Duration::from_secs(1);
/// Names that only an alert tells are looked up and tried again this often.
const TRIES: usize = 3;

/// What became of it, and what it holds where it came up.
pub(super) struct Rehearsed {
    pub(super) rehearsal: Known<Rehearsal>,
    pub(super) picture: Option<Picture>,
}

impl Rehearsed {
    pub(super) fn not(why: impl Into<String>) -> Self {
        Rehearsed { rehearsal: Known::unknown(why), picture: None }
    }
}

/// What was rehearsed, where it was, with what only the files tell laid over it: where a proxy stands, and what is
/// behind a list that the next worker does not use.
pub(super) fn strongest(tried: Option<Rehearsed>, read: Picture) -> (Option<Known<Rehearsal>>, Picture) {
    let Some(Rehearsed { rehearsal, picture }) = tried else { return (None, read) };
    let Some(mut picture) = picture else { return (Some(rehearsal), read) };
    if let Known::Seen(proxies) = &mut picture.proxies {
        for proxy in proxies {
            let written = read.proxies.seen().into_iter().flatten().find(|other| other.name == proxy.name);
            proxy.at = written.and_then(|written| written.at.clone());
        }
    }
    if let (Known::Seen(mine), Known::Seen(others)) = (&mut picture.patterns, read.patterns) {
        let known =
            |list: &Patterns| mine.iter().any(|mine| mine.kind == list.kind && mine.name == list.name);
        let unused: Vec<Patterns> = others.into_iter().filter(|list| list.file && !known(list)).collect();
        mine.extend(unused);
    }
    (Some(rehearsal), picture)
}

/// Starts what the master would start next.
pub(super) fn rehearse(look: &Look<'_>, main: &Process, model: Option<&Model>) -> Rehearsed {
    tried(look, main, model, None).unwrap_or_else(|error| Rehearsed::not(format!("{error:#}")))
}

/// Starts what the master's unit would start.
pub(super) fn rehearse_anew(look: &Look<'_>, anew: &Anew, model: Option<&Model>) -> Rehearsed {
    let tried = tried(look, &anew.main, model, Some(anew));
    tried.unwrap_or_else(|error| Rehearsed::not(format!("{error:#}")))
}

fn tried(look: &Look<'_>, main: &Process, model: Option<&Model>, anew: Option<&Anew>) -> Result<Rehearsed> {
    possible(main, model)?;
    still_there(look, main)?;
    let mut spec = spec(look, main, model, anew)?;
    let mut resolved = hostnames::resolve(main, of_servers(model), look.patience(hostnames::LIMIT));
    for _ in 1..TRIES {
        spec.hosts = hosts(main, &resolved);
        let rehearsed = once(look, &spec)?;
        // A log, a peer or a resolver may be given by name too. Such a name is no fault of the configuration's.
        let alerts = rehearsed.rehearsal.seen().filter(|seen| !seen.came_up).map(|seen| &seen.alerts);
        let missing: BTreeSet<String> =
            alerts.map(|alerts| startup_log::unresolved(alerts)).unwrap_or_default().into_iter().collect();
        let new: BTreeSet<String> = missing.into_iter().filter(|name| !resolved.contains_key(name)).collect();
        let found = hostnames::resolve(main, new, look.patience(hostnames::LIMIT));
        let any = found.values().any(|known| known.seen().is_some());
        resolved.extend(found);
        if !any {
            return Ok(rehearsed);
        }
    }
    spec.hosts = hosts(main, &resolved);
    once(look, &spec)
}

/// Reasons not to try, each with what would be needed.
fn possible(main: &Process, model: Option<&Model>) -> Result<()> {
    if linux::uid() != 0 {
        bail!("a rehearsal needs root");
    }
    let master = main.args().master_worker || model.is_some_and(|model| model.settings.master_worker);
    if !master && main.uid != 0 && linux::changed_user(main.pid) {
        let pid = main.pid;
        bail!(
            "PID {pid} runs without a master and gave up the user that it was started as, so what its next start may do is \
             not known (a master, -W, keeps that user)"
        );
    }
    if let (Some(held), Some(free)) = (linux::most_resident_kb(main.pid), linux::available_kb())
        && held.saturating_mul(2) > free
    {
        bail!("{free} kB of memory are free, and a second HAProxy may need {held} kB and more");
    }
    Ok(())
}

/// An upgrade or a removal took the program away: a master that is to execute itself again cannot either.
fn still_there(look: &Look<'_>, main: &Process) -> Result<()> {
    let program = config_files::binary(look, main)?;
    match linux::exists(&paths::on_host(main, &program)) {
        Ok(false) => bail!("{program} is not on disk any more: a reload would find nothing to start"),
        _ => Ok(()),
    }
}

fn of_servers(model: Option<&Model>) -> BTreeSet<String> {
    let servers = model.into_iter().flat_map(|model| &model.proxies).flat_map(|proxy| &proxy.servers);
    servers
        .filter_map(|server| match &server.host {
            Host::Name(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// Where the master can be asked in the copy, whatever sockets the arguments name.
fn own_socket() -> String {
    format!("{FOLDER}/master.sock")
}

fn spec(look: &Look<'_>, main: &Process, model: Option<&Model>, anew: Option<&Anew>) -> Result<Spec> {
    let args = main.args();
    let place = Place::of(main.pid)?;
    // One that runs without a master is given one, so that it can be asked; what it binds and loads is the same.
    let mut arguments = vec!["-W".to_owned(), "-db".to_owned(), "-S".to_owned(), own_socket()];
    arguments.extend(Argv::with_files(&args.for_start, &config_files::arguments(look, main)));
    let (environment, dress, low_ports) = match anew {
        Some(anew) => (anew.environment.clone(), anew.dress.clone(), anew.dress.binds_low_ports()),
        None => {
            let dress = Dress::of(main.pid, place.as_ref().is_some_and(Place::is_container))?;
            (
                config_files::environment(main)?,
                dress,
                linux::rights(main.pid).is_ok_and(|rights| rights.low_ports),
            )
        }
    };
    Ok(Spec {
        program: config_files::binary(look, main)?,
        arguments,
        environment,
        folder: main.cwd.seen().cloned(),
        dress: Some(dress),
        place,
        host: sandbox::namespaces()?,
        emptied: anew.map(|anew| anew.emptied.clone()).unwrap_or_default(),
        hosts: String::new(),
        sysctls: sysctls(main, low_ports),
        interfaces: interfaces(main, model),
        inherited: inherited(main, model)?,
    })
}

/// What the host's network allows. A master that may bind low ports without being root keeps that right.
fn sysctls(main: &Process, low_ports: bool) -> Vec<(String, String)> {
    let read = |name: &&str| {
        let value = std::fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?;
        Some(((*name).to_owned(), value.trim().to_owned()))
    };
    let all = || TAKEN_OVER.iter().filter_map(read).collect::<Vec<(String, String)>>();
    let mut all = linux::in_network_of(main.pid, all).unwrap_or_default();
    if main.uid != 0 && low_ports {
        all.retain(|(name, _)| !name.ends_with("ip_unprivileged_port_start"));
        all.push(("ipv4/ip_unprivileged_port_start".to_owned(), "0".to_owned()));
    }
    all
}

/// Interfaces that binds name and that are there; one that is not shall fail in the copy too.
fn interfaces(main: &Process, model: Option<&Model>) -> Vec<String> {
    let there = linux::interfaces(main.pid);
    let here = |name: &str| name != "lo" && there.iter().any(|other| other == name);
    let named =
        model.into_iter().flat_map(|model| &model.binds).filter_map(|bind| bind.options.interface.clone());
    named.filter(|name| here(name)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What `fd@N` binds got from whoever started the master; its other sockets are not handed on.
fn inherited(main: &Process, model: Option<&Model>) -> Result<Vec<(i32, String)>> {
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
    let behind = configured::behind(main.pid).unwrap_or_default().into_iter();
    let wanted = behind.filter(|(number, _)| wanted.contains(number));
    let handed = wanted.map(|(number, listener)| match listener {
        Listener::Tcp(at) => Ok((i32::try_from(number)?, at.to_string())),
        other => bail!("fd@{number} is {other}, and the sealed copy can be handed TCP listeners only"),
    });
    handed.collect()
}

/// The table that HAProxy has, then what the names that it needs resolve to there.
fn hosts(main: &Process, resolved: &Resolved) -> String {
    let mut text = linux::text(&paths::on_host(main, "/etc/hosts")).unwrap_or_default();
    for (name, known) in resolved {
        for address in known.seen().into_iter().flatten() {
            text.push_str(&format!("\n{address} {name}"));
        }
    }
    text.push('\n');
    text
}

fn once(look: &Look<'_>, spec: &Spec) -> Result<Rehearsed> {
    let mut copy = SealedCopy::start(spec, look.deadline).context("the sealed copy could not be made")?;
    let command = format!("{} {}", spec.program, spec.arguments.join(" "));
    // These questions cost the HAProxy that runs nothing.
    let master = Socket::new(copy.path(&own_socket()), ONE_ANSWER, Arc::default());
    let up = wait_until_up(look, &mut copy)?;
    let start_up = copy.age();
    let mut memory_kb = Known::unknown("it did not come up");
    let picture = up.map(|pid| {
        memory_kb = linux::peak_kb(pid).context("/proc does not say").into();
        live_worker::rehearsed(look, &master.via_master(pid), pid)
    });
    let (ended, set_up) = (copy.ended(), copy.set_up);
    let log = copy.end();
    let rehearsal = Rehearsal {
        came_up: picture.is_some(),
        command,
        ended: ended.filter(|_| picture.is_none()),
        alerts: startup_log::alerts(&log),
        warnings: startup_log::warnings(&log),
        set_up_ms: milliseconds(set_up),
        start_up_ms: milliseconds(start_up),
        memory_kb,
    };
    Ok(Rehearsed { rehearsal: Known::Seen(rehearsal), picture })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The worker once it answers; none when HAProxy has ended. From 3.2 on the master lists a worker
/// before that has loaded anything, so its word and an answer are waited for.
fn wait_until_up(look: &Look<'_>, copy: &mut SealedCopy) -> Result<Option<u32>> {
    let master = Socket::new(copy.path(&own_socket()), FIRST_ANSWER, Arc::default());
    loop {
        if copy.ended().is_some() {
            return Ok(None);
        }
        let said = copy.age() > QUIET || startup_log::loaded(&copy.log());
        if let Some(pid) = said.then(|| answering(&master)).flatten() {
            return Ok(Some(pid));
        }
        if look.deadline.left().is_zero() {
            bail!("it was still starting after {} s", copy.age().as_secs());
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

fn answering(master: &Socket) -> Option<u32> {
    // Before the path is there nobody needs to knock.
    if !linux::exists(master.path()).unwrap_or(true) {
        return None;
    }
    let listed = master.processes().ok()?;
    let worker = listed.workers.first()?;
    let channel: Channel = master.via_master(worker.pid);
    channel.ask("show info").ok().map(|_| worker.pid)
}

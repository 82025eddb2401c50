//! Routes: what the files say, with the maps and the health of the worker that serves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result};

use super::config_files;
use super::runtime_state::worker_channel;
use crate::clients::haproxy::runtime::WorkerChannel;
use crate::config::Settings;
use crate::facts::routes::{Route, RouteBackend, RouteServer, Routes};
use crate::facts::{Facts, Known, Server};
use crate::gather::{GatherContext, ProbeDepth};
use crate::known::Unknown;
use crate::time::Deadline;
use crate::wire::haproxy::config::{Host, Model, RouteDef, RouteTarget, match_pattern};
use crate::wire::haproxy::runtime::patterns;
use crate::wire::haproxy::runtime::stats::{self, StatKind};

/// The routes of the HAProxy of these facts.
pub fn routes(settings: &Settings, facts: &Facts) -> Result<Routes, Unknown> {
    let instance = facts.instance.get()?;
    let look = GatherContext::new(settings, ProbeDepth::Read);
    let read = config_files::read_process(&look, &instance.main);
    let deadline = Deadline::after(settings.timeout.value);
    let serving = instance.serving.as_ref();
    let channel = serving.and_then(|pid| worker_channel(settings, instance, *pid, deadline, &Arc::default()));
    Ok(routing_table(read.model.get()?, facts, &channel))
}

fn routing_table(model: &Model, facts: &Facts, channel: &Known<WorkerChannel>) -> Routes {
    let backends = route_backends(model, facts, channel);
    let names: BTreeSet<&str> = backends.iter().map(|backend| backend.name.as_str()).collect();
    let routes = model.routes.iter().flat_map(|def| expand_route(def, &names, channel)).collect();
    let mut notes = Vec::new();
    if let Some(edited) = facts.config.edited_since_load.seen().filter(|files| !files.is_empty()) {
        notes.push(format!(
            "{} was written after the worker's start: what serves may route otherwise",
            edited.join(", ")
        ));
    }
    if let Some(why) = channel.why() {
        notes.push(format!("health and maps could not be asked for: {why}"));
    }
    notes.extend(model.undecided.iter().map(|one| format!("{}:{} {}", one.at.file, one.at.line, one.why)));
    Routes { routes, backends, notes }
}

/// What runs counts; where it cannot be asked, what the files say.
fn route_backends(model: &Model, facts: &Facts, channel: &Known<WorkerChannel>) -> Vec<RouteBackend> {
    let live = facts.live.proxies.seen().zip(facts.live.servers.seen());
    let (names, servers): (Vec<String>, Vec<Server>) = match live {
        Some((proxies, servers)) => {
            let backends = proxies.iter().filter(|proxy| proxy.backend);
            (backends.map(|proxy| proxy.name.clone()).collect(), servers.clone())
        }
        None => {
            let names = model.backend_names().into_iter().map(str::to_owned).collect();
            (names, facts.next.servers.seen().cloned().unwrap_or_default())
        }
    };
    let states = channel.as_ref().and_then(server_statuses);
    let mut of: BTreeMap<String, Vec<RouteServer>> = BTreeMap::new();
    for server in servers {
        // The worker has no words for where a unix socket is.
        let path = server.address.seen().filter(|address| address.ip == "-");
        let path = path.and_then(|_| unix_socket_path(model, &server.backend, &server.name));
        let address = match path {
            Some(path) => Known::Seen(path),
            None => server.address.map(|address| address.to_string()),
        };
        let key = (server.backend.clone(), server.name.clone());
        let status = states.as_ref().and_then(|states| {
            states.get(&key).cloned().ok_or_else(|| Unknown::new("`show stat` does not list it"))
        });
        of.entry(server.backend).or_default().push(RouteServer { name: server.name, address, status });
    }
    names
        .into_iter()
        .map(|name| RouteBackend { servers: of.remove(&name).unwrap_or_default(), name })
        .collect()
}

/// The unix socket that the files give this server.
fn unix_socket_path(model: &Model, backend: &str, server: &str) -> Option<String> {
    let proxy = model.proxies.iter().find(|proxy| proxy.is_backend() && proxy.name == backend)?;
    match &proxy.servers.iter().find(|one| one.name == server)?.host {
        Host::Unix(path) => Some(path.clone()),
        Host::Abstract(name) => Some(format!("abns {name}")),
        _ => None,
    }
}

fn server_statuses(channel: &WorkerChannel) -> Result<BTreeMap<(String, String), String>> {
    let rows = stats::parse(&channel.ask("show stat")?)?.into_iter();
    let servers = rows.filter(|row| row.kind == StatKind::Server);
    Ok(servers.map(|row| ((row.pxname, row.svname), row.status)).collect())
}

/// One route for each host name, or for each entry of a map.
fn expand_route(def: &RouteDef, backends: &BTreeSet<&str>, channel: &Known<WorkerChannel>) -> Vec<Route> {
    let at = format!("{}:{}", def.at.file, def.at.line);
    let route = |host: Option<String>, when: &str, backend: Known<String>, at: &str| Route {
        frontend: def.frontend.clone(),
        host,
        when: when.to_owned(),
        backend,
        at: at.to_owned(),
    };
    let known = |name: &str| match (def.certain, backends.contains(name)) {
        (false, _) => Known::unknown(format!("{name}, if that line is in force, which could not be decided")),
        (true, true) => Known::Seen(name.to_owned()),
        (true, false) => Known::unknown(format!("{name}, and no such backend runs")),
    };
    let for_hosts = |backend: Known<String>, when: &str, at: &str| -> Vec<Route> {
        match def.hosts.is_empty() {
            true => vec![route(None, when, backend, at)],
            false => {
                def.hosts.iter().map(|host| route(Some(host.clone()), when, backend.clone(), at)).collect()
            }
        }
    };
    let (file, default, sample, method) = match &def.to {
        RouteTarget::Backend(name) => return for_hosts(known(name), &def.when, &at),
        RouteTarget::Expression(word) => {
            let why = format!("decided for each request by {word}");
            return for_hosts(Known::unknown(why), &def.when, &at);
        }
        RouteTarget::Map { file, default, sample, method } => (file, default, sample, method),
    };
    let entries = match channel.as_ref().and_then(|channel| map_entries(channel, file)) {
        Known::Seen(entries) => entries,
        Known::Unknown { why } => {
            let why = format!("the map {file} could not be read: {why}");
            return for_hosts(Known::unknown(why), &def.when, &at);
        }
    };
    let by_host = sample.to_ascii_lowercase().contains("(host)") || sample.contains("sni");
    // A value that names no backend may be anything, a secret too: it is counted and not shown.
    let (named, other): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(_, value)| backends.contains(value.as_str()));
    let also = |first: String| if def.when.is_empty() { first } else { format!("{first} and {}", def.when) };
    // Where the key is the host, other hosts that must fit are one more condition.
    let when = match def.hosts.is_empty() {
        true => def.when.clone(),
        false => also(format!("the host is {}", def.hosts.join(" or "))),
    };
    let entry = |(key, value): (String, String)| match by_host {
        true => vec![route(Some(match_pattern(method, &key)), &when, known(&value), file)],
        false => for_hosts(known(&value), &also(format!("{sample} {} {key}", describe_match(method))), file),
    };
    let mut routes: Vec<Route> = named.into_iter().flat_map(entry).collect();
    if !other.is_empty() {
        let why =
            format!("{} of {file} name no backend that runs", crate::plural::plural(other.len(), "value"));
        routes.extend(for_hosts(Known::unknown(why), &def.when, file));
    }
    let rest = also(format!("{sample} is not in {file}"));
    routes.extend(default.iter().flat_map(|name| for_hosts(known(name), &rest, &at)));
    routes
}

/// How a value fits a key of a map, in words.
fn describe_match(method: &str) -> &str {
    match method {
        "beg" => "begins with",
        "end" => "ends with",
        "sub" => "holds",
        "dir" => "holds the folder",
        "dom" => "holds the labels",
        "reg" => "matches",
        _ => "is",
    }
}

/// The entries of a map as the worker holds them: keys and values.
fn map_entries(channel: &WorkerChannel, file: &str) -> Result<Vec<(String, String)>> {
    let lists = patterns::parse_lists(&channel.ask("show map")?)?;
    let list =
        lists.iter().find(|list| list.file.as_deref() == Some(file)).context("the worker has no such map")?;
    let entries = patterns::parse_map_entries(&channel.ask(&format!("show map #{}", list.id))?)?;
    Ok(entries.into_iter().map(|entry| (entry.key, entry.value.unwrap_or_default())).collect())
}

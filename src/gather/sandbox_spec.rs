//! What is started in a sealed copy, with the host's names, network settings and inherited sockets.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::GatherContext;
use super::binds::configured;
use super::haproxy::hostnames::{self, ResolvedHostnames};
use super::haproxy::{config_files, paths, program};
use super::launch::LaunchSpec;
use crate::clients::linux::credentials::ProcessCredentials;
use crate::clients::linux::{self, ProcessNamespaces};
use crate::clients::sandbox::{self, INHERITED_SYSCTLS, SandboxSpec};
use crate::facts::{Listener, Process};
use crate::timeouts;
use crate::wire::haproxy::config::{Endpoint, Host, Model};
use crate::wire::haproxy::startup_log;

/// Names that only an alert tells are looked up and tried again this often.
const MAX_ATTEMPTS: usize = 3;

/// Runs it with the names of the host. Log servers, peers and resolvers may have names too, which do not resolve in the
/// sandbox but on the host: where `alerts` names one that does, it runs again.
pub(super) fn with_resolved_names<T>(
    look: &GatherContext<'_>,
    main: &Process,
    model: Option<&Model>,
    mut spec: SandboxSpec,
    run: impl Fn(&GatherContext<'_>, &SandboxSpec) -> Result<T>,
    alerts: impl Fn(&T) -> Vec<String>,
) -> Result<T> {
    let mut resolved = hostnames::resolve(main, server_hostnames(model), look.time_limit(timeouts::RESOLVE));
    for _ in 1..MAX_ATTEMPTS {
        spec.hosts = hosts_file(main, &resolved);
        let result = run(look, &spec)?;
        let missing = startup_log::unresolved_names(&alerts(&result)).into_iter();
        let new: BTreeSet<String> = missing.filter(|name| !resolved.contains_key(name)).collect();
        let found = hostnames::resolve(main, new, look.time_limit(timeouts::RESOLVE));
        let any = found.values().any(|known| known.seen().is_some());
        resolved.extend(found);
        if !any {
            return Ok(result);
        }
    }
    spec.hosts = hosts_file(main, &resolved);
    run(look, &spec)
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

/// The program of `main` with these arguments, as it would be started on the host; by its unit where `launch` says how.
pub(super) fn sandbox_spec(
    look: &GatherContext<'_>,
    main: &Process,
    model: Option<&Model>,
    launch: Option<&LaunchSpec>,
    arguments: Vec<String>,
) -> Result<SandboxSpec> {
    let place = ProcessNamespaces::from_pid(main.pid)?;
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

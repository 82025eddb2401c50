//! Servers: their existence, state, checks, weight and address.

use super::{
    RemovedBackends, ReplayItem, ReplayStep, ReplayVerdict, ServerStep, ambiguous_change, known_pair,
};
use crate::facts::loaded_config::ConfigSinceLoad;
use crate::facts::runtime_state::{CheckSettings, RuntimeServer};
use crate::facts::{Known, LoadedConfig, RuntimeState, ServerAddress, ServerAdminState};
use crate::known::Unknown;
use crate::plan::diff::pair_by;
use crate::plan::losses::LossKind;

/// Backends that the new worker does not have: each becomes an item that cannot be restored.
pub(super) fn removed_backends(
    old: &RuntimeState,
    new: &RuntimeState,
    loaded: &LoadedConfig,
    items: &mut Vec<ReplayItem>,
) -> RemovedBackends {
    let kind = LossKind::MemoryOnlyConfig;
    let Some((old_names, new_names)) = known_pair(&old.backends, &new.backends, kind, "backends", items)
    else {
        return RemovedBackends::new();
    };
    let pairs = pair_by(old_names, new_names, |name| name);
    let gone: RemovedBackends =
        pairs.iter().filter(|pair| pair.next.is_none()).filter_map(|pair| pair.live.cloned()).collect();
    for name in &gone {
        let servers = old.servers.seen().into_iter().flatten().filter(|s| s.backend == *name).count();
        let why = match &loaded.config {
            Known::Seen(ConfigSinceLoad::Changed(copy)) if copy.backends.contains(name) => {
                "an edit took it out of the files"
            }
            Known::Seen(_) => {
                "it was made at run time, and HAProxy does not show all of it: write it into the files"
            }
            Known::Unknown { .. } => {
                "the files that were loaded do not have it: write it into them if it shall stay"
            }
        };
        let detail = format!("backend with {}", crate::plural::plural(servers, "server"));
        items.push(ReplayItem::not_restorable(kind, name.clone(), "backend", detail, why.to_owned()));
    }
    gone
}

pub(super) fn add_items(
    old: &RuntimeState,
    new: &RuntimeState,
    loaded: &LoadedConfig,
    gone: &RemovedBackends,
    items: &mut Vec<ReplayItem>,
) {
    let Some((held, now)) = known_pair(&old.servers, &new.servers, LossKind::DynamicServer, "servers", items)
    else {
        return;
    };
    let had = |server: &RuntimeServer| old.backends.seen().is_some_and(|all| all.contains(&server.backend));
    for pair in pair_by(held, now, |server| (server.backend.as_str(), server.name.as_str())) {
        match (pair.live, pair.next) {
            (Some(old), _) if gone.contains(&old.backend) => {}
            (Some(old), Some(new)) => compare_server(old, new, loaded, items),
            (Some(old), None) => items.extend(missing_server_item(old, loaded)),
            (None, Some(new)) if had(new) => add_deleted_server(new, loaded, items),
            (None, _) => {}
        }
    }
}

fn server_step(server: &RuntimeServer, change: ServerStep) -> ReplayStep {
    ReplayStep::Server { backend: server.backend.clone(), server: server.name.clone(), change }
}

fn manual_command(server: &RuntimeServer, words: &str) -> String {
    format!("`set server {} {words}`", server.path())
}

/// Compares a server that both workers have.
fn compare_server(
    old: &RuntimeServer,
    new: &RuntimeServer,
    loaded: &LoadedConfig,
    items: &mut Vec<ReplayItem>,
) {
    state(old, new, items);
    checks(old, new, loaded, items);
    weight(old, new, items);
    address(old, new, loaded, items);
    check_address(old, new, loaded, items);
}

/// A state that differs from the one at the worker's start was set at run time, so an edit cannot be its cause.
fn state(old: &RuntimeServer, new: &RuntimeServer, items: &mut Vec<ReplayItem>) {
    if old.admin == new.admin || old.admin == old.initial_admin {
        return;
    }
    let (kind, what) = (LossKind::ServerAdminState, "state");
    let detail = format!("{}, set at run time", old.admin);
    if new.initial_admin != old.initial_admin && new.initial_admin == ServerAdminState::Maint {
        let why = format!(
            "the files disable it now; {} undoes that",
            manual_command(old, &format!("state {}", old.admin))
        );
        items.push(ReplayItem::not_restorable(kind, old.path(), what, detail, why));
        return;
    }
    let steps = vec![server_step(old, state_step(old, new.health.configured))];
    items.push(ReplayItem::restorable(kind, old.path(), what, detail, steps));
}

/// HAProxy takes the mark only of a server with checks.
fn state_step(old: &RuntimeServer, has_checks: bool) -> ServerStep {
    match old.down && has_checks && old.admin == ServerAdminState::Ready {
        true => ServerStep::ReadyDown,
        false => ServerStep::State(old.admin),
    }
}

/// Checks that are configured and off were switched off at run time. A server that was added at run time starts so.
fn checks(old: &RuntimeServer, new: &RuntimeServer, loaded: &LoadedConfig, items: &mut Vec<ReplayItem>) {
    if is_configured(old, loaded) == Ok(false) {
        return;
    }
    let off = |old: &CheckSettings, new: &CheckSettings| old.configured && !old.enabled && new.enabled;
    let sides = [
        (off(&old.health, &new.health), "checks", ServerStep::Checks(false)),
        (off(&old.agent, &new.agent), "agent check", ServerStep::AgentCheck(false)),
    ];
    for (_, what, change) in sides.into_iter().filter(|(off, _, _)| *off) {
        let detail = format!("{what} switched off at run time");
        items.push(ReplayItem::restorable(
            LossKind::ServerAdminState,
            old.path(),
            what,
            detail,
            vec![server_step(old, change)],
        ));
    }
}

/// The same for the weight.
fn weight(old: &RuntimeServer, new: &RuntimeServer, items: &mut Vec<ReplayItem>) {
    if old.weight == new.weight || old.weight == old.initial_weight {
        return;
    }
    let (kind, what) = (LossKind::ServerWeight, "weight");
    let detail = format!("weight {}, set at run time", old.weight);
    if new.initial_weight != old.initial_weight {
        let (was, is) = (old.initial_weight, new.initial_weight);
        let again = manual_command(old, &format!("weight {}", old.weight));
        let why = format!("the files were changed from {was} to {is} meanwhile; {again} undoes that");
        items.push(ReplayItem::not_restorable(kind, old.path(), what, detail, why));
        return;
    }
    let steps = vec![server_step(old, ServerStep::Weight(old.weight))];
    items.push(ReplayItem::restorable(kind, old.path(), what, detail, steps));
}

fn address(old: &RuntimeServer, new: &RuntimeServer, loaded: &LoadedConfig, items: &mut Vec<ReplayItem>) {
    if old.address == new.address {
        return;
    }
    let (kind, what) = (LossKind::ServerAddress, "address");
    let detail = format!("{}, set at run time", format_address(&old.address));
    let mut cannot =
        |why: String| items.push(ReplayItem::not_restorable(kind, old.path(), what, detail.clone(), why));
    let words = format!("addr {} port {}", old.address.ip, old.address.port);
    if old.dns_name().is_some() || new.dns_name().is_some() {
        // DNS may have answered with another address in the meantime.
        let why = "it is given by name, so the address may be a newer answer";
        return cannot(ambiguous_change(why, &manual_command(old, &words)));
    }
    let base = match &loaded.config {
        Known::Seen(ConfigSinceLoad::Unchanged) => &new.address,
        Known::Seen(ConfigSinceLoad::Changed(copy)) => {
            match copy.servers.get(&(old.backend.clone(), old.name.clone())) {
                Some(Some(base)) => base,
                Some(None) => {
                    return cannot(ambiguous_change(
                        "the copy does not say where it was",
                        &manual_command(old, &words),
                    ));
                }
                // It was added at run time and is in the files now.
                None if copy.complete => return,
                None => {
                    return cannot(ambiguous_change(
                        "a condition in the copy is not decided",
                        &manual_command(old, &words),
                    ));
                }
            }
        }
        Known::Unknown { why } => return cannot(ambiguous_change(why, &manual_command(old, &words))),
    };
    if old.address == *base {
        return;
    }
    if new.address != *base {
        let why = format!(
            "the files were changed to {} meanwhile; {} undoes that",
            format_address(&new.address),
            manual_command(old, &words)
        );
        return cannot(why);
    }
    if old.address.ip == "-" {
        return cannot("HAProxy does not show where it was".to_owned());
    }
    let port = (old.address.port != new.address.port && old.address.port != 0).then_some(old.address.port);
    let steps = vec![server_step(old, ServerStep::Address(old.address.ip.clone(), port))];
    items.push(ReplayItem::restorable(kind, old.path(), what, detail, steps));
}

/// The addresses and ports of checks. A copy of the configuration is not consulted for these.
fn check_address(
    old: &RuntimeServer,
    new: &RuntimeServer,
    loaded: &LoadedConfig,
    items: &mut Vec<ReplayItem>,
) {
    let mut steps = Vec::new();
    if let Some(ip) = old.health.address.as_ref().filter(|_| old.health.address != new.health.address) {
        steps.push(("check address", ServerStep::CheckAddress(ip.clone())));
    }
    if old.health.port != new.health.port && old.health.port != 0 {
        steps.push(("check port", ServerStep::CheckPort(old.health.port)));
    }
    let agent = (&old.agent.address, old.agent.port) != (&new.agent.address, new.agent.port);
    if let Some(ip) = old.agent.address.as_ref().filter(|_| agent && old.agent.configured) {
        let port = (old.agent.port != 0).then_some(old.agent.port);
        steps.push(("agent address", ServerStep::Agent(ip.clone(), port)));
    }
    for (what, change) in steps {
        let (kind, detail) = (LossKind::ServerAddress, format!("{what} set at run time"));
        let verdict = match &loaded.config {
            Known::Seen(ConfigSinceLoad::Unchanged) => ReplayVerdict::Restore(vec![server_step(old, change)]),
            changed => {
                let why = changed.why().unwrap_or("the files were edited");
                ReplayVerdict::NotRestorable(ambiguous_change(why, "set it again"))
            }
        };
        items.push(ReplayItem { kind, object: old.path(), what, detail, verdict });
    }
}

/// Whether the configuration that the old worker loaded has this server. Only for a server that differs.
fn is_configured(server: &RuntimeServer, loaded: &LoadedConfig) -> Result<bool, Unknown> {
    let ConfigSinceLoad::Changed(copy) = loaded.config.get()? else {
        return Err(Unknown::new("the next worker shows it"));
    };
    match copy.servers.contains_key(&(server.backend.clone(), server.name.clone())) {
        false if !copy.complete => Err(Unknown::new("a condition in the copy of the files is not decided")),
        has => Ok(has),
    }
}

/// A server that only the old worker has: added at run time, or removed by an edit.
fn missing_server_item(old: &RuntimeServer, loaded: &LoadedConfig) -> Option<ReplayItem> {
    let (kind, what) = (LossKind::DynamicServer, "server");
    let detail = format!("at {}, added at run time", format_address(&old.address));
    let cannot = |why: String| Some(ReplayItem::not_restorable(kind, old.path(), what, detail.clone(), why));
    match (&loaded.config, is_configured(old, loaded)) {
        (Known::Seen(ConfigSinceLoad::Unchanged), _) | (_, Ok(false)) => {}
        (_, Ok(true)) => return None,
        (_, Err(Unknown { why })) => {
            let again = format!("`add server {} {}`", old.path(), format_address(&old.address));
            return cannot(ambiguous_change(&why, &again));
        }
    }
    if let Some(why) = not_addable_reason(old) {
        return cannot(why);
    }
    let note = "options that HAProxy does not show, such as inter, send-proxy or proto, are its defaults";
    Some(ReplayItem::restorable(kind, old.path(), what, format!("{detail}; {note}"), add_server_steps(old)))
}

/// Why a server that was added at run time cannot be added again as it was.
pub(super) fn not_addable_reason(server: &RuntimeServer) -> Option<String> {
    let again = format!("add it again by hand: `add server {} ..`", server.path());
    if server.tls {
        return Some(format!("it is reached over TLS, and HAProxy does not show how; {again}"));
    }
    if let Some(name) = server.dns_name() {
        return Some(format!(
            "it is given by the name {name}, and how that is resolved is not shown; {again}"
        ));
    }
    (server.address.ip == "-").then(|| format!("its address is not shown (a unix socket); {again}"))
}

fn add_server_steps(server: &RuntimeServer) -> Vec<ReplayStep> {
    let mut changes = vec![ServerStep::Add(Box::new(server.clone()))];
    if server.health.enabled {
        changes.push(ServerStep::Checks(true));
    }
    // HAProxy enables the agent check of an added server.
    if server.agent.configured && !server.agent.enabled {
        changes.push(ServerStep::AgentCheck(false));
    }
    if server.weight != server.initial_weight {
        changes.push(ServerStep::Weight(server.weight));
    }
    // An added server starts in maintenance.
    if server.admin != ServerAdminState::Maint {
        changes.push(state_step(server, server.health.enabled));
    }
    changes.into_iter().map(|change| server_step(server, change)).collect()
}

/// A server that only the new worker has: deleted at run time, or added by an edit.
fn add_deleted_server(new: &RuntimeServer, loaded: &LoadedConfig, items: &mut Vec<ReplayItem>) {
    let at_run_time = match &loaded.config {
        Known::Seen(ConfigSinceLoad::Unchanged) => true,
        Known::Seen(ConfigSinceLoad::Changed(copy)) => {
            copy.servers.contains_key(&(new.backend.clone(), new.name.clone()))
        }
        Known::Unknown { .. } => false,
    };
    if at_run_time {
        let steps = vec![
            server_step(new, ServerStep::State(ServerAdminState::Maint)),
            server_step(new, ServerStep::Delete),
        ];
        let detail = "deleted at run time, and the files still have it".to_owned();
        items.push(ReplayItem::restorable(LossKind::DynamicServer, new.path(), "deletion", detail, steps));
    }
}

pub(super) fn format_address(address: &ServerAddress) -> String {
    match (address.ip.contains(':'), address.port) {
        (_, 0) => address.ip.clone(),
        (true, port) => format!("[{}]:{port}", address.ip),
        (false, port) => format!("{}:{port}", address.ip),
    }
}

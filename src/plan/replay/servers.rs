//! Servers: their existence, state, checks, weight and address.

use std::collections::HashMap;

use super::{Gone, Item, ServerStep, Step, both, cannot_tell};
use crate::facts::loaded_config::Config;
use crate::facts::runtime_state::{Checks, HeldServer};
use crate::facts::{Address, Admin, Holdings, Known, Loaded};
use crate::plan::losses::Kind;

/// Backends that the new worker does not have: each is reported, none is invented.
pub(super) fn gone(old: &Holdings, new: &Holdings, loaded: &Loaded, items: &mut Vec<Item>) -> Gone {
    let kind = Kind::MemoryOnlyConfig;
    let Some((old_names, new_names)) = both(&old.backends, &new.backends, kind, "backends", items) else {
        return Gone::new();
    };
    let gone: Gone = old_names.iter().filter(|name| !new_names.contains(name)).cloned().collect();
    for name in &gone {
        let servers = old.servers.seen().into_iter().flatten().filter(|s| s.backend == *name).count();
        let why = match &loaded.config {
            Known::Seen(Config::Was(copy)) if copy.backends.contains(name) => {
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
        items.push(Item::cannot(kind, name.clone(), "backend", detail, why.to_owned()));
    }
    gone
}

pub(super) fn items(old: &Holdings, new: &Holdings, loaded: &Loaded, gone: &Gone, items: &mut Vec<Item>) {
    let Some((held, now)) = both(&old.servers, &new.servers, Kind::DynamicServer, "servers", items) else {
        return;
    };
    let path = |server: &HeldServer| (server.backend.clone(), server.name.clone());
    let mut now: HashMap<(String, String), &HeldServer> = now.iter().map(|s| (path(s), s)).collect();
    for server in held.iter().filter(|server| !gone.contains(&server.backend)) {
        match now.remove(&path(server)) {
            Some(now) => compare(server, now, loaded, items),
            None => items.extend(missing(server, loaded)),
        }
    }
    let mut extra: Vec<&HeldServer> = now.into_values().collect();
    extra.sort_by_key(|server| server.path());
    let had = |server: &HeldServer| old.backends.seen().is_some_and(|all| all.contains(&server.backend));
    for server in extra.into_iter().filter(|server| had(server)) {
        deleted(server, loaded, items);
    }
}

fn step(server: &HeldServer, change: ServerStep) -> Step {
    Step::Server { backend: server.backend.clone(), server: server.name.clone(), change }
}

fn by_hand(server: &HeldServer, words: &str) -> String {
    format!("`set server {} {words}`", server.path())
}

/// A server that both have.
fn compare(old: &HeldServer, new: &HeldServer, loaded: &Loaded, items: &mut Vec<Item>) {
    state(old, new, items);
    checks(old, new, loaded, items);
    weight(old, new, items);
    address(old, new, loaded, items);
    check_address(old, new, loaded, items);
}

fn said(admin: Admin) -> &'static str {
    match admin {
        Admin::Ready => "ready",
        Admin::Drain => "drain",
        Admin::Maint => "maint",
    }
}

/// A state that is not the configuration's was set at run time: no edit can be taken for it.
fn state(old: &HeldServer, new: &HeldServer, items: &mut Vec<Item>) {
    if old.admin == new.admin || old.admin == old.initial_admin {
        return;
    }
    let (kind, what) = (Kind::ServerAdminState, "state");
    let detail = format!("{}, set at run time", said(old.admin));
    if new.initial_admin != old.initial_admin && new.initial_admin == Admin::Maint {
        let why = format!(
            "the files disable it now; {} undoes that",
            by_hand(old, &format!("state {}", said(old.admin)))
        );
        items.push(Item::cannot(kind, old.path(), what, detail, why));
        return;
    }
    let steps = vec![step(old, ServerStep::State(old.admin))];
    items.push(Item::put_back(kind, old.path(), what, detail, steps));
}

/// Checks that are configured and off were switched off at run time. A server that was added at run time starts so.
fn checks(old: &HeldServer, new: &HeldServer, loaded: &Loaded, items: &mut Vec<Item>) {
    if matches!(configured(old, loaded), Known::Seen(false)) {
        return;
    }
    let off = |old: &Checks, new: &Checks| old.configured && !old.enabled && new.enabled;
    let sides = [
        (off(&old.health, &new.health), "checks", ServerStep::Checks(false)),
        (off(&old.agent, &new.agent), "agent check", ServerStep::AgentCheck(false)),
    ];
    for (_, what, change) in sides.into_iter().filter(|(off, _, _)| *off) {
        let detail = format!("{what} switched off at run time");
        items.push(Item::put_back(Kind::ServerAdminState, old.path(), what, detail, vec![step(old, change)]));
    }
}

/// The same for a weight that is not the configuration's.
fn weight(old: &HeldServer, new: &HeldServer, items: &mut Vec<Item>) {
    if old.weight == new.weight || old.weight == old.initial_weight {
        return;
    }
    let (kind, what) = (Kind::ServerWeight, "weight");
    let detail = format!("weight {}, set at run time", old.weight);
    if new.initial_weight != old.initial_weight {
        let (was, is) = (old.initial_weight, new.initial_weight);
        let again = by_hand(old, &format!("weight {}", old.weight));
        let why = format!("the files were changed from {was} to {is} meanwhile; {again} undoes that");
        items.push(Item::cannot(kind, old.path(), what, detail, why));
        return;
    }
    let steps = vec![step(old, ServerStep::Weight(old.weight))];
    items.push(Item::put_back(kind, old.path(), what, detail, steps));
}

fn address(old: &HeldServer, new: &HeldServer, loaded: &Loaded, items: &mut Vec<Item>) {
    if old.address == new.address {
        return;
    }
    let (kind, what) = (Kind::ServerAddress, "address");
    let detail = format!("{}, set at run time", shown(&old.address));
    let mut cannot = |why: String| items.push(Item::cannot(kind, old.path(), what, detail.clone(), why));
    let words = format!("addr {} port {}", old.address.ip, old.address.port);
    if old.named.is_some() || new.named.is_some() {
        // What a name stands for may change at any time.
        let why = "it is given by name, so the address may be a newer answer";
        return cannot(cannot_tell(why, &by_hand(old, &words)));
    }
    let base = match &loaded.config {
        Known::Seen(Config::Untouched) => &new.address,
        Known::Seen(Config::Was(copy)) => match copy.servers.get(&(old.backend.clone(), old.name.clone())) {
            Some(Some(base)) => base,
            Some(None) => {
                return cannot(cannot_tell("the copy does not say where it was", &by_hand(old, &words)));
            }
            // It was added at run time and stands in the files now.
            None if copy.complete => return,
            None => {
                return cannot(cannot_tell("a condition in the copy is not decided", &by_hand(old, &words)));
            }
        },
        Known::Unknown { why } => return cannot(cannot_tell(why, &by_hand(old, &words))),
    };
    if old.address == *base {
        return;
    }
    if new.address != *base {
        let why = format!(
            "the files were changed to {} meanwhile; {} undoes that",
            shown(&new.address),
            by_hand(old, &words)
        );
        return cannot(why);
    }
    if old.address.ip == "-" {
        return cannot("HAProxy does not show where it was".to_owned());
    }
    let port = (old.address.port != new.address.port && old.address.port != 0).then_some(old.address.port);
    let steps = vec![step(old, ServerStep::Address(old.address.ip.clone(), port))];
    items.push(Item::put_back(kind, old.path(), what, detail, steps));
}

/// Where checks go. A copy of the configuration is not asked for this.
fn check_address(old: &HeldServer, new: &HeldServer, loaded: &Loaded, items: &mut Vec<Item>) {
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
        let (kind, detail) = (Kind::ServerAddress, format!("{what} set at run time"));
        items.push(match &loaded.config {
            Known::Seen(Config::Untouched) => {
                Item::put_back(kind, old.path(), what, detail, vec![step(old, change)])
            }
            Known::Seen(_) => Item::cannot(
                kind,
                old.path(),
                what,
                detail,
                cannot_tell("the files were edited", "set it again"),
            ),
            Known::Unknown { why } => {
                Item::cannot(kind, old.path(), what, detail, cannot_tell(why, "set it again"))
            }
        });
    }
}

/// Whether the configuration that the old worker loaded has this server; only asked of one that differs.
fn configured(server: &HeldServer, loaded: &Loaded) -> Known<bool> {
    match &loaded.config {
        Known::Unknown { why } => Known::unknown(why.clone()),
        Known::Seen(Config::Untouched) => Known::unknown("the next worker shows it"),
        Known::Seen(Config::Was(copy)) => {
            match copy.servers.contains_key(&(server.backend.clone(), server.name.clone())) {
                true => Known::Seen(true),
                false if copy.complete => Known::Seen(false),
                false => Known::unknown("a condition in the copy of the files is not decided"),
            }
        }
    }
}

/// A server that only the old worker has: added at run time, or taken out by an edit.
fn missing(old: &HeldServer, loaded: &Loaded) -> Option<Item> {
    let (kind, what) = (Kind::DynamicServer, "server");
    let detail = format!("at {}, added at run time", shown(&old.address));
    let cannot = |why: String| Some(Item::cannot(kind, old.path(), what, detail.clone(), why));
    match (&loaded.config, configured(old, loaded)) {
        (Known::Seen(Config::Untouched), _) | (_, Known::Seen(false)) => {}
        (_, Known::Seen(true)) => return None,
        (_, Known::Unknown { why }) => {
            let again = format!("`add server {} {}`", old.path(), shown(&old.address));
            return cannot(cannot_tell(&why, &again));
        }
    }
    if let Some(why) = unreadable(old) {
        return cannot(why);
    }
    let note = "options that HAProxy does not show, such as inter, send-proxy or proto, are its defaults";
    Some(Item::put_back(kind, old.path(), what, format!("{detail}; {note}"), add(old)))
}

/// Why a server that was added at run time cannot be added again as it was.
pub(super) fn unreadable(server: &HeldServer) -> Option<String> {
    let again = format!("add it again by hand: `add server {} ..`", server.path());
    if server.tls {
        return Some(format!("it is reached over TLS, and HAProxy does not show how; {again}"));
    }
    if let Some(name) = &server.named {
        return Some(format!(
            "it is given by the name {name}, and how that is resolved is not shown; {again}"
        ));
    }
    (server.address.ip == "-").then(|| format!("its address is not shown (a unix socket); {again}"))
}

fn add(server: &HeldServer) -> Vec<Step> {
    let mut changes = vec![ServerStep::Add(Box::new(server.clone()))];
    if server.health.enabled {
        changes.push(ServerStep::Checks(true));
    }
    // The agent check of a new server is on already.
    if server.agent.configured && !server.agent.enabled {
        changes.push(ServerStep::AgentCheck(false));
    }
    if server.weight != server.initial_weight {
        changes.push(ServerStep::Weight(server.weight));
    }
    // It starts in maintenance.
    if server.admin != Admin::Maint {
        changes.push(ServerStep::State(server.admin));
    }
    changes.into_iter().map(|change| step(server, change)).collect()
}

/// A server that only the new worker has: deleted at run time, or brought by an edit.
fn deleted(new: &HeldServer, loaded: &Loaded, items: &mut Vec<Item>) {
    let at_run_time = match &loaded.config {
        Known::Seen(Config::Untouched) => true,
        Known::Seen(Config::Was(copy)) => copy.servers.contains_key(&(new.backend.clone(), new.name.clone())),
        Known::Unknown { .. } => false,
    };
    if at_run_time {
        let steps = vec![step(new, ServerStep::State(Admin::Maint)), step(new, ServerStep::Delete)];
        let detail = "deleted at run time, and the files still have it".to_owned();
        items.push(Item::put_back(Kind::DynamicServer, new.path(), "deletion", detail, steps));
    }
}

pub(super) fn shown(address: &Address) -> String {
    match (address.ip.contains(':'), address.port) {
        (_, 0) => address.ip.clone(),
        (true, port) => format!("[{}]:{port}", address.ip),
        (false, port) => format!("{}:{port}", address.ip),
    }
}

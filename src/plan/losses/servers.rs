//! What servers would lose: their existence, state, weight and address.

use std::collections::{HashMap, HashSet};

use super::{Fate, Kind, Loss, both, edited, proxies, unseen};
use crate::facts::{Address, Admin, Facts, Known, Server};

pub(super) fn lines(facts: &Facts, lines: &mut Vec<Loss>) {
    let live = match &facts.live.servers {
        Known::Unknown { why } => return lines.push(unseen(facts, Kind::DynamicServer, "servers", why)),
        Known::Seen(live) => live,
    };
    let next: HashMap<(&str, &str), &Server> = match &facts.next.servers {
        Known::Unknown { why } => {
            lines.push(unseen(facts, Kind::DynamicServer, "servers", why));
            // State set at run time is gone either way; only where it would return to is not known.
            for server in live {
                admin(facts, server, None, lines);
                weight(facts, server, None, lines);
            }
            return;
        }
        Known::Seen(all) => all.iter().map(|s| ((s.backend.as_str(), s.name.as_str()), s)).collect(),
    };
    // Servers of a backend that no file has go with their backend.
    let gone: HashSet<&str> = match (facts.live.proxies.seen(), facts.next.proxies.seen()) {
        (Some(live), Some(next)) => proxies::only_in_memory(live, next).map(|p| p.name.as_str()).collect(),
        _ => HashSet::new(),
    };
    let mut named = Vec::new();
    for server in live.iter().filter(|server| !gone.contains(server.backend.as_str())) {
        let Some(next) = next.get(&(server.backend.as_str(), server.name.as_str())) else {
            let detail = format!("at {}, in no loaded file{}", shown(&server.address), edited(facts));
            lines.push(both(facts, Kind::DynamicServer, server.path(), 1, Fate::Lost, detail));
            continue;
        };
        if !next.certain {
            let why = "its line stands behind something that could not be decided";
            lines.push(unseen(facts, Kind::DynamicServer, &server.path(), why));
            continue;
        }
        admin(facts, server, Some(next), lines);
        weight(facts, server, Some(next), lines);
        address(facts, server, next, lines, &mut named);
    }
    if let Some(why) = named.first() {
        let object = format!("{} servers given by name", named.len());
        lines.push(unseen(facts, Kind::ServerAddress, &object, why));
    }
}

fn admin(facts: &Facts, live: &Server, next: Option<&Server>, lines: &mut Vec<Loss>) {
    let Some(now) = live.admin.seen() else { return };
    if Some(*now) == live.initial_admin {
        return;
    }
    let then = next.and_then(|next| next.admin.seen().copied());
    let said = match now {
        Admin::Maint => "in maintenance",
        Admin::Drain => "draining",
        Admin::Ready => "taking traffic",
    };
    let (fate, after) = match then {
        Some(then) if then == *now => (Fate::Kept, "the next worker starts so too"),
        Some(Admin::Ready) => (Fate::Lost, "it would take traffic again"),
        Some(Admin::Drain) => (Fate::Lost, "it would drain"),
        Some(Admin::Maint) => (Fate::Lost, "it would be in maintenance again"),
        None => (Fate::Lost, "what it would return to is not known"),
    };
    let detail = format!("{said}, set at run time; {after}");
    lines.push(both(facts, Kind::ServerAdminState, live.path(), 1, fate, detail));
}

fn weight(facts: &Facts, live: &Server, next: Option<&Server>, lines: &mut Vec<Loss>) {
    let (Some(now), Some(initial)) = (live.weight.seen(), live.initial_weight) else { return };
    if *now == initial {
        return;
    }
    let then = next.and_then(|next| next.weight.seen().copied());
    let (fate, after) = match then {
        Some(then) if then == *now => (Fate::Kept, then.to_string()),
        Some(then) => (Fate::Lost, then.to_string()),
        None => (Fate::Lost, "what the files say".to_owned()),
    };
    let detail = format!("weight {now}, set at run time; it would be {after}");
    lines.push(both(facts, Kind::ServerWeight, live.path(), 1, fate, detail));
}

fn address(facts: &Facts, live: &Server, next: &Server, lines: &mut Vec<Loss>, named: &mut Vec<String>) {
    match live.address.as_ref().zip(next.address.as_ref()) {
        Known::Seen((now, then)) if now == then => {}
        Known::Seen((now, then)) => {
            let detail = format!("runs at {now}, would be {then}{}", edited(facts));
            lines.push(both(facts, Kind::ServerAddress, live.path(), 1, Fate::Lost, detail));
        }
        Known::Unknown { why } => named.push(format!("{}: {why}", live.path())),
    }
}

fn shown(address: &Known<Address>) -> String {
    address.seen().map_or_else(|| "an unknown address".to_owned(), Address::to_string)
}

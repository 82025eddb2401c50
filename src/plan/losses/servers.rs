//! Losses of servers: their existence, state, weight and address.

use std::collections::HashSet;

use super::{Effect, Loss, LossKind, add_part, edit_note, loss_line, unknown_line};
use crate::facts::{Facts, Known, Server, ServerAddress, ServerAdminState};
use crate::known::Unknown;
use crate::plan::diff::WorkerDiff;
use crate::plural::plural;

pub(super) fn add_losses(facts: &Facts, diff: &WorkerDiff<'_>, lines: &mut Vec<Loss>) {
    add_part(facts, LossKind::DynamicServer, "servers", lines, |lines| add_servers(facts, diff, lines));
}

fn add_servers(facts: &Facts, diff: &WorkerDiff<'_>, lines: &mut Vec<Loss>) -> Result<(), Unknown> {
    if diff.servers.next().is_err() {
        // State set at run time is lost in any case; only the value it would return to is unknown.
        for (server, _) in diff.servers.running()? {
            add_admin_state(facts, server, None, lines);
            add_weight(facts, server, None, lines);
        }
    }
    diff.servers.next()?;
    // Servers of a runtime-only backend are lost with it, and are not listed again.
    let gone: HashSet<&str> = diff.proxies.removed().map(|proxy| proxy.name.as_str()).collect();
    let mut named = Vec::new();
    for (server, next) in
        diff.servers.running()?.filter(|(server, _)| !gone.contains(server.backend.as_str()))
    {
        let Some(next) = next? else {
            let detail =
                format!("at {}, in no loaded file{}", describe_address(&server.address), edit_note(facts));
            lines.push(loss_line(facts, LossKind::DynamicServer, server.path(), 1, Effect::Lost, detail));
            continue;
        };
        if !next.certain {
            let why = "its line is behind a condition or variable that could not be decided";
            lines.push(unknown_line(facts, LossKind::DynamicServer, &server.path(), why));
            continue;
        }
        add_admin_state(facts, server, Some(next), lines);
        add_weight(facts, server, Some(next), lines);
        add_address(facts, server, next, lines, &mut named);
    }
    if let Some(why) = named.first() {
        let object = format!("{} with a host name", plural(named.len(), "server"));
        lines.push(unknown_line(facts, LossKind::ServerAddress, &object, why));
    }
    Ok(())
}

fn add_admin_state(facts: &Facts, live: &Server, next: Option<&Server>, lines: &mut Vec<Loss>) {
    let Some(now) = live.admin.seen() else { return };
    if Some(*now) == live.initial_admin {
        return;
    }
    let then = next.and_then(|next| next.admin.seen().copied());
    let state = match now {
        ServerAdminState::Maint => "in maintenance",
        ServerAdminState::Drain => "draining",
        ServerAdminState::Ready => "taking traffic",
    };
    let (fate, after) = match then {
        Some(then) if then == *now => (Effect::Kept, "the next worker starts in the same state"),
        Some(ServerAdminState::Ready) => (Effect::Lost, "it would take traffic again"),
        Some(ServerAdminState::Drain) => (Effect::Lost, "it would drain"),
        Some(ServerAdminState::Maint) => (Effect::Lost, "it would be in maintenance again"),
        None => (Effect::Lost, "it is not known what it would return to"),
    };
    let detail = format!("{state}, set at run time; {after}");
    lines.push(loss_line(facts, LossKind::ServerAdminState, live.path(), 1, fate, detail));
}

fn add_weight(facts: &Facts, live: &Server, next: Option<&Server>, lines: &mut Vec<Loss>) {
    let (Some(now), Some(initial)) = (live.weight.seen(), live.initial_weight) else { return };
    if *now == initial {
        return;
    }
    let then = next.and_then(|next| next.weight.seen().copied());
    let (fate, after) = match then {
        Some(then) if then == *now => (Effect::Kept, then.to_string()),
        Some(then) => (Effect::Lost, then.to_string()),
        None => (Effect::Lost, "the value in the files".to_owned()),
    };
    let detail = format!("weight {now}, set at run time; it would be {after}");
    lines.push(loss_line(facts, LossKind::ServerWeight, live.path(), 1, fate, detail));
}

fn add_address(facts: &Facts, live: &Server, next: &Server, lines: &mut Vec<Loss>, named: &mut Vec<String>) {
    match live.address.as_ref().zip(next.address.as_ref()) {
        Known::Seen((now, then)) if now == then => {}
        Known::Seen((now, then)) => {
            let detail = format!("runs at {now}, would be {then}{}", edit_note(facts));
            lines.push(loss_line(facts, LossKind::ServerAddress, live.path(), 1, Effect::Lost, detail));
        }
        Known::Unknown { why } => named.push(format!("{}: {why}", live.path())),
    }
}

fn describe_address(address: &Known<ServerAddress>) -> String {
    address.seen().map_or_else(|| "an unknown address".to_owned(), ServerAddress::to_string)
}

//! One step of a replay, as runtime commands.

use crate::clients::haproxy::runtime::commands::{List, NewServer, State, Target, Unsayable};
use crate::clients::haproxy::runtime::{Change, Channel, Undone};
use crate::facts::runtime_state::HeldServer;
use crate::facts::{Admin, PatternKind};
use crate::plan::replay::{Edit, ServerStep, Step};
use crate::secret::Secret;
use crate::wire::haproxy::config::PatternKind as Wire;
use crate::wire::haproxy::runtime::patterns;

type Taken = Result<(), Undone>;

/// Takes one step.
pub(super) fn take(step: &Step, channel: &Channel) -> Taken {
    match step {
        Step::Server { backend, server, change } => match server_change(backend, server, change) {
            Ok(change) => all(channel.change(&[change])),
            Err(bad) => Err(unsent(bad)),
        },
        Step::Entries { kind, id, edits, whole } => {
            let kind = match kind {
                PatternKind::Map => Wire::Map,
                PatternKind::Acl => Wire::Acl,
            };
            entries(List { kind, id: *id }, edits.as_deref(), whole, channel)
        }
        Step::Certificate { name, pem } => certificate(name, pem, channel),
    }
}

/// Takes steps of servers together, one outcome for each.
pub(super) fn take_all(steps: &[&Step], channel: &Channel) -> Vec<Taken> {
    let made: Vec<Result<Change, Undone>> = steps
        .iter()
        .map(|step| match step {
            Step::Server { backend, server, change } => {
                server_change(backend, server, change).map_err(unsent)
            }
            _ => Err(unsent("it is no step of a server")),
        })
        .collect();
    let changes: Vec<Change> = made.iter().flatten().cloned().collect();
    let mut outcomes = channel.change(&changes).into_iter();
    let outcome = |made: Result<Change, Undone>| {
        made?;
        outcomes.next().unwrap_or_else(|| Err(unsent("there was no outcome"))).map(drop)
    };
    made.into_iter().map(outcome).collect()
}

/// The first that failed, where one did.
fn all(outcomes: Vec<Result<String, Undone>>) -> Taken {
    outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))
}

fn server_change(backend: &str, server: &str, change: &ServerStep) -> Result<Change, Unsayable> {
    match change {
        ServerStep::State(admin) => {
            let state = match admin {
                Admin::Ready => State::Ready,
                Admin::Drain => State::Drain,
                Admin::Maint => State::Maint,
            };
            Change::set_server_state(backend, server, state)
        }
        ServerStep::Weight(weight) => Change::set_server_weight(backend, server, *weight),
        ServerStep::Address(ip, port) => Change::set_server_address(backend, server, ip, *port),
        ServerStep::CheckAddress(ip) => Change::set_server_check_address(backend, server, ip),
        ServerStep::CheckPort(port) => Change::set_server_check_port(backend, server, *port),
        ServerStep::Agent(ip, port) => Change::set_server_agent(backend, server, ip, *port),
        ServerStep::Checks(on) => Change::switch_checks(backend, server, *on),
        ServerStep::AgentCheck(on) => Change::switch_agent(backend, server, *on),
        ServerStep::Add(held) => Change::add_server(&new_server(held)),
        ServerStep::Delete => Change::delete_server(backend, server),
    }
}

fn new_server(held: &HeldServer) -> NewServer {
    let port = |port: u16| (port != 0).then_some(port);
    NewServer {
        backend: held.backend.clone(),
        name: held.name.clone(),
        ip: held.address.ip.clone(),
        port: port(held.address.port),
        weight: held.initial_weight,
        id: held.id,
        maxconn: held.maxconn,
        maxqueue: held.maxqueue,
        backup: held.backup,
        cookie: held.cookie.clone(),
        check: held.health.configured,
        check_port: port(held.health.port),
        check_ip: held.health.address.clone(),
        rise: held.rise,
        fall: held.fall,
        agent_port: port(held.agent.port).filter(|_| held.agent.configured),
        agent_ip: held.agent.address.clone(),
    }
}

type Pair = (Secret, Option<Secret>);

fn entries(list: List, edits: Option<&[Edit]>, whole: &[Pair], channel: &Channel) -> Taken {
    // A value that no single line can carry still goes with the whole, as a payload.
    match edits.and_then(|edits| changes_of(list, edits).ok()) {
        Some(changes) => all(channel.change(&changes)),
        None => rebuild(list, whole, channel),
    }
}

fn changes_of(list: List, edits: &[Edit]) -> Result<Vec<Change>, Unsayable> {
    let mut changes = Vec::new();
    let mut added: Vec<(&str, Option<&str>)> = Vec::new();
    for edit in edits {
        match edit {
            Edit::Delete(reference) => changes.push(Change::delete_entry(list, reference)?),
            Edit::Set(reference, value) => changes.push(Change::set_map(list, reference, value.reveal())?),
            Edit::Add(key, value) => added.push((key.reveal(), value.as_ref().map(Secret::reveal))),
        }
    }
    changes.extend(additions(list, Target::Current, &added)?);
    Ok(changes)
}

fn additions(list: List, target: Target, added: &[(&str, Option<&str>)]) -> Result<Vec<Change>, Unsayable> {
    match list.kind {
        Wire::Map => Change::add_map(list, target, added),
        Wire::Acl => added.iter().map(|(key, _)| Change::add_acl(list, target, key)).collect(),
    }
}

/// The whole list beside the one in use, then in its place at once.
fn rebuild(list: List, whole: &[Pair], channel: &Channel) -> Taken {
    let prepare = Change::prepare(list).map_err(unsent)?;
    let said = channel.change(&[prepare]).pop().unwrap_or_else(|| Err(unsent("there was no outcome")))?;
    let version = patterns::parse_prepared(&said).map_err(|bad| Undone::Unclear { why: bad.to_string() })?;
    let pairs: Vec<(&str, Option<&str>)> =
        whole.iter().map(|(key, value)| (key.reveal(), value.as_ref().map(Secret::reveal))).collect();
    let filled = additions(list, Target::Prepared(version), &pairs)
        .map_err(unsent)
        .and_then(|changes| all(channel.change(&changes)));
    let last = match &filled {
        Ok(()) => Change::commit(list, version),
        // Half a list must not be served.
        Err(_) => Change::clear(list, version),
    };
    let ended = all(channel.change(&[last.map_err(unsent)?]));
    filled.and(ended)
}

fn certificate(name: &str, pem: &Secret, channel: &Channel) -> Taken {
    let set = Change::set_certificate(name, pem).map_err(unsent)?;
    all(channel.change(&[set]))?;
    let commit = Change::commit_certificate(name).map_err(unsent)?;
    all(channel.change(&[commit])).inspect_err(|_| {
        // Otherwise the transaction stays open and is in the way of the next one.
        let aborted = Change::abort_certificate(name).map(|abort| channel.change(&[abort]));
        tracing::debug!(?aborted, name, "the transaction is given up");
    })
}

/// A reason that no HAProxy gave.
pub(super) fn unsent(why: impl ToString) -> Undone {
    Undone::NotSent { why: why.to_string() }
}

//! One step of a replay, as runtime commands.

use crate::clients::haproxy::runtime::commands::{
    AdminStateCommand, NewServer, PatternListRef, PatternVersion, UnencodableValue,
};
use crate::clients::haproxy::runtime::{ChangeError, RuntimeChange, RuntimeWriter};
use crate::facts::runtime_state::RuntimeServer;
use crate::facts::{PatternKind, ServerAdminState};
use crate::plan::replay::{ListEdit, ReplayStep, ServerStep};
use crate::secret::Secret;
use crate::wire::haproxy::config::PatternKind as Wire;
use crate::wire::haproxy::runtime::patterns;

type CommandResult = Result<(), ChangeError>;

/// Takes one step.
pub(super) fn send(step: &ReplayStep, writer: RuntimeWriter<'_>) -> CommandResult {
    match step {
        ReplayStep::Server { backend, server, change } => match server_changes(backend, server, change) {
            Ok(changes) => first_failure(writer.change(&changes)),
            Err(bad) => Err(not_sent(bad)),
        },
        ReplayStep::Entries { kind, id, edits, whole } => {
            let kind = match kind {
                PatternKind::Map => Wire::Map,
                PatternKind::Acl => Wire::Acl,
            };
            update_list(PatternListRef { kind, id: *id }, edits.as_deref(), whole, writer)
        }
        ReplayStep::Certificate { name, pem } => update_certificate(name, pem, writer),
    }
}

/// Takes steps of servers together, one outcome for each.
pub(super) fn send_batch(steps: &[&ReplayStep], writer: RuntimeWriter<'_>) -> Vec<CommandResult> {
    let made: Vec<Result<RuntimeChange, ChangeError>> = steps
        .iter()
        .map(|step| match step {
            ReplayStep::Server { backend, server, change } => {
                server_change(backend, server, change).map_err(not_sent)
            }
            _ => Err(not_sent("it is no step of a server")),
        })
        .collect();
    let changes: Vec<RuntimeChange> = made.iter().flatten().cloned().collect();
    let mut outcomes = writer.change(&changes).into_iter();
    let outcome = |made: Result<RuntimeChange, ChangeError>| {
        made?;
        outcomes.next().unwrap_or_else(|| Err(not_sent("there was no outcome"))).map(drop)
    };
    made.into_iter().map(outcome).collect()
}

/// The first that failed, where one did.
fn first_failure(outcomes: Vec<Result<String, ChangeError>>) -> CommandResult {
    outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))
}

/// The commands of one step. On a worker's own socket they stand in one line, so that no request comes between.
fn server_changes(
    backend: &str,
    server: &str,
    change: &ServerStep,
) -> Result<Vec<RuntimeChange>, UnencodableValue> {
    let first = server_change(backend, server, change)?;
    Ok(match change {
        // In this order: leaving maintenance undoes an earlier mark (measured on 2.6, 3.0 and 3.4).
        ServerStep::ReadyDown => vec![first, RuntimeChange::set_server_down(backend, server)?],
        _ => vec![first],
    })
}

fn server_change(
    backend: &str,
    server: &str,
    change: &ServerStep,
) -> Result<RuntimeChange, UnencodableValue> {
    match change {
        ServerStep::ReadyDown => RuntimeChange::set_server_state(backend, server, AdminStateCommand::Ready),
        ServerStep::State(admin) => {
            let state = match admin {
                ServerAdminState::Ready => AdminStateCommand::Ready,
                ServerAdminState::Drain => AdminStateCommand::Drain,
                ServerAdminState::Maint => AdminStateCommand::Maint,
            };
            RuntimeChange::set_server_state(backend, server, state)
        }
        ServerStep::Weight(weight) => RuntimeChange::set_server_weight(backend, server, *weight),
        ServerStep::Address(ip, port) => RuntimeChange::set_server_address(backend, server, ip, *port),
        ServerStep::CheckAddress(ip) => RuntimeChange::set_server_check_address(backend, server, ip),
        ServerStep::CheckPort(port) => RuntimeChange::set_server_check_port(backend, server, *port),
        ServerStep::Agent(ip, port) => RuntimeChange::set_server_agent(backend, server, ip, *port),
        ServerStep::Checks(on) => RuntimeChange::switch_checks(backend, server, *on),
        ServerStep::AgentCheck(on) => RuntimeChange::switch_agent(backend, server, *on),
        ServerStep::Add(held) => RuntimeChange::add_server(&new_server(held)),
        ServerStep::Delete => RuntimeChange::delete_server(backend, server),
    }
}

fn new_server(held: &RuntimeServer) -> NewServer {
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

type ListEntry = (Secret, Option<Secret>);

fn update_list(
    list: PatternListRef,
    edits: Option<&[ListEdit]>,
    whole: &[ListEntry],
    writer: RuntimeWriter<'_>,
) -> CommandResult {
    // A value that no single line can carry still goes with the whole, as a payload.
    match edits.and_then(|edits| edit_commands(list, edits).ok()) {
        Some(changes) => first_failure(writer.change(&changes)),
        None => replace_list(list, whole, writer),
    }
}

fn edit_commands(list: PatternListRef, edits: &[ListEdit]) -> Result<Vec<RuntimeChange>, UnencodableValue> {
    let mut changes = Vec::new();
    let mut added: Vec<(&str, Option<&str>)> = Vec::new();
    for edit in edits {
        match edit {
            ListEdit::Delete(reference) => changes.push(RuntimeChange::delete_entry(list, reference)?),
            ListEdit::Set(reference, value) => {
                changes.push(RuntimeChange::set_map_value(list, reference, value.reveal())?)
            }
            ListEdit::Add(key, value) => added.push((key.reveal(), value.as_ref().map(Secret::reveal))),
        }
    }
    changes.extend(add_commands(list, PatternVersion::Current, &added)?);
    Ok(changes)
}

fn add_commands(
    list: PatternListRef,
    target: PatternVersion,
    added: &[(&str, Option<&str>)],
) -> Result<Vec<RuntimeChange>, UnencodableValue> {
    match list.kind {
        Wire::Map => RuntimeChange::add_map_entries(list, target, added),
        Wire::Acl => added.iter().map(|(key, _)| RuntimeChange::add_acl_entry(list, target, key)).collect(),
    }
}

/// The whole list beside the one in use, then in its place at once.
fn replace_list(list: PatternListRef, whole: &[ListEntry], writer: RuntimeWriter<'_>) -> CommandResult {
    let prepare = RuntimeChange::prepare_list(list).map_err(not_sent)?;
    let said = writer.change(&[prepare]).pop().unwrap_or_else(|| Err(not_sent("there was no outcome")))?;
    let version = patterns::parse_prepared_version(&said)
        .map_err(|bad| ChangeError::OutcomeUnknown { why: bad.to_string() })?;
    let pairs: Vec<(&str, Option<&str>)> =
        whole.iter().map(|(key, value)| (key.reveal(), value.as_ref().map(Secret::reveal))).collect();
    let filled = add_commands(list, PatternVersion::Prepared(version), &pairs)
        .map_err(not_sent)
        .and_then(|changes| first_failure(writer.change(&changes)));
    let last = match &filled {
        Ok(()) => RuntimeChange::commit_list(list, version),
        // Half a list must not be served.
        Err(_) => RuntimeChange::clear_list(list, version),
    };
    let ended = first_failure(writer.change(&[last.map_err(not_sent)?]));
    filled.and(ended)
}

fn update_certificate(name: &str, pem: &Secret, writer: RuntimeWriter<'_>) -> CommandResult {
    let set = RuntimeChange::set_certificate(name, pem).map_err(not_sent)?;
    first_failure(writer.change(&[set]))?;
    let commit = RuntimeChange::commit_certificate(name).map_err(not_sent)?;
    first_failure(writer.change(&[commit])).inspect_err(|_| {
        // Otherwise the transaction stays open and is in the way of the next one.
        let aborted = RuntimeChange::abort_certificate(name).map(|abort| writer.change(&[abort]));
        tracing::debug!(?aborted, name, "the transaction is given up");
    })
}

/// A reason that no HAProxy gave.
pub(super) fn not_sent(why: impl ToString) -> ChangeError {
    ChangeError::NotSent { why: why.to_string() }
}

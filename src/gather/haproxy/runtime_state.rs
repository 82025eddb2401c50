//! Reads the runtime state of a worker, with the values themselves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use anyhow::{Context, Result, anyhow};

use super::live_worker::{escape_cli_argument, list_name};
use super::{servers, sockets};
use crate::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use crate::config::Settings;
use crate::facts::runtime_state::{
    CheckSettings, RuntimeCertificate, RuntimePatternEntry, RuntimePatternList, RuntimeServer,
    RuntimeStickTable,
};
use crate::facts::{Instance, Known, PatternKind, RuntimeState, ServerAddress, ServerAdminState};
use crate::gather::{GatherContext, ProbeDepth};
use crate::time::Deadline;
use crate::wire::haproxy::runtime::patterns::{self, PatternEntry};
use crate::wire::haproxy::runtime::servers_state::{self, ServerState};
use crate::wire::haproxy::runtime::stats::{self, StatKind, StatRow};
use crate::wire::haproxy::runtime::{certificates, peers, stick_tables};

/// The certificates whose private keys are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateKeys<'a> {
    /// None.
    None,
    /// Those of the certificates with these names.
    Named(&'a [String]),
}

/// The best way to the worker `pid` of this instance, which need not be the one that serves: a socket of its own with
/// level admin, else through the master.
///
/// Before a reload this is the way to the worker that holds everything, after it to the next one, with the PID that
/// the master now lists.
pub fn worker_channel(
    settings: &Settings,
    instance: &Instance,
    pid: u32,
    deadline: Deadline,
    calls: &Arc<AtomicU32>,
) -> Known<WorkerChannel> {
    let look = GatherContext {
        deadline,
        calls: Arc::clone(calls),
        ..GatherContext::new(settings, ProbeDepth::Read)
    };
    // After a reload another worker may answer on the same socket.
    let known = instance.admin_sockets.as_ref().map(|known| {
        let again =
            known.iter().map(|socket| sockets::query_socket(&look, socket.path.as_ref(), &socket.source));
        again.collect::<Vec<_>>()
    });
    let master: Option<RuntimeSocket> =
        instance.master_socket.seen().map(|master| sockets::socket(&look, master.path.as_ref()));
    sockets::select_channel(&look, &known, &Known::Seen(pid), master.as_ref())
}

/// Reads what the worker behind this channel holds.
pub fn read_runtime_state(channel: &WorkerChannel, keys: PrivateKeys<'_>) -> RuntimeState {
    let questions = [
        "show backend",
        "show servers state",
        "show stat",
        "show table",
        "show peers",
        "show map",
        "show acl",
        "show ssl cert",
    ];
    let mut answers = ask_each(channel, questions.map(str::to_owned).to_vec()).into_iter();
    let mut answer = || answers.next().unwrap_or_else(|| Err(anyhow!("no answer")));
    let backends = answer().map(|text| parse_backends(&text));
    let states = answer().and_then(|text| Ok(servers_state::parse(&text)?));
    let stats = answer().and_then(|text| Ok(stats::parse(&text)?));
    let tables = answer().and_then(|text| Ok(stick_tables::parse(&text)?));
    let peers = answer().and_then(|text| Ok(peers::parse(&text)?));
    let maps = answer().and_then(|text| parse_lists(PatternKind::Map, &text));
    let acls = answer().and_then(|text| parse_lists(PatternKind::Acl, &text));
    let names = answer().and_then(|text| Ok(certificates::parse_list(&text)?));
    RuntimeState {
        backends: backends.into(),
        servers: states.and_then(|states| Ok(merge_servers(states, stats?))).into(),
        lists: maps.and_then(|maps| Ok(with_entries(channel, maps, acls?))).into(),
        certificates: names.map(|names| read_certificates(channel, names, keys)).into(),
        tables: tables.and_then(|tables| Ok(runtime_tables(tables, &peers?))).into(),
    }
}

/// One answer for each question; where the whole exchange failed, its error for each.
fn ask_each(channel: &WorkerChannel, questions: Vec<String>) -> Vec<Result<String>> {
    match channel.ask_all(&questions) {
        Ok(answers) => {
            let pairs = questions.iter().zip(answers);
            pairs.map(|(question, answer)| answer.with_context(|| question.clone())).collect()
        }
        Err(error) => questions.iter().map(|question| Err(anyhow!("{question}: {error:#}"))).collect(),
    }
}

fn parse_backends(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// `show servers state` has states and addresses, `show stat` limits and cookies.
fn merge_servers(states: Vec<ServerState>, stats: Vec<StatRow>) -> Vec<RuntimeServer> {
    let of_servers = stats.into_iter().filter(|row| row.kind == StatKind::Server);
    let mut stats: HashMap<(String, String), StatRow> =
        of_servers.map(|row| ((row.pxname.clone(), row.svname.clone()), row)).collect();
    let servers = states.into_iter().map(|state| {
        let row = stats.remove(&(state.backend.clone(), state.server.clone()));
        runtime_server(state, row.as_ref())
    });
    servers.collect()
}

fn runtime_server(state: ServerState, row: Option<&StatRow>) -> RuntimeServer {
    let checks = |(configured, enabled), port, address| CheckSettings { configured, enabled, port, address };
    let (health, agent) = (state.health_check_flags(), state.agent_check_flags());
    let admin = state.admin_state;
    RuntimeServer {
        id: state.forced_id.then_some(state.server_id),
        address: ServerAddress { ip: state.address.unwrap_or_else(|| "-".to_owned()), port: state.port },
        named: state.srv_record.or(state.fqdn),
        admin: servers::requested_admin_state(admin),
        initial_admin: if admin.config_maint() { ServerAdminState::Maint } else { ServerAdminState::Ready },
        weight: state.uweight,
        initial_weight: state.iweight,
        health: checks(health, state.check_port, state.check_address),
        agent: checks(agent, state.agent_port, state.agent_address),
        tls: state.tls,
        maxconn: row.and_then(|row| row.limit),
        maxqueue: row.and_then(|row| row.queue_limit),
        backup: row.is_some_and(|row| row.bck == Some(1)),
        cookie: row.and_then(|row| row.cookie.clone()),
        rise: row.and_then(|row| row.rise),
        fall: row.and_then(|row| row.fall),
        backend: state.backend,
        name: state.server,
    }
}

/// All lists but HAProxy's internal ones, still without their entries.
fn parse_lists(kind: PatternKind, text: &str) -> Result<Vec<RuntimePatternList>> {
    let all = patterns::parse_lists(text)?;
    let own = all.iter().filter(|list| !list.is_internal());
    let held = own.map(|list| RuntimePatternList {
        kind,
        id: list.id,
        name: list_name(list),
        sample: match list.file {
            Some(_) => None,
            None => list.uses.first().map(|place| place.keyword.clone()),
        },
        entries: Known::unknown("not asked"),
    });
    Ok(held.collect())
}

fn with_entries(
    channel: &WorkerChannel,
    maps: Vec<RuntimePatternList>,
    acls: Vec<RuntimePatternList>,
) -> Vec<RuntimePatternList> {
    let mut all = maps;
    // A file that serves both as a map and as an ACL is one list, and is put back once.
    let only_acls: Vec<RuntimePatternList> =
        acls.into_iter().filter(|acl| !all.iter().any(|map| map.id == acl.id)).collect();
    all.extend(only_acls);
    let questions = all.iter().map(|list| match list.kind {
        PatternKind::Map => format!("show map #{}", list.id),
        PatternKind::Acl => format!("show acl #{}", list.id),
    });
    let answers = ask_each(channel, questions.collect());
    for (list, answer) in all.iter_mut().zip(answers) {
        let read = answer.and_then(|text| match list.kind {
            PatternKind::Map => Ok(patterns::parse_map_entries(&text)?),
            PatternKind::Acl => Ok(patterns::parse_acl_entries(&text)?),
        });
        list.entries = read.map(|entries| entries.into_iter().map(runtime_entry).collect()).into();
    }
    all
}

fn runtime_entry(entry: PatternEntry) -> RuntimePatternEntry {
    let PatternEntry { reference, key, value } = entry;
    RuntimePatternEntry { reference, key, value }
}

fn read_certificates(
    channel: &WorkerChannel,
    listed: Vec<certificates::ListedCertificate>,
    keys: PrivateKeys<'_>,
) -> Vec<RuntimeCertificate> {
    let names: Vec<String> = listed.into_iter().filter(|c| !c.transaction).map(|c| c.name).collect();
    let questions = names.iter().map(|name| format!("show ssl cert {}", escape_cli_argument(name))).collect();
    let of = |(name, answer): (String, Result<String>)| {
        let sha1 = answer.and_then(|text| Ok(certificates::parse_details(&text)?.sha1));
        let sha1 = match sha1 {
            Ok(None) => return None,
            Ok(Some(sha1)) => Known::Seen(sha1),
            Err(error) => Known::unknown(format!("{error:#}")),
        };
        let pem = match keys {
            PrivateKeys::Named(wanted) if wanted.contains(&name) => {
                let dumped = channel.certificate_with_key(&name);
                dumped.context("its private key cannot be read back (3.2 and newer can)").into()
            }
            _ => Known::unknown("its private key was not read"),
        };
        Some(RuntimeCertificate { name, sha1, pem })
    };
    names.into_iter().zip(ask_each(channel, questions)).filter_map(of).collect()
}

fn runtime_tables(
    tables: Vec<stick_tables::StickTable>,
    peers: &[peers::PeersSection],
) -> Vec<RuntimeStickTable> {
    let by_peers = |name: &String| peers.iter().any(|p| p.local.is_some() && p.tables.contains(name));
    let held = tables.into_iter().filter(|table| table.used > 0).map(|table| RuntimeStickTable {
        carried: by_peers(&table.name),
        name: table.name,
        used: table.used,
    });
    held.collect()
}

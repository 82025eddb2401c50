//! Reading what a worker holds, with the values themselves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use anyhow::{Context, Result, anyhow};

use super::live_worker::{escaped, name};
use super::{servers, sockets};
use crate::clients::haproxy::runtime::{Channel, Socket};
use crate::config::Settings;
use crate::facts::runtime_state::{Checks, HeldCertificate, HeldEntry, HeldList, HeldServer, HeldTable};
use crate::facts::{Address, Admin, Holdings, Instance, Known, PatternKind};
use crate::gather::{Effort, Look};
use crate::time::Deadline;
use crate::wire::haproxy::runtime::patterns::{self, PatternEntry};
use crate::wire::haproxy::runtime::servers_state::{self, ServerState};
use crate::wire::haproxy::runtime::stats::{self, StatKind, StatRow};
use crate::wire::haproxy::runtime::{certificates, peers, stick_tables};

/// Whose private keys are read: no more than will be needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys<'a> {
    /// Nobody's.
    None,
    /// Those of the certificates with these names.
    Of(&'a [String]),
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
) -> Known<Channel> {
    let look = Look { deadline, calls: Arc::clone(calls), ..Look::of(settings, Effort::Read) };
    // Who answered before a reload says nothing about who answers now.
    let known = instance.admin_sockets.as_ref().map(|known| {
        let again = known.iter().map(|socket| sockets::asked(&look, socket.path.as_ref(), &socket.source));
        again.collect::<Vec<_>>()
    });
    let master: Option<Socket> =
        instance.master_socket.seen().map(|master| sockets::socket(&look, master.path.as_ref()));
    sockets::channel(&look, &known, &Known::Seen(pid), master.as_ref())
}

/// Reads what the worker behind this channel holds.
pub fn holdings(channel: &Channel, keys: Keys<'_>) -> Holdings {
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
    let mut answers = asked(channel, questions.map(str::to_owned).to_vec()).into_iter();
    let mut answer = || answers.next().unwrap_or_else(|| Err(anyhow!("no answer")));
    let backends = answer().map(|text| backends(&text));
    let states = answer().and_then(|text| Ok(servers_state::parse(&text)?));
    let stats = answer().and_then(|text| Ok(stats::parse(&text)?));
    let tables = answer().and_then(|text| Ok(stick_tables::parse(&text)?));
    let peers = answer().and_then(|text| Ok(peers::parse(&text)?));
    let maps = answer().and_then(|text| lists(PatternKind::Map, &text));
    let acls = answer().and_then(|text| lists(PatternKind::Acl, &text));
    let names = answer().and_then(|text| Ok(certificates::parse_list(&text)?));
    Holdings {
        backends: backends.into(),
        servers: states.and_then(|states| Ok(held(states, stats?))).into(),
        lists: maps.and_then(|maps| Ok(filled(channel, maps, acls?))).into(),
        certificates: names.map(|names| fingerprints(channel, names, keys)).into(),
        tables: tables.and_then(|tables| Ok(carried(tables, &peers?))).into(),
    }
}

/// One answer for each question; where the whole exchange failed, its error for each.
fn asked(channel: &Channel, questions: Vec<String>) -> Vec<Result<String>> {
    match channel.ask_all(&questions) {
        Ok(answers) => {
            let said = questions.iter().zip(answers);
            said.map(|(question, answer)| answer.with_context(|| question.clone())).collect()
        }
        Err(error) => questions.iter().map(|question| Err(anyhow!("{question}: {error:#}"))).collect(),
    }
}

fn backends(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// Two answers about the same servers: the one has states and addresses, the other limits and cookies.
fn held(states: Vec<ServerState>, stats: Vec<StatRow>) -> Vec<HeldServer> {
    let of_servers = stats.into_iter().filter(|row| row.kind == StatKind::Server);
    let mut stats: HashMap<(String, String), StatRow> =
        of_servers.map(|row| ((row.pxname.clone(), row.svname.clone()), row)).collect();
    let held = states.into_iter().map(|state| {
        let row = stats.remove(&(state.backend.clone(), state.server.clone()));
        server(state, row.as_ref())
    });
    held.collect()
}

fn server(state: ServerState, row: Option<&StatRow>) -> HeldServer {
    let checks = |(configured, enabled), port, address| Checks { configured, enabled, port, address };
    let (health, agent) = (state.checks(), state.agent());
    let admin = state.admin_state;
    HeldServer {
        id: state.forced_id.then_some(state.server_id),
        address: Address { ip: state.address.unwrap_or_else(|| "-".to_owned()), port: state.port },
        named: state.srv_record.or(state.fqdn),
        admin: servers::admin(admin),
        initial_admin: if admin.config_maint() { Admin::Maint } else { Admin::Ready },
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

/// The lists that are somebody's, still without their entries.
fn lists(kind: PatternKind, text: &str) -> Result<Vec<HeldList>> {
    let all = patterns::parse_lists(text)?;
    let own = all.iter().filter(|list| !list.internal());
    let held = own.map(|list| HeldList {
        kind,
        id: list.id,
        name: name(list),
        sample: match list.file {
            Some(_) => None,
            None => list.uses.first().map(|place| place.keyword.clone()),
        },
        entries: Known::unknown("not asked"),
    });
    Ok(held.collect())
}

fn filled(channel: &Channel, maps: Vec<HeldList>, acls: Vec<HeldList>) -> Vec<HeldList> {
    let mut all = maps;
    // A file that serves both as a map and as an ACL is one list, and is put back once.
    let only_acls: Vec<HeldList> =
        acls.into_iter().filter(|acl| !all.iter().any(|map| map.id == acl.id)).collect();
    all.extend(only_acls);
    let questions = all.iter().map(|list| match list.kind {
        PatternKind::Map => format!("show map #{}", list.id),
        PatternKind::Acl => format!("show acl #{}", list.id),
    });
    let answers = asked(channel, questions.collect());
    for (list, answer) in all.iter_mut().zip(answers) {
        let read = answer.and_then(|text| match list.kind {
            PatternKind::Map => Ok(patterns::parse_map_entries(&text)?),
            PatternKind::Acl => Ok(patterns::parse_acl_entries(&text)?),
        });
        list.entries = read.map(|entries| entries.into_iter().map(entry).collect()).into();
    }
    all
}

fn entry(entry: PatternEntry) -> HeldEntry {
    let PatternEntry { reference, key, value } = entry;
    HeldEntry { reference, key, value }
}

fn fingerprints(
    channel: &Channel,
    listed: Vec<certificates::ListedCertificate>,
    keys: Keys<'_>,
) -> Vec<HeldCertificate> {
    let names: Vec<String> = listed.into_iter().filter(|c| !c.transaction).map(|c| c.name).collect();
    let questions = names.iter().map(|name| format!("show ssl cert {}", escaped(name))).collect();
    let of = |(name, answer): (String, Result<String>)| {
        let sha1 = answer.and_then(|text| Ok(certificates::parse_details(&text)?.sha1));
        let sha1 = match sha1 {
            Ok(None) => return None,
            Ok(Some(sha1)) => Known::Seen(sha1),
            Err(error) => Known::unknown(format!("{error:#}")),
        };
        let pem = match keys {
            Keys::Of(wanted) if wanted.contains(&name) => {
                let dumped = channel.certificate_with_key(&name);
                dumped.context("its private key cannot be read back (3.2 and newer can)").into()
            }
            _ => Known::unknown("its private key was not read"),
        };
        Some(HeldCertificate { name, sha1, pem })
    };
    names.into_iter().zip(asked(channel, questions)).filter_map(of).collect()
}

fn carried(tables: Vec<stick_tables::Table>, peers: &[peers::PeersSection]) -> Vec<HeldTable> {
    let by_peers = |name: &String| peers.iter().any(|p| p.local.is_some() && p.tables.contains(name));
    let held = tables.into_iter().filter(|table| table.used > 0).map(|table| HeldTable {
        carried: by_peers(&table.name),
        name: table.name,
        used: table.used,
    });
    held.collect()
}

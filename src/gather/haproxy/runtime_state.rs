//! Reads the runtime state of a worker, with the values themselves. This is the one place that does: what reports show
//! of a worker is made from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use anyhow::{Context, Result, anyhow};

use super::{servers, sockets};
use crate::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use crate::config::Settings;
use crate::facts::runtime_state::{
    CheckSettings, RuntimeCertificate, RuntimePatternEntry, RuntimePatternList, RuntimeServer,
};
use crate::facts::{
    Instance, Known, PatternKind, Proxy, RuntimeState, ServerAddress, ServerAdminState, StickTable,
};
use crate::gather::{GatherContext, ProbeDepth};
use crate::time::Deadline;
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::haproxy::runtime::patterns::{self, PatternEntry, PatternList};
use crate::wire::haproxy::runtime::peers::{self, PeersSection};
use crate::wire::haproxy::runtime::servers_state::{self, ServerState};
use crate::wire::haproxy::runtime::stats::{self, StatKind, StatRow};
use crate::wire::haproxy::runtime::{certificates, stick_tables};

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
    sockets::select_channel(&look, &known, &Known::Seen(pid), master.as_ref()).into()
}

/// Reads what the worker behind this channel holds, without the private keys.
pub fn read_runtime_state(channel: &WorkerChannel) -> RuntimeState {
    read_worker(channel, "").0
}

/// The same, and what the worker says of itself. `hint` follows the reason of every question that was refused.
pub(in crate::gather) fn read_worker(channel: &WorkerChannel, hint: &str) -> (RuntimeState, Result<Info>) {
    let questions = [
        "show info",
        "show backend",
        "show servers state",
        "show stat",
        "show table",
        "show peers",
        "show map",
        "show acl",
        "show ssl cert",
    ];
    let asked = WorkerQueries { channel, hint };
    let mut answers = asked.ask_all(questions.map(str::to_owned).to_vec()).into_iter();
    let mut answer = || answers.next().unwrap_or_else(|| Err(anyhow!("no answer")));
    let info = answer().and_then(|text| Ok(Info::parse(&text)?));
    let backends = answer().map(|text| parse_backends(&text));
    let states = answer().and_then(|text| Ok(servers_state::parse(&text)?));
    let stats = answer().and_then(|text| Ok(stats::parse(&text)?));
    let tables = answer().and_then(|text| Ok(stick_tables::parse(&text)?));
    let peers = answer().and_then(|text| Ok(peers::parse(&text)?));
    let maps = answer().and_then(|text| parse_lists(PatternKind::Map, &text));
    let acls = answer().and_then(|text| parse_lists(PatternKind::Acl, &text));
    let names = answer().and_then(|text| Ok(certificates::parse_list(&text)?));
    let proxies = stats.as_ref().map(|rows| proxies(rows));
    let state = RuntimeState {
        proxies: proxies.map_err(|error| anyhow!("{error:#}")).into(),
        backends: backends.into(),
        servers: states.and_then(|states| Ok(merge_servers(states, stats?))).into(),
        lists: maps.and_then(|maps| Ok(asked.add_entries(maps, acls?))).into(),
        certificates: names.map(|names| asked.read_certificates(names)).into(),
        tables: tables.and_then(|tables| Ok(runtime_tables(tables, &peers?))).into(),
    };
    (state, info)
}

/// Reads the private keys of the certificates with these names, from 3.2 on.
pub fn add_private_keys(channel: &WorkerChannel, state: &mut RuntimeState, names: &[String]) {
    let Known::Seen(certificates) = &mut state.certificates else { return };
    for certificate in certificates.iter_mut().filter(|certificate| names.contains(&certificate.name)) {
        let dumped = channel.certificate_with_key(&certificate.name);
        certificate.pem = dumped.context("its private key cannot be read back (3.2 and newer can)").into();
    }
}

/// The worker, and a hint for what its socket does not allow.
struct WorkerQueries<'a> {
    channel: &'a WorkerChannel,
    hint: &'a str,
}

impl WorkerQueries<'_> {
    /// One answer for each question; where the whole exchange failed, its error for each.
    fn ask_all(&self, questions: Vec<String>) -> Vec<Result<String>> {
        let WorkerQueries { channel, hint } = self;
        match channel.ask_all(&questions) {
            Ok(answers) => {
                let pairs = questions.iter().zip(answers);
                pairs
                    .map(|(question, answer)| answer.map_err(|why| anyhow!("{question}: {why}{hint}")))
                    .collect()
            }
            Err(error) => questions.iter().map(|question| Err(anyhow!("{question}: {error:#}"))).collect(),
        }
    }

    fn add_entries(
        &self,
        maps: Vec<RuntimePatternList>,
        acls: Vec<RuntimePatternList>,
    ) -> Vec<RuntimePatternList> {
        let mut all = maps;
        all.extend(acls);
        let questions = all.iter().map(|list| match list.kind {
            PatternKind::Map => format!("show map #{}", list.id),
            PatternKind::Acl => format!("show acl #{}", list.id),
        });
        let answers = self.ask_all(questions.collect());
        for (list, answer) in all.iter_mut().zip(answers) {
            let read = answer.and_then(|text| match list.kind {
                PatternKind::Map => Ok(patterns::parse_map_entries(&text)?),
                PatternKind::Acl => Ok(patterns::parse_acl_entries(&text)?),
            });
            list.entries = read.map(|entries| entries.into_iter().map(runtime_entry).collect()).into();
        }
        all
    }

    fn read_certificates(&self, listed: Vec<certificates::ListedCertificate>) -> Vec<RuntimeCertificate> {
        let names: Vec<String> = listed.into_iter().filter(|c| !c.transaction).map(|c| c.name).collect();
        let questions =
            names.iter().map(|name| format!("show ssl cert {}", escape_cli_argument(name))).collect();
        let certificate = |(name, answer): (String, Result<String>)| {
            let sha1 = answer.and_then(|text| Ok(certificates::parse_details(&text)?.sha1));
            RuntimeCertificate {
                name,
                sha1: sha1.map(|sha1| sha1.map(|hex| hex.to_lowercase())).into(),
                pem: Known::unknown("its private key was not read"),
            }
        };
        names.into_iter().zip(self.ask_all(questions)).map(certificate).collect()
    }
}

/// A name as the command line of the socket needs it.
fn escape_cli_argument(name: &str) -> String {
    name.replace('\\', "\\\\").replace(' ', "\\ ").replace(';', "\\;")
}

/// Names of HAProxy's own proxies start with `<`; `GLOBAL` and `MASTER` carry its sockets.
fn is_internal_proxy(name: &str) -> bool {
    name.starts_with('<') || name == "GLOBAL" || name == "MASTER"
}

fn proxies(rows: &[StatRow]) -> Vec<Proxy> {
    let mut proxies: Vec<Proxy> = Vec::new();
    for row in rows.iter().filter(|row| !is_internal_proxy(&row.pxname)) {
        let (frontend, backend) = match row.kind {
            StatKind::Frontend => (true, false),
            StatKind::Backend => (false, true),
            StatKind::Server | StatKind::Listener => continue,
        };
        // The two rows of a listen section stand around its servers; two proxies may share a name otherwise too.
        match proxies.iter_mut().rfind(|proxy| proxy.name == row.pxname) {
            Some(proxy) => {
                proxy.frontend |= frontend;
                proxy.backend |= backend;
            }
            None => {
                let name = row.pxname.clone();
                proxies.push(Proxy { name, frontend, backend, at: None, certain: true });
            }
        }
    }
    proxies
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
        fqdn: state.fqdn,
        srv_record: state.srv_record,
        admin: servers::requested_admin_state(admin),
        initial_admin: if admin.config_maint() { ServerAdminState::Maint } else { ServerAdminState::Ready },
        down: state.op_state == 0 && servers::requested_admin_state(admin) == ServerAdminState::Ready,
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
            None => Some(list.uses.first().map(|place| place.keyword.clone()).unwrap_or_default()),
        },
        entries: Known::unknown("not asked"),
    });
    Ok(held.collect())
}

fn list_name(list: &PatternList) -> String {
    match (&list.file, list.uses.first()) {
        (Some(file), _) => file.clone(),
        (None, Some(first)) => format!("{}:{} {}", first.cfg_file, first.line, first.keyword),
        (None, None) => format!("#{}", list.id),
    }
}

fn runtime_entry(entry: PatternEntry) -> RuntimePatternEntry {
    let PatternEntry { reference, key, value } = entry;
    RuntimePatternEntry { reference, key, value }
}

fn runtime_tables(tables: Vec<stick_tables::StickTable>, peers: &[PeersSection]) -> Vec<StickTable> {
    let connected = |section: &PeersSection| {
        section.remotes.iter().filter(|peer| peer.established()).map(|peer| peer.id.clone()).collect()
    };
    let table = |table: stick_tables::StickTable| {
        let carried =
            peers.iter().find(|section| section.local.is_some() && section.tables.contains(&table.name));
        StickTable {
            peers: carried.map(|section| section.name.clone()),
            synced: carried.is_some_and(|section| section.synced),
            remote_peers: carried.map(connected).unwrap_or_default(),
            name: table.name,
            used: table.used,
        }
    };
    tables.into_iter().map(table).collect()
}

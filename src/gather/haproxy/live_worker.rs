//! The running worker, asked over its socket.

use anyhow::{Result, anyhow};

use super::{configured_worker, servers};
use crate::clients::haproxy::runtime::WorkerChannel;
use crate::clients::linux;
use crate::facts::{
    Certificate, Connections, Known, Listener, PatternKind, Patterns, Provenance, Proxy, Server, StickTable,
    WorkerState,
};
use crate::gather::{DiscoveredInstance, GatherContext};
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::haproxy::runtime::patterns::{self, PatternList};
use crate::wire::haproxy::runtime::peers::{self, PeersSection};
use crate::wire::haproxy::runtime::stats::{self, StatKind};
use crate::wire::haproxy::runtime::{certificates, servers_state, stick_tables};

/// The state of the serving worker.
pub(in crate::gather) fn worker_state(look: &GatherContext<'_>, found: &DiscoveredInstance) -> WorkerState {
    let channel = match &found.channel {
        Known::Unknown { why } => {
            return WorkerState {
                listeners: listeners(found),
                ..WorkerState::unknown(Provenance::Live, why)
            };
        }
        Known::Seen(channel) => channel,
    };
    let asked = WorkerQueries { channel, permission_hint: permission_hint(found, channel) };
    let (state, info) = query_worker(look, &asked);
    let connections = info.map(|info| connections(found, &info)).into();
    WorkerState { connections, listeners: listeners(found), ..state }
}

/// The state of a rehearsed worker, which has no client connections.
pub(in crate::gather) fn rehearsed_worker_state(
    look: &GatherContext<'_>,
    channel: &WorkerChannel,
    pid: u32,
) -> WorkerState {
    let (state, _) = query_worker(look, &WorkerQueries { channel, permission_hint: String::new() });
    let connections = Known::unknown("the next worker has none yet");
    let listeners = linux::listeners(pid).into();
    WorkerState { how: Provenance::Rehearsed, connections, listeners, ..state }
}

/// What it answers; connections and listeners are added by the caller.
fn query_worker(look: &GatherContext<'_>, channel: &WorkerQueries<'_>) -> (WorkerState, Result<Info>) {
    let questions = [
        "show info",
        "show stat",
        "show servers state",
        "show table",
        "show peers",
        "show ssl cert",
        "show map",
        "show acl",
    ];
    let answers = channel.ask_all(questions.map(str::to_owned).to_vec());
    let mut answers = answers.into_iter();
    let mut answer = || answers.next().unwrap_or_else(|| Err(anyhow!("no answer")));
    let info = answer().and_then(|text| Ok(Info::parse(&text)?));
    let proxies: Known<Vec<Proxy>> = answer().and_then(|text| parse_proxies(&text)).into();
    let servers = answer().and_then(|text| {
        let rows = servers_state::parse(&text)?;
        Ok(rows.into_iter().map(servers::from_state_row).collect::<Vec<Server>>())
    });
    let tables = answer().and_then(|text| Ok(stick_tables::parse(&text)?));
    let peers = answer().and_then(|text| Ok(peers::parse(&text)?));
    let certificates = answer().and_then(|text| {
        let listed = certificates::parse_list(&text)?;
        Ok(listed
            .into_iter()
            .filter(|listed| !listed.transaction)
            .map(|listed| listed.name)
            .collect::<Vec<_>>())
    });
    let maps = answer().and_then(|text| Ok(patterns::parse_lists(&text)?));
    let acls = answer().and_then(|text| Ok(patterns::parse_lists(&text)?));
    let state = WorkerState {
        how: Provenance::Live,
        connections: Known::unknown("not asked"),
        proxies,
        servers: servers.into(),
        patterns: maps
            .and_then(|maps| Ok((maps, acls?)))
            .map(|(maps, acls)| read_pattern_lists(look, channel, &maps, &acls))
            .into(),
        tables: tables.map(|tables| tables.into_iter().map(|t| stick_table(t, &peers)).collect()).into(),
        certificates: certificates.map(|names| read_certificates(channel, names)).into(),
        listeners: Known::unknown("not asked"),
    };
    (state, info)
}

/// The worker, and what its socket does not allow.
struct WorkerQueries<'a> {
    channel: &'a WorkerChannel,
    permission_hint: String,
}

impl WorkerQueries<'_> {
    /// One answer for each question; where the whole exchange failed, its error for each.
    fn ask_all(&self, questions: Vec<String>) -> Vec<Result<String>> {
        let WorkerQueries { channel, permission_hint: limits } = self;
        match channel.ask_all(&questions) {
            Ok(answers) => {
                let pairs = questions.iter().zip(answers);
                pairs
                    .map(|(question, answer)| answer.map_err(|why| anyhow!("{question}: {why}{limits}")))
                    .collect()
            }
            Err(error) => questions.iter().map(|question| Err(anyhow!("{question}: {error:#}"))).collect(),
        }
    }
}

/// Why a question may have been refused. On a socket with a low level HAProxy gives misleading reasons, such as a lack of
/// memory.
fn permission_hint(found: &DiscoveredInstance, channel: &WorkerChannel) -> String {
    let path = channel.socket().path().to_string_lossy();
    let mut sockets = found.instance.admin_sockets.seen().into_iter().flatten();
    let low = sockets.find(|socket| socket.path == path && !socket.is_admin_level());
    low.and_then(|socket| socket.level.seen()).map_or_else(String::new, |level| {
        format!(" ({path} has level {level}: give haguard a socket with level admin, or the master's)")
    })
}

fn listeners(found: &DiscoveredInstance) -> Known<Vec<Listener>> {
    match &found.instance.serving {
        Known::Unknown { why } => Known::unknown(why.clone()),
        Known::Seen(pid) => linux::listeners(*pid).into(),
    }
}

fn connections(found: &DiscoveredInstance, info: &Info) -> Connections {
    let old = found.instance.old_workers.seen().into_iter().flatten();
    Connections {
        current: info.curr_conns,
        draining: old.filter_map(|worker| worker.connections.seen()).sum(),
    }
}

/// Names of HAProxy's own proxies start with `<`; `GLOBAL` and `MASTER` carry its sockets.
fn is_internal_proxy(name: &str) -> bool {
    name.starts_with('<') || name == "GLOBAL" || name == "MASTER"
}

fn parse_proxies(text: &str) -> Result<Vec<Proxy>> {
    let mut proxies: Vec<Proxy> = Vec::new();
    for row in stats::parse(text)?.into_iter().filter(|row| !is_internal_proxy(&row.pxname)) {
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
            None => proxies.push(Proxy { name: row.pxname, frontend, backend, at: None, certain: true }),
        }
    }
    Ok(proxies)
}

fn stick_table(table: stick_tables::StickTable, peers: &Result<Vec<PeersSection>>) -> StickTable {
    let carried = peers.as_ref().ok().and_then(|sections| {
        sections.iter().find(|section| section.local.is_some() && section.tables.contains(&table.name))
    });
    let connected = |section: &PeersSection| {
        section.remotes.iter().filter(|peer| peer.established()).map(|peer| peer.id.clone()).collect()
    };
    StickTable {
        peers: carried.map(|section| section.name.clone()),
        synced: carried.is_some_and(|section| section.synced),
        remote_peers: carried.map(connected).unwrap_or_default(),
        name: table.name,
        used: table.used,
    }
}

fn read_certificates(channel: &WorkerQueries<'_>, names: Vec<String>) -> Vec<Certificate> {
    let questions = names.iter().map(|name| format!("show ssl cert {}", escape_cli_argument(name))).collect();
    let answers = channel.ask_all(questions);
    let of = |(name, answer): (String, Result<String>)| {
        let sha1 = answer.and_then(|text| Ok(certificates::parse_details(&text)?.sha1));
        Certificate { name, sha1: sha1.map(|sha1| sha1.map(|hex| hex.to_lowercase())).into() }
    };
    names.into_iter().zip(answers).map(of).collect()
}

/// A name as the command line of the socket needs it.
pub(in crate::gather) fn escape_cli_argument(name: &str) -> String {
    name.replace('\\', "\\\\").replace(' ', "\\ ").replace(';', "\\;")
}

fn read_pattern_lists(
    look: &GatherContext<'_>,
    channel: &WorkerQueries<'_>,
    maps: &[PatternList],
    acls: &[PatternList],
) -> Vec<Patterns> {
    let own = |list: &&PatternList| !list.is_internal();
    let maps = maps.iter().filter(own).map(|list| (PatternKind::Map, list));
    let acls = acls.iter().filter(own).map(|list| (PatternKind::Acl, list));
    let wanted: Vec<(PatternKind, &PatternList)> = maps.chain(acls).collect();
    let questions = wanted.iter().map(|(kind, list)| match kind {
        PatternKind::Map => format!("show map #{}", list.id),
        PatternKind::Acl => format!("show acl #{}", list.id),
    });
    let answers = channel.ask_all(questions.collect());
    let mut lists: Vec<Patterns> = Vec::new();
    for ((kind, list), answer) in wanted.into_iter().zip(answers) {
        let entries: Known<_> = answer.and_then(|text| parse_entries(look, kind, &text)).into();
        let name = list_name(list);
        let file = list.file.is_some();
        // Lists of one criterion on one line are compared together, as in the files.
        match lists.iter_mut().find(|other| !file && other.kind == kind && other.name == name) {
            Some(other) => configured_worker::merge_entries(&mut other.entries, entries),
            None => lists.push(Patterns { kind, name, file, entries }),
        }
    }
    lists
}

pub(in crate::gather) fn list_name(list: &PatternList) -> String {
    match (&list.file, list.uses.first()) {
        (Some(file), _) => file.clone(),
        (None, Some(first)) => format!("{}:{} {}", first.cfg_file, first.line, first.keyword),
        (None, None) => format!("#{}", list.id),
    }
}

fn parse_entries(
    look: &GatherContext<'_>,
    kind: PatternKind,
    text: &str,
) -> Result<Vec<(String, Option<String>)>> {
    let read = match kind {
        PatternKind::Map => patterns::parse_map_entries(text)?,
        PatternKind::Acl => patterns::parse_acl_entries(text)?,
    };
    let print = |text: &String| look.entry_hasher.hash(text);
    let mut entries: Vec<_> = read.iter().map(|e| (print(&e.key), e.value.as_ref().map(print))).collect();
    entries.sort();
    Ok(entries)
}

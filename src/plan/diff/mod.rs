//! The differences between the running worker and the next one.
//!
//! - `binds`: addresses

pub mod binds;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::losses::Drift;
use crate::facts::{Facts, Known, Listener, Patterns, Proxy, Server, WorkerState};
use crate::plural::plural;

/// The kind of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Only the next worker has it.
    Add,
    /// Both have it, and it differs.
    Change,
    /// Only the running worker has it.
    Remove,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StateChange {
    /// `frontend`, `backend`, `listen`, `server`, `bind`, `map`, `acl`, `certificate` or `stick-table`.
    pub what: String,
    /// The kind of difference.
    pub action: ChangeKind,
    /// Its name.
    pub object: String,
    /// What differs.
    pub detail: String,
}

/// The whole comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStateDiff {
    /// The differences, by kind and name.
    pub changes: Vec<StateChange>,
    /// Parts that could not be compared, each with the reason.
    pub unknown: Vec<String>,
}

/// Compares the running worker with the next one.
pub fn diff_worker_states(facts: &Facts) -> WorkerStateDiff {
    let Facts { live, next, .. } = facts;
    let mut found = WorkerStateDiff::default();
    found.compare("frontends and backends", &live.proxies, &next.proxies, diff_proxies);
    found.compare("servers", &live.servers, &next.servers, diff_servers);
    let addresses = |all: &[Listener]| all.iter().map(Listener::short).collect::<Vec<_>>();
    found.compare("binds", &live.listeners, &next.listeners, |live, next| {
        diff_names("bind", &addresses(live), &addresses(next))
    });
    found.compare("maps and ACLs", &live.patterns, &next.patterns, diff_patterns);
    diff_certificates(live, next, &mut found);
    let tables =
        |all: &[crate::facts::StickTable]| all.iter().map(|table| table.name.clone()).collect::<Vec<_>>();
    found.compare("stick tables", &live.tables, &next.tables, |live, next| {
        diff_names("stick-table", &tables(live), &tables(next))
    });
    found.changes.sort();
    found
}

impl WorkerStateDiff {
    fn compare<T>(
        &mut self,
        part: &str,
        live: &Known<Vec<T>>,
        next: &Known<Vec<T>>,
        judge: impl FnOnce(&[T], &[T]) -> Vec<StateChange>,
    ) {
        match live.as_ref().zip(next.as_ref()) {
            Known::Seen((live, next)) => self.changes.extend(judge(live, next)),
            Known::Unknown { why } => self.unknown.push(format!("{part}: {why}")),
        }
    }
}

fn state_change(what: &str, action: ChangeKind, object: &str, detail: impl Into<String>) -> StateChange {
    StateChange { what: what.to_owned(), action, object: object.to_owned(), detail: detail.into() }
}

/// Differences of objects that have only a name.
fn diff_names<T: AsRef<str>>(what: &str, live: &[T], next: &[T]) -> Vec<StateChange> {
    let has = |all: &[T], name: &str| all.iter().any(|other| other.as_ref() == name);
    let gone = live.iter().filter(|name| !has(next, name.as_ref()));
    let new = next.iter().filter(|name| !has(live, name.as_ref()));
    gone.map(|name| state_change(what, ChangeKind::Remove, name.as_ref(), ""))
        .chain(new.map(|name| state_change(what, ChangeKind::Add, name.as_ref(), "")))
        .collect()
}

fn section_keyword(proxy: &Proxy) -> &'static str {
    match (proxy.frontend, proxy.backend) {
        (true, true) => "listen",
        (true, false) => "frontend",
        _ => "backend",
    }
}

fn diff_proxies(live: &[Proxy], next: &[Proxy]) -> Vec<StateChange> {
    let of = |all: &[Proxy]| -> BTreeMap<(String, String), Option<String>> {
        all.iter()
            .map(|proxy| ((section_keyword(proxy).to_owned(), proxy.name.clone()), proxy.at.clone()))
            .collect()
    };
    let (live, next) = (of(live), of(next));
    let gone = live.keys().filter(|key| !next.contains_key(*key));
    let new = next.iter().filter(|(key, _)| !live.contains_key(*key));
    gone.map(|(what, name)| state_change(what, ChangeKind::Remove, name, ""))
        .chain(new.map(|((what, name), at)| {
            state_change(
                what,
                ChangeKind::Add,
                name,
                at.as_ref().map_or(String::new(), |at| format!("at {at}")),
            )
        }))
        .collect()
}

fn diff_servers(live: &[Server], next: &[Server]) -> Vec<StateChange> {
    let of = |all: &[Server]| -> BTreeMap<String, Server> {
        all.iter().map(|server| (server.path(), server.clone())).collect()
    };
    let (live, next) = (of(live), of(next));
    let mut changes = Vec::new();
    for (path, server) in &live {
        match next.get(path) {
            None => changes.push(state_change("server", ChangeKind::Remove, path, describe_address(server))),
            Some(other) => {
                let detail = describe_server_change(server, other);
                if !detail.is_empty() {
                    changes.push(state_change("server", ChangeKind::Change, path, detail.join(", ")));
                }
            }
        }
    }
    let new = next.iter().filter(|(path, _)| !live.contains_key(*path));
    changes.extend(
        new.map(|(path, server)| state_change("server", ChangeKind::Add, path, describe_address(server))),
    );
    changes
}

fn describe_address(server: &Server) -> String {
    server.address.seen().map_or(String::new(), |address| format!("at {address}"))
}

/// How two servers of one name differ, as far as both are known.
fn describe_server_change(live: &Server, next: &Server) -> Vec<String> {
    let mut detail = Vec::new();
    if let (Some(now), Some(then)) = (live.address.seen(), next.address.seen())
        && now != then
    {
        detail.push(format!("{now} becomes {then}"));
    }
    if let (Some(now), Some(then)) = (live.weight.seen(), next.weight.seen())
        && now != then
    {
        detail.push(format!("weight {now} becomes {then}"));
    }
    if let (Some(now), Some(then)) = (live.admin.seen(), next.admin.seen())
        && now != then
    {
        detail.push(format!("{} becomes {}", now.describe(), then.describe()));
    }
    detail
}

fn diff_patterns(live: &[Patterns], next: &[Patterns]) -> Vec<StateChange> {
    let what = |list: &Patterns| list.kind.to_string();
    let find = |all: &[Patterns], list: &Patterns| {
        all.iter().find(|other| other.kind == list.kind && other.name == list.name).cloned()
    };
    let mut changes = Vec::new();
    // A list on a configuration line is named by its line number; only lists in files have a stable name.
    for list in live.iter().filter(|list| list.file) {
        let Some(other) = find(next, list) else {
            changes.push(state_change(&what(list), ChangeKind::Remove, &list.name, ""));
            continue;
        };
        if let (Some(now), Some(then)) = (list.entries.seen(), other.entries.seen()) {
            let drift = Drift::between(then, now);
            if drift.total() > 0 {
                changes.push(state_change(
                    &what(list),
                    ChangeKind::Change,
                    &list.name,
                    format!("entries: {}", drift.describe()),
                ));
            }
        }
    }
    let new = next.iter().filter(|list| list.file && find(live, list).is_none());
    changes.extend(new.map(|list| {
        let entries = list.entries.seen().map_or(String::new(), |all| plural(all.len(), "entry"));
        state_change(&what(list), ChangeKind::Add, &list.name, entries)
    }));
    changes
}

fn diff_certificates(live: &WorkerState, next: &WorkerState, found: &mut WorkerStateDiff) {
    found.compare("certificates", &live.certificates, &next.certificates, |live, next| {
        let mut changes = Vec::new();
        for certificate in live {
            match next.iter().find(|other| other.name == certificate.name) {
                None => changes.push(state_change("certificate", ChangeKind::Remove, &certificate.name, "")),
                Some(other) if certificate.sha1.seen().is_some() && other.sha1.seen().is_some() => {
                    if certificate.sha1 != other.sha1 {
                        let detail = "another certificate under this name";
                        changes.push(state_change(
                            "certificate",
                            ChangeKind::Change,
                            &certificate.name,
                            detail,
                        ));
                    }
                }
                Some(_) => {}
            }
        }
        let new = next.iter().filter(|one| !live.iter().any(|other| other.name == one.name));
        changes.extend(new.map(|one| state_change("certificate", ChangeKind::Add, &one.name, "")));
        changes
    });
}

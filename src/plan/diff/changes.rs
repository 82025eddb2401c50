//! The differences between two workers as a list of changes, which `rehearse` shows.

use serde::{Deserialize, Serialize};

use super::drift::EntryDrift;
use super::{Pair, PartDiff, WorkerDiff};
use crate::facts::{Certificate, Patterns, Proxy, Server};
use crate::known::Unknown;
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
pub struct StateChanges {
    /// The differences, by kind and name.
    pub changes: Vec<StateChange>,
    /// Parts that could not be compared, each with the reason.
    pub unknown: Vec<String>,
}

impl StateChanges {
    /// Lists what would change with the next worker.
    pub fn from_diff(diff: &WorkerDiff<'_>) -> Self {
        let mut found = StateChanges::default();
        found.add("frontends and backends", &diff.proxies, proxy_changes);
        found.add("servers", &diff.servers, server_changes);
        found.add("binds", &diff.listeners, |pair| name_changes("bind", pair, |listener| listener.short()));
        found.add("maps and ACLs", &diff.patterns, pattern_changes);
        found.add("certificates", &diff.certificates, certificate_changes);
        found.add("stick tables", &diff.tables, |pair| {
            name_changes("stick-table", pair, |table| table.name.clone())
        });
        found.changes.sort();
        found
    }

    fn add<T: 'static>(
        &mut self,
        part: &str,
        diff: &PartDiff<'_, T>,
        changes: impl Fn(&Pair<'_, T>) -> Vec<StateChange>,
    ) {
        match diff.pairs() {
            Ok(pairs) => self.changes.extend(pairs.iter().flat_map(changes)),
            Err(Unknown { why }) => self.unknown.push(format!("{part}: {why}")),
        }
    }
}

fn state_change(what: &str, action: ChangeKind, object: &str, detail: impl Into<String>) -> StateChange {
    StateChange { what: what.to_owned(), action, object: object.to_owned(), detail: detail.into() }
}

/// Differences of objects that have only a name.
fn name_changes<T>(what: &str, pair: &Pair<'_, T>, name: impl Fn(&T) -> String) -> Vec<StateChange> {
    match (pair.live, pair.next) {
        (Some(live), None) => vec![state_change(what, ChangeKind::Remove, &name(live), "")],
        (None, Some(next)) => vec![state_change(what, ChangeKind::Add, &name(next), "")],
        _ => Vec::new(),
    }
}

fn section_keyword(proxy: &Proxy) -> &'static str {
    match (proxy.frontend, proxy.backend) {
        (true, true) => "listen",
        (true, false) => "frontend",
        _ => "backend",
    }
}

/// A section of another kind under the same name is another section.
fn proxy_changes(pair: &Pair<'_, Proxy>) -> Vec<StateChange> {
    let keyword = |proxy: Option<&Proxy>| proxy.map(section_keyword);
    if keyword(pair.live) == keyword(pair.next) {
        return Vec::new();
    }
    let removed =
        pair.live.map(|live| state_change(section_keyword(live), ChangeKind::Remove, &live.name, ""));
    let added = pair.next.map(|next| {
        let at = next.at.as_ref().map_or(String::new(), |at| format!("at {at}"));
        state_change(section_keyword(next), ChangeKind::Add, &next.name, at)
    });
    removed.into_iter().chain(added).collect()
}

fn server_changes(pair: &Pair<'_, Server>) -> Vec<StateChange> {
    let change =
        |action, server: &Server, detail| vec![state_change("server", action, &server.path(), detail)];
    match (pair.live, pair.next) {
        (Some(live), None) => change(ChangeKind::Remove, live, describe_address(live)),
        (None, Some(next)) => change(ChangeKind::Add, next, describe_address(next)),
        (Some(live), Some(next)) => match describe_server_change(live, next) {
            detail if detail.is_empty() => Vec::new(),
            detail => change(ChangeKind::Change, live, detail.join(", ")),
        },
        (None, None) => Vec::new(),
    }
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

/// A list on a configuration line is named by its line number; only lists in files have a stable name.
fn pattern_changes(pair: &Pair<'_, Patterns>) -> Vec<StateChange> {
    let change = |action, list: &Patterns, detail: String| match list.file {
        true => vec![state_change(&list.kind.to_string(), action, &list.name, detail)],
        false => Vec::new(),
    };
    match (pair.live, pair.next) {
        (Some(live), None) => change(ChangeKind::Remove, live, String::new()),
        (None, Some(next)) => {
            let entries = next.entries.seen().map_or(String::new(), |all| plural(all.len(), "entry"));
            change(ChangeKind::Add, next, entries)
        }
        (Some(live), Some(next)) => match live.entries.as_ref().zip(next.entries.as_ref()).seen() {
            Some((now, then)) => match EntryDrift::between(then, now) {
                drift if drift.total() == 0 => Vec::new(),
                drift => change(ChangeKind::Change, live, format!("entries: {}", drift.describe())),
            },
            None => Vec::new(),
        },
        (None, None) => Vec::new(),
    }
}

fn certificate_changes(pair: &Pair<'_, Certificate>) -> Vec<StateChange> {
    let (Some(live), Some(next)) = (pair.live, pair.next) else {
        return name_changes("certificate", pair, |one| one.name.clone());
    };
    match live.sha1.as_ref().zip(next.sha1.as_ref()).seen() {
        Some((now, then)) if now != then => {
            let detail = "another certificate under this name";
            vec![state_change("certificate", ChangeKind::Change, &live.name, detail)]
        }
        _ => Vec::new(),
    }
}

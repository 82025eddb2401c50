//! The loss ledger: runtime state that the next worker would not have, for a reload and for a restart.
//!
//! - `connections`: connections, and a configuration that would not load
//! - `patterns`: map and ACL entries
//! - `proxies`: proxies, stick tables and certificates
//! - `servers`: servers: state, weight, address

mod connections;
mod patterns;
mod proxies;
mod servers;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::diff::WorkerDiff;
use crate::facts::{Facts, Provenance};
use crate::known::Unknown;
use crate::label::display_serde_name;

/// A kind of runtime state that can be lost. The names are public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Open client connections.
    Connections,
    /// Files on disk that the next worker could not load: a restart would be an outage.
    UnloadableConfig,
    /// Frontends and backends that run but are not in the files that the master would load.
    MemoryOnlyConfig,
    /// Servers that run but are not in those files.
    DynamicServer,
    /// Maintenance or drain set at run time.
    ServerAdminState,
    /// A weight set at run time.
    ServerWeight,
    /// An address or port that is not the one in the files.
    ServerAddress,
    /// Map entries that are not in the map's file.
    MapEntry,
    /// ACL entries that are not in the list's file or line.
    AclEntry,
    /// Entries of stick tables.
    StickTable,
    /// Certificates that are not the ones on disk.
    Certificate,
    /// A change on disk, or in the Data Plane API, that has not taken effect yet.
    PendingReload,
}

display_serde_name!(LossKind);

impl LossKind {
    /// The text of `explain`.
    pub fn explanation(self) -> &'static str {
        match self {
            LossKind::Connections => {
                "Client connections that are open now. A reload leaves them to the old worker until they end or \
                 hard-stop-after passes; a restart cuts them. Read from `show info`: CurrConns of the serving worker \
                 and of those that still drain."
            }
            LossKind::UnloadableConfig => {
                "The files on disk do not pass HAProxy's own test, or a rehearsed start with them failed. On a reload \
                 the old worker keeps serving; a restart ends it and nothing comes up."
            }
            LossKind::MemoryOnlyConfig => {
                "Frontends and backends that run but are in none of the files that the master would load: written to \
                 another file, removed by an edit, or created over the socket. A reload and a restart lose them."
            }
            LossKind::DynamicServer => {
                "Servers that run but are in no loaded file, usually added with `add server`. A reload and a restart \
                 lose them."
            }
            LossKind::ServerAdminState => {
                "Maintenance or drain that was set over a socket, or removed over one from a server that the files \
                 disable. A reload and a restart return the server to the state in the files."
            }
            LossKind::ServerWeight => {
                "A weight that was set over a socket. A reload and a restart return it to the value in the files."
            }
            LossKind::ServerAddress => {
                "An address or port that is not the one in the files. A reload and a restart return it to that one, \
                 even with a server-state file."
            }
            LossKind::MapEntry => {
                "Entries of a map that differ from its file. A reload and a restart load the file again."
            }
            LossKind::AclEntry => {
                "Entries of an ACL list that differ from its file or its configuration line. A reload and a restart \
                 load those again."
            }
            LossKind::StickTable => {
                "Entries of stick tables. A reload keeps those of a table with a peers section that has a local peer; \
                 a restart keeps none, unless another peer sends them again."
            }
            LossKind::Certificate => {
                "Certificates in memory whose fingerprint is not that of the file on disk. A reload and a restart \
                 load the file."
            }
            LossKind::PendingReload => {
                "A change that is on disk, or accepted by the Data Plane API, and not in force. The next reload or \
                 restart puts it in force, whoever orders it."
            }
        }
    }
}

/// Every kind, most serious first.
pub const KINDS: &[LossKind] = &[
    LossKind::Connections,
    LossKind::UnloadableConfig,
    LossKind::MemoryOnlyConfig,
    LossKind::DynamicServer,
    LossKind::ServerAdminState,
    LossKind::ServerWeight,
    LossKind::ServerAddress,
    LossKind::MapEntry,
    LossKind::AclEntry,
    LossKind::StickTable,
    LossKind::Certificate,
    LossKind::PendingReload,
];

/// What an operation does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It is still there afterwards.
    Kept,
    /// Not known.
    Unknown,
    /// It is gone afterwards.
    Lost,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Its kind.
    pub kind: LossKind,
    /// Its name in HAProxy.
    pub object: String,
    /// How many; `None` when they could not be counted, never 0 in place of "unknown".
    pub count: Option<u64>,
    /// What a reload does to it.
    pub on_reload: Effect,
    /// What a restart does to it.
    pub on_restart: Effect,
    /// The particulars, as a sentence fragment.
    pub detail: String,
    /// How the other side of the comparison is known: read, rehearsed or live.
    pub how: Provenance,
}

/// The whole ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Its lines, most serious kind first.
    pub lines: Vec<Loss>,
}

/// Computes the ledger. A part that was not seen becomes a line without a count. Where a restart would start something
/// else than a reload, each effect is computed from its own next worker.
pub fn ledger(facts: &Facts) -> Ledger {
    match facts.after_unit_start() {
        Cow::Borrowed(facts) => single_ledger(facts),
        Cow::Owned(restarted) => merge_ledgers(single_ledger(facts), single_ledger(&restarted)),
    }
}

/// An object that is in one ledger only is kept by the other operation.
fn merge_ledgers(reload: Ledger, restart: Ledger) -> Ledger {
    let mut lines = reload.lines;
    lines.iter_mut().for_each(|line| line.on_restart = Effect::Kept);
    for other in restart.lines {
        match lines.iter_mut().find(|line| (line.kind, &line.object) == (other.kind, &other.object)) {
            Some(line) => line.on_restart = other.on_restart,
            None => lines.push(Loss { on_reload: Effect::Kept, ..other }),
        }
    }
    lines.sort_by(|a, b| (a.kind, &a.object).cmp(&(b.kind, &b.object)));
    Ledger { lines }
}

fn single_ledger(facts: &Facts) -> Ledger {
    let mut lines = Vec::new();
    if let Some(why) = facts.instance.why() {
        lines.push(unknown_line(facts, LossKind::Connections, "everything in memory", why));
        return Ledger { lines };
    }
    let diff = WorkerDiff::from_facts(facts);
    connections::add_losses(facts, &mut lines);
    proxies::add_losses(facts, &diff, &mut lines);
    servers::add_losses(facts, &diff, &mut lines);
    patterns::add_losses(facts, &diff, &mut lines);
    lines.sort_by(|a, b| (a.kind, &a.object).cmp(&(b.kind, &b.object)));
    Ledger { lines }
}

/// Adds the lines of one part; a part that could not be seen is one unknown line.
fn add_part(
    facts: &Facts,
    kind: LossKind,
    object: &str,
    lines: &mut Vec<Loss>,
    add: impl FnOnce(&mut Vec<Loss>) -> Result<(), Unknown>,
) {
    if let Err(Unknown { why }) = add(lines) {
        lines.push(unknown_line(facts, kind, object, &why));
    }
}

/// A line for a part that could not be seen: no count, and unknown effects.
fn unknown_line(facts: &Facts, kind: LossKind, object: &str, why: &str) -> Loss {
    Loss {
        kind,
        object: object.to_owned(),
        count: None,
        on_reload: Effect::Unknown,
        on_restart: Effect::Unknown,
        detail: why.to_owned(),
        how: facts.next.how,
    }
}

/// A line for an object on which both operations have the same effect.
fn loss_line(
    facts: &Facts,
    kind: LossKind,
    object: String,
    count: u64,
    fate: Effect,
    detail: String,
) -> Loss {
    Loss { kind, object, count: Some(count), on_reload: fate, on_restart: fate, detail, how: facts.next.how }
}

/// A note for a difference that may come from an edit on disk rather than from a socket.
fn edit_note(facts: &Facts) -> &'static str {
    match facts.config.edited_since_load.seen() {
        Some(files) if !files.is_empty() => "; the files were edited after the worker started",
        _ => "",
    }
}

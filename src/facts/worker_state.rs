//! The state of one worker, live or next: the same types for both, so that losses are a subtraction.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use serde::{Deserialize, Serialize};

use super::{Known, Listener};
use crate::label::display_serde_name;

/// How a state was obtained, from the strongest to the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// Asked of the running worker.
    Live,
    /// Asked of a worker that was started in a sandbox.
    Rehearsed,
    /// Read from the configuration on disk.
    Read,
}

/// Everything of one worker that an operation could destroy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerState {
    /// How it was obtained.
    pub how: Provenance,
    /// Client connections that are open now; only of a live worker.
    pub connections: Known<Connections>,
    /// Frontends, backends and listen sections.
    pub proxies: Known<Vec<Proxy>>,
    /// Servers of all backends.
    pub servers: Known<Vec<Server>>,
    /// Map and ACL lists with their entries.
    pub patterns: Known<Vec<Patterns>>,
    /// Stick tables.
    pub tables: Known<Vec<StickTable>>,
    /// Certificates.
    pub certificates: Known<Vec<Certificate>>,
    /// What it listens on, sorted, each once.
    pub listeners: Known<Vec<Listener>>,
}

impl WorkerState {
    /// A state of which nothing was seen, for one reason.
    pub fn unknown(how: Provenance, why: &str) -> Self {
        WorkerState {
            how,
            connections: Known::unknown(why),
            proxies: Known::unknown(why),
            servers: Known::unknown(why),
            patterns: Known::unknown(why),
            tables: Known::unknown(why),
            certificates: Known::unknown(why),
            listeners: Known::unknown(why),
        }
    }

    /// The parts that could not be seen, each with the reason.
    pub fn unknown_parts(&self) -> Vec<(&'static str, &str)> {
        let Self { how: _, connections, proxies, servers, patterns, tables, certificates, listeners } = self;
        [
            ("connections", connections.why()),
            ("proxies", proxies.why()),
            ("servers", servers.why()),
            ("maps and ACLs", patterns.why()),
            ("stick tables", tables.why()),
            ("certificates", certificates.why()),
            ("listeners", listeners.why()),
        ]
        .into_iter()
        .filter_map(|(what, why)| Some((what, why?)))
        .collect()
    }
}

/// Open client connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Of the serving worker.
    pub current: u64,
    /// Of workers that are still draining after an earlier reload.
    pub draining: u64,
}

/// A frontend, a backend, or both in one (`listen`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// Its name.
    pub name: String,
    /// It accepts connections.
    pub frontend: bool,
    /// It has servers.
    pub backend: bool,
    /// The file and line it was read from; unknown of a live one.
    pub at: Option<String>,
    /// False when it stands behind a condition that could not be decided.
    pub certain: bool,
}

impl Proxy {
    /// What kind of section it is, in words.
    pub fn section(&self) -> &'static str {
        match (self.frontend, self.backend) {
            (true, true) => "listen section",
            (true, false) => "frontend",
            _ => "backend",
        }
    }
}

/// The administrative state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerAdminState {
    /// Takes traffic.
    Ready,
    /// Finishes what it has, takes nothing new.
    Drain,
    /// In maintenance.
    Maint,
}

display_serde_name!(ServerAdminState, PatternKind);

impl ServerAdminState {
    /// The word that people read.
    pub fn describe(self) -> &'static str {
        match self {
            ServerAdminState::Ready => "ready",
            ServerAdminState::Drain => "drain",
            ServerAdminState::Maint => "maintenance",
        }
    }
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAddress {
    /// An IP address as HAProxy prints it, or `-` for a unix socket.
    pub ip: String,
    /// The port; 0 where the client's port is kept.
    pub port: u16,
}

impl std::fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.ip.contains(':') {
            true => write!(f, "[{}]:{}", self.ip, self.port),
            false => write!(f, "{}:{}", self.ip, self.port),
        }
    }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its backend.
    pub backend: String,
    /// Its name.
    pub name: String,
    /// Where it is, or why that is not known (a name that was not resolved).
    pub address: Known<ServerAddress>,
    /// The host name it was resolved from.
    pub fqdn: Option<String>,
    /// The weight that the operator sees, 0 to 256.
    pub weight: Known<u32>,
    /// The weight that the loaded configuration gave.
    pub initial_weight: Option<u32>,
    /// Its administrative state.
    pub admin: Known<ServerAdminState>,
    /// Its administrative state by the loaded configuration.
    pub initial_admin: Option<ServerAdminState>,
    /// False when it stands behind a condition that could not be decided.
    pub certain: bool,
}

impl Server {
    /// `backend/server`, as HAProxy writes it.
    pub fn path(&self) -> String {
        format!("{}/{}", self.backend, self.name)
    }
}

/// What a list of patterns is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatternKind {
    /// Keys with values.
    Map,
    /// Keys alone.
    Acl,
}

/// A keyed hash of a map's or an ACL's key or value, which may be a token: hashes of one look can be compared with each
/// other and with nothing else, and no report holds anything but hashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryHash(String);

/// Makes the hashes of one look, with a key that exists for that look only.
#[derive(Debug, Default)]
pub struct EntryHasher(RandomState);

impl EntryHasher {
    /// The hash of a key or a value.
    pub fn hash(&self, text: &str) -> EntryHash {
        EntryHash(format!("{:016x}", self.0.hash_one(text)))
    }
}

/// One entry of a list: key and value.
pub type HashedEntry = (EntryHash, Option<EntryHash>);

/// One map or ACL list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patterns {
    /// Map or ACL.
    pub kind: PatternKind,
    /// Its file, or `FILE:LINE` of the configuration line that holds it.
    pub name: String,
    /// It lives in a file of its own.
    pub file: bool,
    /// Its entries, sorted.
    pub entries: Known<Vec<HashedEntry>>,
}

impl Patterns {
    /// Adds the entries of another list of the same name.
    pub fn merge_entries(&mut self, other: Known<Vec<HashedEntry>>) {
        match (&mut self.entries, other) {
            (Known::Seen(mine), Known::Seen(more)) => {
                mine.extend(more);
                mine.sort();
            }
            (mine @ Known::Seen(_), unknown) => *mine = unknown,
            (Known::Unknown { .. }, _) => {}
        }
    }
}

/// One stick table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StickTable {
    /// Its name.
    pub name: String,
    /// Entries in it; 0 of one that is not yet there.
    pub used: u64,
    /// The peers section that carries it over a reload, where there is one with a local peer.
    pub peers: Option<String>,
    /// That section has finished its own resynchronisation; before that it sends no entries to other peers.
    pub synced: bool,
    /// Remote peers that are connected now.
    pub remote_peers: Vec<String>,
}

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The name it is loaded under: a path.
    pub name: String,
    /// SHA-1 of the certificate as lowercase hex; `None` when there is none in it.
    pub sha1: Known<Option<String>>,
}

#[cfg(test)]
impl From<&str> for EntryHash {
    fn from(text: &str) -> Self {
        EntryHash(text.to_owned())
    }
}

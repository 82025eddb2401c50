//! What was seen of one HAProxy and of what surrounds it. Data only; `gather` fills it.
//!
//! - `binds`: addresses that a reload would add, and who holds them
//! - `config_files`: the configuration on disk
//! - `controllers`: who starts and reloads a process, with the evidence
//! - `dataplane`: the Data Plane API
//! - `guard`: the guard of a unit
//! - `instance`: processes, sockets and identity
//! - `loaded_config`: the configuration that the running worker loaded
//! - `namespaces`: namespaces and bind-mounted files of HAProxy
//! - `pin`: the pinned architecture
//! - `process_health`: memory, open files, signals, libraries
//! - `rehearsal`: how the next worker started in a sandbox
//! - `routes`: host name to backend to servers
//! - `runtime_state`: values of one worker, for a replay; never serialized
//! - `services`: services of this host
//! - `unit_start`: what a restart by the unit would start
//! - `worker_state`: one worker, live or next

pub mod binds;
pub mod config_files;
pub mod controllers;
pub mod dataplane;
pub mod guard;
pub mod instance;
pub mod loaded_config;
pub mod namespaces;
pub mod pin;
pub mod process_health;
pub mod rehearsal;
pub mod routes;
pub mod runtime_state;
pub mod services;
#[cfg(test)]
pub(crate) mod test_facts;
pub mod unit_start;
pub mod worker_state;

pub use crate::known::Known;
pub use crate::wire::haproxy::startup_log::version_numbers;
pub use crate::wire::linux::listener::{Listener, Overlap};
pub use binds::{BindState, NewBind, OwnerProcess, SocketOwner};
pub use config_files::{ConfigFile, ConfigOnDisk, ConfigTest};
pub use controllers::{Control, Controller, Evidence};
pub use dataplane::DataPlaneFacts;
pub use guard::{DropIn, GuardFacts, GuardStatus};
pub use instance::{Candidate, Instance, Mode, Process, SocketFact, Worker};
pub use loaded_config::LoadedConfig;
pub use namespaces::Namespaces;
pub use process_health::ProcessHealth;
pub use rehearsal::Rehearsal;
pub use routes::Routes;
pub use runtime_state::RuntimeState;
pub use services::{AddressLookup, HostFacts, LocalServer, Role, Service, UnownedListener};
pub use unit_start::{RehearsedStart, UnitStart};
pub use worker_state::{
    Certificate, Connections, EntryHasher, HashedEntry, PatternKind, Patterns, Provenance, Proxy, Server,
    ServerAddress, ServerAdminState, StickTable, WorkerState,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of this vocabulary, written into every saved snapshot.
pub const SCHEMA: &str = "haguard-facts/2";

/// Everything that was seen in one look. Serializable, so that an incident is a file and a bug report a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// [`SCHEMA`].
    pub schema: String,
    /// When the look began.
    pub taken_at: Timestamp,
    /// This host's name.
    pub host: String,
    /// Our own effective user id: facts that need root depend on it.
    pub uid: u32,
    /// Every HAProxy that was noticed here.
    pub candidates: Known<Vec<Candidate>>,
    /// The one that was asked for.
    pub instance: Known<Instance>,
    /// Its namespaces, as far as they are not those of haguard.
    #[serde(default = "namespaces::not_in_snapshot")]
    pub namespaces: Known<Namespaces>,
    /// What runs.
    pub live: WorkerState,
    /// What the next worker would be.
    pub next: WorkerState,
    /// The rehearsal of the next worker, or why there was none; none where it was not asked for.
    pub rehearsal: Option<Known<Rehearsal>>,
    /// What a restart by its unit would start; none where it was not asked for, or no unit is proven to control it.
    #[serde(default)]
    pub start: Option<Known<UnitStart>>,
    /// What the next worker would listen on and this one does not.
    pub binds: Known<Vec<NewBind>>,
    /// Other processes that listen on an address of the serving worker, and so share its new connections.
    #[serde(default = "not_gathered")]
    pub shared_listeners: Known<Vec<SocketOwner>>,
    /// The configuration on disk.
    pub config: ConfigOnDisk,
    /// The Data Plane API, where one is configured.
    pub dataplane: Option<DataPlaneFacts>,
    /// Memory, open files, signals and libraries of its processes, and what else may change it.
    #[serde(default = "process_health::not_in_snapshot")]
    pub vitals: ProcessHealth,
    /// The guard of the unit that controls it; none where no unit is proven to.
    #[serde(default)]
    pub guard: Option<Known<GuardFacts>>,
    /// The architecture that was pinned.
    #[serde(default)]
    pub pins: Vec<pin::Pin>,
    /// The services of this host, where they were looked at.
    #[serde(default = "not_gathered")]
    pub on_host: Known<HostFacts>,
    /// Where requests go, where that was asked for.
    #[serde(default = "not_gathered")]
    pub routes: Known<Routes>,
    /// The calls that this look made.
    pub cost: Cost,
    /// The proof that looking changed nothing.
    pub unchanged: Known<Vec<Proof>>,
}

/// Snapshots of older versions, and commands that need no services, have none.
fn not_gathered<T>() -> Known<T> {
    Known::unknown("not looked at")
}

/// A claim with what was seen before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What is claimed.
    pub claim: String,
    /// What was seen before.
    pub before: String,
    /// What was seen after.
    pub after: String,
    /// Where it was seen.
    pub source: String,
}

/// The calls that a run made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Calls to Nomad.
    pub nomad_calls: u32,
    /// Calls to the Data Plane API.
    pub dataplane_calls: u32,
    /// Commands on HAProxy's sockets.
    pub runtime_calls: u32,
    /// Files or settings written.
    pub writes: u32,
    /// Reloads caused.
    pub reloads: u32,
    /// Milliseconds from start to end.
    pub ms: u64,
}

/// Reads a snapshot: the facts alone, or a whole document of `inspect -o json`.
///
/// # Errors
/// When it is neither, or of another version of this vocabulary.
pub fn parse_snapshot(text: &str) -> anyhow::Result<Facts> {
    use anyhow::Context;
    #[derive(Deserialize)]
    struct Document {
        facts: Facts,
    }
    // `from_slice` as for all that is stored: a deserializer of its own for these types costs 300 kB of program.
    let document: serde_json::Value =
        serde_json::from_slice(text.as_bytes()).context("this is no JSON document")?;
    let facts = document.get("facts");
    let schema = facts.unwrap_or(&document).get("schema").and_then(serde_json::Value::as_str);
    let schema = schema.unwrap_or("none");
    anyhow::ensure!(schema == SCHEMA, "its schema is {schema}, not {SCHEMA}");
    let read = match facts {
        Some(_) => serde_json::from_slice(text.as_bytes()).map(|document: Document| document.facts),
        None => serde_json::from_slice(text.as_bytes()),
    };
    read.map_err(|error| {
        let key = last_key_before(text, error.line(), error.column());
        let near = key.map_or(String::new(), |key| format!(", near `{key}`"));
        anyhow::Error::from(error).context(format!("this is no snapshot of facts{near}"))
    })
}

/// The last key of an object that begins before this place, which counts lines from 1 and bytes of a line from 1.
fn last_key_before(text: &str, line: usize, column: usize) -> Option<String> {
    let begun: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let before = text.as_bytes().get(..text.len().min(begun + column))?;
    let before = String::from_utf8_lossy(before);
    let (before, _) = before.rsplit_once("\":")?;
    Some(before.rsplit_once('"')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_near_the_key_before_it() {
        let text = "{\n \"a\": 1, \"uid\": \"root\", \"z\": 2\n}";
        assert_eq!(last_key_before(text, 2, 21).as_deref(), Some("uid"));
        assert_eq!(last_key_before(text, 9, 9).as_deref(), Some("z"));
        assert_eq!(last_key_before(text, 1, 1), None);
    }
}

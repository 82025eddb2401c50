//! The one reading of a worker, with the values themselves: [`WorkerState`] is what reports show of
//! it. Nothing here can be serialized, and `Debug` shows counts, because a map may hold tokens and a certificate comes
//! with its key.

use std::fmt;

use super::{
    Certificate, EntryHasher, HashedEntry, Known, PatternKind, Patterns, Provenance, Proxy, Server,
    ServerAddress, ServerAdminState, StickTable, WorkerState,
};
use crate::secret::Secret;

/// Everything that one worker answers about its proxies, and all of it that can be set at run time.
#[derive(Clone)]
pub struct RuntimeState {
    /// Its frontends, backends and listen sections, as `show stat` names them; those that are disabled are not there.
    pub proxies: Known<Vec<Proxy>>,
    /// Its backends, by name; those that are disabled are there too.
    pub backends: Known<Vec<String>>,
    /// Its servers.
    pub servers: Known<Vec<RuntimeServer>>,
    /// Its map and ACL lists, without those that HAProxy made for itself. A file that serves as both is there twice,
    /// under one number.
    pub lists: Known<Vec<RuntimePatternList>>,
    /// Its certificates.
    pub certificates: Known<Vec<RuntimeCertificate>>,
    /// Its stick tables.
    pub tables: Known<Vec<StickTable>>,
}

impl RuntimeState {
    /// Nothing could be read, for one reason.
    pub fn unknown(why: &str) -> Self {
        RuntimeState {
            proxies: Known::unknown(why),
            backends: Known::unknown(why),
            servers: Known::unknown(why),
            lists: Known::unknown(why),
            certificates: Known::unknown(why),
            tables: Known::unknown(why),
        }
    }

    /// What reports show of it: values of lists as hashes, and no key of a certificate. Connections and listeners
    /// are no part of the reading.
    pub fn worker_state(&self, how: Provenance, hasher: &EntryHasher) -> WorkerState {
        let certificates = |all: &Vec<RuntimeCertificate>| {
            all.iter().map(|one| Certificate { name: one.name.clone(), sha1: one.sha1.clone() }).collect()
        };
        WorkerState {
            how,
            proxies: self.proxies.clone(),
            servers: self.servers.as_ref().map(|all| all.iter().map(reported_server).collect()),
            patterns: self.lists.as_ref().map(|lists| hashed_lists(lists, hasher)),
            tables: self.tables.clone(),
            certificates: self.certificates.as_ref().map(certificates),
            ..WorkerState::unknown(how, "not asked")
        }
    }
}

/// Lists of one criterion on one line are compared together, as in the files.
fn hashed_lists(lists: &[RuntimePatternList], hasher: &EntryHasher) -> Vec<Patterns> {
    let mut hashed: Vec<Patterns> = Vec::new();
    for list in lists {
        let entries = list.entries.as_ref().map(|entries| {
            let hash = |text: &String| hasher.hash(text);
            let mut all: Vec<HashedEntry> =
                entries.iter().map(|entry| (hash(&entry.key), entry.value.as_ref().map(hash))).collect();
            all.sort();
            all
        });
        let (kind, name, file) = (list.kind, list.name.clone(), list.sample.is_none());
        match hashed.iter_mut().find(|other| !file && other.kind == kind && other.name == name) {
            Some(other) => other.merge_entries(entries),
            None => hashed.push(Patterns { kind, name, file, entries }),
        }
    }
    hashed
}

fn reported_server(read: &RuntimeServer) -> Server {
    Server {
        backend: read.backend.clone(),
        name: read.name.clone(),
        address: Known::Seen(read.address.clone()),
        fqdn: read.fqdn.clone(),
        weight: Known::Seen(read.weight),
        initial_weight: Some(read.initial_weight),
        admin: Known::Seen(read.admin),
        initial_admin: Some(read.initial_admin),
        certain: true,
    }
}

/// Checks of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckSettings {
    /// They were asked for, by the configuration or with `add server`.
    pub configured: bool,
    /// They are switched on.
    pub enabled: bool,
    /// The port they go to; 0 is the server's own, or none.
    pub port: u16,
    /// The address they go to, where that is another one.
    pub address: Option<String>,
}

/// One server, as far as HAProxy shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeServer {
    /// Its backend.
    pub backend: String,
    /// Its name.
    pub name: String,
    /// Its id, where that was chosen by hand.
    pub id: Option<u32>,
    /// Where it is.
    pub address: ServerAddress,
    /// The host name that its address comes from.
    pub fqdn: Option<String>,
    /// The SRV record that its address comes from.
    pub srv_record: Option<String>,
    /// Its administrative state.
    pub admin: ServerAdminState,
    /// Its administrative state by the configuration.
    pub initial_admin: ServerAdminState,
    /// Its health checks, or its agent, hold it to be down.
    pub down: bool,
    /// Its weight, 0 to 256.
    pub weight: u32,
    /// Its weight by the configuration, or by `add server`.
    pub initial_weight: u32,
    /// Health checks.
    pub health: CheckSettings,
    /// The agent check.
    pub agent: CheckSettings,
    /// It is reached over TLS; how exactly is shown nowhere.
    pub tls: bool,
    /// Most sessions at once.
    pub maxconn: Option<u32>,
    /// Most requests that may wait for it.
    pub maxqueue: Option<u32>,
    /// It serves only when the others are gone.
    pub backup: bool,
    /// Its cookie value.
    pub cookie: Option<String>,
    /// Good checks in a row that bring it back; not shown while its checks are off.
    pub rise: Option<u32>,
    /// Bad checks in a row that take it away; not shown while its checks are off.
    pub fall: Option<u32>,
}

impl RuntimeServer {
    /// `backend/server`, as HAProxy writes it.
    pub fn path(&self) -> String {
        format!("{}/{}", self.backend, self.name)
    }

    /// The SRV record or host name that its address comes from.
    pub fn dns_name(&self) -> Option<&String> {
        self.srv_record.as_ref().or(self.fqdn.as_ref())
    }
}

/// One map or ACL list.
#[derive(Clone)]
pub struct RuntimePatternList {
    /// Map or ACL.
    pub kind: PatternKind,
    /// Its number, good for this worker only.
    pub id: u32,
    /// Its file, or `FILE:LINE` of the configuration line that holds it, with the sample it is compared with.
    pub name: String,
    /// The sample alone, for a list on a line: the line moves with every edit.
    pub sample: Option<String>,
    /// Its entries, in HAProxy's order.
    pub entries: Known<Vec<RuntimePatternEntry>>,
}

/// One entry of a list.
#[derive(Clone, PartialEq, Eq)]
pub struct RuntimePatternEntry {
    /// Its address in memory, by which this worker knows it.
    pub reference: String,
    /// The pattern.
    pub key: String,
    /// What a map gives for it.
    pub value: Option<String>,
}

impl RuntimePatternEntry {
    /// The entry without its address.
    pub fn key_and_value(&self) -> (&str, &str) {
        (&self.key, self.value.as_deref().unwrap_or_default())
    }
}

/// One certificate.
#[derive(Clone)]
pub struct RuntimeCertificate {
    /// The name it is loaded under: a path.
    pub name: String,
    /// SHA-1 of the certificate as lowercase hex; `None` in an empty place (`new ssl cert` without a commit).
    pub sha1: Known<Option<String>>,
    /// The certificate with its chain and key.
    pub pem: Known<Secret>,
}

impl fmt::Debug for RuntimeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { proxies, backends, servers, lists, certificates, tables } = self;
        f.debug_struct("RuntimeState")
            .field("proxies", &count(proxies))
            .field("backends", &count(backends))
            .field("servers", &count(servers))
            .field("lists", &count(lists))
            .field("certificates", &count(certificates))
            .field("tables", &count(tables))
            .finish()
    }
}

impl fmt::Debug for RuntimePatternList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimePatternList")
            .field("name", &self.name)
            .field("entries", &count(&self.entries))
            .finish()
    }
}

impl fmt::Debug for RuntimePatternEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimePatternEntry").finish_non_exhaustive()
    }
}

impl fmt::Debug for RuntimeCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeCertificate").field("name", &self.name).finish_non_exhaustive()
    }
}

fn count<T>(known: &Known<Vec<T>>) -> Known<usize> {
    known.as_ref().map(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_counts_and_no_value() {
        let entry = RuntimePatternEntry {
            reference: "0x1".into(),
            key: "token".into(),
            value: Some("hunter2".into()),
        };
        let list = RuntimePatternList {
            kind: PatternKind::Map,
            id: 1,
            name: "/m".into(),
            sample: None,
            entries: Known::Seen(vec![entry.clone()]),
        };
        let certificate = RuntimeCertificate {
            name: "/c.pem".into(),
            sha1: Known::Seen(Some("aa".into())),
            pem: Known::Seen(Secret::new("hunter2")),
        };
        let text = format!("{list:?} {certificate:?} {entry:?}");
        let all = RuntimeState { lists: Known::Seen(vec![list]), ..RuntimeState::unknown("not asked") };
        let text = format!("{text} {all:?}");
        assert!(!text.contains("token") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("lists: Seen(1)") && text.contains("/c.pem"), "{text}");
    }

    #[test]
    fn a_report_of_a_reading_holds_hashes_and_joins_the_lists_of_one_line() {
        let entry = |key: &str| RuntimePatternEntry {
            reference: "0x1".into(),
            key: key.into(),
            value: Some("hunter2".into()),
        };
        let list = |id, keys: &[&str]| RuntimePatternList {
            kind: PatternKind::Acl,
            id,
            name: "/h.cfg:9 src".into(),
            sample: Some("src".into()),
            entries: Known::Seen(keys.iter().map(|key| entry(key)).collect()),
        };
        let lists = Known::Seen(vec![list(1, &["token"]), list(2, &["other", "token"])]);
        let read = RuntimeState { lists, ..RuntimeState::unknown("silent") };
        let state = read.worker_state(Provenance::Live, &EntryHasher::default());
        let [only] = state.patterns.seen().unwrap().as_slice() else { panic!("{:?}", state.patterns) };
        let keys: Vec<_> = only.entries.seen().unwrap().iter().map(|(key, _)| key).collect();
        assert!(!only.file && keys.len() == 3 && keys.is_sorted(), "{only:?}");
        assert_eq!(
            keys.iter().collect::<std::collections::BTreeSet<_>>().len(),
            2,
            "equal keys have one hash"
        );
        let text = serde_json::to_string(&state).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("token"), "{text}");
        assert_eq!(state.servers, Known::unknown("silent"));
    }
}

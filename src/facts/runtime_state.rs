//! The one reading of a worker, with the values themselves: [`WorkerState`](super::WorkerState) is what reports show of
//! it. Nothing here can be serialized, and `Debug` shows counts, because a map may hold tokens and a certificate comes
//! with its key.

use std::fmt;

use super::{Known, PatternKind, Proxy, ServerAddress, ServerAdminState, StickTable};
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
}

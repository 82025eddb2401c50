//! The basis of a plan: what must still be true when it is applied, and what has changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::losses::{Ledger, LossKind};
use crate::facts::{Facts, Known};

/// What must still be true when a plan is applied. It holds names and hashes, and nothing that changes by itself
/// between two readings: no counts of connections or entries, no clock, no keyed fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The master, or the only process: its PID.
    pub main_pid: Option<u32>,
    /// When it started, in clock ticks since boot: a PID alone may have been given to another process.
    pub main_start: Option<u64>,
    /// The worker that serves.
    pub serving: Option<u32>,
    /// Reloads since the start of the master.
    pub reloads: Option<u32>,
    /// Reloads that failed in a row.
    pub failed_reloads: Option<u32>,
    /// The program that the next worker would run: its path and the version on disk.
    pub program: Option<String>,
    /// MD5 of every configuration file, by path; none where it could not be read.
    pub files: BTreeMap<String, Option<String>>,
    /// Runtime-only state: `KIND OBJECT` of the ledger, with its state where that is one word.
    pub runtime: BTreeSet<String>,
    /// Properties of a systemd unit and its files, for a plan that changes or restarts one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unit: BTreeMap<String, String>,
}

/// One difference from the basis of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasisChange {
    /// What changed.
    pub what: String,
    /// The value in the plan.
    pub before: String,
    /// The value now.
    pub after: String,
}

impl fmt::Display for BasisChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: was {}, is {}", self.what, self.before, self.after)
    }
}

impl Basis {
    /// The basis of any plan about these facts.
    pub fn from_facts(facts: &Facts, ledger: &Ledger) -> Self {
        let files =
            facts.config.files.iter().map(|file| (file.path.clone(), file.md5.seen().cloned())).collect();
        let runtime = ledger.lines.iter().filter(|line| is_basis_kind(line.kind));
        let named = |line: &super::Loss| match line.kind {
            // Whether a server drains or is in maintenance matters; an address that DNS changed does not.
            LossKind::ServerAdminState | LossKind::ServerWeight => {
                let state = line.detail.split(',').next().unwrap_or_default();
                format!("{} {} ({state})", line.kind, line.object)
            }
            kind => format!("{} {}", kind, line.object),
        };
        let runtime = runtime.map(named).collect();
        let Known::Seen(instance) = &facts.instance else {
            return Basis { files, runtime, ..Basis::default() };
        };
        let exe = instance.main.exe.seen().map_or("an unreadable program", String::as_str);
        Basis {
            main_pid: Some(instance.main.pid),
            main_start: instance.main.start_ticks,
            serving: instance.serving.seen().copied(),
            reloads: instance.reloads.seen().copied(),
            failed_reloads: instance.failed_reloads.seen().copied(),
            program: instance.disk_version.seen().map(|version| format!("{exe} {version}")),
            files,
            runtime,
            unit: BTreeMap::new(),
        }
    }

    /// What differs in `now`, in the order of this basis; nothing where both are the same.
    pub fn changes_since(&self, now: &Basis) -> Vec<BasisChange> {
        let Basis { main_pid, main_start, serving, reloads, failed_reloads, program, files, runtime, unit } =
            self;
        let mut list = ChangeList(Vec::new());
        let process = |pid: &Option<u32>, start: &Option<u64>| match (pid, start) {
            (Some(pid), Some(start)) => format!("{pid} (start {start})"),
            (Some(pid), None) => pid.to_string(),
            (None, _) => UNKNOWN.to_owned(),
        };
        list.record("main process", process(main_pid, main_start), process(&now.main_pid, &now.main_start));
        list.record("serving worker", or_unknown(serving), or_unknown(&now.serving));
        list.record("reloads since the master's start", or_unknown(reloads), or_unknown(&now.reloads));
        list.record("failed reloads", or_unknown(failed_reloads), or_unknown(&now.failed_reloads));
        list.record("program on disk", or_unknown(program), or_unknown(&now.program));
        let paths: BTreeSet<&String> = files.keys().chain(now.files.keys()).collect();
        for path in paths {
            let md5 = |files: &BTreeMap<String, Option<String>>| match files.get(path) {
                None => "not among the files".to_owned(),
                Some(None) => "unreadable".to_owned(),
                Some(Some(md5)) => format!("md5 {md5}"),
            };
            list.record(path, md5(files), md5(&now.files));
        }
        let settings: BTreeSet<&String> = unit.keys().chain(now.unit.keys()).collect();
        for name in settings {
            let value = |unit: &BTreeMap<String, String>| match unit.get(name).map(String::as_str) {
                None | Some("") => "not set".to_owned(),
                Some(value) => value.to_owned(),
            };
            list.record(name, value(unit), value(&now.unit));
        }
        for gone in runtime.difference(&now.runtime) {
            list.record(gone, RUNTIME_ONLY.to_owned(), "not there".to_owned());
        }
        for come in now.runtime.difference(runtime) {
            list.record(come, "not there".to_owned(), RUNTIME_ONLY.to_owned());
        }
        list.0
    }
}

const UNKNOWN: &str = "unknown";
const RUNTIME_ONLY: &str = "runtime-only";

struct ChangeList(Vec<BasisChange>);

impl ChangeList {
    fn record(&mut self, what: &str, before: String, after: String) {
        if before != after {
            self.0.push(BasisChange { what: what.to_owned(), before, after });
        }
    }
}

fn or_unknown<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(|| UNKNOWN.to_owned(), T::to_string)
}

/// Kinds whose objects do not change by themselves. Files are in the basis by their hash.
fn is_basis_kind(kind: LossKind) -> bool {
    match kind {
        LossKind::MemoryOnlyConfig
        | LossKind::DynamicServer
        | LossKind::ServerAdminState
        | LossKind::ServerWeight
        | LossKind::ServerAddress
        | LossKind::MapEntry
        | LossKind::AclEntry
        | LossKind::Certificate => true,
        LossKind::Connections
        | LossKind::StickTable
        | LossKind::UnloadableConfig
        | LossKind::PendingReload => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts::{self, known_mut};
    use crate::facts::{Connections, ServerAdminState, StickTable};
    use crate::plan;

    fn basis(facts: &Facts) -> Basis {
        Basis::from_facts(facts, &plan::ledger(facts))
    }

    #[test]
    fn connections_entries_and_time_are_no_change() {
        let was = basis(&test_facts::healthy());
        let mut facts = test_facts::healthy();
        facts.live.connections = Known::Seen(Connections { current: 99, draining: 3 });
        let table = |used| StickTable {
            name: "t".into(),
            used,
            peers: None,
            synced: false,
            remote_peers: Vec::new(),
        };
        facts.live.tables = Known::Seen(vec![table(7)]);
        facts.taken_at = jiff::Timestamp::MAX;
        facts.cost.ms = 99;
        assert_eq!(was.changes_since(&basis(&facts)), []);
        assert_eq!(was, basis(&facts));
    }

    #[test]
    fn each_change_is_named_with_both_values() {
        let was = basis(&test_facts::healthy());
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).main.pid = 200;
        test_facts::instance_mut(&mut facts).serving = Known::Seen(201);
        test_facts::instance_mut(&mut facts).reloads = Known::Seen(1);
        test_facts::instance_mut(&mut facts).failed_reloads = Known::Seen(1);
        test_facts::instance_mut(&mut facts).disk_version = Known::unknown("gone");
        facts.config.files[0].md5 = Known::Seen("1".repeat(32));
        known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Maint);
        let changes: Vec<String> =
            was.changes_since(&basis(&facts)).iter().map(BasisChange::to_string).collect();
        assert_eq!(changes.len(), 7, "{changes:#?}");
        assert_eq!(changes[0], "main process: was 100 (start 4200), is 200 (start 4200)");
        assert_eq!(changes[4], "program on disk: was /usr/sbin/haproxy 3.0.11, is unknown");
        let state = "server-admin-state web/s1 (in maintenance): was not there, is runtime-only";
        assert_eq!(changes[6], state);
    }

    #[test]
    fn another_state_of_the_same_server_is_a_change() {
        let mut facts = test_facts::healthy();
        known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Maint);
        let was = basis(&facts);
        known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Drain);
        assert_eq!(was.changes_since(&basis(&facts)).len(), 2);
    }
}

//! What lives in memory only, judged from the ledger.

use super::{Outcome, Seen};
use crate::plan::{Fate, Kind, Loss};

/// A pass when no line of these kinds is lost in a reload; what could not be counted is unknown.
fn drift(seen: Seen<'_>, kinds: &[Kind], well: &str, noun: &str) -> Outcome {
    let lines: Vec<&Loss> = seen.ledger.lines.iter().filter(|line| kinds.contains(&line.kind)).collect();
    let lost: Vec<&&Loss> = lines.iter().filter(|line| line.on_reload == Fate::Lost).collect();
    let evidence = |lines: &[&&Loss]| -> Vec<String> {
        lines.iter().take(8).map(|line| format!("{}: {}", line.object, line.detail)).collect()
    };
    if !lost.is_empty() {
        let count: u64 = lost.iter().filter_map(|line| line.count).sum();
        return Outcome::warn(format!("{noun}: {count}; a reload loses that")).because(evidence(&lost));
    }
    let unknown: Vec<&&Loss> = lines.iter().filter(|line| line.on_reload == Fate::Unknown).collect();
    if !unknown.is_empty() {
        return Outcome::unknown(format!("not known whether there are {noun}")).because(evidence(&unknown));
    }
    // Without an instance the ledger has one line for everything.
    match seen.facts.instance.why() {
        Some(why) => Outcome::unknown(why),
        None => Outcome::pass(well),
    }
}

pub(super) fn memory_only(seen: Seen<'_>) -> Outcome {
    let kinds = [Kind::MemoryOnlyConfig];
    drift(
        seen,
        &kinds,
        "every frontend and backend is in the files",
        "frontends or backends in no loaded file",
    )
}

pub(super) fn dynamic_servers(seen: Seen<'_>) -> Outcome {
    let kinds = [Kind::DynamicServer];
    drift(seen, &kinds, "every server is in the files", "servers in no loaded file")
}

pub(super) fn maint_servers(seen: Seen<'_>) -> Outcome {
    let kinds = [Kind::ServerAdminState];
    drift(seen, &kinds, "no server state was set at run time", "server states set at run time")
}

pub(super) fn server_drift(seen: Seen<'_>) -> Outcome {
    let kinds = [Kind::ServerWeight, Kind::ServerAddress];
    drift(seen, &kinds, "weights and addresses are those of the files", "weights or addresses that differ")
}

pub(super) fn map_drift(seen: Seen<'_>) -> Outcome {
    let kinds = [Kind::MapEntry, Kind::AclEntry];
    drift(seen, &kinds, "maps and ACLs are those of their files", "map or ACL entries that differ")
}

pub(super) fn cert_drift(seen: Seen<'_>) -> Outcome {
    let kinds = [Kind::Certificate];
    drift(seen, &kinds, "certificates are those on disk", "certificates that differ from disk")
}

pub(super) fn peers_synced(seen: Seen<'_>) -> Outcome {
    let kinds = [Kind::StickTable];
    let well = "every stick table that holds entries is carried over a reload";
    drift(seen, &kinds, well, "stick-table entries without peers")
}

//! What lives in memory only, judged from the ledger.

use super::{Outcome, Seen};
use crate::plan::{Fate, Kind, Loss};

/// A pass when no line of these kinds is lost in a reload. What could not be told is unknown, whatever is known beside
/// it.
fn drift(seen: Seen<'_>, kinds: &[Kind], well: &str, noun: &str) -> Outcome {
    let of = |fate: Fate| -> Vec<&Loss> {
        let lines = seen.ledger.lines.iter();
        lines.filter(|line| kinds.contains(&line.kind) && line.on_reload == fate).collect()
    };
    let (lost, unknown) = (of(Fate::Lost), of(Fate::Unknown));
    let count = lost.iter().map(|line| line.count).sum::<Option<u64>>();
    let count = count.map_or("not counted".to_owned(), |count| count.to_string());
    let outcome = match (lost.is_empty(), unknown.is_empty()) {
        (true, false) => Outcome::unknown(format!("not known whether there are {noun}")),
        (false, false) => Outcome::unknown(format!("{noun}: {count}, and what could not be told")),
        (false, true) => Outcome::warn(format!("{noun}: {count}; a reload loses that")),
        (true, true) => match seen.facts.instance.why() {
            // Without an instance the ledger has one line for everything.
            Some(why) => Outcome::unknown(why),
            None => Outcome::pass(well),
        },
    };
    outcome.because(evidence(&unknown)).because(evidence(&lost))
}

fn evidence(lines: &[&Loss]) -> Vec<String> {
    lines.iter().take(8).map(|line| format!("{}: {}", line.object, line.detail)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Finding, Level, judge};
    use crate::facts::{How, test_facts};
    use crate::plan::Ledger;

    fn judged(id: &str, lines: &[(Kind, Option<u64>, Fate)]) -> Finding {
        let line = |(kind, count, fate): &(Kind, Option<u64>, Fate)| Loss {
            kind: *kind,
            object: "x".into(),
            count: *count,
            on_reload: *fate,
            on_restart: Fate::Lost,
            detail: "why".into(),
            how: How::Read,
        };
        let ledger = Ledger { lines: lines.iter().map(line).collect() };
        judge(&test_facts::healthy(), &ledger, &[id]).remove(0)
    }

    #[test]
    fn each_kind_of_loss_trips_its_own_check_and_no_other() {
        let all = [
            ("runtime.memory-only", &[Kind::MemoryOnlyConfig][..]),
            ("runtime.dynamic-servers", &[Kind::DynamicServer]),
            ("runtime.maint-servers", &[Kind::ServerAdminState]),
            ("runtime.server-drift", &[Kind::ServerWeight, Kind::ServerAddress]),
            ("runtime.map-drift", &[Kind::MapEntry, Kind::AclEntry]),
            ("runtime.cert-drift", &[Kind::Certificate]),
            ("runtime.peers-synced", &[Kind::StickTable]),
        ];
        for kind in all.iter().flat_map(|(_, kinds)| kinds.iter()) {
            for (id, kinds) in &all {
                let ours = kinds.contains(kind);
                let of = |fate| judged(id, &[(*kind, Some(2), fate)]).level;
                assert_eq!(of(Fate::Lost), if ours { Level::Warn } else { Level::Pass }, "{id} {kind:?}");
                assert_eq!(
                    of(Fate::Unknown),
                    if ours { Level::Unknown } else { Level::Pass },
                    "{id} {kind:?}"
                );
                assert_eq!(of(Fate::Kept), Level::Pass, "{id} {kind:?}");
            }
        }
    }

    #[test]
    fn what_is_lost_does_not_hide_what_could_not_be_told() {
        let (lost, open) = ((Kind::MapEntry, Some(3), Fate::Lost), (Kind::AclEntry, None, Fate::Unknown));
        let found = judged("runtime.map-drift", &[lost, open]);
        assert_eq!((found.level, found.evidence.len()), (Level::Unknown, 2));
        assert!(found.text.contains("differ: 3, and what could not be told"), "{found:?}");
    }

    #[test]
    fn a_loss_without_a_number_is_never_a_zero() {
        let found = judged("runtime.peers-synced", &[(Kind::StickTable, None, Fate::Lost)]);
        assert_eq!(found.level, Level::Warn);
        assert!(found.text.contains("not counted") && !found.text.contains('0'), "{found:?}");
    }
}

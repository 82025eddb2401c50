//! Runtime state that is in no file, judged from the ledger.

use super::{Check, CheckContext, CheckResult, Judgement};
use crate::plan::{Effect, Loss, LossKind};

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "runtime.memory-only", memory_only, "every frontend and backend is in the files",
        "A frontend or backend that runs but is in no loaded file disappears with the next reload or restart. \
         That is an outage for its clients.";
    "runtime.dynamic-servers", dynamic_servers, "every server is in the files",
        "A server that was added over the socket, or through the Data Plane API's runtime endpoints, is gone after \
         a reload.";
    "runtime.maint-servers", maint_servers, "no server state was set at run time",
        "A server that was put in maintenance over the socket takes traffic again after a reload.";
    "runtime.server-drift", server_drift, "weights and addresses are those of the files",
        "A reload returns weights and addresses that were set over the socket to the values in the files.";
    "runtime.map-drift", map_drift, "maps and ACLs are those of their files",
        "A reload loads maps and ACLs from their files again. Entries that were added, changed or deleted over the \
         socket are undone.";
    "runtime.cert-drift", cert_drift, "certificates are those on disk",
        "A reload replaces a certificate that was set over the socket with the one on disk, which may have expired.";
    "runtime.peers-synced", peers_synced, "a reload keeps the stick tables",
        "A stick table without a peers section that has a local peer is empty after a reload. After a restart every \
         stick table is empty unless another peer sends its entries.";
};

/// A pass when a reload loses no line of these kinds. An unknown line makes the result unknown, whatever else is known.
fn drift(context: CheckContext<'_>, kinds: &[LossKind], well: &str, noun: &str) -> CheckResult {
    let of = |fate: Effect| -> Vec<&Loss> {
        let lines = context.ledger.lines.iter();
        lines.filter(|line| kinds.contains(&line.kind) && line.on_reload == fate).collect()
    };
    let (lost, unknown) = (of(Effect::Lost), of(Effect::Unknown));
    let count = lost.iter().map(|line| line.count).sum::<Option<u64>>();
    let count = count.map_or("not counted".to_owned(), |count| count.to_string());
    let outcome = match (lost.is_empty(), unknown.is_empty()) {
        (true, false) => Judgement::unknown(format!("not known whether there are {noun}")),
        (false, false) => Judgement::unknown(format!("{noun}: {count}, and more that is not known")),
        (false, true) => Judgement::warn(format!("{noun}: {count}; a reload loses them")),
        (true, true) => {
            // Without an instance the ledger has one line for everything.
            context.instance()?;
            Judgement::pass(well)
        }
    };
    Ok(outcome.with_evidence(evidence(&unknown)).with_evidence(evidence(&lost)))
}

fn evidence(lines: &[&Loss]) -> Vec<String> {
    lines.iter().take(8).map(|line| format!("{}: {}", line.object, line.detail)).collect()
}

fn memory_only(context: CheckContext<'_>) -> CheckResult {
    let kinds = [LossKind::MemoryOnlyConfig];
    drift(
        context,
        &kinds,
        "every frontend and backend is in the files",
        "frontends or backends in no loaded file",
    )
}

fn dynamic_servers(context: CheckContext<'_>) -> CheckResult {
    let kinds = [LossKind::DynamicServer];
    drift(context, &kinds, "every server is in the files", "servers in no loaded file")
}

fn maint_servers(context: CheckContext<'_>) -> CheckResult {
    let kinds = [LossKind::ServerAdminState];
    drift(context, &kinds, "no server state was set at run time", "server states set at run time")
}

fn server_drift(context: CheckContext<'_>) -> CheckResult {
    let kinds = [LossKind::ServerWeight, LossKind::ServerAddress];
    drift(context, &kinds, "weights and addresses are those of the files", "weights or addresses that differ")
}

fn map_drift(context: CheckContext<'_>) -> CheckResult {
    let kinds = [LossKind::MapEntry, LossKind::AclEntry];
    drift(context, &kinds, "maps and ACLs are those of their files", "map or ACL entries that differ")
}

fn cert_drift(context: CheckContext<'_>) -> CheckResult {
    let kinds = [LossKind::Certificate];
    drift(context, &kinds, "certificates are those on disk", "certificates that differ from disk")
}

fn peers_synced(context: CheckContext<'_>) -> CheckResult {
    let kinds = [LossKind::StickTable];
    let well = "a reload keeps the entries of every stick table";
    drift(context, &kinds, well, "stick-table entries without peers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Finding, Level, run_checks};
    use crate::facts::{Provenance, test_facts};
    use crate::plan::Ledger;

    fn run_check(id: &str, lines: &[(LossKind, Option<u64>, Effect)]) -> Finding {
        let line = |(kind, count, fate): &(LossKind, Option<u64>, Effect)| Loss {
            kind: *kind,
            object: "x".into(),
            count: *count,
            on_reload: *fate,
            on_restart: Effect::Lost,
            detail: "why".into(),
            how: Provenance::Read,
        };
        let ledger = Ledger { lines: lines.iter().map(line).collect() };
        run_checks(&test_facts::healthy(), &ledger, &[id]).remove(0)
    }

    #[test]
    fn each_kind_of_loss_trips_its_own_check_and_no_other() {
        let all = [
            ("runtime.memory-only", &[LossKind::MemoryOnlyConfig][..]),
            ("runtime.dynamic-servers", &[LossKind::DynamicServer]),
            ("runtime.maint-servers", &[LossKind::ServerAdminState]),
            ("runtime.server-drift", &[LossKind::ServerWeight, LossKind::ServerAddress]),
            ("runtime.map-drift", &[LossKind::MapEntry, LossKind::AclEntry]),
            ("runtime.cert-drift", &[LossKind::Certificate]),
            ("runtime.peers-synced", &[LossKind::StickTable]),
        ];
        for kind in all.iter().flat_map(|(_, kinds)| kinds.iter()) {
            for (id, kinds) in &all {
                let ours = kinds.contains(kind);
                let of = |fate| run_check(id, &[(*kind, Some(2), fate)]).level;
                assert_eq!(of(Effect::Lost), if ours { Level::Warn } else { Level::Pass }, "{id} {kind:?}");
                assert_eq!(
                    of(Effect::Unknown),
                    if ours { Level::Unknown } else { Level::Pass },
                    "{id} {kind:?}"
                );
                assert_eq!(of(Effect::Kept), Level::Pass, "{id} {kind:?}");
            }
        }
    }

    #[test]
    fn a_known_loss_does_not_hide_an_unknown_one() {
        let (lost, open) =
            ((LossKind::MapEntry, Some(3), Effect::Lost), (LossKind::AclEntry, None, Effect::Unknown));
        let found = run_check("runtime.map-drift", &[lost, open]);
        assert_eq!((found.level, found.evidence.len()), (Level::Unknown, 2));
        assert!(found.text.contains("differ: 3, and more that is not known"), "{found:?}");
    }

    #[test]
    fn a_loss_without_a_number_is_never_a_zero() {
        let found = run_check("runtime.peers-synced", &[(LossKind::StickTable, None, Effect::Lost)]);
        assert_eq!(found.level, Level::Warn);
        assert!(found.text.contains("not counted") && !found.text.contains('0'), "{found:?}");
    }
}

//! The numbers for monitoring.

use serde::Serialize;

use crate::facts::{Facts, Known, ServerAdminState};
use crate::plan::{Effect, Ledger, LossKind};

/// One number, with a name that is part of the public contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its value; none where it is not known.
    pub value: Option<u64>,
}

/// All numbers, always the same ones in the same order.
pub fn metrics(facts: &Facts, ledger: &Ledger) -> Vec<Metric> {
    let instance = facts.instance.seen();
    let connections = facts.live.connections.seen();
    let servers = facts.live.servers.seen();
    let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let out = |admin: ServerAdminState| {
        servers.map(|all| length(all.iter().filter(|server| server.admin == Known::Seen(admin)).count()))
    };
    let old = instance.and_then(|instance| {
        let (old, serving) = (instance.old_workers.seen()?, instance.serving.seen());
        Some(length(old.iter().filter(|worker| Some(&worker.pid) != serving).count()))
    });
    let failed = instance.and_then(|instance| instance.failed_reloads.seen()).map(|count| u64::from(*count));
    let vitals = &facts.vitals;
    let [files, memory] = [
        vitals.worker_files.seen().map(|files| files.used),
        vitals.memory.seen().map(|memory| memory.worker_kb.saturating_mul(1024)),
    ];
    [
        ("connections", connections.map(|all| all.current)),
        ("draining_connections", connections.map(|all| all.draining)),
        ("servers", servers.map(|all| length(all.len()))),
        ("servers_maint", out(ServerAdminState::Maint)),
        ("servers_drain", out(ServerAdminState::Drain)),
        ("old_workers", old),
        ("failed_reloads", failed),
        ("lost_on_reload", reload_losses(ledger)),
        ("open_files", files),
        ("worker_memory_bytes", memory),
    ]
    .map(|(name, value)| Metric { name, value })
    .to_vec()
}

/// The number of runtime objects that a reload would lose; `None` where any part is unknown. Connections are kept.
fn reload_losses(ledger: &Ledger) -> Option<u64> {
    let lines = ledger.lines.iter().filter(|line| line.kind != LossKind::UnloadableConfig);
    let counted = lines.map(|line| match line.on_reload {
        Effect::Kept => Some(0),
        Effect::Lost => line.count,
        Effect::Unknown => None,
    });
    counted.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Connections, Worker, test_facts};
    use crate::plan;

    fn value(facts: &Facts, name: &str) -> Option<u64> {
        metrics(facts, &plan::ledger(facts)).into_iter().find(|measure| measure.name == name).unwrap().value
    }

    #[test]
    fn what_is_known_is_counted_and_what_is_not_has_no_number() {
        let mut facts = test_facts::healthy();
        facts.live.connections = Known::Seen(Connections { current: 7, draining: 2 });
        test_facts::known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Maint);
        let seen = ["connections", "draining_connections", "servers", "servers_maint", "servers_drain"];
        assert_eq!(seen.map(|name| value(&facts, name)), [7, 2, 2, 1, 0].map(Some));
        assert_eq!(value(&facts, "lost_on_reload"), Some(1));
        facts.live.servers = Known::unknown("silent");
        assert_eq!(value(&facts, "servers"), None);
        assert_eq!(value(&facts, "lost_on_reload"), None);
    }

    #[test]
    fn workers_that_drain_are_counted_without_the_one_that_serves_after_a_failed_reload() {
        let mut facts = test_facts::healthy();
        let row = |pid| Worker {
            pid,
            reloads: 1,
            uptime_s: 9,
            version: "3.2.26".into(),
            connections: Known::Seen(3),
        };
        test_facts::instance_mut(&mut facts).old_workers = Known::Seen(vec![row(90), row(91), row(101)]);
        assert_eq!(value(&facts, "old_workers"), Some(2));
        test_facts::instance_mut(&mut facts).old_workers = Known::unknown("no master socket");
        assert_eq!(value(&facts, "old_workers"), None);
    }
}

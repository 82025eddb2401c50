//! `rehearse` in a report.

use serde::Serialize;

use crate::facts::{Facts, Known, Provenance, WorkerState};
use crate::plan::StateChanges;
use crate::plural::plural;

/// The result of a rehearsal.
#[derive(Debug, Serialize)]
pub struct RehearsalBody {
    /// How the next worker is known.
    pub how: Provenance,
    /// Whether it came up; nothing where that was not tried.
    pub came_up: Option<bool>,
    /// Why it was not tried.
    pub not_tried: Option<String>,
    /// What was started.
    pub command: Option<String>,
    /// Alerts in HAProxy's words: of the rehearsal, else of the configuration test.
    pub alerts: Vec<String>,
    /// Warnings, likewise.
    pub warnings: Vec<String>,
    /// Milliseconds until the copy was there.
    pub set_up_ms: Option<u64>,
    /// Milliseconds from HAProxy's start until its worker answered.
    pub start_up_ms: Option<u64>,
    /// The most memory that its worker held, in kilobytes.
    pub memory_kb: Option<u64>,
    /// How much it holds.
    pub holds: WorkerCounts,
    /// What would be different; nothing where nothing runs to compare with.
    pub difference: Option<StateChanges>,
}

/// Counts of what a worker holds; nothing where it is not known.
#[derive(Debug, Default, Serialize)]
pub struct WorkerCounts {
    /// Frontends, listen sections included.
    pub frontends: Option<usize>,
    /// Backends, listen sections included.
    pub backends: Option<usize>,
    /// Servers.
    pub servers: Option<usize>,
    /// Addresses that it listens on.
    pub binds: Option<usize>,
    /// Certificates.
    pub certificates: Option<usize>,
}

impl WorkerCounts {
    /// Counts what a worker holds.
    pub fn from_worker_state(next: &WorkerState) -> Self {
        let proxies = next.proxies.seen();
        WorkerCounts {
            frontends: proxies.map(|all| all.iter().filter(|proxy| proxy.frontend).count()),
            backends: proxies.map(|all| all.iter().filter(|proxy| proxy.backend).count()),
            servers: next.servers.seen().map(Vec::len),
            binds: next.listeners.seen().map(Vec::len),
            certificates: next.certificates.seen().map(Vec::len),
        }
    }

    /// The counts as a phrase.
    pub fn describe(&self) -> String {
        let Self { frontends, backends, servers, binds, certificates } = self;
        let counts = [
            (frontends, "frontend"),
            (backends, "backend"),
            (servers, "server"),
            (binds, "bind"),
            (certificates, "certificate"),
        ];
        let known = counts.iter().filter_map(|(count, noun)| count.map(|count| plural(count, noun)));
        known.collect::<Vec<_>>().join(", ")
    }
}

impl RehearsalBody {
    /// Takes from the facts what belongs to the rehearsal.
    pub fn from_facts(facts: &Facts, difference: Option<StateChanges>) -> Self {
        let known = facts.rehearsal.as_ref();
        let seen = known.and_then(Known::seen);
        let not_tried = match known {
            None => facts.instance.why(),
            Some(known) => known.why(),
        };
        let tested = facts.config.test.seen().map(|test| test.alerts.clone()).unwrap_or_default();
        let came_up = seen.map(|seen| seen.came_up);
        RehearsalBody {
            how: facts.next.how,
            came_up,
            not_tried: not_tried.map(str::to_owned),
            command: seen.map(|seen| seen.command.clone()),
            alerts: seen.map_or(tested, |seen| seen.alerts.clone()),
            warnings: seen.map(|seen| seen.warnings.clone()).unwrap_or_default(),
            set_up_ms: seen.map(|seen| seen.set_up_ms),
            start_up_ms: seen.map(|seen| seen.start_up_ms),
            memory_kb: seen.and_then(|seen| seen.memory_kb.seen().copied()),
            holds: if came_up == Some(false) {
                WorkerCounts::default()
            } else {
                WorkerCounts::from_worker_state(&facts.next)
            },
            // A worker that does not come up holds nothing to compare.
            difference: difference.filter(|_| came_up != Some(false)),
        }
    }
}

//! The Data Plane API: what it holds beside what is on disk and in force.

use super::{Outcome, Seen};
use crate::facts::{DataPlaneFacts, Known};
use crate::words::plural;

const MOST_EVIDENCE: usize = 8;

/// Nobody configured one: nothing to judge.
fn of_api(seen: Seen<'_>, judge: impl FnOnce(&DataPlaneFacts) -> Outcome) -> Outcome {
    match &seen.facts.dataplane {
        None => Outcome::skipped("no Data Plane API is configured"),
        Some(api) => judge(api),
    }
}

pub(super) fn reachable(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| match &api.api_version {
        Known::Seen(version) => {
            Outcome::pass(format!("version {version} answers")).because([api.url.clone()])
        }
        Known::Unknown { why } => Outcome::unknown(why.clone()).because([api.url.clone()]),
    })
}

pub(super) fn memory(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| {
        let evidence = || match (&api.memory_version, &api.disk_version) {
            (Known::Seen(memory), Known::Seen(disk)) => {
                let disk = disk.map_or("none".to_owned(), |disk| disk.to_string());
                vec![format!("Configuration-Version {memory} in memory, # _version={disk} on disk")]
            }
            _ => Vec::new(),
        };
        match api.poisoned() {
            Known::Unknown { why } => Outcome::unknown(why),
            Known::Seen(None) => Outcome::pass("its memory is the file on disk").because(evidence()),
            Known::Seen(Some(poisoned)) => Outcome::fail(poisoned.to_string()).because(evidence()).mend(
                "kill -USR2 the dataplaneapi process, then look again before any write through the API",
            ),
        }
    })
}

pub(super) fn md5(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| match (api.hand_edited(), &api.md5_recorded) {
        (Known::Unknown { why }, _) => Outcome::unknown(why),
        (Known::Seen(Some(edited)), _) => Outcome::warn(edited.to_string())
            .mend("if the edit shall stay, let the API read the file (SIGUSR2) before it writes again"),
        (Known::Seen(None), Known::Seen(None)) => Outcome::pass("the API has not written this file yet"),
        (Known::Seen(None), _) => Outcome::pass("the file is as the API wrote it"),
    })
}

pub(super) fn lkg(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| match &api.last_known_good {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(good) if good.differs => Outcome::warn(
            "its last known good file is not the configuration on disk: a failed reload would undo changes",
        )
        .because([good.path.display().to_string()])
        .mend("a successful reload through the API, or a restart of dataplaneapi, makes them the same again"),
        Known::Seen(good) => Outcome::pass("its last known good file is the configuration on disk")
            .because([good.path.display().to_string()]),
    })
}

pub(super) fn pending(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| match &api.pending_reloads {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(reloads) if reloads.is_empty() => Outcome::pass("it has no reload pending"),
        Known::Seen(reloads) => Outcome::warn(format!(
            "{} pending: written to disk, not in force",
            plural(reloads.len(), "reload")
        ))
        .because(reloads.iter().take(MOST_EVIDENCE).map(|reload| reload.id.clone()))
        .mend("wait until GET /v3/services/haproxy/reloads shows it done"),
    })
}

pub(super) fn transactions(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| match &api.open_transactions {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(open) if open.is_empty() => Outcome::pass("no transaction is open"),
        Known::Seen(open) => Outcome::warn(format!(
            "{} open: somebody's unfinished work",
            plural(open.len(), "transaction")
        ))
        .because(open.iter().take(MOST_EVIDENCE).map(|transaction| transaction.id.clone()))
        .mend("whoever opened it commits or deletes it; GET /v3/services/haproxy/transactions lists them"),
    })
}

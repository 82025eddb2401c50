//! The Data Plane API: what it holds beside what is on disk and in force.

use super::{Outcome, Seen};
use crate::facts::dataplane::ReloadsBy;
use crate::facts::{DataPlaneFacts, Known};
use crate::plural::plural;

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

pub(super) fn auth(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| {
        let clear = api.url.starts_with("http://") && !local(&api.url);
        match &api.lets_us_in {
            Known::Unknown { why } => Outcome::unknown(why.clone()),
            Known::Seen(false) => Outcome::fail("it does not take the user and the password it is given")
                .because([api.url.clone(), api.api_version.why().unwrap_or_default().to_owned()])
                .mend("correct [dataplane] username and password_file, or HAGUARD_DATAPLANE_PASSWORD"),
            Known::Seen(true) if clear => {
                Outcome::warn("it takes them, but the password goes over the network as it is")
                    .because([api.url.clone()])
                    .mend("give it a certificate and name it with https://, or use its unix socket")
            }
            Known::Seen(true) => Outcome::pass("it takes the user and the password it is given"),
        }
    })
}

/// The address never leaves this host.
fn local(url: &str) -> bool {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    ["127.", "localhost", "[::1]"].iter().any(|start| authority.starts_with(start))
}

pub(super) fn reload_strategy(seen: Seen<'_>) -> Outcome {
    let master = seen.facts.instance.seen().and_then(|instance| instance.master_socket.seen());
    of_api(seen, |api| match &api.reloads_by {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(ReloadsBy::Master { socket }) => match master.filter(|master| master.path != *socket) {
            Some(master) => Outcome::fail("it reloads through another master socket than this HAProxy's")
                .because([
                    format!("master_runtime: {socket}"),
                    format!("this master listens on {}", master.path),
                ])
                .mend(format!("set master_runtime: {} in dataplaneapi.yml", master.path)),
            None => Outcome::pass("it asks the master to reload, and hears how it went")
                .because([format!("master_runtime: {socket}")]),
        },
        Known::Seen(ReloadsBy::Command { program, wants_a_shell, restarts }) => {
            let evidence = [format!("reload_cmd runs {program}")];
            let mend = "set master_runtime to the master socket instead: the master says how a reload went";
            match (restarts, wants_a_shell) {
                (true, _) => Outcome::fail("each of its reloads is a restart").because(evidence).mend(mend),
                (_, true) => {
                    Outcome::fail("its reload_cmd is written for a shell, and it runs it without one")
                        .because(evidence)
                        .mend(mend)
                }
                _ => Outcome::warn("it reloads by a command, and believes whatever ends with status 0")
                    .because(evidence)
                    .mend(mend),
            }
        }
        Known::Seen(ReloadsBy::Unnamed) => Outcome::warn(
            "its settings say neither master_runtime nor reload_cmd",
        )
        .mend("set master_runtime to the master socket, so that a write through the API is put in force"),
    })
}

pub(super) fn other_writers(seen: Seen<'_>) -> Outcome {
    of_api(seen, |api| match &api.other_writers {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(writers) if writers.is_empty() => {
            Outcome::pass("no program that is known to write HAProxy's files runs beside it")
        }
        Known::Seen(writers) => {
            Outcome::warn("another program may write the file that the Data Plane API writes")
                .because(writers.iter().cloned())
                .mend("let one of them write: each takes back what the other has written")
        }
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

#[cfg(test)]
#[path = "dp_tests.rs"]
mod tests;

//! The Data Plane API: its state compared with the file on disk and the configuration in force.

use super::{Check, CheckContext, CheckResult, Judgement};
use crate::facts::Known;
use crate::facts::dataplane::ReloadMethod;
use crate::plural::plural;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "dp.reachable", reachable, "the Data Plane API answers",
        "Only the Data Plane API itself knows what was written through it and has not been loaded yet.";
    "dp.auth", auth, "the Data Plane API accepts the user and password",
        "Without access, everything about the Data Plane API is unknown. A password that is sent over the network \
         without TLS can be read on the way.";
    "dp.memory", memory, "the Data Plane API's memory matches the file on disk",
        "After a reload that failed, the Data Plane API restores the last good file but keeps the bad configuration \
         in memory: every later write brings it back and fails again. SIGUSR2 makes it read the file again.";
    "dp.md5", md5, "the file was not edited by hand",
        "The Data Plane API records a checksum in the file. A checksum that does not match means an edit from \
         outside the API, which its next write may overwrite.";
    "dp.lkg-drift", lkg_drift, "the last known good file is the file in force",
        "After a failed reload the Data Plane API copies its last known good file over the configuration. When they \
         differ, that would undo changes that were made any other way.";
    "dp.pending-reload", pending_reload, "no reload of the Data Plane API is pending",
        "A write that was answered with 202 is on disk and not in force until the API's next reload. If the API \
         ends before that, the reload does not happen.";
    "dp.open-transactions", open_transactions, "no transaction is open",
        "An open transaction is unfinished work. Committing it later changes the configuration again, and forgotten \
         transactions use up the API's limit.";
    "dp.reload-strategy", reload_strategy, "the Data Plane API asks the master to reload",
        "With master_runtime the API asks the master and learns whether the new worker came up. With reload_cmd it \
         runs a command without a shell, so that pipes and $() never work, and takes status 0 for a success. \
         systemctl reload exits 0 for a failed reload too.";
    "dp.other-writers", other_writers, "no other program writes the Data Plane API's file",
        "A template engine or a connector that writes the same file undoes what the API wrote, and the API undoes \
         what the other program wrote. haguard looks for those it knows by name among the processes of this host.";
};

const MAX_EVIDENCE: usize = 8;

fn not_configured() -> CheckResult {
    Ok(Judgement::skipped("no Data Plane API is configured"))
}

fn reachable(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let outcome = match api.api_version.get() {
        Ok(version) => Judgement::pass(format!("version {version} answers")),
        Err(unknown) => unknown.into(),
    };
    Ok(outcome.with_evidence([api.url.clone()]))
}

fn auth(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let clear = api.url.starts_with("http://") && !is_loopback_url(&api.url);
    Ok(match api.lets_us_in.get()? {
        false => Judgement::fail("it rejects the configured user and password")
            .with_evidence([api.url.clone(), api.api_version.why().unwrap_or_default().to_owned()])
            .with_remedy("correct [dataplane] username and password_file, or HAGUARD_DATAPLANE_PASSWORD"),
        true if clear => Judgement::warn(
            "it accepts the user and password, but the password is sent over the network without TLS",
        )
        .with_evidence([api.url.clone()])
        .with_remedy("give it a certificate and use https:// in its URL, or use its unix socket"),
        true => Judgement::pass("it accepts the configured user and password"),
    })
}

/// The address never leaves this host.
fn is_loopback_url(url: &str) -> bool {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    ["127.", "localhost", "[::1]"].iter().any(|start| authority.starts_with(start))
}

fn reload_strategy(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let master = context.facts.instance.seen().and_then(|instance| instance.master_socket.seen());
    Ok(match api.reloads_by.get()? {
        ReloadMethod::Master { socket } => match master.filter(|master| master.path != *socket) {
            Some(master) => Judgement::fail("it reloads through the master socket of another HAProxy")
                .with_evidence([
                    format!("master_runtime: {socket}"),
                    format!("this master listens on {}", master.path),
                ])
                .with_remedy(format!("set master_runtime: {} in dataplaneapi.yml", master.path)),
            None => Judgement::pass("it asks the master to reload, and gets the result")
                .with_evidence([format!("master_runtime: {socket}")]),
        },
        ReloadMethod::Command { program, wants_a_shell, restarts } => match (restarts, wants_a_shell) {
            (true, _) => Judgement::fail("each of its reloads is a restart"),
            (_, true) => Judgement::fail("its reload_cmd needs a shell, and it is run without one"),
            _ => Judgement::warn("it reloads by a command, and takes exit status 0 for success"),
        }
        .with_evidence([format!("reload_cmd runs {program}")])
        .with_remedy(
            "set master_runtime to the master socket instead: the master reports the result of a reload",
        ),
        ReloadMethod::NotConfigured => Judgement::warn("neither master_runtime nor reload_cmd is set")
            .with_remedy(
                "set master_runtime to the master socket, so that a write through the API is put in force",
            ),
    })
}

fn other_writers(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let writers = api.other_writers.get()?;
    Ok(match writers.is_empty() {
        true => Judgement::pass("no program that is known to write HAProxy's files runs on this host"),
        false => Judgement::warn("another program may write the file that the Data Plane API writes")
            .with_evidence(writers.iter().cloned())
            .with_remedy("let only one of them write: each undoes what the other has written"),
    })
}

fn memory(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let outcome = match Result::from(api.version_mismatch())? {
        None => Judgement::pass("its memory matches the file on disk"),
        Some(mismatch) => Judgement::fail(mismatch.to_string()).with_remedy(
            "send SIGUSR2 to the dataplaneapi process, then check again before any write through the API",
        ),
    };
    let versions = api.memory_version.seen().zip(api.disk_version.seen()).map(|(memory, disk)| {
        let disk = disk.map_or("none".to_owned(), |disk| disk.to_string());
        format!("Configuration-Version {memory} in memory, # _version={disk} on disk")
    });
    Ok(outcome.with_evidence(versions))
}

fn md5(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    Ok(match (Result::from(api.hand_edited())?, &api.md5_recorded) {
        (Some(edited), _) => Judgement::warn(edited.to_string())
            .with_remedy("to keep the edit, let the API read the file (SIGUSR2) before it writes again"),
        (None, Known::Seen(None)) => Judgement::pass("the API has not written this file yet"),
        (None, _) => Judgement::pass("the file is as the API wrote it"),
    })
}

fn lkg_drift(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let good = api.last_known_good.get()?;
    let outcome = match good.differs {
        true => Judgement::warn(
            "its last known good file is not the configuration on disk: a failed reload would undo changes",
        )
        .with_remedy(
            "a successful reload through the API, or a restart of dataplaneapi, makes them the same again",
        ),
        false => Judgement::pass("its last known good file is the configuration on disk"),
    };
    Ok(outcome.with_evidence([good.path.display().to_string()]))
}

fn pending_reload(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let reloads = api.pending_reloads.get()?;
    Ok(match reloads.is_empty() {
        true => Judgement::pass("it has no reload pending"),
        false => Judgement::warn(format!(
            "{} pending: written to disk, not in force",
            plural(reloads.len(), "reload")
        ))
        .with_evidence(reloads.iter().take(MAX_EVIDENCE).map(|reload| reload.id.clone()))
        .with_remedy("wait until GET /v3/services/haproxy/reloads shows it done"),
    })
}

fn open_transactions(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else { return not_configured() };
    let open = api.open_transactions.get()?;
    Ok(match open.is_empty() {
        true => Judgement::pass("no transaction is open"),
        false => Judgement::warn(format!("{} open: unfinished work", plural(open.len(), "transaction")))
            .with_evidence(open.iter().take(MAX_EVIDENCE).map(|transaction| transaction.id.clone()))
            .with_remedy(
                "commit or delete it where it was opened; GET /v3/services/haproxy/transactions lists them",
            ),
    })
}

#[cfg(test)]
#[path = "dp_tests.rs"]
mod tests;

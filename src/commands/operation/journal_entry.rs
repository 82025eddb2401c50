//! The journal entry of a run, written whatever its outcome.

use crate::commands::Context;
use crate::facts::Facts;
use crate::report::Report;
use crate::state::journal::{self, InvokingUser, JournalEntry};
use crate::{clients, time};

/// The user who ran the command.
pub(in crate::commands) fn invoking_user(context: &Context<'_>) -> InvokingUser {
    let environment = &context.settings.environment;
    InvokingUser {
        uid: clients::linux::effective_uid(),
        login_uid: clients::linux::login_uid(),
        user: environment.user.clone(),
        sudo_user: environment.sudo_user.clone(),
        ssh_client: environment.ssh_client.clone(),
    }
}

/// The target of the run.
pub(in crate::commands) fn describe_target(facts: Option<&Facts>) -> String {
    let instance = facts.and_then(|facts| facts.instance.seen());
    instance.map_or_else(|| "unknown".to_owned(), |instance| instance.title())
}

/// The summary, with the findings that `[[ignore]]` entries ignored: they may be why the command proceeded.
fn summary_with_ignores(report: &Report) -> String {
    let ignored = report.findings.iter().filter_map(|finding| {
        let by = finding.ignored_by.as_ref()?;
        Some(format!("; ignored {} ({by})", finding.id))
    });
    std::iter::once(report.summary.clone()).chain(ignored).collect()
}

/// Records the end of a run. Where that fails, it logs a warning, and the exit code stays.
pub(in crate::commands) fn record_end(
    context: &Context<'_>,
    target: String,
    report: &Report,
    run: Option<String>,
) {
    let entry = JournalEntry {
        at: time::now(),
        host: clients::linux::hostname(),
        command: report.command.clone(),
        argv: journal::redact(&context.argv),
        target,
        exit: report.exit,
        changed: report.changed,
        summary: summary_with_ignores(report),
        who: invoking_user(context),
        run,
    };
    if let Err(error) = journal::append(&context.settings.state_dir.value, &entry) {
        tracing::warn!("the end of this run was not recorded: {error:#}");
    }
}

//! What every operation reports about its plan: why there is no consent, and the command that applies it.

use std::io;

use crate::act::consent::ClearanceDenied;
use crate::act::operation::OperationResult;
use crate::checks::{self, Finding, Level};
use crate::commands::Context;
use crate::exit::Exit;
use crate::facts::{Facts, Instance};
use crate::plan::replay::ReplayPreview;
use crate::plan::runbook::shell_quote;
use crate::plan::{self, BasisChange, Plan};
use crate::report::{Paint, ReloadBody, Report};

/// Says in `body` why there is no clearance, and returns the summary. `command` gives this command another ending.
pub(in crate::commands) fn describe_denial(
    body: &mut ReloadBody,
    plan: &Plan,
    withheld: &ClearanceDenied,
    command: impl Fn(&str) -> String,
) -> String {
    let of = format!("{} of {}", plan.operation, plan.target);
    match withheld {
        ClearanceDenied::Blocked(Exit::Unknown) => format!("{of}: something it depends on is not known"),
        ClearanceDenied::Blocked(_) => format!("{of}: a check says no"),
        ClearanceDenied::Stale { changes, shown } => {
            body.outcome = "stale".to_owned();
            body.why = describe_stale_plan(&plan.operation, changes, *shown);
            body.moved = changes.clone();
            body.apply = Some(command("--plan"));
            format!("{of}: state changed since the plan was made")
        }
        ClearanceDenied::NoConsent => {
            body.why = "No terminal to ask on, and no --approve ID was given.".to_owned();
            body.apply = Some(command(&format!("--approve {}", plan.id)));
            format!("{of}: it needs consent")
        }
        ClearanceDenied::Declined => {
            body.outcome = "declined".to_owned();
            format!("{of}: declined")
        }
    }
}

fn describe_stale_plan(operation: &str, changes: &[BasisChange], shown: bool) -> String {
    match (changes.is_empty(), shown) {
        (_, false) => {
            format!(
                "No plan with this id was shown on this host: ids come from a `haguard {operation}` with --plan."
            )
        }
        (true, true) => "The steps or the options differ from those of the plan with this id.".to_owned(),
        (false, true) => "Changed since the plan was shown:".to_owned(),
    }
}

/// Shows a plan on stderr, where the question follows.
pub(in crate::commands) fn show_plan(report: &Report, context: &Context<'_>) {
    let color = context.settings.environment.no_color;
    let paint = Paint { color: !color && context.global.color != crate::cli::ColorChoice::Never };
    // A terminal that is gone will give no consent either.
    let _ = report.write_text(&mut io::stderr(), paint);
}

/// What a replay cannot put back, for a plan that is shown.
pub(in crate::commands) fn not_restorable(previews: &[ReplayPreview]) -> Vec<String> {
    let lost = previews.iter().filter(|preview| preview.how.is_none());
    lost.map(|preview| {
        let why = preview.why.as_deref().unwrap_or("no reason is known");
        format!("not put back: {} {}: {why}", preview.kind, preview.object)
    })
    .collect()
}

/// The words of this command up to those that name its target, ready to paste.
pub(in crate::commands) fn base_command(
    operation: &str,
    service: Option<&str>,
    context: &Context<'_>,
    facts: &Facts,
) -> Vec<String> {
    let mut words = vec!["haguard".to_owned(), operation.to_owned()];
    words.extend(service.map(shell_quote));
    let global = context.global;
    let flags = [
        ("--config", &global.config),
        ("--master-socket", &global.master_socket),
        ("--stats-socket", &global.stats_socket),
    ];
    for (flag, value) in flags {
        words.extend(value.iter().flat_map(|path| [flag.to_owned(), shell_quote(&path.to_string_lossy())]));
    }
    if service.is_none() && global.master_socket.is_none() && global.stats_socket.is_none() {
        words.extend(facts.instance.seen().and_then(|instance| chosen_pid(instance, context, facts)));
    }
    words
}

/// The PID that was chosen at the terminal, where several instances run.
fn chosen_pid(instance: &Instance, context: &Context<'_>, facts: &Facts) -> Option<String> {
    let several = facts.candidates.seen().is_some_and(|all| all.len() > 1);
    (several && !context.settings.names_a_socket()).then(|| instance.main.pid.to_string())
}

/// Adds the result of a reload or restart: its proof, the findings afterwards and the cost of both.
pub(in crate::commands) fn add_result(report: &mut Report, done: &OperationResult) {
    report.changed = matches!(report.exit, Exit::Done | Exit::Unproven);
    report.proof = done.claims.iter().map(|claim| claim.proof.clone()).collect();
    report.cost.runtime_calls += done.calls;
    if let Some(after) = done.after.as_deref() {
        report.findings.extend(dataplane_findings(after));
        report.cost.runtime_calls += after.cost.runtime_calls;
        report.cost.dataplane_calls += after.cost.dataplane_calls;
        report.cost.ms += after.cost.ms;
    }
}

/// The findings about a Data Plane API after the change.
fn dataplane_findings(after: &Facts) -> Vec<Finding> {
    let ids = ["dp.memory", "dp.md5", "dp.lkg-drift", "dp.pending-reload"];
    let ledger = plan::ledger(after);
    let findings = checks::run_checks(after, &ledger, &ids).into_iter();
    findings.filter(|finding| finding.level != Level::Skipped).collect()
}

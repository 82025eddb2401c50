//! What every operation tells around its plan: why there is no consent, and the command that applies it.

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
        ClearanceDenied::Stale { moved, shown } => {
            body.outcome = "stale".to_owned();
            body.why = describe_stale_plan(&plan.operation, moved, *shown);
            body.moved = moved.clone();
            body.apply = Some(command("--plan"));
            format!("{of}: the world moved since the plan")
        }
        ClearanceDenied::NoConsent => {
            body.why = "Nobody is here to be asked, and no plan was approved.".to_owned();
            body.apply = Some(command(&format!("--approve {}", plan.id)));
            format!("{of}: it needs somebody's consent")
        }
        ClearanceDenied::Declined => {
            body.outcome = "declined".to_owned();
            format!("{of}: declined")
        }
    }
}

fn describe_stale_plan(operation: &str, moved: &[BasisChange], shown: bool) -> String {
    match (moved.is_empty(), shown) {
        (_, false) => {
            format!(
                "No plan with this id was shown on this host: ids come from a `haguard {operation}` with --plan."
            )
        }
        (true, true) => "The plan with this id is another one: its steps or its options differ.".to_owned(),
        (false, true) => "These are not as they were when the plan was shown:".to_owned(),
    }
}

/// Shows a plan on stderr, where the question follows.
pub(in crate::commands) fn show_plan(report: &Report, context: &Context<'_>) {
    let color = context.settings.environment.no_color;
    let paint = Paint { color: !color && context.global.color != crate::cli::ColorChoice::Never };
    // A terminal that is gone will give no consent either.
    let _ = report.write_text(&mut io::stderr(), paint);
}

/// What a replay cannot put back, foreseen: for a plan that is shown.
pub(in crate::commands) fn not_restorable(previews: &[ReplayPreview]) -> Vec<String> {
    let lost = previews.iter().filter(|told| told.how.is_none());
    lost.map(|told| {
        let why = told.why.as_deref().unwrap_or("no reason is known");
        format!("not put back: {} {}: {why}", told.kind, told.object)
    })
    .collect()
}

/// The words of this very command up to what names the HAProxy that is meant, as they can be pasted.
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

/// With several here, the one that was chosen at the terminal.
fn chosen_pid(instance: &Instance, context: &Context<'_>, facts: &Facts) -> Option<String> {
    let several = facts.candidates.seen().is_some_and(|all| all.len() > 1);
    let said = context.settings.master_socket.is_some() || context.settings.stats_socket.is_some();
    (several && !said).then(|| instance.main.pid.to_string())
}

/// Adds what an act of HAProxy's left: its proof, the look afterwards and what both cost.
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

/// What a Data Plane API makes of the act: its own findings, seen after it.
fn dataplane_findings(after: &Facts) -> Vec<Finding> {
    let ids = ["dp.memory", "dp.md5", "dp.lkg-drift", "dp.pending-reload"];
    let ledger = plan::ledger(after);
    let findings = checks::run_checks(after, &ledger, &ids).into_iter();
    findings.filter(|finding| finding.level != Level::Skipped).collect()
}

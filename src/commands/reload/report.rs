//! The report of each outcome of a reload.

use crate::act::operation::{OperationResult, Outcome};
use crate::commands::operation::instance_report::{InstanceReport, add_result, add_result_to_body};
use crate::commands::operation::report::Draft;
use crate::exit::Exit;
use crate::plan::Plan;
use crate::plan::runbook::manual_reload_checks;
use crate::report::{Body, ConfirmationRequest, ReloadBody, Report};

/// The body as that of a reload.
pub(super) fn body(body: ReloadBody) -> Body {
    Body::Reload(Box::new(body))
}

/// The result, whatever its outcome.
pub(super) fn finished(
    on: &InstanceReport<'_>,
    plan: &Plan,
    mut draft: Draft,
    mut done: OperationResult,
    confirm: Option<ConfirmationRequest>,
) -> Report {
    let instance = on.facts.instance.seen();
    let worker = done.worker.map_or("no worker".to_owned(), |pid| format!("worker {pid}"));
    let old = instance.and_then(|instance| instance.serving.seen());
    let old = old.map_or("the previous worker".to_owned(), u32::to_string);
    let target = &plan.target;
    match &done.outcome {
        Outcome::Proven => {
            draft.summary = format!("reloaded {target}: {worker} serves in place of {old}, proven");
        }
        Outcome::Failed => {
            draft.summary = format!("reload of {target} failed: {worker} still serves, proven");
        }
        Outcome::Stopped(signal) => {
            draft.summary =
                format!("reload of {target}: stopped by {signal} after {worker} took over, before the proof");
        }
        _ => {}
    }
    let refused = done.refused.longest();
    add_result_to_body(&mut draft, &mut done, refused);
    draft.body.confirm = confirm;
    if draft.exit == Exit::Unproven {
        draft.body.by_hand = instance.map(manual_reload_checks).unwrap_or_default();
    }
    let mut report = on.report(draft, Some(plan), body);
    add_result(&mut report, &done);
    report.cost.reloads = u32::from(done.ordered);
    report
}

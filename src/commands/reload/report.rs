//! The report of each outcome of a reload.

use super::args::ReloadArgs;
use crate::act::consent::ClearanceDenied;
use crate::act::operation::{OperationResult, Outcome};
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::checks::{self, Finding};
use crate::commands::operation::report;
use crate::commands::{Context, restart};
use crate::exit::Exit;
use crate::facts::Facts;
use crate::plan::runbook::{manual_reload_checks, shell_quote};
use crate::plan::{Ledger, Plan};
use crate::report::{Body, ConfirmationRequest, ReloadBody, Report};

/// Everything that a report can be made from.
pub(super) struct ReloadReport<'a> {
    pub(super) args: &'a ReloadArgs,
    pub(super) context: &'a Context<'a>,
    pub(super) facts: &'a Facts,
    pub(super) ledger: &'a Ledger,
    pub(super) findings: &'a [Finding],
    pub(super) hold: Option<&'a PreservedRuntime>,
}

impl ReloadReport<'_> {
    /// It is not known what runs.
    pub(super) fn unknown_instance(&self) -> Report {
        let why = self.facts.instance.why().unwrap_or("no instance was found");
        let body = ReloadBody { why: why.to_owned(), ..self.body("unknown") };
        self.report(Exit::Unknown, format!("what runs here is not known: {why}"), body, None)
    }

    /// `--plan`.
    pub(super) fn planned(&self, plan: &Plan) -> Report {
        let exit = checks::exit_code(self.findings);
        let mut body = ReloadBody {
            compared_with: Some(restart::describe_ledger_source(self.facts)),
            notes: self.not_restorable(),
            ..self.body("planned")
        };
        let target = &plan.target;
        let summary = match exit {
            Exit::Done => {
                body.apply = Some(self.command_with(&approve_flag(plan)));
                format!("plan {}: reload of {target}", plan.id)
            }
            _ => format!("plan {}: reload of {target}, which would be refused now", plan.id),
        };
        self.report(exit, summary, body, Some(plan))
    }

    /// No clearance.
    pub(super) fn denied(&self, plan: &Plan, withheld: &ClearanceDenied) -> Report {
        let mut body = self.body("refused");
        let summary = report::describe_denial(&mut body, plan, withheld, |ending| self.command_with(ending));
        if *withheld == ClearanceDenied::NoConsent {
            body.compared_with = Some(restart::describe_ledger_source(self.facts));
            body.notes = self.not_restorable();
        }
        self.report(withheld.exit(), summary, body, Some(plan))
    }

    /// A signal came before anything was done.
    pub(super) fn interrupted(&self, plan: &Plan, signal: &str) -> Report {
        let summary = format!("reload of {}: {signal} came before anything was done", plan.target);
        self.report(Exit::Interrupted, summary, self.body("interrupted"), Some(plan))
    }

    /// The result, whatever its outcome.
    pub(super) fn finished(
        &self,
        plan: &Plan,
        mut done: OperationResult,
        confirm: Option<ConfirmationRequest>,
    ) -> Report {
        let broken = done.broken_claims();
        let mut body = ReloadBody {
            worker: done.worker,
            refused_ms: done
                .ordered
                .then(|| u64::try_from(done.refused.longest().as_millis()).unwrap_or(u64::MAX)),
            startup_log: std::mem::take(&mut done.log),
            open: broken,
            notes: std::mem::take(&mut done.notes),
            returned: std::mem::take(&mut done.returned),
            finished: done.finished.iter().map(|step| (*step).to_owned()).collect(),
            confirm,
            ..self.body("proven")
        };
        let worker = done.worker.map_or("no worker".to_owned(), |pid| format!("worker {pid}"));
        let old = self.facts.instance.seen().and_then(|instance| instance.serving.seen());
        let old = old.map_or("the previous worker".to_owned(), u32::to_string);
        let target = &plan.target;
        let (exit, outcome, summary) = match &done.outcome {
            Outcome::Proven => (
                Exit::Done,
                "proven",
                format!("reloaded {target}: {worker} serves in place of {old}, proven"),
            ),
            Outcome::Failed(_) => {
                (Exit::Failed, "failed", format!("reload of {target} failed: {worker} still serves, proven"))
            }
            Outcome::Unproven(_) => {
                (Exit::Unproven, "unproven", format!("reload of {target}: not everything about it is proven"))
            }
            Outcome::Stopped(signal) => (
                Exit::Unproven,
                "stopped",
                format!("reload of {target}: stopped by {signal} after {worker} took over, before the proof"),
            ),
            Outcome::Interrupted(signal) => return self.interrupted(plan, signal),
            Outcome::StateChanged(changes) => {
                return self.denied(plan, &ClearanceDenied::Stale { changes: changes.clone(), shown: true });
            }
            Outcome::JournalFailed(error) => {
                body.why = format!("The journal cannot be written, so nothing was changed: {error:#}");
                (Exit::Unknown, "unknown", format!("reload of {target}: the journal cannot be written"))
            }
            Outcome::RollbackTimerFailed(error) | Outcome::PreparationFailed(error) => {
                body.why = format!("The rollback timer could not be started; nothing was changed: {error:#}");
                (Exit::Unknown, "unknown", format!("reload of {target}: no rollback timer"))
            }
        };
        body.outcome = outcome.to_owned();
        if exit == Exit::Unproven {
            body.by_hand = self.facts.instance.seen().map(manual_reload_checks).unwrap_or_default();
        }
        let mut report = self.report(exit, summary, body, Some(plan));
        report::add_result(&mut report, &done);
        report.cost.reloads = u32::from(done.ordered);
        report
    }

    /// The plan, where the question follows.
    pub(super) fn asked(&self, plan: &Plan) -> Report {
        let body = ReloadBody {
            compared_with: Some(restart::describe_ledger_source(self.facts)),
            notes: self.not_restorable(),
            ..self.body("asked")
        };
        let summary = format!("plan {}: reload of {}", plan.id, plan.target);
        self.report(Exit::Done, summary, body, Some(plan))
    }

    fn body(&self, outcome: &str) -> ReloadBody {
        ReloadBody { outcome: outcome.to_owned(), ..ReloadBody::default() }
    }

    /// What `--keep-runtime` cannot put back, for a plan that is shown.
    fn not_restorable(&self) -> Vec<String> {
        report::not_restorable(self.hold.map(PreservedRuntime::previews).unwrap_or_default())
    }

    fn report(&self, exit: Exit, summary: String, body: ReloadBody, plan: Option<&Plan>) -> Report {
        let next = body.apply.iter().cloned();
        let next = next.chain(body.confirm.iter().map(|confirm| confirm.command.clone()));
        let next: Vec<String> =
            next.chain(body.by_hand.iter().map(|advice| advice.command.clone())).collect();
        let mut report =
            Report::new("reload", exit, summary, Body::Reload(Box::new(body))).with_facts(self.facts);
        report.findings = self.findings.to_vec();
        report.losses = self.ledger.lines.clone();
        report.plan = plan.cloned();
        report.next = next;
        report
    }

    /// This command with another ending, ready to paste.
    fn command_with(&self, ending: &str) -> String {
        let mut words =
            report::base_command("reload", self.args.service.as_deref(), self.context, self.facts);
        words.extend(self.args.keep_runtime.then(|| "--keep-runtime".to_owned()));
        words.extend(self.args.confirm_within.map(|within| format!("--confirm-within {within:?}")));
        words.extend(
            self.args
                .previous
                .iter()
                .map(|file| format!("--previous {}", shell_quote(&file.to_string_lossy()))),
        );
        words.push(ending.to_owned());
        words.join(" ")
    }
}

fn approve_flag(plan: &Plan) -> String {
    format!("--approve {}", plan.id)
}

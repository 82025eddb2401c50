//! `restart --break-glass`: a snapshot, the restart, the runtime state put back, the proof.

use super::args::RestartArgs;
use super::other_service::{self, RestartTarget};
use super::report::RestartReport;
use crate::act::consent::ClearedPlan;
use crate::act::operation::{OperationContext, OperationResult, Outcome};
use crate::act::restart::{self, RestartDetails};
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::checks::{self, Finding, RESTART_CHECKS};
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::instance_report::{InstanceReport, base_command};
use crate::commands::operation::report::Draft;
use crate::commands::operation::runner::{self, Approval, Operation, Planned, PlannedOperation};
use crate::commands::operation::{gather_facts, journal_entry, lock_and_freeze};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Facts, Known, RuntimeState};
use crate::gather::{Node, ProbeDepth};
use crate::plan::replay::ReplayPreview;
use crate::plan::runbook::shell_quote;
use crate::plan::{self, Basis, Ledger, RestartMethod};
use crate::report::Report;

/// Runs it, and records how it ended.
pub(in crate::commands) fn run(
    typed: &str,
    args: &RestartArgs,
    context: &Context<'_>,
) -> Result<Report, Failure> {
    match check_hostname(typed) {
        Ok(()) => runner::run(&BreakGlass { args }, context),
        Err(failure) => {
            let report = Report::failed("restart", &failure);
            journal_entry::record_end(context, journal_entry::describe_target(None), &report, None);
            Err(failure)
        }
    }
}

/// Typing the name of the host catches a wrong terminal; answering yes would not.
fn check_hostname(typed: &str) -> Result<(), Failure> {
    let host = linux::hostname();
    match typed == host {
        true => Ok(()),
        false => Err(Failure {
            exit: Exit::Refused,
            error: anyhow::anyhow!("refused: `{typed}` was typed, and this host is {host}"),
            remedy: Some(
                "check which terminal this is; --break-glass takes the name of the host it runs on"
                    .to_owned(),
            ),
        }),
    }
}

/// One emergency restart.
struct BreakGlass<'a> {
    args: &'a RestartArgs,
}

/// What a restart is planned from.
struct RestartView {
    facts: Facts,
    ledger: Ledger,
    hold: PreservedRuntime,
}

/// Gathers, rehearsing what the start by its unit would bring up.
fn gather(context: &Context<'_>, node: &Node) -> (Facts, Ledger, Known<RuntimeState>) {
    let (facts, runtime) = gather_facts::gather_with_runtime(context, node, ProbeDepth::RehearseUnitStart);
    let facts = facts.after_unit_start().into_owned();
    let ledger = plan::ledger(&facts);
    (facts, ledger, runtime)
}

impl BreakGlass<'_> {
    fn reporter<'a>(
        &'a self,
        context: &'a Context<'_>,
        facts: &'a Facts,
        ledger: &'a Ledger,
        findings: &'a [Finding],
        previews: &'a [ReplayPreview],
    ) -> RestartReport<'a> {
        let on = InstanceReport { command: "restart", facts, ledger, findings, previews };
        RestartReport { args: self.args, state_dir: &context.settings.state_dir.value, on }
    }
}

impl Operation for BreakGlass<'_> {
    type View = RestartView;
    type Result = (OperationResult, RestartDetails);

    fn command(&self) -> &'static str {
        "restart"
    }

    fn approval(&self) -> Approval<'_> {
        Approval { plan_only: self.args.plan, approve: self.args.approve.as_deref() }
    }

    /// `[[ignore]]` entries do not count for a restart.
    fn plan(&self, context: &Context<'_>, target: &mut String) -> Result<Planned<RestartView>, Failure> {
        let node = match other_service::resolve_target(self.args.service.as_deref(), context) {
            RestartTarget::Haproxy(selector) => Node::local(selector),
            RestartTarget::Other(report) => return Ok(Planned::Ended(report)),
        };
        let early = lock_and_freeze::acquire_early(context, &node)?;
        let (facts, ledger, runtime) = gather(context, &node);
        let findings = checks::run_checks(&facts, &ledger, RESTART_CHECKS);
        let report = self.reporter(context, &facts, &ledger, &findings, &[]);
        let Some(instance) = facts.instance.seen() else {
            return Ok(Planned::ended(report.report(report.on.unknown_instance(), None)));
        };
        *target = instance.title();
        let remedy = "`haguard restart` lists the manual steps";
        let hold = match RestartMethod::from_instance(instance) {
            Ok(_) => gather_facts::preserve_runtime_state(context, &facts, runtime, &ledger, &[], remedy)?,
            Err(_) => return Ok(Planned::ended(report.unknown_controller())),
        };
        let hold = hold.for_restart(&ledger);
        let Some(plan) = plan::restart(&facts, &ledger, hold.previews()) else {
            return Ok(Planned::ended(report.unknown_controller()));
        };
        let lock = lock_and_freeze::keep_or_acquire(context, early, &instance.main)?;
        Ok(Planned::plan(RestartView { facts, ledger, hold }, plan, findings, Some(lock)))
    }

    fn gather_again(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<RestartView>,
    ) -> Option<(Basis, Vec<Finding>)> {
        let (now, ledger, _) = gather(context, &Node::local_process(planned.plan.basis.main_pid?));
        Some((plan::restart::basis(&now, &ledger), checks::run_checks(&now, &ledger, RESTART_CHECKS)))
    }

    fn apply(
        &self,
        _: &Context<'_>,
        planned: &PlannedOperation<RestartView>,
        cleared: ClearedPlan<'_>,
        run: &OperationContext<'_>,
    ) -> Result<Self::Result, Failure> {
        Ok(restart::apply(cleared, &planned.view.facts, &planned.view.hold, run))
    }

    fn outcome((done, _): &Self::Result) -> &Outcome {
        &done.outcome
    }

    /// A snapshot is in the journal, also where nothing followed it.
    fn is_journaled((done, details): &Self::Result) -> bool {
        done.is_journaled() || details.snapshot.is_some()
    }

    fn command_words(&self, context: &Context<'_>, view: &RestartView) -> Vec<String> {
        let args = self.args;
        let mut words = base_command("restart", args.service.as_deref(), context, &view.facts);
        for (flag, text) in [("--break-glass", &args.break_glass), ("--reason", &args.reason)] {
            words.extend([flag.to_owned(), shell_quote(text.as_deref().unwrap_or_default())]);
        }
        words
    }

    fn report(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<RestartView>,
        findings: &[Finding],
        draft: Draft,
    ) -> Report {
        let RestartView { facts, ledger, hold } = &planned.view;
        self.reporter(context, facts, ledger, findings, hold.previews()).report(draft, Some(&planned.plan))
    }

    fn report_result(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<RestartView>,
        draft: Draft,
        (done, details): Self::Result,
        run: &str,
    ) -> Report {
        let RestartView { facts, ledger, hold } = &planned.view;
        let report = self.reporter(context, facts, ledger, &planned.findings, hold.previews());
        report.finished(&planned.plan, draft, done, details, run)
    }
}

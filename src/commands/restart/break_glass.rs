//! `restart --break-glass`: a snapshot, the restart, the runtime state put back, the proof.

use super::args::RestartArgs;
use super::other_service::{self, RestartTarget};
use super::report::RestartReport;
use crate::act::consent::ClearedPlan;
use crate::act::operation::{OperationContext, OperationResult};
use crate::act::restart::{self, RestartDetails};
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::checks::{self, Finding, RESTART_CHECKS};
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::runner::{self, Approval, Ending, Operation, Planned, PlannedOperation};
use crate::commands::operation::{gather_facts, journal_entry, lock_and_freeze};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Facts, Known, RuntimeState};
use crate::gather::{Node, ProbeDepth};
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
        let report = RestartReport {
            args: self.args,
            context,
            facts: &facts,
            ledger: &ledger,
            findings: &findings,
            hold: None,
        };
        let Some(instance) = facts.instance.seen() else {
            return Ok(Planned::Ended(Box::new(report.unknown_instance())));
        };
        let title = instance.title();
        target.clone_from(&title);
        if RestartMethod::from_instance(instance).is_err() {
            return Ok(Planned::Ended(Box::new(report.unknown_controller())));
        }
        let hold = PreservedRuntime::read(&context.settings, &facts, runtime, &ledger, &[]);
        let hold = hold.map_err(unreadable)?.for_restart(&ledger);
        let Some(plan) = plan::restart(&facts, &ledger, hold.previews()) else {
            return Ok(Planned::Ended(Box::new(report.unknown_controller())));
        };
        let lock = lock_and_freeze::keep_or_acquire(context, early, &instance.main)?;
        let view = RestartView { facts, ledger, hold };
        Ok(Planned::Plan(Box::new(PlannedOperation {
            view,
            plan,
            findings,
            target: title,
            lock: Some(lock),
        })))
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

    /// A snapshot is in the journal, also where nothing followed it.
    fn is_journaled((done, details): &Self::Result) -> bool {
        done.is_journaled() || details.snapshot.is_some()
    }

    fn report(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<RestartView>,
        findings: &[Finding],
        ending: Ending<'_, Self::Result>,
    ) -> Report {
        let (RestartView { facts, ledger, hold }, plan) = (&planned.view, &planned.plan);
        let report = RestartReport { args: self.args, context, facts, ledger, findings, hold: Some(hold) };
        match ending {
            Ending::Planned => report.planned(plan),
            Ending::Asked => report.asked(plan),
            Ending::Denied(denied) => report.denied(plan, denied),
            Ending::Interrupted(signal) => report.interrupted(plan, signal),
            Ending::Finished((done, details), run) => report.finished(plan, done, details, run),
        }
    }
}

fn unreadable(why: String) -> Failure {
    let error =
        anyhow::anyhow!("the worker's runtime state could not be read, so it could not be put back: {why}");
    Failure::unknown(error).with_remedy("`haguard restart` lists the manual steps")
}

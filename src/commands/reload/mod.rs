//! `reload`: a new worker by the verified master, with consent and proof.

mod args;
mod report;
pub(crate) mod rollback;

use std::path::PathBuf;

pub(super) use args::ReloadArgs;

use super::Context;
use super::ignores::{self, Ignores};
use super::operation::instance_report::{InstanceReport, base_command};
use super::operation::report::Draft;
use super::operation::runner::{self, Approval, Operation, Planned, PlannedOperation};
use super::operation::{gather_facts, lock_and_freeze};
use crate::act::consent::ClearedPlan;
use crate::act::operation::{OperationContext, OperationResult, Outcome};
use crate::act::reload;
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::checks::{self, Finding, RELOAD_CHECKS};
use crate::error::Failure;
use crate::facts::Facts;
use crate::gather::{InstanceSelector, Node, ProbeDepth};
use crate::plan::runbook::shell_quote;
use crate::plan::{self, Basis, Ledger};
use crate::report::{ConfirmationRequest, Report};
use rollback::arm::PreparedRollback;

/// Runs it, and records how it ended.
pub(super) fn run(args: &ReloadArgs, context: &Context<'_>) -> Result<Report, Failure> {
    if !args.previous.is_empty() && !args.keep_runtime && args.confirm_within.is_none() {
        let error = anyhow::anyhow!("--previous is of use only with --keep-runtime or --confirm-within");
        return Err(Failure::usage(error).with_remedy("`haguard explain reload` explains both"));
    }
    let ignores = ignores::from_config(&context.settings)?;
    runner::run(&Reload { args, ignores }, context)
}

/// One reload.
struct Reload<'a> {
    args: &'a ReloadArgs,
    ignores: Ignores,
}

/// What a reload is planned from.
struct ReloadView {
    facts: Facts,
    ledger: Ledger,
    hold: Option<PreservedRuntime>,
    rollback: Option<PreparedRollback>,
}

impl ReloadView {
    fn report<'a>(&'a self, findings: &'a [Finding]) -> InstanceReport<'a> {
        let previews = self.hold.as_ref().map(PreservedRuntime::previews).unwrap_or_default();
        InstanceReport { command: "reload", facts: &self.facts, ledger: &self.ledger, findings, previews }
    }
}

impl Reload<'_> {
    /// The findings of the checks, and of the rollback where there is one.
    fn judge(&self, facts: &Facts, ledger: &Ledger, rollback: Option<&PreparedRollback>) -> Vec<Finding> {
        let mut findings = self.ignores.apply(checks::run_checks(facts, ledger, RELOAD_CHECKS));
        findings.extend(rollback.map(|rollback| rollback.finding.clone()));
        findings
    }
}

impl Operation for Reload<'_> {
    type View = ReloadView;
    type Result = (OperationResult, Option<ConfirmationRequest>);

    fn command(&self) -> &'static str {
        "reload"
    }

    fn approval(&self) -> Approval<'_> {
        Approval { plan_only: self.args.plan, approve: self.args.approve.as_deref() }
    }

    /// The next worker is rehearsed where that can be done, else read: `facts.next.how` says which.
    fn plan(&self, context: &Context<'_>, target: &mut String) -> Result<Planned<ReloadView>, Failure> {
        let args = self.args;
        let node = Node::local(InstanceSelector::parse(args.service.as_deref()));
        let early = lock_and_freeze::acquire_early(context, &node)?;
        let (facts, runtime) = gather_facts::gather_with_runtime(context, &node, ProbeDepth::Rehearse);
        let ledger = plan::ledger(&facts);
        let Some(instance) = facts.instance.seen() else {
            let findings = self.judge(&facts, &ledger, None);
            let on = InstanceReport {
                command: "reload",
                facts: &facts,
                ledger: &ledger,
                findings: &findings,
                previews: &[],
            };
            return Ok(Planned::ended(on.report(on.unknown_instance(), None, report::body)));
        };
        let remedy = "`haguard inspect` shows which sockets answer; or reload without --keep-runtime";
        let read = || {
            let hold = gather_facts::preserve_runtime_state(
                context,
                &facts,
                runtime,
                &ledger,
                &args.previous,
                remedy,
            )?;
            hold.require_complete().map_err(|why| gather_facts::unread_runtime_state(&why, remedy))?;
            Ok::<_, Failure>(hold)
        };
        let hold = args.keep_runtime.then(read).transpose()?;
        *target = instance.title();
        let lock = lock_and_freeze::keep_or_acquire(context, early, &instance.main)?;
        let rollback = rollback::arm::prepare(args, context, &facts, instance)?;
        let findings = self.judge(&facts, &ledger, rollback.as_ref());
        let plan = plan::reload_of(instance, &facts, &ledger, hold.as_ref().map(PreservedRuntime::previews));
        let plan = rollback.iter().fold(plan, |plan, rollback| rollback.add_to_plan(plan));
        Ok(Planned::plan(ReloadView { facts, ledger, hold, rollback }, plan, findings, Some(lock)))
    }

    fn gather_again(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<ReloadView>,
    ) -> Option<(Basis, Vec<Finding>)> {
        let node = Node::local_process(planned.plan.basis.main_pid?);
        let now = gather_facts::gather_facts(context, &node, ProbeDepth::Rehearse);
        let ledger = plan::ledger(&now);
        let findings = self.judge(&now, &ledger, planned.view.rollback.as_ref());
        Some((Basis::from_facts(&now, &ledger), findings))
    }

    /// The rollback timer runs before anything is changed.
    fn apply(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<ReloadView>,
        cleared: ClearedPlan<'_>,
        run: &OperationContext<'_>,
    ) -> Result<Self::Result, Failure> {
        let (view, plan) = (&planned.view, &planned.plan);
        let armed =
            view.rollback.as_ref().map(|rollback| rollback.arm(context, &view.facts, plan)).transpose()?;
        let announce = || armed.as_ref().map_or(Ok(()), |armed| armed.announce_reload(plan));
        let run = OperationContext { before_apply: &announce, ..*run };
        let mut done = reload::apply(cleared, &view.facts, view.hold.as_ref(), &run);
        let confirmation = armed.as_ref().and_then(|armed| armed.report_outcome(plan, &mut done));
        Ok((done, confirmation))
    }

    fn outcome((done, _): &Self::Result) -> &Outcome {
        &done.outcome
    }

    fn is_journaled((done, _): &Self::Result) -> bool {
        done.is_journaled()
    }

    fn command_words(&self, context: &Context<'_>, view: &ReloadView) -> Vec<String> {
        let args = self.args;
        let mut words = base_command("reload", args.service.as_deref(), context, &view.facts);
        words.extend(args.keep_runtime.then(|| "--keep-runtime".to_owned()));
        words.extend(args.confirm_within.map(|within| format!("--confirm-within {within:?}")));
        let quoted = |file: &PathBuf| format!("--previous {}", shell_quote(&file.to_string_lossy()));
        words.extend(args.previous.iter().map(quoted));
        words
    }

    fn report(
        &self,
        _: &Context<'_>,
        planned: &PlannedOperation<ReloadView>,
        findings: &[Finding],
        draft: Draft,
    ) -> Report {
        planned.view.report(findings).report(draft, Some(&planned.plan), report::body)
    }

    fn report_result(
        &self,
        _: &Context<'_>,
        planned: &PlannedOperation<ReloadView>,
        draft: Draft,
        (done, confirmation): Self::Result,
        _: &str,
    ) -> Report {
        report::finished(&planned.view.report(&planned.findings), &planned.plan, draft, done, confirmation)
    }
}

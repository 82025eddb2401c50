//! `guard install` and `guard remove`: the file, systemd, the proof.

use super::args::GuardChangeArgs;
use super::report::{self, GuardReport};
use super::{GuardTarget, resolve_target};
use crate::act::consent::ClearedPlan;
use crate::act::guard::{self, GuardChangeResult};
use crate::act::operation::{OperationContext, Outcome};
use crate::checks::{self, Finding};
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::lock_and_freeze;
use crate::commands::operation::report::Draft;
use crate::commands::operation::runner::{self, Approval, Operation, Planned, PlannedOperation};
use crate::error::Failure;
use crate::facts::GuardFacts;
use crate::plan;
use crate::plan::guard::GuardChange;
use crate::plan::runbook::shell_quote;
use crate::report::Report;
use crate::state::lock::Lock;

/// Runs it, and records how it ended.
pub(super) fn run(
    kind: GuardChange,
    args: &GuardChangeArgs,
    context: &Context<'_>,
) -> Result<Report, Failure> {
    runner::run(&ChangeGuard { kind, args }, context)
}

/// One change of a guard.
struct ChangeGuard<'a> {
    kind: GuardChange,
    args: &'a GuardChangeArgs,
}

impl ChangeGuard<'_> {
    fn reporter<'a>(
        &self,
        planned: &'a PlannedOperation<Box<GuardFacts>>,
        findings: &'a [Finding],
    ) -> GuardReport<'a> {
        GuardReport { kind: self.kind, facts: &planned.view, plan: &planned.plan, findings }
    }
}

impl Operation for ChangeGuard<'_> {
    type View = Box<GuardFacts>;
    type Result = GuardChangeResult;

    fn command(&self) -> &'static str {
        self.kind.operation()
    }

    fn approval(&self) -> Approval<'_> {
        Approval { plan_only: self.args.plan, approve: self.args.approve.as_deref() }
    }

    fn default_target(&self) -> String {
        self.args.unit.clone().unwrap_or_else(|| "unknown".to_owned())
    }

    fn plan(&self, context: &Context<'_>, target: &mut String) -> Result<Planned<Self::View>, Failure> {
        let ended = |report: Report| Ok(Planned::ended(report));
        let facts = match resolve_target(self.args.unit.as_deref(), context)? {
            GuardTarget::Unit(facts) => facts,
            GuardTarget::NotSystemd(why) => return ended(report::not_systemd(self.command(), &why)),
            GuardTarget::Unknown(why) => return ended(report::unknown_unit(self.command(), &why)),
        };
        target.clone_from(&facts.unit);
        let plan = plan::guard::guard_plan(self.kind, &facts, &linux::hostname());
        let mut findings = vec![checks::guard_ready(self.kind, &facts, linux::effective_uid() == 0)];
        let all = checks::guard_findings(&facts).into_iter();
        findings.extend(all.filter(|finding| finding.id == "guard.boot-enabled"));
        if self.kind.is_done(&facts) {
            let report = GuardReport { kind: self.kind, facts: &facts, plan: &plan, findings: &findings };
            return ended(report.nothing_to_do());
        }
        Ok(Planned::plan(facts, plan, findings, None))
    }

    fn lock(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<Self::View>,
    ) -> Result<Option<Lock>, Failure> {
        let main = planned.view.shown.main_pid().and_then(|pid| linux::process(pid).ok());
        lock_and_freeze::acquire_for_unit(context, main.as_ref()).map(Some)
    }

    /// It gathers everything again itself.
    fn apply(
        &self,
        _: &Context<'_>,
        planned: &PlannedOperation<Self::View>,
        cleared: ClearedPlan<'_>,
        run: &OperationContext<'_>,
    ) -> Result<GuardChangeResult, Failure> {
        Ok(guard::apply(cleared, self.kind, &planned.view, run))
    }

    fn outcome(result: &GuardChangeResult) -> &Outcome {
        &result.outcome
    }

    fn is_journaled(result: &GuardChangeResult) -> bool {
        result.is_journaled()
    }

    fn command_words(&self, context: &Context<'_>, view: &Self::View) -> Vec<String> {
        let mut words = vec!["haguard".to_owned(), self.command().to_owned(), shell_quote(&view.unit)];
        if let Some(path) = &context.global.config {
            words.extend(["--config".to_owned(), shell_quote(&path.to_string_lossy())]);
        }
        words
    }

    fn report(
        &self,
        _: &Context<'_>,
        planned: &PlannedOperation<Self::View>,
        findings: &[Finding],
        draft: Draft,
    ) -> Report {
        self.reporter(planned, findings).report(draft)
    }

    fn report_result(
        &self,
        _: &Context<'_>,
        planned: &PlannedOperation<Self::View>,
        draft: Draft,
        result: GuardChangeResult,
        _: &str,
    ) -> Report {
        self.reporter(planned, &planned.findings).finished(draft, result)
    }
}

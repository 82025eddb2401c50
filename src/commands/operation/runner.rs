//! The one runner of every operation that changes something: lock, gather, judge, plan, remember the plan, `--plan`,
//! freeze, consent, gather again, apply, verify, journal, report.

use super::ask_consent::{self, ConsentOutcome, ConsentRequest};
use super::progress::Progress;
use super::report::{Draft, PlanDrafts};
use super::{journal_entry, lock_and_freeze};
use crate::act::consent::ClearedPlan;
use crate::act::operation::{OperationContext, Outcome};
use crate::act::signals::Interrupts;
use crate::checks::Finding;
use crate::commands::Context;
use crate::error::Failure;
use crate::plan::{Basis, Plan};
use crate::report::Report;
use crate::state::journal_steps::StepJournal;
use crate::state::lock::Lock;
use crate::state::plans;

/// The options that every operation has.
pub(in crate::commands) struct Approval<'a> {
    /// `--plan`: show the plan, and change nothing.
    pub(in crate::commands) plan_only: bool,
    /// `--approve ID`.
    pub(in crate::commands) approve: Option<&'a str>,
}

/// What an operation makes of the facts: a plan with what its checks found, or a report that ends it.
pub(in crate::commands) enum Planned<V> {
    /// Something is to be done.
    Plan(Box<PlannedOperation<V>>),
    /// Nothing is to be done, or it cannot be known what.
    Ended(Box<Report>),
}

impl<V> Planned<V> {
    /// A report ends it.
    pub(in crate::commands) fn ended(report: Report) -> Self {
        Planned::Ended(Box::new(report))
    }

    /// This is to be done.
    pub(in crate::commands) fn plan(view: V, plan: Plan, findings: Vec<Finding>, lock: Option<Lock>) -> Self {
        Planned::Plan(Box::new(PlannedOperation { view, plan, findings, lock }))
    }
}

/// An operation that can be shown and carried out.
pub(in crate::commands) struct PlannedOperation<V> {
    /// What it was planned from, and whatever else the operation needs later.
    pub(in crate::commands) view: V,
    pub(in crate::commands) plan: Plan,
    pub(in crate::commands) findings: Vec<Finding>,
    /// Held until the operation ends.
    pub(in crate::commands) lock: Option<Lock>,
}

/// What one operation supplies; the runner does the rest.
pub(in crate::commands) trait Operation {
    /// What the plan is made from.
    type View;
    /// What carrying it out leaves.
    type Result;

    /// The command's name, in reports and in the journal.
    fn command(&self) -> &'static str;

    /// What was typed of `--plan` and `--approve`.
    fn approval(&self) -> Approval<'_>;

    /// What the journal says it is about, before that is known.
    fn default_target(&self) -> String {
        journal_entry::describe_target(None)
    }

    /// Gathers, judges, takes the lock and plans. `target` is set as soon as it is known.
    fn plan(&self, context: &Context<'_>, target: &mut String) -> Result<Planned<Self::View>, Failure>;

    /// Takes the lock, where planning did not need it.
    fn lock(&self, _: &Context<'_>, _: &PlannedOperation<Self::View>) -> Result<Option<Lock>, Failure> {
        Ok(None)
    }

    /// Gathers again after a question; None where carrying it out gathers everything again itself.
    fn gather_again(
        &self,
        _: &Context<'_>,
        _: &PlannedOperation<Self::View>,
    ) -> Option<(Basis, Vec<Finding>)> {
        None
    }

    /// Carries the plan out. `run` has the journal, the progress and the signals.
    fn apply(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<Self::View>,
        cleared: ClearedPlan<'_>,
        run: &OperationContext<'_>,
    ) -> Result<Self::Result, Failure>;

    /// How it ended.
    fn outcome(result: &Self::Result) -> &Outcome;

    /// A step of it is in the journal.
    fn is_journaled(result: &Self::Result) -> bool;

    /// The words of this command up to `--plan` or `--approve ID`, ready to paste.
    fn command_words(&self, context: &Context<'_>, view: &Self::View) -> Vec<String>;

    /// The report of a draft about the plan.
    fn report(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<Self::View>,
        findings: &[Finding],
        draft: Draft,
    ) -> Report;

    /// The report of the result; `draft` has the words that fit every operation, and `run` is the id of the run.
    fn report_result(
        &self,
        context: &Context<'_>,
        planned: &PlannedOperation<Self::View>,
        draft: Draft,
        result: Self::Result,
        run: &str,
    ) -> Report;
}

/// Runs an operation, and records in the journal how it ended.
pub(in crate::commands) fn run(operation: &impl Operation, context: &Context<'_>) -> Result<Report, Failure> {
    let mut record = RunRecord { target: operation.default_target(), run: None };
    let result = execute(operation, context, &mut record);
    let RunRecord { target, run } = record;
    match &result {
        Ok(report) => journal_entry::record_end(context, target, report, run),
        Err(failure) => {
            journal_entry::record_end(context, target, &Report::failed(operation.command(), failure), run);
        }
    }
    result
}

/// What the last line of a run says beside its report.
struct RunRecord {
    target: String,
    run: Option<String>,
}

/// Nothing is changed before `apply`, and `apply` takes a cleared plan.
fn execute<O: Operation>(
    operation: &O,
    context: &Context<'_>,
    record: &mut RunRecord,
) -> Result<Report, Failure> {
    let interrupts = Interrupts::catch()?;
    let planned = match operation.plan(context, &mut record.target)? {
        Planned::Plan(planned) => planned,
        Planned::Ended(report) => return Ok(*report),
    };
    let state_dir = &context.settings.state_dir.value;
    if let Err(error) = plans::save(state_dir, &planned.plan) {
        tracing::warn!("this plan was not kept, so a later run cannot say what changed: {error:#}");
    }
    let command = |ending: &str| {
        let mut words = operation.command_words(context, &planned.view);
        words.push(ending.to_owned());
        words.join(" ")
    };
    let drafts = PlanDrafts { plan: &planned.plan, command: &command };
    let report = |findings: &[Finding], draft| operation.report(context, &planned, findings, draft);
    let Approval { plan_only, approve } = operation.approval();
    if plan_only {
        return Ok(report(&planned.findings, drafts.planned(&planned.findings)));
    }
    let _locks = (&planned.lock, operation.lock(context, &planned)?);
    lock_and_freeze::ensure_not_frozen(context)?;

    let asked = ConsentRequest { approve, context, interrupts: &interrupts };
    let show = || super::report::show_plan(&report(&planned.findings, drafts.asked()), context);
    let again = || operation.gather_again(context, &planned);
    let cleared = match ask_consent::request(&planned.plan, &planned.findings, &asked, show, again) {
        ConsentOutcome::Cleared(cleared) => cleared,
        ConsentOutcome::Interrupted(signal) => {
            return Ok(report(&planned.findings, drafts.interrupted(signal)));
        }
        ConsentOutcome::Withheld(denied, findings) => return Ok(report(&findings, drafts.denied(&denied))),
    };

    let who = journal_entry::invoking_user(context);
    let steps = StepJournal::new(state_dir.clone(), operation.command(), record.target.clone(), who);
    let progress = Progress::new(context);
    let run = OperationContext {
        settings: &context.settings,
        interrupts: &interrupts,
        steps: &steps,
        progress: &|name, limit| progress.step(name, limit),
        before_apply: &|| Ok(()),
    };
    let result = operation.apply(context, &planned, cleared, &run)?;
    drop(progress);
    record.run = O::is_journaled(&result).then(|| steps.run_id().to_owned());
    let draft = drafts.ended(O::outcome(&result));
    Ok(operation.report_result(context, &planned, draft, result, steps.run_id()))
}

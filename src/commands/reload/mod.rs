//! `reload`: the plan, consent, the act, the proof.
//!
//! - `report`: the report of each outcome
//! - `rollback`: --confirm-within

mod args;
mod report;
pub(crate) mod rollback;

pub(super) use args::ReloadArgs;
use report::ReloadReport;

use super::operation::ask_consent::{self, ConsentOutcome, ConsentRequest};
use super::operation::progress::Progress;
use super::operation::{gather_facts, journal_entry, lock_and_freeze};
use super::{Context, ignores};
use crate::act::operation::OperationContext;
use crate::act::reload;
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::act::signals::Interrupts;
use crate::checks::{self, RELOAD_CHECKS};
use crate::error::Failure;
use crate::gather::{InstanceSelector, ProbeDepth};
use crate::plan;
use crate::report::Report;
use crate::state::journal_steps::StepJournal;
use crate::state::plans;

/// Runs it, and records how it ended.
pub(super) fn run(args: &ReloadArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let mut about = None;
    let result = execute(args, context, &mut about);
    let (target, run) = about.unwrap_or_else(|| (journal_entry::describe_target(None), None));
    match &result {
        Ok(report) => journal_entry::record_end(context, target, report, run),
        Err(failure) => journal_entry::record_end(context, target, &Report::failed("reload", failure), run),
    }
    result
}

type JournalTarget = Option<(String, Option<String>)>;

/// Nothing is changed before `apply`, and `apply` wants a clearance.
fn execute(args: &ReloadArgs, context: &Context<'_>, about: &mut JournalTarget) -> Result<Report, Failure> {
    if !args.previous.is_empty() && !args.keep_runtime && args.confirm_within.is_none() {
        let error = anyhow::anyhow!("--previous is of use only with --keep-runtime or --confirm-within");
        return Err(Failure::usage(error).with_remedy("`haguard explain reload` says what for"));
    }
    let ignores = ignores::from_config(&context.settings)?;
    let interrupts = Interrupts::catch()?;
    let state_dir = &context.settings.state_dir.value;
    let aim = InstanceSelector::parse(args.service.as_deref());
    let early = lock_and_freeze::acquire_early(context, &aim)?;

    // Rehearsed where that can be done, else read: `facts.next.how` says which.
    let facts = gather_facts::gather_facts(context, &aim, ProbeDepth::Rehearse);
    let ledger = plan::ledger(&facts);
    // Binds that are new and taken are found by a check of their own.
    let mut findings = ignores.apply(checks::run_checks(&facts, &ledger, RELOAD_CHECKS));
    let account =
        |findings| ReloadReport { args, context, facts: &facts, ledger: &ledger, findings, hold: None };
    let Some(instance) = facts.instance.seen() else { return Ok(account(&findings).unknown_instance()) };
    let hold = match args.keep_runtime {
        true => Some(
            PreservedRuntime::read(&context.settings, &facts, &ledger, &args.previous).map_err(unreadable)?,
        ),
        false => None,
    };
    let kept = hold.as_ref().map(PreservedRuntime::previews);
    let Some(plan) = plan::reload(&facts, &ledger, kept) else {
        return Ok(account(&findings).unknown_instance());
    };
    *about = Some((instance.title(), None));
    let _turn = match early {
        Some((pid, lock)) if pid == instance.main.pid => lock,
        _ => lock_and_freeze::acquire(context, &instance.main)?,
    };
    let back = rollback::arm::prepare(args, context, &facts, instance)?;
    findings.extend(back.as_ref().map(|back| back.finding.clone()));
    let plan = back.iter().fold(plan, |plan, back| back.add_to_plan(plan));
    let account = ReloadReport { hold: hold.as_ref(), ..account(&findings) };
    if let Err(error) = plans::save(state_dir, &plan) {
        tracing::warn!("this plan was not kept, so a later run cannot say what moved: {error:#}");
    }
    if args.plan {
        return Ok(account.planned(&plan));
    }
    lock_and_freeze::ensure_not_frozen(context)?;

    let again = || {
        let now = gather_facts::gather_facts(
            context,
            &InstanceSelector::Pid(instance.main.pid),
            ProbeDepth::Rehearse,
        );
        let ledger = plan::ledger(&now);
        let mut findings = ignores.apply(checks::run_checks(&now, &ledger, RELOAD_CHECKS));
        findings.extend(back.as_ref().map(|back| back.finding.clone()));
        (plan::Basis::from_facts(&now, &ledger), findings)
    };
    let asked = ConsentRequest { approve: args.approve.as_deref(), context, interrupts: &interrupts };
    let clearance = match ask_consent::request_and_recheck(
        &plan,
        &findings,
        &asked,
        || account.show_plan(&plan),
        again,
    ) {
        ConsentOutcome::Cleared(clearance) => clearance,
        ConsentOutcome::Interrupted(signal) => return Ok(account.interrupted(&plan, signal)),
        ConsentOutcome::Withheld(why, findings) => {
            return Ok(ReloadReport { findings: &findings, ..account }.denied(&plan, &why));
        }
    };

    // Whoever goes back is there before anything is done.
    let watched = back.as_ref().map(|back| back.arm(context, &facts, &plan)).transpose()?;
    let steps = StepJournal::new(
        state_dir.clone(),
        "reload",
        instance.title(),
        journal_entry::invoking_user(context),
    );
    let progress = Progress::new(context);
    let run = OperationContext {
        settings: &context.settings,
        interrupts: &interrupts,
        steps: &steps,
        progress: &|name, limit| progress.step(name, limit),
        before_apply: &|| watched.as_ref().map_or(Ok(()), |watched| watched.announce_reload()),
    };
    let mut done = reload::apply(clearance, &facts, hold.as_ref(), &run);
    drop(progress);
    let wanted = watched.and_then(|watched| watched.report_outcome(&plan, &mut done));
    if done.is_journaled() {
        *about = Some((instance.title(), Some(steps.run_id().to_owned())));
    }
    Ok(account.finished(&plan, done, wanted))
}

fn unreadable(why: String) -> Failure {
    let error =
        anyhow::anyhow!("what the worker holds could not be read, so nothing could be put back: {why}");
    Failure::unknown(error)
        .with_remedy("`haguard inspect` says what can be asked; or reload without --keep-runtime")
}

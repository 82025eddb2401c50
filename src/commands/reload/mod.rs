//! `reload`: the plan, consent, the act, the proof.

mod report;
pub(crate) mod rollback;

use report::Account;

use super::operation::ask_consent::{self, Answer, Asked};
use super::operation::progress::Progress;
use super::operation::{gather_facts, journal_entry, lock_and_freeze};
use super::{Context, ignores};
use crate::act::operation::Run;
use crate::act::reload;
use crate::act::runtime_state::preserve::Hold;
use crate::act::signals::Interrupts;
use crate::checks::{self, RELOAD};
use crate::cli::ReloadArgs;
use crate::error::Failure;
use crate::gather::{Aim, Effort};
use crate::plan;
use crate::report::Report;
use crate::state::journal_steps::Steps;
use crate::state::plans;

/// Runs it, and records how it ended.
pub(super) fn run(args: &ReloadArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let mut about = None;
    let result = story(args, context, &mut about);
    let (target, run) = about.unwrap_or_else(|| (journal_entry::target(None), None));
    match &result {
        Ok(report) => journal_entry::end(context, target, report, run),
        Err(failure) => journal_entry::end(context, target, &Report::failed("reload", failure), run),
    }
    result
}

type About = Option<(String, Option<String>)>;

/// Nothing is changed before `apply`, and `apply` wants a clearance.
fn story(args: &ReloadArgs, context: &Context<'_>, about: &mut About) -> Result<Report, Failure> {
    if !args.previous.is_empty() && !args.keep_runtime && args.confirm_within.is_none() {
        let error = anyhow::anyhow!("--previous is of use only with --keep-runtime or --confirm-within");
        return Err(Failure::usage(error).mend("`haguard explain reload` says what for"));
    }
    let ignores = ignores::of_file(&context.settings)?;
    let interrupts = Interrupts::catch()?;
    let state_dir = &context.settings.state_dir.value;
    let aim = Aim::parse(args.service.as_deref());
    let early = lock_and_freeze::early(context, &aim)?;

    // Rehearsed where that can be done, else read: `facts.next.how` says which.
    let facts = gather_facts::look(context, &aim, Effort::Rehearse);
    let ledger = plan::ledger(&facts);
    // Binds that are new and taken are found by a check of their own.
    let mut findings = ignores.apply(checks::judge(&facts, &ledger, RELOAD));
    let account = |findings| Account { args, context, facts: &facts, ledger: &ledger, findings, hold: None };
    let Some(instance) = facts.instance.seen() else { return Ok(account(&findings).unknown()) };
    let hold = match args.keep_runtime {
        true => Some(Hold::read(&context.settings, &facts, &ledger, &args.previous).map_err(unreadable)?),
        false => None,
    };
    let kept = hold.as_ref().map(Hold::previews);
    let Some(plan) = plan::reload(&facts, &ledger, kept) else { return Ok(account(&findings).unknown()) };
    *about = Some((instance.title(), None));
    let _turn = match early {
        Some((pid, lock)) if pid == instance.main.pid => lock,
        _ => lock_and_freeze::hold(context, &instance.main)?,
    };
    let back = rollback::arm::find(args, context, &facts, instance)?;
    findings.extend(back.as_ref().map(|back| back.finding.clone()));
    let plan = back.iter().fold(plan, |plan, back| back.in_plan(plan));
    let account = Account { hold: hold.as_ref(), ..account(&findings) };
    if let Err(error) = plans::remember(state_dir, &plan) {
        tracing::warn!("this plan was not kept, so a later run cannot say what moved: {error:#}");
    }
    if args.plan {
        return Ok(account.planned(&plan));
    }
    lock_and_freeze::not_frozen(context)?;

    let again = || {
        let now = gather_facts::look(context, &Aim::Pid(instance.main.pid), Effort::Rehearse);
        let ledger = plan::ledger(&now);
        let mut findings = ignores.apply(checks::judge(&now, &ledger, RELOAD));
        findings.extend(back.as_ref().map(|back| back.finding.clone()));
        (plan::Basis::of(&now, &ledger), findings)
    };
    let asked = Asked { approve: args.approve.as_deref(), context, interrupts: &interrupts };
    let clearance = match ask_consent::to(&plan, &findings, &asked, || account.show(&plan), again) {
        Answer::Cleared(clearance) => clearance,
        Answer::Interrupted(signal) => return Ok(account.interrupted(&plan, signal)),
        Answer::Withheld(why, findings) => {
            return Ok(Account { findings: &findings, ..account }.withheld(&plan, &why));
        }
    };

    // Whoever goes back is there before anything is done.
    let watched = back.as_ref().map(|back| back.watch(context, &facts, &plan)).transpose()?;
    let steps = Steps::new(state_dir.clone(), "reload", instance.title(), journal_entry::who(context));
    let progress = Progress::new(context);
    let run = Run {
        settings: &context.settings,
        interrupts: &interrupts,
        steps: &steps,
        progress: &|name, limit| progress.step(name, limit),
        ordering: &|| watched.as_ref().map_or(Ok(()), |watched| watched.ordering()),
    };
    let mut done = reload::reload(clearance, &facts, hold.as_ref(), &run);
    drop(progress);
    let wanted = watched.and_then(|watched| watched.ended(&plan, &mut done));
    if done.recorded() {
        *about = Some((instance.title(), Some(steps.run().to_owned())));
    }
    Ok(account.done(&plan, done, wanted))
}

fn unreadable(why: String) -> Failure {
    let error =
        anyhow::anyhow!("what the worker holds could not be read, so nothing could be put back: {why}");
    Failure::unknown(error).mend("`haguard inspect` says what can be asked; or reload without --keep-runtime")
}

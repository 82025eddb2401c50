//! `guard install` and `guard remove`: the plan, consent, the file, systemd, the proof.

use super::args::GuardChangeArgs;
use super::report::{self, GuardReport};
use super::{GuardTarget, resolve_target};
use crate::act::guard;
use crate::act::signals::Interrupts;
use crate::checks;
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::ask_consent::{self, ConsentOutcome, ConsentRequest};
use crate::commands::operation::{journal_entry, lock_and_freeze};
use crate::error::Failure;
use crate::plan;
use crate::plan::guard::GuardChange;
use crate::report::Report;
use crate::state::journal_steps::StepJournal;
use crate::state::plans;

/// Runs it, and records how it ended.
pub(super) fn run(
    kind: GuardChange,
    args: &GuardChangeArgs,
    context: &Context<'_>,
) -> Result<Report, Failure> {
    let mut about = (args.unit.clone().unwrap_or_else(|| "unknown".to_owned()), None);
    let result = execute(kind, args, context, &mut about);
    let (target, run) = about;
    match &result {
        Ok(report) => journal_entry::record_end(context, target, report, run),
        Err(failure) => {
            journal_entry::record_end(context, target, &Report::failed(kind.operation(), failure), run)
        }
    }
    result
}

/// Nothing is changed before `guard::apply`, and that wants a clearance.
fn execute(
    kind: GuardChange,
    args: &GuardChangeArgs,
    context: &Context<'_>,
    about: &mut (String, Option<String>),
) -> Result<Report, Failure> {
    let interrupts = Interrupts::catch()?;
    let facts = match resolve_target(args.unit.as_deref(), context)? {
        GuardTarget::Unit(facts) => facts,
        GuardTarget::NotSystemd(why) => return Ok(report::not_systemd(kind.operation(), &why)),
        GuardTarget::Unknown(why) => return Ok(report::unknown_unit(kind.operation(), &why)),
    };
    about.0 = facts.unit.clone();
    let plan = plan::guard::guard_plan(kind, &facts, &linux::hostname());
    let mut findings = vec![checks::guard_ready(kind, &facts, linux::effective_uid() == 0)];
    findings.extend(
        checks::guard_findings(&facts).into_iter().filter(|finding| finding.id == "guard.boot-enabled"),
    );
    let account = GuardReport { kind, context, facts: &facts, plan: &plan, findings: &findings };
    if kind.is_done(&facts) {
        return Ok(account.nothing_to_do());
    }
    let state_dir = &context.settings.state_dir.value;
    if let Err(error) = plans::save(state_dir, &plan) {
        tracing::warn!("this plan was not kept, so a later run cannot say what moved: {error:#}");
    }
    if args.plan {
        return Ok(account.planned());
    }
    let main = facts.shown.main_pid().and_then(|pid| linux::process(pid).ok());
    let _turn = lock_and_freeze::acquire_for_unit(context, main.as_ref())?;
    lock_and_freeze::ensure_not_frozen(context)?;
    let asked = ConsentRequest { approve: args.approve.as_deref(), context, interrupts: &interrupts };
    // The act itself looks at all of it again.
    let clearance = match ask_consent::request(&plan, &findings, &asked, || account.show_plan()) {
        ConsentOutcome::Cleared(clearance) => clearance,
        ConsentOutcome::Interrupted(signal) => return Ok(account.interrupted(signal)),
        ConsentOutcome::Withheld(why, _) => return Ok(account.denied(&why)),
    };
    let steps = StepJournal::new(
        state_dir.clone(),
        kind.operation(),
        facts.unit.clone(),
        journal_entry::invoking_user(context),
    );
    let done = guard::apply(clearance, kind, &facts, &interrupts, &steps);
    about.1 = done.is_journaled().then(|| steps.run_id().to_owned());
    Ok(account.finished(done))
}

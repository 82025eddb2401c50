//! `guard install` and `guard remove`: the plan, consent, the file, systemd, the proof.

use super::report::{self, Account};
use super::{Meant, meant};
use crate::act::guard;
use crate::act::signals::Interrupts;
use crate::checks;
use crate::cli::GuardChangeArgs;
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::ask_consent::{self, Answer, Asked};
use crate::commands::operation::{journal_entry, lock_and_freeze};
use crate::error::Failure;
use crate::plan;
use crate::plan::guard::Order;
use crate::report::Report;
use crate::state::journal_steps::Steps;
use crate::state::plans;

/// Runs it, and records how it ended.
pub(super) fn run(kind: Order, args: &GuardChangeArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let mut about = (args.unit.clone().unwrap_or_else(|| "unknown".to_owned()), None);
    let result = story(kind, args, context, &mut about);
    let (target, run) = about;
    match &result {
        Ok(report) => journal_entry::end(context, target, report, run),
        Err(failure) => journal_entry::end(context, target, &Report::failed(kind.operation(), failure), run),
    }
    result
}

/// Nothing is changed before `guard::guard`, and that wants a clearance.
fn story(
    kind: Order,
    args: &GuardChangeArgs,
    context: &Context<'_>,
    about: &mut (String, Option<String>),
) -> Result<Report, Failure> {
    let interrupts = Interrupts::catch()?;
    let facts = match meant(args.unit.as_deref(), context)? {
        Meant::Unit(facts) => facts,
        Meant::NotSystemd(why) => return Ok(report::not_systemd(kind.operation(), &why)),
        Meant::Unknown(why) => return Ok(report::unknown(kind.operation(), &why)),
    };
    about.0 = facts.unit.clone();
    let plan = plan::guard::guard(kind, &facts, &linux::hostname());
    let mut findings = vec![checks::guard_ready(kind, &facts, linux::uid() == 0)];
    findings.extend(checks::guard(&facts).into_iter().filter(|finding| finding.id == "guard.boot-enabled"));
    let account = Account { kind, context, facts: &facts, plan: &plan, findings: &findings };
    if kind.is_done(&facts) {
        return Ok(account.nothing_to_do());
    }
    let state_dir = &context.settings.state_dir.value;
    if let Err(error) = plans::remember(state_dir, &plan) {
        tracing::warn!("this plan was not kept, so a later run cannot say what moved: {error:#}");
    }
    if args.plan {
        return Ok(account.planned());
    }
    let main = facts.shown.main_pid().and_then(|pid| linux::process(pid).ok());
    let _turn = lock_and_freeze::hold_unit(context, main.as_ref())?;
    lock_and_freeze::not_frozen(context)?;
    let asked = Asked { approve: args.approve.as_deref(), context, interrupts: &interrupts };
    // The act itself looks at all of it again.
    let clearance = match ask_consent::first(&plan, &findings, &asked, || account.show()) {
        Answer::Cleared(clearance) => clearance,
        Answer::Interrupted(signal) => return Ok(account.interrupted(signal)),
        Answer::Withheld(why, _) => return Ok(account.withheld(&why)),
    };
    let steps =
        Steps::new(state_dir.clone(), kind.operation(), facts.unit.clone(), journal_entry::who(context));
    let done = guard::guard(clearance, kind, &facts, &interrupts, &steps);
    about.1 = done.recorded().then(|| steps.run().to_owned());
    Ok(account.ended(done))
}

//! `restart --break-glass`: the plan, consent, a snapshot, the restart, what was lost put back, the proof.

use super::report::Account;

use super::other_service::{self, Meant};
use crate::act::operation::Run;
use crate::act::restart;
use crate::act::runtime_state::preserve::Hold;
use crate::act::signals::Interrupts;
use crate::checks::{self, RESTART};
use crate::cli::RestartArgs;
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::ask_consent::{self, Answer, Asked};
use crate::commands::operation::progress::Progress;
use crate::commands::operation::{gather_facts, journal_entry, lock_and_freeze};
use crate::error::Failure;
use crate::exit::Exit;
use crate::gather::{Aim, Effort};
use crate::plan::{self, Manner};
use crate::report::Report;
use crate::state::journal_steps::Steps;
use crate::state::plans;

/// Runs it, and records how it ended.
pub(in crate::commands) fn run(
    typed: &str,
    args: &RestartArgs,
    context: &Context<'_>,
) -> Result<Report, Failure> {
    let mut about = None;
    let result = right_host(typed).and_then(|()| story(args, context, &mut about));
    let (target, run) = about.unwrap_or_else(|| (journal_entry::target(None), None));
    match &result {
        Ok(report) => journal_entry::end(context, target, report, run),
        Err(failure) => journal_entry::end(context, target, &Report::failed("restart", failure), run),
    }
    result
}

type About = Option<(String, Option<String>)>;

/// The name that was typed catches the wrong terminal, which a yes does not.
fn right_host(typed: &str) -> Result<(), Failure> {
    let host = linux::hostname();
    match typed == host {
        true => Ok(()),
        false => Err(Failure {
            exit: Exit::Refused,
            error: anyhow::anyhow!("refused: `{typed}` was typed, and this host is {host}"),
            mend: Some(
                "look again which terminal this is; --break-glass takes the name of the host it runs on"
                    .to_owned(),
            ),
        }),
    }
}

/// Nothing is changed before `restart`, and `restart` wants a clearance.
fn story(args: &RestartArgs, context: &Context<'_>, about: &mut About) -> Result<Report, Failure> {
    let interrupts = Interrupts::catch()?;
    let state_dir = &context.settings.state_dir.value;
    let aim = match other_service::meant(args.service.as_deref(), context) {
        Meant::Haproxy(aim) => aim,
        Meant::Other(report) => return Ok(*report),
    };
    let early = lock_and_freeze::early(context, &aim)?;

    // From here on what comes next is what a restart would start.
    let facts = gather_facts::look(context, &aim, Effort::Restart).restarted().into_owned();
    let ledger = plan::ledger(&facts);
    // A restart heeds no decision to live with something.
    let findings = checks::judge(&facts, &ledger, RESTART);
    let account = |findings| Account { args, context, facts: &facts, ledger: &ledger, findings, hold: None };
    let Some(instance) = facts.instance.seen() else { return Ok(account(&findings).unknown()) };
    *about = Some((instance.title(), None));
    if Manner::of(instance).is_err() {
        return Ok(account(&findings).nobody());
    }
    let hold = Hold::read(&context.settings, &facts, &ledger, &[]).map_err(unreadable)?;
    let hold = hold.over_a_restart(&ledger);
    let Some(plan) = plan::restart(&facts, &ledger, hold.previews()) else {
        return Ok(account(&findings).nobody());
    };
    let _turn = match early {
        Some((pid, lock)) if pid == instance.main.pid => lock,
        _ => lock_and_freeze::hold(context, &instance.main)?,
    };
    let account = Account { hold: Some(&hold), ..account(&findings) };
    if let Err(error) = plans::remember(state_dir, &plan) {
        tracing::warn!("this plan was not kept, so a later run cannot say what moved: {error:#}");
    }
    if args.plan {
        return Ok(account.planned(&plan));
    }
    lock_and_freeze::not_frozen(context)?;

    let again = || {
        let now = gather_facts::look(context, &Aim::Pid(instance.main.pid), Effort::Restart)
            .restarted()
            .into_owned();
        let ledger = plan::ledger(&now);
        (plan::restart::basis(&now, &ledger), checks::judge(&now, &ledger, RESTART))
    };
    let asked = Asked { approve: args.approve.as_deref(), context, interrupts: &interrupts };
    let clearance = match ask_consent::to(&plan, &findings, &asked, || account.show(&plan), again) {
        Answer::Cleared(clearance) => clearance,
        Answer::Interrupted(signal) => return Ok(account.interrupted(&plan, signal)),
        Answer::Withheld(why, findings) => {
            return Ok(Account { findings: &findings, ..account }.withheld(&plan, &why));
        }
    };

    let steps = Steps::new(state_dir.clone(), "restart", instance.title(), journal_entry::who(context));
    let progress = Progress::new(context);
    let run = Run {
        settings: &context.settings,
        interrupts: &interrupts,
        steps: &steps,
        progress: &|name, limit| progress.step(name, limit),
        ordering: &|| Ok(()),
    };
    let (done, left) = restart::restart(clearance, &facts, &hold, &run);
    drop(progress);
    // A snapshot is a step, whatever came after it.
    if done.recorded() || left.snapshot.is_some() {
        *about = Some((instance.title(), Some(steps.run().to_owned())));
    }
    Ok(account.done(&plan, done, left, steps.run()))
}

fn unreadable(why: String) -> Failure {
    let error =
        anyhow::anyhow!("what the worker holds could not be read, so nothing could be put back: {why}");
    Failure::unknown(error).mend("`haguard restart` says how it is done by hand")
}

//! `restart --break-glass`: the plan, consent, a snapshot, the restart, what was lost put back, the proof.

use super::args::RestartArgs;
use super::report::RestartReport;

use super::other_service::{self, RestartTarget};
use crate::act::operation::OperationContext;
use crate::act::restart;
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::act::signals::Interrupts;
use crate::checks::{self, RESTART_CHECKS};
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::ask_consent::{self, ConsentOutcome, ConsentRequest};
use crate::commands::operation::progress::Progress;
use crate::commands::operation::{gather_facts, journal_entry, lock_and_freeze};
use crate::error::Failure;
use crate::exit::Exit;
use crate::gather::{InstanceSelector, ProbeDepth};
use crate::plan::{self, RestartMethod};
use crate::report::Report;
use crate::state::journal_steps::StepJournal;
use crate::state::plans;

/// Runs it, and records how it ended.
pub(in crate::commands) fn run(
    typed: &str,
    args: &RestartArgs,
    context: &Context<'_>,
) -> Result<Report, Failure> {
    let mut about = None;
    let result = check_hostname(typed).and_then(|()| execute(args, context, &mut about));
    let (target, run) = about.unwrap_or_else(|| (journal_entry::describe_target(None), None));
    match &result {
        Ok(report) => journal_entry::record_end(context, target, report, run),
        Err(failure) => journal_entry::record_end(context, target, &Report::failed("restart", failure), run),
    }
    result
}

type JournalTarget = Option<(String, Option<String>)>;

/// The name that was typed catches the wrong terminal, which a yes does not.
fn check_hostname(typed: &str) -> Result<(), Failure> {
    let host = linux::hostname();
    match typed == host {
        true => Ok(()),
        false => Err(Failure {
            exit: Exit::Refused,
            error: anyhow::anyhow!("refused: `{typed}` was typed, and this host is {host}"),
            remedy: Some(
                "look again which terminal this is; --break-glass takes the name of the host it runs on"
                    .to_owned(),
            ),
        }),
    }
}

/// Nothing is changed before `restart`, and `restart` wants a clearance.
fn execute(args: &RestartArgs, context: &Context<'_>, about: &mut JournalTarget) -> Result<Report, Failure> {
    let interrupts = Interrupts::catch()?;
    let state_dir = &context.settings.state_dir.value;
    let aim = match other_service::resolve_target(args.service.as_deref(), context) {
        RestartTarget::Haproxy(aim) => aim,
        RestartTarget::Other(report) => return Ok(*report),
    };
    let early = lock_and_freeze::acquire_early(context, &aim)?;

    // From here on what comes next is what a restart would start.
    let facts = gather_facts::gather_facts(context, &aim, ProbeDepth::RehearseUnitStart)
        .after_unit_start()
        .into_owned();
    let ledger = plan::ledger(&facts);
    // A restart heeds no decision to live with something.
    let findings = checks::run_checks(&facts, &ledger, RESTART_CHECKS);
    let account =
        |findings| RestartReport { args, context, facts: &facts, ledger: &ledger, findings, hold: None };
    let Some(instance) = facts.instance.seen() else { return Ok(account(&findings).unknown_instance()) };
    *about = Some((instance.title(), None));
    if RestartMethod::from_instance(instance).is_err() {
        return Ok(account(&findings).unknown_controller());
    }
    let hold = PreservedRuntime::read(&context.settings, &facts, &ledger, &[]).map_err(unreadable)?;
    let hold = hold.for_restart(&ledger);
    let Some(plan) = plan::restart(&facts, &ledger, hold.previews()) else {
        return Ok(account(&findings).unknown_controller());
    };
    let _turn = match early {
        Some((pid, lock)) if pid == instance.main.pid => lock,
        _ => lock_and_freeze::acquire(context, &instance.main)?,
    };
    let account = RestartReport { hold: Some(&hold), ..account(&findings) };
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
            ProbeDepth::RehearseUnitStart,
        )
        .after_unit_start()
        .into_owned();
        let ledger = plan::ledger(&now);
        (plan::restart::basis(&now, &ledger), checks::run_checks(&now, &ledger, RESTART_CHECKS))
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
            return Ok(RestartReport { findings: &findings, ..account }.denied(&plan, &why));
        }
    };

    let steps = StepJournal::new(
        state_dir.clone(),
        "restart",
        instance.title(),
        journal_entry::invoking_user(context),
    );
    let progress = Progress::new(context);
    let run = OperationContext {
        settings: &context.settings,
        interrupts: &interrupts,
        steps: &steps,
        progress: &|name, limit| progress.step(name, limit),
        before_apply: &|| Ok(()),
    };
    let (done, left) = restart::apply(clearance, &facts, &hold, &run);
    drop(progress);
    // A snapshot is a step, whatever came after it.
    if done.is_journaled() || left.snapshot.is_some() {
        *about = Some((instance.title(), Some(steps.run_id().to_owned())));
    }
    Ok(account.finished(&plan, done, left, steps.run_id()))
}

fn unreadable(why: String) -> Failure {
    let error =
        anyhow::anyhow!("what the worker holds could not be read, so nothing could be put back: {why}");
    Failure::unknown(error).with_remedy("`haguard restart` says how it is done by hand")
}

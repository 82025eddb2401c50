//! `confirm` keeps a reload that would be rolled back otherwise, or lists those that wait for it.

use clap::Args;

use super::Context;
use super::operation::journal_entry;
use crate::clients::linux;
use crate::error::Failure;
use crate::exit::Exit;
use crate::report::{Body, Confirmation, Report, ReportTable};
use crate::state::pending_confirmations::{self, ConfirmationState, PendingConfirmation};
use crate::time;

/// Arguments of `confirm`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard confirm\n  haguard confirm 3f9c1a2b04\n\nThe id is that of the plan. \
    Without one, the reloads that wait for a confirmation are listed.\n\nExit codes: 0 it stays, 2 no reload with this id \
    waits, 5 its rollback timer is gone and HAProxy has ended since, 6 too late or nothing to confirm, 7 the reload is \
    still running, 8 it is kept, but its rollback timer had ended: it would not have been rolled back."
)]
pub struct ConfirmArgs {
    /// Id of the plan (default: list the reloads that wait)
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// Confirms it where nothing is decided yet, and records that.
pub(super) fn run(args: &ConfirmArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let Some(id) = &args.id else { return Ok(list_open(context)) };
    let state_dir = &context.settings.state_dir.value;
    let by = journal_entry::invoking_user(context).name();
    let mut known = None;
    let decided = pending_confirmations::update(state_dir, id, |pending| {
        let before = pending.clone();
        let (until, watched) = (pending.until, pending.is_watched());
        let stays = pending.state == ConfirmationState::Waiting && (until.is_some() || !watched);
        if stays {
            pending.state = ConfirmationState::Confirmed { at: time::now(), by };
        }
        known = Some((before, watched));
        stays
    });
    decided.map_err(|error| {
        Failure::unknown(error).with_remedy("run as the user that reloaded, or set HAGUARD_STATE_DIR")
    })?;
    let Some((before, watched)) = known else { return Err(unknown_plan(id, context)) };
    let report = report_confirmation(&before, watched);
    journal_entry::record_end(context, before.target.clone(), &report, None);
    Ok(report)
}

fn unknown_plan(id: &str, context: &Context<'_>) -> Failure {
    let open: Vec<String> = open_confirmations(context).iter().map(|pending| pending.id.clone()).collect();
    let mend = match open.as_slice() {
        [] => "nothing waits for a confirmation here".to_owned(),
        ids => format!("these wait for a confirmation: {}", ids.join(" ")),
    };
    Failure::usage(anyhow::anyhow!("no reload of plan `{id}` waits for a confirmation")).with_remedy(mend)
}

/// The report, by the state in which it was found.
fn report_confirmation(found: &PendingConfirmation, watched: bool) -> Report {
    let PendingConfirmation { id, target, until, .. } = found;
    let until_text = until.map(|at| at.strftime("%F %T UTC").to_string());
    let until_text = until_text.as_deref().unwrap_or("no known time");
    let runs = linux::process(found.main_pid).is_ok_and(|process| process.start_ticks == found.main_start);
    let mut why = String::new();
    let (exit, outcome, summary) = match &found.state {
        ConfirmationState::Waiting if watched && until.is_none() => (
            Exit::Busy,
            "under way",
            format!("plan {id}: the reload of {target} is not done yet; confirm it when it is"),
        ),
        ConfirmationState::Waiting if watched => (
            Exit::Done,
            "confirmed",
            format!(
                "plan {id}: {target} keeps what it has loaded; it would have been rolled back at {until_text}"
            ),
        ),
        ConfirmationState::Waiting => {
            why = format!(
                "Its rollback timer (PID {}) has ended, by a reboot or by a signal, so it is not rolled back \
                 automatically. See what runs now: haguard inspect. The previous files are in {}.",
                found.watcher.0,
                found.copy.display()
            );
            match runs {
                true => (
                    Exit::Unproven,
                    "unwatched",
                    format!("plan {id}: {target} keeps what it has loaded; its rollback timer had ended"),
                ),
                false => (
                    Exit::Unknown,
                    "unwatched",
                    format!("plan {id}: {target} has ended since, and so had its rollback timer"),
                ),
            }
        }
        ConfirmationState::Confirmed { at, by } => (
            Exit::Done,
            "confirmed",
            format!("plan {id}: {by} has confirmed it already, at {}", at.strftime("%F %T UTC")),
        ),
        ConfirmationState::RollingBack { .. } if watched => (
            Exit::Stale,
            "late",
            format!(
                "plan {id}: too late, the time limit ended at {until_text}; {target} is being rolled back"
            ),
        ),
        ConfirmationState::RollingBack { since } => {
            why = format!(
                "See how far it got: haguard history. The previous files are in {}.",
                found.copy.display()
            );
            let since = since.strftime("%F %T UTC");
            (
                Exit::Unproven,
                "stopped",
                format!("plan {id}: the rollback began at {since} and was stopped part-way"),
            )
        }
        ConfirmationState::RolledBack { at, summary, .. } => {
            why = summary.clone();
            (
                Exit::Stale,
                "late",
                format!("plan {id}: too late, {target} was rolled back at {}", at.strftime("%F %T UTC")),
            )
        }
        ConfirmationState::NotNeeded { why: reason, .. } => {
            why = reason.clone();
            (Exit::Stale, "void", format!("plan {id}: there is nothing to confirm"))
        }
    };
    let body = Confirmation {
        id: id.clone(),
        outcome: outcome.to_owned(),
        target: target.clone(),
        until: *until,
        why,
    };
    Report::new("confirm", exit, summary, Body::Confirmation(body))
}

fn open_confirmations(context: &Context<'_>) -> Vec<PendingConfirmation> {
    let all = pending_confirmations::all(&context.settings.state_dir.value).into_iter();
    all.filter(PendingConfirmation::is_open).collect()
}

fn list_open(context: &Context<'_>) -> Report {
    let row = |pending: &PendingConfirmation| {
        let state = match (&pending.state, pending.is_watched()) {
            (ConfirmationState::Waiting, true) => "waits",
            (_, true) => "rolling back",
            (_, false) => "rollback timer ended",
        };
        let until = pending.until.map_or("-".to_owned(), |at| at.strftime("%F %T").to_string());
        vec![pending.id.clone(), until, pending.who.name(), pending.target.clone(), state.to_owned()]
    };
    let rows: Vec<Vec<String>> = open_confirmations(context).iter().map(row).collect();
    let summary = format!("{} to confirm", rows.len());
    let columns = vec!["plan", "until (UTC)", "who", "what", "state"];
    Report::new("confirm", Exit::Done, summary, Body::Table(ReportTable { columns, rows }))
}

//! `history` shows the journal.

use clap::Args;

use super::Context;
use crate::clients::linux;
use crate::error::Failure;
use crate::exit::Exit;
use crate::plural::plural;
use crate::report::{Body, Report, ReportTable};
use crate::state::journal::JournalStep;
use crate::state::journal::{self, JournalEntry};
use crate::state::journal_steps;

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Show this many of the newest entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub last: usize,
}

/// The newest entries, oldest first.
pub(super) fn run(args: &HistoryArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let state_dir = &context.settings.state_dir.value;
    let (entries, broken) = journal::read(state_dir, args.last).map_err(|error| {
        Failure::unknown(error).with_remedy("run as the user that wrote it, or set HAGUARD_STATE_DIR")
    })?;
    if broken > 0 {
        tracing::warn!(
            "{} of {} could not be read",
            plural(broken, "line"),
            journal::path(state_dir).display()
        );
    }
    let mut rows: Vec<(jiff::Timestamp, Vec<String>)> = entries.iter().map(entry_row).collect();
    let open = journal_steps::unfinished_runs(state_dir).map_err(Failure::unknown)?;
    rows.extend(open.iter().map(unfinished_run_row));
    rows.sort_by_key(|(at, _)| *at);
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).rev().take(args.last).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().rev().collect();
    let count = rows.len();
    let table = ReportTable { columns: vec!["when (UTC)", "who", "command", "exit", "what"], rows };
    Ok(Report::new("history", Exit::Done, plural(count, "entry"), Body::Table(table)))
}

fn entry_row(entry: &JournalEntry) -> (jiff::Timestamp, Vec<String>) {
    (
        entry.at,
        vec![
            entry.at.strftime("%F %T").to_string(),
            entry.who.name(),
            entry.command.clone(),
            entry.exit.code().to_string(),
            entry.summary.clone(),
        ],
    )
}

/// A run without an end: its process still runs, or was killed.
fn unfinished_run_row(step: &JournalStep) -> (jiff::Timestamp, Vec<String>) {
    let running = linux::process(step.pid).is_ok_and(|process| {
        process.comm.starts_with("haguard") && process.started.is_none_or(|started| started <= step.at)
    });
    let state = if running { "under way" } else { "stopped unfinished" };
    let what = format!("{} of {}: {state} {}", step.command, step.target, step.describe_progress());
    let at = step.at.strftime("%F %T").to_string();
    (step.at, vec![at, step.who.name(), step.command.clone(), "-".to_owned(), what])
}

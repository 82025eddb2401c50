//! `history` shows the journal.

use super::Context;
use crate::act::journal;
use crate::cli::HistoryArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::{Body, Report, Table};

/// The newest entries, oldest first.
pub(super) fn run(args: &HistoryArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let state_dir = &context.settings.state_dir.value;
    let (entries, broken) = journal::read(state_dir, args.last).map_err(|error| {
        Failure::unknown(error).mend("run as the user that wrote it, or set HAGUARD_STATE_DIR")
    })?;
    if broken > 0 {
        tracing::warn!("{broken} lines of {} could not be read", journal::path(state_dir).display());
    }
    let rows = entries.iter().map(|entry| {
        vec![
            entry.at.strftime("%F %T").to_string(),
            entry.who.name(),
            entry.command.clone(),
            entry.exit.code().to_string(),
            entry.summary.clone(),
        ]
    });
    let table = Table { columns: vec!["when (UTC)", "who", "command", "exit", "what"], rows: rows.collect() };
    Ok(Report::new("history", Exit::Done, format!("{} entries", entries.len()), Body::Table(table)))
}

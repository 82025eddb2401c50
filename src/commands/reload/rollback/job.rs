//! A watcher at its post: what it was told, and what it writes down.

use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clients::linux;
use crate::config::Settings;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::plan::Plan;
use crate::state::journal::{self, InvokingUser, JournalEntry};
use crate::state::pending_confirmations::{self, ConfirmationState};
use crate::time::{self, Deadline};

/// What a watcher is told.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::commands) struct RollbackRequest {
    pub(in crate::commands) config: Option<PathBuf>,
    /// As `--master-socket` and `--stats-socket`.
    pub(in crate::commands) sockets: [Option<PathBuf>; 2],
    pub(in crate::commands) timeout_ms: Option<u64>,
    pub(in crate::commands) within_ms: u64,
    /// The folder with the copy that would be put back.
    pub(in crate::commands) copy: PathBuf,
    /// What that copy is.
    pub(in crate::commands) source: String,
    /// The command that began it, without secrets.
    pub(in crate::commands) command: Vec<String>,
    pub(in crate::commands) who: InvokingUser,
    /// The plan that was consented to.
    pub(in crate::commands) plan: Plan,
    /// The look that it was made from.
    pub(in crate::commands) facts: Facts,
}

/// A watcher at its post.
pub(in crate::commands) struct RollbackJob {
    pub(in crate::commands) orders: RollbackRequest,
    pub(in crate::commands) settings: Settings,
    /// What was reloaded, as messages call it.
    pub(in crate::commands) target: String,
}

impl RollbackJob {
    pub(in crate::commands) fn is_waiting(&self) -> bool {
        let found = pending_confirmations::find(&self.settings.state_dir.value, &self.orders.plan.id);
        found.ok().flatten().is_some_and(|pending| pending.state == ConfirmationState::Waiting)
    }

    /// The reload is done: from now on a confirmation is waited for.
    pub(in crate::commands) fn start_timer(&self, deadline: Deadline) -> Result<Timestamp> {
        let left = jiff::SignedDuration::try_from(deadline.left())?;
        let until = time::now().checked_add(left).unwrap_or(Timestamp::MAX);
        let id = &self.orders.plan.id;
        pending_confirmations::update(&self.settings.state_dir.value, id, |pending| {
            pending.until = Some(until);
            pending.state == ConfirmationState::Waiting
        })?;
        Ok(until)
    }

    /// There is nothing to confirm.
    pub(in crate::commands) fn close_without_confirmation(&self, why: &str, tell: bool) -> Result<()> {
        let state = ConfirmationState::NotNeeded { at: time::now(), why: why.to_owned() };
        self.write_state(state);
        if tell {
            let summary = format!("plan {}: nothing to confirm: {why}", self.orders.plan.id);
            self.journal_end(Exit::Done, false, summary, None);
        }
        Ok(())
    }

    /// Writes the last word, and lets go of a copy that nobody needs any more.
    pub(in crate::commands) fn write_state(&self, state: ConfirmationState) {
        let needed = matches!(&state, ConfirmationState::RolledBack { exit, .. } if *exit != Exit::Done);
        let written =
            pending_confirmations::update(&self.settings.state_dir.value, &self.orders.plan.id, |pending| {
                pending.state = state;
                true
            });
        if written.is_ok() && !needed {
            let _ = std::fs::remove_dir_all(&self.orders.copy);
        }
    }

    /// The journal is the only reader there is.
    pub(in crate::commands) fn journal_end(
        &self,
        exit: Exit,
        changed: bool,
        summary: String,
        run: Option<String>,
    ) {
        let entry = JournalEntry {
            at: time::now(),
            host: linux::hostname(),
            command: "confirm".to_owned(),
            argv: self.orders.command.clone(),
            target: self.target.clone(),
            exit,
            changed,
            summary,
            who: self.orders.who.clone(),
            run,
        };
        // Nobody is here who could be told that it failed.
        let _ = journal::append(&self.settings.state_dir.value, &entry);
    }
}

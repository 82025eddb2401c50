//! The lock of the target HAProxy, and the freeze.

use super::journal_entry;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Process;
use crate::gather::{self, Node};
use crate::state::journal;
use crate::state::lock::{self, Lock, LockError};
use crate::state::pending_confirmations::{self, PendingConfirmation};

/// Takes the lock before HAProxy is asked anything, by /proc alone: while another run reloads, its sockets may not answer.
/// None where /proc alone does not identify the target; then [`acquire`] takes it after gathering.
pub(in crate::commands) fn acquire_early(
    context: &Context<'_>,
    node: &Node,
) -> Result<Option<(u32, Lock)>, Failure> {
    match gather::find_main_process(&context.settings, node) {
        Some(main) => Ok(Some((main.pid, acquire(context, &main)?))),
        None => Ok(None),
    }
}

/// The lock that was taken early, where it is this process's; else the lock of this process.
pub(in crate::commands) fn keep_or_acquire(
    context: &Context<'_>,
    early: Option<(u32, Lock)>,
    main: &Process,
) -> Result<Lock, Failure> {
    match early {
        Some((pid, lock)) if pid == main.pid => Ok(lock),
        _ => acquire(context, main),
    }
}

/// Takes the lock of a unit's process; all units that run nothing share one.
pub(in crate::commands) fn acquire_for_unit(
    context: &Context<'_>,
    main: Option<&Process>,
) -> Result<Lock, Failure> {
    match main {
        Some(main) => acquire(context, main),
        None => acquire_for_pid(context, 0, None),
    }
}

/// Takes the lock of this process.
pub(in crate::commands) fn acquire(context: &Context<'_>, main: &Process) -> Result<Lock, Failure> {
    acquire_for_pid(context, main.pid, main.start_ticks)
}

fn acquire_for_pid(context: &Context<'_>, pid: u32, start_ticks: Option<u64>) -> Result<Lock, Failure> {
    let command = journal::redact(&context.argv).join(" ");
    let user = journal_entry::invoking_user(context).name();
    let state_dir = &context.settings.state_dir.value;
    let start = start_ticks.unwrap_or_default();
    let held = lock::acquire(state_dir, pid, start, command, user).map_err(lock_failure)?;
    match pending_confirmations::find_open_for_process(state_dir, pid, start_ticks) {
        Some(pending) => Err(pending_confirmation_failure(&pending)),
        None => Ok(held),
    }
}

/// With a second reload on top of one that waits for its confirmation, the rollback target would be ambiguous.
fn pending_confirmation_failure(pending: &PendingConfirmation) -> Failure {
    let until =
        pending.until.map_or("the end of a reload".to_owned(), |at| at.strftime("%F %T UTC").to_string());
    let PendingConfirmation { id, target, who, .. } = pending;
    let error =
        anyhow::anyhow!("plan {id} of {target}, by {}, waits for a confirmation until {until}", who.name());
    let mend = format!("`haguard confirm {id}` keeps it; or wait until it is rolled back");
    Failure { exit: Exit::Busy, error, remedy: Some(mend) }
}

/// Refuses while a freeze is in force.
pub(in crate::commands) fn ensure_not_frozen(context: &Context<'_>) -> Result<(), Failure> {
    match lock::active_freeze(&context.settings.state_dir.value) {
        Some(frozen) => Err(lock_failure(frozen)),
        None => Ok(()),
    }
}

fn lock_failure(busy: LockError) -> Failure {
    let (exit, mend) = match &busy {
        LockError::Held(_) => {
            (Exit::Busy, "wait until it is done; `haguard history` shows its result".to_owned())
        }
        LockError::Frozen { path, .. } => {
            (Exit::Busy, format!("the freeze ends when {} is removed", path.display()))
        }
        LockError::Failed(_) => {
            (Exit::Unknown, "run as root, or set HAGUARD_STATE_DIR to a folder of your own".to_owned())
        }
    };
    Failure { exit, error: busy.into(), remedy: Some(mend) }
}

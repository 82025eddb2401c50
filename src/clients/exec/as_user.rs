//! A program that is executed as another user.
//!
//! Neither setpriv nor sudo is used for it: the environment of another user may hold LD_PRELOAD, which the loader of
//! *every* program obeys, and a program in our session could type into our terminal (TIOCSTI). A child of haguard's own
//! program with an empty environment starts a session, changes its user and executes the program, which alone gets that
//! environment.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};
use rustix::process::{Gid, Uid};
use rustix::thread;

use super::helper_request::ExecSpec;
use crate::clients::linux::Account;

/// The exit status where the program could not be executed, as of a shell; stderr says why.
pub(super) const EXIT_CANNOT_EXEC: u8 = 127;

/// Becomes the program; returns only where that fails. This process must lead no process group.
pub(super) fn exec_program(account: &Account, spec: &ExecSpec) -> Result<()> {
    rustix::process::setsid().context("starting a session")?;
    // This process has one thread, so that what is set for the thread is set for the program.
    let groups: Vec<Gid> = account.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    thread::set_thread_groups(&groups).context("setting the groups of that user's process")?;
    let (user, group) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    thread::set_thread_res_gid(group, group, group).context("becoming that group")?;
    thread::set_thread_res_uid(user, user, user).context("becoming that user")?;
    Err(spec.command().exec()).with_context(|| format!("starting {}", spec.program))
}

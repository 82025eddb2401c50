//! The process that waits for a confirmation, and rolls back when none comes. It has no terminal: the journal and the
//! file of the confirmation say what it did.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{RollbackJob, TimerRequest, run};
use crate::act::reload::outcome::{ReloadOrder, StateBeforeReload, WorkerAfterReload};
use crate::cli::Flags;
use crate::clients::exec::background::{self, FolderWatch, WaitEnd};
use crate::clients::linux;
use crate::clients::linux::pidfd::ProcessHandle;
use crate::config::{Environment, Settings};
use crate::exit::Exit;
use crate::state::pending_confirmations::{self, ConfirmationState, PendingConfirmation};
use crate::time::{self, Deadline};

/// Runs as a rollback timer where this process was started as one; nothing otherwise.
pub(crate) fn run_if_asked(args: &[OsString]) -> Option<ExitCode> {
    if !background::is_helper(args) {
        return None;
    }
    let job = background::detach().and_then(|request| receive_job(&request));
    // Everything that can fail is done before it reports that it is armed.
    let armed = job.as_ref().map_err(|error| anyhow::anyhow!("{error:#}")).and_then(Timer::arm);
    background::answer(&armed);
    let ran = armed.and_then(|timer| timer.run());
    Some(if ran.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn receive_job(request: &str) -> Result<RollbackJob> {
    let mut request: TimerRequest =
        serde_json::from_slice(request.as_bytes()).context("reading the request")?;
    let me = std::process::id();
    let pending = &mut request.pending;
    pending.watcher = (me, linux::process(me)?.start_ticks);
    let [master_socket, stats_socket] = pending.sockets.clone();
    let timeout = request.timeout_ms.map(Duration::from_millis);
    let flags = Flags { config: request.config.clone(), master_socket, stats_socket, timeout };
    let settings = Settings::load(&flags, Environment::from_process(), linux::effective_uid() == 0)?;
    Ok(RollbackJob { request, settings })
}

/// A timer whose file says that it waits.
struct Timer<'a> {
    job: &'a RollbackJob,
    parent: ProcessHandle,
    folder: FolderWatch,
    before: StateBeforeReload<'a>,
}

impl<'a> Timer<'a> {
    fn arm(job: &'a RollbackJob) -> Result<Self> {
        let RollbackJob { request, .. } = job;
        let (pid, start_ticks) = request.parent;
        let parent = ProcessHandle::open(pid, start_ticks).context("the process that reloads")?;
        let instance = request.facts.instance.seen().context("which HAProxy is reloaded is not known")?;
        let folder = FolderWatch::start(&pending_confirmations::folder(job.state_dir()))?;
        let before = StateBeforeReload::capture(instance, Arc::default());
        pending_confirmations::create(job.state_dir(), &request.pending)?;
        Ok(Timer { job, parent, folder, before })
    }

    /// Waits for the reload, then for a confirmation, and rolls back where none comes.
    fn run(&self) -> Result<()> {
        let ended = self.wait_for_reload().and_then(|until| match until {
            Some(deadline) => self.wait_for_confirmation(deadline),
            None => Ok(()),
        });
        if let Err(error) = &ended {
            let summary = format!("plan {}: the rollback timer failed: {error:#}", self.job.id());
            let pending = &self.job.request.pending;
            pending.journal_end(self.job.state_dir(), Exit::Unproven, false, summary, None);
        }
        ended
    }

    fn pending(&self) -> Result<Option<PendingConfirmation>> {
        pending_confirmations::find(self.job.state_dir(), self.job.id())
    }

    /// A file that was removed is waited for no longer; one that cannot be read just now is.
    fn is_decided(&self) -> bool {
        self.pending().is_ok_and(|pending| pending.is_none_or(|pending| !pending.is_waiting()))
    }

    /// The end of the time to confirm; none where there is nothing to confirm.
    fn wait_for_reload(&self) -> Result<Option<Deadline>> {
        let timed = || self.pending().is_ok_and(|pending| pending.is_some_and(|p| p.until.is_some()));
        match self.folder.wait_until(Some(&self.parent), None, || self.is_decided() || timed())? {
            WaitEnd::ProcessEnded => self.find_out(),
            WaitEnd::Decided | WaitEnd::Deadline => Ok(timed().then(|| Deadline::after(self.within()))),
        }
    }

    /// The process that reloads ended before it recorded the outcome.
    fn find_out(&self) -> Result<Option<Deadline>> {
        let ordered = self.pending()?.is_some_and(|pending| pending.ordered.is_some());
        if !ordered {
            return self.close("haguard ended before it ordered the reload");
        }
        let until = Deadline::after(self.within());
        let deadline = match self.before.wait_for_worker(&ReloadOrder::default(), until) {
            WorkerAfterReload::New { .. } => Deadline::after(self.within()),
            WorkerAfterReload::Previous { why, .. } => {
                return self.close(&format!("the reload failed: {why}"));
            }
            WorkerAfterReload::Unknown { .. } if self.before.saw_no_reload() => {
                return self.close("haguard ended before it ordered the reload");
            }
            WorkerAfterReload::Unknown { .. } => until,
        };
        pending_confirmations::start_timer(self.job.state_dir(), self.job.id(), deadline.left())?;
        Ok(Some(deadline))
    }

    fn close(&self, why: &str) -> Result<Option<Deadline>> {
        pending_confirmations::close_without_confirmation(self.job.state_dir(), self.job.id(), why, true)?;
        Ok(None)
    }

    fn wait_for_confirmation(&self, deadline: Deadline) -> Result<()> {
        if self.folder.wait_until(None, Some(deadline), || self.is_decided())? == WaitEnd::Decided {
            return Ok(());
        }
        let mut over = false;
        pending_confirmations::update(self.job.state_dir(), self.job.id(), |pending| {
            over = pending.is_waiting();
            pending.state = ConfirmationState::RollingBack { since: time::now() };
            over
        })?;
        if over {
            run::run(self.job);
        }
        Ok(())
    }

    fn within(&self) -> Duration {
        Duration::from_millis(self.job.request.pending.within_ms)
    }
}

//! The proven way to restart one HAProxy: prepared while it still runs, then ordered once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::main_process::MainProcess;
use super::managed::{ContainerRestart, UnitRestart};
use crate::act::operation::OperationContext;
use crate::act::proof::{self, Claim};
use crate::clearance::Clearance;
use crate::clients::exec::replacement::{Replacement, ReplacementSpec};
use crate::clients::linux;
use crate::clients::linux::pidfd::ProcessHandle;
use crate::config::Settings;
use crate::facts::{Candidate, Instance, Known, Process};
use crate::gather;
use crate::plan::{RestartBy, RestartMethod, runbook};
use crate::timeouts;
use crate::wire::haproxy::startup_log;

/// The last of a log that is kept.
const MAX_LOG_BYTES: u64 = 64 * 1024;

/// Everything that can be done before the order is done.
pub(super) enum PreparedRestart {
    /// Ended, and started by its own command line.
    Process(Box<ProcessRestart>),
    /// By systemd.
    Systemd(Box<UnitRestart>),
    /// By Docker or Podman.
    Docker(Box<ContainerRestart>),
}

impl PreparedRestart {
    /// Prepares the method that the step of the plan names.
    pub(super) fn prepare(by: RestartBy, instance: &Instance, settings: &Settings) -> Result<Self> {
        let method = RestartMethod::from_instance(instance).map_err(anyhow::Error::msg)?;
        Ok(match (by, method) {
            (RestartBy::Process, RestartMethod::Process) => {
                PreparedRestart::Process(Box::new(ProcessRestart::prepare(instance, settings)?))
            }
            (RestartBy::Systemd, RestartMethod::Systemd(name)) => {
                PreparedRestart::Systemd(Box::new(UnitRestart::new(name, instance)))
            }
            (RestartBy::Docker, RestartMethod::Docker(container)) => {
                PreparedRestart::Docker(Box::new(ContainerRestart::new(container, instance)?))
            }
            (by, method) => {
                anyhow::bail!("the plan restarts it by {by:?}, and it is controlled by {:?}", method.by())
            }
        })
    }

    /// Sets the guard of its unit aside; only a unit has one.
    pub(super) fn override_guard(
        &mut self,
        run: &OperationContext<'_>,
        clearance: &Clearance,
    ) -> Result<(), String> {
        match self {
            PreparedRestart::Systemd(unit) => unit.override_guard(run, clearance),
            PreparedRestart::Process(_) | PreparedRestart::Docker(_) => Ok(()),
        }
    }

    /// Puts the guard back, where it was set aside.
    pub(super) fn restore_guard(&mut self, run: &OperationContext<'_>) {
        if let PreparedRestart::Systemd(unit) = self {
            unit.restore_guard(run);
        }
    }

    /// Gives the order, once. An error says why the previous HAProxy still runs.
    pub(super) fn execute(&mut self, clearance: &Clearance, notes: &mut Vec<String>) -> Result<(), String> {
        match self {
            PreparedRestart::Process(process) => process.execute(clearance, notes),
            PreparedRestart::Systemd(unit) => unit.execute(clearance),
            PreparedRestart::Docker(container) => container.execute(clearance),
        }
    }

    /// Finds the main process after the order.
    pub(super) fn main_process(&mut self) -> MainProcess {
        match self {
            PreparedRestart::Process(own) => own.main_process(),
            PreparedRestart::Systemd(unit) => unit.main_process(),
            PreparedRestart::Docker(contained) => contained.main_process(),
        }
    }

    /// What HAProxy wrote since the order, where that can be read.
    pub(super) fn startup_log(&self) -> Vec<String> {
        match self {
            PreparedRestart::Process(own) => own.startup_log(),
            PreparedRestart::Systemd(unit) => unit.startup_log(),
            PreparedRestart::Docker(contained) => contained.startup_log(),
        }
    }

    /// Something of an order that failed may still be carried out.
    pub(super) fn is_unfinished(&self) -> bool {
        let claim = match self {
            PreparedRestart::Process(_) => None,
            PreparedRestart::Systemd(unit) => unit.unfinished.as_ref(),
            PreparedRestart::Docker(contained) => contained.unfinished.as_ref(),
        };
        claim.is_some_and(|claim| claim.broken.is_some())
    }

    /// The claims of this method alone; `main` is the new main process.
    pub(super) fn claims(&self, main: Option<u32>) -> Vec<Claim> {
        match self {
            PreparedRestart::Process(own) => {
                main.map(|main| proof::exec_context_claim(&own.circumstances, main)).into_iter().collect()
            }
            PreparedRestart::Systemd(unit) => unit.guard.iter().chain(&unit.unfinished).cloned().collect(),
            PreparedRestart::Docker(contained) => contained.unfinished.iter().cloned().collect(),
        }
    }
}

/// A HAProxy without a service manager.
pub(super) struct ProcessRestart {
    main: ProcessHandle,
    workers: Vec<ProcessHandle>,
    starter: Replacement,
    started: Option<u32>,
    ended: Option<Instant>,
    failed: Option<String>,
    before: Process,
    circumstances: BTreeMap<String, String>,
    errors: Option<(File, u64)>,
}

impl ProcessRestart {
    fn prepare(instance: &Instance, settings: &Settings) -> Result<Self> {
        let main = &instance.main;
        let handle =
            ProcessHandle::open(main.pid, main.start_ticks.context("when it started is not known")?)?;
        let program = match (&settings.binary, &main.exe) {
            (Some(said), _) => said.value.display().to_string(),
            (None, Known::Seen(exe)) => exe.clone(),
            (None, Known::Unknown { why }) => anyhow::bail!("which program it runs is not known: {why}"),
        };
        let start = ReplacementSpec {
            like: main.pid,
            program,
            arguments: runbook::start_arguments(instance),
            environment: gather::start_environment(main)?,
        };
        Ok(ProcessRestart {
            starter: Replacement::prepare(start).context("another one could not be made ready")?,
            workers: worker_handles(instance),
            started: None,
            ended: None,
            failed: None,
            before: main.clone(),
            circumstances: linux::exec_context(main.pid)?,
            errors: open_stderr_file(main.pid),
            main: handle,
        })
    }

    fn execute(&mut self, clearance: &Clearance, notes: &mut Vec<String>) -> Result<(), String> {
        let why = |error: anyhow::Error| format!("{error:#}");
        self.starter.mark_ordered().map_err(why)?;
        if let Err(error) = self.main.terminate(clearance) {
            self.starter.cancel();
            return Err(why(error));
        }
        self.wait_for_exit(clearance, notes)?;
        match self.starter.start(clearance) {
            Ok(pid) => self.started = Some(pid),
            Err(error) => self.failed = Some(format!("{error:#}")),
        }
        Ok(())
    }

    /// Waits for the end of the master and of every worker. What does not end by itself is ended.
    fn wait_for_exit(&self, clearance: &Clearance, notes: &mut Vec<String>) -> Result<(), String> {
        let ended = |handle: &ProcessHandle, limit| handle.ended_within(limit).is_ok_and(|ended| ended);
        if !ended(&self.main, timeouts::STOP) {
            notes.push(format!(
                "PID {} did not end by SIGTERM in {:?} and was killed",
                self.main.pid(),
                timeouts::STOP
            ));
            // One that has ended in this moment is no error.
            let _ = self.main.kill(clearance);
        }
        if !ended(&self.main, timeouts::STOP) {
            return Err(format!("PID {} does not end, not even by SIGKILL", self.main.pid()));
        }
        for worker in &self.workers {
            if !ended(worker, Duration::from_secs(1)) {
                notes.push(format!("worker {} did not end with its master and was killed", worker.pid()));
                let _ = worker.kill(clearance);
                let _ = worker.ended_within(timeouts::STOP);
            }
        }
        Ok(())
    }

    fn main_process(&mut self) -> MainProcess {
        if let Some(why) = &self.failed {
            return MainProcess::Ended(why.clone());
        }
        let Some(pid) = self.started else { return MainProcess::Starting("not started".to_owned()) };
        if !self.starter.has_ended() {
            return MainProcess::Running(pid);
        }
        // One that goes into the background by itself leaves another process behind.
        let since = *self.ended.get_or_insert_with(Instant::now);
        let detaches = self.before.argv.iter().any(|word| matches!(word.as_str(), "-D" | "-Ds"));
        match self.detached_pid().filter(|_| detaches) {
            Some(pid) => MainProcess::Running(pid),
            None if detaches && since.elapsed() < timeouts::STOP => {
                MainProcess::Starting("it goes into the background".to_owned())
            }
            None => MainProcess::Ended(format!("the new one (PID {pid}) has ended")),
        }
    }

    fn detached_pid(&self) -> Option<u32> {
        let (files, socket) = (self.before.haproxy_args().files, self.before.haproxy_args().master_socket);
        let same = |process: &Process| {
            let args = process.haproxy_args();
            args.files == files
                && args.master_socket == socket
                && process.start_ticks > self.before.start_ticks
        };
        let mut all = Candidate::from_processes(linux::haproxy_processes().ok()?)
            .into_iter()
            .map(|candidate| candidate.process);
        all.find(|process| same(process)).map(|process| process.pid)
    }

    fn startup_log(&self) -> Vec<String> {
        let Some((mut file, from)) = self.errors.as_ref().map(|(file, from)| (file, *from)) else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        // What could be read is reported.
        let _ =
            file.seek(SeekFrom::Start(from)).and_then(|_| file.take(MAX_LOG_BYTES).read_to_end(&mut bytes));
        startup_log::redacted_lines(&String::from_utf8_lossy(&bytes))
    }
}

/// Every worker, those of earlier reloads too.
fn worker_handles(instance: &Instance) -> Vec<ProcessHandle> {
    let listed = [&instance.workers, &instance.old_workers].into_iter().filter_map(Known::seen).flatten();
    let pids = listed.map(|worker| worker.pid).chain(instance.serving.seen().copied());
    let others = pids.filter(|pid| *pid != instance.main.pid);
    let pids: std::collections::BTreeSet<u32> = others.collect();
    let handle = |pid: u32| ProcessHandle::open(pid, linux::process(pid).ok()?.start_ticks?).ok();
    pids.into_iter().filter_map(handle).collect()
}

/// Where it writes its errors, and how much is there already; none where that is no file. It is the one that is handed on,
/// whatever file is at its path later.
fn open_stderr_file(pid: u32) -> Option<(File, u64)> {
    let file = linux::open_regular_file(Path::new(&format!("/proc/{pid}/fd/2"))).ok()?;
    let length = file.metadata().ok()?.len();
    Some((file, length))
}

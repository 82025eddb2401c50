//! The proven way to restart one HAProxy: prepared while it still runs, then ordered once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::main_process::Main;
use super::managed::{Contained, Unit};
use crate::act::operation::Run;
use crate::act::proof::{self, Claim};
use crate::clients::exec::replacement::{Start, Starter};
use crate::clients::linux;
use crate::clients::linux::pidfd::Handle;
use crate::config::Settings;
use crate::facts::{Candidate, Facts, GuardFacts, Instance, Known, Process};
use crate::gather;
use crate::plan::{Manner, runbook};
use crate::wire::haproxy::startup_log;

/// A master ends its workers and itself at once; one that is busy may take longer, one that is stopped never ends.
const GRACE: Duration = Duration::from_secs(10);
/// The last of a log that is kept.
const MOST_LOG: u64 = 64 * 1024;

/// Everything that can be done before the order is done.
pub(super) enum Way {
    /// By its own command line.
    Process(Box<Own>),
    /// By systemd.
    Systemd(Box<Unit>),
    /// By Docker or Podman.
    Docker(Box<Contained>),
}

impl Way {
    /// Prepares the way that the plan names.
    pub(super) fn prepare(instance: &Instance, before: &Facts, settings: &Settings) -> Result<Self> {
        Ok(match Manner::of(instance).map_err(anyhow::Error::msg)? {
            Manner::Process => Way::Process(Box::new(Own::prepare(instance, settings)?)),
            Manner::Systemd(name) => {
                let guarded =
                    before.guard.as_ref().and_then(Known::seen).is_some_and(GuardFacts::is_put_back);
                Way::Systemd(Box::new(Unit::new(name, guarded, instance)))
            }
            Manner::Docker(container) => Way::Docker(Box::new(Contained::new(container, instance)?)),
        })
    }

    /// Gives the order, once. An error says why the HAProxy of before still runs.
    pub(super) fn order(&mut self, run: &Run<'_>, notes: &mut Vec<String>) -> Result<(), String> {
        match self {
            Way::Process(own) => own.order(notes),
            Way::Systemd(unit) => unit.order(run),
            Way::Docker(contained) => contained.order(),
        }
    }

    /// Looks which process came of it.
    pub(super) fn main(&mut self) -> Main {
        match self {
            Way::Process(own) => own.main(),
            Way::Systemd(unit) => unit.main(),
            Way::Docker(contained) => contained.main(),
        }
    }

    /// What HAProxy wrote since the order, where that can be read.
    pub(super) fn log(&self) -> Vec<String> {
        match self {
            Way::Process(own) => own.log(),
            Way::Systemd(unit) => unit.log(),
            Way::Docker(contained) => contained.log(),
        }
    }

    /// Something of an order that failed may still be carried out.
    pub(super) fn is_unfinished(&self) -> bool {
        let claim = match self {
            Way::Process(_) => None,
            Way::Systemd(unit) => unit.unfinished.as_ref(),
            Way::Docker(contained) => contained.unfinished.as_ref(),
        };
        claim.is_some_and(|claim| claim.broken.is_some())
    }

    /// What only this way has to prove; `main` is the process that came of it.
    pub(super) fn claims(&self, main: Option<u32>) -> Vec<Claim> {
        match self {
            Way::Process(own) => {
                main.map(|main| proof::circumstances(&own.circumstances, main)).into_iter().collect()
            }
            Way::Systemd(unit) => unit.guard.iter().chain(&unit.unfinished).cloned().collect(),
            Way::Docker(contained) => contained.unfinished.iter().cloned().collect(),
        }
    }
}

/// One that nobody keeps.
pub(super) struct Own {
    main: Handle,
    workers: Vec<Handle>,
    starter: Starter,
    started: Option<u32>,
    ended: Option<Instant>,
    failed: Option<String>,
    before: Process,
    circumstances: BTreeMap<String, String>,
    errors: Option<(File, u64)>,
}

impl Own {
    fn prepare(instance: &Instance, settings: &Settings) -> Result<Self> {
        let main = &instance.main;
        let handle = Handle::of(main.pid, main.start_ticks.context("when it started is not known")?)?;
        let program = match (&settings.binary, &main.exe) {
            (Some(said), _) => said.value.display().to_string(),
            (None, Known::Seen(exe)) => exe.clone(),
            (None, Known::Unknown { why }) => anyhow::bail!("which program it runs is not known: {why}"),
        };
        let start = Start {
            like: main.pid,
            program,
            arguments: runbook::start_arguments(instance),
            environment: gather::start_environment(main)?,
        };
        Ok(Own {
            starter: Starter::ready(&start).context("another one could not be made ready")?,
            workers: workers(instance),
            started: None,
            ended: None,
            failed: None,
            before: main.clone(),
            circumstances: linux::circumstances(main.pid)?,
            errors: errors(main.pid),
            main: handle,
        })
    }

    fn order(&mut self, notes: &mut Vec<String>) -> Result<(), String> {
        let why = |error: anyhow::Error| format!("{error:#}");
        self.starter.ordered().map_err(why)?;
        if let Err(error) = self.main.terminate() {
            self.starter.leave();
            return Err(why(error));
        }
        self.end(notes)?;
        match self.starter.go() {
            Ok(pid) => self.started = Some(pid),
            Err(error) => self.failed = Some(format!("{error:#}")),
        }
        Ok(())
    }

    /// Waits for the end of the master and of every worker. What does not end by itself is ended.
    fn end(&self, notes: &mut Vec<String>) -> Result<(), String> {
        let ended = |handle: &Handle, limit| handle.ended_within(limit).is_ok_and(|ended| ended);
        if !ended(&self.main, GRACE) {
            notes.push(format!("PID {} did not end by SIGTERM in {GRACE:?} and was killed", self.main.pid()));
            // One that has ended in this moment is no error.
            let _ = self.main.kill();
        }
        if !ended(&self.main, GRACE) {
            return Err(format!("PID {} does not end, not even by SIGKILL", self.main.pid()));
        }
        for worker in &self.workers {
            if !ended(worker, Duration::from_secs(1)) {
                notes.push(format!("worker {} did not end with its master and was killed", worker.pid()));
                let _ = worker.kill();
                let _ = worker.ended_within(GRACE);
            }
        }
        Ok(())
    }

    fn main(&mut self) -> Main {
        if let Some(why) = &self.failed {
            return Main::Gone(why.clone());
        }
        let Some(pid) = self.started else { return Main::NotYet("not started".to_owned()) };
        if !self.starter.has_ended() {
            return Main::Is(pid);
        }
        // One that goes into the background by itself leaves another process behind.
        let since = *self.ended.get_or_insert_with(Instant::now);
        let detaches = self.before.argv.iter().any(|word| matches!(word.as_str(), "-D" | "-Ds"));
        match self.detached().filter(|_| detaches) {
            Some(pid) => Main::Is(pid),
            None if detaches && since.elapsed() < GRACE => {
                Main::NotYet("it goes into the background".to_owned())
            }
            None => Main::Gone(format!("the new one (PID {pid}) has ended")),
        }
    }

    fn detached(&self) -> Option<u32> {
        let (files, socket) = (self.before.args().files, self.before.args().master_socket);
        let same = |process: &Process| {
            let args = process.args();
            args.files == files
                && args.master_socket == socket
                && process.start_ticks > self.before.start_ticks
        };
        let mut all =
            Candidate::group(linux::haproxies().ok()?).into_iter().map(|candidate| candidate.process);
        all.find(|process| same(process)).map(|process| process.pid)
    }

    fn log(&self) -> Vec<String> {
        let Some((mut file, from)) = self.errors.as_ref().map(|(file, from)| (file, *from)) else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        // What could be read is told.
        let _ = file.seek(SeekFrom::Start(from)).and_then(|_| file.take(MOST_LOG).read_to_end(&mut bytes));
        startup_log::log(&String::from_utf8_lossy(&bytes))
    }
}

/// Every worker, those of earlier reloads too.
fn workers(instance: &Instance) -> Vec<Handle> {
    let listed = [&instance.workers, &instance.old_workers].into_iter().filter_map(Known::seen).flatten();
    let pids = listed.map(|worker| worker.pid).chain(instance.serving.seen().copied());
    let others = pids.filter(|pid| *pid != instance.main.pid);
    let pids: std::collections::BTreeSet<u32> = others.collect();
    let handle = |pid: u32| Handle::of(pid, linux::process(pid).ok()?.start_ticks?).ok();
    pids.into_iter().filter_map(handle).collect()
}

/// Where it writes its errors, and how much is there already; none where that is no file. It is the one that is handed on,
/// whatever comes to stand at its path.
fn errors(pid: u32) -> Option<(File, u64)> {
    let file = linux::plain(Path::new(&format!("/proc/{pid}/fd/2"))).ok()?;
    let length = file.metadata().ok()?.len();
    Some((file, length))
}

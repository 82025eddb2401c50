//! HAProxies that a manager keeps: systemd restarts a unit, Docker a container.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::guard_override::Lifted;
use super::main_process::{Main, still_runs, waited};
use super::pending_job;
use crate::act::operation::Run;
use crate::act::proof::Claim;
use crate::clients::containers::docker::{self, Docker};
use crate::clients::linux::pidfd::Handle;
use crate::clients::{linux, systemd};
use crate::facts::controller::Container;
use crate::facts::{Candidate, Instance, Process};
use crate::wire::haproxy::startup_log;

/// How long a manager may take to try again.
const AGAIN: Duration = Duration::from_secs(30);
/// How long nothing may run where nobody is going to try again: systemd passes such a state on its way to another try.
const DOWN: Duration = Duration::from_secs(2);
/// How long Docker waits before it kills what does not end.
const GRACE: Duration = Duration::from_secs(10);
const ONE_ANSWER: Duration = Duration::from_secs(10);
/// The last lines of a container's log.
const MOST_LINES: u32 = 50;

/// A unit of systemd's.
pub(super) struct Unit {
    name: String,
    guarded: bool,
    before: Process,
    failed: Option<String>,
    down: Option<Instant>,
    since: jiff::Timestamp,
    pub(super) guard: Option<Claim>,
    pub(super) unfinished: Option<Claim>,
}

impl Unit {
    pub(super) fn new(name: &str, guarded: bool, instance: &Instance) -> Self {
        Unit {
            name: name.to_owned(),
            guarded,
            before: instance.main.clone(),
            failed: None,
            down: None,
            since: crate::time::now(),
            guard: None,
            unfinished: None,
        }
    }

    /// Lifts the guard, restarts, and puts the guard back whatever came of it.
    pub(super) fn order(&mut self, run: &Run<'_>) -> Result<(), String> {
        self.since = crate::time::now();
        let lifted = match self.guarded {
            true => Some(self.lift(run)?),
            false => None,
        };
        let ordered = systemd::actions::restart(&self.name, super::LIMIT);
        if let Some(lifted) = lifted {
            self.back(lifted, run);
        }
        let Err(error) = ordered else { return Ok(()) };
        let why = format!("{error:#}");
        match still_runs(&self.before) {
            true => {
                self.unfinished = Some(pending_job::settle(&self.name, self.before.pid));
                Err(why)
            }
            false => {
                self.failed = Some(why);
                Ok(())
            }
        }
    }

    fn lift(&mut self, run: &Run<'_>) -> Result<Lifted, String> {
        run.steps.begin("lift-guard").map_err(|error| format!("{error:#}"))?;
        let (lifted, result) = Lifted::lift(&self.name);
        let why = result.err().map(|error| format!("the guard could not be lifted: {error:#}"));
        run.steps.end("lift-guard", why.as_deref().unwrap_or("lifted"));
        match (lifted, why) {
            (Some(lifted), None) => Ok(lifted),
            (lifted, why) => {
                // What was begun is taken back, and proven to be.
                if let Some(lifted) = lifted {
                    self.back(lifted, run);
                }
                Err(why.unwrap_or_default())
            }
        }
    }

    fn back(&mut self, lifted: Lifted, run: &Run<'_>) {
        let claim = lifted.back();
        run.steps.end("guard-back", claim.broken.as_deref().unwrap_or("back"));
        self.guard = Some(claim);
    }

    pub(super) fn main(&mut self) -> Main {
        let shown = match systemd::show(&self.name, ONE_ANSWER) {
            Ok(shown) => shown,
            Err(error) => return Main::NotYet(format!("{error:#}")),
        };
        let state = shown.get("ActiveState");
        match shown.main_pid().filter(|pid| *pid != self.before.pid || !still_runs(&self.before)) {
            Some(pid) => Main::Is(pid),
            None => {
                let limit = if ["failed", "inactive"].contains(&state) { DOWN } else { AGAIN };
                let state = format!("{} is {state} ({})", self.name, shown.get("SubState"));
                waited(&mut self.down, limit, self.failed.as_deref(), state)
            }
        }
    }

    pub(super) fn log(&self) -> Vec<String> {
        let text = systemd::journal(&self.name, self.since, ONE_ANSWER);
        text.map_or_else(|error| vec![format!("{error:#}")], |text| startup_log::log(&text))
    }
}

/// A container.
pub(super) struct Contained {
    docker: Docker,
    /// The same daemon, with the time that a restart may take.
    patient: Docker,
    container: Container,
    before: Process,
    failed: Option<String>,
    down: Option<Instant>,
    since: jiff::Timestamp,
    pub(super) unfinished: Option<Claim>,
}

impl Contained {
    pub(super) fn new(container: &Container, instance: &Instance) -> Result<Self> {
        Ok(Contained {
            docker: Docker::at(&container.socket, ONE_ANSWER)?,
            patient: Docker::at(&container.socket, super::LIMIT + GRACE)?,
            container: container.clone(),
            before: instance.main.clone(),
            failed: None,
            down: None,
            since: crate::time::now(),
            unfinished: None,
        })
    }

    pub(super) fn order(&mut self) -> Result<(), String> {
        self.since = crate::time::now();
        let handle = self.before.start_ticks.and_then(|start| Handle::of(self.before.pid, start).ok());
        let Err(error) = self.patient.restart(&self.container.id, GRACE) else { return Ok(()) };
        let why = docker::why(&error);
        if error.leaves_open() {
            // It may have been told to end before the daemon fell silent.
            let _ = handle.map(|handle| handle.ended_within(GRACE));
        }
        match still_runs(&self.before) {
            true => {
                self.unfinished = error.leaves_open().then(|| pending_job::unanswered(&self.container, &why));
                Err(why)
            }
            false => {
                self.failed = Some(why);
                Ok(())
            }
        }
    }

    /// The container's first process, or the HAProxy that this one has started.
    pub(super) fn main(&mut self) -> Main {
        let inspected = match self.docker.inspect(&self.container.id) {
            Ok(inspected) => inspected,
            Err(error) => return self.unseen(&docker::why(&error)),
        };
        let first = inspected.pid.filter(|_| inspected.running).and_then(|pid| linux::process(pid).ok());
        let Some(first) = first else {
            let limit = if inspected.restart_policy == "no" { DOWN } else { AGAIN };
            let why = self.failed.as_deref().or(Some("its process ended"));
            return waited(&mut self.down, limit, why, format!("{} does not run", self.container.words()));
        };
        let all = Candidate::group(linux::haproxies().unwrap_or_default());
        let inside = |process: &Process| process.pid == first.pid || process.cgroup == first.cgroup;
        let found = all.into_iter().map(|candidate| candidate.process).find(inside);
        found.map_or(Main::NotYet("no HAProxy runs in it yet".to_owned()), |process| Main::Is(process.pid))
    }

    /// The daemon does not answer; its containers run without it, and /proc shows them.
    fn unseen(&mut self, why: &str) -> Main {
        let inside = |process: &Process| {
            process.cgroup.seen().is_some_and(|group| group.contains(&self.container.id))
                && process.start_ticks > self.before.start_ticks
        };
        let all = Candidate::group(linux::haproxies().unwrap_or_default()).into_iter();
        match all.map(|candidate| candidate.process).find(inside) {
            Some(process) => Main::Is(process.pid),
            None => {
                let container = self.container.words();
                let state =
                    format!("{why}; /proc shows no HAProxy of {container}, which may wait for the daemon");
                waited(&mut self.down, AGAIN, None, state)
            }
        }
    }

    pub(super) fn log(&self) -> Vec<String> {
        let text = self.docker.logs(&self.container.id, self.since, MOST_LINES);
        text.map_or_else(|error| vec![docker::why(&error)], |text| startup_log::log(&text))
    }
}

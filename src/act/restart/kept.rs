//! HAProxies that a manager keeps: systemd restarts a unit, Docker a container.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::lift::Lifted;
use super::way::Main;
use crate::act::claims::Claim;
use crate::act::run::Run;
use crate::clients::docker::{self, Docker};
use crate::clients::{host, systemd};
use crate::facts::control::Container;
use crate::facts::{Candidate, Instance, Process};
use crate::wire::startup;

/// How long a manager that failed once may take to try again.
const AGAIN: Duration = Duration::from_secs(30);
/// How long Docker waits before it kills what does not end.
const GRACE: Duration = Duration::from_secs(10);
const ONE_ANSWER: Duration = Duration::from_secs(10);

/// A unit of systemd's.
pub(super) struct Unit {
    name: String,
    guarded: bool,
    before: Process,
    failed: Option<(String, Instant)>,
    since: jiff::Timestamp,
    pub(super) guard: Option<Claim>,
}

impl Unit {
    pub(super) fn new(name: &str, guarded: bool, instance: &Instance) -> Self {
        Unit {
            name: name.to_owned(),
            guarded,
            before: instance.main.clone(),
            failed: None,
            since: crate::time::now(),
            guard: None,
        }
    }

    /// Lifts the guard, restarts, and puts the guard back whatever came of it.
    pub(super) fn order(&mut self, run: &Run<'_>) -> Result<(), String> {
        self.since = crate::time::now();
        let lifted = match self.guarded {
            true => {
                run.steps.begin("lift-guard").map_err(|error| format!("{error:#}"))?;
                let lifted = Lifted::lift(&self.name);
                let said = lifted
                    .as_ref()
                    .map_or_else(|error| format!("failed: {error:#}"), |_| "lifted".to_owned());
                run.steps.end("lift-guard", &said);
                Some(lifted.map_err(|error| format!("the guard could not be lifted: {error:#}"))?)
            }
            false => None,
        };
        let ordered = systemd::change::restart(&self.name, super::LIMIT);
        if let Some(lifted) = lifted {
            let claim = lifted.back();
            run.steps.end("guard-back", claim.broken.as_deref().unwrap_or("back"));
            self.guard = Some(claim);
        }
        let Err(error) = ordered else { return Ok(()) };
        let why = format!("{error:#}");
        match still_runs(&self.before) {
            true => Err(why),
            false => {
                self.failed = Some((why, Instant::now()));
                Ok(())
            }
        }
    }

    pub(super) fn main(&self) -> Main {
        let shown = match systemd::show(&self.name, ONE_ANSWER) {
            Ok(shown) => shown,
            Err(error) => return Main::NotYet(format!("{error:#}")),
        };
        let state = shown.get("ActiveState");
        match shown.main_pid().filter(|pid| *pid != self.before.pid) {
            Some(pid) => Main::Is(pid),
            None => waited(&self.failed, format!("{} is {state} ({})", self.name, shown.get("SubState"))),
        }
    }

    pub(super) fn log(&self) -> Vec<String> {
        let text = systemd::journal(&self.name, self.since, ONE_ANSWER);
        text.map_or_else(|error| vec![format!("{error:#}")], |text| startup::log(&text))
    }
}

/// A container.
pub(super) struct Contained {
    docker: Docker,
    container: Container,
    before: Process,
    failed: Option<(String, Instant)>,
}

impl Contained {
    pub(super) fn new(container: &Container, instance: &Instance) -> Result<Self> {
        let docker = Docker::at(&container.socket, super::LIMIT)?;
        Ok(Contained { docker, container: container.clone(), before: instance.main.clone(), failed: None })
    }

    pub(super) fn order(&mut self) -> Result<(), String> {
        let Err(error) = self.docker.restart(&self.container.id, GRACE) else { return Ok(()) };
        let why = docker::why(&error);
        match still_runs(&self.before) {
            true => Err(why),
            false => {
                self.failed = Some((why, Instant::now()));
                Ok(())
            }
        }
    }

    /// The container's first process, or the HAProxy that this one has started.
    pub(super) fn main(&self) -> Main {
        let inspected = match self.docker.inspect(&self.container.id) {
            Ok(inspected) => inspected,
            Err(error) => return waited(&self.failed, docker::why(&error)),
        };
        let first = inspected.pid.filter(|_| inspected.running).and_then(|pid| host::process(pid).ok());
        let Some(first) = first else {
            let failed =
                self.failed.clone().or_else(|| Some(("its process ended".to_owned(), Instant::now())));
            return waited(&failed, format!("{} does not run", self.container.words()));
        };
        let all = Candidate::group(host::haproxies().unwrap_or_default());
        let inside = |process: &Process| process.pid == first.pid || process.cgroup == first.cgroup;
        let found = all.into_iter().map(|candidate| candidate.process).find(inside);
        found.map_or(Main::NotYet("no HAProxy runs in it yet".to_owned()), |process| Main::Is(process.pid))
    }
}

/// Nothing runs: somebody may be about to start it again, for a while.
fn waited(failed: &Option<(String, Instant)>, state: String) -> Main {
    match failed {
        Some((why, at)) if at.elapsed() > AGAIN || state.contains("failed") => {
            Main::Gone(format!("{why}; {state}"))
        }
        _ => Main::NotYet(state),
    }
}

fn still_runs(before: &Process) -> bool {
    host::process(before.pid).is_ok_and(|now| now.start_ticks == before.start_ticks)
}

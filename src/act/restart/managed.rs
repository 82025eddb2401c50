//! HAProxy under a service manager: systemd restarts a unit, Docker or Podman a container.

use std::time::Instant;

use anyhow::Result;

use super::guard_override::GuardOverride;
use super::main_process::{MainProcess, is_same_process, starting_or_ended};
use super::pending_job;
use crate::act::operation::OperationContext;
use crate::act::proof::Claim;
use crate::clearance::Clearance;
use crate::clients::containers::docker::{self, Docker};
use crate::clients::linux::pidfd::ProcessHandle;
use crate::clients::{linux, systemd};
use crate::facts::controllers::Container;
use crate::facts::{Candidate, Instance, Process};
use crate::timeouts;
use crate::wire::haproxy::startup_log;

/// The last lines of a container's log.
const MAX_LOG_LINES: u32 = 50;

/// A unit of systemd's.
pub(super) struct UnitRestart {
    name: String,
    /// The guard, while it is set aside.
    guard_override: Option<GuardOverride>,
    before: Process,
    failed: Option<String>,
    down: Option<Instant>,
    since: jiff::Timestamp,
    pub(super) guard: Option<Claim>,
    pub(super) unfinished: Option<Claim>,
}

impl UnitRestart {
    pub(super) fn new(name: &str, instance: &Instance) -> Self {
        UnitRestart {
            name: name.to_owned(),
            guard_override: None,
            before: instance.main.clone(),
            failed: None,
            down: None,
            since: crate::time::now(),
            guard: None,
            unfinished: None,
        }
    }

    /// Sets the guard aside for this restart. What was begun before an error is taken back, and verified to be.
    pub(super) fn override_guard(
        &mut self,
        run: &OperationContext<'_>,
        clearance: &Clearance,
    ) -> Result<(), String> {
        run.steps.begin("lift-guard").map_err(|error| format!("{error:#}"))?;
        let (guard_override, result) = GuardOverride::install(&self.name, clearance);
        let why = result.err().map(|error| format!("the guard could not be lifted: {error:#}"));
        run.steps.end("lift-guard", why.as_deref().unwrap_or("lifted"));
        self.guard_override = guard_override;
        match (&self.guard_override, why) {
            (Some(_), None) => Ok(()),
            (_, why) => {
                self.restore_guard(run);
                Err(why.unwrap_or_default())
            }
        }
    }

    /// Puts the guard back, where it was set aside.
    pub(super) fn restore_guard(&mut self, run: &OperationContext<'_>) {
        let Some(guard_override) = self.guard_override.take() else { return };
        let claim = guard_override.remove_and_verify();
        run.steps.end("guard-back", claim.broken.as_deref().unwrap_or("back"));
        self.guard = Some(claim);
    }

    /// Orders the restart, and waits until systemd has carried it out.
    pub(super) fn execute(&mut self, clearance: &Clearance) -> Result<(), String> {
        self.since = crate::time::now();
        let ordered = systemd::actions::restart(&self.name, timeouts::START, clearance);
        let Err(error) = ordered else { return Ok(()) };
        let why = format!("{error:#}");
        match is_same_process(&self.before) {
            true => {
                self.unfinished =
                    Some(pending_job::pending_job_claim(&self.name, self.before.pid, clearance));
                Err(why)
            }
            false => {
                self.failed = Some(why);
                Ok(())
            }
        }
    }

    pub(super) fn main_process(&mut self) -> MainProcess {
        let shown = match systemd::show(&self.name, timeouts::SERVICE_QUERY) {
            Ok(shown) => shown,
            Err(error) => return MainProcess::Starting(format!("{error:#}")),
        };
        let state = shown.get("ActiveState");
        match shown.main_pid().filter(|pid| *pid != self.before.pid || !is_same_process(&self.before)) {
            Some(pid) => MainProcess::Running(pid),
            None => {
                let limit = if ["failed", "inactive"].contains(&state) {
                    timeouts::STAY_DOWN
                } else {
                    timeouts::AUTO_RESTART
                };
                let state = format!("{} is {state} ({})", self.name, shown.get("SubState"));
                starting_or_ended(&mut self.down, limit, self.failed.as_deref(), state)
            }
        }
    }

    pub(super) fn startup_log(&self) -> Vec<String> {
        let text = systemd::journal(&self.name, self.since, timeouts::SERVICE_QUERY);
        text.map_or_else(|error| vec![format!("{error:#}")], |text| startup_log::redacted_lines(&text))
    }
}

/// A container.
pub(super) struct ContainerRestart {
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

impl ContainerRestart {
    pub(super) fn new(container: &Container, instance: &Instance) -> Result<Self> {
        Ok(ContainerRestart {
            docker: Docker::new(&container.socket, timeouts::SERVICE_QUERY)?,
            patient: Docker::new(&container.socket, timeouts::START + timeouts::STOP)?,
            container: container.clone(),
            before: instance.main.clone(),
            failed: None,
            down: None,
            since: crate::time::now(),
            unfinished: None,
        })
    }

    pub(super) fn execute(&mut self, clearance: &Clearance) -> Result<(), String> {
        self.since = crate::time::now();
        let handle =
            self.before.start_ticks.and_then(|start| ProcessHandle::open(self.before.pid, start).ok());
        let Err(error) = self.patient.restart(&self.container.id, timeouts::STOP, clearance) else {
            return Ok(());
        };
        let why = docker::explain_error(&error);
        if error.outcome_unknown() {
            // The daemon may have signalled it before it stopped answering.
            let _ = handle.map(|handle| handle.ended_within(timeouts::STOP));
        }
        match is_same_process(&self.before) {
            true => {
                self.unfinished = error
                    .outcome_unknown()
                    .then(|| pending_job::unanswered_order_claim(&self.container, &why));
                Err(why)
            }
            false => {
                self.failed = Some(why);
                Ok(())
            }
        }
    }

    /// The container's first process, or the HAProxy that this one has started.
    pub(super) fn main_process(&mut self) -> MainProcess {
        let inspected = match self.docker.inspect(&self.container.id) {
            Ok(inspected) => inspected,
            Err(error) => return self.find_in_proc(&docker::explain_error(&error)),
        };
        let first = inspected.pid.filter(|_| inspected.running).and_then(|pid| linux::process(pid).ok());
        let Some(first) = first else {
            let limit =
                if inspected.restart_policy == "no" { timeouts::STAY_DOWN } else { timeouts::AUTO_RESTART };
            let why = self.failed.as_deref().or(Some("its process ended"));
            return starting_or_ended(
                &mut self.down,
                limit,
                why,
                format!("{} does not run", self.container.describe()),
            );
        };
        let all = Candidate::from_processes(linux::haproxy_processes().unwrap_or_default());
        let inside = |process: &Process| process.pid == first.pid || process.cgroup == first.cgroup;
        let found = all.into_iter().map(|candidate| candidate.process).find(inside);
        found.map_or(MainProcess::Starting("no HAProxy runs in it yet".to_owned()), |process| {
            MainProcess::Running(process.pid)
        })
    }

    /// The daemon does not answer; its containers run without it, and /proc shows them.
    fn find_in_proc(&mut self, why: &str) -> MainProcess {
        let inside = |process: &Process| {
            process.cgroup.seen().is_some_and(|group| group.contains(&self.container.id))
                && process.start_ticks > self.before.start_ticks
        };
        let all = Candidate::from_processes(linux::haproxy_processes().unwrap_or_default()).into_iter();
        match all.map(|candidate| candidate.process).find(inside) {
            Some(process) => MainProcess::Running(process.pid),
            None => {
                let container = self.container.describe();
                let state =
                    format!("{why}; /proc shows no HAProxy of {container}, which may wait for the daemon");
                starting_or_ended(&mut self.down, timeouts::AUTO_RESTART, None, state)
            }
        }
    }

    pub(super) fn startup_log(&self) -> Vec<String> {
        let text = self.docker.logs(&self.container.id, self.since, MAX_LOG_LINES);
        text.map_or_else(
            |error| vec![docker::explain_error(&error)],
            |text| startup_log::redacted_lines(&text),
        )
    }
}

//! Carries out the steps of a restart.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use super::RestartDetails;
use super::main_process::is_same_process;
use super::method::PreparedRestart;
use crate::act::consent::ClearedPlan;
use crate::act::observe::downtime::DowntimeMonitor;
use crate::act::observe::server_health::{self, HealthByServer};
use crate::act::operation::{OperationContext, OperationResult, Outcome};
use crate::act::proof::{self, Claim, expected_listeners};
use crate::act::recheck::ConfigFileBytes;
use crate::act::reload;
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::act::steps::StepExecutor;
use crate::clients::linux;
use crate::facts::{Facts, Instance, RuntimeState};
use crate::gather;
use crate::plan::{Action, RestartBy, Step};
use crate::state::lock::Lock;
use crate::state::{retention, snapshots};
use crate::time::Deadline;
use crate::timeouts;
use crate::wire::haproxy::runtime::info::Info;

/// A restart under way.
pub(super) struct RestartExecutor<'a> {
    pub(super) cleared: &'a ClearedPlan<'a>,
    pub(super) before: &'a Facts,
    pub(super) instance: &'a Instance,
    pub(super) hold: &'a PreservedRuntime,
    pub(super) run: &'a OperationContext<'a>,
    pub(super) calls: Arc<AtomicU32>,
    pub(super) files: ConfigFileBytes,
    /// The runtime state in the moment before the order.
    pub(super) fresh: Option<RuntimeState>,
    pub(super) health: Option<HealthByServer>,
    pub(super) method: Option<PreparedRestart>,
    pub(super) downtime: Option<Result<DowntimeMonitor, String>>,
    pub(super) ordered_at: Option<Instant>,
    /// The new HAProxy, with the worker that serves.
    pub(super) new: Option<(Instance, u32)>,
    pub(super) new_lock: Option<Lock>,
    /// The result of putting the runtime state back.
    pub(super) restored: Option<Claim>,
    pub(super) done: OperationResult,
    pub(super) left: RestartDetails,
}

impl StepExecutor for RestartExecutor<'_> {
    fn execute(&mut self, step: &Step) -> ControlFlow<()> {
        match step.action {
            Action::SaveSnapshot => self.save_snapshot(),
            Action::OverrideGuard => self.override_guard(),
            Action::Restart(by) => self.restart(by),
            Action::RestoreGuard => {
                self.restore_guard();
                ControlFlow::Continue(())
            }
            Action::RestoreRuntime(_) => self.restore_runtime(),
            Action::Verify => self.verify(),
            Action::SaveLoadedConfig => {
                if let (Some((_, worker)), Outcome::Proven) = (&self.new, &self.done.outcome) {
                    let (files, worker) = (std::mem::take(&mut self.files), *worker);
                    reload::save_loaded_config(&mut self.done, worker, files, self.run);
                }
                ControlFlow::Continue(())
            }
            // HAProxy carries out what the files say.
            _ => ControlFlow::Continue(()),
        }
    }
}

impl<'a> RestartExecutor<'a> {
    /// Nothing is done yet.
    pub(super) fn new(
        cleared: &'a ClearedPlan<'a>,
        before: &'a Facts,
        instance: &'a Instance,
        hold: &'a PreservedRuntime,
        run: &'a OperationContext<'a>,
        calls: Arc<AtomicU32>,
        files: ConfigFileBytes,
    ) -> Self {
        let not_ordered = anyhow::anyhow!("plan {} has no step that restarts HAProxy", cleared.plan().id);
        RestartExecutor {
            cleared,
            before,
            instance,
            hold,
            run,
            calls,
            files,
            fresh: None,
            health: None,
            method: None,
            downtime: None,
            ordered_at: None,
            new: None,
            new_lock: None,
            restored: None,
            done: OperationResult::not_applied(Outcome::PreparationFailed(not_ordered)),
            left: RestartDetails::default(),
        }
    }

    fn ends_with(&mut self, outcome: Outcome) -> ControlFlow<()> {
        self.done.outcome = outcome;
        ControlFlow::Break(())
    }

    fn preparation_failed(&mut self, step: &str, error: anyhow::Error) -> ControlFlow<()> {
        self.run.steps.end(step, &format!("failed: {error:#}"));
        self.ends_with(Outcome::PreparationFailed(error))
    }

    /// Saves the files and the runtime state.
    fn save_snapshot(&mut self) -> ControlFlow<()> {
        let RestartExecutor { before, instance, hold, run, .. } = *self;
        if let Err(error) = run.steps.begin("snapshot") {
            return self.ends_with(Outcome::JournalFailed(error));
        }
        (run.progress)("snapshot: files and runtime state are saved", timeouts::REPLAY);
        self.fresh = hold.read_again(run.settings, before, &self.calls);
        let whole: Option<Vec<_>> =
            self.files.iter().map(|(path, bytes)| Some((path.into(), bytes.clone()?))).collect();
        let saved = match whole {
            None => Err(anyhow::anyhow!("not every configuration file could be read")),
            Some(files) => {
                let held = self.fresh.as_ref().unwrap_or(hold.runtime_state());
                let (state_dir, of) = (&run.settings.state_dir.value, retention::instance_key(instance));
                snapshots::save(state_dir, run.steps.run_id(), &of, &files, held)
            }
        };
        match saved {
            Err(error) => self.preparation_failed("snapshot", error),
            Ok(folder) => {
                run.steps.end("snapshot", &folder.display().to_string());
                self.left.snapshot = Some(folder);
                self.done.finished.push("snapshot");
                ControlFlow::Continue(())
            }
        }
    }

    /// Everything that can fail before something is ended.
    fn prepare(&mut self, by: RestartBy) -> ControlFlow<()> {
        if self.method.is_some() {
            return ControlFlow::Continue(());
        }
        let channel = server_health::serving_channel(self.instance, &self.calls);
        self.health = channel.as_ref().map(server_health::read_health).and_then(Result::ok);
        let info = channel.as_ref().and_then(|channel| channel.ask("show info").ok());
        let open = info.and_then(|text| Info::parse(&text).ok()).map(|info| info.curr_conns);
        let draining = self.before.live.connections.seen().map(|count| count.draining).unwrap_or_default();
        self.left.connections = open.map(|open| open + draining);
        match PreparedRestart::prepare(by, self.instance, self.run.settings) {
            Err(error) => return self.preparation_failed("prepare", error),
            Ok(method) => self.method = Some(method),
        }
        match self.run.interrupts.stop_signal() {
            Some(signal) => self.ends_with(Outcome::Interrupted(signal)),
            None => ControlFlow::Continue(()),
        }
    }

    fn override_guard(&mut self) -> ControlFlow<()> {
        self.prepare(RestartBy::Systemd)?;
        let Some(method) = &mut self.method else { return ControlFlow::Break(()) };
        match method.override_guard(self.run, self.cleared.clearance()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => self.not_restarted(&why),
        }
    }

    fn restore_guard(&mut self) {
        if let Some(method) = &mut self.method {
            method.restore_guard(self.run);
        }
    }

    /// Gives the order, once.
    fn restart(&mut self, by: RestartBy) -> ControlFlow<()> {
        self.prepare(by)?;
        let run = self.run;
        if let Err(error) = run.steps.begin("restart") {
            return self.ends_with(Outcome::JournalFailed(error));
        }
        (run.progress)("restart: HAProxy ends and comes up again", timeouts::START);
        self.downtime = Some(self.start_downtime_monitor());
        self.ordered_at = Some(Instant::now());
        self.done.ordered = true;
        self.done.outcome = Outcome::Unproven;
        let Some(method) = &mut self.method else { return ControlFlow::Break(()) };
        match method.execute(self.cleared.clearance(), &mut self.done.notes) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => self.not_restarted(&why),
        }
    }

    /// All of it at once, at the first step of this kind.
    fn restore_runtime(&mut self) -> ControlFlow<()> {
        self.await_new()?;
        if let (Some((instance, worker)), None) = (&self.new, &self.restored) {
            let (new, fresh) = ((instance, *worker), self.fresh.as_ref());
            let claim = self.hold.restore(&mut self.done, fresh, new, self.cleared, self.run, &self.calls);
            self.restored = Some(claim);
            self.left.restored = self.ordered_at.map(|at| at.elapsed());
        }
        ControlFlow::Continue(())
    }

    fn verify(&mut self) -> ControlFlow<()> {
        // What was set since the plan was made has no step of its own.
        self.restore_runtime()?;
        let Some((instance, worker)) = self.new.clone() else { return ControlFlow::Break(()) };
        match self.run.interrupts.stop_signal() {
            Some(signal) => {
                self.done.claims = self.method_claims(None);
                self.done.outcome = Outcome::Stopped(signal);
            }
            None => {
                self.compare(&instance, worker);
                self.left.full_service = self.ordered_at.map(|at| at.elapsed());
            }
        }
        if let Some(claim) = self.restored.take() {
            if claim.broken.is_some() && matches!(self.done.outcome, Outcome::Proven) {
                self.done.outcome = Outcome::Unproven;
            }
            self.done.claims.push(claim);
        }
        ControlFlow::Continue(())
    }

    /// Compares the new HAProxy with the previous one.
    fn compare(&mut self, is: &Instance, worker: u32) {
        let RestartExecutor { before, run, .. } = *self;
        (run.progress)(
            "prove: the new HAProxy is compared with the previous one",
            timeouts::FIRST_HEALTH_CHECKS,
        );
        if let Err(error) = run.steps.begin("prove") {
            self.done.notes.push(format!("the journal could not be written: {error:#}"));
        }
        let after = gather::gather_after_restart(run.settings, before, is.main.pid);
        self.done.claims = proof::restart_claims(before, &after, worker, &self.done.returned);
        let more = self.method_claims(Some(is.main.pid));
        self.done.claims.extend(more);
        let health =
            reload::server_health_claim(&mut self.done, &after, self.health.as_ref(), run, &self.calls);
        self.done.claims.push(health);
        let started = linux::process(worker).ok().and_then(|process| process.start_ticks);
        let watch = Deadline::after(timeouts::WATCH_NEW_WORKER);
        self.done.claims.push(reload::survival_claim(worker, started, watch, run));
        reload::record_verification(&mut self.done, after, run);
    }

    /// What is left to be found out when the steps are done, or ended early.
    pub(super) fn finish(mut self) -> (OperationResult, RestartDetails) {
        // A plan that ends early has still ended HAProxy, and has a guard to put back.
        self.restore_guard();
        let _ = self.downtime.is_some().then(|| self.await_new());
        // A master whose worker fails is there for a moment, and can be seen.
        let vanished = self.new.as_ref().is_some_and(|(instance, _)| !is_same_process(&instance.main));
        if matches!(self.done.outcome, Outcome::Unproven)
            && vanished
            && let Err(why) = self.wait_until_serving(Deadline::after(timeouts::START))
        {
            (self.left.main, self.left.restored, self.left.full_service, self.done.worker) =
                (None, None, None, None);
            let _ = self.outage(why);
        }
        (self.done, self.left)
    }

    fn method_claims(&self, main: Option<u32>) -> Vec<Claim> {
        self.method.as_ref().map(|method| method.claims(main)).unwrap_or_default()
    }

    fn startup_log(&self) -> Vec<String> {
        self.method.as_ref().map(PreparedRestart::startup_log).unwrap_or_default()
    }

    /// HAProxy was ended, and no other one serves in its place.
    pub(super) fn outage(&mut self, why: String) -> ControlFlow<()> {
        self.restore_guard();
        self.done.log = self.startup_log();
        self.run.steps.end("restart", &format!("nothing serves: {why}"));
        let both = (self.instance.title(), "nothing".to_owned());
        let source = "/proc, its sockets".to_owned();
        self.done.claims = vec![Claim::new("HAProxy serves", both, source, false, || {
            format!("HAPROXY IS DOWN: it was ended, and it did not come up again: {why}")
        })];
        let more = self.method_claims(None);
        self.done.claims.extend(more);
        self.left.outage = Some(why);
        self.new = None;
        self.ends_with(Outcome::Unproven)
    }

    /// The order did not end the previous HAProxy.
    pub(super) fn not_restarted(&mut self, why: &str) -> ControlFlow<()> {
        self.restore_guard();
        self.end_downtime_monitor();
        self.done.log = self.startup_log();
        self.left.unfinished = self.method.as_ref().is_some_and(PreparedRestart::is_unfinished);
        let same = is_same_process(&self.instance.main);
        self.run.steps.end("restart", &format!("not carried out: {why}"));
        match self.instance.serving.seen().filter(|_| same) {
            Some(worker) => {
                self.done.worker = Some(*worker);
                let expected = expected_listeners::current(self.before);
                self.done.claims = reload::previous_worker_claims(self.instance, *worker, why, &expected);
            }
            None => {
                let both = (self.instance.title(), "unknown".to_owned());
                let source = "/proc".to_owned();
                self.done.claims = vec![Claim::new("HAProxy serves", both, source, false, || why.to_owned())];
            }
        }
        let more = self.method_claims(None);
        self.done.claims.extend(more);
        self.done.notes.push(format!("the order was not carried out: {why}"));
        let verified = same && self.done.claims.iter().all(|claim| claim.broken.is_none());
        // What a plan leaves out of a restart that was not carried out is not tried again.
        self.ends_with(Outcome::failed_if(verified))
    }
}

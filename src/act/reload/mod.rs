//! Carries out the plan of a reload, step by step. It ends at the first step that fails, and never turns into a
//! restart.
//!
//! - `outcome`: which worker serves after the order, from the master or /proc

pub mod outcome;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::consent::ClearedPlan;
use super::observe::refused_connections::{RefusalMonitor, RefusedConnections};
use super::observe::server_health::{self, HealthByServer};
use super::operation::{OperationContext, OperationResult, Outcome};
use super::proof::expected_listeners;
use super::proof::{self, Claim};
use super::recheck::{ConfigFileBytes, changes_since_plan, read_config_files};
use super::runtime_state::preserve::PreservedRuntime;
use super::steps::{self, StepExecutor};
use crate::clients::haproxy::runtime::RuntimeSocket;
use crate::clients::linux;
use crate::facts::{Facts, Instance, Known, Listener, RuntimeState};
use crate::gather;
use crate::plan::{Action, ReloadMethod, Step};
use crate::plural::plural;
use crate::state::loaded_configs::{self, LoadedConfigCopy};
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;
use outcome::{ReloadOrder, StateBeforeReload, WorkerAfterReload};

/// Reloads, as the steps of the plan say. `before` is what the plan was made from; `hold` is put back into the new
/// worker.
pub fn apply(
    cleared: ClearedPlan<'_>,
    before: &Facts,
    hold: Option<&PreservedRuntime>,
    run: &OperationContext<'_>,
) -> OperationResult {
    let calls: Arc<AtomicU32> = Arc::default();
    let Known::Seen(instance) = &before.instance else {
        return OperationResult::not_applied(Outcome::StateChanged(Vec::new()));
    };
    let files = read_config_files(instance, before);
    let changes = changes_since_plan(cleared.plan(), instance, &files, &calls);
    if !changes.is_empty() {
        return OperationResult::not_applied(Outcome::StateChanged(changes));
    }
    let channel = server_health::serving_channel(instance, &calls);
    let health = channel.as_ref().map(server_health::read_health).and_then(Result::ok);
    let state = StateBeforeReload::capture(instance, Arc::clone(&calls));
    if let Some(signal) = run.interrupts.stop_signal() {
        return OperationResult::not_applied(Outcome::Interrupted(signal));
    }
    let not_ordered = anyhow::anyhow!("plan {} has no step that asks for a new worker", cleared.plan().id);
    let mut executor = ReloadExecutor {
        cleared: &cleared,
        before,
        instance,
        hold,
        run,
        calls: Arc::clone(&calls),
        files,
        health,
        state,
        fresh: None,
        worker: None,
        watch: Deadline::after(timeouts::WATCH_NEW_WORKER),
        restored: None,
        done: OperationResult::not_applied(Outcome::PreparationFailed(not_ordered)),
    };
    steps::execute_plan(cleared.plan(), &mut executor);
    let mut done = executor.done;
    done.calls = calls.load(Ordering::Relaxed);
    done
}

/// Carries out the steps of a reload.
struct ReloadExecutor<'a> {
    cleared: &'a ClearedPlan<'a>,
    before: &'a Facts,
    instance: &'a Instance,
    hold: Option<&'a PreservedRuntime>,
    run: &'a OperationContext<'a>,
    calls: Arc<AtomicU32>,
    files: ConfigFileBytes,
    health: Option<HealthByServer>,
    state: StateBeforeReload<'a>,
    /// The runtime state in the moment before the order.
    fresh: Option<RuntimeState>,
    /// The new worker, once it has taken over.
    worker: Option<u32>,
    /// Until when it is watched.
    watch: Deadline,
    /// The result of putting the runtime state back.
    restored: Option<Claim>,
    done: OperationResult,
}

impl StepExecutor for ReloadExecutor<'_> {
    fn execute(&mut self, step: &Step) -> ControlFlow<()> {
        match (step.action, self.worker) {
            (Action::Reload(method), None) => return self.reload(method),
            (Action::RestoreRuntime(_), Some(worker)) => self.restore_runtime(worker),
            (Action::Verify, Some(worker)) => self.verify(worker),
            (Action::SaveLoadedConfig, Some(worker)) if matches!(self.done.outcome, Outcome::Proven) => {
                let files = std::mem::take(&mut self.files);
                save_loaded_config(&mut self.done, worker, files, self.run);
            }
            // HAProxy carries out what the files say; the rollback timer what comes without a confirmation.
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl ReloadExecutor<'_> {
    fn reload(&mut self, method: ReloadMethod) -> ControlFlow<()> {
        let run = self.run;
        if let Err(error) = run.steps.begin("reload") {
            self.done.outcome = Outcome::JournalFailed(error);
            return ControlFlow::Break(());
        }
        if let Err(error) = (run.before_apply)() {
            run.steps.end("reload", &format!("not ordered: {error:#}"));
            self.done.outcome = Outcome::RollbackTimerFailed(error);
            return ControlFlow::Break(());
        }
        self.fresh = self.hold.and_then(|hold| hold.read_again(run.settings, self.before, &self.calls));
        (self.done, self.worker) = self.send_and_observe(method);
        self.watch = Deadline::after(timeouts::WATCH_NEW_WORKER);
        match self.worker {
            Some(_) => ControlFlow::Continue(()),
            None => ControlFlow::Break(()),
        }
    }

    /// All of it at once, at the first step of this kind.
    fn restore_runtime(&mut self, worker: u32) {
        if let (Some(hold), None) = (self.hold, &self.restored) {
            let (new, fresh) = ((self.instance, worker), self.fresh.as_ref());
            let claim = hold.restore(&mut self.done, fresh, new, self.cleared, self.run, &self.calls);
            self.restored = Some(claim);
        }
    }

    fn verify(&mut self, worker: u32) {
        // What was set since the plan was made has no step of its own.
        self.restore_runtime(worker);
        match self.run.interrupts.stop_signal() {
            Some(signal) => self.done.outcome = Outcome::Stopped(signal),
            None => {
                let health = self.health.as_ref();
                verify(&mut self.done, self.before, (worker, self.watch), health, self.run, &self.calls);
            }
        }
        if let Some(claim) = self.restored.take() {
            if claim.broken.is_some() && matches!(self.done.outcome, Outcome::Proven) {
                self.done.outcome = Outcome::Unproven;
            }
            self.done.claims.push(claim);
        }
    }

    /// Gives the order and waits for its result, while the listening rows are watched. A worker is returned where it is
    /// a new one that is still to be verified.
    fn send_and_observe(&self, method: ReloadMethod) -> (OperationResult, Option<u32>) {
        let (run, before, instance) = (self.run, self.before, self.instance);
        (run.progress)("reload: HAProxy loads the configuration", timeouts::RELOAD);
        let watched = expected_listeners::uninterrupted(before);
        let watch = RefusalMonitor::start(instance.main.pid, watched.clone());
        let deadline = Deadline::after(timeouts::RELOAD);
        let sent = self.state.send_reload(method, self.cleared.clearance());
        let outcome = self.state.wait_for_worker(&sent, deadline);
        let refused = watch.end();
        let mut done = OperationResult {
            refused,
            ordered: !sent.undelivered,
            ..OperationResult::not_applied(Outcome::Unproven)
        };
        done.log = startup_log(&sent, instance, &self.calls);
        done.notes
            .extend(done.refused.trouble.take().map(|why| format!("clients could not be watched: {why}")));
        done.notes
            .extend(sent.trouble.map(|trouble| format!("the master's answer did not arrive: {trouble}")));
        match outcome {
            WorkerAfterReload::New { worker } => {
                run.steps.end("reload", &format!("worker {worker} took over"));
                done.worker = Some(worker);
                done.finished.push("reload");
                return (done, Some(worker));
            }
            WorkerAfterReload::Previous { worker, why } => {
                run.steps.end("reload", &format!("failed; worker {worker} serves: {why}"));
                done.worker = Some(worker);
                done.claims =
                    previous_worker_claims(instance, worker, &why, &expected_listeners::current(before));
                let proven = done.claims.iter().all(|claim| claim.broken.is_none());
                done.outcome = Outcome::failed_if(proven);
            }
            WorkerAfterReload::Unknown { why } => {
                run.steps.end("reload", &format!("not known: {why}"));
                let both = (serving_worker(instance), "unknown".to_owned());
                done.claims =
                    vec![Claim::new("a worker serves", both, "show proc".to_owned(), false, || why.clone())];
            }
        }
        (done, None)
    }
}

/// The start-up log: with the answer, else as the master kept it. 2.6 keeps none.
fn startup_log(sent: &ReloadOrder, instance: &Instance, calls: &Arc<AtomicU32>) -> Vec<String> {
    if !sent.answer.log.is_empty() {
        return sent.answer.log.clone();
    }
    let master = instance.master_socket.seen().filter(|_| !sent.undelivered);
    let socket =
        master.map(|socket| RuntimeSocket::new(&socket.path, timeouts::RUNTIME_QUERY, Arc::clone(calls)));
    socket.and_then(|socket| socket.startup_log().ok()).unwrap_or_default()
}

pub(super) fn serving_worker(instance: &Instance) -> String {
    instance.serving.seen().map_or("unknown".to_owned(), u32::to_string)
}

/// After a failed reload: the previous worker answers, and it holds every listener again.
pub(super) fn previous_worker_claims(
    instance: &Instance,
    worker: u32,
    why: &str,
    expected: &BTreeSet<Listener>,
) -> Vec<Claim> {
    let same = instance.serving.seen() == Some(&worker);
    let both = (serving_worker(instance), worker.to_string());
    let answers = Claim::new("the previous worker still serves", both, why.to_owned(), same, || {
        format!("worker {worker} serves, which is not the previous one")
    });
    // It takes its listeners back one by one.
    let deadline = Deadline::after(timeouts::RUNTIME_QUERY);
    let missing = loop {
        let now: BTreeSet<Listener> = linux::listeners(worker).unwrap_or_default().into_iter().collect();
        let missing: Vec<String> = expected.difference(&now).map(Listener::short).collect();
        if missing.is_empty() || deadline.left().is_zero() {
            break missing;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    };
    let both = (expected.len().to_string(), (expected.len() - missing.len()).to_string());
    let source = format!("/proc/{worker}/fd, /proc/net");
    let held = Claim::new("it holds its listeners", both, source, missing.is_empty(), || {
        format!("worker {worker} does not listen on {} any more", proof::join_limited(&missing))
    });
    vec![answers, held]
}

/// Looks again, and compares with the plan.
fn verify(
    done: &mut OperationResult,
    before: &Facts,
    (worker, watch): (u32, Deadline),
    health: Option<&HealthByServer>,
    run: &OperationContext<'_>,
    calls: &Arc<AtomicU32>,
) {
    (run.progress)("prove: the new worker is compared with the plan", timeouts::FIRST_HEALTH_CHECKS);
    if let Err(error) = run.steps.begin("prove") {
        done.notes.push(format!("the journal could not be written: {error:#}"));
    }
    let started = linux::process(worker).ok().and_then(|process| process.start_ticks);
    let after = gather::gather_after_change(run.settings, before);
    done.claims = proof::reload_claims(before, &after, worker, &done.returned);
    let health = server_health_claim(done, &after, health, run, calls);
    done.claims.push(health);
    done.claims.push(refused_connections_claim(&done.refused));
    done.claims.push(survival_claim(worker, started, watch, run));
    record_verification(done, after, run);
}

/// The worker lives until the end of the watch: one whose script or check fails a moment after its start is gone then.
/// `started` is its start in clock ticks since boot.
pub(super) fn survival_claim(
    worker: u32,
    started: Option<u64>,
    watch: Deadline,
    run: &OperationContext<'_>,
) -> Claim {
    let ticks = || linux::process(worker).ok().and_then(|process| process.start_ticks);
    let ended = wait::until(watch, timeouts::HEALTH_POLL, || {
        let now = ticks();
        match now.is_none() || now != started || run.interrupts.stop_signal().is_some() {
            true => ControlFlow::Break(now),
            false => ControlFlow::Continue(now),
        }
    });
    let now = ended.unwrap_or_else(|now| now);
    let alive = |ticks: Option<u64>| ticks.map_or("gone".to_owned(), |ticks| format!("alive, start {ticks}"));
    let both = (alive(started), alive(now));
    let source = format!("/proc/{worker}/stat");
    Claim::new("the new worker still runs", both, source, now.is_some() && now == started, || {
        format!("worker {worker} ended soon after it had started")
    })
}

/// The end of a proof: whether every claim holds.
pub(super) fn record_verification(done: &mut OperationResult, after: Facts, run: &OperationContext<'_>) {
    let broken = done.broken_claims();
    let result = if broken.is_empty() { "proven".to_owned() } else { broken.join("; ") };
    run.steps.end("prove", &result);
    done.finished.push("prove");
    done.after = Some(Box::new(after));
    if broken.is_empty() {
        done.outcome = Outcome::Proven;
    }
}

pub(super) fn server_health_claim(
    done: &mut OperationResult,
    after: &Facts,
    health: Option<&HealthByServer>,
    run: &OperationContext<'_>,
    calls: &Arc<AtomicU32>,
) -> Claim {
    let claim = "no server that was up is down";
    let channel = after.instance.seen().and_then(|instance| server_health::serving_channel(instance, calls));
    let (Some(channel), Some(before)) = (channel, health) else {
        let both = ("unknown".to_owned(), "unknown".to_owned());
        return Claim::new(claim, both, "show stat".to_owned(), false, || {
            "the health of the servers could not be compared".to_owned()
        });
    };
    match server_health::compare_after_checks(&channel, before, run.interrupts) {
        Err(error) => {
            let both = ("seen".to_owned(), "unknown".to_owned());
            Claim::new(claim, both, "show stat".to_owned(), false, || format!("health: {error:#}"))
        }
        Ok(compared) => {
            if !compared.open.is_empty() {
                let names = proof::join_limited(&compared.open);
                done.notes.push(format!("no check of these has had a result yet: {names}"));
            }
            let both = (format!("{} up", compared.up_before), format!("{} up", compared.up_after));
            Claim::new(claim, both, "show stat".to_owned(), compared.fell.is_empty(), || {
                format!("these servers were up and are down now: {}", proof::join_limited(&compared.fell))
            })
        }
    }
}

/// A gap is reported and breaks nothing: the claim always holds.
fn refused_connections_claim(refused: &RefusedConnections) -> Claim {
    let ms = refused.longest().as_millis();
    let source = format!(
        "/proc/net of the master, {}, looked at every {} ms at most",
        plural(refused.watched, "address"),
        refused.blind.as_millis()
    );
    Claim::new("clients were refused for", ("0 ms".to_owned(), format!("{ms} ms")), source, true, String::new)
}

/// Keeps what the proven worker loaded. Where that fails, the reload stays proven.
pub(super) fn save_loaded_config(
    done: &mut OperationResult,
    worker: u32,
    files: ConfigFileBytes,
    run: &OperationContext<'_>,
) {
    if let Err(error) = run.steps.begin("keep") {
        done.notes.push(format!("the journal could not be written: {error:#}"));
    }
    let whole =
        files.into_iter().map(|(path, bytes)| Some((path.into(), bytes?))).collect::<Option<Vec<_>>>();
    let start_ticks = linux::process(worker).ok().and_then(|process| process.start_ticks);
    let saved = match (whole, start_ticks) {
        (Some(files), Some(start_ticks)) => loaded_configs::save(
            &run.settings.state_dir.value,
            &LoadedConfigCopy { worker, start_ticks, files },
        )
        .map(|folder| folder.display().to_string()),
        _ => Err(anyhow::anyhow!("not every file could be read")),
    };
    match saved {
        Ok(folder) => run.steps.end("keep", &folder),
        Err(error) => {
            run.steps.end("keep", &format!("failed: {error:#}"));
            done.notes.push(format!("no copy of the configuration was kept: {error:#}"));
        }
    }
    done.finished.push("keep");
}

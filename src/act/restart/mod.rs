//! The act of a restart: what is lost is written down first, the order is given once by the proven way, what came up is
//! brought to where the one before was, and all of it is proven.
//!
//! - `guard_override`: lifts the guard of a unit for one restart
//! - `main_process`: the main process while a restart goes on
//! - `managed`: restarts by systemd and by container daemons
//! - `method`: the prepared restart, whichever way it takes
//! - `pending_job`: takes back a systemd job that was not waited for

mod guard_override;
mod main_process;
mod managed;
mod method;
mod pending_job;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::consent::Clearance;
use super::observe::downtime::{DowntimeMonitor, ObservedDowntime};
use super::observe::server_health::{self, HealthByServer};
use super::operation::{OperationContext, OperationResult, Outcome};
use super::proof::expected_listeners;
use super::proof::{self, Claim};
use super::reload::{self, ConfigFileBytes};
use super::runtime_state::preserve::PreservedRuntime;
use crate::clients::linux;
use crate::config::{Settings, Sourced};
use crate::facts::{Facts, Instance, Known, Listener};
use crate::gather::{self, InstanceSelector};
use crate::plan::restart::restart_properties;
use crate::plan::{Basis, BasisChange, Plan};
use crate::state::lock::{self, Lock};
use crate::state::{retention, snapshots};
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::runtime::info::Info;
use main_process::{MainProcess, is_same_process};
use method::PreparedRestart;

/// What a restart leaves beside what every act leaves.
#[derive(Debug, Default)]
pub struct RestartDetails {
    /// The main process now.
    pub main: Option<u32>,
    /// The folder with what was there before.
    pub snapshot: Option<PathBuf>,
    /// Connections that were open in the last moment.
    pub connections: Option<u64>,
    /// When clients could connect again.
    pub downtime: ObservedDowntime,
    /// From the order until everything was put back.
    pub restored: Option<Duration>,
    /// From the order until everything was proven.
    pub full_service: Option<Duration>,
    /// HAProxy ended, and no other one serves in its place.
    pub outage: Option<String>,
    /// Nothing was ended when haguard gave up, and the manager may carry the order out all the same.
    pub unfinished: bool,
}

/// Restarts. `before` is the look that the plan was made from; `hold` is put back into what comes up.
pub fn apply(
    clearance: Clearance<'_>,
    before: &Facts,
    hold: &PreservedRuntime,
    run: &OperationContext<'_>,
) -> (OperationResult, RestartDetails) {
    let calls: Arc<AtomicU32> = Arc::default();
    let mut left = RestartDetails::default();
    let Known::Seen(instance) = &before.instance else {
        return (OperationResult::not_applied(Outcome::StateChanged(Vec::new())), left);
    };
    let files = reload::read_config_files(instance, before);
    let mut moved = reload::changes_since_plan(clearance.plan(), instance, &files, &calls);
    moved.extend(unit_changes_since_plan(clearance.plan(), before, run.settings));
    if !moved.is_empty() {
        return (OperationResult::not_applied(Outcome::StateChanged(moved)), left);
    }
    if let Some(signal) = run.interrupts.stop_signal() {
        return (OperationResult::not_applied(Outcome::Interrupted(signal)), left);
    }
    if let Err(error) = run.steps.begin("snapshot") {
        return (OperationResult::not_applied(Outcome::JournalFailed(error)), left);
    }
    let settings = without_proc_sockets(run.settings);
    let run = &OperationContext { settings: &settings, ..*run };
    let act = RestartOperation { before, instance, hold, run, calls: Arc::clone(&calls) };
    let mut done = match act.prepare(&files, &mut left) {
        Ok((way, fresh, health)) => act.execute(way, fresh, health, files, &mut left),
        Err(ended) => OperationResult::not_applied(ended),
    };
    done.calls = calls.load(Ordering::Relaxed);
    (done, left)
}

/// A socket that was named by way of a process which will be gone leads nowhere afterwards; then the process that came
/// up leads to its own.
fn without_proc_sockets(settings: &Settings) -> Settings {
    let lasting = |socket: &Option<Sourced<PathBuf>>| {
        socket.clone().filter(|socket| !socket.value.starts_with("/proc"))
    };
    Settings {
        master_socket: lasting(&settings.master_socket),
        stats_socket: lasting(&settings.stats_socket),
        ..settings.clone()
    }
}

/// What systemd says of the unit in the last moment, where a unit is restarted.
fn unit_changes_since_plan(plan: &Plan, before: &Facts, settings: &Settings) -> Vec<BasisChange> {
    let Some(Known::Seen(guard)) = &before.guard else { return Vec::new() };
    let mut unit = BTreeMap::new();
    if let Ok(now) = gather::guard(&guard.unit, timeouts::SERVICE_QUERY) {
        unit = restart_properties(&now);
        let main = before.instance.seen().map(|instance| &instance.main);
        let start = main.filter(|_| before.start.as_ref().is_some_and(|start| start.seen().is_some()));
        unit.extend(
            start.and_then(|main| gather::unit_start_basis(settings, main, &now).ok()).unwrap_or_default(),
        );
    }
    plan.basis.changes_since(&Basis { unit, ..plan.basis.clone() })
}

struct RestartOperation<'a> {
    before: &'a Facts,
    instance: &'a Instance,
    hold: &'a PreservedRuntime,
    run: &'a OperationContext<'a>,
    calls: Arc<AtomicU32>,
}

type LatestRuntimeState = Option<crate::facts::RuntimeState>;

impl RestartOperation<'_> {
    /// Everything that can fail before something is ended.
    fn prepare(
        &self,
        files: &ConfigFileBytes,
        left: &mut RestartDetails,
    ) -> Result<(PreparedRestart, LatestRuntimeState, Option<HealthByServer>), Outcome> {
        let RestartOperation { before, instance, hold, run, calls } = self;
        (run.progress)("snapshot: what is there now is written down", timeouts::REPLAY);
        let fresh = hold.read_again(run.settings, before, calls);
        let whole: Option<Vec<_>> =
            files.iter().map(|(path, bytes)| Some((path.into(), bytes.clone()?))).collect();
        let saved = match whole {
            None => Err(anyhow::anyhow!("not every configuration file could be read")),
            Some(files) => {
                let held = fresh.as_ref().unwrap_or(hold.runtime_state());
                let (state_dir, of) = (&run.settings.state_dir.value, retention::instance_key(instance));
                snapshots::save(state_dir, run.steps.run_id(), &of, &files, held)
            }
        };
        let folder = saved.map_err(|error| self.preparation_failed("snapshot", error))?;
        run.steps.end("snapshot", &folder.display().to_string());
        left.snapshot = Some(folder);
        let channel = server_health::serving_channel(instance, calls);
        let health = channel.as_ref().map(server_health::read_health).and_then(Result::ok);
        let info = channel.as_ref().and_then(|channel| channel.ask("show info").ok());
        let open = info.and_then(|text| Info::parse(&text).ok()).map(|info| info.curr_conns);
        let draining = before.live.connections.seen().map(|count| count.draining).unwrap_or_default();
        left.connections = open.map(|open| open + draining);
        let way = PreparedRestart::prepare(instance, before, run.settings)
            .map_err(|error| self.preparation_failed("prepare", error))?;
        match run.interrupts.stop_signal() {
            Some(signal) => Err(Outcome::Interrupted(signal)),
            None => Ok((way, fresh, health)),
        }
    }

    fn preparation_failed(&self, step: &str, error: anyhow::Error) -> Outcome {
        self.run.steps.end(step, &format!("failed: {error:#}"));
        Outcome::PreparationFailed(error)
    }

    /// From the order on.
    fn execute(
        &self,
        mut way: PreparedRestart,
        fresh: LatestRuntimeState,
        health: Option<HealthByServer>,
        files: ConfigFileBytes,
        left: &mut RestartDetails,
    ) -> OperationResult {
        let run = self.run;
        if let Err(error) = run.steps.begin("restart") {
            return OperationResult::not_applied(Outcome::JournalFailed(error));
        }
        (run.progress)("restart: HAProxy ends and comes up again", timeouts::START);
        let watch = self.start_downtime_monitor();
        let ordered_at = Instant::now();
        let mut done = OperationResult { ordered: true, ..OperationResult::not_applied(Outcome::Unproven) };
        let carried = way.execute(run, &mut done.notes);
        let risen = carried.map(|()| self.wait_until_serving(&mut way, Deadline::after(timeouts::START)));
        left.downtime = match watch {
            Ok(watch) => watch.end(),
            Err(why) => ObservedDowntime::unobserved(why),
        };
        let (instance, worker) = match risen {
            Ok(Ok(risen)) => risen,
            Ok(Err(why)) => {
                done.log = way.startup_log();
                return self.outage_result(done, left, why, way.claims(None));
            }
            Err(why) => {
                done.log = way.startup_log();
                left.unfinished = way.is_unfinished();
                return self.not_restarted_result(done, &why, way.claims(None));
            }
        };
        run.steps.end("restart", &format!("{}, worker {worker}", instance.title()));
        left.main = Some(instance.main.pid);
        done.worker = Some(worker);
        let _turn = self.lock_new_process(&instance, &mut done);
        done.finished.extend(["snapshot", "restart"]);
        let back = self.hold.replay_step(&mut done, fresh.as_ref(), &instance, worker, run, &self.calls);
        left.restored = Some(ordered_at.elapsed());
        match run.interrupts.stop_signal() {
            Some(signal) => {
                done.claims = way.claims(None);
                done.outcome = Outcome::Stopped(signal);
            }
            None => {
                let more = way.claims(Some(instance.main.pid));
                self.verify(&mut done, &instance, worker, health.as_ref(), more);
                left.full_service = Some(ordered_at.elapsed());
            }
        }
        if back.broken.is_some() && matches!(done.outcome, Outcome::Proven) {
            done.outcome = Outcome::Unproven;
        }
        done.claims.push(back);
        if matches!(done.outcome, Outcome::Proven) {
            reload::save_loaded_config(&mut done, worker, files, run);
        }
        // A master whose worker fails is there for a moment, and can be seen.
        if matches!(done.outcome, Outcome::Unproven)
            && !is_same_process(&instance.main)
            && let Err(why) = self.wait_until_serving(&mut way, Deadline::after(timeouts::START))
        {
            done.log = way.startup_log();
            (left.main, left.restored, left.full_service, done.worker) = (None, None, None, None);
            return self.outage_result(done, left, why, way.claims(None));
        }
        done
    }

    /// The lock of before is that of a process that has ended; another run must not change this one meanwhile.
    fn lock_new_process(&self, is: &Instance, done: &mut OperationResult) -> Option<Lock> {
        let (state_dir, steps) = (&self.run.settings.state_dir.value, self.run.steps);
        let start = is.main.start_ticks.unwrap_or_default();
        let command = "haguard restart --break-glass".to_owned();
        match lock::acquire(state_dir, is.main.pid, start, command, steps.invoking_user().name()) {
            Ok(lock) => Some(lock),
            Err(busy) => {
                done.notes.push(format!("it may be changed by somebody else already: {busy}"));
                None
            }
        }
    }

    /// Only where our own network is also HAProxy's can a connection tell anything.
    fn start_downtime_monitor(&self) -> Result<DowntimeMonitor, String> {
        match linux::shares_network_namespace(self.instance.main.pid) {
            Known::Seen(true) => {
                let tcp = |listener: &Listener| matches!(listener, Listener::Tcp(_));
                Ok(DowntimeMonitor::start(expected_listeners::expected(self.before).into_iter().filter(tcp)))
            }
            Known::Seen(false) => {
                Err("it has a network of its own, where nobody can connect from here".to_owned())
            }
            Known::Unknown { why } => Err(why),
        }
    }

    /// Waits until another HAProxy serves.
    fn wait_until_serving(
        &self,
        way: &mut PreparedRestart,
        deadline: Deadline,
    ) -> Result<(Instance, u32), String> {
        let old = &self.instance.main;
        let mut serves_since = None;
        let serving = wait::until(deadline, timeouts::POLL, || match way.main_process() {
            MainProcess::Ended(why) => ControlFlow::Break(Err(why)),
            MainProcess::Starting(why) => ControlFlow::Continue(why),
            MainProcess::Running(pid) => {
                match gather::find_instance(self.run.settings, &InstanceSelector::Pid(pid)) {
                    Known::Unknown { why } => ControlFlow::Continue(why),
                    Known::Seen(is) if is.main.start_ticks <= old.start_ticks => {
                        ControlFlow::Continue("the previous one still answers".to_owned())
                    }
                    Known::Seen(is) => match is.serving.clone() {
                        Known::Seen(worker) => {
                            let since = *serves_since.get_or_insert_with(Instant::now);
                            match self.same_sockets_answer(&is) || since.elapsed() > timeouts::SOCKETS {
                                true => ControlFlow::Break(Ok((is, worker))),
                                false => ControlFlow::Continue("not all of its sockets answer".to_owned()),
                            }
                        }
                        Known::Unknown { why } => ControlFlow::Continue(why),
                    },
                }
            }
        });
        serving.unwrap_or_else(|last| Err(format!("nothing serves after {:?}: {last}", timeouts::START)))
    }

    /// What could be asked before can be asked again.
    fn same_sockets_answer(&self, is: &Instance) -> bool {
        let master = |one: &Instance| one.master_socket.seen().is_some();
        let own = |one: &Instance| one.serving_admin_socket().is_some();
        (master(is) || !master(self.instance)) && (own(is) || !own(self.instance))
    }

    /// The worst end: said with everything that is known of it.
    fn outage_result(
        &self,
        mut done: OperationResult,
        left: &mut RestartDetails,
        why: String,
        more: Vec<Claim>,
    ) -> OperationResult {
        self.run.steps.end("restart", &format!("nothing serves: {why}"));
        let both = (self.instance.title(), "nothing".to_owned());
        let source = "/proc, its sockets".to_owned();
        done.claims = vec![Claim::new("HAProxy serves", both, source, false, || {
            format!("HAPROXY IS DOWN: it was ended, and it did not come up again: {why}")
        })];
        done.claims.extend(more);
        left.outage = Some(why);
        done
    }

    /// The order did not end the one of before.
    fn not_restarted_result(
        &self,
        mut done: OperationResult,
        why: &str,
        more: Vec<Claim>,
    ) -> OperationResult {
        let same = is_same_process(&self.instance.main);
        self.run.steps.end("restart", &format!("not carried out: {why}"));
        match self.instance.serving.seen().filter(|_| same) {
            Some(worker) => {
                done.worker = Some(*worker);
                done.claims = reload::previous_worker_claims(
                    self.instance,
                    *worker,
                    why,
                    &expected_listeners::current(self.before),
                );
            }
            None => {
                let both = (self.instance.title(), "unknown".to_owned());
                done.claims =
                    vec![Claim::new("HAProxy serves", both, "/proc".to_owned(), false, || why.to_owned())];
            }
        }
        done.claims.extend(more);
        done.notes.push(format!("the order was not carried out: {why}"));
        let proven = same && done.claims.iter().all(|claim| claim.broken.is_none());
        done.outcome = if proven { Outcome::Failed } else { Outcome::Unproven };
        done
    }

    fn verify(
        &self,
        done: &mut OperationResult,
        is: &Instance,
        worker: u32,
        health: Option<&HealthByServer>,
        more: Vec<Claim>,
    ) {
        let RestartOperation { before, run, calls, .. } = self;
        (run.progress)("prove: what came up is compared with what was", timeouts::FIRST_HEALTH_CHECKS);
        if let Err(error) = run.steps.begin("prove") {
            done.notes.push(format!("the journal could not be written: {error:#}"));
        }
        let after = gather::gather_after_restart(run.settings, before, is.main.pid);
        done.claims = proof::restart_claims(before, &after, worker, &done.returned);
        done.claims.extend(more);
        let health = reload::server_health_claim(done, &after, health, run, calls);
        done.claims.push(health);
        reload::record_verification(done, after, run);
    }
}

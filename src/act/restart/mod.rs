//! The act of a restart: what is lost is written down first, the order is given once by the proven way, what came up is
//! brought to where the one before was, and all of it is proven.

mod guard_override;
mod main_process;
mod managed;
mod method;
mod pending_job;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::consent::Clearance;
use super::observe::downtime::{Downtime, Service};
use super::observe::server_health::{self, Health};
use super::operation::{Done, Ended, Run};
use super::proof::expected_listeners;
use super::proof::{self, Claim};
use super::reload::{self, Files};
use super::runtime_state::preserve::Hold;
use crate::clients::linux;
use crate::config::{Settings, Sourced};
use crate::facts::{Facts, Instance, Known, Listener};
use crate::gather::{self, Aim};
use crate::plan::restart::decisive;
use crate::plan::{Basis, Moved, Plan};
use crate::state::lock::{self, Lock};
use crate::state::{retention, snapshots};
use crate::time::Deadline;
use crate::wire::haproxy::runtime::info::Info;
use main_process::{Main, still_runs};
use method::Way;

/// A start that takes longer is not waited for: a worker with thousands of names or certificates needs minutes.
pub const LIMIT: Duration = Duration::from_secs(300);
/// How long systemd may take to tell about one unit.
const UNIT: Duration = Duration::from_secs(10);
/// A master that has just come up listens on its own socket, and its worker on others, a moment after both are there.
const SOCKETS: Duration = Duration::from_secs(5);
/// The pause between two looks at what comes up.
const PAUSE: Duration = Duration::from_millis(10);

/// What a restart leaves beside what every act leaves.
#[derive(Debug, Default)]
pub struct Restarted {
    /// The main process now.
    pub main: Option<u32>,
    /// The folder with what was there before.
    pub snapshot: Option<PathBuf>,
    /// Connections that were open in the last moment.
    pub connections: Option<u64>,
    /// When clients could connect again.
    pub service: Service,
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
pub fn restart(clearance: Clearance<'_>, before: &Facts, hold: &Hold, run: &Run<'_>) -> (Done, Restarted) {
    let calls: Arc<AtomicU32> = Arc::default();
    let mut left = Restarted::default();
    let Known::Seen(instance) = &before.instance else {
        return (Done::nothing(Ended::Moved(Vec::new())), left);
    };
    let files = reload::files(instance, before);
    let mut moved = reload::moved(clearance.plan(), instance, &files, &calls);
    moved.extend(unit_moved(clearance.plan(), before, run.settings));
    if !moved.is_empty() {
        return (Done::nothing(Ended::Moved(moved)), left);
    }
    if let Some(signal) = run.interrupts.stop() {
        return (Done::nothing(Ended::Interrupted(signal)), left);
    }
    if let Err(error) = run.steps.begin("snapshot") {
        return (Done::nothing(Ended::Unrecorded(error)), left);
    }
    let settings = settled(run.settings);
    let run = &Run { settings: &settings, ..*run };
    let act = Act { before, instance, hold, run, calls: Arc::clone(&calls) };
    let mut done = match act.prepare(&files, &mut left) {
        Ok((way, fresh, health)) => act.go(way, fresh, health, files, &mut left),
        Err(ended) => Done::nothing(ended),
    };
    done.calls = calls.load(Ordering::Relaxed);
    (done, left)
}

/// A socket that was named by way of a process which will be gone leads nowhere afterwards; then the process that came
/// up leads to its own.
fn settled(settings: &Settings) -> Settings {
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
fn unit_moved(plan: &Plan, before: &Facts, settings: &Settings) -> Vec<Moved> {
    let Some(Known::Seen(guard)) = &before.guard else { return Vec::new() };
    let mut unit = BTreeMap::new();
    if let Ok(now) = gather::guard(&guard.unit, UNIT) {
        unit = decisive(&now);
        let main = before.instance.seen().map(|instance| &instance.main);
        let start = main.filter(|_| before.start.as_ref().is_some_and(|start| start.seen().is_some()));
        unit.extend(
            start.and_then(|main| gather::start_rests_on(settings, main, &now).ok()).unwrap_or_default(),
        );
    }
    plan.basis.moved(&Basis { unit, ..plan.basis.clone() })
}

struct Act<'a> {
    before: &'a Facts,
    instance: &'a Instance,
    hold: &'a Hold,
    run: &'a Run<'a>,
    calls: Arc<AtomicU32>,
}

type Fresh = Option<crate::facts::Holdings>;

impl Act<'_> {
    /// Everything that can fail before something is ended.
    fn prepare(&self, files: &Files, left: &mut Restarted) -> Result<(Way, Fresh, Option<Health>), Ended> {
        let Act { before, instance, hold, run, calls } = self;
        (run.progress)("snapshot: what is there now is written down", super::runtime_state::preserve::LIMIT);
        let fresh = hold.refreshed(run.settings, before, calls);
        let whole: Option<Vec<_>> =
            files.iter().map(|(path, bytes)| Some((path.into(), bytes.clone()?))).collect();
        let saved = match whole {
            None => Err(anyhow::anyhow!("not every configuration file could be read")),
            Some(files) => {
                let held = fresh.as_ref().unwrap_or(hold.held());
                let (state_dir, of) = (&run.settings.state_dir.value, retention::of(instance));
                snapshots::save(state_dir, run.steps.run(), &of, &files, held)
            }
        };
        let folder = saved.map_err(|error| self.unready("snapshot", error))?;
        run.steps.end("snapshot", &folder.display().to_string());
        left.snapshot = Some(folder);
        let channel = server_health::channel(instance, calls);
        let health = channel.as_ref().map(server_health::look).and_then(Result::ok);
        let info = channel.as_ref().and_then(|channel| channel.ask("show info").ok());
        let open = info.and_then(|text| Info::parse(&text).ok()).map(|info| info.curr_conns);
        let draining = before.live.connections.seen().map(|count| count.draining).unwrap_or_default();
        left.connections = open.map(|open| open + draining);
        let way =
            Way::prepare(instance, before, run.settings).map_err(|error| self.unready("prepare", error))?;
        match run.interrupts.stop() {
            Some(signal) => Err(Ended::Interrupted(signal)),
            None => Ok((way, fresh, health)),
        }
    }

    fn unready(&self, step: &str, error: anyhow::Error) -> Ended {
        self.run.steps.end(step, &format!("failed: {error:#}"));
        Ended::Unready(error)
    }

    /// From the order on.
    fn go(
        &self,
        mut way: Way,
        fresh: Fresh,
        health: Option<Health>,
        files: Files,
        left: &mut Restarted,
    ) -> Done {
        let run = self.run;
        if let Err(error) = run.steps.begin("restart") {
            return Done::nothing(Ended::Unrecorded(error));
        }
        (run.progress)("restart: HAProxy ends and comes up again", LIMIT);
        let watch = self.watch();
        let ordered_at = Instant::now();
        let mut done = Done { ordered: true, ..Done::nothing(Ended::Unproven) };
        let carried = way.order(run, &mut done.notes);
        let risen = carried.map(|()| self.rise(&mut way, Deadline::after(LIMIT)));
        left.service = match watch {
            Ok(watch) => watch.end(),
            Err(why) => Service::unseen(why),
        };
        let (instance, worker) = match risen {
            Ok(Ok(risen)) => risen,
            Ok(Err(why)) => {
                done.log = way.log();
                return self.outage(done, left, why, way.claims(None));
            }
            Err(why) => {
                done.log = way.log();
                left.unfinished = way.is_unfinished();
                return self.kept(done, &why, way.claims(None));
            }
        };
        run.steps.end("restart", &format!("{}, worker {worker}", instance.title()));
        left.main = Some(instance.main.pid);
        done.worker = Some(worker);
        let _turn = self.turn(&instance, &mut done);
        done.finished.extend(["snapshot", "restart"]);
        let back = self.hold.step(&mut done, fresh.as_ref(), &instance, worker, run, &self.calls);
        left.restored = Some(ordered_at.elapsed());
        match run.interrupts.stop() {
            Some(signal) => {
                done.claims = way.claims(None);
                done.ended = Ended::Stopped(signal);
            }
            None => {
                let more = way.claims(Some(instance.main.pid));
                self.prove(&mut done, &instance, worker, health.as_ref(), more);
                left.full_service = Some(ordered_at.elapsed());
            }
        }
        if back.broken.is_some() && matches!(done.ended, Ended::Proven) {
            done.ended = Ended::Unproven;
        }
        done.claims.push(back);
        if matches!(done.ended, Ended::Proven) {
            reload::keep(&mut done, worker, files, run);
        }
        // A master whose worker fails is there for a moment, and can be seen.
        if matches!(done.ended, Ended::Unproven)
            && !still_runs(&instance.main)
            && let Err(why) = self.rise(&mut way, Deadline::after(LIMIT))
        {
            done.log = way.log();
            (left.main, left.restored, left.full_service, done.worker) = (None, None, None, None);
            return self.outage(done, left, why, way.claims(None));
        }
        done
    }

    /// The lock of before is that of a process that has ended; another run must not change this one meanwhile.
    fn turn(&self, is: &Instance, done: &mut Done) -> Option<Lock> {
        let (state_dir, steps) = (&self.run.settings.state_dir.value, self.run.steps);
        let start = is.main.start_ticks.unwrap_or_default();
        let command = "haguard restart --break-glass".to_owned();
        match lock::hold(state_dir, is.main.pid, start, command, steps.who().name()) {
            Ok(lock) => Some(lock),
            Err(busy) => {
                done.notes.push(format!("it may be changed by somebody else already: {busy}"));
                None
            }
        }
    }

    /// Only where our own network is also HAProxy's can a connection tell anything.
    fn watch(&self) -> Result<Downtime, String> {
        match linux::same_network(self.instance.main.pid) {
            Known::Seen(true) => {
                let tcp = |listener: &Listener| matches!(listener, Listener::Tcp(_));
                Ok(Downtime::start(expected_listeners::expected(self.before).into_iter().filter(tcp)))
            }
            Known::Seen(false) => {
                Err("it has a network of its own, where nobody can connect from here".to_owned())
            }
            Known::Unknown { why } => Err(why),
        }
    }

    /// Waits until another HAProxy serves.
    fn rise(&self, way: &mut Way, deadline: Deadline) -> Result<(Instance, u32), String> {
        let old = &self.instance.main;
        let mut serves_since = None;
        loop {
            let last = match way.main() {
                Main::Gone(why) => return Err(why),
                Main::NotYet(why) => why,
                Main::Is(pid) => match gather::instance(self.run.settings, &Aim::Pid(pid)) {
                    Known::Unknown { why } => why,
                    Known::Seen(is) if is.main.start_ticks <= old.start_ticks => {
                        "the one of before still answers".to_owned()
                    }
                    Known::Seen(is) => match is.serving.clone() {
                        Known::Seen(worker) => {
                            let since = *serves_since.get_or_insert_with(Instant::now);
                            if self.answers_as_before(&is) || since.elapsed() > SOCKETS {
                                return Ok((is, worker));
                            }
                            "not all of its sockets answer".to_owned()
                        }
                        Known::Unknown { why } => why,
                    },
                },
            };
            if deadline.left().is_zero() {
                return Err(format!("nothing serves after {LIMIT:?}: {last}"));
            }
            std::thread::park_timeout(PAUSE);
        }
    }

    /// What could be asked before can be asked again.
    fn answers_as_before(&self, is: &Instance) -> bool {
        let master = |one: &Instance| one.master_socket.seen().is_some();
        let own = |one: &Instance| one.own_socket().is_some();
        (master(is) || !master(self.instance)) && (own(is) || !own(self.instance))
    }

    /// The worst end: said with everything that is known of it.
    fn outage(&self, mut done: Done, left: &mut Restarted, why: String, more: Vec<Claim>) -> Done {
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
    fn kept(&self, mut done: Done, why: &str, more: Vec<Claim>) -> Done {
        let same = still_runs(&self.instance.main);
        self.run.steps.end("restart", &format!("not carried out: {why}"));
        match self.instance.serving.seen().filter(|_| same) {
            Some(worker) => {
                done.worker = Some(*worker);
                done.claims =
                    reload::in_force(self.instance, *worker, why, &expected_listeners::now(self.before));
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
        done.ended = if proven { Ended::Failed } else { Ended::Unproven };
        done
    }

    fn prove(&self, done: &mut Done, is: &Instance, worker: u32, health: Option<&Health>, more: Vec<Claim>) {
        let Act { before, run, calls, .. } = self;
        (run.progress)("prove: what came up is compared with what was", server_health::WAIT);
        if let Err(error) = run.steps.begin("prove") {
            done.notes.push(format!("the journal could not be written: {error:#}"));
        }
        let after = gather::after_restart(run.settings, before, is.main.pid);
        done.claims = proof::of_restart(before, &after, worker, &done.returned);
        done.claims.extend(more);
        let health = reload::compared(done, &after, health, run, calls);
        done.claims.push(health);
        reload::judged(done, after, run);
    }
}

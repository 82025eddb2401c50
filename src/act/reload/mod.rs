//! The act: a plan that was consented to, step by step. It ends at the first step that does not come out well, and it
//! never turns into a restart.
//!
//! - `outcome`: which worker serves after the order, from the master or /proc

pub mod outcome;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::consent::Clearance;
use super::observe::refused_connections::{RefusalMonitor, RefusedConnections};
use super::observe::server_health::{self, HealthByServer};
use super::operation::{OperationContext, OperationResult, Outcome};
use super::proof::expected_listeners;
use super::proof::{self, Claim};
use super::runtime_state::preserve::PreservedRuntime;
use crate::clients::haproxy::runtime::RuntimeSocket;
use crate::clients::linux;
use crate::facts::{Facts, Instance, Known, Listener};
use crate::gather;
use crate::plan::{Basis, BasisChange, Plan};
use crate::state::loaded_configs::{self, LoadedConfigCopy};
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::runtime::processes::ShowProc;
use outcome::{ReloadOrder, StateBeforeReload, WorkerAfterReload};

/// Reloads. `before` is the look that the plan was made from; `hold` is put back into the new worker.
pub fn apply(
    clearance: Clearance<'_>,
    before: &Facts,
    hold: Option<&PreservedRuntime>,
    run: &OperationContext<'_>,
) -> OperationResult {
    let calls: Arc<AtomicU32> = Arc::default();
    let Known::Seen(instance) = &before.instance else {
        return OperationResult::not_applied(Outcome::StateChanged(Vec::new()));
    };
    let files = read_config_files(instance, before);
    let moved = changes_since_plan(clearance.plan(), instance, &files, &calls);
    if !moved.is_empty() {
        return OperationResult::not_applied(Outcome::StateChanged(moved));
    }
    let channel = server_health::serving_channel(instance, &calls);
    let health = channel.as_ref().map(server_health::read_health).and_then(Result::ok);
    let eve = StateBeforeReload::capture(instance, Arc::clone(&calls));
    if let Some(signal) = run.interrupts.stop_signal() {
        return OperationResult::not_applied(Outcome::Interrupted(signal));
    }
    if let Err(error) = run.steps.begin("reload") {
        return OperationResult::not_applied(Outcome::JournalFailed(error));
    }
    if let Err(error) = (run.before_apply)() {
        run.steps.end("reload", &format!("not ordered: {error:#}"));
        return OperationResult::not_applied(Outcome::RollbackTimerFailed(error));
    }
    let fresh = hold.and_then(|hold| hold.read_again(run.settings, before, &calls));
    let (mut done, came) = send_and_observe(&eve, instance, before, run, &calls);
    if let Some(worker) = came {
        let back =
            hold.map(|hold| hold.replay_step(&mut done, fresh.as_ref(), instance, worker, run, &calls));
        match run.interrupts.stop_signal() {
            Some(signal) => done.outcome = Outcome::Stopped(signal),
            None => verify(&mut done, before, worker, health.as_ref(), run, &calls),
        }
        if let Some(claim) = back {
            done.outcome = match (claim.broken.is_some(), done.outcome) {
                (true, Outcome::Proven) => Outcome::Unproven,
                (_, ended) => ended,
            };
            done.claims.push(claim);
        }
        if matches!(done.outcome, Outcome::Proven) {
            save_loaded_config(&mut done, worker, files, run);
        }
    }
    done.calls = calls.load(Ordering::Relaxed);
    done
}

/// What can be read again in a moment: processes, counts and the bytes of the files.
pub(super) fn changes_since_plan(
    plan: &Plan,
    instance: &Instance,
    files: &ConfigFileBytes,
    calls: &Arc<AtomicU32>,
) -> Vec<BasisChange> {
    let main = linux::process(instance.main.pid).ok();
    let mut now = Basis { main_pid: main.as_ref().map(|main| main.pid), ..plan.basis.clone() };
    now.main_start = main.and_then(|main| main.start_ticks);
    if let Known::Seen(socket) = &instance.master_socket {
        let master = RuntimeSocket::new(&socket.path, timeouts::RUNTIME_QUERY, Arc::clone(calls));
        let listed = master.processes().ok();
        let old = plan.basis.serving;
        let candidates = listed.as_ref().map(ShowProc::serving_candidates).unwrap_or_default();
        let serves = candidates.iter().find(|row| Some(row.pid) == old).or(candidates.first());
        now.serving = serves.map(|row| row.pid);
        now.reloads = listed.as_ref().map(|listed| listed.master.reloads);
        now.failed_reloads = listed.map(|listed| listed.failed);
    }
    for (path, bytes) in files {
        let md5 = bytes.as_ref().map(|bytes| gather::md5_hex(bytes));
        now.files.insert(path.clone(), md5);
    }
    plan.basis.changes_since(&now)
}

pub(super) type ConfigFileBytes = Vec<(String, Option<Vec<u8>>)>;

pub(super) fn read_config_files(instance: &Instance, facts: &Facts) -> ConfigFileBytes {
    let paths = facts.config.files.iter().map(|file| file.path.clone());
    paths.map(|path| (path.clone(), gather::read_process_file(&instance.main, &path).ok())).collect()
}

/// Gives the order and waits for what comes of it, while the listening rows are watched. A worker comes back where it is
/// a new one that is still to be proven.
fn send_and_observe(
    eve: &StateBeforeReload<'_>,
    instance: &Instance,
    before: &Facts,
    run: &OperationContext<'_>,
    calls: &Arc<AtomicU32>,
) -> (OperationResult, Option<u32>) {
    (run.progress)("reload: HAProxy loads the configuration", timeouts::RELOAD);
    let watched = expected_listeners::uninterrupted(before);
    let watch = RefusalMonitor::start(instance.main.pid, watched.clone());
    let deadline = Deadline::after(timeouts::RELOAD);
    let sent = eve.send_reload();
    let outcome = eve.wait_for_worker(&sent, deadline);
    let refused = watch.end();
    let mut done = OperationResult {
        refused,
        ordered: !sent.undelivered,
        ..OperationResult::not_applied(Outcome::Unproven)
    };
    done.log = startup_log(&sent, instance, calls);
    done.notes.extend(done.refused.trouble.take().map(|why| format!("clients could not be watched: {why}")));
    done.notes.extend(sent.trouble.map(|trouble| format!("the master's answer was not heard: {trouble}")));
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
            done.outcome = if proven { Outcome::Failed } else { Outcome::Unproven };
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

/// After a failed reload: the worker of before answers, and it holds every listener again.
pub(super) fn previous_worker_claims(
    instance: &Instance,
    worker: u32,
    why: &str,
    expected: &BTreeSet<Listener>,
) -> Vec<Claim> {
    let same = instance.serving.seen() == Some(&worker);
    let both = (serving_worker(instance), worker.to_string());
    let answers = Claim::new("the worker of before serves", both, why.to_owned(), same, || {
        format!("worker {worker} serves, which is not the one of before")
    });
    // It takes its listeners back one by one.
    let deadline = Deadline::after(timeouts::RUNTIME_QUERY);
    let missing = wait::until(deadline, timeouts::POLL, || {
        let now: BTreeSet<Listener> = linux::listeners(worker).unwrap_or_default().into_iter().collect();
        let missing: Vec<String> = expected.difference(&now).map(Listener::short).collect();
        if missing.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(missing) }
    });
    let missing = missing.err().unwrap_or_default();
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
    worker: u32,
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
    let now = linux::process(worker).ok().and_then(|process| process.start_ticks);
    let alive = |ticks: Option<u64>| ticks.map_or("gone".to_owned(), |ticks| format!("alive, start {ticks}"));
    let both = (alive(started), alive(now));
    let source = format!("/proc/{worker}/stat");
    done.claims.push(Claim::new(
        "the new worker lives on",
        both,
        source,
        now.is_some() && now == started,
        || format!("worker {worker} ended soon after it had started"),
    ));
    record_verification(done, after, run);
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

/// A gap is a fact about the reload and no doubt about what runs now.
fn refused_connections_claim(refused: &RefusedConnections) -> Claim {
    let ms = refused.longest().as_millis();
    let source = format!(
        "/proc/net of the master, {} addresses, looked at every {} ms at most",
        refused.watched,
        refused.blind.as_millis()
    );
    Claim::new("clients were refused for", ("0 ms".to_owned(), format!("{ms} ms")), source, true, String::new)
}

/// Keeps what the proven worker loaded. A copy that cannot be kept takes nothing back.
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

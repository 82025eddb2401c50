//! The rollback: a reload was not confirmed in time, so the previous files are put back, loaded and proven.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::RollbackJob;
use crate::act::config_store::WrittenFiles;
use crate::act::consent;
use crate::act::operation::{OperationContext, OperationResult, Outcome};
use crate::act::reload;
use crate::act::rollback::restore_files::restore_files;
use crate::act::runtime_state::preserve::PreservedRuntime;
use crate::act::signals::Interrupts;
use crate::checks::{self, Finding, Level, RELOAD_CHECKS};
use crate::clients::linux;
use crate::commands::ignores;
use crate::exit::Exit;
use crate::facts::{Facts, Known, RuntimeState};
use crate::gather::{self, Node, ProbeDepth};
use crate::plan;
use crate::state::journal_steps::StepJournal;
use crate::state::lock::{self, Lock, LockError};
use crate::state::pending_confirmations::{self, ConfirmationState};
use crate::time::{self, Deadline};
use crate::timeouts;
use crate::wait;

/// Rolls back, and records how that ended.
pub(super) fn run(job: &RollbackJob) {
    let (state_dir, id, pending) = (job.state_dir(), job.id(), &job.request.pending);
    let steps =
        StepJournal::new(state_dir.to_owned(), "confirm", pending.target.clone(), pending.who.clone());
    let mut restored = WrittenFiles::default();
    let ended = roll_back(job, &steps, &mut restored);
    let (exit, mut summary) = match &ended {
        Ok(worker) => (
            Exit::Done,
            format!(
                "plan {id} was not confirmed: the previous files are back, and worker {worker} is proven"
            ),
        ),
        Err(error) => {
            (Exit::Unproven, format!("plan {id} was not confirmed, and the rollback failed: {error:#}"))
        }
    };
    if !restored.kept.is_empty() {
        summary.push_str(&format!("; the unconfirmed files are kept as {}", join_paths(&restored.kept)));
    }
    if let (Err(_), false) = (&ended, restored.changed.is_empty()) {
        summary.push_str("; the previous files are in place: `haguard reload` loads them");
    } else if ended.is_err() {
        summary.push_str(&format!("; the previous files are in {}", pending.copy.display()));
    }
    pending.journal_end(state_dir, exit, true, summary.clone(), Some(steps.run_id().to_owned()));
    let state = ConfirmationState::RolledBack { at: time::now(), exit, summary };
    let written = pending_confirmations::update(state_dir, id, |pending| {
        pending.state = state;
        true
    });
    // After a failure the copy may be all that is left of the previous files.
    if written.is_ok() && exit == Exit::Done {
        pending_confirmations::remove_config_copy(state_dir, id);
    }
}

/// The consent to the plan was the consent to this, and to nothing else.
fn roll_back(job: &RollbackJob, steps: &StepJournal, restored: &mut WrittenFiles) -> Result<u32> {
    let interrupts = Interrupts::catch()?;
    let agreed = &job.request.plan;
    let clearance =
        consent::restore_clearance(agreed).map_err(|_| anyhow!("the plan names no files to put back"))?;
    let before = pending_confirmations::read_config_copy(job.state_dir(), job.id())?;
    let copied = before.iter().map(|(path, bytes)| (path.display().to_string(), gather::md5_hex(bytes)));
    ensure!(
        agreed.rolls_back_to(&copied.collect::<Vec<_>>()),
        "the copy of the previous configuration is not the one that the plan names"
    );
    steps.begin("take the lock")?;
    let _lock = wait_for_lock(job)?;
    steps.end("take the lock", "taken");

    steps.begin("restore")?;
    let files = config_paths(&gather_same_process(job, ProbeDepth::Read)?.0);
    let edited: Vec<PathBuf> = files.iter().filter(|path| !is_as_loaded(job, path)).cloned().collect();
    match restore_files(&clearance, job.state_dir(), &files, &before) {
        Ok(done) => *restored = done,
        Err(error) => {
            steps.end("restore", &format!("failed: {error:#}"));
            bail!("no file could be put back: {error:#}");
        }
    }
    steps.end("restore", &describe_restored(restored, &edited));

    let (facts, runtime, findings) = gather_until_known(job)?;
    let ledger = plan::ledger(&facts);
    // The rollback puts back what the reload had to put back.
    let keeps = agreed.options.iter().any(|option| option == "keep-runtime");
    let hold = keeps
        .then(|| PreservedRuntime::read(&job.settings, &facts, runtime, &ledger, &[]))
        .transpose()
        .map_err(|why| anyhow!("{why}"))?;
    let kept = hold.as_ref().map(PreservedRuntime::previews);
    let plan = plan::reload(&facts, &ledger, kept).context("what runs here is not known")?;
    let clearance = consent::rollback_clearance(&plan, agreed, &findings).map_err(|_| {
        let against = findings.iter().filter(|f| f.level >= Level::Unknown);
        let against: Vec<String> = against.map(|f| format!("{}: {}", f.id, f.text)).collect();
        anyhow!("{}; {}", against.join("; "), describe_serving_worker(&facts))
    })?;
    let run = OperationContext {
        settings: &job.settings,
        interrupts: &interrupts,
        steps,
        progress: &|_, _| (),
        before_apply: &|| Ok(()),
    };
    proven_worker(&reload::apply(clearance, &facts, hold.as_ref(), &run), &facts)
}

/// Facts in which everything is known: another reload may be under way, and it ends.
fn gather_until_known(job: &RollbackJob) -> Result<(Facts, Known<RuntimeState>, Vec<Finding>)> {
    let ignores = ignores::from_config(&job.settings).map_err(|failure| failure.error)?;
    let deadline = Deadline::after(timeouts::ROLLBACK_GATHER);
    let looked = wait::until(deadline, timeouts::ROLLBACK_POLL, || {
        let (facts, runtime) = match gather_same_process(job, ProbeDepth::Rehearse) {
            Ok(gathered) => gathered,
            Err(error) => return ControlFlow::Break(Err(error)),
        };
        // A check that the reload was allowed to pass with must not block its rollback.
        let findings = ignores.apply(checks::run_checks(&facts, &plan::ledger(&facts), RELOAD_CHECKS));
        match checks::exit_code(&findings) {
            Exit::Unknown => ControlFlow::Continue((facts, runtime, findings)),
            _ => ControlFlow::Break(Ok((facts, runtime, findings))),
        }
    });
    looked.unwrap_or_else(Ok)
}

/// The worker, where it is proven; else what is not proven, and which worker serves.
fn proven_worker(done: &OperationResult, facts: &Facts) -> Result<u32> {
    let why = match &done.outcome {
        Outcome::Proven => return done.worker.context("no worker is known"),
        Outcome::Failed => {
            let alert = done.log.iter().rfind(|line| line.contains("ALERT")).cloned().unwrap_or_default();
            format!("the reload failed {alert}").trim_end().to_owned()
        }
        Outcome::StateChanged(changes) => {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            format!("state changed since the plan was made: {}", changes.join("; "))
        }
        Outcome::Stopped(signal) | Outcome::Interrupted(signal) => format!("{signal} stopped it"),
        Outcome::JournalFailed(error)
        | Outcome::RollbackTimerFailed(error)
        | Outcome::PreparationFailed(error) => format!("{error:#}"),
        Outcome::Unproven => match done.worker {
            Some(worker) => bail!("worker {worker} is not proven: {}", done.broken_claims().join("; ")),
            None => done.broken_claims().join("; "),
        },
    };
    Err(anyhow!("{why}; {}", describe_serving_worker(facts)))
}

/// The worker that serves after a rollback that failed.
fn describe_serving_worker(facts: &Facts) -> String {
    let serving = facts.instance.seen().and_then(|instance| instance.serving.seen());
    match serving {
        Some(worker) => format!("worker {worker} still serves the unconfirmed configuration"),
        None => "which worker serves is not known".to_owned(),
    }
}

/// Waits for the lock.
fn wait_for_lock(job: &RollbackJob) -> Result<Lock> {
    let basis = &job.request.plan.basis;
    let (pid, start) = (basis.main_pid.context("no PID")?, basis.main_start.unwrap_or_default());
    let deadline = Deadline::after(timeouts::ROLLBACK_LOCK);
    let command = format!("the rollback of plan {}", job.id());
    let locked = wait::until(deadline, timeouts::ROLLBACK_POLL, || {
        let state_dir = job.state_dir();
        match lock::acquire(state_dir, pid, start, command.clone(), job.request.pending.who.name()) {
            Err(held @ LockError::Held(_)) => ControlFlow::Continue(held),
            other => ControlFlow::Break(other),
        }
    });
    Ok(locked.unwrap_or_else(Err)?)
}

/// Facts of the HAProxy that was reloaded, and of no other.
fn gather_same_process(job: &RollbackJob, effort: ProbeDepth) -> Result<(Facts, Known<RuntimeState>)> {
    let basis = &job.request.plan.basis;
    let pid = basis.main_pid.context("no PID")?;
    let same = linux::process(pid).is_ok_and(|main| main.start_ticks == basis.main_start);
    ensure!(same, "the HAProxy that was reloaded has ended since");
    let deadline = Deadline::after(timeouts::ROLLBACK_GATHER);
    let looked = wait::until(deadline, timeouts::ROLLBACK_POLL, || {
        let (facts, runtime) = gather::gather_with_runtime(&job.settings, &Node::local_process(pid), effort);
        match &facts.instance {
            // Its sockets are away during another reload.
            Known::Unknown { why } => ControlFlow::Continue(why.clone()),
            Known::Seen(instance) => {
                let same = instance.main.pid == pid && instance.main.start_ticks == basis.main_start;
                ControlFlow::Break((facts, runtime, same))
            }
        }
    });
    let (facts, runtime, same) = looked.map_err(|why| anyhow!("what runs here is not known: {why}"))?;
    ensure!(same, "HAProxy is not the process that was reloaded");
    Ok((facts, runtime))
}

fn config_paths(facts: &Facts) -> Vec<PathBuf> {
    facts.config.files.iter().map(|file| PathBuf::from(&file.path)).collect()
}

/// It has the bytes that the plan was made for.
fn is_as_loaded(job: &RollbackJob, path: &PathBuf) -> bool {
    let planned = job.request.plan.basis.files.get(&path.display().to_string());
    let now = std::fs::read(path).ok().map(|bytes| gather::md5_hex(&bytes));
    planned.is_some_and(|planned| *planned == now)
}

fn describe_restored(restored: &WrittenFiles, edited: &[PathBuf]) -> String {
    let mut parts = vec![match restored.changed.is_empty() {
        true => "every file has its previous content already".to_owned(),
        false => format!("{} have their previous content", join_paths(&restored.changed)),
    }];
    if !restored.kept.is_empty() {
        parts.push(format!("what was there is kept as {}", join_paths(&restored.kept)));
    }
    if !edited.is_empty() {
        parts.push(format!("edited after the reload: {}", join_paths(edited)));
    }
    parts.join("; ")
}

fn join_paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

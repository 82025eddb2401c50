//! The way back: nobody confirmed a reload in time, so the files of before are put back, loaded and proven.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::job::RollbackJob;
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
use crate::facts::{Facts, Known};
use crate::gather::{self, InstanceSelector, ProbeDepth};
use crate::plan;
use crate::state::journal_steps::StepJournal;
use crate::state::loaded_configs;
use crate::state::lock::{self, Lock, LockError};
use crate::state::pending_confirmations::ConfirmationState;
use crate::time::{self, Deadline};
use crate::timeouts;
use crate::wait;

/// Goes back, and writes down how that ended.
pub(in crate::commands) fn run(post: &RollbackJob) {
    let settings = &post.settings;
    let command = "confirm".to_owned();
    let steps = StepJournal::new(
        settings.state_dir.value.clone(),
        &command,
        post.target.clone(),
        post.orders.who.clone(),
    );
    let mut put = WrittenFiles::default();
    let ended = roll_back(post, &steps, &mut put);
    let id = &post.orders.plan.id;
    let (exit, mut summary) = match &ended {
        Ok(worker) => (
            Exit::Done,
            format!(
                "plan {id} was not confirmed: the files of before are back, and worker {worker} is proven"
            ),
        ),
        Err(error) => {
            (Exit::Unproven, format!("plan {id} was not confirmed, and the way back failed: {error:#}"))
        }
    };
    if !put.kept.is_empty() {
        summary.push_str(&format!("; what was not confirmed is kept as {}", join_paths(&put.kept)));
    }
    if let (Err(_), false) = (&ended, put.changed.is_empty()) {
        summary.push_str("; the files of before are in place: `haguard reload` puts them in force");
    } else if ended.is_err() {
        summary.push_str(&format!("; the files of before are in {}", post.orders.copy.display()));
    }
    post.journal_end(exit, true, summary.clone(), Some(steps.run_id().to_owned()));
    post.write_state(ConfirmationState::RolledBack { at: time::now(), exit, summary });
}

/// The consent to the plan was the consent to this, and to nothing else.
fn roll_back(post: &RollbackJob, steps: &StepJournal, put: &mut WrittenFiles) -> Result<u32> {
    let interrupts = Interrupts::catch()?;
    let agreed = &post.orders.plan;
    let clearance =
        consent::restore_clearance(agreed).map_err(|_| anyhow!("the plan names no files to put back"))?;
    let before = loaded_configs::read(&post.orders.copy)?;
    steps.begin("take the lock")?;
    let _turn = wait_for_lock(post)?;
    steps.end("take the lock", "it is ours");

    steps.begin("restore")?;
    let files = config_paths(&gather_same_process(post, ProbeDepth::Read)?);
    let edited: Vec<PathBuf> = files.iter().filter(|path| !is_as_loaded(post, path)).cloned().collect();
    match restore_files(&clearance, &post.settings.state_dir.value, &files, &before) {
        Ok(done) => *put = done,
        Err(error) => {
            steps.end("restore", &format!("failed: {error:#}"));
            bail!("no file could be put back: {error:#}");
        }
    }
    steps.end("restore", &describe_restored(put, &edited));

    let (facts, findings) = gather_until_known(post)?;
    let ledger = plan::ledger(&facts);
    // What the reload was told to keep is kept on the way back, too.
    let keeps = agreed.options.iter().any(|option| option == "keep-runtime");
    let hold = keeps
        .then(|| PreservedRuntime::read(&post.settings, &facts, &ledger, &[]))
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
        settings: &post.settings,
        interrupts: &interrupts,
        steps,
        progress: &|_, _| (),
        before_apply: &|| Ok(()),
    };
    proven_worker(&reload::apply(clearance, &facts, hold.as_ref(), &run), &facts)
}

/// A look in which everything could be told: somebody else's reload may be under way, and it ends.
fn gather_until_known(post: &RollbackJob) -> Result<(Facts, Vec<Finding>)> {
    let ignores = ignores::from_config(&post.settings).map_err(|failure| failure.error)?;
    let deadline = Deadline::after(timeouts::ROLLBACK_GATHER);
    let looked = wait::until(deadline, timeouts::ROLLBACK_POLL, || {
        let facts = match gather_same_process(post, ProbeDepth::Rehearse) {
            Ok(facts) => facts,
            Err(error) => return ControlFlow::Break(Err(error)),
        };
        // A check that the reload was allowed to pass with must not block its rollback.
        let findings = ignores.apply(checks::run_checks(&facts, &plan::ledger(&facts), RELOAD_CHECKS));
        match checks::exit_code(&findings) {
            Exit::Unknown => ControlFlow::Continue((facts, findings)),
            _ => ControlFlow::Break(Ok((facts, findings))),
        }
    });
    looked.unwrap_or_else(Ok)
}

/// The worker, where it is proven; else what is not, and who serves.
fn proven_worker(done: &OperationResult, facts: &Facts) -> Result<u32> {
    let why = match &done.outcome {
        Outcome::Proven => return done.worker.context("no worker is known"),
        Outcome::Failed(_) => {
            let said = done.log.iter().rfind(|line| line.contains("ALERT")).cloned().unwrap_or_default();
            format!("the reload failed {said}").trim_end().to_owned()
        }
        Outcome::StateChanged(moved) => {
            let moved: Vec<String> = moved.iter().map(ToString::to_string).collect();
            format!("something moved in the last moment: {}", moved.join("; "))
        }
        Outcome::Stopped(signal) | Outcome::Interrupted(signal) => format!("{signal} stopped it"),
        Outcome::JournalFailed(error)
        | Outcome::RollbackTimerFailed(error)
        | Outcome::PreparationFailed(error) => format!("{error:#}"),
        Outcome::Unproven(_) => match done.worker {
            Some(worker) => bail!("worker {worker} is not proven: {}", done.broken_claims().join("; ")),
            None => done.broken_claims().join("; "),
        },
    };
    Err(anyhow!("{why}; {}", describe_serving_worker(facts)))
}

/// Who goes on with what was not confirmed.
fn describe_serving_worker(facts: &Facts) -> String {
    let serving = facts.instance.seen().and_then(|instance| instance.serving.seen());
    match serving {
        Some(worker) => format!("worker {worker} goes on serving what was not confirmed"),
        None => "which worker serves is not known".to_owned(),
    }
}

/// Waits for the lock.
fn wait_for_lock(post: &RollbackJob) -> Result<Lock> {
    let basis = &post.orders.plan.basis;
    let (pid, start) = (basis.main_pid.context("no PID")?, basis.main_start.unwrap_or_default());
    let deadline = Deadline::after(timeouts::ROLLBACK_LOCK);
    let command = format!("the way back of plan {}", post.orders.plan.id);
    let locked = wait::until(deadline, timeouts::ROLLBACK_POLL, || {
        let state_dir = &post.settings.state_dir.value;
        match lock::acquire(state_dir, pid, start, command.clone(), post.orders.who.name()) {
            Err(held @ LockError::Held(_)) => ControlFlow::Continue(held),
            other => ControlFlow::Break(other),
        }
    });
    Ok(locked.unwrap_or_else(Err)?)
}

/// The same HAProxy as then, or nothing.
fn gather_same_process(post: &RollbackJob, effort: ProbeDepth) -> Result<Facts> {
    let basis = &post.orders.plan.basis;
    let pid = basis.main_pid.context("no PID")?;
    let same = linux::process(pid).is_ok_and(|main| main.start_ticks == basis.main_start);
    ensure!(same, "the HAProxy that was reloaded has ended since");
    let deadline = Deadline::after(timeouts::ROLLBACK_GATHER);
    let looked = wait::until(deadline, timeouts::ROLLBACK_POLL, || {
        let facts = gather::gather_facts(&post.settings, &InstanceSelector::Pid(pid), effort);
        match &facts.instance {
            // Its sockets are away during another reload.
            Known::Unknown { why } => ControlFlow::Continue(why.clone()),
            Known::Seen(instance) => {
                let same = instance.main.pid == pid && instance.main.start_ticks == basis.main_start;
                ControlFlow::Break((facts, same))
            }
        }
    });
    let (facts, same) = looked.map_err(|why| anyhow!("what runs here is not known: {why}"))?;
    ensure!(same, "HAProxy is another process than the one that was reloaded");
    Ok(facts)
}

fn config_paths(facts: &Facts) -> Vec<PathBuf> {
    facts.config.files.iter().map(|file| PathBuf::from(&file.path)).collect()
}

/// It has the bytes that the plan was made for.
fn is_as_loaded(post: &RollbackJob, path: &PathBuf) -> bool {
    let planned = post.orders.plan.basis.files.get(&path.display().to_string());
    let now = std::fs::read(path).ok().map(|bytes| gather::md5_hex(&bytes));
    planned.is_some_and(|planned| *planned == now)
}

fn describe_restored(put: &WrittenFiles, edited: &[PathBuf]) -> String {
    let mut said = vec![match put.changed.is_empty() {
        true => "every file is as before already".to_owned(),
        false => format!("{} as before", join_paths(&put.changed)),
    }];
    if !put.kept.is_empty() {
        said.push(format!("what stood there is kept as {}", join_paths(&put.kept)));
    }
    if !edited.is_empty() {
        said.push(format!("edited after the reload: {}", join_paths(edited)));
    }
    said.join("; ")
}

fn join_paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

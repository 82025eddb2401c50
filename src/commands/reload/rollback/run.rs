//! The way back: nobody confirmed a reload in time, so the files of before are put back, loaded and proven.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::job::Post;
use crate::act::consent;
use crate::act::operation::{Done, Ended, Run};
use crate::act::reload;
use crate::act::rollback::restore_files::{self, PutBack};
use crate::act::runtime_state::preserve::Hold;
use crate::act::signals::Interrupts;
use crate::checks::{self, Finding, Level, RELOAD};
use crate::clients::linux;
use crate::commands::ignores;
use crate::exit::Exit;
use crate::facts::{Facts, Known};
use crate::gather::{self, Aim, Effort};
use crate::plan;
use crate::state::journal_steps::Steps;
use crate::state::loaded_configs;
use crate::state::lock::{self, Busy, Lock};
use crate::state::pending_confirmations::State;
use crate::time::{self, Deadline};

/// A run that holds the lock may itself be waiting for a worker that loads; this much longer is too long.
const TURN: Duration = Duration::from_secs(600);
/// What cannot be told now may be told in a moment; what cannot be told after this will not be.
const SETTLED: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Goes back, and writes down how that ended.
pub(in crate::commands) fn run(post: &Post) {
    let settings = &post.settings;
    let command = "confirm".to_owned();
    let steps =
        Steps::new(settings.state_dir.value.clone(), &command, post.target.clone(), post.orders.who.clone());
    let mut put = PutBack::default();
    let ended = story(post, &steps, &mut put);
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
    if !put.aside.is_empty() {
        summary.push_str(&format!("; what was not confirmed is kept as {}", names(&put.aside)));
    }
    if let (Err(_), false) = (&ended, put.changed.is_empty()) {
        summary.push_str("; the files of before are in place: `haguard reload` puts them in force");
    } else if ended.is_err() {
        summary.push_str(&format!("; the files of before are in {}", post.orders.copy.display()));
    }
    post.record(exit, true, summary.clone(), Some(steps.run().to_owned()));
    post.decide(State::Back { at: time::now(), exit, summary });
}

/// The consent to the plan was the consent to this, and to nothing else.
fn story(post: &Post, steps: &Steps, put: &mut PutBack) -> Result<u32> {
    let interrupts = Interrupts::catch()?;
    let agreed = &post.orders.plan;
    let before = loaded_configs::read(&post.orders.copy)?;
    steps.begin("take the lock")?;
    let _turn = hold(post)?;
    steps.end("take the lock", "it is ours");

    steps.begin("restore")?;
    let files = now(&look(post, Effort::Read)?);
    let edited: Vec<PathBuf> = files.iter().filter(|path| !is_as_loaded(post, path)).cloned().collect();
    match restore_files::put_back(&files, &before, &agreed.id) {
        Ok(done) => *put = done,
        Err(error) => {
            steps.end("restore", &format!("failed: {error:#}"));
            bail!("no file could be put back: {error:#}");
        }
    }
    steps.end("restore", &told(put, &edited));

    let (facts, findings) = settled(post)?;
    let ledger = plan::ledger(&facts);
    // What the reload was told to keep is kept on the way back, too.
    let keeps = agreed.options.iter().any(|option| option == "keep-runtime");
    let hold = keeps
        .then(|| Hold::read(&post.settings, &facts, &ledger, &[]))
        .transpose()
        .map_err(|why| anyhow!("{why}"))?;
    let kept = hold.as_ref().map(Hold::previews);
    let plan = plan::reload(&facts, &ledger, kept).context("what runs here is not known")?;
    let clearance = consent::way_back(&plan, agreed, &findings).map_err(|_| {
        let against = findings.iter().filter(|f| f.level >= Level::Unknown);
        let against: Vec<String> = against.map(|f| format!("{}: {}", f.id, f.text)).collect();
        anyhow!("{}; {}", against.join("; "), serves(&facts))
    })?;
    let run = Run {
        settings: &post.settings,
        interrupts: &interrupts,
        steps,
        progress: &|_, _| (),
        ordering: &|| Ok(()),
    };
    judged(&reload::reload(clearance, &facts, hold.as_ref(), &run), &facts)
}

/// A look in which everything could be told: somebody else's reload may be under way, and it ends.
fn settled(post: &Post) -> Result<(Facts, Vec<Finding>)> {
    let ignores = ignores::of_file(&post.settings).map_err(|failure| failure.error)?;
    let deadline = Deadline::after(SETTLED);
    loop {
        let facts = look(post, Effort::Rehearse)?;
        // What the reload was let through with must not keep its way back.
        let findings = ignores.apply(checks::judge(&facts, &plan::ledger(&facts), RELOAD));
        if checks::verdict(&findings) != Exit::Unknown || deadline.left().is_zero() {
            return Ok((facts, findings));
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

/// The worker, where it is proven; else what is not, and who serves.
fn judged(done: &Done, facts: &Facts) -> Result<u32> {
    let why = match &done.ended {
        Ended::Proven => return done.worker.context("no worker is known"),
        Ended::Failed => {
            let said = done.log.iter().rfind(|line| line.contains("ALERT")).cloned().unwrap_or_default();
            format!("the reload failed {said}").trim_end().to_owned()
        }
        Ended::Moved(moved) => {
            let moved: Vec<String> = moved.iter().map(ToString::to_string).collect();
            format!("something moved in the last moment: {}", moved.join("; "))
        }
        Ended::Stopped(signal) | Ended::Interrupted(signal) => format!("{signal} stopped it"),
        Ended::Unrecorded(error) | Ended::Unwatched(error) | Ended::Unready(error) => format!("{error:#}"),
        Ended::Unproven => match done.worker {
            Some(worker) => bail!("worker {worker} is not proven: {}", done.broken().join("; ")),
            None => done.broken().join("; "),
        },
    };
    Err(anyhow!("{why}; {}", serves(facts)))
}

/// Who goes on with what was not confirmed.
fn serves(facts: &Facts) -> String {
    let serving = facts.instance.seen().and_then(|instance| instance.serving.seen());
    match serving {
        Some(worker) => format!("worker {worker} goes on serving what was not confirmed"),
        None => "which worker serves is not known".to_owned(),
    }
}

/// Waits for the lock.
fn hold(post: &Post) -> Result<Lock> {
    let basis = &post.orders.plan.basis;
    let (pid, start) = (basis.main_pid.context("no PID")?, basis.main_start.unwrap_or_default());
    let deadline = Deadline::after(TURN);
    let command = format!("the way back of plan {}", post.orders.plan.id);
    loop {
        let state_dir = &post.settings.state_dir.value;
        match lock::hold(state_dir, pid, start, command.clone(), post.orders.who.name()) {
            Err(Busy::Held(_)) if !deadline.left().is_zero() => std::thread::park_timeout(LOOK_AGAIN),
            other => return Ok(other?),
        }
    }
}

/// The same HAProxy as then, or nothing.
fn look(post: &Post, effort: Effort) -> Result<Facts> {
    let basis = &post.orders.plan.basis;
    let pid = basis.main_pid.context("no PID")?;
    let same = linux::process(pid).is_ok_and(|main| main.start_ticks == basis.main_start);
    ensure!(same, "the HAProxy that was reloaded has ended since");
    let deadline = Deadline::after(SETTLED);
    loop {
        let facts = gather::look(&post.settings, &Aim::Pid(pid), effort);
        match &facts.instance {
            // Its sockets are away while somebody reloads it.
            Known::Unknown { .. } if !deadline.left().is_zero() => std::thread::park_timeout(LOOK_AGAIN),
            Known::Unknown { why } => bail!("what runs here is not known: {why}"),
            Known::Seen(instance) => {
                let same = instance.main.pid == pid && instance.main.start_ticks == basis.main_start;
                ensure!(same, "HAProxy is another process than the one that was reloaded");
                return Ok(facts);
            }
        }
    }
}

fn now(facts: &Facts) -> Vec<PathBuf> {
    facts.config.files.iter().map(|file| PathBuf::from(&file.path)).collect()
}

/// It has the bytes that the plan was made for.
fn is_as_loaded(post: &Post, path: &PathBuf) -> bool {
    let planned = post.orders.plan.basis.files.get(&path.display().to_string());
    let now = std::fs::read(path).ok().map(|bytes| gather::md5(&bytes));
    planned.is_some_and(|planned| *planned == now)
}

fn told(put: &PutBack, edited: &[PathBuf]) -> String {
    let mut said = vec![match put.changed.is_empty() {
        true => "every file is as before already".to_owned(),
        false => format!("{} as before", names(&put.changed)),
    }];
    if !put.aside.is_empty() {
        said.push(format!("what stood there is kept as {}", names(&put.aside)));
    }
    if !edited.is_empty() {
        said.push(format!("edited after the reload: {}", names(edited)));
    }
    said.join("; ")
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

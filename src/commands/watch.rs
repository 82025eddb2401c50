//! The process that waits for a confirmation, and goes back when none comes. Nobody reads what it says: the journal
//! and the file of the confirmation tell what it did.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::go_back;
use crate::act::journal::{self, Entry, Who};
use crate::act::outcome::{Eve, Outcome, Sent};
use crate::act::pending::{self, Pending, State};
use crate::cli::Flags;
use crate::clients::host;
use crate::clients::watcher::{self, Caller, Folder};
use crate::config::{Environment, Settings};
use crate::exit::Exit;
use crate::facts::Facts;
use crate::plan::Plan;
use crate::time::{self, Deadline};

/// What a watcher is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) config: Option<PathBuf>,
    /// As `--master-socket` and `--stats-socket`.
    pub(super) sockets: [Option<PathBuf>; 2],
    pub(super) timeout_ms: Option<u64>,
    pub(super) within_ms: u64,
    /// The folder with the copy that would be put back.
    pub(super) copy: PathBuf,
    /// What that copy is.
    pub(super) source: String,
    /// The command that began it, without secrets.
    pub(super) command: Vec<String>,
    pub(super) who: Who,
    /// The plan that was consented to.
    pub(super) plan: Plan,
    /// The look that it was made from.
    pub(super) facts: Facts,
}

/// A watcher at its post.
pub(super) struct Post {
    pub(super) orders: Orders,
    pub(super) settings: Settings,
    /// What was reloaded, as messages call it.
    pub(super) target: String,
}

/// Runs as a watcher where this process was started as one; nothing otherwise.
pub(crate) fn run_if_asked(args: &[OsString]) -> Option<ExitCode> {
    if !watcher::is_asked(args) {
        return None;
    }
    let ran = Caller::leave().and_then(|mut caller| {
        // Whatever could keep it from waiting is found before it says that it watches.
        let ready = take_post(&mut caller).and_then(|post| {
            let folder = Folder::watch(&pending::folder(&post.settings.state_dir.value))?;
            Ok((post, folder))
        });
        if let Err(error) = &ready {
            caller.answer(&format!("failed: {error:#}"));
        }
        let (post, folder) = ready?;
        story(&post, &folder, &mut caller)
    });
    Some(if ran.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn take_post(caller: &mut Caller) -> Result<Post> {
    let orders: Orders =
        serde_json::from_str(&caller.hear().context("no orders came")?).context("the orders")?;
    let [master_socket, stats_socket] = orders.sockets.clone();
    let timeout = orders.timeout_ms.map(Duration::from_millis);
    let flags = Flags { config: orders.config.clone(), master_socket, stats_socket, timeout };
    let settings = Settings::load(&flags, Environment::read(), host::uid() == 0)?;
    let instance = orders.facts.instance.seen().context("which HAProxy is meant is not known")?;
    let me = std::process::id();
    let pending = Pending {
        id: orders.plan.id.clone(),
        target: instance.title(),
        main_pid: instance.main.pid,
        main_start: instance.main.start_ticks,
        sockets: orders.sockets.clone(),
        command: orders.command.clone(),
        who: orders.who.clone(),
        begun: time::now(),
        within_ms: orders.within_ms,
        until: None,
        copy: orders.copy.clone(),
        source: orders.source.clone(),
        watcher: (me, host::process(me)?.start_ticks),
        state: State::Waiting,
    };
    pending::begin(&settings.state_dir.value, &pending)?;
    Ok(Post { target: pending.target, orders, settings })
}

/// Hears how the reload went, waits, and goes back where nobody confirms it.
fn story(post: &Post, folder: &Folder, caller: &mut Caller) -> Result<()> {
    let within = Duration::from_millis(post.orders.within_ms);
    let instance = post.orders.facts.instance.seen().context("which HAProxy is meant is not known")?;
    let eve = Eve::look(instance, Arc::default());
    caller.answer("watching");
    match caller.hear().as_deref() {
        Some("ordering") => caller.answer("watching"),
        None => return post.void("haguard ended before it ordered the reload", true),
        Some(_) => return post.void("the reload was not ordered", false),
    }
    let deadline = match caller.hear().as_deref().map(|word| word.split_once(' ').unwrap_or((word, ""))) {
        Some(("changed", _)) => Deadline::after(within),
        Some(("void", why)) => return post.void(why, true),
        Some(_) => return post.void("the reload was not ordered", false),
        // It ended in the middle. What came of the order is found out here.
        None => {
            let until = Deadline::after(within);
            match eve.settle(&Sent::default(), until) {
                Outcome::Took { .. } => Deadline::after(within),
                Outcome::Kept { why, .. } => return post.void(&format!("the reload failed: {why}"), true),
                Outcome::Unknown { .. } if eve.is_untouched() => {
                    return post.void("haguard ended before it ordered the reload", true);
                }
                Outcome::Unknown { .. } => until,
            }
        }
    };
    let until = post.started(deadline)?;
    caller.answer(&until.to_string());

    let state_dir = &post.settings.state_dir.value;
    let decided = || !post.is_waiting();
    if folder.wait(deadline, decided)? {
        return Ok(());
    }
    let over = pending::change(state_dir, &post.orders.plan.id, |pending| {
        let waiting = pending.state == State::Waiting;
        pending.state = State::GoingBack { since: time::now() };
        waiting
    })?;
    if over.is_some_and(|pending| matches!(pending.state, State::GoingBack { .. })) {
        go_back::run(post);
    }
    Ok(())
}

impl Post {
    fn is_waiting(&self) -> bool {
        let found = pending::find(&self.settings.state_dir.value, &self.orders.plan.id);
        found.ok().flatten().is_some_and(|pending| pending.state == State::Waiting)
    }

    /// The reload is done: from now on a confirmation is waited for.
    fn started(&self, deadline: Deadline) -> Result<Timestamp> {
        let left = jiff::SignedDuration::try_from(deadline.left())?;
        let until = time::now().checked_add(left).unwrap_or(Timestamp::MAX);
        let id = &self.orders.plan.id;
        pending::change(&self.settings.state_dir.value, id, |pending| {
            pending.until = Some(until);
            pending.state == State::Waiting
        })?;
        Ok(until)
    }

    /// There is nothing to confirm.
    fn void(&self, why: &str, tell: bool) -> Result<()> {
        let state = State::Void { at: time::now(), why: why.to_owned() };
        self.decide(state);
        if tell {
            let summary = format!("plan {}: nothing to confirm: {why}", self.orders.plan.id);
            self.record(Exit::Done, false, summary, None);
        }
        Ok(())
    }

    /// Writes the last word, and lets go of a copy that nobody needs any more.
    pub(super) fn decide(&self, state: State) {
        let needed = matches!(&state, State::Back { exit, .. } if *exit != Exit::Done);
        let written = pending::change(&self.settings.state_dir.value, &self.orders.plan.id, |pending| {
            pending.state = state;
            true
        });
        if written.is_ok() && !needed {
            let _ = std::fs::remove_dir_all(&self.orders.copy);
        }
    }

    /// The journal is the only reader there is.
    pub(super) fn record(&self, exit: Exit, changed: bool, summary: String, run: Option<String>) {
        let entry = Entry {
            at: time::now(),
            host: host::hostname(),
            command: "confirm".to_owned(),
            argv: self.orders.command.clone(),
            target: self.target.clone(),
            exit,
            changed,
            summary,
            who: self.orders.who.clone(),
            run,
        };
        // Nobody is here who could be told that it failed.
        let _ = journal::append(&self.settings.state_dir.value, &entry);
    }
}

//! The process that waits for a confirmation, and goes back when none comes. Nobody reads what it says: the journal
//! and the file of the confirmation tell what it did.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::job::{Orders, Post};
use super::run;
use crate::act::reload::outcome::{Eve, Outcome, Sent};
use crate::cli::Flags;
use crate::clients::exec::background::{self, Caller, Folder};
use crate::clients::linux;
use crate::config::{Environment, Settings};
use crate::state::pending_confirmations::{self, Pending, State};
use crate::time::{self, Deadline};

/// Runs as a watcher where this process was started as one; nothing otherwise.
pub(crate) fn run_if_asked(args: &[OsString]) -> Option<ExitCode> {
    if !background::is_asked(args) {
        return None;
    }
    let ran = Caller::leave().and_then(|mut caller| {
        // Whatever could keep it from waiting is found before it says that it watches.
        let ready = take_post(&mut caller).and_then(|post| {
            let folder = Folder::watch(&pending_confirmations::folder(&post.settings.state_dir.value))?;
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
    let settings = Settings::load(&flags, Environment::read(), linux::uid() == 0)?;
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
        watcher: (me, linux::process(me)?.start_ticks),
        state: State::Waiting,
    };
    pending_confirmations::begin(&settings.state_dir.value, &pending)?;
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
    let over = pending_confirmations::change(state_dir, &post.orders.plan.id, |pending| {
        let waiting = pending.state == State::Waiting;
        pending.state = State::GoingBack { since: time::now() };
        waiting
    })?;
    if over.is_some_and(|pending| matches!(pending.state, State::GoingBack { .. })) {
        run::run(post);
    }
    Ok(())
}

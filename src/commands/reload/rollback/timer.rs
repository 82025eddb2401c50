//! The process that waits for a confirmation, and goes back when none comes. Nobody reads what it says: the journal
//! and the file of the confirmation tell what it did.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::job::{RollbackJob, RollbackRequest};
use super::run;
use crate::act::reload::outcome::{ReloadOrder, StateBeforeReload, WorkerAfterReload};
use crate::cli::Flags;
use crate::clients::exec::background::{self, FolderWatch, ParentPipe};
use crate::clients::linux;
use crate::config::{Environment, Settings};
use crate::state::pending_confirmations::{self, ConfirmationState, PendingConfirmation};
use crate::time::{self, Deadline};

/// Runs as a watcher where this process was started as one; nothing otherwise.
pub(crate) fn run_if_asked(args: &[OsString]) -> Option<ExitCode> {
    if !background::is_helper(args) {
        return None;
    }
    let ran = ParentPipe::detach().and_then(|mut caller| {
        // Whatever could keep it from waiting is found before it says that it watches.
        let ready = receive_job(&mut caller).and_then(|post| {
            let folder = FolderWatch::start(&pending_confirmations::folder(&post.settings.state_dir.value))?;
            Ok((post, folder))
        });
        if let Err(error) = &ready {
            caller.reply(&format!("failed: {error:#}"));
        }
        let (post, folder) = ready?;
        wait_for_confirmation(&post, &folder, &mut caller)
    });
    Some(if ran.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn receive_job(caller: &mut ParentPipe) -> Result<RollbackJob> {
    let orders: RollbackRequest =
        serde_json::from_str(&caller.next_line().context("no orders came")?).context("the orders")?;
    let [master_socket, stats_socket] = orders.sockets.clone();
    let timeout = orders.timeout_ms.map(Duration::from_millis);
    let flags = Flags { config: orders.config.clone(), master_socket, stats_socket, timeout };
    let settings = Settings::load(&flags, Environment::from_process(), linux::effective_uid() == 0)?;
    let instance = orders.facts.instance.seen().context("which HAProxy is meant is not known")?;
    let me = std::process::id();
    let pending = PendingConfirmation {
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
        state: ConfirmationState::Waiting,
    };
    pending_confirmations::create(&settings.state_dir.value, &pending)?;
    Ok(RollbackJob { target: pending.target, orders, settings })
}

/// Hears how the reload went, waits, and goes back where nobody confirms it.
fn wait_for_confirmation(post: &RollbackJob, folder: &FolderWatch, caller: &mut ParentPipe) -> Result<()> {
    let within = Duration::from_millis(post.orders.within_ms);
    let instance = post.orders.facts.instance.seen().context("which HAProxy is meant is not known")?;
    let eve = StateBeforeReload::capture(instance, Arc::default());
    caller.reply("watching");
    match caller.next_line().as_deref() {
        Some("ordering") => caller.reply("watching"),
        None => return post.close_without_confirmation("haguard ended before it ordered the reload", true),
        Some(_) => return post.close_without_confirmation("the reload was not ordered", false),
    }
    let deadline = match caller.next_line().as_deref().map(|word| word.split_once(' ').unwrap_or((word, "")))
    {
        Some(("changed", _)) => Deadline::after(within),
        Some(("void", why)) => return post.close_without_confirmation(why, true),
        Some(_) => return post.close_without_confirmation("the reload was not ordered", false),
        // It ended in the middle. What came of the order is found out here.
        None => {
            let until = Deadline::after(within);
            match eve.wait_for_worker(&ReloadOrder::default(), until) {
                WorkerAfterReload::New { .. } => Deadline::after(within),
                WorkerAfterReload::Previous { why, .. } => {
                    return post.close_without_confirmation(&format!("the reload failed: {why}"), true);
                }
                WorkerAfterReload::Unknown { .. } if eve.saw_no_reload() => {
                    return post
                        .close_without_confirmation("haguard ended before it ordered the reload", true);
                }
                WorkerAfterReload::Unknown { .. } => until,
            }
        }
    };
    let until = post.start_timer(deadline)?;
    caller.reply(&until.to_string());

    let state_dir = &post.settings.state_dir.value;
    let decided = || !post.is_waiting();
    if folder.wait_until(deadline, decided)? {
        return Ok(());
    }
    let over = pending_confirmations::update(state_dir, &post.orders.plan.id, |pending| {
        let waiting = pending.state == ConfirmationState::Waiting;
        pending.state = ConfirmationState::RollingBack { since: time::now() };
        waiting
    })?;
    if over.is_some_and(|pending| matches!(pending.state, ConfirmationState::RollingBack { .. })) {
        run::run(post);
    }
    Ok(())
}

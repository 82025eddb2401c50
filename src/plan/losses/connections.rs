//! Losses of the service itself: connections, files that cannot be loaded, pending reloads.

use super::{Effect, Loss, LossKind, add_part, loss_line, unknown_line};
use crate::facts::{Facts, Known, Mode, Provenance};
use crate::known::Unknown;

pub(super) fn add_losses(facts: &Facts, lines: &mut Vec<Loss>) {
    add_part(facts, LossKind::Connections, "established", lines, |lines| add_connections(facts, lines));
    add_unloadable_config(facts, lines);
    add_pending_reloads(facts, lines);
}

fn add_connections(facts: &Facts, lines: &mut Vec<Loss>) -> Result<(), Unknown> {
    let open = facts.live.connections.get()?;
    let mut detail = Vec::new();
    if open.draining > 0 {
        detail.push(format!("{} of them in workers of earlier reloads", open.draining));
    }
    if let Some(limit) = &facts.config.hard_stop_after {
        detail.push(format!("a reload keeps them for at most hard-stop-after {limit}"));
    }
    let total = open.current + open.draining;
    if let Some(why) = uncounted_reason(facts) {
        if total == 0 {
            let object = "in workers of earlier reloads";
            lines.push(unknown_line(facts, LossKind::Connections, object, &why));
            return Ok(());
        }
        detail.push(format!("those in workers of earlier reloads are not counted: {why}"));
    }
    if total > 0 {
        let (object, detail) = ("established".to_owned(), detail.join("; "));
        let line = loss_line(facts, LossKind::Connections, object, total, Effect::Lost, detail);
        lines.push(Loss { on_reload: Effect::Kept, ..line });
    }
    Ok(())
}

/// Why connections in workers of earlier reloads could not be counted; `None` where they were.
fn uncounted_reason(facts: &Facts) -> Option<String> {
    let instance = facts.instance.seen().filter(|instance| instance.mode == Mode::MasterWorker)?;
    match instance.old_workers.get() {
        Err(Unknown { why }) => Some(why),
        Ok(old) => {
            let mut others = old.iter().filter(|worker| instance.serving.seen() != Some(&worker.pid));
            others.find_map(|worker| worker.connections.why()).map(str::to_owned)
        }
    }
}

fn add_unloadable_config(facts: &Facts, lines: &mut Vec<Loss>) {
    let files = facts.config.arguments.join(" ");
    // A rehearsal shows more than a configuration test.
    if let Some(Known::Seen(rehearsal)) = &facts.rehearsal {
        if let Some(why) = rehearsal.failure_reason() {
            let detail = format!("a rehearsed start failed, so a restart would be an outage: {why}");
            let line = loss_line(facts, LossKind::UnloadableConfig, files, 1, Effect::Lost, detail);
            lines.push(Loss { on_reload: Effect::Kept, how: Provenance::Rehearsed, ..line });
        }
        return;
    }
    let line = match facts.config.test.context("not tested") {
        Ok(test) if test.valid => return,
        Ok(test) => {
            let alert = test.alerts.first().map_or("it gave no reason", String::as_str);
            let detail = format!("a restart would be an outage: {alert}");
            loss_line(facts, LossKind::UnloadableConfig, files, 1, Effect::Lost, detail)
        }
        Err(Unknown { why }) => unknown_line(facts, LossKind::UnloadableConfig, &files, &why),
    };
    lines.push(Loss { on_reload: Effect::Kept, ..line });
}

fn add_pending_reloads(facts: &Facts, lines: &mut Vec<Loss>) {
    for file in facts.config.edited_since_load.seen().into_iter().flatten() {
        let detail = "written after the worker started; a reload or a restart puts it in force".to_owned();
        lines.push(loss_line(facts, LossKind::PendingReload, file.clone(), 1, Effect::Kept, detail));
    }
    let dataplane = facts.dataplane.as_ref().and_then(|api| api.pending_reloads.seen());
    for reload in dataplane.into_iter().flatten() {
        let detail = "the Data Plane API has accepted a change and has not reloaded yet".to_owned();
        lines.push(loss_line(facts, LossKind::PendingReload, reload.id.clone(), 1, Effect::Kept, detail));
    }
}

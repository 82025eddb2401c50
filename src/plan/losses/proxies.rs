//! Losses of proxies that are in no file, stick tables and certificates.

use super::{Effect, Loss, LossKind, add_part, edit_note, loss_line, unknown_line};
use crate::facts::{Certificate, Facts, Known, Provenance, StickTable};
use crate::known::Unknown;
use crate::plan::diff::WorkerDiff;
use crate::plural::plural;

pub(super) fn add_losses(facts: &Facts, diff: &WorkerDiff<'_>, lines: &mut Vec<Loss>) {
    let mut part = |kind, object, add: fn(&Facts, &WorkerDiff<'_>, &mut Vec<Loss>) -> Result<(), Unknown>| {
        add_part(facts, kind, object, lines, |lines| add(facts, diff, lines));
    };
    part(LossKind::MemoryOnlyConfig, "frontends and backends", add_proxies);
    part(LossKind::StickTable, "stick tables", add_tables);
    part(LossKind::Certificate, "certificates", add_certificates);
}

/// The proxies that run and are not in the files.
fn add_proxies(facts: &Facts, diff: &WorkerDiff<'_>, lines: &mut Vec<Loss>) -> Result<(), Unknown> {
    let pairs = diff.proxies.pairs()?;
    for proxy in diff.proxies.removed() {
        let what = proxy.section();
        let servers =
            facts.live.servers.seen().map_or(0, |all| all.iter().filter(|s| s.backend == proxy.name).count());
        let with = if proxy.backend { format!(" with {}", plural(servers, "server")) } else { String::new() };
        let detail = format!("{what}{with}, in no loaded file{}", edit_note(facts));
        lines.push(loss_line(facts, LossKind::MemoryOnlyConfig, proxy.name.clone(), 1, Effect::Lost, detail));
    }
    let both = pairs.iter().filter(|pair| pair.live.is_some()).filter_map(|pair| pair.next);
    for proxy in both.filter(|next| !next.certain) {
        let at = proxy.at.as_deref().unwrap_or("the files");
        let why = format!("{at} is behind a condition that could not be decided");
        lines.push(unknown_line(facts, LossKind::MemoryOnlyConfig, &proxy.name, &why));
    }
    Ok(())
}

fn add_tables(facts: &Facts, diff: &WorkerDiff<'_>, lines: &mut Vec<Loss>) -> Result<(), Unknown> {
    for (table, next) in diff.tables.running()?.filter(|(table, _)| table.used > 0) {
        let (on_reload, on_restart, detail) = stick_table_effect(table, &next);
        lines.push(Loss {
            on_reload,
            on_restart,
            ..loss_line(facts, LossKind::StickTable, table.name.clone(), table.used, Effect::Lost, detail)
        });
    }
    Ok(())
}

fn stick_table_effect(
    table: &StickTable,
    next: &Result<Option<&StickTable>, Unknown>,
) -> (Effect, Effect, String) {
    let Some(peers) = &table.peers else {
        return (Effect::Lost, Effect::Lost, "it has no peers section with a local peer".into());
    };
    if !table.synced {
        let detail =
            format!("peers {peers} is not in sync yet, seconds after its start, and sends no entries");
        return (Effect::Lost, Effect::Lost, detail);
    }
    let on_reload = match next {
        Err(_) => Effect::Unknown,
        Ok(Some(next)) if next.peers.is_some() => Effect::Kept,
        Ok(_) => Effect::Lost,
    };
    if table.remote_peers.is_empty() {
        let detail = format!(
            "peers {peers}: the old worker sends its entries to the new one, and no other peer is connected"
        );
        return (on_reload, Effect::Lost, detail);
    }
    let names = table.remote_peers.join(", ");
    (
        on_reload,
        Effect::Unknown,
        format!("peers {peers}: {names} is connected and may send the entries again"),
    )
}

fn add_certificates(facts: &Facts, diff: &WorkerDiff<'_>, lines: &mut Vec<Loss>) -> Result<(), Unknown> {
    // An empty store (`new ssl cert` without a commit) holds nothing.
    let held = diff.certificates.running()?.filter(|(one, _)| one.sha1 != Known::Seen(None));
    for (Certificate { name, sha1 }, next) in held {
        add_part(facts, LossKind::Certificate, name, lines, |lines| {
            let live = sha1.get()?;
            let disk = next?.map_or(Ok(&None), |other| other.sha1.get())?;
            let detail = match (live, disk) {
                _ if live == disk => return Ok(()),
                (Some(live), Some(disk)) => {
                    format!("runs sha1 {}.., the file holds {}..", short_hash(live), short_hash(disk))
                }
                _ if facts.next.how == Provenance::Rehearsed => {
                    format!("the next worker does not load it{}", edit_note(facts))
                }
                _ => "set over the socket; there is no such certificate on disk".to_owned(),
            };
            lines.push(loss_line(facts, LossKind::Certificate, name.clone(), 1, Effect::Lost, detail));
            Ok(())
        });
    }
    Ok(())
}

fn short_hash(hex: &str) -> &str {
    hex.get(..8).unwrap_or(hex)
}

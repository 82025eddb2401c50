//! What only memory holds: proxies that no file has, stick tables, certificates.

use super::{Effect, Loss, LossKind, edit_note, loss_line, unknown_line};
use crate::facts::{Facts, Known, Provenance, Proxy, StickTable};

pub(super) fn add_losses(facts: &Facts, lines: &mut Vec<Loss>) {
    proxies(facts, lines);
    tables(facts, lines);
    certificates(facts, lines);
}

/// The proxies that run and are not in the files.
pub(super) fn runtime_only_proxies<'a>(
    live: &'a [Proxy],
    next: &'a [Proxy],
) -> impl Iterator<Item = &'a Proxy> {
    live.iter().filter(|proxy| !next.iter().any(|other| other.name == proxy.name))
}

fn proxies(facts: &Facts, lines: &mut Vec<Loss>) {
    let (live, next) = match facts.live.proxies.as_ref().zip(facts.next.proxies.as_ref()) {
        Known::Unknown { why } => {
            return lines.push(unknown_line(
                facts,
                LossKind::MemoryOnlyConfig,
                "frontends and backends",
                &why,
            ));
        }
        Known::Seen(both) => both,
    };
    for proxy in runtime_only_proxies(live, next) {
        let what = proxy.section();
        let servers =
            facts.live.servers.seen().map_or(0, |all| all.iter().filter(|s| s.backend == proxy.name).count());
        let with = if proxy.backend { format!(" with {servers} servers") } else { String::new() };
        let detail = format!("{what}{with} that no loaded file has{}", edit_note(facts));
        lines.push(loss_line(facts, LossKind::MemoryOnlyConfig, proxy.name.clone(), 1, Effect::Lost, detail));
    }
    for proxy in next.iter().filter(|p| !p.certain && live.iter().any(|l| l.name == p.name)) {
        let at = proxy.at.as_deref().unwrap_or("the files");
        let why = format!("{at} stands behind a condition that could not be decided");
        lines.push(unknown_line(facts, LossKind::MemoryOnlyConfig, &proxy.name, &why));
    }
}

fn tables(facts: &Facts, lines: &mut Vec<Loss>) {
    let live = match &facts.live.tables {
        Known::Unknown { why } => {
            return lines.push(unknown_line(facts, LossKind::StickTable, "stick tables", why));
        }
        Known::Seen(live) => live,
    };
    for table in live.iter().filter(|table| table.used > 0) {
        let next = facts.next.tables.as_ref().map(|all| all.iter().find(|t| t.name == table.name));
        let (on_reload, on_restart, detail) = stick_table_effect(table, &next);
        lines.push(Loss {
            on_reload,
            on_restart,
            ..loss_line(facts, LossKind::StickTable, table.name.clone(), table.used, Effect::Lost, detail)
        });
    }
}

fn stick_table_effect(table: &StickTable, next: &Known<Option<&StickTable>>) -> (Effect, Effect, String) {
    let Some(peers) = &table.peers else {
        return (Effect::Lost, Effect::Lost, "no peers section with a local peer carries it over".into());
    };
    if !table.synced {
        let detail = format!("peers {peers} is not in sync yet, seconds after its start, and teaches nobody");
        return (Effect::Lost, Effect::Lost, detail);
    }
    let on_reload = match next {
        Known::Unknown { .. } => Effect::Unknown,
        Known::Seen(Some(next)) if next.peers.is_some() => Effect::Kept,
        Known::Seen(_) => Effect::Lost,
    };
    if table.remote_peers.is_empty() {
        let detail =
            format!("peers {peers}: the old worker teaches the new one, and no other peer is connected");
        return (on_reload, Effect::Lost, detail);
    }
    let names = table.remote_peers.join(", ");
    (on_reload, Effect::Unknown, format!("peers {peers}: {names} is connected and may teach it again"))
}

fn certificates(facts: &Facts, lines: &mut Vec<Loss>) {
    let live = match &facts.live.certificates {
        Known::Unknown { why } => {
            return lines.push(unknown_line(facts, LossKind::Certificate, "certificates", why));
        }
        Known::Seen(live) => live,
    };
    // An empty store (`new ssl cert` without a commit) holds nothing.
    for certificate in live.iter().filter(|certificate| certificate.sha1 != Known::Seen(None)) {
        let on_disk =
            facts.next.certificates.as_ref().map(|all| all.iter().find(|c| c.name == certificate.name));
        let compared = certificate.sha1.as_ref().zip(match on_disk {
            Known::Unknown { why } => Known::Unknown { why },
            Known::Seen(None) => Known::Seen(&None),
            Known::Seen(Some(other)) => other.sha1.as_ref(),
        });
        let detail = match compared {
            Known::Unknown { why } => {
                lines.push(unknown_line(facts, LossKind::Certificate, &certificate.name, &why));
                continue;
            }
            Known::Seen((live, disk)) if live == disk => continue,
            Known::Seen((_, None) | (None, _)) if facts.next.how == Provenance::Rehearsed => {
                format!("the next worker does not load it{}", edit_note(facts))
            }
            Known::Seen((_, None) | (None, _)) => {
                "set over the socket; no such certificate on disk".to_owned()
            }
            Known::Seen((Some(live), Some(disk))) => {
                format!("runs sha1 {}.., the file holds {}..", short_hash(live), short_hash(disk))
            }
        };
        lines.push(loss_line(
            facts,
            LossKind::Certificate,
            certificate.name.clone(),
            1,
            Effect::Lost,
            detail,
        ));
    }
}

fn short_hash(hex: &str) -> &str {
    hex.get(..8).unwrap_or(hex)
}

//! What only memory holds: proxies that no file has, stick tables, certificates.

use super::{Fate, Kind, Loss, both, edited, unseen};
use crate::facts::{Facts, How, Known, Proxy, Table};

pub(super) fn lines(facts: &Facts, lines: &mut Vec<Loss>) {
    proxies(facts, lines);
    tables(facts, lines);
    certificates(facts, lines);
}

/// The proxies that run and are not in the files.
pub(super) fn only_in_memory<'a>(live: &'a [Proxy], next: &'a [Proxy]) -> impl Iterator<Item = &'a Proxy> {
    live.iter().filter(|proxy| !next.iter().any(|other| other.name == proxy.name))
}

fn proxies(facts: &Facts, lines: &mut Vec<Loss>) {
    let (live, next) = match facts.live.proxies.as_ref().zip(facts.next.proxies.as_ref()) {
        Known::Unknown { why } => {
            return lines.push(unseen(facts, Kind::MemoryOnlyConfig, "frontends and backends", &why));
        }
        Known::Seen(both) => both,
    };
    for proxy in only_in_memory(live, next) {
        let what = proxy.section();
        let servers =
            facts.live.servers.seen().map_or(0, |all| all.iter().filter(|s| s.backend == proxy.name).count());
        let with = if proxy.backend { format!(" with {servers} servers") } else { String::new() };
        let detail = format!("{what}{with} that no loaded file has{}", edited(facts));
        lines.push(both(facts, Kind::MemoryOnlyConfig, proxy.name.clone(), 1, Fate::Lost, detail));
    }
    for proxy in next.iter().filter(|p| !p.certain && live.iter().any(|l| l.name == p.name)) {
        let at = proxy.at.as_deref().unwrap_or("the files");
        let why = format!("{at} stands behind a condition that could not be decided");
        lines.push(unseen(facts, Kind::MemoryOnlyConfig, &proxy.name, &why));
    }
}

fn tables(facts: &Facts, lines: &mut Vec<Loss>) {
    let live = match &facts.live.tables {
        Known::Unknown { why } => return lines.push(unseen(facts, Kind::StickTable, "stick tables", why)),
        Known::Seen(live) => live,
    };
    for table in live.iter().filter(|table| table.used > 0) {
        let next = facts.next.tables.as_ref().map(|all| all.iter().find(|t| t.name == table.name));
        let (on_reload, on_restart, detail) = table_fate(table, &next);
        lines.push(Loss {
            on_reload,
            on_restart,
            ..both(facts, Kind::StickTable, table.name.clone(), table.used, Fate::Lost, detail)
        });
    }
}

fn table_fate(table: &Table, next: &Known<Option<&Table>>) -> (Fate, Fate, String) {
    let Some(peers) = &table.peers else {
        return (Fate::Lost, Fate::Lost, "no peers section with a local peer carries it over".into());
    };
    if !table.synced {
        let detail = format!("peers {peers} is not in sync yet, seconds after its start, and teaches nobody");
        return (Fate::Lost, Fate::Lost, detail);
    }
    let on_reload = match next {
        Known::Unknown { .. } => Fate::Unknown,
        Known::Seen(Some(next)) if next.peers.is_some() => Fate::Kept,
        Known::Seen(_) => Fate::Lost,
    };
    if table.remote_peers.is_empty() {
        let detail =
            format!("peers {peers}: the old worker teaches the new one, and no other peer is connected");
        return (on_reload, Fate::Lost, detail);
    }
    let names = table.remote_peers.join(", ");
    (on_reload, Fate::Unknown, format!("peers {peers}: {names} is connected and may teach it again"))
}

fn certificates(facts: &Facts, lines: &mut Vec<Loss>) {
    let live = match &facts.live.certificates {
        Known::Unknown { why } => return lines.push(unseen(facts, Kind::Certificate, "certificates", why)),
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
                lines.push(unseen(facts, Kind::Certificate, &certificate.name, &why));
                continue;
            }
            Known::Seen((live, disk)) if live == disk => continue,
            Known::Seen((_, None) | (None, _)) if facts.next.how == How::Rehearsed => {
                format!("the next worker does not load it{}", edited(facts))
            }
            Known::Seen((_, None) | (None, _)) => {
                "set over the socket; no such certificate on disk".to_owned()
            }
            Known::Seen((Some(live), Some(disk))) => {
                format!("runs sha1 {}.., the file holds {}..", prefix(live), prefix(disk))
            }
        };
        lines.push(both(facts, Kind::Certificate, certificate.name.clone(), 1, Fate::Lost, detail));
    }
}

fn prefix(hex: &str) -> &str {
    hex.get(..8).unwrap_or(hex)
}

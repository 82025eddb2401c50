//! `show peers`: peers sections with their peers, tables and connections.

use serde::{Deserialize, Serialize};

use super::{Malformed, lines};

const COMMAND: &str = "show peers";

/// One peer of a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub id: String,
    /// Address with port.
    pub address: String,
    /// Whether a session with it is open now.
    pub active: bool,
    /// HAProxy's short word for the last thing that happened, such as `ESTA`, `CONN`, `NONE`.
    pub last_status: String,
    /// State of its application layer (3.0 and newer).
    pub app_state: Option<String>,
}

impl Peer {
    /// Whether the two talk: an open session whose last status is "established".
    /// Without both, entries of the tables are not handed over.
    pub fn established(&self) -> bool {
        self.active && self.last_status == "ESTA"
    }
}

/// One `peers` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeersSection {
    /// Its name.
    pub name: String,
    /// This host's own peer, where HAProxy found it in the section. It hands the tables to the next worker.
    pub local: Option<Peer>,
    /// The others.
    pub remotes: Vec<Peer>,
    /// It has finished its own resynchronisation. Up to 2.8 that takes five seconds after a start without another
    /// peer, and a worker that has not finished sends no entries; from 3.0 on it is finished at once.
    pub synced: bool,
    /// Names of the tables it shares, each once.
    pub tables: Vec<String>,
}

/// The two bits of `flags` that say "resynchronised", from the local peer and from a remote one.
const SYNCED: u64 = 0b11;

fn synced(heading: &str) -> bool {
    let flags = heading.split(" flags=0x").nth(1).and_then(|rest| rest.split(' ').next());
    flags.and_then(|hex| u64::from_str_radix(hex, 16).ok()).is_some_and(|flags| flags & SYNCED == SYNCED)
}

/// Reads the answer of `show peers`.
pub fn parse(text: &str) -> Result<Vec<PeersSection>, Malformed> {
    let mut sections: Vec<PeersSection> = Vec::new();
    for line in lines(text) {
        let bad = |why| Malformed::new(COMMAND, why, line);
        let indent = line.len() - line.trim_start().len();
        let body = line.trim_start();
        if indent == 0 {
            let (_, name) = body
                .split_once(" id=")
                .filter(|_| body.starts_with("0x"))
                .ok_or_else(|| bad("no section"))?;
            let name = name.split(' ').next().unwrap_or_default().to_owned();
            let synced = synced(body);
            sections.push(PeersSection {
                name,
                local: None,
                remotes: Vec::new(),
                synced,
                tables: Vec::new(),
            });
            continue;
        }
        let section = sections.last_mut().ok_or_else(|| bad("a line before the first section"))?;
        if let Some((_, rest)) = body.split_once(": id=").filter(|_| body.starts_with("0x")) {
            let (peer, local) = peer(rest).map_err(bad)?;
            match local {
                true => section.local = Some(peer),
                false => section.remotes.push(peer),
            }
        } else if let Some(rest) = body.strip_prefix("table:") {
            let (_, name) = rest.split_once(" id=").ok_or_else(|| bad("a table without a name"))?;
            let name = name.split(' ').next().unwrap_or_default();
            if !section.tables.iter().any(|known| known == name) {
                section.tables.push(name.to_owned());
            }
        }
    }
    Ok(sections)
}

/// `NAME(local|remote,active|inactive) addr=.. app_state=.. last_status=..`, and whether it is the local one.
fn peer(rest: &str) -> Result<(Peer, bool), &'static str> {
    let (head, fields) = rest.split_once(" addr=").ok_or("a peer without an address")?;
    let (id, state) = head.rsplit_once('(').ok_or("a peer without a side")?;
    let mut state = state.trim_end_matches(')').split(',');
    let local = match state.next() {
        Some("local") => true,
        Some("remote") => false,
        _ => return Err("a peer that is neither local nor remote"),
    };
    let active = state.any(|word| word == "active");
    let mut words = fields.split_whitespace();
    let address = words.next().ok_or("a peer without an address")?.to_owned();
    let (mut last_status, mut app_state) = (None, None);
    for word in words {
        match word.split_once('=') {
            Some(("last_status", value)) => last_status = Some(value.to_owned()),
            Some(("app_state", value)) => app_state = Some(value.to_owned()),
            _ => {}
        }
    }
    let last_status = last_status.ok_or("a peer without a last status")?;
    Ok((Peer { id: id.to_owned(), address, active, last_status, app_state }, local))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_tells_who_talks() {
        for (branch, text) in fixtures::every("show_peers") {
            let sections = parse(&text).unwrap();
            let names: Vec<_> = sections.iter().map(|section| section.name.as_str()).collect();
            assert_eq!(names, ["lonely", "mates"], "{branch}");
            assert_eq!(sections[0].local.as_ref().unwrap().id, "me", "{branch}");
            assert!(sections[0].remotes.is_empty() && sections[0].tables.is_empty(), "{branch}");
            let mates = &sections[1];
            assert_eq!(mates.tables, ["web"], "{branch}");
            let of = |id: &str| mates.remotes.iter().find(|peer| peer.id == id).unwrap();
            assert!(of("other").established() && !of("absent").established(), "{branch}: {mates:?}");
            assert!(of("other").address.starts_with("127.0.0.1:24"), "{branch}");
            assert_eq!(of("other").app_state.is_some(), branch >= "3.0", "{branch}");
            assert!(mates.local.as_ref().is_some_and(|me| me.id == "me" && !me.established()), "{branch}");
        }
    }

    #[test]
    fn a_section_is_synced_when_both_bits_are_set() {
        for (flags, expected) in
            [("0x11", false), ("0x33", true), ("0x300003", true), ("0x1", false), ("zz", false)]
        {
            let text = format!("0x1: [x] id=mates disabled=0 flags={flags} resync_timeout=4s\n");
            assert_eq!(parse(&text).unwrap()[0].synced, expected, "{flags}");
        }
    }

    #[test]
    fn no_section_is_not_an_error_but_a_refusal_is() {
        assert_eq!(parse("\n"), Ok(Vec::new()));
        for text in [
            "No such peers\n",
            "  0x1: id=a(local,x) addr=b last_status=c\n",
            "0x1: id=x\n  0x2: id=a addr=b\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[a-z0-9=(), \n:]{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!("0x1: [x] id=mates\n  0x2: id={tail}"));
        }

        #[test]
        fn peers_come_back(id in "[A-Za-z0-9._-]{1,20}", active: bool, status in "ESTA|CONN", tables in proptest::collection::hash_set("[a-z]{1,9}", 0..4)) {
            let state = if active { "active" } else { "inactive" };
            let mut text = format!("0x1: [now] id=mates disabled=0\n  0x2: id={id}(remote,{state}) addr=::1:9 new=1 last_status={status} x\n");
            for table in &tables {
                text += &format!("              table:0x3 id={table} update=1\n");
            }
            let section = parse(&text).unwrap().remove(0);
            prop_assert_eq!((&section.remotes[0].id, section.remotes[0].active), (&id, active));
            prop_assert_eq!(section.remotes[0].established(), active && status == "ESTA");
            prop_assert_eq!(section.tables.into_iter().collect::<std::collections::HashSet<_>>(), tables);
        }
    }
}

//! What a replay would put back, said before anybody agrees to the reload: from the ledger and the holdings, because
//! no next worker is there to be compared.

use serde::Serialize;

use super::servers::unreadable;
use super::{Item, Verdict};
use crate::facts::loaded_config::Config;
use crate::facts::runtime_state::HeldServer;
use crate::facts::{Holdings, Known, Loaded};
use crate::plan::losses::{Fate, Kind, Ledger, Loss};

/// One line of the ledger, and whether a replay would undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// What kind of thing.
    pub kind: Kind,
    /// Which one.
    pub object: String,
    /// How it would be put back; `None` where it would not.
    pub how: Option<&'static str>,
    /// Why it would not.
    pub why: Option<String>,
}

impl Preview {
    pub(super) fn of(item: &Item) -> Self {
        let why = match &item.verdict {
            Verdict::PutBack(_) => None,
            Verdict::Cannot(why) => Some(why.clone()),
        };
        Preview { kind: item.kind, object: item.object.clone(), how: why.is_none().then_some("runtime"), why }
    }
}

/// Judges every line that a reload loses, or may lose.
///
/// Where a next worker was rehearsed, `replay(old, rehearsed, loaded)` says the same from what that one holds.
pub fn preview(ledger: &Ledger, old: &Holdings, loaded: &Loaded) -> Vec<Preview> {
    let lost = ledger.lines.iter().filter(|line| line.on_reload != Fate::Kept);
    lost.filter_map(|line| {
        let verdict = judged(line, old, loaded)?;
        Some(Preview {
            kind: line.kind,
            object: line.object.clone(),
            how: verdict.is_none().then_some("runtime"),
            why: verdict,
        })
    })
    .collect()
}

/// Why it would not be put back; `None` for what no replay is about.
fn judged(line: &Loss, old: &Holdings, loaded: &Loaded) -> Option<Option<String>> {
    let config = || match &loaded.config {
        Known::Seen(_) => None,
        Known::Unknown { why } => Some(format!("cannot tell it from an edit: {why}")),
    };
    Some(match line.kind {
        Kind::Connections | Kind::UnloadableConfig | Kind::PendingReload => return None,
        _ if line.count.is_none() => Some(line.detail.clone()),
        Kind::ServerAdminState | Kind::ServerWeight => None,
        Kind::ServerAddress => match server(old, &line.object) {
            Some(held) if held.named.is_some() => Some("it is given by name".to_owned()),
            _ => config(),
        },
        Kind::DynamicServer => match (server(old, &line.object), &loaded.config) {
            (None, _) => Some("it was not there when the worker was read".to_owned()),
            (Some(held), Known::Seen(Config::Was(copy)))
                if copy.servers.contains_key(&(held.backend.clone(), held.name.clone())) =>
            {
                Some("an edit took it out of the files".to_owned())
            }
            (Some(held), _) => config().or_else(|| unreadable(held)),
        },
        Kind::MapEntry | Kind::AclEntry => {
            let list = old.lists.seen().into_iter().flatten().find(|list| list.name == line.object);
            match list {
                Some(list) if list.sample.is_none() => touched(loaded, &line.object),
                _ => config(),
            }
        }
        Kind::Certificate => {
            let held = old.certificates.seen().into_iter().flatten().find(|held| held.name == line.object);
            touched(loaded, &line.object)
                .or_else(|| held.and_then(|held| held.pem.why().map(str::to_owned)))
                .or_else(|| held.is_none().then(|| "it was not there when the worker was read".to_owned()))
        }
        Kind::StickTable => Some("no peers section carries the table over".to_owned()),
        Kind::MemoryOnlyConfig => Some("what the files do not have is not made again".to_owned()),
    })
}

fn touched(loaded: &Loaded, name: &str) -> Option<String> {
    match loaded.untouched(name) {
        Known::Seen(true) => None,
        Known::Seen(false) => {
            Some(format!("cannot tell it from an edit: {name} was written after the worker started"))
        }
        Known::Unknown { why } => Some(format!("cannot tell it from an edit: {why}")),
    }
}

fn server<'a>(old: &'a Holdings, path: &str) -> Option<&'a HeldServer> {
    old.servers.seen().into_iter().flatten().find(|server| server.path() == path)
}

//! What a replay would put back, shown before consent to the reload: from the ledger and the runtime state, because
//! there is no next worker to compare with yet.

use serde::Serialize;

use super::servers::not_addable_reason;
use super::{ReplayItem, ReplayVerdict};
use crate::facts::loaded_config::ConfigSinceLoad;
use crate::facts::runtime_state::RuntimeServer;
use crate::facts::{Known, LoadedConfig, RuntimeState, WorkerState};
use crate::plan::losses::{Effect, Ledger, Loss, LossKind};

/// One line of the ledger, and whether a replay would undo it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayPreview {
    /// What kind of thing.
    pub kind: LossKind,
    /// Which one.
    pub object: String,
    /// How it would be put back; `None` where it would not.
    pub how: Option<&'static str>,
    /// Why it would not.
    pub why: Option<String>,
}

impl ReplayPreview {
    pub(super) fn from_item(item: &ReplayItem) -> Self {
        let why = match &item.verdict {
            ReplayVerdict::Restore(_) => None,
            ReplayVerdict::NotRestorable(why) => Some(why.clone()),
        };
        ReplayPreview {
            kind: item.kind,
            object: item.object.clone(),
            how: why.is_none().then_some("runtime"),
            why,
        }
    }
}

/// Judges every line that a reload loses, or may lose.
///
/// `next` is what is known of the next worker.
pub fn preview_replay(
    ledger: &Ledger,
    old: &RuntimeState,
    next: &WorkerState,
    loaded: &LoadedConfig,
) -> Vec<ReplayPreview> {
    let lost = ledger.lines.iter().filter(|line| line.on_reload != Effect::Kept);
    lost.filter_map(|line| {
        let verdict = not_restorable_reason(line, old, next, loaded)?;
        Some(ReplayPreview {
            kind: line.kind,
            object: line.object.clone(),
            how: verdict.is_none().then_some("runtime"),
            why: verdict,
        })
    })
    .collect()
}

/// Why it would not be put back; `None` for kinds that are never replayed.
fn not_restorable_reason(
    line: &Loss,
    old: &RuntimeState,
    next: &WorkerState,
    loaded: &LoadedConfig,
) -> Option<Option<String>> {
    let config = || match &loaded.config {
        Known::Seen(_) => None,
        Known::Unknown { why } => Some(format!("cannot be told apart from an edit: {why}")),
    };
    Some(match line.kind {
        LossKind::Connections | LossKind::UnloadableConfig | LossKind::PendingReload => return None,
        _ if line.count.is_none() => Some(line.detail.clone()),
        LossKind::ServerAdminState | LossKind::ServerWeight => None,
        LossKind::ServerAddress => match find_server(old, &line.object) {
            Some(held) if held.dns_name().is_some() => Some("it has a host name".to_owned()),
            _ => config(),
        },
        LossKind::DynamicServer => match (find_server(old, &line.object), &loaded.config) {
            (None, _) => Some("it was not there when the worker was read".to_owned()),
            (Some(held), Known::Seen(ConfigSinceLoad::Changed(copy)))
                if copy.servers.contains_key(&(held.backend.clone(), held.name.clone())) =>
            {
                Some("an edit removed it from the files".to_owned())
            }
            (Some(held), _) => config().or_else(|| not_addable_reason(held)),
        },
        LossKind::MapEntry | LossKind::AclEntry => {
            let list = old.lists.seen().into_iter().flatten().find(|list| list.name == line.object);
            match list {
                Some(list) if list.sample.is_none() => edit_reason(loaded, &line.object),
                _ => config(),
            }
        }
        LossKind::Certificate => {
            let held = old.certificates.seen().into_iter().flatten().find(|held| held.name == line.object);
            not_loaded_reason(next, &line.object)
                .or_else(|| edit_reason(loaded, &line.object))
                .or_else(|| held.and_then(|held| held.pem.why().map(str::to_owned)))
                .or_else(|| held.is_none().then(|| "it was not there when the worker was read".to_owned()))
        }
        LossKind::StickTable => Some("no peers section keeps the table".to_owned()),
        LossKind::MemoryOnlyConfig => {
            Some("frontends and backends that are in no file are not created again".to_owned())
        }
    })
}

/// A certificate can only be put under a name that the next worker has.
fn not_loaded_reason(next: &WorkerState, name: &str) -> Option<String> {
    let names = next.certificates.seen()?;
    let loaded = names.iter().any(|other| other.name == name && other.sha1 != Known::Seen(None));
    (!loaded).then(|| {
        format!(
            "the next worker does not load it, and what used it is not known: `new ssl cert {name}`, `set ssl cert {name}` and \
             `commit ssl cert {name}` load it again, `add ssl crt-list` puts it to use"
        )
    })
}

fn edit_reason(loaded: &LoadedConfig, name: &str) -> Option<String> {
    match loaded.is_unchanged(name) {
        Known::Seen(true) => None,
        Known::Seen(false) => {
            Some(format!("cannot be told apart from an edit: {name} was written after the worker started"))
        }
        Known::Unknown { why } => Some(format!("cannot be told apart from an edit: {why}")),
    }
}

fn find_server<'a>(old: &'a RuntimeState, path: &str) -> Option<&'a RuntimeServer> {
    old.servers.seen().into_iter().flatten().find(|server| server.path() == path)
}

//! Every `frontend`, `backend` and `listen`.

use super::defaults::SectionWithDefaults;
use super::{Config, ServerDef, ServerStateSource, SourceLocation, StickTableDef, Undecided};
use super::{globals, peers, servers};

/// What a proxy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyKind {
    /// Takes connections.
    Frontend,
    /// Has servers.
    Backend,
    /// Both.
    Listen,
}

/// One proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyDef {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ProxyKind,
    /// Where it starts.
    pub at: SourceLocation,
    /// False if it may not exist.
    pub certain: bool,
    /// `disabled` is in force: it serves nothing and is not in `show stat`, though its servers are listed.
    pub disabled: bool,
    /// Its servers, in order.
    pub servers: Vec<ServerDef>,
    /// Its stick table.
    pub table: Option<StickTableDef>,
    /// Where it loads the states of its servers from.
    pub state_from: ServerStateSource,
}

impl ProxyDef {
    /// Whether it has servers to send to.
    pub fn is_backend(&self) -> bool {
        self.kind != ProxyKind::Frontend
    }
}

pub(super) fn parse_proxy(
    config: &Config,
    with_defaults: &SectionWithDefaults<'_>,
    undecided: &mut Vec<Undecided>,
) -> ProxyDef {
    let section = with_defaults.section;
    let kind = match section.kind.as_str() {
        "frontend" => ProxyKind::Frontend,
        "backend" => ProxyKind::Backend,
        _ => ProxyKind::Listen,
    };
    let name = section.name.clone().unwrap_or_default();
    let mut note = |certain: bool, why: &str| {
        if !certain {
            undecided.push(Undecided { at: section.at.clone(), why: format!("{name}: {why}") });
        }
    };
    let (state_from, certain) = globals::server_state_source(config, with_defaults);
    note(certain, "whether server states are loaded from a file is not certain");
    let switch =
        with_defaults.lines().filter(|(line, _)| matches!(line.word(0), "disabled" | "enabled")).last();
    note(with_defaults.certain, "it is not certain which defaults section applies to it");
    note(switch.is_none_or(|(_, certain)| certain), "whether the proxy is disabled is not certain");
    let table = section.lines.iter().rfind(|line| line.word(0) == "stick-table");
    ProxyDef {
        kind,
        at: section.at.clone(),
        certain: section.certain,
        disabled: switch.is_some_and(|(line, _)| line.word(0) == "disabled"),
        servers: if kind == ProxyKind::Frontend {
            Vec::new()
        } else {
            servers::from_section(with_defaults, undecided)
        },
        table: table.map(|line| {
            peers::parse_stick_table(line, 1, name.clone(), None, line.certain && section.certain)
        }),
        state_from,
        name,
    }
}

//! Sections of peers and the stick tables that live in them or in proxies.

use super::{Config, Line, Section, SourceLocation};

/// One `peers` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeersDef {
    /// Its name.
    pub name: String,
    /// It names this HAProxy: one of its peers is the local one, so tables are taught to the next worker.
    pub local: bool,
    /// The other peers.
    pub remotes: Vec<String>,
    /// Where it is.
    pub at: SourceLocation,
    /// False if the section or one of its peers may not be in force, or the local peer is not known.
    pub certain: bool,
}

/// One stick table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StickTableDef {
    /// Its name as `show parse_stick_table` prints it: that of the proxy, or section and table with a slash.
    pub name: String,
    /// The words of `type`, for example `string len 32`.
    pub kind: String,
    /// The value of `size`, as written.
    pub size: String,
    /// The `peers` section that it is shared through.
    pub peers: Option<String>,
    /// Where it is.
    pub at: SourceLocation,
    /// False if the line may not be in force.
    pub certain: bool,
}

pub(super) fn peers_sections(config: &Config) -> impl Iterator<Item = &Section> {
    config.sections.iter().filter(|section| section.kind == "peers")
}

pub(super) fn from_config(config: &Config) -> Vec<PeersDef> {
    let local = config.localpeer.as_deref();
    let peers = |section: &Section| {
        let is_peer = |line: &&Line| matches!(line.word(0), "peer" | "server") && !line.word(1).is_empty();
        let lines: Vec<&Line> = section.lines.iter().filter(is_peer).collect();
        let names = || lines.iter().map(|line| line.word(1));
        PeersDef {
            name: section.name.clone().unwrap_or_default(),
            local: names().any(|name| Some(name) == local),
            remotes: names().filter(|name| Some(*name) != local).map(str::to_string).collect(),
            at: section.at.clone(),
            certain: section.certain && config.localpeer_certain && lines.iter().all(|line| line.certain),
        }
    };
    peers_sections(config).map(peers).collect()
}

/// Nothing of the section comes to life: it is disabled, or none of its peers is the local one.
pub(super) fn is_idle(config: &Config, section: &Section) -> bool {
    let switch = section.lines.iter().rfind(|line| matches!(line.word(0), "disabled" | "enabled"));
    let local = config.localpeer.as_deref();
    let mut peers = section.lines.iter().filter(|line| matches!(line.word(0), "peer" | "server"));
    switch.is_some_and(|line| line.word(0) == "disabled")
        || (config.localpeer_certain && !peers.any(|line| Some(line.word(1)) == local))
}

/// Reads a `stick-table` or `parse_stick_table` line whose options start at `start`.
pub(super) fn parse_stick_table(
    line: &Line,
    start: usize,
    name: String,
    peers: Option<&str>,
    certain: bool,
) -> StickTableDef {
    let words: Vec<&str> = line.words_from(start).collect();
    let after = |keyword: &str| {
        let at = words.iter().position(|word| *word == keyword)?;
        words.get(at + 1).map(|word| (*word).to_string())
    };
    let mut kind = after("type").unwrap_or_default();
    if let Some(length) = after("len").filter(|_| matches!(kind.as_str(), "string" | "binary")) {
        kind = format!("{kind} len {length}");
    }
    StickTableDef {
        name,
        kind,
        size: after("size").unwrap_or_default(),
        peers: after("peers").or_else(|| peers.map(str::to_string)),
        at: line.at.clone(),
        certain,
    }
}

pub(super) fn stick_tables(config: &Config) -> Vec<StickTableDef> {
    let of = |section: &Section| {
        let peers = section.name.clone().unwrap_or_default();
        let certain = section.certain;
        let lines = section.lines.iter().filter(|line| line.word(0) == "table" && !line.word(1).is_empty());
        let read = |line: &Line| {
            parse_stick_table(
                line,
                2,
                format!("{peers}/{}", line.word(1)),
                Some(&peers),
                line.certain && certain,
            )
        };
        lines.map(read).collect::<Vec<_>>()
    };
    peers_sections(config).flat_map(of).collect()
}

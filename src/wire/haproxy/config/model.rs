//! What the lines define: everything that a worker would hold.

use super::defaults::proxy_sections;
use super::proxies::parse_proxy;
use super::{BindDef, CertDef, Config, PatternDef, PatternKind, PatternSource, PeersDef, Problem, ServerDef};
use super::{Endpoint, ProxyDef};
use super::{GlobalSettings, RouteDef, ServerStateFile, StatsSocketDef, StickTableDef, Undecided};
use super::{binds, certificates, globals, patterns, peers, routes};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that the next worker would hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    /// Every `frontend`, `backend` and `listen`.
    pub proxies: Vec<ProxyDef>,
    /// Every `stats socket`.
    pub sockets: Vec<StatsSocketDef>,
    /// Every `bind`, also those of peers and log forwarders.
    pub binds: Vec<BindDef>,
    /// Every use of a pattern list.
    pub patterns: Vec<PatternDef>,
    /// Every use of a certificate file.
    pub certificates: Vec<CertDef>,
    /// Every `peers` section.
    pub peers: Vec<PeersDef>,
    /// Every stick table, of proxies and of `peers` sections.
    pub tables: Vec<StickTableDef>,
    /// The global state file.
    pub state_file: Option<ServerStateFile>,
    /// The name of the local peer.
    pub localpeer: Option<String>,
    /// Where requests go.
    pub routes: Vec<RouteDef>,
    /// Process-wide settings.
    pub settings: GlobalSettings,
    /// The environment variables that the files change: true where the new value does not depend on the old one.
    pub variables: BTreeMap<String, bool>,
    /// What could not be decided.
    pub undecided: Vec<Undecided>,
    /// What HAProxy would complain about.
    pub problems: Vec<Problem>,
}

impl Model {
    /// Reads the model off the sections.
    pub fn from_config(config: &Config) -> Model {
        let mut undecided = config.undecided.clone();
        let proxies: Vec<ProxyDef> = proxy_sections(config)
            .iter()
            .map(|with_defaults| parse_proxy(config, with_defaults, &mut undecided))
            .collect();
        let settings = globals::from_config(config);
        let of_proxies = proxies.iter().filter_map(|proxy| proxy.table.clone());
        Model {
            tables: of_proxies.chain(peers::stick_tables(config)).collect(),
            sockets: binds::stats_sockets(config),
            binds: binds::from_config(config, &settings, &proxies),
            patterns: patterns::from_config(config),
            certificates: certificates::from_config(config, &settings),
            peers: peers::from_config(config),
            state_file: globals::server_state_file(config),
            localpeer: config.localpeer.clone(),
            routes: routes::from_config(config),
            problems: config.problems.clone(),
            variables: config.variables.clone(),
            proxies,
            settings,
            undecided,
        }
    }

    /// The names of what has servers, in order, without the disabled.
    pub fn backend_names(&self) -> Vec<&str> {
        let backends = self.proxies.iter().filter(|proxy| proxy.is_backend() && !proxy.disabled);
        backends.map(|proxy| proxy.name.as_str()).collect()
    }

    /// The backend of that name.
    pub fn find_backend(&self, name: &str) -> Option<&ProxyDef> {
        self.proxies.iter().find(|proxy| proxy.is_backend() && proxy.name == name)
    }

    /// One server.
    pub fn find_server(&self, backend: &str, server: &str) -> Option<&ServerDef> {
        self.find_backend(backend)?.servers.iter().find(|def| def.name == server)
    }

    /// The pattern files loaded as `kind`, each once.
    pub fn pattern_files(&self, kind: PatternKind) -> BTreeSet<&str> {
        let path = |def: &'_ PatternDef| match &def.source {
            PatternSource::File { kind: of, .. } => *of == kind,
            PatternSource::Inline { .. } => false,
        };
        let files = self.patterns.iter().filter(|def| path(def));
        files.filter_map(PatternDef::path).collect()
    }

    /// Lines that listen on a descriptor, also where it could not be decided whether they are in force: `FILE:LINE TEXT`.
    pub fn descriptor_lines(&self) -> Vec<String> {
        let sockets = self.sockets.iter().map(|socket| (&socket.at, &socket.address, &socket.endpoints));
        let binds =
            self.binds.iter().filter(|bind| !bind.idle).map(|bind| (&bind.at, &bind.text, &bind.endpoints));
        let lines = sockets.chain(binds).filter(|(_, _, endpoints)| {
            endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Descriptor(_)))
        });
        lines.map(|(at, text, _)| format!("{}:{} {text}", at.file, at.line)).collect()
    }

    /// The names by which `show acl` lists the patterns that are written in the configuration itself.
    pub fn inline_pattern_names(&self) -> Vec<String> {
        self.patterns.iter().filter_map(PatternDef::show_acl_description).collect()
    }
}

impl PatternDef {
    /// The path, for a list from a file.
    pub fn path(&self) -> Option<&str> {
        match &self.source {
            PatternSource::File { path, .. } => Some(path),
            PatternSource::Inline { .. } => None,
        }
    }

    /// The description that `show acl` prints for a list that is written in the configuration itself.
    pub fn show_acl_description(&self) -> Option<String> {
        match &self.source {
            PatternSource::File { .. } => None,
            PatternSource::Inline { criterion, .. } => {
                Some(format!("acl '{criterion}' file '{}' line {}", self.at.file, self.at.line))
            }
        }
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;

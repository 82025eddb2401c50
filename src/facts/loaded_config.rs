//! What is known of the configuration that a running worker loaded, which the files on disk may no longer be: without
//! it an edit and a change at run time cannot be distinguished.

use std::collections::{BTreeMap, BTreeSet};

use super::{Known, ServerAddress};
use crate::wire::haproxy::config::{Host, Model, PatternSource, ServerDef};

/// What a worker loaded.
#[derive(Debug, Clone)]
pub struct LoadedConfig {
    /// The configuration files.
    pub config: Known<ConfigSinceLoad>,
    /// Whether each file of patterns or certificates is as the worker loaded it, by the name HAProxy gives it.
    pub files: BTreeMap<String, Known<bool>>,
}

/// The configuration files that a worker loaded.
#[derive(Debug, Clone)]
pub enum ConfigSinceLoad {
    /// They did not change since: the next worker loads the same.
    Unchanged,
    /// They changed, and there is a copy of what they were.
    Changed(ConfigBaseline),
}

/// A copy of the configuration that the worker loaded, as far as a replay needs it.
#[derive(Debug, Clone, Default)]
pub struct ConfigBaseline {
    /// Backends.
    pub backends: BTreeSet<String>,
    /// Servers by backend and name; `None` where the address is not certain.
    pub servers: BTreeMap<(String, String), Option<ServerAddress>>,
    /// False where a condition could not be decided, so that a server may exist that is not listed here.
    pub complete: bool,
    /// Lists that stand on configuration lines, by `FILE:LINE SAMPLE`. A line can hold several.
    pub inline: BTreeMap<String, Vec<Vec<String>>>,
}

impl LoadedConfig {
    /// Nothing is known, for one reason.
    pub fn unknown(why: &str) -> Self {
        LoadedConfig { config: Known::unknown(why), files: BTreeMap::new() }
    }

    /// Whether a file is as the worker loaded it.
    pub fn is_unchanged(&self, name: &str) -> Known<bool> {
        self.files.get(name).cloned().unwrap_or_else(|| Known::unknown(format!("{name} was not looked at")))
    }
}

impl ConfigBaseline {
    /// Reads it off the model of a copy.
    pub fn from_model(model: &Model) -> Self {
        let mut copied = ConfigBaseline { complete: model.undecided.is_empty(), ..ConfigBaseline::default() };
        for proxy in &model.proxies {
            if proxy.is_backend() {
                copied.backends.insert(proxy.name.clone());
            }
            for server in &proxy.servers {
                copied.servers.insert((proxy.name.clone(), server.name.clone()), literal_address(server));
            }
        }
        for definition in &model.patterns {
            let PatternSource::Inline { criterion, values, .. } = &definition.source else { continue };
            let name = format!("{}:{} {criterion}", definition.at.file, definition.at.line);
            copied.inline.entry(name).or_default().push(values.clone());
        }
        copied
    }
}

/// The address that the line itself says; one that a name stands for may have moved since.
fn literal_address(server: &ServerDef) -> Option<ServerAddress> {
    let ip = match &server.host {
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
        _ => return None,
    };
    let port = u16::try_from(server.port.servers_state_number()).ok()?;
    server.certain.then_some(ServerAddress { ip, port })
}

//! What the next worker would listen on.

use super::{BindOptions, Endpoint};
use super::{CertDef, CertKind, Config, GlobalSettings, Line, ProxyDef, Section, SourceLocation};
use super::{addresses, bind_addresses, certificates, peers};

/// How much a runtime socket may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatsSocketLevel {
    /// Reads what is not sensitive.
    User,
    /// Reads all, changes little.
    Operator,
    /// Changes everything.
    Admin,
}

/// One `stats parse_stats_socket` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsSocketDef {
    /// The path, or the address with its family, as written.
    pub address: String,
    /// The addresses in it.
    pub endpoints: Vec<Endpoint>,
    /// What else it says of them.
    pub options: BindOptions,
    /// The level it grants; `operator` unless the line says otherwise.
    pub level: StatsSocketLevel,
    /// Where it is.
    pub at: SourceLocation,
    /// False if the line may not be in force.
    pub certain: bool,
}

/// One `bind` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindDef {
    /// The proxy, `peers` or `log-forward` section it belongs to.
    pub proxy: String,
    /// The address word, as written.
    pub text: String,
    /// The addresses in it; a range of more than 64 ports stays one.
    pub addresses: Vec<String>,
    /// The same addresses, taken apart.
    pub endpoints: Vec<Endpoint>,
    /// What else it says of them.
    pub options: BindOptions,
    /// Its section is disabled, or left out for want of a local peer: nothing is bound.
    pub idle: bool,
    /// It speaks TLS.
    pub ssl: bool,
    /// The certificate files, folders and lists it names.
    pub certificates: Vec<String>,
    /// It takes datagrams (`dgram-bind`), not connections.
    pub datagram: bool,
    /// Where it is.
    pub at: SourceLocation,
    /// False if the line may not be in force, or its address is not known.
    pub certain: bool,
}

/// `unix-bind prefix` is put in front of every path of a unix socket in the lines after it.
#[derive(Debug, Clone)]
struct UnixBindPrefix {
    text: String,
    certain: bool,
}

impl UnixBindPrefix {
    fn new() -> Self {
        UnixBindPrefix { text: String::new(), certain: true }
    }

    fn update_from_line(&mut self, line: &Line, certain: bool) {
        let words = || line.words_from(1).zip(line.words_from(2));
        if let Some((_, prefix)) = words().find(|(word, _)| line.word(0) == "unix-bind" && *word == "prefix")
        {
            self.text = prefix.to_owned();
            self.certain &= certain;
        }
    }

    fn endpoints(&self, text: &str, datagram: bool) -> (Vec<Endpoint>, bool) {
        let all = bind_addresses::parse(text, datagram, &self.text);
        let certain = self.certain || !all.iter().any(|one| matches!(one, Endpoint::Unix(_)));
        (all, certain)
    }
}

pub(super) fn stats_sockets(config: &Config) -> Vec<StatsSocketDef> {
    let mut prefix = UnixBindPrefix::new();
    let mut found = Vec::new();
    for section in config.sections.iter().filter(|section| section.kind == "global") {
        for line in &section.lines {
            prefix.update_from_line(line, line.certain && section.certain);
            if (line.word(0), line.word(1)) == ("stats", "socket") {
                found.push(parse_stats_socket(section, line, &prefix));
            }
        }
    }
    found
}

fn parse_stats_socket(section: &Section, line: &Line, prefix: &UnixBindPrefix) -> StatsSocketDef {
    let words: Vec<&str> = line.words_from(3).collect();
    let level = words.iter().position(|word| *word == "level").and_then(|at| words.get(at + 1));
    let (endpoints, certain) = prefix.endpoints(line.word(2), false);
    StatsSocketDef {
        address: line.word(2).to_string(),
        endpoints,
        options: bind_addresses::parse_options(line.words_from(3)),
        level: match level.copied() {
            Some("user") => StatsSocketLevel::User,
            Some("admin") => StatsSocketLevel::Admin,
            _ => StatsSocketLevel::Operator,
        },
        at: line.at.clone(),
        certain: certain && line.certain && section.certain,
    }
}

pub(super) fn from_config(config: &Config, settings: &GlobalSettings, proxies: &[ProxyDef]) -> Vec<BindDef> {
    let disabled: Vec<&SourceLocation> =
        proxies.iter().filter(|proxy| proxy.disabled).map(|proxy| &proxy.at).collect();
    let mut prefix = UnixBindPrefix::new();
    let mut binds = Vec::new();
    for section in &config.sections {
        let idle = match section.kind.as_str() {
            "global" => {
                let lines = section.lines.iter();
                lines.for_each(|line| prefix.update_from_line(line, line.certain && section.certain));
                continue;
            }
            "frontend" | "listen" | "log-forward" => disabled.contains(&&section.at),
            "peers" => peers::is_idle(config, section),
            _ => continue,
        };
        for line in &section.lines {
            let own_peer = || {
                section.kind == "peers"
                    && config.localpeer.as_deref() == Some(line.word(1))
                    && !line.word(2).is_empty()
            };
            let word = match line.word(0) {
                "bind" | "dgram-bind" if !line.word(1).is_empty() => 1,
                "peer" if own_peer() => 2,
                _ => continue,
            };
            binds.push(BindDef { idle, ..parse_bind(section, line, word, settings, &prefix) });
        }
    }
    binds
}

fn parse_bind(
    section: &Section,
    line: &Line,
    address: usize,
    settings: &GlobalSettings,
    prefix: &UnixBindPrefix,
) -> BindDef {
    let is_key = |cert: &CertDef| cert.how != CertKind::CaFile;
    let in_force = line.certain && section.certain;
    let certificates = certificates::from_line(line, in_force, settings).into_iter().filter(is_key);
    let datagram = line.word(0) == "dgram-bind";
    let (endpoints, certain) = prefix.endpoints(line.word(address), datagram);
    BindDef {
        proxy: section.name.clone().unwrap_or_default(),
        text: line.word(address).to_string(),
        addresses: addresses::expand_bind_addresses(line.word(address)),
        endpoints,
        options: bind_addresses::parse_options(line.words_from(address + 1)),
        idle: false,
        ssl: line.words_from(address + 1).any(|word| word == "ssl"),
        certificates: certificates.map(|cert| cert.path).collect(),
        datagram,
        at: line.at.clone(),
        certain: certain && in_force,
    }
}

//! What the next worker would listen on.

use super::{At, CertDef, CertKind, Config, Line, Section, Settings, addresses, certificates};

/// How much a runtime socket may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Reads what is not sensitive.
    User,
    /// Reads all, changes little.
    Operator,
    /// Changes everything.
    Admin,
}

/// One `stats socket` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketDef {
    /// The path, or the address with its family, as written.
    pub address: String,
    /// The level it grants; `operator` unless the line says otherwise.
    pub level: Level,
    /// Where it is.
    pub at: At,
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
    /// It speaks TLS.
    pub ssl: bool,
    /// The certificate files, folders and lists it names.
    pub certificates: Vec<String>,
    /// It takes datagrams (`dgram-bind`), not connections.
    pub datagram: bool,
    /// Where it is.
    pub at: At,
    /// False if the line may not be in force, or its address is not known.
    pub certain: bool,
}

pub(super) fn sockets(config: &Config) -> Vec<SocketDef> {
    let globals = config.sections.iter().filter(|section| section.kind == "global");
    let socket = |section: &Section, line: &Line| {
        let words: Vec<&str> = line.from(3).collect();
        let level = words.iter().position(|word| *word == "level").and_then(|at| words.get(at + 1));
        SocketDef {
            address: line.word(2).to_string(),
            level: match level.copied() {
                Some("user") => Level::User,
                Some("admin") => Level::Admin,
                _ => Level::Operator,
            },
            at: line.at.clone(),
            certain: line.certain && section.certain,
        }
    };
    globals
        .flat_map(|section| {
            let lines =
                section.lines.iter().filter(|line| (line.word(0), line.word(1)) == ("stats", "socket"));
            lines.map(move |line| socket(section, line))
        })
        .collect()
}

pub(super) fn of(config: &Config, settings: &Settings) -> Vec<BindDef> {
    let mut binds = Vec::new();
    for section in &config.sections {
        let local = match section.kind.as_str() {
            "frontend" | "listen" | "log-forward" => false,
            "peers" => true,
            _ => continue,
        };
        for line in &section.lines {
            let word = match line.word(0) {
                "bind" | "dgram-bind" if !line.word(1).is_empty() => 1,
                "peer"
                    if local
                        && config.localpeer.as_deref() == Some(line.word(1))
                        && !line.word(2).is_empty() =>
                {
                    2
                }
                _ => continue,
            };
            binds.push(bind(section, line, word, settings));
        }
    }
    binds
}

fn bind(section: &Section, line: &Line, address: usize, settings: &Settings) -> BindDef {
    let certain = line.certain && section.certain;
    let is_key = |cert: &CertDef| cert.how != CertKind::CaFile;
    let certificates = certificates::of_line(line, certain, settings).into_iter().filter(is_key);
    BindDef {
        proxy: section.name.clone().unwrap_or_default(),
        text: line.word(address).to_string(),
        addresses: addresses::binds(line.word(address)),
        ssl: line.from(address + 1).any(|word| word == "ssl"),
        certificates: certificates.map(|cert| cert.path).collect(),
        datagram: line.word(0) == "dgram-bind",
        at: line.at.clone(),
        certain,
    }
}

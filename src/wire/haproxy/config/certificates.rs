//! Files of certificates.

use super::{Config, GlobalSettings, Line, Section, SourceLocation};

/// How a certificate file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertKind {
    /// `crt` of a `bind` or `server` line, or `default-crt`: a file, or a folder of them.
    Crt,
    /// `crt-list`: a list of files.
    CrtList,
    /// `load crt` of a `crt-store` section.
    CrtStore,
    /// `ca-file` or `ca-verify-file`.
    CaFile,
}

/// One use of a certificate file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertDef {
    /// The path, with the base folder in front if it is relative.
    pub path: String,
    /// The line that uses it.
    pub at: SourceLocation,
    /// How it is used.
    pub how: CertKind,
    /// False if the line may not be in force, or the path is not known.
    pub certain: bool,
}

fn with_base(base: Option<&String>, path: &str) -> String {
    match base {
        Some(base) if !path.starts_with(['/', '@']) => format!("{base}/{path}"),
        _ => path.to_string(),
    }
}

/// The certificates of one `bind`, `server`, `server-template` or `default-server` line.
pub(super) fn from_line(line: &Line, certain: bool, settings: &GlobalSettings) -> Vec<CertDef> {
    let mut found = Vec::new();
    let mut words = line.words_from(1);
    while let Some(word) = words.next() {
        let (how, base) = match word {
            "crt" | "default-crt" => (CertKind::Crt, settings.crt_base.as_ref()),
            "crt-list" => (CertKind::CrtList, None),
            "ca-file" | "ca-verify-file" => (CertKind::CaFile, settings.ca_base.as_ref()),
            _ => continue,
        };
        let Some(path) = words.next() else { break };
        found.push(CertDef { path: with_base(base, path), at: line.at.clone(), how, certain });
    }
    found
}

/// All certificates: of binds and servers in any section, and of the `crt-store` sections.
pub(super) fn from_config(config: &Config, settings: &GlobalSettings) -> Vec<CertDef> {
    config.sections.iter().flat_map(|section| from_section(section, settings)).collect()
}

fn from_section(section: &Section, settings: &GlobalSettings) -> Vec<CertDef> {
    let store = section.kind == "crt-store";
    let mut base = settings.crt_base.clone();
    let mut found = Vec::new();
    for line in &section.lines {
        let certain = line.certain && section.certain;
        match line.word(0) {
            "crt-base" if store => base = Some(line.word(1).to_string()),
            "load" if store => {
                let words: Vec<&str> = line.words_from(1).collect();
                let crt = words.iter().position(|word| *word == "crt").and_then(|at| words.get(at + 1));
                found.extend(crt.map(|path| CertDef {
                    path: with_base(base.as_ref(), path),
                    at: line.at.clone(),
                    how: CertKind::CrtStore,
                    certain,
                }));
            }
            "bind" | "server" | "server-template" | "default-server" | "peer" | "default-bind" => {
                found.extend(from_line(line, certain, settings));
            }
            _ => {}
        }
    }
    found
}

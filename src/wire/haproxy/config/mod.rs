//! What the HAProxy configuration files on disk would make the next worker hold.
//!
//! Three layers, all pure. A [`Document`] is a file, byte for byte, in lines. [`parse`] turns documents into sections
//! and lines of words the way HAProxy does it: quotes, escapes, environment, `.if` blocks. [`Model::from_config`] then
//! says which proxies, servers, binds, pattern lists, certificates and peers those lines define.
//!
//! What cannot be decided here (an environment that could not be read, a predicate about a library) is not guessed:
//! the lines that depend on it stay in the result with `certain: false`, and the reason is in `undecided`. A caller
//! that needs certainty must look at both.
//!
//! Grammar facts were taken from running 2.6, 2.8, 3.0, 3.2 and 3.4; where these differ, the version in
//! [`ParseContext`] decides, and without one the line is uncertain.

mod addresses;
mod bind_addresses;
mod binds;
mod certificates;
mod conditions;
mod defaults;
mod document;
mod environment;
mod globals;
mod model;
mod name_conflicts;
mod parser;
mod patterns;
mod peers;
#[cfg(test)]
mod property_tests;
mod proxies;
mod routes;
mod servers;
mod tokenizer;

pub use addresses::{Host, Port};
pub use bind_addresses::{BindHost, BindOptions, Endpoint};
pub use binds::{BindDef, StatsSocketDef, StatsSocketLevel};
pub use certificates::{CertDef, CertKind};
pub use document::{Document, DocumentLine, LineEnding, LineKind};
pub use globals::{GlobalSettings, ServerStateFile, ServerStateSource};
pub use model::Model;
pub use parser::parse;
pub use patterns::{PatternDef, PatternKind, PatternSource};
pub use peers::{PeersDef, StickTableDef};
pub use proxies::{ProxyDef, ProxyKind};
pub use routes::{RouteDef, RouteTarget, match_pattern};
pub use servers::ServerDef;

use std::collections::{BTreeMap, BTreeSet};

/// One configuration file, named as the master names it (`show acl` repeats that name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source<'a> {
    /// The name given to `-f`, or folder and file name for a folder given to `-f`.
    pub file: String,
    /// What the file holds.
    pub document: Document<'a>,
}

/// What surrounds the files and decides how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParseContext {
    /// The environment that the next worker would start with.
    pub env: BTreeMap<String, String>,
    /// Whether `env` is complete. If not, a variable that is neither in it nor set by the files is undecided.
    pub env_known: bool,
    /// The version of the binary.
    pub version: Option<(u32, u32, u32)>,
    /// The features listed with a plus by `haproxy -vv`.
    pub features: Option<BTreeSet<String>>,
    /// The host name, which is the local peer's name unless something else names it.
    pub hostname: Option<String>,
    /// The argument of `-L`.
    pub localpeer_arg: Option<String>,
}

/// The files, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Every section that is or may be in force, in the order of reading.
    pub sections: Vec<Section>,
    /// What could not be decided.
    pub undecided: Vec<Undecided>,
    /// What HAProxy would complain about while it reads.
    pub problems: Vec<Problem>,
    /// The name of the local peer: `-L`, else `localpeer` in the files, else the host name.
    pub localpeer: Option<String>,
    /// False if that name is not known, or depends on a line that may not be in force.
    pub localpeer_certain: bool,
    /// The variables that the files change, or may change: true where the new value does not depend on the old one.
    pub variables: BTreeMap<String, bool>,
}

/// One section: its heading and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The first word of the heading, for example `backend`.
    pub kind: String,
    /// The name, where the section has one.
    pub name: Option<String>,
    /// The `defaults` section named after `from`.
    pub from: Option<String>,
    /// Where the heading is.
    pub at: SourceLocation,
    /// The lines, without the heading.
    pub lines: Vec<Line>,
    /// False if the heading itself may not be in force, or is not fully known.
    pub certain: bool,
}

/// One line of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it is.
    pub at: SourceLocation,
    /// Its words, up to the first empty one (where HAProxy stops reading).
    pub words: Vec<Word>,
    /// False if the line may not be in force, or if one of its words is uncertain.
    pub certain: bool,
}

impl Line {
    /// The word at `index`, or nothing, as HAProxy sees a missing argument.
    pub fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| word.text.as_str())
    }

    /// All words from `index` on.
    pub fn words_from(&self, index: usize) -> impl Iterator<Item = &str> {
        self.words.iter().skip(index).map(|word| word.text.as_str())
    }
}

/// One word of a line, after quotes, escapes and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text; an undecided variable stays in it as `${NAME}`.
    pub text: String,
    /// False if the text depends on something undecided.
    pub certain: bool,
}

/// A place in the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceLocation {
    /// The file, named as in [`Source`].
    pub file: String,
    /// The line, counted from one.
    pub line: usize,
}

/// Something that could not be decided from the text and its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Where it is.
    pub at: SourceLocation,
    /// What could not be decided, and why.
    pub why: String,
}

/// Something that HAProxy would complain about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub at: SourceLocation,
    /// What is wrong with it.
    pub what: String,
}

/// The files of a folder given to `-f`, in the order in which HAProxy loads them.
///
/// It keeps names that end in `.cfg` and do not start with a dot, in the byte order of the C locale.
pub fn folder_order<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut kept: Vec<String> = names
        .into_iter()
        .map(|name| name.as_ref().to_string())
        .filter(|name| name.ends_with(".cfg") && !name.starts_with('.'))
        .collect();
    kept.sort();
    kept
}

/// The dialects that split a line differently, as found by running the five branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Before 2.8: an unset variable alone in quotes is an empty word.
    Before28,
    /// 2.8 to 3.2: such a word vanishes, and an unset variable at the end of a word glues the next one to it.
    From28To32,
    /// From 3.3 on: such a word is empty again, and an empty word is fatal.
    From33,
    /// The version is not known.
    Unknown,
}

impl Dialect {
    fn from_version(version: Option<(u32, u32, u32)>) -> Self {
        match version {
            None => Dialect::Unknown,
            Some((major, minor, _)) if (major, minor) < (2, 8) => Dialect::Before28,
            Some((major, minor, _)) if (major, minor) < (3, 3) => Dialect::From28To32,
            Some(_) => Dialect::From33,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_visible_cfg_files_in_byte_order() {
        let names =
            ["a.cfg", ".b.cfg", "B.cfg", "c.cfg.bak", "z.conf", "Z1.cfg", "_x.cfg", "10.cfg", "2.cfg"];
        assert_eq!(folder_order(names), ["10.cfg", "2.cfg", "B.cfg", "Z1.cfg", "_x.cfg", "a.cfg"]);
    }
}

//! Pattern lists: every file of an ACL or map, and every list that an ACL expression makes.
//!
//! HAProxy makes one list per ACL expression, even an empty one, and shows it with `show acl` as
//! `parse_acl 'path_beg' file 'h.cfg' line 19`. Anonymous expressions in braces make one too, and so does the
//! first use of a predefined ACL such as `METH_GET` in each proxy. The files are shown by their path.

use super::{Config, Line, Section, SourceLocation};
use std::collections::BTreeSet;

/// What a pattern file is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatternKind {
    /// A map: keys and values.
    Map,
    /// An ACL: values only.
    Acl,
}

/// Where the patterns of a list come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternSource {
    /// A file; the same file is one list, however often it is used.
    File {
        /// The path, as written (it may be a name in memory, such as `virt@name`).
        path: String,
        /// What it is loaded for. A file of `parse_acl -M -f` appears once for each.
        kind: PatternKind,
    },
    /// The line itself; with the place of the definition this is what `show acl` calls the list.
    Inline {
        /// The section that it is in.
        proxy: String,
        /// The name of the ACL; anonymous ones have none.
        acl_name: Option<String>,
        /// The keyword that `show acl` prints.
        criterion: String,
        /// The values on the line.
        values: Vec<String>,
    },
}

/// One use of a pattern list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternDef {
    /// Where it is used.
    pub at: SourceLocation,
    /// Where its patterns come from.
    pub source: PatternSource,
    /// False if the line may not be in force, or is not fully known.
    pub certain: bool,
}

/// The ACLs that exist without being defined, with the keyword and the values behind them.
const PREDEFINED: [(&str, &str, &[&str]); 23] = [
    ("TRUE", "always_true", &[]),
    ("FALSE", "always_false", &[]),
    ("LOCALHOST", "src", &["127.0.0.1/8", "::1"]),
    ("HTTP", "req.proto_http", &[]),
    ("HTTP_1.0", "req.ver", &["1.0"]),
    ("HTTP_1.1", "req.ver", &["1.1"]),
    ("HTTP_2.0", "req.ver", &["2.0"]),
    ("HTTP_3.0", "req.ver", &["3.0"]),
    ("HTTP_CONTENT", "req.hdr_val", &["0"]),
    ("HTTP_URL_ABS", "url_reg", &["^[^/:]*://"]),
    ("HTTP_URL_SLASH", "url_beg", &["/"]),
    ("HTTP_URL_STAR", "url", &["*"]),
    ("METH_CONNECT", "method", &["CONNECT"]),
    ("METH_DELETE", "method", &["DELETE"]),
    ("METH_GET", "method", &["GET", "HEAD"]),
    ("METH_HEAD", "method", &["HEAD"]),
    ("METH_OPTIONS", "method", &["OPTIONS"]),
    ("METH_POST", "method", &["POST"]),
    ("METH_PUT", "method", &["PUT"]),
    ("METH_TRACE", "method", &["TRACE"]),
    ("RDP_COOKIE", "req.rdp_cookie_cnt", &["0"]),
    ("REQ_CONTENT", "req.len", &["0"]),
    ("WAIT_END", "wait_end", &[]),
];

/// The pattern lists of all sections.
pub(super) fn from_config(config: &Config) -> Vec<PatternDef> {
    let mut found = Vec::new();
    for section in &config.sections {
        let conditions = matches!(
            section.kind.as_str(),
            "frontend"
                | "backend"
                | "listen"
                | "defaults"
                | "fcgi-app"
                | "healthcheck"
                | "log-profile"
                | "ring"
        );
        let mut finder = Finder { section, known: BTreeSet::new(), found: &mut found };
        for line in &section.lines {
            finder.maps(line);
            if conditions && line.word(0) == "acl" && !line.word(2).is_empty() {
                let words: Vec<&str> = line.words_from(2).collect();
                finder.expression(line, Some(line.word(1)), &words);
                finder.known.insert(line.word(1));
            } else if conditions {
                finder.condition(line);
            }
        }
    }
    found
}

struct Finder<'a, 'out> {
    section: &'a Section,
    /// ACLs that have a name here already.
    known: BTreeSet<&'a str>,
    found: &'out mut Vec<PatternDef>,
}

impl<'a> Finder<'a, '_> {
    fn add(&mut self, line: &Line, source: PatternSource) {
        let certain = line.certain && self.section.certain;
        self.found.push(PatternDef { at: line.at.clone(), source, certain });
    }

    fn add_file(&mut self, line: &Line, path: &str, kind: PatternKind) {
        self.add(line, PatternSource::File { path: path.to_string(), kind });
    }

    fn add_inline(&mut self, line: &Line, acl_name: Option<&str>, criterion: String, values: Vec<String>) {
        let proxy = self.section.name.clone().unwrap_or_default();
        let acl_name = acl_name.map(str::to_string);
        self.add(line, PatternSource::Inline { proxy, acl_name, criterion, values });
    }

    /// One ACL expression: the keyword, options, values.
    fn expression(&mut self, line: &Line, acl_name: Option<&str>, words: &[&str]) {
        let Some((subject, mut rest)) = words.split_first() else { return };
        let mut kinds = vec![PatternKind::Acl];
        while let Some((option, after)) = rest.split_first().filter(|(word, _)| word.starts_with('-')) {
            rest = after;
            match *option {
                "--" => break,
                "-f" | "-m" | "-u" => {
                    let Some((argument, after)) = rest.split_first() else { break };
                    rest = after;
                    if *option == "-f" {
                        kinds.iter().for_each(|kind| self.add_file(line, argument, *kind));
                    }
                }
                "-M" => kinds = vec![PatternKind::Map, PatternKind::Acl],
                _ => {}
            }
        }
        let values = rest.iter().map(|value| (*value).to_string()).collect();
        self.add_inline(line, acl_name, criterion(subject), values);
    }

    /// The condition of a rule: anonymous expressions and the first use of predefined ACLs.
    fn condition(&mut self, line: &'a Line) {
        let words: Vec<&'a str> = line.words_from(0).collect();
        let starts = (1..words.len()).filter(|at| matches!(words[*at], "if" | "unless"));
        // `if` can be an ordinary argument as well: the condition is the first rest of the line that parses.
        let Some(terms) = starts.filter_map(|at| self.terms(&words[at + 1..])).next() else { return };
        for term in terms {
            match term {
                Term::Anonymous(words) => self.expression(line, None, words),
                Term::Named(name) => {
                    let predefined = PREDEFINED.iter().find(|(known, ..)| *known == name);
                    if let Some((name, criterion, values)) = predefined
                        && self.known.insert(name)
                    {
                        let values = values.iter().map(|value| (*value).to_string()).collect();
                        self.add_inline(line, Some(name), (*criterion).to_string(), values);
                    }
                }
            }
        }
    }

    /// The terms of a condition, or nothing if the words are not one.
    fn terms<'w>(&self, mut words: &'w [&'a str]) -> Option<Vec<Term<'w, 'a>>> {
        let mut terms = Vec::new();
        while let Some((word, rest)) = words.split_first() {
            words = rest;
            let name = word.trim_start_matches('!');
            if name.is_empty() || name == "||" || name.eq_ignore_ascii_case("or") {
                continue;
            }
            if name == "{" {
                let end = words.iter().position(|word| *word == "}")?;
                terms.push(Term::Anonymous(&words[..end]));
                words = &words[end + 1..];
            } else if self.known.contains(name) || PREDEFINED.iter().any(|(known, ..)| *known == name) {
                terms.push(Term::Named(name));
            } else {
                return None;
            }
        }
        (!terms.is_empty()).then_some(terms)
    }

    /// Every map converter, anywhere in the line.
    fn maps(&mut self, line: &Line) {
        for word in line.words_from(0) {
            for path in map_paths(word) {
                self.add_file(line, &path, PatternKind::Map);
            }
        }
    }
}

enum Term<'w, 'a> {
    Anonymous(&'w [&'a str]),
    Named(&'a str),
}

/// The keyword that HAProxy shows for an expression.
///
/// It is the one that is written, except that converters after a keyword with a matching method built in
/// (`path_beg,lower`) leave only the fetch (`path`).
fn criterion(subject: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let end = subject.find(|c| !is_name(c)).unwrap_or(subject.len());
    let (keyword, mut rest) = subject.split_at(end);
    if rest.starts_with('(') {
        rest = rest.find("),").map_or("", |at| &rest[at + 1..]);
    }
    if !rest.starts_with(',') {
        return keyword.to_string();
    }
    let suffixes = ["_beg", "_dir", "_dom", "_end", "_len", "_reg", "_sub"];
    let stem = suffixes.iter().find_map(|suffix| keyword.strip_suffix(suffix)).unwrap_or(keyword);
    let fetch = match stem {
        "hdr" => "req.hdr",
        "cook" => "req.cook",
        "scook" => "res.cook",
        "shdr" => "res.hdr",
        "base" | "path" | "url" | "urlp" | "ssl_fc_sni" => stem,
        _ => match keyword {
            "payload" => "req.payload",
            "payload_lv" => "req.payload_lv",
            "req_rdp_cookie" => "req.rdp_cookie",
            "req_rdp_cookie_cnt" => "req.rdp_cookie_cnt",
            "req_ssl_sni" => "req.ssl_sni",
            "req_ssl_ver" => "req.ssl_ver",
            "req_ver" => "req.ver",
            "resp_ver" => "res.ver",
            other => other,
        },
    };
    fetch.to_string()
}

/// The files of the map converters in a word: `map(F)`, `map_beg(F,default)`, `map_str_int(F)`, `map_ip_key(F)`.
fn map_paths(word: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find("map") {
        let before = rest[..at].chars().next_back();
        let after = &rest[at + 3..];
        rest = after;
        let end = after.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(after.len());
        let method = &after[..end];
        let known = method.is_empty() || method.strip_prefix('_').is_some_and(is_map_method);
        let Some(inside) = after[end..].strip_prefix('(') else { continue };
        // A converter follows a comma; `set-map(` and the like are actions, not converters.
        if before == Some(',') && known {
            paths.extend(Some(first_argument(inside)).filter(|path| !path.is_empty()));
        }
    }
    paths
}

fn is_map_method(method: &str) -> bool {
    let method =
        ["_int", "_ip", "_key", "_str"].iter().find_map(|out| method.strip_suffix(out)).unwrap_or(method);
    matches!(method, "str" | "beg" | "sub" | "dir" | "dom" | "end" | "reg" | "regm" | "int" | "ip")
}

/// The first argument of a converter, without its own quotes and escapes.
fn first_argument(text: &str) -> String {
    let (mut single, mut double, mut out) = (false, false, String::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if !single => double = !double,
            '\'' if !double => single = !single,
            '\\' if !single => {
                out.push(letters.next_if(|next| matches!(next, '\\' | ' ' | '"' | '\'')).unwrap_or('\\'));
            }
            ',' | ')' if !single && !double => break,
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
#[path = "patterns_tests.rs"]
mod tests;

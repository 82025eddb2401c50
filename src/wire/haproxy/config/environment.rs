//! The environment as a line of the files sees it: what the worker starts with, changed by lines before.

use super::{ParseContext, Word};
use std::collections::{BTreeMap, BTreeSet};

/// Variables that HAProxy itself sets while it starts; they are not in any file.
const SET_BY_HAPROXY: [&str; 12] = [
    "HAPROXY_CFGFILES",
    "HAPROXY_CLI",
    "HAPROXY_HTTPS_LOG_FMT",
    "HAPROXY_HTTP_CLF_LOG_FMT",
    "HAPROXY_HTTP_LOG_FMT",
    "HAPROXY_KEYLOG_BC_LOG_FMT",
    "HAPROXY_KEYLOG_FC_LOG_FMT",
    "HAPROXY_MASTER_CLI",
    "HAPROXY_MWORKER",
    "HAPROXY_STARTUP_VERSION",
    "HAPROXY_TCP_CLF_LOG_FMT",
    "HAPROXY_TCP_LOG_FMT",
];

/// What is known about one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lookup {
    /// It has this value.
    Set(String),
    /// It does not exist.
    Unset,
    /// It is not known.
    Unknown,
}

/// The variables at one point of the reading.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    known: BTreeMap<String, Lookup>,
    /// What holds for every variable that is not in `known`.
    others_unset: bool,
}

impl Environment {
    pub(super) fn new(context: &ParseContext) -> Self {
        let mut known: BTreeMap<String, Lookup> =
            context.env.iter().map(|(name, value)| (name.clone(), Lookup::Set(value.clone()))).collect();
        for name in SET_BY_HAPROXY {
            known.insert(name.to_string(), Lookup::Unknown);
        }
        let branch = match context.version {
            Some((major, minor, _)) if (major, minor) >= (2, 8) => Lookup::Set(format!("{major}.{minor}")),
            _ => Lookup::Unknown,
        };
        known.insert("HAPROXY_BRANCH".to_string(), branch);
        let local = context.localpeer_arg.clone().or_else(|| context.hostname.clone());
        known.insert("HAPROXY_LOCALPEER".to_string(), local.map_or(Lookup::Unknown, Lookup::Set));
        Environment { known, others_unset: context.env_known }
    }

    pub(super) fn get(&self, name: &str) -> Lookup {
        match self.known.get(name) {
            Some(lookup) => lookup.clone(),
            None if self.others_unset => Lookup::Unset,
            None => Lookup::Unknown,
        }
    }

    /// Follows a line of the `global` section that changes the environment; `sure` is false for a line that
    /// may not be in force. Returns false if it was not such a line.
    pub(super) fn apply_line(&mut self, words: &[Word], sure: bool) -> bool {
        let Some((keyword, arguments)) = words.split_first() else { return false };
        let text = |index: usize| arguments.get(index).map_or("", |word| word.text.as_str());
        match keyword.text.as_str() {
            "setenv" | "presetenv" if arguments.len() < 2 => {}
            "setenv" | "presetenv" if !arguments[0].certain => self.forget_all(),
            "setenv" => self.set_variable(text(0), word_value(&arguments[1]), sure),
            "presetenv" => match self.get(text(0)) {
                Lookup::Set(_) => {}
                Lookup::Unset => self.set_variable(text(0), word_value(&arguments[1]), sure),
                Lookup::Unknown => self.set_variable(text(0), Lookup::Unknown, true),
            },
            "unsetenv" | "resetenv" if arguments.iter().any(|word| !word.certain) => self.forget_all(),
            "unsetenv" => {
                for word in arguments {
                    self.set_variable(&word.text, Lookup::Unset, sure);
                }
            }
            "resetenv" => self.reset(arguments.iter().map(|word| word.text.as_str()).collect(), sure),
            "localpeer" => {
                // Whether the variable follows this keyword differs between branches (3.2 empties it).
                self.set_variable("HAPROXY_LOCALPEER", Lookup::Unknown, true);
                return false;
            }
            _ => return false,
        }
        true
    }

    fn set_variable(&mut self, name: &str, to: Lookup, sure: bool) {
        let to = if sure || self.get(name) == to { to } else { Lookup::Unknown };
        self.known.insert(name.to_string(), to);
    }

    /// After a line that may have changed anything.
    pub(super) fn forget_all(&mut self) {
        self.known.values_mut().for_each(|lookup| *lookup = Lookup::Unknown);
        self.others_unset = false;
    }

    fn reset(&mut self, keep: BTreeSet<&str>, sure: bool) {
        if !self.others_unset {
            for name in &keep {
                self.known.entry((*name).to_string()).or_insert(Lookup::Unknown);
            }
        }
        for (name, lookup) in &mut self.known {
            if !keep.contains(name.as_str()) && *lookup != Lookup::Unset {
                *lookup = if sure { Lookup::Unset } else { Lookup::Unknown };
            }
        }
        self.others_unset |= sure;
    }

    /// Expands `$NAME` and `${NAME}` the way HAProxy does it in addresses, even without quotes.
    ///
    /// Returns `None` where nothing is to expand, else the text and the names that are undecided.
    pub(super) fn expand_address(&self, text: &str) -> Option<(String, Vec<String>)> {
        if !text.contains('$') {
            return None;
        }
        let (mut out, mut undecided, mut rest) = (String::new(), Vec::new(), text);
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            let body = after.strip_prefix('{').unwrap_or(after);
            let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(body.len());
            let name = &body[..end];
            rest = &body[end..];
            if after.starts_with('{') {
                rest = rest.strip_prefix('}').unwrap_or(rest);
            }
            match self.get(name) {
                _ if name.is_empty() => {}
                Lookup::Set(value) => out.push_str(&value),
                Lookup::Unset => {}
                Lookup::Unknown => {
                    out.push_str(&format!("${{{name}}}"));
                    undecided.push(name.to_string());
                }
            }
        }
        out.push_str(rest);
        Some((out, undecided))
    }
}

fn word_value(word: &Word) -> Lookup {
    if word.certain { Lookup::Set(word.text.clone()) } else { Lookup::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(known: bool) -> Environment {
        let env = [("A", "1"), ("B", "2")].map(|(k, v)| (k.to_string(), v.to_string())).into();
        Environment::new(&ParseContext { env, env_known: known, ..ParseContext::default() })
    }

    fn split_line(line: &str) -> Vec<Word> {
        line.split(' ').map(|text| Word { text: text.to_string(), certain: true }).collect()
    }

    fn set(value: &str) -> Lookup {
        Lookup::Set(value.to_string())
    }

    #[test]
    fn lines_change_what_later_lines_see() {
        let cases = [
            ("setenv overwrites", "setenv A x", true, "A", set("x")),
            ("presetenv keeps", "presetenv A x", true, "A", set("1")),
            ("presetenv sets what is missing", "presetenv C x", true, "C", set("x")),
            ("unsetenv", "unsetenv B A", true, "A", Lookup::Unset),
            ("resetenv drops the unnamed", "resetenv B", true, "A", Lookup::Unset),
            ("resetenv keeps the named", "resetenv B", true, "B", set("2")),
            ("a line that may not be in force", "setenv A x", false, "A", Lookup::Unknown),
            ("the same value either way", "setenv A 1", false, "A", set("1")),
            ("an unsure resetenv", "resetenv B", false, "A", Lookup::Unknown),
            ("setenv without a value", "setenv A", true, "A", set("1")),
        ];
        for (situation, line, sure, name, expected) in cases {
            let mut env = environment(true);
            assert!(env.apply_line(&split_line(line), sure), "{situation}");
            assert_eq!(env.get(name), expected, "{situation}");
        }
    }

    #[test]
    fn what_could_not_be_read_stays_unknown() {
        let mut env = environment(false);
        assert_eq!(env.get("C"), Lookup::Unknown);
        env.apply_line(&split_line("presetenv C x"), true);
        assert_eq!(env.get("C"), Lookup::Unknown, "presetenv would keep a value that we cannot see");
        env.apply_line(&split_line("resetenv A D"), true);
        assert_eq!(env.get("C"), Lookup::Unset, "a sure resetenv settles it");
        assert_eq!(env.get("never named"), Lookup::Unset, "for every other name too");
        assert_eq!(env.get("D"), Lookup::Unknown, "but not for what it keeps");
        assert_eq!(env.get("HAPROXY_CFGFILES"), Lookup::Unset);
    }

    #[test]
    fn addresses_expand_variables_without_quotes() {
        let env = environment(true);
        let text = |input| env.expand_address(input).map(|(text, _)| text);
        assert_eq!(text("${A}:$B"), Some("1:2".to_string()));
        assert_eq!(text("x${NOPE}y"), Some("xy".to_string()));
        assert_eq!(text("127.0.0.1:80"), None);
        assert_eq!(environment(false).expand_address("${Q}:1"), Some(("${Q}:1".into(), vec!["Q".into()])));
    }
}

//! Which requests go to which backend, as far as the files say it: `use_backend`, `default_backend`, and their conditions.

use std::collections::{BTreeMap, BTreeSet};

use super::defaults::proxy_sections;
use super::{Config, Line, SourceLocation};

/// One rule that sends requests from a frontend to a backend. Rules of a frontend are tried in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteDef {
    /// The frontend.
    pub frontend: String,
    /// Where the rule is.
    pub at: SourceLocation,
    /// False if the line may not be in force.
    pub certain: bool,
    /// Where it leads.
    pub to: RouteTarget,
    /// The host names that it is for; empty for every host.
    pub hosts: Vec<String>,
    /// What else must hold, in words; empty for nothing.
    pub when: String,
}

/// Where a rule leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteTarget {
    /// To this backend.
    Backend(String),
    /// To the backend that a map gives.
    Map {
        /// The map's file.
        file: String,
        /// The backend for what is not in it.
        default: Option<String>,
        /// What is looked up.
        sample: String,
        /// How a key has to fit: str, beg, end, sub, dir, dom or reg.
        method: String,
    },
    /// That is decided anew for each request, by this expression.
    Expression(String),
}

/// One condition as written: the sample, the flags, the values.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Criterion {
    host: Option<Vec<String>>,
    words: String,
}

/// The rules of every frontend and listen section, in their order, the default last.
pub(super) fn from_config(config: &Config) -> Vec<RouteDef> {
    let mut found = Vec::new();
    for with_defaults in proxy_sections(config) {
        let section = with_defaults.section;
        if section.kind == "backend" {
            continue;
        }
        let frontend = section.name.clone().unwrap_or_default();
        let mut acls: BTreeMap<&str, Vec<Criterion>> = BTreeMap::new();
        // A further line of an ACL counts for the rules before it too.
        let mut unsure: BTreeSet<&str> = BTreeSet::new();
        for (line, certain) in
            with_defaults.lines().filter(|(line, _)| line.word(0) == "acl" && !line.word(2).is_empty())
        {
            let words: Vec<&str> = line.words_from(2).collect();
            acls.entry(line.word(1)).or_default().push(parse_criterion(&words));
            unsure.extend((!certain).then_some(line.word(1)));
        }
        for (line, certain) in with_defaults.lines().filter(|(line, _)| line.word(0) == "use_backend") {
            let sure = !line.words_from(2).any(|word| unsure.contains(word.trim_start_matches('!')));
            found.extend(expand_rule(&frontend, line, certain && sure, &acls));
        }
        let default =
            with_defaults.last_with_keyword("default_backend").filter(|(line, _)| !line.word(1).is_empty());
        let own =
            || (section.kind == "listen").then(|| (section.at.clone(), section.certain, frontend.clone()));
        let default = default.map(|(line, certain)| (line.at.clone(), certain, line.word(1).to_owned()));
        found.extend(default.or_else(own).map(|(at, certain, name)| RouteDef {
            frontend: frontend.clone(),
            at,
            certain,
            to: RouteTarget::Backend(name),
            hosts: Vec::new(),
            when: "no other rule fits".to_owned(),
        }));
    }
    found
}

/// One route for each alternative of the condition.
fn expand_rule(
    frontend: &str,
    line: &Line,
    certain: bool,
    acls: &BTreeMap<&str, Vec<Criterion>>,
) -> Vec<RouteDef> {
    let words: Vec<&str> = line.words_from(2).collect();
    let route = |hosts: Vec<String>, when: String| RouteDef {
        frontend: frontend.to_owned(),
        at: line.at.clone(),
        certain,
        to: parse_target(line.word(1)),
        hosts,
        when,
    };
    match words.split_first() {
        None => vec![route(Vec::new(), String::new())],
        Some((&"if", condition)) => {
            let alternatives = alternatives(condition, acls);
            alternatives.into_iter().map(|(hosts, when)| route(hosts, when)).collect()
        }
        Some((&"unless", condition)) => {
            let alternatives = alternatives(condition, acls).into_iter();
            let words = |(hosts, when): (Vec<String>, String)| match (hosts.is_empty(), when.is_empty()) {
                (true, _) => when,
                (false, true) => format!("the host is {}", hosts.join(" or ")),
                (false, false) => format!("the host is {} and {when}", hosts.join(" or ")),
            };
            vec![route(
                Vec::new(),
                format!("not ({})", alternatives.map(words).collect::<Vec<_>>().join(" or ")),
            )]
        }
        Some(_) => vec![route(Vec::new(), "a condition holds that could not be read".to_owned())],
    }
}

/// The alternatives of a condition: hosts, and what else must hold.
fn alternatives(words: &[&str], acls: &BTreeMap<&str, Vec<Criterion>>) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let (mut hosts, mut when): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        if matches!(*word, "||" | "or" | "OR" | "Or") {
            found.push((std::mem::take(&mut hosts), std::mem::take(&mut when).join(" and ")));
            continue;
        }
        // `!` may stand alone, and several of them undo each other.
        let negated = word.chars().take_while(|c| *c == '!').count() % 2 == 1;
        let mut name = word.trim_start_matches('!');
        if name.is_empty() {
            let Some((next, after)) = rest.split_first() else { break };
            (name, rest) = (next, after);
        }
        let term: Vec<Criterion> = if name == "{" {
            let end = rest.iter().position(|word| *word == "}").unwrap_or(rest.len());
            let (inside, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            vec![parse_criterion(inside)]
        } else {
            acls.get(name).cloned().unwrap_or_else(|| vec![Criterion { host: None, words: name.to_owned() }])
        };
        // Several lines of one ACL are alternatives; they are hosts only if all of them are, and if no other term is.
        let all: Option<Vec<String>> =
            term.iter().map(|one| one.host.clone()).collect::<Option<Vec<_>>>().map(|all| all.concat());
        match all {
            Some(all) if !negated && hosts.is_empty() => hosts = all,
            _ => {
                let words: Vec<String> = term.into_iter().map(|one| one.words).collect();
                let words = words.join(" or ");
                when.push(if negated { format!("not ({words})") } else { words });
            }
        }
    }
    found.push((hosts, when.join(" and ")));
    found
}

/// Samples that are the name a client asks for.
const HOST_SAMPLES: &[&str] = &[
    "hdr(host)",
    "req.hdr(host)",
    "req.fhdr(host)",
    "ssl_fc_sni",
    "req.ssl_sni",
    "req_ssl_sni",
    "hdr(Host)",
    "req.hdr(Host)",
];

/// Samples whose values everybody may see.
const NON_SENSITIVE_SAMPLES: &[&str] = &[
    "path",
    "src",
    "dst",
    "method",
    "ssl_fc",
    "nbsrv",
    "base",
    "req.ver",
    "srv_is_up",
    "fe_",
    "be_",
    "always_",
    "req.proto",
];

/// `hdr_end(host)` and its like.
fn is_host_variant(subject: &str) -> bool {
    subject.split_once('(').is_some_and(|(name, rest)| {
        (name.starts_with("hdr_") || name.starts_with("req.hdr"))
            && rest.to_ascii_lowercase().starts_with("host)")
    })
}

/// Reads `hdr(host) -i a.example b.example`.
fn parse_criterion(words: &[&str]) -> Criterion {
    let Some((subject, rest)) = words.split_first() else {
        return Criterion { host: None, words: String::new() };
    };
    // A header, a cookie or a password that is asked for may be a secret.
    let harmless = HOST_SAMPLES.iter().any(|host| subject.starts_with(host))
        || NON_SENSITIVE_SAMPLES.iter().any(|name| subject.starts_with(name));
    let harmless = harmless || is_host_variant(subject);
    let words = if harmless { words.join(" ") } else { format!("{subject} has a certain value") };
    let shown = Criterion { host: None, words };
    let (mut rest, mut method, mut files) = (rest, "", Vec::new());
    while let Some((flag, after)) = rest.split_first().filter(|(word, _)| word.starts_with('-')) {
        rest = after;
        match *flag {
            "--" => break,
            "-m" | "-f" | "-u" => {
                let Some((value, after)) = rest.split_first() else { break };
                rest = after;
                match *flag {
                    "-m" => method = value,
                    "-f" => files.push(*value),
                    _ => {}
                }
            }
            "-i" | "-n" | "-M" => {}
            _ => return shown,
        }
    }
    // Converters that leave the name what it is.
    let sample = subject.split("),").next().map_or(String::new(), |first| {
        match first.ends_with(')') || !first.contains('(') {
            true => first.to_owned(),
            false => format!("{first})"),
        }
    });
    let converters = subject.strip_prefix(sample.as_str()).unwrap_or_default();
    let harmless = converters.is_empty()
        || converters
            .split(',')
            .all(|one| matches!(one, "" | "lower" | "host_only" | "field(1,:)" | "field(1" | ":)"));
    let suffix = ["_beg", "_dom", "_end", "_reg", "_sub", "_dir"]
        .into_iter()
        .find(|suffix| sample.split('(').next().is_some_and(|name| name.ends_with(suffix)));
    let base = suffix.map_or(sample.clone(), |suffix| sample.replacen(suffix, "", 1));
    if !harmless || !HOST_SAMPLES.contains(&base.as_str()) {
        return shown;
    }
    let method = suffix.map_or(method, |suffix| suffix.trim_start_matches('_'));
    let named = rest.iter().map(|value| match_pattern(method, value));
    let listed = files.iter().map(|file| format!("the names in {file}"));
    let hosts: Vec<String> = named.chain(listed).collect();
    match hosts.is_empty() || method == "found" {
        true => shown,
        false => Criterion { host: Some(hosts), ..shown },
    }
}

/// The names that fit a value by this method.
pub fn match_pattern(method: &str, value: &str) -> String {
    match method {
        "" | "str" => value.to_owned(),
        "end" => format!("*{value}"),
        "beg" => format!("{value}*"),
        "sub" => format!("*{value}*"),
        "dom" => format!("*.{value}.* (whole labels)"),
        other => format!("{value} ({other})"),
    }
}

/// Reads the word after `use_backend`.
fn parse_target(word: &str) -> RouteTarget {
    if !word.contains("%[") {
        return RouteTarget::Backend(word.to_owned());
    }
    let other = || RouteTarget::Expression(word.to_owned());
    let Some(inside) = word.strip_prefix("%[").and_then(|rest| rest.strip_suffix(']')) else {
        return other();
    };
    let Some(at) = inside.rfind(",map") else { return other() };
    let (sample, converter) = (&inside[..at], &inside[at + 1..]);
    let Some((name, arguments)) = converter.split_once('(') else { return other() };
    let plain =
        ["map", "map_str", "map_dom", "map_end", "map_beg", "map_reg", "map_sub", "map_dir"].contains(&name);
    // Nothing may follow: a converter after the map changes what it gives.
    let Some(arguments) = arguments.strip_suffix(')').filter(|inside| plain && !inside.contains(')')) else {
        return other();
    };
    let (file, default) = match arguments.split_once(',') {
        Some((file, default)) => (file, Some(default.to_owned())),
        None => (arguments, None),
    };
    RouteTarget::Map {
        file: file.trim_matches(['"', '\'']).to_owned(),
        default,
        sample: sample.to_owned(),
        method: name.strip_prefix("map_").unwrap_or("str").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::haproxy::config::{ParseContext, Source, parse};

    fn routes(text: &str) -> Vec<String> {
        let source = Source { file: "h.cfg".into(), document: text.into() };
        let found =
            from_config(&parse(&[source], &ParseContext { env_known: true, ..ParseContext::default() }));
        let shown = |route: RouteDef| {
            let to = match route.to {
                RouteTarget::Backend(name) => name,
                RouteTarget::Map { file, default, sample, method } => {
                    format!("map {file} {sample} {method} {default:?}")
                }
                RouteTarget::Expression(word) => format!("? {word}"),
            };
            format!("{} [{}] {{{}}} -> {to}", route.frontend, route.hosts.join(" "), route.when)
        };
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn host_conditions_are_kept_apart_from_other_conditions() {
        let text = "defaults\n default_backend web\nfrontend f\n acl is_api hdr(host) -i api.example\n acl is_api hdr_end(host) .api.example\n \
                    acl v2 path_beg /v2\n use_backend api2 if is_api v2\n use_backend api if is_api or { req.hdr(host),lower -m str x.example }\n \
                    use_backend not if !is_api\n use_backend un unless v2\n use_backend all\n use_backend sni if { ssl_fc_sni -m end .s.example } \
                    !{ src 10.0.0.0/8 }\n use_backend file if { hdr(host) -f /etc/hosts.lst }\n";
        assert_eq!(
            routes(text),
            [
                "f [api.example *.api.example] {path_beg /v2} -> api2",
                "f [api.example *.api.example] {} -> api",
                "f [x.example] {} -> api",
                "f [] {not (hdr(host) -i api.example or hdr_end(host) .api.example)} -> not",
                "f [] {not (path_beg /v2)} -> un",
                "f [] {} -> all",
                "f [*.s.example] {not (src 10.0.0.0/8)} -> sni",
                "f [the names in /etc/hosts.lst] {} -> file",
                "f [] {no other rule fits} -> web",
            ]
        );
    }

    #[test]
    fn a_line_of_an_acl_counts_for_the_rules_before_it() {
        let text =
            "frontend f\n acl a hdr(host) x.example\n use_backend b if a\n acl a hdr(host) y.example\n";
        assert_eq!(routes(text), ["f [x.example y.example] {} -> b"]);
        // An ACL that may not be in force makes its rules uncertain.
        let text = "frontend f\n .if feature(X)\n acl a hdr(host) x.example\n .endif\n use_backend b if a\n use_backend c\n";
        let source = Source { file: "h.cfg".into(), document: text.into() };
        let found = from_config(&parse(&[source], &ParseContext::default()));
        assert_eq!(found.iter().map(|route| route.certain).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_map_is_read_and_any_other_expression_is_said_to_be_one() {
        let text = "frontend f\n use_backend %[req.hdr(host),lower,map(/etc/d.map,web)]\n use_backend %[path,map_beg(/p.map)]\n \
                    use_backend bk_%[req.hdr(host)]\n use_backend %[hdr(host),map(/a),lower]\nlisten l\n server s 10.0.0.1:80\n";
        assert_eq!(
            routes(text),
            [
                "f [] {} -> map /etc/d.map req.hdr(host),lower str Some(\"web\")",
                "f [] {} -> map /p.map path beg None",
                "f [] {} -> ? bk_%[req.hdr(host)]",
                "f [] {} -> ? %[hdr(host),map(/a),lower]",
                "l [] {no other rule fits} -> l",
            ]
        );
    }

    #[test]
    fn a_value_that_may_be_secret_is_not_repeated() {
        let text = "frontend f\n acl key req.hdr(x-token) hunter2\n use_backend a if key\n use_backend b if { cook(s) hunter2 } \
                    or !key\n use_backend c unless key\n";
        let said = routes(text).join("\n");
        assert!(!said.contains("hunter2") && said.contains("req.hdr(x-token) has a certain value"), "{said}");
    }

    proptest::proptest! {
        #[test]
        fn no_rule_makes_it_panic(rule in "[ -~]{0,60}", acl in "[ -~]{0,40}") {
            routes(&format!("frontend f\n acl a {acl}\n use_backend {rule}\n"));
        }
    }
}

//! What HAProxy says when it starts or tests: its version, its features, its alerts.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

/// What a program says of itself with `-vv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    /// `3.0.11-1+deb13u3`.
    pub version: String,
    /// Features that are compiled in.
    pub features: BTreeSet<String>,
}

/// Reads `haproxy -vv`.
///
/// # Errors
/// When it is not HAProxy that answered.
pub fn parse_build_info(text: &str) -> Result<BuildInfo> {
    let first = text.lines().next().unwrap_or_default();
    let rest = first.strip_prefix("HAProxy version ").or_else(|| first.strip_prefix("HA-Proxy version "));
    let version = rest.and_then(|rest| rest.split_whitespace().next()).context("this is not HAProxy")?;
    let features = text.lines().find_map(|line| line.strip_prefix("Feature list : ")).unwrap_or_default();
    let features = features.split_whitespace().filter_map(|word| word.strip_prefix('+')).map(str::to_owned);
    Ok(BuildInfo { version: version.to_owned(), features: features.collect() })
}

/// The three numbers at the start of a version.
pub fn version_numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    Some((major, minor, numbers.next().flatten().unwrap_or(0)))
}

/// The alerts among what was printed, in HAProxy's words, without the PID and with what may be secret taken out.
pub fn alerts(text: &str) -> Vec<String> {
    messages_at_level(text, "[ALERT]")
}

/// The warnings, likewise.
pub fn warnings(text: &str) -> Vec<String> {
    messages_at_level(text, "[WARNING]")
}

fn messages_at_level(text: &str, level: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(level));
    lines.map(|line| redact(line.split_once(") : ").map_or(line, |(_, rest)| rest).trim())).collect()
}

/// The master has said that its worker is up.
pub fn worker_loaded(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("[NOTICE]") && line.ends_with("Loading success."))
}

/// Names that HAProxy could not turn into an address, as its alerts quote them.
pub fn unresolved_names(alerts: &[String]) -> Vec<String> {
    let quoted = |line: &str| {
        let rest =
            ["invalid address: '", "resolve address '"].iter().find_map(|words| line.split_once(words))?.1;
        let name = rest.split('\'').next()?;
        is_host_name(name).then(|| name.to_owned())
    };
    let names: BTreeSet<String> = alerts.iter().filter_map(|line| quoted(line)).collect();
    names.into_iter().collect()
}

fn is_host_name(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !word.is_empty() && word.chars().all(letters) && word.chars().any(|c| c.is_ascii_alphabetic())
}

/// Everything that was printed, `LEVEL: words`, without the PID and with what may be secret taken out.
pub fn redacted_lines(text: &str) -> Vec<String> {
    let line = |line: &str| match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((level, rest)) => {
            let words = rest.split_once(") : ").map_or(rest, |(_, words)| words);
            format!("{}: {}", level.trim(), redact(words.trim()))
        }
        None => redact(line.trim()),
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

/// HAProxy quotes parts of a line that it does not understand: what follows these words may be a password.
const SECRET_KEYWORDS: &[&str] = &["password", "insecure-password", "auth", "key"];

fn redact(line: &str) -> String {
    let mut hidden = Vec::new();
    let mut hide_next = false;
    for word in line.split(' ') {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
        hidden.push(if hide_next { "***" } else { word });
        hide_next = SECRET_KEYWORDS.contains(&bare);
    }
    hidden.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn version_and_features() {
        let text = "HAProxy version 2.8.25-5cf5d0683 2026/06/26 - https://haproxy.org/\n\
                    Feature list : -51DEGREES +ACCEPT4 +LUA -QUIC\n";
        let built = parse_build_info(text).unwrap();
        assert_eq!(built.version, "2.8.25-5cf5d0683");
        assert!(built.features.contains("LUA") && !built.features.contains("QUIC"));
        assert_eq!(version_numbers(&built.version), Some((2, 8, 25)));
        assert!(parse_build_info("nginx version: 1.2").is_err());
    }

    #[test]
    fn alerts_keep_haproxys_words_and_lose_passwords() {
        let text = "[NOTICE]   (12) : haproxy version is 3.0\n\
                    [ALERT]    (12) : config : parsing [/etc/h.cfg:3] : unknown keyword 'bogus' in 'global' section\n\
                    [ALERT]    (12) : config : parsing [/etc/h.cfg:9] : 'password' hunter2 is bad\n";
        assert_eq!(
            alerts(text),
            [
                "config : parsing [/etc/h.cfg:3] : unknown keyword 'bogus' in 'global' section",
                "config : parsing [/etc/h.cfg:9] : 'password' *** is bad",
            ]
        );
    }

    #[test]
    fn only_the_masters_own_line_counts_and_no_quotation_of_it() {
        assert!(worker_loaded("[NOTICE]   (1) : New worker (4) forked\n[NOTICE]   (1) : Loading success.\n"));
        assert!(!worker_loaded("[WARNING]  (1) : 'Loading success.' is what it will say\n"));
    }

    #[test]
    fn names_that_did_not_resolve() {
        let alerts = [
            "config : parsing [/h.cfg:9] : 'server web/s1' : could not resolve address 'api.internal'."
                .to_owned(),
            "config : parsing [/h.cfg:9] : unknown keyword 'bogus' in 'global' section".to_owned(),
            "config : parsing [/h.cfg:3] : log : invalid address: 'logs.internal' in 'logs.internal:514'"
                .to_owned(),
            "config : parsing [/h.cfg:4] : log : invalid address: '10.0.0.1.' in '10.0.0.1.'".to_owned(),
        ];
        assert_eq!(unresolved_names(&alerts), ["api.internal", "logs.internal"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = (parse_build_info(&text), version_numbers(&text), alerts(&text), unresolved_names(std::slice::from_ref(&text)));
        }
    }
}

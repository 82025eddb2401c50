//! Singular and plural: a count and its noun come from `plural`, which knows one from many.

use super::{program, rust_files};
use crate::support::golden;

/// Nouns that haguard counts.
const NOUNS: &[&str] = &[
    "addresses",
    "backends",
    "certificates",
    "checks",
    "commands",
    "connections",
    "differences",
    "entries",
    "errors",
    "files",
    "findings",
    "frontends",
    "instances",
    "lines",
    "processes",
    "reloads",
    "servers",
    "services",
    "sockets",
    "steps",
    "things",
    "times",
    "values",
    "warnings",
    "workers",
];

/// Counts that are never one, each with the reason.
const NEVER_ONE: &[&str] = &[
    "{many} ",                  // the arm of a match for more than one
    "{limit} files ",           // the limit of open files of a process
    "many.len()",               // the same arm, of a slice
    "{} services listen there", // said of two and more
];

#[test]
fn no_text_puts_a_count_before_a_noun_by_hand() {
    let mut found = Vec::new();
    for file in rust_files().into_iter().filter(|file| file.starts_with("src/")) {
        let text = golden::read(&file);
        let of_tests = file.ends_with("_tests.rs") || file.ends_with("/tests.rs");
        for line in program(&text).filter(|_| !of_tests) {
            found.extend(counted_by_hand(line).into_iter().map(|phrase| format!("{file}: {phrase}")));
        }
    }
    assert!(found.is_empty(), "use plural(): {found:#?}");
}

#[test]
fn a_count_by_hand_is_found() {
    assert_eq!(
        counted_by_hand(r#"format!("{count} entries, {} servers")"#),
        ["{count} entries", "{} servers"]
    );
    assert_eq!(counted_by_hand(r#"format!("{many} entries of {pid} connections")"#), ["{pid} connections"]);
    assert!(counted_by_hand(r#"format!("{} serversocket", plural(2, "server"))"#).is_empty());
}

/// Placeholders with a noun in the plural right behind them.
fn counted_by_hand(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices('{') {
        let Some((inside, rest)) = line[at + 1..].split_once('}') else { continue };
        let Some(rest) = rest.strip_prefix(' ') else { continue };
        let word: &str = rest.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let plain = inside.chars().all(|c| c.is_alphanumeric() || "_.()".contains(c));
        let exempt = NEVER_ONE.iter().any(|phrase| match phrase.starts_with('{') {
            true => line[at..].starts_with(phrase),
            false => line.contains(phrase),
        });
        if plain && NOUNS.contains(&word) && !exempt {
            found.push(format!("{{{inside}}} {word}"));
        }
    }
    found
}

//! `examples/haguard.toml`, made from the list of keys that the parser accepts.

use haguard::config::file;
use haguard::config::keys::{KeySpec, TABLES, TableSpec};

use crate::support::golden;

/// The head of the example.
const HEAD: &str = "\
# haguard.toml: every key that haguard reads. The manual is haguard.toml(5).
#
# Put it at /etc/haguard/haguard.toml, or at
# $XDG_CONFIG_HOME/haguard/haguard.toml for one user, or name it with --config
# or HAGUARD_CONFIG. A file in the current folder is never read.
#
# Every key may be left out; its value is then discovered. A flag wins over
# the environment, and both win over this file. To see each value with its
# source: `haguard config show --origin`
#
# A line without a blank after its # is a setting: take the # away to use it.
";

#[test]
fn the_example_configuration_is_made_from_the_keys() {
    let tables = TABLES.iter().map(commented).collect::<String>();
    golden::file("examples/haguard.toml", &format!("{HEAD}{tables}"));
}

#[test]
fn the_configuration_in_the_manual_is_the_whole_of_it() {
    accepts_and_names_every_key("the example of haguard.toml(5)", &whole_file());
}

#[test]
fn the_example_configuration_says_nothing_until_a_line_is_uncommented() {
    let example = golden::read("examples/haguard.toml");
    let said = file::parse(&example).expect("examples/haguard.toml is accepted as it is");
    assert!(said.dataplane.is_none() && said.haproxy.master_socket.is_none(), "{said:?}");
    // Prose has a blank after its mark, and a setting has none.
    let setting = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    let uncommented = example
        .lines()
        .map(|line| if setting(line) { &line[1..] } else { line })
        .collect::<Vec<_>>()
        .join("\n");
    accepts_and_names_every_key("examples/haguard.toml", &uncommented);
    // A line of a list means nothing without the others.
    let (tables, _) = example.split_once("#[[").expect("lists of tables come last");
    for line in tables.lines().filter(|line| setting(line) && line.contains('=')) {
        let header = if line.contains("url") { "" } else { "url = 'http://h'\n" };
        let table = TABLES
            .iter()
            .find(|table| table.key_names().contains(&line[1..].split(' ').next().unwrap()))
            .unwrap_or_else(|| panic!("no table has {line}"));
        let header = if table.name == "dataplane" { header } else { "" };
        let alone = format!("[{}]\n{header}{}", table.name, &line[1..]);
        assert!(file::parse(&alone).is_ok(), "{line}: {:#}", file::parse(&alone).unwrap_err());
    }
}

fn accepts_and_names_every_key(what: &str, text: &str) {
    file::parse(text).unwrap_or_else(|error| panic!("{what}: {error:#}"));
    let written: toml::Table = toml::from_str(text).unwrap();
    for table in TABLES {
        let value = written.get(table.name).unwrap_or_else(|| panic!("{what} lacks {}", table.heading()));
        let first = value.as_array().map_or(Some(value), |members| members.first());
        let keys = first.and_then(toml::Value::as_table).unwrap_or_else(|| panic!("{what}: {value}"));
        for key in table.keys {
            assert!(keys.contains_key(key.name), "{what} lacks {}.{}", table.name, key.name);
        }
    }
}

/// Every table with every key.
pub(super) fn whole_file() -> String {
    let table = |table: &TableSpec| {
        let keys = table.keys.iter().map(|key| format!("{} = {}\n", key.name, key.example));
        format!("{}\n{}", table.heading(), keys.collect::<String>())
    };
    TABLES.iter().map(table).collect::<Vec<_>>().join("\n")
}

/// A table with its meaning; it is a comment, unless it may stand without a key.
fn commented(table: &TableSpec) -> String {
    let needs_keys = table.keys.iter().any(|key| key.default.is_none());
    let mark = if needs_keys { "#" } else { "" };
    let keys = table.keys.iter().map(|key: &KeySpec| {
        let default = key.default.map_or("Required.".to_owned(), |default| format!("Default: {default}."));
        format!("\n{}{}#{} = {}\n", comment(key.meaning), comment(&default), key.name, key.example)
    });
    format!("\n{}{mark}{}\n{}", comment(table.meaning), table.heading(), keys.collect::<String>())
}

/// Lines of a comment, at most 78 columns wide.
fn comment(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("it never becomes empty");
        match line.len() + 1 + word.len() > 78 {
            true => lines.push(format!("# {word}")),
            false => *line = format!("{line} {word}"),
        }
    }
    lines.join("\n") + "\n"
}

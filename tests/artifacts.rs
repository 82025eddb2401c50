//! What is generated and committed is what the program makes today, and what the documents say is what it does.

mod man;

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _, Parser as _};
use haguard::Cli;
use haguard::checks::catalog;
use haguard::config::file::{self, LIST_KEYS, TABLE_KEYS};
use haguard::exit::Exit;
use haguard::plan::losses::KINDS;

use crate::support::golden;
use crate::support::haguard::Haguard;
use crate::support::process;

#[test]
fn completions_are_what_the_program_prints() {
    for (shell, path) in [
        ("bash", "completions/haguard.bash"),
        ("zsh", "completions/_haguard"),
        ("fish", "completions/haguard.fish"),
    ] {
        let said = Haguard::new().run(["completions", shell]);
        assert_eq!(said.status, 0, "{said}");
        golden::file(path, &said.stdout);
    }
}

#[test]
fn man_pages_are_made_from_the_command_line() {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, &mut pages);
    for page in &pages {
        golden::file(&format!("man/{}.1", page.name), &man::roff(page, &pages));
    }
    let made: Vec<String> = pages.iter().map(|page| format!("{}.1", page.name)).collect();
    for entry in std::fs::read_dir(golden::path("man")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(made.contains(&name), "man/{name} belongs to no command");
    }
}

#[test]
fn man_pages_name_every_check_kind_code_and_variable() {
    let check = golden::read("man/haguard-check.1");
    let restart = golden::read("man/haguard-restart.1");
    let first = golden::read("man/haguard.1");
    for id in catalog::all_checks().map(|check| check.id) {
        assert!(check.contains(&man::escape(id)), "{id} is not in haguard-check(1)");
    }
    for kind in KINDS {
        assert!(restart.contains(&man::escape(&kind.to_string())), "{kind} is not in haguard-restart(1)");
    }
    for exit in Exit::ALL {
        assert!(first.contains(&man::escape(&exit.meaning()[1..])), "{} is not in haguard(1)", exit.code());
    }
    for name in variables() {
        assert!(first.contains(&format!("fB{}", man::escape(&name))), "{name} is not in haguard(1)");
    }
}

#[test]
fn the_first_lines_of_help_are_imperative_and_without_a_full_stop() {
    let mut root = Cli::command();
    root.build();
    let mut commands = Vec::new();
    collect(&root, &mut commands);
    for ManPage { name, command } in &commands {
        let about = command.get_about().unwrap_or_else(|| panic!("{name} has no help")).to_string();
        sentence(name, &about);
        let first = about.split(' ').next().unwrap();
        let third_person = first.ends_with('s') && !first.ends_with("ss");
        assert!(!third_person && !first.ends_with("ing"), "{name}: `{first}` is no imperative");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let help =
                argument.get_help().unwrap_or_else(|| panic!("{name} {} has no help", argument.get_id()));
            sentence(name, &help.to_string());
        }
    }
}

fn sentence(command: &str, text: &str) {
    let capital = text.starts_with(|c: char| !c.is_lowercase());
    assert!(capital && !text.ends_with('.'), "{command}: `{text}` wants a capital and no full stop");
}

#[test]
fn the_readme_has_every_exit_code() {
    let mut table = String::from("| code | meaning |\n|-----:|---------|\n");
    for exit in Exit::ALL {
        let _ = writeln!(table, "| {} | {} |", exit.code(), exit.meaning());
    }
    golden::block("README.md", "exit codes", &table);
}

#[test]
fn the_configuration_in_the_readme_is_the_whole_of_it() {
    let readme = golden::read("README.md");
    let (_, rest) = readme.split_once("```toml\n").expect("the README shows a haguard.toml");
    accepts_and_names_every_key("the block in README.md", rest.split_once("```").unwrap().0);
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
        let (table, _) = TABLE_KEYS
            .iter()
            .find(|(_, keys)| keys.contains(&line[1..].split(' ').next().unwrap()))
            .unwrap_or_else(|| panic!("no table has {line}"));
        let header = if *table == "dataplane" { header } else { "" };
        let alone = format!("[{table}]\n{header}{}", &line[1..]);
        assert!(file::parse(&alone).is_ok(), "{line}: {:#}", file::parse(&alone).unwrap_err());
    }
}

fn accepts_and_names_every_key(what: &str, text: &str) {
    file::parse(text).unwrap_or_else(|error| panic!("{what}: {error:#}"));
    let written: toml::Table = toml::from_str(text).unwrap();
    for (table, keys) in TABLE_KEYS {
        let table_written = written.get(*table).unwrap_or_else(|| panic!("{what} lacks [{table}]"));
        for key in *keys {
            assert!(table_written.get(key).is_some(), "{what} lacks {table}.{key}");
        }
    }
    for (list, _) in LIST_KEYS {
        let written = written.get(*list).and_then(toml::Value::as_array);
        assert!(written.is_some_and(|members| !members.is_empty()), "{what} lacks [[{list}]]");
    }
}

#[test]
fn every_command_in_the_documents_can_be_typed() {
    let mut typed = 0;
    for name in
        ["README.md", "CHANGELOG.md", "examples/justfile", "examples/Makefile", "examples/haguard.toml"]
    {
        for line in commands(&golden::read(name)) {
            let words = line.split_whitespace();
            if let Err(error) = Cli::try_parse_from(words) {
                use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
                assert!(matches!(error.kind(), DisplayHelp | DisplayVersion), "{name}: `{line}`: {error}");
            }
            typed += 1;
        }
    }
    assert!(typed > 10, "only {typed} commands were found");
}

/// Lines of code that call haguard, and the same between backticks in running text.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let bare = line.trim_start_matches(['@', '$', '#', '-', '\t', ' ']).trim_start_matches("sudo ");
        if let Some(command) = bare.strip_prefix("haguard ").filter(|_| fenced || !text.contains("```")) {
            let end = [" #", " >", " |"].iter().filter_map(|mark| command.find(mark)).min();
            let command = &command[..end.unwrap_or(command.len())];
            found.push(format!("haguard {}", command.replace("{{socket}}", "s").replace("$(SOCKET)", "s")));
        }
        if !fenced {
            let quoted = line.split('`').skip(1).step_by(2);
            found.extend(quoted.filter(|code| code.starts_with("haguard ")).map(str::to_owned));
        }
    }
    found
}

#[test]
fn no_line_of_the_documents_is_wider_than_a_terminal() {
    for name in
        ["README.md", "CHANGELOG.md", "examples/haguard.toml", "examples/justfile", "examples/Makefile"]
    {
        for (number, line) in golden::read(name).lines().enumerate() {
            assert!(line.chars().count() <= 80, "{name}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn no_dependency_wants_a_newer_rust_than_we_promise() {
    let metadata = process::cargo_metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 50, "only {} packages", packages.len());
    let wanted = |package: &serde_json::Value| version(package["rust_version"].as_str().unwrap_or("0"));
    let ours = packages.iter().find(|package| package["name"] == "haguard").map(wanted).unwrap();
    for package in packages {
        let (name, theirs) = (&package["name"], wanted(package));
        assert!(theirs <= ours, "{name} wants Rust {theirs:?}, Cargo.toml promises {ours:?}");
    }
}

fn version(text: &str) -> [u32; 3] {
    let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// A command, with its page's name.
struct ManPage {
    name: String,
    command: Command,
}

/// A command and everything under it, named as its page is: `haguard-config-show`.
fn collect(command: &Command, pages: &mut Vec<ManPage>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    pages.push(ManPage { name, command: command.clone() });
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        collect(inner, pages);
    }
}

/// Every variable that the program asks its environment for.
fn variables() -> Vec<String> {
    let asked = std::cell::RefCell::new(Vec::new());
    haguard::config::Environment::from_lookup(|name| {
        asked.borrow_mut().push(name.to_owned());
        None
    });
    asked.into_inner()
}

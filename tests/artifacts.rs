//! What is generated and committed is what the program makes today, and what the documents say is what it does.

mod configuration;
mod help;
mod man;
mod source;

use std::fmt::Write as _;

use clap::Parser as _;
use haguard::Cli;
use haguard::exit::Exit;

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
fn make_install_installs_every_page_and_every_completion() {
    let makefile = golden::read("Makefile");
    let (_, recipe) = makefile.split_once("\ninstall:").expect("a target of that name");
    let recipe = recipe.split("\n\n").next().unwrap();
    let names = |folder: &str| {
        let entries = std::fs::read_dir(golden::path(folder)).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.is_file());
        files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    for page in names("man") {
        let (_, section) = page.rsplit_once('.').expect("a page has a section");
        let line = format!("install -m644 man/*.{section} $(DESTDIR)$(PREFIX)/share/man/man{section}\n");
        assert!(format!("{recipe}\n").contains(&line), "{page}: {recipe}");
    }
    for script in names("completions") {
        assert!(recipe.contains(&format!("completions/{script} $(DESTDIR)")), "{script}: {recipe}");
    }
}

#[test]
fn the_readme_has_every_exit_code() {
    let mut table = String::from("| code | meaning |\n|-----:|---------|\n");
    for exit in Exit::ALL {
        let _ = writeln!(table, "| {} | {} |", exit.code(), exit.meaning());
    }
    golden::block("README.md", "exit codes", &table);
}

/// The house as the library's own documentation tells it.
#[test]
fn the_rooms_of_the_readme_are_those_of_the_library() {
    let library = golden::read("src/lib.rs");
    let rows = library.lines().filter_map(|line| line.strip_prefix("//! |")).collect::<Vec<_>>();
    assert!(rows.len() > 10, "src/lib.rs has no table of rooms");
    let table = rows.iter().map(|row| format!("|{}\n", row.replace(['[', ']'], ""))).collect::<String>();
    golden::block("README.md", "rooms", &table);
}

/// Everything that does not fit belongs into a man page.
#[test]
fn the_readme_is_read_in_one_sitting() {
    let lines = golden::read("README.md").lines().count();
    assert!((100..=200).contains(&lines), "README.md has {lines} lines");
}

#[test]
fn every_command_in_the_documents_can_be_typed() {
    let mut typed = 0;
    for name in
        ["README.md", "CHANGELOG.md", "examples/justfile", "examples/Makefile", "examples/haguard.toml"]
    {
        // The comments of haguard.toml are text, those of the recipes describe one command each.
        for line in commands(&golden::read(name), name.ends_with(".toml")) {
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
fn commands(text: &str, all_text: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let bare = line.trim_start_matches(['@', '$', '#', '-', '\t', ' ']).trim_start_matches("sudo ");
        if let Some(command) =
            bare.strip_prefix("haguard ").filter(|_| fenced || !(all_text || text.contains("```")))
        {
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

/// Every variable that the program asks its environment for.
fn variables() -> Vec<String> {
    let asked = std::cell::RefCell::new(Vec::new());
    haguard::config::Environment::from_lookup(|name| {
        asked.borrow_mut().push(name.to_owned());
        None
    });
    asked.into_inner()
}

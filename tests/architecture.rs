//! The rules of the house as a test: which room may see which, and what no file may hold.

mod circles;
mod phrases;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::golden;

/// Rooms, each with the rooms it may import from besides the leaves; `commands` and the crate's root see everything.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", &[]),
    ("config", &["cli"]),
    ("wire", &[]),
    ("clients", &["wire"]),
    ("facts", &["wire"]),
    ("gather", &["facts", "config", "clients", "wire"]),
    ("plan", &["facts"]),
    ("checks", &["plan", "facts"]),
    ("state", &["plan", "facts", "clients"]),
    ("act", &["state", "checks", "gather", "plan", "facts", "clients", "config", "wire"]),
    ("report", &["checks", "plan", "facts", "wire"]),
];

/// Modules that know nothing of the house but each other.
const LEAVES: &[&str] =
    &["clearance", "error", "exit", "known", "label", "plural", "secret", "time", "timeouts", "wait"];

/// Rooms without a hand: they compute, and touch nothing outside.
const PURE: &[&str] = &["wire", "facts", "plan", "checks", "report"];

/// What a pure room may not name.
const OUTSIDE: &[&str] = &["std::fs", "std::net", "std::process"];

/// A file that needs scrolling past this is two files.
const LINES: usize = 400;

/// Breaches that are known and owed a repair. A line here that is no longer true is a failure too.
const OWED: &[&str] = &[];

#[test]
fn every_file_keeps_the_rules_of_the_house() {
    let mut breaches = BTreeSet::new();
    for file in rust_files() {
        let text = golden::read(&file);
        if text.lines().count() > LINES {
            breaches.insert(format!("{file} has more than {LINES} lines"));
        }
        breaches.extend(banned(&file, &text));
        // The tests of a module that stand in a file of their own read fixtures.
        let of_tests = file.ends_with("_tests.rs") || file.ends_with("/tests.rs");
        if let Some(inside) = file.strip_prefix("src/").filter(|_| !of_tests) {
            breaches.extend(imports(inside, &text).into_iter().map(|what| format!("{file} {what}")));
        }
    }
    let owed = OWED.iter().map(|line| (*line).to_owned()).collect();
    let new: Vec<&String> = breaches.difference(&owed).collect();
    let mended: Vec<&String> = owed.difference(&breaches).collect();
    assert!(new.is_empty(), "against the rules of the house: {new:#?}");
    assert!(mended.is_empty(), "mended, so take it off the list: {mended:#?}");
}

/// A command's story is read in one go: what it has of its own beside the runner.
const STORY_LINES: usize = 60;

#[test]
fn the_story_of_an_operation_is_read_in_one_go() {
    let mut stories = 0;
    for file in rust_files().into_iter().filter(|file| file.starts_with("src/commands/")) {
        let text = golden::read(&file);
        if !text.contains("impl Operation for ") {
            continue;
        }
        stories += 1;
        for (name, lines) in functions(&text) {
            assert!(lines <= STORY_LINES, "{file}: {name} has {lines} lines, more than {STORY_LINES}");
        }
        let own_journal =
            program(&text).any(|line| line.contains("StepJournal::new") || line.contains("plans::save"));
        assert!(!own_journal, "{file} does what the runner does");
    }
    assert!(stories >= 3, "reload, restart --break-glass and guard stand on the runner: {stories}");
}

/// Every function of a file with its number of lines.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String, usize)> = None;
    for line in program(text) {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        match &mut open {
            Some((name, end, lines)) => {
                *lines += 1;
                if line == end {
                    found.push((name.clone(), *lines));
                    open = None;
                }
            }
            None => {
                let name = line.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
                if let Some(name) =
                    name.filter(|_| !line.trim_start().starts_with("//") && !line.ends_with(';'))
                {
                    open = Some((name.to_owned(), format!("{indent}}}"), 1));
                }
            }
        }
    }
    found
}

#[test]
fn only_consent_grants_a_clearance() {
    for file in rust_files().into_iter().filter(|file| file.starts_with("src/")) {
        let text = golden::read(&file);
        let grants = program(&text).filter(|line| line.contains("Clearance::grant")).count();
        assert!(grants == 0 || file == "src/act/consent.rs", "{file} grants a clearance");
    }
}

#[test]
fn the_map_in_the_library_names_every_room() {
    let library = golden::read("src/lib.rs");
    let declared = library.lines().filter_map(|line| {
        line.trim_start_matches("pub ").strip_prefix("mod ").map(|rest| rest.trim_end_matches(';'))
    });
    let map: String = library.lines().filter(|line| line.starts_with("//!")).collect();
    for module in declared {
        assert!(map.contains(&format!("`{module}`")), "{module} is not on the map in src/lib.rs");
        let known = ROOMS.iter().any(|(room, _)| *room == module) || LEAVES.contains(&module);
        assert!(known || module == "commands", "{module} has no rule in tests/architecture.rs");
    }
}

#[test]
fn every_file_of_tests_is_declared() {
    for (folder, root) in [("tests", "main.rs"), ("tests/support", "mod.rs")] {
        let declared = golden::read(&format!("{folder}/{root}"));
        for path in entries(&golden::path(folder)).into_iter().filter(|path| path.is_file()) {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let said = declared.lines().any(|line| {
                line.trim_start_matches("pub(crate) ").strip_prefix("mod ") == Some(&format!("{name};"))
            });
            let other = path.extension().is_none_or(|extension| extension != "rs");
            assert!(said || other || path.ends_with(root), "{folder}/{root} does not declare {name}");
        }
    }
}

#[test]
fn an_import_is_seen_however_it_is_spelt() {
    let seen = |file: &str, text: &str| imports(file, text).into_iter().collect::<Vec<_>>();
    assert_eq!(seen("plan/basis.rs", "use crate::clients::linux;\n"), ["imports clients"]);
    assert_eq!(seen("plan/basis.rs", "let x = crate::state::journal::read;\n"), ["imports state"]);
    assert_eq!(seen("plan/losses/mod.rs", "use super::super::report::Paint;\n"), ["imports report"]);
    assert_eq!(seen("plan/mod.rs", "use super::checks::Finding;\n"), ["imports checks"]);
    assert_eq!(seen("plan/mod.rs", "use crate::{\n"), ["imports several rooms in one line"]);
    assert_eq!(seen("plan/mod.rs", "use std::fs::read;\n"), ["says std::fs"]);
    assert_eq!(seen("facts/mod.rs", "use gather::clients::x;\n"), ["says clients"]);
    assert!(
        seen("plan/mod.rs", "// crate::clients\nuse crate::facts::Facts;\nuse super::plural;\n").is_empty()
    );
    assert!(seen("plan/mod.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n").is_empty());
    assert!(seen("gather/mod.rs", "use crate::clients::linux;\n").is_empty());
    assert!(seen("commands/check.rs", "use crate::state::journal;\n").is_empty());
}

/// What this file of `src` takes from where it may not.
fn imports(file: &str, text: &str) -> BTreeSet<String> {
    let Some((room, allowed)) = rule(file) else { return BTreeSet::new() };
    let own = room.split('/').next().unwrap_or(room);
    let mut found = BTreeSet::new();
    for line in program(text) {
        for other in mentions(file, line) {
            let free = other == own || LEAVES.contains(&other) || allowed.contains(&other);
            let a_module = ROOMS.iter().any(|(room, _)| *room == other) || other == "commands";
            if a_module && !free {
                found.insert(format!("imports {other}"));
            }
        }
        if line.contains("crate::{") {
            found.insert("imports several rooms in one line".to_owned());
        }
        if PURE.contains(&room) {
            let words = OUTSIDE.iter().filter(|word| line.contains(**word));
            found.extend(words.map(|word| format!("says {word}")));
            let clients =
                line.contains("clients::") && !line.contains("crate::clients") && !line.contains("super");
            found.extend(clients.then(|| "says clients".to_owned()));
        }
    }
    found
}

/// The room that a file of `src` stands in; None for the crate's root and for `commands`.
fn rule(file: &str) -> Option<(&'static str, &'static [&'static str])> {
    if LEAVES.iter().any(|leaf| file == format!("{leaf}.rs")) {
        return Some(("leaf", &[]));
    }
    let in_room = |room: &str| file == format!("{room}.rs") || file.starts_with(&format!("{room}/"));
    ROOMS.iter().find(|(room, _)| in_room(room)).copied()
}

/// Modules of the crate's root that a line names, as `crate::x` or by climbing up with `super::`.
fn mentions<'a>(file: &str, line: &'a str) -> Vec<&'a str> {
    let folders = file.split('/').count() - 1;
    let depth = if file.ends_with("/mod.rs") { folders } else { folders + 1 };
    let to_the_root = "super::".repeat(depth);
    let named = |prefix: &str| {
        let rest = line.split(prefix).skip(1);
        let word = |rest: &'a str| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        rest.filter_map(word).collect::<Vec<&str>>()
    };
    [named("crate::"), named(&to_the_root)].concat()
}

/// The lines that are program: no comments, and no module of tests.
fn program(text: &str) -> impl Iterator<Item = &str> {
    let mut testing = false;
    let mut previous = "";
    text.lines().filter(move |line| {
        testing |= previous == "#[cfg(test)]" && line.ends_with('{');
        let inside = testing;
        testing &= *line != "}";
        previous = line;
        !inside && !line.trim_start().starts_with("//")
    })
}

/// Words that stand for work that is not done, for a test that is not run, and for a pause.
fn banned(file: &str, text: &str) -> Vec<String> {
    let words = [
        ("#[", "ignore", "", &[][..]),
        ("to", "do!", "", &[][..]),
        ("unimple", "mented!", "", &[][..]),
        ("thread", "::sleep", "the pause between two looks at a condition", &["tests/support/wait.rs"][..]),
    ];
    let mut found = Vec::new();
    for (head, tail, reason, where_allowed) in words {
        let allowed = where_allowed.contains(&file) && text.contains(reason);
        if text.contains(&format!("{head}{tail}")) && !allowed {
            found.push(format!("{file} says {head}{tail}"));
        }
    }
    found
}

/// Every Rust file of `src` and `tests` but this one, as a path from the root of the repository.
fn rust_files() -> Vec<String> {
    let mut queue = vec![golden::path("src"), golden::path("tests")];
    let mut files = Vec::new();
    while let Some(folder) = queue.pop() {
        for path in entries(&folder) {
            let skipped = path.ends_with("tests/fuzz/target") || path.ends_with("tests/architecture.rs");
            match path.is_dir() {
                _ if skipped => {}
                true => queue.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => {
                    let inside = path.strip_prefix(golden::path("")).unwrap();
                    files.push(inside.to_string_lossy().into_owned());
                }
                false => {}
            }
        }
    }
    assert!(files.len() > 80, "the files were not found: {files:?}");
    files.sort();
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

//! No circle between the files of a room: whoever reads one file never has to read it to understand it.
//!
//! A folder's `mod.rs` stands above its own files: they may use its types, and it may call them. Names that a `mod.rs`
//! passes on with `pub use` are followed to the file that defines them.

use std::collections::{BTreeMap, BTreeSet};

use super::{program, rust_files};
use crate::support::golden;

/// A module's path from the crate's root.
type Module = Vec<String>;

#[test]
fn no_circle_between_files_of_a_room() {
    let files = rust_files();
    let texts = files.iter().filter_map(|file| {
        let of_tests = file.ends_with("_tests.rs") || file.ends_with("/tests.rs") || file == "src/main.rs";
        let inside = file.strip_prefix("src/").filter(|_| !of_tests)?;
        Some((module(inside), golden::read(file)))
    });
    let found = circles(&texts.collect());
    assert!(found.is_empty(), "these files use one another in a circle: {found:#?}");
}

#[test]
fn a_circle_is_found_however_it_is_spelt() {
    let crate_of = |files: &[(&str, &str)]| {
        files.iter().map(|(file, text)| (module(file), (*text).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let found = |files: &[(&str, &str)]| circles(&crate_of(files));
    let [root, a] =
        [("lib.rs", "mod plan;\n"), ("plan/a.rs", "use super::b::{self, two};\nfn one() { b::x() }\n")];
    let front = ("plan/mod.rs", "mod a;\nmod b;\npub use a::one;\n");
    assert_eq!(found(&[root, front, a, ("plan/b.rs", "fn x() {}\n")]), Vec::<String>::new());
    assert_eq!(found(&[root, front, a, ("plan/b.rs", "fn x() { super::a::one() }\n")]), ["plan::a, plan::b"]);
    assert_eq!(found(&[root, front, a, ("plan/b.rs", "use crate::plan::one;\n")]), ["plan::a, plan::b"]);
    assert_eq!(
        found(&[root, front, a, ("plan/b.rs", "use crate::plan::{\n    one,\n};\n")]),
        ["plan::a, plan::b"]
    );
    assert_eq!(found(&[root, front, a, ("plan/b.rs", "// super::a::one\n")]), Vec::<String>::new());
    let calls_down = ("plan/mod.rs", "mod a;\nmod b;\npub struct Plan;\nfn run() { a::one(); }\n");
    assert_eq!(found(&[root, calls_down, ("plan/a.rs", "use super::Plan;\n")]), Vec::<String>::new());
}

/// Groups of modules of one room that reach one another.
fn circles(texts: &BTreeMap<Module, String>) -> Vec<String> {
    let sources: BTreeMap<&Module, Source> =
        texts.iter().map(|(module, text)| (module, Source::parse(module, text, texts))).collect();
    let edges: BTreeMap<&Module, BTreeSet<Module>> = sources
        .iter()
        .map(|(module, source)| {
            let used = source.paths.iter().filter_map(|path| definition(path, &sources, 0));
            let counts = |used: &Module| used.first() == module.first() && !used.starts_with(module);
            (*module, used.filter(counts).collect())
        })
        .collect();
    let reach = |from: &Module| {
        let (mut seen, mut queue) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = queue.pop() {
            for used in edges.get(&next).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    queue.push(used.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        edges.keys().map(|module| (*module, reach(module))).collect();
    let groups: BTreeSet<String> = reached
        .iter()
        .filter(|(module, reached)| reached.contains(**module))
        .map(|(module, others)| {
            let both = others.iter().filter(|other| reached[other].contains(*module));
            both.map(|other| other.join("::")).collect::<Vec<_>>().join(", ")
        })
        .collect();
    groups.into_iter().collect()
}

/// What one file names.
struct Source {
    /// Every path that it uses, from the crate's root.
    paths: Vec<Module>,
    /// Names that it passes on, with what they stand for.
    passed_on: BTreeMap<String, Module>,
}

impl Source {
    fn parse(module: &Module, text: &str, all: &BTreeMap<Module, String>) -> Self {
        let code = program(text).collect::<Vec<_>>().join("\n");
        let (uses, rest) = uses(&code);
        let mut source = Source { paths: Vec::new(), passed_on: BTreeMap::new() };
        let mut aliases = BTreeMap::new();
        for (public, tree) in uses {
            for (path, name) in leaves(&tree) {
                let Some(path) = absolute(&path, module, all) else { continue };
                match public {
                    true => _ = source.passed_on.insert(name, path),
                    false if all.contains_key(&path) => _ = aliases.insert(name, path),
                    false => source.paths.push(path),
                }
            }
        }
        for path in paths(&rest) {
            let alias = aliases.get(&path[0]).or_else(|| source.passed_on.get(&path[0]));
            let from_root = alias.map(|alias| [&alias[..], &path[1..]].concat());
            source.paths.extend(from_root.or_else(|| absolute(&path, module, all)));
        }
        source
    }
}

/// The module that defines what a path names, through what other modules pass on.
fn definition(path: &[String], sources: &BTreeMap<&Module, Source>, depth: usize) -> Option<Module> {
    let length = (0..=path.len()).rev().find(|length| sources.contains_key(&path[..*length].to_vec()))?;
    let (module, rest) = path.split_at(length);
    let passed_on = rest.first().and_then(|name| sources[&module.to_vec()].passed_on.get(name));
    match passed_on {
        Some(target) if depth < 6 => definition(&[target, &rest[1..]].concat(), sources, depth + 1),
        _ => Some(module.to_vec()),
    }
}

/// A path as seen from the crate's root; None for what is not the crate's.
fn absolute(path: &[String], module: &Module, all: &BTreeMap<Module, String>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let climbed = path.iter().take_while(|part| *part == "super").count();
            let above = module.get(..module.len().checked_sub(climbed)?)?;
            Some([above, &path[climbed..]].concat())
        }
        _ => {
            let child = [&module[..], std::slice::from_ref(first)].concat();
            all.contains_key(&child).then(|| [&module[..], path].concat())
        }
    }
}

/// The `use` items of a file, each with whether it passes its names on, and the file without them.
fn uses(code: &str) -> (Vec<(bool, String)>, String) {
    let (mut found, mut rest, mut open) = (Vec::new(), String::new(), None::<(bool, String)>);
    for line in code.lines() {
        let item = line.trim_start();
        let public = item.starts_with("pub");
        let starts = item.strip_prefix("use ").or_else(|| {
            let after = item.strip_prefix("pub")?.trim_start();
            let after = after.strip_prefix('(').and_then(|a| a.split_once(')')).map_or(after, |(_, a)| a);
            after.trim_start().strip_prefix("use ")
        });
        match (&mut open, starts) {
            (Some((_, tree)), _) => tree.push_str(item),
            (None, Some(tree)) => open = Some((public, tree.to_owned())),
            (None, None) => {
                rest.push_str(line);
                rest.push('\n');
            }
        }
        if let Some((public, tree)) = open.take_if(|(_, tree)| tree.ends_with(';')) {
            found.push((public, tree.trim_end_matches(';').to_owned()));
        }
    }
    (found, rest)
}

/// Every name that a `use` tree brings in, with its path.
fn leaves(tree: &str) -> Vec<(Module, String)> {
    let parts =
        |path: &str| path.split("::").map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned).collect();
    let Some((head, inner)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut path: Module = parts(path);
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.map(|alias| alias.trim().to_owned()).or_else(|| path.last().cloned());
        return name.map(|name| (path, name)).into_iter().collect();
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let head: Module = parts(head);
    let nested = split_at_commas(inner).into_iter().flat_map(|part| leaves(&part));
    nested
        .map(|(path, name)| {
            let own = if path.is_empty() { head.last().cloned().unwrap_or_default() } else { name };
            ([&head[..], &path].concat(), own)
        })
        .collect()
}

fn split_at_commas(list: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_i32);
    for c in list.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c == ',' && depth == 0 {
            true => parts.push(String::new()),
            false => parts.last_mut().unwrap().push(c),
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Every path of two parts or more in what is no `use` item.
fn paths(code: &str) -> Vec<Module> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let runs = code.split(|c| !word(c)).filter(|run| run.contains("::") && !run.starts_with(':'));
    runs.map(|run| run.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()).collect()
}

/// The module that a file of `src` is.
fn module(inside: &str) -> Module {
    let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    let own = match parts.as_slice() {
        ["lib"] => &[],
        [folder @ .., "mod"] => folder,
        all => all,
    };
    own.iter().map(|part| (*part).to_owned()).collect()
}

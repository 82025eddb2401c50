//! Files to sections and lines: headings, `.if` blocks, and the environment as it changes on the way.

use super::conditions::{Truth, judge};
use super::environment::Environment;
use super::tokenizer::{self, Place, Split, Unknowns};
use super::{
    At, Config, Dialect, Line, Problem, Section, Source, Surroundings, Undecided, Word, globals,
    name_conflicts,
};

/// HAProxy gives up at as many open `.if` lines.
const MOST_BLOCKS: usize = 1024;

/// Reads the files in the order in which the master loads them.
pub fn read(sources: &[Source<'_>], around: &Surroundings) -> Config {
    let mut reader = Reader {
        around,
        dialect: Dialect::of(around.version),
        env: Environment::new(around),
        config: Config::default(),
        section: None,
        adrift: false,
        lost: false,
        blocks: Vec::new(),
    };
    sources.iter().for_each(|source| reader.file(source));
    let (mut config, dialect) = (reader.config, reader.dialect);
    let names = name_conflicts::problems(&config, dialect);
    config.problems.extend(names);
    (config.localpeer, config.localpeer_certain) = localpeer(&config, around);
    config
}

/// The flag wins over the keyword, and the keyword over the host name.
fn localpeer(config: &Config, around: &Surroundings) -> (Option<String>, bool) {
    let line = globals::last_global(config, "localpeer").filter(|_| around.localpeer_arg.is_none());
    match line {
        Some((line, certain)) => (Some(line.word(1).to_string()), certain),
        None => {
            let name = around.localpeer_arg.as_ref().or(around.hostname.as_ref());
            (name.cloned(), name.is_some())
        }
    }
}

/// One open `.if`.
struct Block {
    /// Whether the lines around the block are in force.
    outside: Truth,
    /// Whether the branch that is being read is in force.
    live: Truth,
    /// Whether a branch so far was.
    taken: Truth,
    /// `.else` was seen.
    closing: bool,
    /// The section that was open at `.if`; every branch starts in it.
    section: Option<usize>,
    adrift: bool,
    /// A branch that may be in force opened a section.
    opened: bool,
}

struct Reader<'a> {
    around: &'a Surroundings,
    dialect: Dialect,
    env: Environment,
    config: Config,
    /// The section that lines go to.
    section: Option<usize>,
    /// Lines may belong to another section than `section`, because an uncertain block opened one.
    adrift: bool,
    /// A keyword came from an undecided variable. It may have been a heading or an `.if`, so nothing in the
    /// rest of the file is certain.
    lost: bool,
    blocks: Vec<Block>,
}

impl Reader<'_> {
    fn file(&mut self, source: &Source<'_>) {
        // A section never goes on into the next file, and a block never does either.
        self.section = None;
        self.adrift = false;
        self.lost = false;
        self.blocks.clear();
        let mut count = 0;
        for (index, line) in source.text.split_inclusive('\n').enumerate() {
            count = index + 1;
            let at = At { file: source.file.clone(), line: count };
            if line.contains('\0') {
                self.problem(&at, "there is a NUL character; HAProxy stops reading here");
                break;
            }
            if !line.ends_with('\n') {
                self.problem(&at, "the last line does not end; the file may be cut short");
            }
            self.line(line, at);
        }
        if !self.blocks.is_empty() {
            self.problem(&At { file: source.file.clone(), line: count }, "a .if is not closed in this file");
        }
    }

    fn problem(&mut self, at: &At, what: impl Into<String>) {
        self.config.problems.push(Problem { at: at.clone(), what: what.into() });
    }

    fn undecided(&mut self, at: &At, why: impl Into<String>) {
        self.config.undecided.push(Undecided { at: at.clone(), why: why.into() });
    }

    fn live(&self) -> Truth {
        match self.blocks.last() {
            _ if self.lost => Truth::Unknown,
            Some(block) => block.live,
            None => Truth::Yes,
        }
    }

    fn line(&mut self, line: &str, at: At) {
        if line.trim_start().starts_with('[') {
            // A scope mark; it matters to SPOE files only.
            return;
        }
        let mut split = match self.split(line, &at, Unknowns::Named) {
            Ok(split) => split,
            Err(what) => return self.problem(&at, what),
        };
        let keyword = split.words.first();
        if keyword.is_some_and(|word| !word.certain) {
            self.lost = true;
            self.env.forget_all();
        }
        let first = keyword.map_or(String::new(), |word| word.text.clone());
        if first.is_empty() || self.block(&first, &split.words, line, &at) || self.live() == Truth::No {
            return;
        }
        for why in std::mem::take(&mut split.undecided) {
            self.undecided(&at, why);
        }
        if first.starts_with('.') {
            return self.message(&first, &split.words, &at);
        }
        // The end of the line is as certain as the empty word that makes it.
        let mut whole = true;
        if let Some(end) = split.words.iter().position(|word| word.text.is_empty()) {
            whole = split.words[end].certain;
            if self.dialect == Dialect::New {
                self.problem(&at, format!("word {end} is empty"));
            }
            split.words.truncate(end);
        }
        if is_heading(&first, self.around.version) {
            self.heading(split.words, at, whole);
        } else {
            self.content(split.words, at, whole);
        }
    }

    fn split(&self, line: &str, at: &At, unknowns: Unknowns) -> Result<Split, String> {
        let section = self.section.and_then(|index| self.config.sections.get(index));
        let named = section.map(|section| section.name.as_deref().unwrap_or(&section.kind));
        let place = Place { file: &at.file, line: at.line, section: named };
        tokenizer::split(line, &self.env, place, self.dialect, unknowns)
    }

    /// Follows `.if`, `.elif`, `.else` and `.endif`; returns whether the line was one of them.
    fn block(&mut self, first: &str, words: &[Word], line: &str, at: &At) -> bool {
        match first {
            ".if" => {
                if self.blocks.len() + 1 >= MOST_BLOCKS {
                    self.problem(at, "too many .if are open");
                }
                let outside = self.live();
                let truth = if outside == Truth::No { Truth::Yes } else { self.condition(line, at) };
                self.blocks.push(Block {
                    outside,
                    live: outside.and(truth),
                    taken: truth,
                    closing: false,
                    section: self.section,
                    adrift: self.adrift,
                    opened: false,
                });
            }
            ".elif" | ".else" => {
                let Some(block) = self.blocks.last() else {
                    self.problem(at, format!("{first} without .if"));
                    return true;
                };
                let (outside, taken, closing) = (block.outside, block.taken, block.closing);
                if closing || (first == ".else" && words.len() > 1) {
                    self.problem(at, format!("{first} is not allowed here"));
                }
                let skipped = outside == Truth::No || taken == Truth::Yes;
                let truth = if first == ".else" || skipped { Truth::Yes } else { self.condition(line, at) };
                self.next_branch(truth, first == ".else");
            }
            ".endif" => {
                let Some(block) = self.blocks.pop() else {
                    self.problem(at, ".endif without .if");
                    return true;
                };
                self.adrift |= block.opened;
            }
            _ => return false,
        }
        true
    }

    fn next_branch(&mut self, truth: Truth, closing: bool) {
        let Some(block) = self.blocks.last_mut() else { return };
        block.live = block.outside.and(block.taken.not()).and(truth);
        block.taken = block.taken.or(truth);
        block.closing |= closing;
        if block.live != Truth::No && block.opened {
            self.section = block.section;
            self.adrift = block.adrift;
        }
    }

    fn condition(&mut self, line: &str, at: &At) -> Truth {
        let marked = self.split(line, at, Unknowns::Marked);
        let texts: Vec<String> = marked
            .map_or(Vec::new(), |split| split.words.into_iter().skip(1).map(|word| word.text).collect());
        match judge(&texts.join(" "), &self.env, self.around) {
            Ok(judged) => {
                if judged.truth == Truth::Unknown {
                    for why in judged.undecided {
                        self.undecided(at, format!("condition: {why}"));
                    }
                }
                judged.truth
            }
            Err(what) => {
                self.problem(at, what);
                self.undecided(at, "condition: HAProxy would refuse it");
                Truth::Unknown
            }
        }
    }

    fn message(&mut self, first: &str, words: &[Word], at: &At) {
        let text = words.get(1).map_or("", |word| word.text.as_str()).to_string();
        match (first, self.live()) {
            (".alert", Truth::Yes) => self.problem(at, format!("the file refuses to be loaded: {text}")),
            (".alert", _) => self.undecided(at, format!("the file may refuse to be loaded: {text}")),
            (".warning" | ".notice" | ".diag", _) => {}
            _ => self.problem(at, format!("there is no directive {first}")),
        }
    }

    fn heading(&mut self, words: Vec<Word>, at: At, whole: bool) {
        let sure = self.live() == Truth::Yes;
        let text = |index: usize| words.get(index).map(|word| word.text.clone());
        let kind = text(0).unwrap_or_default();
        let nameless = kind == "defaults" && text(1).as_deref() == Some("from") && words.len() == 3;
        let after = if nameless { 1 } else { 2 };
        let from = text(after).filter(|word| word == "from").and_then(|_| text(after + 1));
        let name = if nameless { None } else { text(1) };
        let certain = sure && whole && words.iter().all(|word| word.certain);
        self.adrift = false;
        self.blocks.iter_mut().for_each(|block| block.opened = !sure);
        self.section = Some(self.config.sections.len());
        self.config.sections.push(Section { kind, name, from, at, lines: Vec::new(), certain });
    }

    /// Takes note of the variables that a line changes: a master that executed itself again was given them.
    fn changes(&mut self, words: &[Word]) {
        let names = match words {
            [keyword, names @ ..] if keyword.text == "unsetenv" => names,
            [keyword, name, _, ..] if matches!(keyword.text.as_str(), "setenv" | "presetenv") => {
                std::slice::from_ref(name)
            }
            _ => return,
        };
        let always = words[0].text != "presetenv";
        for name in names {
            *self.config.variables.entry(name.text.clone()).or_default() |= always;
        }
    }

    fn content(&mut self, mut words: Vec<Word>, at: At, whole: bool) {
        let Some(index) = self.section else {
            return self.problem(&at, "a line stands before every section of its file");
        };
        let sure = self.live() == Truth::Yes && !self.adrift;
        let kind = self.config.sections[index].kind.clone();
        if kind == "global" && self.env.follow(&words, sure && whole) {
            self.changes(&words);
            return;
        }
        if let Some(word) = address_word(&words).and_then(|index| words.get_mut(index))
            && let Some((text, names)) = self.env.expand_address(&word.text)
        {
            word.text = text;
            word.certain &= names.is_empty();
            for name in names {
                self.undecided(&at, format!("the environment variable {name} is not known"));
            }
        }
        let certain = sure && whole && words.iter().all(|word| word.certain);
        self.config.sections[index].lines.push(Line { at, words, certain });
    }
}

/// The word of a line that HAProxy reads as an address, and therefore expands even without quotes.
fn address_word(words: &[Word]) -> Option<usize> {
    let text = |index: usize| words.get(index).map_or("", |word| word.text.as_str());
    match (text(0), text(1)) {
        ("bind" | "dgram-bind", _) => Some(1),
        ("server" | "peer", _) => Some(2),
        ("stats", "socket") => Some(2),
        ("server-template", _) => Some(3),
        _ => None,
    }
}

/// Whether a word opens a section in this version; without a version, whether it does so in any.
fn is_heading(word: &str, version: Option<(u32, u32, u32)>) -> bool {
    let from = |first: (u32, u32)| version.is_none_or(|(major, minor, _)| (major, minor) >= first);
    match word {
        "global" | "defaults" | "frontend" | "backend" | "listen" | "peers" | "userlist" | "resolvers"
        | "mailers" | "cache" | "ring" | "log-forward" | "http-errors" | "fcgi-app" | "namespace_list" => {
            true
        }
        "program" => version.is_none_or(|(major, minor, _)| (major, minor) < (3, 3)),
        "crt-store" => from((3, 0)),
        "log-profile" | "traces" => from((3, 1)),
        "acme" => from((3, 2)),
        "healthcheck" => from((3, 4)),
        _ => false,
    }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;

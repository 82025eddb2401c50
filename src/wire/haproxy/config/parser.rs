//! Files to sections and lines: headings, `.if` blocks, and the environment as it changes on the way.

use super::conditions::{Truth, evaluate};
use super::environment::Environment;
use super::tokenizer::{self, LinePosition, TokenizedLine, UnknownStyle};
use super::{
    Config, Dialect, Line, LineEnding, LineKind, ParseContext, Problem, Section, Source, SourceLocation,
    Undecided, Word, globals, name_conflicts,
};

/// HAProxy gives up at as many open `.if` lines.
const MAX_OPEN_IFS: usize = 1024;

/// Reads the files in the order in which the master loads them.
pub fn parse(sources: &[Source<'_>], context: &ParseContext) -> Config {
    let mut reader = ConfigParser {
        context,
        dialect: Dialect::from_version(context.version),
        env: Environment::new(context),
        config: Config::default(),
        section: None,
        section_uncertain: false,
        keyword_uncertain: false,
        blocks: Vec::new(),
    };
    sources.iter().for_each(|source| reader.parse_file(source));
    let (mut config, dialect) = (reader.config, reader.dialect);
    let names = name_conflicts::find(&config, dialect);
    config.problems.extend(names);
    (config.localpeer, config.localpeer_certain) = localpeer(&config, context);
    config
}

/// `-L` wins over the keyword, and the keyword over the host name.
fn localpeer(config: &Config, context: &ParseContext) -> (Option<String>, bool) {
    let line = globals::last_global_line(config, "localpeer").filter(|_| context.localpeer_arg.is_none());
    match line {
        Some((line, certain)) => (Some(line.word(1).to_string()), certain),
        None => {
            let name = context.localpeer_arg.as_ref().or(context.hostname.as_ref());
            (name.cloned(), name.is_some())
        }
    }
}

/// One open `.if`.
struct IfBlock {
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
    section_uncertain: bool,
    /// A branch that may be in force opened a section.
    opened: bool,
}

struct ConfigParser<'a> {
    context: &'a ParseContext,
    dialect: Dialect,
    env: Environment,
    config: Config,
    /// The section that lines go to.
    section: Option<usize>,
    /// Lines may belong to another section than `section`, because an uncertain block opened one.
    section_uncertain: bool,
    /// A keyword came from an undecided variable. It may have been a heading or an `.if`, so nothing in the
    /// rest of the file is certain.
    keyword_uncertain: bool,
    blocks: Vec<IfBlock>,
}

impl ConfigParser<'_> {
    fn parse_file(&mut self, source: &Source<'_>) {
        // A section never goes on into the next file, and a block never does either.
        self.section = None;
        self.section_uncertain = false;
        self.keyword_uncertain = false;
        self.blocks.clear();
        let mut count = 0;
        for line in source.document.lines() {
            count = line.number;
            let at = SourceLocation { file: source.file.clone(), line: count };
            if line.has_nul() {
                self.problem(&at, "there is a NUL character; HAProxy stops reading here");
                break;
            }
            if line.ending == LineEnding::Missing {
                self.problem(&at, "the last line does not end; the file may be cut short");
            }
            if let LineKind::Words(words) = line.kind() {
                self.parse_line(words, at);
            }
        }
        if !self.blocks.is_empty() {
            self.problem(
                &SourceLocation { file: source.file.clone(), line: count },
                "a .if is not closed in this file",
            );
        }
    }

    fn problem(&mut self, at: &SourceLocation, what: impl Into<String>) {
        self.config.problems.push(Problem { at: at.clone(), what: what.into() });
    }

    fn undecided(&mut self, at: &SourceLocation, why: impl Into<String>) {
        self.config.undecided.push(Undecided { at: at.clone(), why: why.into() });
    }

    fn in_force(&self) -> Truth {
        match self.blocks.last() {
            _ if self.keyword_uncertain => Truth::Unknown,
            Some(block) => block.live,
            None => Truth::Yes,
        }
    }

    fn parse_line(&mut self, line: &[u8], at: SourceLocation) {
        let mut split = match self.tokenize(line, &at, UnknownStyle::Named) {
            Ok(split) => split,
            Err(what) => return self.problem(&at, what),
        };
        let keyword = split.words.first();
        if keyword.is_some_and(|word| !word.certain) {
            self.keyword_uncertain = true;
            self.env.forget_all();
        }
        let first = keyword.map_or(String::new(), |word| word.text.clone());
        if first.is_empty() || self.block(&first, &split.words, line, &at) || self.in_force() == Truth::No {
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
            if self.dialect == Dialect::From33 {
                self.problem(&at, format!("word {end} is empty"));
            }
            split.words.truncate(end);
        }
        if is_heading(&first, self.context.version) {
            self.open_section(split.words, at, whole);
        } else {
            self.add_line(split.words, at, whole);
        }
    }

    fn tokenize(
        &self,
        line: &[u8],
        at: &SourceLocation,
        unknowns: UnknownStyle,
    ) -> Result<TokenizedLine, String> {
        let section = self.section.and_then(|index| self.config.sections.get(index));
        let named = section.map(|section| section.name.as_deref().unwrap_or(&section.kind));
        let place = LinePosition { file: &at.file, line: at.line, section: named };
        tokenizer::tokenize(line, &self.env, place, self.dialect, unknowns)
    }

    /// Follows `.if`, `.elif`, `.else` and `.endif`; returns whether the line was one of them.
    fn block(&mut self, first: &str, words: &[Word], line: &[u8], at: &SourceLocation) -> bool {
        match first {
            ".if" => {
                if self.blocks.len() + 1 >= MAX_OPEN_IFS {
                    self.problem(at, "too many .if are open");
                }
                let outside = self.in_force();
                let truth = if outside == Truth::No { Truth::Yes } else { self.condition(line, at) };
                self.blocks.push(IfBlock {
                    outside,
                    live: outside.and(truth),
                    taken: truth,
                    closing: false,
                    section: self.section,
                    section_uncertain: self.section_uncertain,
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
                self.section_uncertain |= block.opened;
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
            self.section_uncertain = block.section_uncertain;
        }
    }

    fn condition(&mut self, line: &[u8], at: &SourceLocation) -> Truth {
        let marked = self.tokenize(line, at, UnknownStyle::Marked);
        let texts: Vec<String> = marked
            .map_or(Vec::new(), |split| split.words.into_iter().skip(1).map(|word| word.text).collect());
        match evaluate(&texts.join(" "), &self.env, self.context) {
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

    fn message(&mut self, first: &str, words: &[Word], at: &SourceLocation) {
        let text = words.get(1).map_or("", |word| word.text.as_str()).to_string();
        match (first, self.in_force()) {
            (".alert", Truth::Yes) => self.problem(at, format!("the file refuses to be loaded: {text}")),
            (".alert", _) => self.undecided(at, format!("the file may refuse to be loaded: {text}")),
            (".warning" | ".notice" | ".diag", _) => {}
            _ => self.problem(at, format!("there is no directive {first}")),
        }
    }

    fn open_section(&mut self, words: Vec<Word>, at: SourceLocation, whole: bool) {
        let sure = self.in_force() == Truth::Yes;
        let text = |index: usize| words.get(index).map(|word| word.text.clone());
        let kind = text(0).unwrap_or_default();
        let nameless = kind == "defaults" && text(1).as_deref() == Some("from") && words.len() == 3;
        let after = if nameless { 1 } else { 2 };
        let from = text(after).filter(|word| word == "from").and_then(|_| text(after + 1));
        let name = if nameless { None } else { text(1) };
        let certain = sure && whole && words.iter().all(|word| word.certain);
        self.section_uncertain = false;
        self.blocks.iter_mut().for_each(|block| block.opened = !sure);
        self.section = Some(self.config.sections.len());
        self.config.sections.push(Section { kind, name, from, at, lines: Vec::new(), certain });
    }

    /// Records the variables that a line changes: a master that executes itself again hands them to its next self.
    fn record_variable_changes(&mut self, words: &[Word]) {
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

    fn add_line(&mut self, mut words: Vec<Word>, at: SourceLocation, whole: bool) {
        let Some(index) = self.section else {
            return self.problem(&at, "a line comes before the first section of its file");
        };
        let sure = self.in_force() == Truth::Yes && !self.section_uncertain;
        let kind = self.config.sections[index].kind.clone();
        if kind == "global" && self.env.apply_line(&words, sure && whole) {
            self.record_variable_changes(&words);
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

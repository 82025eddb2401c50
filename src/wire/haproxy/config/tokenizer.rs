//! One line to words, the way HAProxy does it. It works on bytes: a line need not be text in UTF-8.

use super::environment::{Environment, Lookup};
use super::{Dialect, Word};

/// Stands for an undecided variable while a condition is judged; see [`UnknownStyle::Marked`].
pub(super) const UNKNOWN_MARKER: char = '\u{10FFFF}';

/// How an undecided variable shows in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownStyle {
    /// As `${NAME}`, for people.
    Named,
    /// As [`UNKNOWN_MARKER`], for conditions, where `${NAME}` could be taken for its own text.
    Marked,
}

/// Where a line is, for the variables that name the place.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinePosition<'a> {
    pub(super) file: &'a str,
    pub(super) line: usize,
    pub(super) section: Option<&'a str>,
}

/// The words of a line and what could not be decided in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TokenizedLine {
    pub(super) words: Vec<Word>,
    pub(super) undecided: Vec<String>,
}

/// Splits one line. The error is what HAProxy would refuse the line for.
pub(super) fn tokenize(
    line: &[u8],
    env: &Environment,
    place: LinePosition<'_>,
    dialect: Dialect,
    unknowns: UnknownStyle,
) -> Result<TokenizedLine, String> {
    let mut splitter = Tokenizer {
        bytes: line,
        at: 0,
        env,
        place,
        dialect,
        unknowns,
        out: TokenizedLine::default(),
        word: None,
    };
    splitter.run()?;
    Ok(splitter.out)
}

#[derive(Default)]
struct WordBuilder {
    bytes: Vec<u8>,
    uncertain: bool,
    /// The last thing in the word is a variable that is not set.
    ends_unset: bool,
}

struct Tokenizer<'a> {
    bytes: &'a [u8],
    at: usize,
    env: &'a Environment,
    place: LinePosition<'a>,
    dialect: Dialect,
    unknowns: UnknownStyle,
    out: TokenizedLine,
    word: Option<WordBuilder>,
}

impl Tokenizer<'_> {
    fn run(&mut self) -> Result<(), String> {
        let (mut single, mut double, mut empty_counts) = (false, false, false);
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' | b'\r' => break,
                b'#' if !single && !double => break,
                b'"' if !single => {
                    self.at += 1;
                    if double && empty_counts {
                        self.current_word();
                    }
                    double = !double;
                    empty_counts = true;
                }
                b'\'' if !double => {
                    self.at += 1;
                    if single {
                        self.current_word();
                    }
                    single = !single;
                }
                b'\\' if !single => self.escape(double)?,
                b' ' | b'\t' | 0x0b | 0x0c if !single && !double => {
                    self.at += 1;
                    self.finish_word();
                }
                b'$' if double => self.variable(&mut empty_counts)?,
                other => {
                    self.at += 1;
                    self.push(other);
                }
            }
        }
        self.finish_word();
        if single || double {
            return Err("a quote is not closed".to_string());
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn current_word(&mut self) -> &mut WordBuilder {
        self.word.get_or_insert_with(WordBuilder::default)
    }

    fn push(&mut self, byte: u8) {
        let draft = self.current_word();
        draft.bytes.push(byte);
        draft.ends_unset = false;
    }

    fn mark_uncertain(&mut self, why: String) {
        self.current_word().uncertain = true;
        self.out.undecided.push(why);
    }

    fn finish_word(&mut self) {
        let Some(mut draft) = self.word.take() else { return };
        if draft.ends_unset && matches!(self.dialect, Dialect::From28To32 | Dialect::Unknown) {
            draft.uncertain = true;
            self.out.undecided.push(
                "a word ends in a variable that is not set; versions split such a line differently".into(),
            );
        }
        let text = String::from_utf8_lossy(&draft.bytes).into_owned();
        self.out.words.push(Word { text, certain: !draft.uncertain });
    }

    fn escape(&mut self, double: bool) -> Result<(), String> {
        let (byte, taken) = match self.peek(1) {
            plain @ (b' ' | b'\\' | b'#' | b'\'' | b'"') => (plain, 2),
            b't' => (b'\t', 2),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b'$' if double => (b'$', 2),
            b'x' => match (hex(self.peek(2)), hex(self.peek(3))) {
                (Some(high), Some(low)) => (high * 16 + low, 4),
                _ => return Err("an escape \\x needs two hexadecimal digits".to_string()),
            },
            _ => (b'\\', 1),
        };
        self.at += taken;
        self.push(byte);
        Ok(())
    }

    fn variable(&mut self, empty_counts: &mut bool) -> Result<(), String> {
        self.at += 1;
        let braced = self.peek(0) == b'{';
        self.at += usize::from(braced);
        let first = self.peek(0);
        if !first.is_ascii_alphabetic() && first != b'_' && first != b'.' {
            return Err("a variable name starts with a character that is not allowed".to_string());
        }
        let start = self.at;
        self.at += 1;
        while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
            self.at += 1;
        }
        let name = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
        let mut value = self.lookup(&name)?;
        let mut spread = false;
        if braced {
            spread = self.peek(0) == b'[';
            if spread {
                if (self.peek(1), self.peek(2)) != (b'*', b']') {
                    return Err("a word expansion is written [*]".to_string());
                }
                self.at += 3;
            }
            if self.peek(0) == b'-' {
                let rest = &self.bytes[self.at + 1..];
                let end = rest.iter().position(|byte| *byte == b'}').ok_or_else(unmatched_brace)?;
                if value == Lookup::Unset {
                    value = Lookup::Set(String::from_utf8_lossy(&rest[..end]).into_owned());
                }
                self.at += 1 + end;
            } else if self.peek(0) != b'}' {
                return Err(unmatched_brace());
            }
            self.at += 1;
        }
        match value {
            Lookup::Set(value) if spread => self.push_list(&value, empty_counts),
            Lookup::Set(value) => value.bytes().for_each(|byte| self.push(byte)),
            Lookup::Unset => self.push_unset(&name, spread, empty_counts),
            Lookup::Unknown => {
                let shown = match self.unknowns {
                    UnknownStyle::Named => format!("${{{name}}}"),
                    UnknownStyle::Marked => UNKNOWN_MARKER.to_string(),
                };
                shown.bytes().for_each(|byte| self.push(byte));
                self.mark_uncertain(format!("the environment variable {name} is not known"));
            }
        }
        Ok(())
    }

    fn lookup(&self, name: &str) -> Result<Lookup, String> {
        Ok(match name {
            ".LINE" => Lookup::Set(self.place.line.to_string()),
            ".FILE" => Lookup::Set(self.place.file.to_string()),
            ".SECTION" => self.place.section.map_or(Lookup::Unset, |name| Lookup::Set(name.to_string())),
            other if other.starts_with('.') => return Err(format!("there is no variable {other}")),
            other => self.env.get(other),
        })
    }

    fn push_unset(&mut self, name: &str, spread: bool, empty_counts: &mut bool) {
        match (self.dialect, spread) {
            (Dialect::Before28, _) => {}
            (Dialect::From28To32, _) | (Dialect::From33, true) => {
                *empty_counts = false;
                if self.dialect == Dialect::From28To32
                    && let Some(draft) = &mut self.word
                {
                    draft.ends_unset = true;
                }
            }
            (Dialect::From33, false) => {
                self.current_word();
            }
            (Dialect::Unknown, false) => self.current_word().ends_unset = true,
            (Dialect::Unknown, true) => {
                self.mark_uncertain(format!(
                    "{name} is not set, and versions split \"${{{name}[*]}}\" differently"
                ));
            }
        }
    }

    fn push_list(&mut self, value: &str, empty_counts: &mut bool) {
        let ragged = value.is_empty() || value.trim_ascii() != value;
        if ragged && self.dialect != Dialect::From33 {
            value.trim_ascii().bytes().for_each(|byte| self.push(byte));
            self.mark_uncertain(
                "versions split an expanded value with spaces at its ends differently".to_string(),
            );
            return;
        }
        *empty_counts = false;
        for byte in value.bytes() {
            if byte.is_ascii_whitespace() || byte == 0x0b {
                self.finish_word();
            } else {
                self.push(byte);
            }
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn unmatched_brace() -> String {
    "the brace of a variable is not closed".to_string()
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;

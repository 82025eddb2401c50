//! A file that `EnvironmentFile=` names, read as systemd reads it: not as a shell would.

use anyhow::{Result, bail};

const BLANKS: &[u8] = b" \t\n\r";
const NEWLINES: &[u8] = b"\n\r";
const COMMENT_MARKS: &[u8] = b"#;";
/// What a backslash between double quotes takes its meaning from; before anything else it stays.
const ESCAPABLE: &[u8] = b"\"\\`$";
/// systemd takes no file that is bigger.
const MAX_SIZE: usize = 64 << 20;
/// Up to systemd 253 a backslash at the end of a comment made the next line a part of it.
const COMMENT_ESCAPE_FIXED_IN: u32 = 254;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ParserState {
    BeforeName,
    Name,
    BeforeValue,
    Value,
    Escape,
    SingleQuoted,
    DoubleQuoted,
    DoubleEscape,
    Comment,
    CommentEscape,
}

/// Its assignments in order, as this version of systemd (its first number) reads them; a later one of a name counts. A
/// name that is none for a program is left out, as systemd does.
///
/// # Errors
/// Where systemd refuses the whole file. Nothing of the file is in the message: it may hold secrets.
pub fn parse(bytes: &[u8], systemd: u32) -> Result<Vec<(String, String)>> {
    if bytes.len() > MAX_SIZE {
        bail!("it is bigger than systemd reads");
    }
    if bytes.contains(&0) {
        bail!("it has a zero byte in it, which systemd refuses");
    }
    let mut reader = Parser { systemd, name: Vec::new(), value: Vec::new(), blank: None, pairs: Vec::new() };
    let mut state = ParserState::BeforeName;
    for byte in bytes {
        state = reader.step(state, *byte)?;
    }
    match state {
        ParserState::BeforeName | ParserState::Name | ParserState::Comment | ParserState::CommentEscape => {}
        state => reader.finish_assignment(state == ParserState::Value)?,
    }
    Ok(reader.pairs.into_iter().filter(|(name, _)| is_name(name)).collect())
}

/// It can be the name of a variable.
pub fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) && name.bytes().all(letter)
}

struct Parser {
    systemd: u32,
    name: Vec<u8>,
    value: Vec<u8>,
    /// Where the blanks begin that the value ends with so far, outside of quotes and unescaped.
    blank: Option<usize>,
    pairs: Vec<(String, String)>,
}

impl Parser {
    fn step(&mut self, state: ParserState, byte: u8) -> Result<ParserState> {
        let newline = NEWLINES.contains(&byte);
        Ok(match state {
            ParserState::BeforeName if COMMENT_MARKS.contains(&byte) => ParserState::Comment,
            ParserState::BeforeName if BLANKS.contains(&byte) => ParserState::BeforeName,
            ParserState::BeforeName => self.push_name(byte),
            ParserState::Name if newline => {
                self.name.clear();
                ParserState::BeforeName
            }
            ParserState::Name if byte == b'=' => ParserState::BeforeValue,
            ParserState::Name => self.push_name(byte),
            ParserState::BeforeValue | ParserState::Value if newline => {
                self.finish_assignment(state == ParserState::Value)?;
                ParserState::BeforeName
            }
            ParserState::BeforeValue if byte == b'\'' => ParserState::SingleQuoted,
            ParserState::BeforeValue if byte == b'"' => ParserState::DoubleQuoted,
            ParserState::BeforeValue | ParserState::Value if byte == b'\\' => {
                self.blank = None;
                ParserState::Escape
            }
            ParserState::BeforeValue if BLANKS.contains(&byte) => ParserState::BeforeValue,
            ParserState::BeforeValue | ParserState::Value => {
                let blank = BLANKS.contains(&byte);
                self.blank = self.blank.or(Some(self.value.len())).filter(|_| blank);
                self.push_value(byte, ParserState::Value)
            }
            // A newline behind a backslash is no part of the value.
            ParserState::Escape if newline => ParserState::Value,
            ParserState::Escape => self.push_value(byte, ParserState::Value),
            ParserState::SingleQuoted if byte == b'\'' => ParserState::BeforeValue,
            ParserState::SingleQuoted => self.push_value(byte, ParserState::SingleQuoted),
            ParserState::DoubleQuoted if byte == b'"' => ParserState::BeforeValue,
            ParserState::DoubleQuoted if byte == b'\\' => ParserState::DoubleEscape,
            ParserState::DoubleQuoted => self.push_value(byte, ParserState::DoubleQuoted),
            ParserState::DoubleEscape if byte == b'\n' => ParserState::DoubleQuoted,
            ParserState::DoubleEscape => {
                if !ESCAPABLE.contains(&byte) {
                    self.value.push(b'\\');
                }
                self.push_value(byte, ParserState::DoubleQuoted)
            }
            ParserState::Comment if byte == b'\\' => ParserState::CommentEscape,
            ParserState::Comment if newline => ParserState::BeforeName,
            ParserState::CommentEscape if newline && self.systemd >= COMMENT_ESCAPE_FIXED_IN => {
                ParserState::BeforeName
            }
            ParserState::Comment | ParserState::CommentEscape => ParserState::Comment,
        })
    }

    fn push_name(&mut self, byte: u8) -> ParserState {
        self.name.push(byte);
        ParserState::Name
    }

    fn push_value(&mut self, byte: u8, next: ParserState) -> ParserState {
        self.value.push(byte);
        next
    }

    /// `open` is a value that did not end with a quote or in an escape.
    fn finish_assignment(&mut self, open: bool) -> Result<()> {
        let (mut name, mut value) = (std::mem::take(&mut self.name), std::mem::take(&mut self.value));
        name.truncate(name.trim_ascii_end().len());
        if let Some(blank) = self.blank.take().filter(|_| open) {
            value.truncate(blank);
        }
        let text = |bytes| String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("a line of it is not UTF-8"));
        self.pairs.push((text(name)?, text(value)?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_text(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes(), 257).unwrap()
    }

    #[test]
    fn values_as_systemd_takes_them() {
        let one = |value: &str| parse_text(&format!("A={value}\n")).remove(0).1;
        for (written, taken) in [
            ("x", "x"),
            ("  x y \t", "x y"),
            ("\"x  \"", "x  "),
            ("'x  ' y  ", "x  y"),
            ("x 'y'", "x 'y'"),
            ("a\\\nb", "ab"),
            ("a\\b", "ab"),
            ("x\\ ", "x "),
            ("\"a\\\nb\\$c\\d\"", "ab$c\\d"),
            ("'a\\b\nc'", "a\\b\nc"),
            ("x # no comment", "x # no comment"),
            ("$HOME", "$HOME"),
            ("", ""),
        ] {
            assert_eq!(one(written), taken, "{written:?}");
        }
    }

    #[test]
    fn lines_that_are_no_assignment_and_names_that_are_none() {
        let names = |text: &str| parse_text(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("# A=1\n; B=1\nC\n  D =1\nexport E=1\n2F=1\n_G=1"), ["D", "_G"]);
        assert_eq!(names("=1\n"), Vec::<String>::new());
        assert_eq!(parse_text("A=1\nA=2"), [("A".into(), "1".into()), ("A".into(), "2".into())]);
    }

    #[test]
    fn a_backslash_at_the_end_of_a_comment_is_another_thing_to_an_older_systemd() {
        let text = b"# x \\\nA=1\n";
        assert_eq!(parse(text, 254).unwrap().len(), 1);
        assert_eq!(parse(text, 253).unwrap().len(), 0);
    }

    #[test]
    fn an_error_never_quotes_the_file() {
        for bytes in [&b"A=1\0"[..], b"SECRET=\xff\n"] {
            let said = parse(bytes, 257).unwrap_err().to_string();
            assert!(!said.contains("SECRET"), "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic_and_every_name_is_one(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            for (name, _) in parse(&bytes, 257).unwrap_or_default() {
                prop_assert!(is_name(&name));
            }
        }

        #[test]
        fn what_is_quoted_comes_out_whole(value in "[ -~\n\t]{0,20}") {
            let quoted: String = value.chars().flat_map(|letter| {
                let escaped = letter.is_ascii() && ESCAPABLE.contains(&(letter as u8));
                escaped.then_some('\\').into_iter().chain([letter])
            }).collect();
            prop_assert_eq!(parse_text(&format!("A=\"{quoted}\"\n")).remove(0).1, value);
        }
    }
}

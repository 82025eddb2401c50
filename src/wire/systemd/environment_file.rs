//! A file that `EnvironmentFile=` names, read as systemd reads it: not as a shell would.

use anyhow::{Result, bail};

const BLANKS: &[u8] = b" \t\n\r";
const NEWLINES: &[u8] = b"\n\r";
const COMMENTS: &[u8] = b"#;";
/// What a backslash between double quotes takes its meaning from; before anything else it stays.
const ESCAPED: &[u8] = b"\"\\`$";
/// systemd takes no file that is bigger.
const LARGEST: usize = 64 << 20;
/// Up to systemd 253 a backslash at the end of a comment made the next line a part of it.
const COMMENTS_END: u32 = 254;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeName,
    Name,
    BeforeValue,
    Value,
    Escape,
    Single,
    Double,
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
    if bytes.len() > LARGEST {
        bail!("it is bigger than systemd reads");
    }
    if bytes.contains(&0) {
        bail!("it has a zero byte in it, which systemd refuses");
    }
    let mut reader = Reader { systemd, name: Vec::new(), value: Vec::new(), blank: None, pairs: Vec::new() };
    let mut state = State::BeforeName;
    for byte in bytes {
        state = reader.step(state, *byte)?;
    }
    match state {
        State::BeforeName | State::Name | State::Comment | State::CommentEscape => {}
        state => reader.end(state == State::Value)?,
    }
    Ok(reader.pairs.into_iter().filter(|(name, _)| is_name(name)).collect())
}

/// It can be the name of a variable.
pub fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) && name.bytes().all(letter)
}

struct Reader {
    systemd: u32,
    name: Vec<u8>,
    value: Vec<u8>,
    /// Where the blanks begin that the value ends with so far, outside of quotes and unescaped.
    blank: Option<usize>,
    pairs: Vec<(String, String)>,
}

impl Reader {
    fn step(&mut self, state: State, byte: u8) -> Result<State> {
        let newline = NEWLINES.contains(&byte);
        Ok(match state {
            State::BeforeName if COMMENTS.contains(&byte) => State::Comment,
            State::BeforeName if BLANKS.contains(&byte) => State::BeforeName,
            State::BeforeName => self.named(byte),
            State::Name if newline => {
                self.name.clear();
                State::BeforeName
            }
            State::Name if byte == b'=' => State::BeforeValue,
            State::Name => self.named(byte),
            State::BeforeValue | State::Value if newline => {
                self.end(state == State::Value)?;
                State::BeforeName
            }
            State::BeforeValue if byte == b'\'' => State::Single,
            State::BeforeValue if byte == b'"' => State::Double,
            State::BeforeValue | State::Value if byte == b'\\' => {
                self.blank = None;
                State::Escape
            }
            State::BeforeValue if BLANKS.contains(&byte) => State::BeforeValue,
            State::BeforeValue | State::Value => {
                let blank = BLANKS.contains(&byte);
                self.blank = self.blank.or(Some(self.value.len())).filter(|_| blank);
                self.valued(byte, State::Value)
            }
            // A newline behind a backslash is no part of the value.
            State::Escape if newline => State::Value,
            State::Escape => self.valued(byte, State::Value),
            State::Single if byte == b'\'' => State::BeforeValue,
            State::Single => self.valued(byte, State::Single),
            State::Double if byte == b'"' => State::BeforeValue,
            State::Double if byte == b'\\' => State::DoubleEscape,
            State::Double => self.valued(byte, State::Double),
            State::DoubleEscape if byte == b'\n' => State::Double,
            State::DoubleEscape => {
                if !ESCAPED.contains(&byte) {
                    self.value.push(b'\\');
                }
                self.valued(byte, State::Double)
            }
            State::Comment if byte == b'\\' => State::CommentEscape,
            State::Comment if newline => State::BeforeName,
            State::CommentEscape if newline && self.systemd >= COMMENTS_END => State::BeforeName,
            State::Comment | State::CommentEscape => State::Comment,
        })
    }

    fn named(&mut self, byte: u8) -> State {
        self.name.push(byte);
        State::Name
    }

    fn valued(&mut self, byte: u8, next: State) -> State {
        self.value.push(byte);
        next
    }

    /// `open` is a value that did not end with a quote or in an escape.
    fn end(&mut self, open: bool) -> Result<()> {
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

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes(), 257).unwrap()
    }

    #[test]
    fn values_as_systemd_takes_them() {
        let one = |value: &str| read(&format!("A={value}\n")).remove(0).1;
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
        let names = |text: &str| read(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("# A=1\n; B=1\nC\n  D =1\nexport E=1\n2F=1\n_G=1"), ["D", "_G"]);
        assert_eq!(names("=1\n"), Vec::<String>::new());
        assert_eq!(read("A=1\nA=2"), [("A".into(), "1".into()), ("A".into(), "2".into())]);
    }

    #[test]
    fn a_backslash_at_the_end_of_a_comment_is_another_thing_to_an_older_systemd() {
        let text = b"# x \\\nA=1\n";
        assert_eq!(parse(text, 254).unwrap().len(), 1);
        assert_eq!(parse(text, 253).unwrap().len(), 0);
    }

    #[test]
    fn what_systemd_refuses_is_refused_without_a_word_of_it() {
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
                let escaped = letter.is_ascii() && ESCAPED.contains(&(letter as u8));
                escaped.then_some('\\').into_iter().chain([letter])
            }).collect();
            prop_assert_eq!(read(&format!("A=\"{quoted}\"\n")).remove(0).1, value);
        }
    }
}

//! A configuration file as it is on disk: every byte, line by line.
//!
//! The parser reads from it, and the number of a line here is the one in a [`super::SourceLocation`]: what was parsed
//! can be found again byte for byte. A file is not always text. HAProxy takes comments and names in any encoding, line
//! ends of Windows, and refuses a NUL character or a last line without an end only after it has read so far.

use std::borrow::Cow;

/// One file.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Document<'a> {
    bytes: Cow<'a, [u8]>,
}

/// One line of a file. Content and end, one after the other for all lines, are the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentLine<'a> {
    /// Counted from one.
    pub number: usize,
    /// The bytes without the line end.
    pub content: &'a [u8],
    /// How the line ends.
    pub ending: LineEnding,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnding {
    /// `\n`.
    Lf,
    /// `\r\n`.
    CrLf,
    /// The file ends first. HAProxy takes it for a file that was cut short, and refuses it.
    Missing,
}

/// What HAProxy does with a line, as its first character tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind<'a> {
    /// Nothing but blanks.
    Blank,
    /// It starts with `#`.
    Comment,
    /// It starts with `[`. Only the files of SPOE filters have a use for it.
    ScopeMark,
    /// It is split into words. This is the line from its first word on, comments behind it included.
    Words(&'a [u8]),
}

impl<'a> Document<'a> {
    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The lines in order. There is no line continuation: a backslash at the end of a line is a character of it, and a
    /// quote is closed in its line.
    pub fn lines(&self) -> impl Iterator<Item = DocumentLine<'_>> {
        let lines = self.bytes.split_inclusive(|byte| *byte == b'\n');
        lines.enumerate().map(|(index, line)| DocumentLine::new(index + 1, line))
    }
}

impl<'a> DocumentLine<'a> {
    fn new(number: usize, line: &'a [u8]) -> Self {
        let endings = [LineEnding::CrLf, LineEnding::Lf];
        let found =
            endings.iter().find_map(|end| line.strip_suffix(end.bytes()).map(|content| (content, *end)));
        let (content, ending) = found.unwrap_or((line, LineEnding::Missing));
        DocumentLine { number, content, ending }
    }

    /// What kind of line it is.
    pub fn kind(&self) -> LineKind<'a> {
        // HAProxy skips what isspace() takes for a blank, a carriage return included; behind the first word a carriage
        // return ends the line.
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
        let start = self.content.iter().position(|byte| !blank(byte)).unwrap_or(self.content.len());
        let rest = &self.content[start..];
        match rest.first() {
            None => LineKind::Blank,
            Some(b'#') => LineKind::Comment,
            Some(b'[') => LineKind::ScopeMark,
            Some(_) => LineKind::Words(rest),
        }
    }

    /// HAProxy stops reading the file at a NUL character and refuses it.
    pub fn has_nul(&self) -> bool {
        self.content.contains(&0)
    }
}

impl LineEnding {
    /// Its bytes.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            LineEnding::Lf => b"\n",
            LineEnding::CrLf => b"\r\n",
            LineEnding::Missing => b"",
        }
    }
}

impl<'a> From<&'a [u8]> for Document<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Document { bytes: bytes.into() }
    }
}

impl<'a> From<&'a str> for Document<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl From<Vec<u8>> for Document<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Document { bytes: bytes.into() }
    }
}

/// A configuration may hold passwords, so only its size is shown.
impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(bytes: &[u8]) -> Vec<LineKind<'_>> {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| DocumentLine::new(1, line).kind()).collect()
    }

    #[test]
    fn a_line_is_split_from_its_end() {
        let document = Document::from(&b"global\r\n\n\r\n x\0y\nlast \xe9\r"[..]);
        let lines: Vec<_> = document.lines().map(|line| (line.number, line.content, line.ending)).collect();
        assert_eq!(
            lines,
            [
                (1, &b"global"[..], LineEnding::CrLf),
                (2, b"", LineEnding::Lf),
                (3, b"", LineEnding::CrLf),
                (4, b" x\0y", LineEnding::Lf),
                (5, b"last \xe9\r", LineEnding::Missing),
            ]
        );
        let nul: Vec<bool> = document.lines().map(|line| line.has_nul()).collect();
        assert_eq!(nul, [false, false, false, true, false]);
        assert_eq!(Document::default().lines().count(), 0);
    }

    #[test]
    fn the_first_character_tells_what_haproxy_does_with_a_line() {
        assert_eq!(kinds(b"\n \t\x0b\x0c\r\n"), [LineKind::Blank; 2]);
        assert_eq!(kinds(b"# x\n\t# [\n"), [LineKind::Comment; 2]);
        assert_eq!(kinds(b"[x]\n\r[y\n"), [LineKind::ScopeMark; 2]);
        // A no-break space is no blank to it, in whatever encoding.
        assert_eq!(
            kinds(b"\r server s # x\r\n\xc2\xa0[\n\xa0#"),
            [LineKind::Words(b"server s # x"), LineKind::Words(b"\xc2\xa0["), LineKind::Words(b"\xa0#")]
        );
    }

    #[test]
    fn what_may_hold_passwords_is_not_shown() {
        assert_eq!(format!("{:?}", Document::from("user a password hunter2\n")), "Document(24 bytes)");
    }

    /// Bytes that matter here, and any others.
    fn any_file() -> impl Strategy<Value = Vec<u8>> {
        let telling = prop::sample::select(b"\r\n\0# [\\\"'x\xe9\xff".to_vec());
        prop::collection::vec(prop_oneof![4 => telling, 1 => any::<u8>()], 0..200)
    }

    proptest! {
        #[test]
        fn the_lines_of_any_file_are_the_file(bytes in any_file()) {
            let document = Document::from(&bytes[..]);
            let lines: Vec<DocumentLine<'_>> = document.lines().collect();
            let again: Vec<u8> =
                lines.iter().flat_map(|line| [line.content, line.ending.bytes()].concat()).collect();
            prop_assert_eq!(again, document.bytes());
            prop_assert!(lines.iter().map(|line| line.number).eq(1..=lines.len()));
            let (last, others) = lines.split_last().map_or((None, &[][..]), |(last, rest)| (Some(last), rest));
            prop_assert!(others.iter().all(|line| line.ending != LineEnding::Missing));
            prop_assert!(lines.iter().all(|line| !line.content.contains(&b'\n')));
            prop_assert!(last.is_none_or(|last| !last.content.is_empty() || last.ending != LineEnding::Missing));
        }
    }
}

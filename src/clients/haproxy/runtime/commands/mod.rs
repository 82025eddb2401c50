//! The commands that change something in a worker. Each is made by a constructor of its own, and there is no other
//! way to make one; values in them are never shown.
//!
//! How a line is read, as measured on 2.6 to 3.4: words end at blanks and commands at `;` unless a backslash stands
//! before; quotes and `#` mean nothing; a last word that begins with `<<` (up to 2.8: ends with it, even escaped)
//! starts a payload, which ends with an empty line and in which nothing is escaped.
//!
//! - `certificates`: `new`, `set`, `commit` and `abort ssl cert`
//! - `patterns`: `add`, `set` and `del` of map and ACL entries
//! - `servers`: `set server`, `add server`, `del server`

mod certificates;
mod patterns;
mod servers;

use std::fmt;

use super::batching::{BatchableCommand, LINE_CAP, SEVERITY_COMMAND};
use crate::wire::haproxy::runtime::response::Refused;
pub use patterns::{PatternListRef, PatternVersion};
pub use servers::{AdminStateCommand, NewServer};

/// Longest payload: with its line it fits into HAProxy's buffer of 16 kB, of which a part is reserved.
pub const PAYLOAD_CAP: usize = 12 * 1024;

/// Why a change is not, or not certainly, in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// HAProxy refused it.
    #[error(transparent)]
    Refused(Refused),
    /// It was sent, and no answer could be attributed to it.
    #[error("whether it was done has to be read, because no clear answer came: {why}")]
    OutcomeUnknown {
        /// What happened instead.
        why: String,
    },
    /// It was not sent.
    #[error("it was not sent: {why}")]
    NotSent {
        /// Why not.
        why: String,
    },
}

/// A runtime command that changes something. `Debug` and messages show what it is about, never the values.
#[derive(Clone, PartialEq, Eq)]
pub struct RuntimeChange {
    line: String,
    payload: Option<String>,
    shown: String,
    success: SuccessMessage,
    answer: ResponseShape,
}

/// The answer of HAProxy to a change that was done. Through the master answers have no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SuccessMessage {
    /// It says nothing.
    Empty,
    /// It says one of these.
    OneOf(&'static [&'static str]),
}

/// What an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseShape {
    /// One line at most, closed by an empty one.
    Terminated,
    /// One line; 2.6 does not close some refusals.
    MaybeTerminated,
    /// One line, which 2.6 never closes.
    Unterminated,
    /// Several lines, which come one after another.
    MultiLine,
}

/// A value that the socket's syntax cannot carry, or not safely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{what}` cannot be sent: {why}")]
pub struct UnencodableValue {
    /// The command, without its values.
    pub what: String,
    /// What is wrong with a value.
    pub why: &'static str,
}

impl RuntimeChange {
    /// What it is, without values: for messages and logs.
    pub fn describe(&self) -> &str {
        &self.shown
    }

    /// The bytes for the wire, without the last line end.
    pub(super) fn to_wire(&self) -> String {
        match &self.payload {
            None => self.line.clone(),
            Some(payload) => format!("{} <<\n{payload}", self.line),
        }
    }

    /// Whether its answer may lack the closing empty line.
    pub(super) fn may_lack_terminator(&self) -> bool {
        matches!(self.answer, ResponseShape::MaybeTerminated | ResponseShape::Unterminated)
    }

    /// What an answer means for this command.
    pub(super) fn classify_response(&self, answer: Result<String, Refused>) -> Result<String, ChangeError> {
        let text = answer.map_err(|why| ChangeError::Refused(self.redact_values(why)))?;
        let done = match self.success {
            SuccessMessage::Empty => text.is_empty(),
            SuccessMessage::OneOf(words) => words.iter().any(|word| text.contains(word)),
        };
        if done {
            return Ok(text);
        }
        let reason =
            text.lines().rfind(|line| !line.is_empty() && *line != "Failed!").unwrap_or("no reason given");
        Err(ChangeError::Refused(self.redact_values(Refused::Other(reason.to_owned()))))
    }

    /// HAProxy's reason, which may repeat a value that must not be shown.
    fn redact_values(&self, why: Refused) -> Refused {
        let Refused::Other(reason) = &why else { return why };
        if self.shown == self.line {
            return why;
        }
        let masked = match (reason.find('\''), reason.rfind('\'')) {
            (Some(first), Some(last)) if first < last => match (reason.get(..=first), reason.get(last..)) {
                (Some(head), Some(tail)) => format!("{head}***{tail}"),
                _ => String::new(),
            },
            _ => reason.clone(),
        };
        let words = self
            .line
            .split_whitespace()
            .skip(3)
            .chain(self.payload.iter().flat_map(|p| p.split_whitespace()));
        let mut values = words.filter(|word| word.len() > 3 && !self.shown.contains(word));
        match values.any(|value| masked.contains(value)) {
            true => Refused::Other("(the reason repeats the value, which is not shown)".to_owned()),
            false => Refused::Other(masked),
        }
    }

    /// A command without secrets.
    fn non_sensitive(
        line: String,
        success: SuccessMessage,
        answer: ResponseShape,
    ) -> Result<Self, UnencodableValue> {
        let shown = line.clone();
        RuntimeChange { line, payload: None, shown, success, answer }.checked()
    }

    /// Refuses what is longer than HAProxy's buffer, and what would be read as more than one command.
    fn checked(self) -> Result<Self, UnencodableValue> {
        let bad = |why| Err(UnencodableValue { what: self.shown.clone(), why });
        if self.line.contains(['\n', '\r', '\0']) {
            return bad("it holds a line end");
        }
        if self.line.len() + SEVERITY_COMMAND.len() >= LINE_CAP {
            return bad("it is longer than 8 kB");
        }
        match &self.payload {
            Some(payload) if payload.len() > PAYLOAD_CAP => bad("it is longer than HAProxy's buffer"),
            Some(payload) if payload.starts_with('\n') || payload.contains("\n\n") => {
                bad("it holds an empty line, which ends a payload")
            }
            Some(payload) if !payload.ends_with('\n') => bad("its last line has no end"),
            _ => Ok(self),
        }
    }
}

impl fmt::Debug for RuntimeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Change").field(&self.shown).finish()
    }
}

impl BatchableCommand for RuntimeChange {
    fn text(&self) -> &str {
        &self.line
    }

    fn can_share_line(&self) -> bool {
        self.payload.is_none()
            && matches!(self.answer, ResponseShape::Terminated | ResponseShape::MaybeTerminated)
    }
}

/// A word as the command line of the socket needs it; `what` is the command for the message.
fn escape_word(text: &str, what: &str) -> Result<String, UnencodableValue> {
    let bad = |why| Err(UnencodableValue { what: what.to_owned(), why });
    if text.is_empty() {
        return bad("a word is empty");
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return bad("a word holds a control character");
    }
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, ' ' | '\t' | '\\' | ';') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    Ok(escaped)
}

/// The last word of a line, where `<<` would start a payload.
pub(super) fn escape_last_word(text: &str, what: &str) -> Result<String, UnencodableValue> {
    match text.contains("<<") {
        true => Err(UnencodableValue {
            what: what.to_owned(),
            why: "the last word holds <<, which starts a payload",
        }),
        false => escape_word(text, what),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a line as HAProxy does.
    fn read_back(line: &str) -> Vec<Vec<String>> {
        let mut commands = vec![vec![String::new()]];
        let mut chars = line.chars();
        while let Some(char) = chars.next() {
            let words = commands.last_mut().unwrap();
            match char {
                '\\' => words.last_mut().unwrap().extend(chars.next()),
                ' ' | '\t' => words.push(String::new()),
                ';' => commands.push(vec![String::new()]),
                other => words.last_mut().unwrap().push(other),
            }
        }
        commands
    }

    #[test]
    fn a_reason_does_not_repeat_a_value() {
        let list = PatternListRef { kind: crate::wire::haproxy::config::PatternKind::Acl, id: 1 };
        let change = RuntimeChange::add_acl_entry(list, PatternVersion::Current, "token-one").unwrap();
        let reason = |text: &str| change.classify_response(Ok(text.to_owned())).unwrap_err().to_string();
        assert_eq!(reason("'token-one' is not a valid address.\n"), "refused: '***' is not a valid address.");
        assert!(!reason("bad token-one here\n").contains("token"));
        assert_eq!(reason("out of memory\n"), "refused: out of memory");
        let plain = RuntimeChange::set_server_weight("web", "s1", 999).unwrap();
        assert!(
            plain
                .classify_response(Ok("weight '999' is bad\n".into()))
                .unwrap_err()
                .to_string()
                .contains("999")
        );
    }

    #[test]
    fn what_is_not_a_word_is_refused_and_its_value_is_not_repeated() {
        for bad in ["", "a\nb", "a\rb", "a\0b", "\u{1b}[2J"] {
            let error = escape_word(bad, "add map #1").unwrap_err();
            assert_eq!(error.what, "add map #1");
        }
        assert!(escape_last_word("a<<b", "x").is_err() && escape_word("a<<b", "x").is_ok());
    }

    proptest! {
        #[test]
        fn a_word_stays_one_word_of_one_command(text in "[^\\p{Cc}]{1,30}") {
            let line = format!("add acl #1 {} end", escape_word(&text, "").unwrap());
            prop_assert_eq!(read_back(&line), vec![vec!["add".to_owned(), "acl".into(), "#1".into(), text, "end".into()]]);
        }
    }
}

//! The expressions of `.if` and `.elif`.

use super::ParseContext;
use super::environment::{Environment, Lookup};
use super::tokenizer::UNKNOWN_MARKER;

/// Parentheses deeper than this are left undecided, so that a hostile file cannot exhaust the stack.
const MAX_DEPTH: usize = 100;

/// Yes, no, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    pub(super) fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::No, _) | (_, Truth::No) => Truth::No,
            (Truth::Yes, Truth::Yes) => Truth::Yes,
            _ => Truth::Unknown,
        }
    }

    pub(super) fn or(self, other: Truth) -> Truth {
        self.not().and(other.not()).not()
    }

    pub(super) fn not(self) -> Truth {
        match self {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            Truth::Unknown => Truth::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Truth::Yes } else { Truth::No }
    }
}

/// The result of an expression, and what in it could not be decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConditionResult {
    pub(super) truth: Truth,
    pub(super) undecided: Vec<String>,
}

/// Judges an expression. The error is what HAProxy would refuse the file for.
pub(super) fn evaluate(
    text: &str,
    env: &Environment,
    context: &ParseContext,
) -> Result<ConditionResult, String> {
    let mut judge = Evaluator { rest: text, env, context, undecided: Vec::new() };
    if text.is_empty() {
        return Ok(ConditionResult { truth: Truth::No, undecided: Vec::new() });
    }
    let truth = match judge.expression(MAX_DEPTH) {
        Ok(truth) => truth,
        // An undecided variable outside an argument can turn into any syntax at all.
        Err(_) if text.contains(UNKNOWN_MARKER) => {
            judge.unknown("the condition itself comes from a variable")
        }
        Err(EvalError::TooDeep) => judge.unknown("the condition is nested too deeply to follow"),
        Err(EvalError::Refused(why)) => return Err(why),
    };
    if truth == Truth::Unknown || judge.rest.trim_start_matches([' ', '\t']).is_empty() {
        return Ok(ConditionResult { truth, undecided: judge.undecided });
    }
    if text.contains(UNKNOWN_MARKER) {
        let truth = judge.unknown("the condition itself comes from a variable");
        return Ok(ConditionResult { truth, undecided: judge.undecided });
    }
    Err(format!("something follows the condition {text:?}"))
}

enum EvalError {
    TooDeep,
    Refused(String),
}

struct Evaluator<'a> {
    rest: &'a str,
    env: &'a Environment,
    context: &'a ParseContext,
    undecided: Vec<String>,
}

impl Evaluator<'_> {
    fn unknown(&mut self, why: impl Into<String>) -> Truth {
        self.undecided.push(why.into());
        Truth::Unknown
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn expression(&mut self, depth: usize) -> Result<Truth, EvalError> {
        let mut either = self.conjunction(depth)?;
        while self.take("||") {
            either = either.or(self.conjunction(depth)?);
        }
        Ok(either)
    }

    fn conjunction(&mut self, depth: usize) -> Result<Truth, EvalError> {
        let mut both = self.term(depth)?;
        while self.take("&&") {
            both = both.and(self.term(depth)?);
        }
        Ok(both)
    }

    fn term(&mut self, depth: usize) -> Result<Truth, EvalError> {
        let mut negated = false;
        while self.take("!") {
            negated = !negated;
        }
        self.skip_blanks();
        let truth = if let Some(number) = self.number() {
            number
        } else if self.take("(") {
            let inner = self.expression(depth.checked_sub(1).ok_or(EvalError::TooDeep)?)?;
            if !self.take(")") {
                return Err(EvalError::Refused("a parenthesis is not closed".to_string()));
            }
            inner
        } else {
            self.predicate()?
        };
        Ok(if negated { truth.not() } else { truth })
    }

    fn number(&mut self) -> Option<Truth> {
        let unsigned = self.rest.strip_prefix(['+', '-']).unwrap_or(self.rest);
        let hexadecimal = unsigned
            .strip_prefix("0x")
            .or_else(|| unsigned.strip_prefix("0X"))
            .filter(|digits| digits.starts_with(|c: char| c.is_ascii_hexdigit()));
        let radix = match hexadecimal {
            Some(_) => 16,
            None if unsigned.starts_with('0') => 8,
            None => 10,
        };
        let digits = hexadecimal.unwrap_or(unsigned);
        let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        if end == 0 {
            return None;
        }
        self.rest = &digits[end..];
        Some(Truth::from(digits[..end].contains(|c: char| c != '0')))
    }

    fn predicate(&mut self) -> Result<Truth, EvalError> {
        let end = self.rest.find([' ', '(']).unwrap_or(self.rest.len());
        let name = &self.rest[..end];
        let wanted = match name {
            "defined"
            | "feature"
            | "version_atleast"
            | "version_before"
            | "openssl_version_atleast"
            | "openssl_version_before"
            | "ssllib_name_startswith"
            | "awslc_api_atleast"
            | "awslc_api_before"
            | "enabled" => 1,
            "streq" | "strneq" | "strstr" => 2,
            // Only branches after 3.4 know this one; it takes no argument.
            "fips_mode" => 0,
            _ => return Err(EvalError::Refused(format!("the condition {:?} is not understood", self.rest))),
        };
        let early = self.context.version.is_some_and(|(major, minor, _)| (major, minor) < (2, 7));
        if early && matches!(name, "strstr" | "enabled" | "awslc_api_atleast" | "awslc_api_before") {
            return Err(EvalError::Refused(format!("this version does not know {name}()")));
        }
        self.rest = &self.rest[end..];
        let arguments = self.arguments(wanted).map_err(EvalError::Refused)?;
        if arguments.iter().any(|text| text.contains(UNKNOWN_MARKER)) {
            return Ok(self.unknown(format!("an argument of {name}() is not known")));
        }
        let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
        let (first, second) = (argument(0), argument(1));
        Ok(match name {
            "streq" => Truth::from(first == second),
            "strneq" => Truth::from(first != second),
            "strstr" => Truth::from(first.contains(second)),
            "defined" => match self.env.get(first) {
                _ if first.is_empty() => Truth::No,
                Lookup::Set(_) => Truth::Yes,
                Lookup::Unset => Truth::No,
                Lookup::Unknown => {
                    self.unknown(format!("whether {first} is in the environment is not known"))
                }
            },
            "feature" => match &self.context.features {
                Some(features) => Truth::from(features.contains(first)),
                None => self.unknown("the features of the binary are not known"),
            },
            "version_atleast" => self.version_at_least(first),
            "version_before" => self.version_at_least(first).not(),
            other => self.unknown(format!("{other}() can only be answered by the running binary")),
        })
    }

    /// Whether the binary is at least of this version.
    fn version_at_least(&mut self, text: &str) -> Truth {
        let release = text.split_once("-dev").map_or(text, |(release, _)| release);
        let numbers: Option<Vec<u32>> = release.split('.').map(|part| part.parse().ok()).collect();
        match (numbers.as_deref(), self.context.version) {
            (Some([major, rest @ ..]), Some(ours)) if rest.len() <= 2 => {
                let part = |index: usize| rest.get(index).copied().unwrap_or(0);
                Truth::from(ours >= (*major, part(0), part(1)))
            }
            (_, None) => self.unknown("the version of the binary is not known"),
            _ => self.unknown(format!("{text:?} is not a version that can be compared")),
        }
    }

    fn arguments(&mut self, wanted: usize) -> Result<Vec<String>, String> {
        let Some(inside) = self.rest.strip_prefix('(') else {
            return if wanted <= 1 {
                Ok(vec![String::new(); wanted])
            } else {
                Err("arguments are missing".into())
            };
        };
        self.rest = inside;
        let mut found = Vec::new();
        loop {
            let text = self.argument();
            found.push(text);
            let closed = self.rest.starts_with(')');
            if !closed && !self.rest.starts_with(',') {
                return Err("a parenthesis is not closed".to_string());
            }
            if !closed && found.len() >= wanted {
                return Err("there are too many arguments".to_string());
            }
            self.rest = &self.rest[1..];
            if closed {
                return if found.len() < wanted { Err("arguments are missing".into()) } else { Ok(found) };
            }
        }
    }

    fn argument(&mut self) -> String {
        let (mut single, mut double, mut out) = (false, false, String::new());
        let mut letters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' if !single => double = !double,
                '\'' if !double => single = !single,
                '\\' if !single => {
                    match letters.next_if(|(_, c)| matches!(c, '\\' | ' ' | '"' | '\'' | 'r' | 'n' | 't')) {
                        Some((_, 'r')) => out.push('\r'),
                        Some((_, 'n')) => out.push('\n'),
                        Some((_, 't')) => out.push('\t'),
                        Some((_, other)) => out.push(other),
                        None => out.push('\\'),
                    }
                }
                ',' | ')' if !single && !double => {
                    end = at;
                    break;
                }
                other => out.push(other),
            }
        }
        self.rest = &self.rest[end..];
        out
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;

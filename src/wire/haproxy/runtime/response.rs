//! How one answer ends, how several stand behind each other, and which of them are refusals.
//!
//! HAProxy closes no answer with a status. With `set severity-output number` a message carries `[N]: ` (3 and
//! below is an error), while data carries nothing; an unknown command is marked 6, information, on every branch.
//! The master passes no severity on, so there the words decide.

use super::Malformed;

/// Why HAProxy did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The socket's level is too low.
    #[error("permission denied: the socket's level is too low for this")]
    PermissionDenied,
    /// This branch does not know the command (or not at this level).
    #[error("this HAProxy does not know the command")]
    UnknownCommand,
    /// The object, or the worker behind the master, does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// Any other refusal, in HAProxy's own words.
    #[error("refused: {0}")]
    Other(String),
}

/// Beginnings of the messages that say "no such thing", on all branches.
const NOT_FOUND: [&str; 12] = [
    "Can't find the target",
    "Can't find backend",
    "Can't find frontend",
    "Can't display the certificate: Not found",
    "Can't display the CA",
    "Unknown map identifier",
    "Unknown ACL identifier",
    "No such table",
    "No such backend",
    "No such frontend",
    "No such server",
    "No such peers",
];

/// Whether the master says that no process stands behind the prefix. Alone among all answers, this one is
/// not closed by an empty line.
pub fn target_is_gone(text: &str) -> bool {
    text.starts_with("Can't find the target") && text.ends_with('\n')
}

/// Judges one answer, with or without a severity before it, and takes the severity off.
pub fn classify(answer: &str) -> Result<String, Refused> {
    let body = answer.trim_end_matches('\n');
    let (severity, text) = match severity(body) {
        Some((severity, text)) => (Some(severity), text),
        None => (None, body),
    };
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("Unknown command") {
        return Err(Refused::UnknownCommand);
    }
    if first.starts_with("Permission denied") {
        return Err(Refused::PermissionDenied);
    }
    if NOT_FOUND.iter().any(|beginning| first.starts_with(beginning)) {
        return Err(Refused::NotFound(first.to_owned()));
    }
    match severity {
        Some(0..=3) => Err(Refused::Other(first.to_owned())),
        _ if first == "Can't allocate memory!" => Err(Refused::Other(first.to_owned())),
        _ => Ok(if text.is_empty() { String::new() } else { format!("{text}\n") }),
    }
}

/// `[N]: text`.
fn severity(text: &str) -> Option<(u8, &str)> {
    let (digit, text) = text.strip_prefix('[')?.split_once("]: ")?;
    Some((digit.parse::<u8>().ok().filter(|_| digit.len() == 1)?, text))
}

/// Takes the empty answer of `set severity-output number` off the front, and the closing empty line off the end.
/// `None` where the answer is cut short.
pub fn single(joined: &str) -> Option<&str> {
    let rest = joined.strip_prefix('\n')?;
    rest.strip_suffix('\n').filter(|answer| answer.is_empty() || answer.ends_with('\n'))
}

/// Splits what came back for `set severity-output number;cmd1;..;cmdN` into one judged answer per command.
///
/// Only for commands whose answers hold no empty line of their own. When the count is not `commands`, an answer
/// held one after all, or the end is missing, and nothing is handed out: a value must never be taken for another's.
pub fn split(joined: &str, commands: usize) -> Result<Vec<Result<String, Refused>>, Malformed> {
    let bad = |why| Malformed::new("several commands on one line", why, "");
    let mut answers = Vec::new();
    let mut current = String::new();
    let mut lines = joined.split_inclusive('\n');
    if lines.next() != Some("\n") {
        return Err(bad("no answer to `set severity-output number`"));
    }
    for line in lines {
        if line == "\n" {
            answers.push(classify(&std::mem::take(&mut current)));
        } else {
            current.push_str(line);
        }
    }
    match (current.is_empty(), answers.len() == commands) {
        (false, _) => Err(bad("the last answer is cut short")),
        (true, false) => Err(bad("not as many answers as commands")),
        (true, true) => Ok(answers),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn six_commands_on_one_line_give_six_answers_on_every_branch() {
        for (branch, text) in fixtures::every("joined") {
            let answers = split(&text, 6).unwrap();
            assert!(
                answers[0].as_ref().unwrap().starts_with(branch),
                "{branch}: severity must be off: {answers:?}"
            );
            assert_eq!(answers[1], Err(Refused::UnknownCommand), "{branch}");
            assert_eq!(answers[2], Ok(String::new()), "{branch}: a list without entries");
            assert!(matches!(answers[3], Err(Refused::NotFound(_))), "{branch}: {answers:?}");
            assert_eq!(answers[4], Ok("admin\n".to_owned()), "{branch}");
            assert!(answers[5].as_ref().unwrap().starts_with("# table: web"), "{branch}");
        }
    }

    #[test]
    fn a_low_level_is_distinguished_from_an_empty_answer_on_every_branch() {
        for (branch, text) in fixtures::every("joined_user") {
            let answers = split(&text, 5).unwrap();
            let want = (branch == "3.4").then_some(Err(Refused::PermissionDenied));
            assert_eq!(answers[0].is_err().then(|| answers[0].clone()), want, "{branch}: show map");
            assert!(matches!(&answers[1], Err(Refused::Other(text)) if text.contains("memory")), "{branch}");
            assert_eq!(answers[2], Err(Refused::PermissionDenied), "{branch}: show errors");
            assert_eq!(answers[4], Ok("user\n".to_owned()), "{branch}");
        }
    }

    #[test]
    fn the_master_has_no_severity_so_words_decide() {
        for branch in fixtures::BRANCHES {
            let gone = fixtures::read(branch, "master_no_such_pid");
            assert!(target_is_gone(&gone), "{branch}");
            assert!(matches!(classify(&gone), Err(Refused::NotFound(_))), "{branch}");
            let unknown = fixtures::read(branch, "master_unknown_command");
            assert_eq!(classify(&unknown), Err(Refused::UnknownCommand), "{branch}");
            assert!(classify(&fixtures::read(branch, "show_info")).is_ok(), "{branch}");
        }
    }

    #[test]
    fn a_wrong_count_or_a_cut_end_gives_nothing() {
        let text = fixtures::read("3.0", "joined");
        assert_eq!(split(&text, 5).unwrap_err().why, "not as many answers as commands");
        assert_eq!(split(&text[..text.len() - 1], 6).unwrap_err().why, "the last answer is cut short");
        assert_eq!(split("oops\n\n", 1).unwrap_err().why, "no answer to `set severity-output number`");
    }

    #[test]
    fn a_single_answer_may_hold_empty_lines() {
        assert_eq!(single("\na\n\nb\n\n"), Some("a\n\nb\n"));
        assert_eq!(single("\n\n"), Some(""));
        for cut in ["", "\n", "\na", "\na\n", "a\n\n"] {
            assert_eq!(single(cut), None, "{cut:?}");
        }
    }

    #[test]
    fn an_error_number_without_known_words_is_a_refusal() {
        assert_eq!(classify("[3]: It burns.\n"), Err(Refused::Other("It burns.".to_owned())));
        assert_eq!(classify("[5]: fine\n"), Ok("fine\n".to_owned()));
        assert_eq!(classify("[NOTICE] x\n"), Ok("[NOTICE] x\n".to_owned()));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[\\[\\]0-9: \n]{0,50}", count in 0usize..5) {
            let _ = (classify(&text), split(&text, count), single(&text), target_is_gone(&text));
            let _ = (classify(&tail), split(&tail, count), single(&tail));
        }

        #[test]
        fn answers_come_back(answers in proptest::collection::vec("(0x[a-z ]{1,20}\n){0,3}", 0..6)) {
            let joined: String = std::iter::once("\n".to_owned()).chain(answers.iter().map(|a| format!("{a}\n"))).collect();
            let read: Vec<String> = split(&joined, answers.len()).unwrap().into_iter().map(Result::unwrap).collect();
            prop_assert_eq!(read, answers);
        }
    }
}

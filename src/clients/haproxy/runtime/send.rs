//! Sending changes, and asking for the one secret that putting a certificate back needs.

use super::batching::{in_lines, joined};
use super::commands::Undone;
use super::{AskError, Change, Channel, Closes, NotReadOnly, SEVERITIES, Sent, Socket, commands};
use crate::secret::Secret;
use crate::wire::haproxy::runtime::response;

type Outcome = Result<String, Undone>;

impl Channel {
    /// Sends changes in their order, with as few connections as the way allows: one outcome for each. A refusal does
    /// not stop the next one; a connection that fails does, because nobody knows how far it got.
    pub fn change(&self, changes: &[Change]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(changes.len());
        let lines = match self {
            Channel::Direct(_) => in_lines(changes),
            // After `@!PID` only one command goes to the worker.
            Channel::ViaMaster { .. } => changes.chunks(1).collect(),
        };
        for line in lines {
            let said = match self {
                Channel::Direct(socket) => socket.change_line(line),
                Channel::ViaMaster { master, pid } => {
                    line.iter().map(|c| master.change_through(*pid, c)).collect()
                }
            };
            match said {
                Ok(said) => outcomes.extend(said),
                Err(error) => {
                    outcomes.extend(line.iter().map(|_| Err(interrupted(&error))));
                    let why = format!("an earlier change met: {error}");
                    outcomes.resize(changes.len(), Err(Undone::NotSent { why }));
                    break;
                }
            }
        }
        outcomes
    }

    /// The certificate, its chain and its private key, as PEM (3.2 and newer: `dump ssl cert`). It goes back to a
    /// worker and nowhere else.
    pub fn certificate_with_key(&self, name: &str) -> Result<Secret, AskError> {
        let escaped = commands::last(name, "dump ssl cert")
            .map_err(|bad| NotReadOnly { command: format!("{} {name}", bad.what), why: bad.why })?;
        let command = format!("dump ssl cert {escaped}");
        let socket = self.socket();
        let answer = match self {
            Channel::Direct(_) => {
                let line = format!("{SEVERITIES};{command}");
                let text = socket.exchange(Sent { text: &line, shown: &command }, Closes::HAProxy)?;
                response::classify(response::single(&text).ok_or_else(|| socket.cut_short(text.len()))?)
            }
            Channel::ViaMaster { pid, .. } => {
                let line = format!("{} {command}", socket.to_worker(*pid)?);
                let text = socket.exchange(Sent { text: &line, shown: &command }, Closes::Us)?;
                response::classify(&socket.whole(text)?)
            }
        };
        answer.map(Secret::new).map_err(|why| socket.refused(&command, why))
    }
}

impl Socket {
    /// The changes of one line, over a worker's own socket.
    fn change_line(&self, changes: &[Change]) -> Result<Vec<Outcome>, AskError> {
        if let [only] = changes {
            let line = format!("{SEVERITIES};{}", only.wire());
            let text = self.exchange(Sent { text: &line, shown: only.shown() }, Closes::HAProxy)?;
            let rest =
                text.strip_prefix('\n').filter(|rest| rest.ends_with('\n') && only.answers_in_a_line());
            let answer = response::single(&text).or(rest).ok_or_else(|| self.cut_short(text.len()))?;
            return Ok(vec![only.judge(response::classify(answer))]);
        }
        let shown =
            format!("{} changes, the first: {}", changes.len(), changes.first().map_or("", Change::shown));
        let text = self.exchange(Sent { text: &joined(changes), shown: &shown }, Closes::HAProxy)?;
        let answers = response::split(&text, changes.len())
            .or_else(|_| response::split(&closed_by_severities(&text), changes.len()));
        Ok(match answers {
            Ok(answers) => changes.iter().zip(answers).map(|(change, answer)| change.judge(answer)).collect(),
            // Asking again, as for a question, would do it twice.
            Err(error) => {
                let why = error.to_string();
                changes.iter().map(|_| Err(Undone::Unclear { why: why.clone() })).collect()
            }
        })
    }

    fn change_through(&self, pid: u32, change: &Change) -> Result<Outcome, AskError> {
        let closes = if change.answers_in_a_line() { Closes::UsAfterALine } else { Closes::Us };
        let line = format!("{} {}", self.to_worker(pid)?, change.wire());
        let text = self.exchange(Sent { text: &line, shown: change.shown() }, closes)?;
        let text =
            if closes == Closes::UsAfterALine && text.ends_with('\n') { text } else { self.whole(text)? };
        Ok(change.judge(response::classify(&text)))
    }
}

/// 2.6 forgets the empty line behind some refusals. The next answer that has words begins with a severity, so that is
/// where the one before ended; where the count is still not right, nothing is known.
fn closed_by_severities(text: &str) -> String {
    let mut closed = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let severity = matches!(line.as_bytes(), [b'[', b'0'..=b'9', b']', b':', b' ', ..]);
        if severity && !closed.is_empty() && !closed.ends_with("\n\n") && closed != "\n" {
            closed.push('\n');
        }
        closed.push_str(line);
    }
    if !closed.ends_with("\n\n") {
        closed.push('\n');
    }
    closed
}

/// What a failed exchange says of a change that was to be made by it.
fn interrupted(error: &AskError) -> Undone {
    let why = error.to_string();
    match error {
        AskError::Missing { .. }
        | AskError::NotASocket { .. }
        | AskError::PathTooLong { .. }
        | AskError::Denied { .. }
        | AskError::Stale { .. }
        | AskError::Odd { .. }
        | AskError::Busy { .. } => Undone::NotSent { why },
        _ => Undone::Unclear { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_is_not_closed_ends_where_the_next_answer_begins() {
        let text = "\n[6]: New server registered.\n\n[3]: No such backend.\n[6]: New server registered.\n\n";
        let answers = response::split(&closed_by_severities(text), 3).unwrap();
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        let last = response::split(&closed_by_severities("\n\n[3]: No such backend.\n"), 2).unwrap();
        assert!(last[0].is_ok() && last[1].is_err());
        let closed = "\n\n[4]: a\nb\n\n\n";
        assert_eq!(closed_by_severities(closed), closed);
    }
}

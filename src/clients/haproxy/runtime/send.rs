//! Sends changes, and reads private keys of certificates, which a replay puts back.

use super::batching::{batch, join_commands};
use super::commands::ChangeError;
use super::{
    ConnectionClose, NotReadOnly, RuntimeChange, RuntimeRequest, RuntimeSocket, RuntimeSocketError,
    SEVERITY_COMMAND, WorkerChannel, commands,
};
use crate::clearance::Clearance;
use crate::secret::Secret;
use crate::wire::haproxy::runtime::response;

type ChangeResult = Result<String, ChangeError>;

/// A worker that may be changed: a clearance was shown for it.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeWriter<'a> {
    channel: &'a WorkerChannel,
}

impl WorkerChannel {
    /// This worker, to be changed under a clearance.
    pub fn writer<'a>(&'a self, _clearance: &Clearance) -> RuntimeWriter<'a> {
        RuntimeWriter { channel: self }
    }
}

impl RuntimeWriter<'_> {
    /// The worker, to be read.
    pub fn channel(&self) -> &WorkerChannel {
        self.channel
    }

    /// Sends changes in their order, with as few connections as possible: one outcome for each. A refusal does
    /// not stop the next one; a connection that fails does, because it is unknown which commands were executed.
    pub fn change(&self, changes: &[RuntimeChange]) -> Vec<ChangeResult> {
        let mut outcomes = Vec::with_capacity(changes.len());
        let lines = match self.channel {
            WorkerChannel::Direct(_) => batch(changes),
            // After `@!PID` only one command goes to the worker.
            WorkerChannel::ViaMaster { .. } => changes.chunks(1).collect(),
        };
        for line in lines {
            let results = match self.channel {
                WorkerChannel::Direct(socket) => socket.change_line(line),
                WorkerChannel::ViaMaster { master, pid } => {
                    line.iter().map(|c| master.change_via_master(*pid, c)).collect()
                }
            };
            match results {
                Ok(results) => outcomes.extend(results),
                Err(error) => {
                    outcomes.extend(line.iter().map(|_| Err(change_error(&error))));
                    let why = format!("an earlier change met: {error}");
                    outcomes.resize(changes.len(), Err(ChangeError::NotSent { why }));
                    break;
                }
            }
        }
        outcomes
    }
}

impl WorkerChannel {
    /// The certificate, its chain and its private key, as PEM (3.2 and newer: `dump ssl cert`). It goes back to a
    /// worker and nowhere else.
    pub fn certificate_with_key(&self, name: &str) -> Result<Secret, RuntimeSocketError> {
        let escaped = commands::escape_last_word(name, "dump ssl cert")
            .map_err(|bad| NotReadOnly { command: format!("{} {name}", bad.what), why: bad.why })?;
        let command = format!("dump ssl cert {escaped}");
        let socket = self.socket();
        let answer = match self {
            WorkerChannel::Direct(_) => {
                let line = format!("{SEVERITY_COMMAND};{command}");
                let text = socket
                    .exchange(RuntimeRequest { text: &line, shown: &command }, ConnectionClose::HAProxy)?;
                response::classify(response::single(&text).ok_or_else(|| socket.cut_short_error(text.len()))?)
            }
            WorkerChannel::ViaMaster { pid, .. } => {
                let line = format!("{} {command}", socket.worker_prefix(*pid)?);
                let text = socket
                    .exchange(RuntimeRequest { text: &line, shown: &command }, ConnectionClose::Client)?;
                response::classify(&socket.complete_response(text)?)
            }
        };
        answer.map(Secret::new).map_err(|why| socket.refused_error(&command, why))
    }
}

impl RuntimeSocket {
    /// The changes of one line, over a worker's own socket.
    fn change_line(&self, changes: &[RuntimeChange]) -> Result<Vec<ChangeResult>, RuntimeSocketError> {
        if let [only] = changes {
            let line = format!("{SEVERITY_COMMAND};{}", only.to_wire());
            let text = self
                .exchange(RuntimeRequest { text: &line, shown: only.describe() }, ConnectionClose::HAProxy)?;
            let rest =
                text.strip_prefix('\n').filter(|rest| rest.ends_with('\n') && only.may_lack_terminator());
            let answer = response::single(&text).or(rest).ok_or_else(|| self.cut_short_error(text.len()))?;
            return Ok(vec![only.classify_response(response::classify(answer))]);
        }
        let shown = format!(
            "{} changes, the first: {}",
            changes.len(),
            changes.first().map_or("", RuntimeChange::describe)
        );
        let text = self.exchange(
            RuntimeRequest { text: &join_commands(changes), shown: &shown },
            ConnectionClose::HAProxy,
        )?;
        let answers = response::split(&text, changes.len())
            .or_else(|_| response::split(&close_by_severities(&text), changes.len()));
        Ok(match answers {
            Ok(answers) => {
                changes.iter().zip(answers).map(|(change, answer)| change.classify_response(answer)).collect()
            }
            // Sending it again, as a question would be, could do it twice.
            Err(error) => {
                let why = error.to_string();
                changes.iter().map(|_| Err(ChangeError::OutcomeUnknown { why: why.clone() })).collect()
            }
        })
    }

    fn change_via_master(
        &self,
        pid: u32,
        change: &RuntimeChange,
    ) -> Result<ChangeResult, RuntimeSocketError> {
        let closes = if change.may_lack_terminator() {
            ConnectionClose::ClientAfterLine
        } else {
            ConnectionClose::Client
        };
        let line = format!("{} {}", self.worker_prefix(pid)?, change.to_wire());
        let text = self.exchange(RuntimeRequest { text: &line, shown: change.describe() }, closes)?;
        let text = if closes == ConnectionClose::ClientAfterLine && text.ends_with('\n') {
            text
        } else {
            self.complete_response(text)?
        };
        Ok(change.classify_response(response::classify(&text)))
    }
}

/// 2.6 omits the empty line after some refusals. The next answer that is not empty begins with a severity, so that the
/// previous one ended there; where the count is still wrong, the outcome is unknown.
fn close_by_severities(text: &str) -> String {
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

/// Whether a change was sent, by the error of its exchange.
fn change_error(error: &RuntimeSocketError) -> ChangeError {
    let why = error.to_string();
    match error {
        RuntimeSocketError::Missing { .. }
        | RuntimeSocketError::NotASocket { .. }
        | RuntimeSocketError::PathTooLong { .. }
        | RuntimeSocketError::Denied { .. }
        | RuntimeSocketError::NoListener { .. }
        | RuntimeSocketError::UnexpectedResponse { .. }
        | RuntimeSocketError::Busy { .. } => ChangeError::NotSent { why },
        _ => ChangeError::OutcomeUnknown { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_is_not_closed_ends_where_the_next_answer_begins() {
        let text = "\n[6]: New server registered.\n\n[3]: No such backend.\n[6]: New server registered.\n\n";
        let answers = response::split(&close_by_severities(text), 3).unwrap();
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        let last = response::split(&close_by_severities("\n\n[3]: No such backend.\n"), 2).unwrap();
        assert!(last[0].is_ok() && last[1].is_err());
        let closed = "\n\n[4]: a\nb\n\n\n";
        assert_eq!(close_by_severities(closed), closed);
    }
}

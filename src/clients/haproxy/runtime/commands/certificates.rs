//! Changes of certificates: each is a transaction of three steps.

use super::{Answer, Change, Success, Unsayable, last};
use crate::secret::Secret;

impl Change {
    /// `new ssl cert NAME`: an empty place, which nothing uses yet.
    pub fn new_certificate(name: &str) -> Result<Self, Unsayable> {
        certificate("new", name, Success::Says(&["New empty certificate store"]), Answer::Closed)
    }

    /// `set ssl cert NAME` with the certificate, its chain and its private key. Nobody sees them before the commit.
    pub fn set_certificate(name: &str, pem: &Secret) -> Result<Self, Unsayable> {
        // An empty line would end the payload; PEM does not need any.
        let lines = pem.reveal().lines().map(str::trim_end).filter(|line| !line.is_empty());
        let payload: String = lines.flat_map(|line| [line, "\n"]).collect();
        let mut change = certificate(
            "set",
            name,
            Success::Says(&["Transaction created", "Transaction updated"]),
            Answer::Closed,
        )?;
        change.payload = Some(payload);
        change.checked()
    }

    /// `commit ssl cert NAME`: from now on it is served.
    pub fn commit_certificate(name: &str) -> Result<Self, Unsayable> {
        certificate("commit", name, Success::Says(&["Success!"]), Answer::Long)
    }

    /// `abort ssl cert NAME`: what was set is given up.
    pub fn abort_certificate(name: &str) -> Result<Self, Unsayable> {
        certificate("abort", name, Success::Says(&["Transaction aborted"]), Answer::Closed)
    }
}

fn certificate(verb: &str, name: &str, success: Success, answer: Answer) -> Result<Change, Unsayable> {
    let shown = format!("{verb} ssl cert {name}");
    let line = format!("{verb} ssl cert {}", last(name, &shown)?);
    Change { line, payload: None, shown, success, answer }.checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_of_a_pem_file_do_not_end_its_payload() {
        let pem = Secret::new("-----BEGIN X-----\r\nkey\n\n-----END X-----\n\n");
        let change = Change::set_certificate("/a b.pem", &pem).unwrap();
        assert_eq!(change.wire(), "set ssl cert /a\\ b.pem <<\n-----BEGIN X-----\nkey\n-----END X-----\n");
        assert_eq!(format!("{change:?}"), "Change(\"set ssl cert /a b.pem\")");
        assert!(Change::set_certificate("/a", &Secret::new("x".repeat(20_000))).is_err());
        assert!(Change::set_certificate("/a", &Secret::new("")).is_err());
    }
}

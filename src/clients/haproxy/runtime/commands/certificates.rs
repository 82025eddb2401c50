//! Changes of certificates: each is a transaction of three steps.

use super::{ResponseShape, RuntimeChange, SuccessMessage, UnencodableValue, escape_last_word};
use crate::secret::Secret;

impl RuntimeChange {
    /// `new ssl cert NAME`: an empty entry, which no bind uses yet.
    pub fn new_certificate(name: &str) -> Result<Self, UnencodableValue> {
        certificate_change(
            "new",
            name,
            SuccessMessage::OneOf(&["New empty certificate store"]),
            ResponseShape::Terminated,
        )
    }

    /// `set ssl cert NAME` with the certificate, its chain and its private key. They are not served before the commit.
    pub fn set_certificate(name: &str, pem: &Secret) -> Result<Self, UnencodableValue> {
        // An empty line would end the payload; PEM needs none.
        let lines = pem.reveal().lines().map(str::trim_end).filter(|line| !line.is_empty());
        let payload: String = lines.flat_map(|line| [line, "\n"]).collect();
        let mut change = certificate_change(
            "set",
            name,
            SuccessMessage::OneOf(&["Transaction created", "Transaction updated"]),
            ResponseShape::Terminated,
        )?;
        change.payload = Some(payload);
        change.checked()
    }

    /// `commit ssl cert NAME`: it is served from now on.
    pub fn commit_certificate(name: &str) -> Result<Self, UnencodableValue> {
        certificate_change("commit", name, SuccessMessage::OneOf(&["Success!"]), ResponseShape::MultiLine)
    }

    /// `abort ssl cert NAME`: discards what was set.
    pub fn abort_certificate(name: &str) -> Result<Self, UnencodableValue> {
        certificate_change(
            "abort",
            name,
            SuccessMessage::OneOf(&["Transaction aborted"]),
            ResponseShape::Terminated,
        )
    }
}

fn certificate_change(
    verb: &str,
    name: &str,
    success: SuccessMessage,
    answer: ResponseShape,
) -> Result<RuntimeChange, UnencodableValue> {
    let shown = format!("{verb} ssl cert {name}");
    let line = format!("{verb} ssl cert {}", escape_last_word(name, &shown)?);
    RuntimeChange { line, payload: None, shown, success, answer }.checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_of_a_pem_file_do_not_end_its_payload() {
        let pem = Secret::new("-----BEGIN X-----\r\nkey\n\n-----END X-----\n\n");
        let change = RuntimeChange::set_certificate("/a b.pem", &pem).unwrap();
        assert_eq!(change.to_wire(), "set ssl cert /a\\ b.pem <<\n-----BEGIN X-----\nkey\n-----END X-----\n");
        assert_eq!(format!("{change:?}"), "Change(\"set ssl cert /a b.pem\")");
        assert!(RuntimeChange::set_certificate("/a", &Secret::new("x".repeat(20_000))).is_err());
        assert!(RuntimeChange::set_certificate("/a", &Secret::new("")).is_err());
    }
}

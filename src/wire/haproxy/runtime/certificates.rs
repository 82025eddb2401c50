//! `show ssl cert` and `show ssl ca-file`: what the worker holds in memory, committed or not.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Malformed, first_line, lines};

const LIST: &str = "show ssl cert";
const DETAILS: &str = "show ssl cert FILE";
const CA_LIST: &str = "show ssl ca-file";

/// One line of `show ssl cert`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCertificate {
    /// Its name, mostly a file; without the `*` of a transaction.
    pub name: String,
    /// Whether this is a change that was begun (`set ssl cert`) and not committed.
    pub transaction: bool,
}

/// One line of `show ssl ca-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCaFile {
    /// Its name, mostly a file; without the `*` of a transaction.
    pub name: String,
    /// Whether this is a change that was not committed.
    pub transaction: bool,
    /// Certificates in it.
    pub certificates: u32,
}

/// What the worker says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateStatus {
    /// A `bind` or a server uses it.
    Used,
    /// Nothing uses it. Up to 3.0 a transaction says this too.
    Unused,
    /// It was made and never filled.
    Empty,
    /// A transaction (newer branches).
    Uncommitted,
    /// A word of a branch that is not known yet.
    Other(String),
}

/// `show ssl cert FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its name; begins with `*` for a transaction.
    pub filename: String,
    /// Whether it is in use.
    pub status: CertificateStatus,
    /// Serial number in upper-case hex; absent where empty.
    pub serial: Option<String>,
    /// SHA-1 of the certificate in lower-case hex; absent where empty.
    pub sha1: Option<String>,
    /// When it expires; absent where empty.
    pub not_after: Option<Timestamp>,
    /// Its subject, such as `/CN=a.test`.
    pub subject: Option<String>,
}

/// Reads the answer of `show ssl cert`.
pub fn parse_list(text: &str) -> Result<Vec<ListedCertificate>, Malformed> {
    names(text, LIST)
        .map(|name| name.map(|(name, transaction)| ListedCertificate { name: name.to_owned(), transaction }))
        .collect()
}

/// Reads the answer of `show ssl ca-file`.
pub fn parse_ca_list(text: &str) -> Result<Vec<ListedCaFile>, Malformed> {
    names(text, CA_LIST)
        .map(|name| {
            let (line, transaction) = name?;
            let bad = || Malformed::new(CA_LIST, "no count of certificates", line);
            let (name, count) = line.rsplit_once(" - ").ok_or_else(bad)?;
            let certificates = count.split(' ').next().and_then(|n| n.parse().ok()).ok_or_else(bad)?;
            Ok(ListedCaFile { name: name.to_owned(), transaction, certificates })
        })
        .collect()
}

/// Names under `# transaction` (with a `*`) and under `# filename`; sections of newer branches are passed over.
fn names<'a>(
    text: &'a str,
    command: &'static str,
) -> impl Iterator<Item = Result<(&'a str, bool), Malformed>> {
    let mut section = None;
    // Without any certificate the answer is empty or a bare header.
    lines(text).filter_map(move |line| {
        if let Some(title) = line.strip_prefix("# ") {
            section = Some(title.trim());
            return None;
        }
        match section {
            Some("transaction") => Some(Ok((line.strip_prefix('*').unwrap_or(line), true))),
            Some("filename") => Some(Ok((line, false))),
            Some(_) => None,
            None => Some(Err(Malformed::new(command, "no header", line))),
        }
    })
}

/// Reads the answer of `show ssl cert FILE`.
pub fn parse_details(text: &str) -> Result<Certificate, Malformed> {
    let bad = |why| Malformed::new(DETAILS, why, first_line(text));
    // A chain repeats some names further down; the certificate itself comes first.
    let value = |key: &str| {
        let found = lines(text).find_map(|line| line.split_once(':').filter(|(name, _)| *name == key));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    let sha1 = match value("SHA1 FingerPrint") {
        Some(hex) if hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Some(hex.to_ascii_lowercase())
        }
        Some(_) => return Err(bad("a fingerprint that is not SHA-1")),
        None => None,
    };
    let not_after = match value("notAfter") {
        Some(date) => Some(expiry(date).ok_or_else(|| bad("a date that cannot be read"))?),
        None => None,
    };
    Ok(Certificate {
        filename: value("Filename").ok_or_else(|| bad("no `Filename`"))?.to_owned(),
        status: match value("Status").ok_or_else(|| bad("no `Status`"))? {
            "Used" => CertificateStatus::Used,
            "Unused" => CertificateStatus::Unused,
            "Empty" => CertificateStatus::Empty,
            "Uncommitted" => CertificateStatus::Uncommitted,
            other => CertificateStatus::Other(other.to_owned()),
        },
        serial: value("Serial").map(str::to_owned),
        sha1,
        not_after,
        subject: value("Subject").map(str::to_owned),
    })
}

/// `Sep 17 08:49:33 2027 GMT`.
fn expiry(date: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%b %d %H:%M:%S %Y", date.strip_suffix("GMT")?.trim()).ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_lists_a_change_that_was_not_committed() {
        for (branch, text) in fixtures::every("show_ssl_cert") {
            let seen: Vec<_> =
                parse_list(&text).unwrap().into_iter().map(|c| (c.name, c.transaction)).collect();
            let want = [("/lab/cert.pem", true), ("/lab/cert.pem", false), ("/lab/new.pem", false)];
            assert_eq!(seen, want.map(|(name, t)| (name.to_owned(), t)), "{branch}");
        }
        for (branch, text) in fixtures::every("show_ssl_ca_file") {
            let seen = parse_ca_list(&text).unwrap();
            let first = ListedCaFile { name: "/lab/ca.pem".to_owned(), transaction: true, certificates: 1 };
            assert_eq!(seen[0], first, "{branch}");
            assert!(!seen[1].transaction && seen[1].name == first.name, "{branch}");
        }
    }

    #[test]
    fn every_branch_tells_what_is_in_memory() {
        for branch in fixtures::BRANCHES {
            let used = parse_details(&fixtures::read(branch, "show_ssl_cert_used")).unwrap();
            assert_eq!(used.filename, "/lab/cert.pem", "{branch}");
            assert_eq!(used.status, CertificateStatus::Used, "{branch}");
            assert_eq!(used.sha1.as_deref(), Some("01879d3ea2df39b0adbf06b134f144c9b702b038"), "{branch}");
            assert_eq!(used.not_after, Some("2027-09-17T08:49:33Z".parse().unwrap()), "{branch}");
            assert_eq!(used.subject.as_deref(), Some("/CN=a.test"), "{branch}");
            let changed = parse_details(&fixtures::read(branch, "show_ssl_cert_transaction")).unwrap();
            assert_eq!(changed.filename, "*/lab/cert.pem", "{branch}");
            assert_ne!((changed.sha1, changed.status), (used.sha1, CertificateStatus::Used), "{branch}");
            let empty = parse_details(&fixtures::read(branch, "show_ssl_cert_empty")).unwrap();
            assert_eq!(
                (empty.status, empty.sha1, empty.not_after),
                (CertificateStatus::Empty, None, None),
                "{branch}"
            );
        }
    }

    #[test]
    fn another_answer_is_an_error() {
        for text in ["Can't allocate memory!\n", "/a.pem\n", "Permission denied\n"] {
            assert!(parse_list(text).is_err() && parse_ca_list(text).is_err(), "{text:?}");
        }
        assert!(parse_ca_list("# filename\n/a.pem\n").is_err());
        let good = fixtures::read("3.4", "show_ssl_cert_used");
        for text in ["", "Filename: a\n", &good.replace("Sep 17", "Sep 77"), &good.replace("01879D", "")] {
            assert!(parse_details(text).is_err(), "{text:?}");
        }
        assert_eq!(parse_list("# filename\n\n"), Ok(Vec::new()));
    }

    #[test]
    fn a_day_of_one_digit_is_padded_with_a_space() {
        assert_eq!(expiry("Jan  2 00:00:00 2030 GMT"), Some("2030-01-02T00:00:00Z".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[A-Za-z0-9: ]{0,60}") {
            let _ = (parse_list(&text), parse_ca_list(&text), parse_details(&text), expiry(&tail));
            let _ = parse_details(&format!("Filename: x\nStatus: Used\nnotAfter: {tail} GMT\n"));
        }

        #[test]
        fn lists_come_back(names in proptest::collection::vec(("/[a-z. -]{0,18}[a-z]", 0u32..), 0..5), transaction: bool) {
            let (title, star) = if transaction { ("transaction", "*") } else { ("filename", "") };
            let mut text = format!("# {title}\n");
            for (name, count) in &names {
                text += &format!("{star}{name} - {count} certificate(s)\n");
            }
            let read = parse_ca_list(&text).unwrap();
            prop_assert!(read.iter().all(|listed| listed.transaction == transaction));
            prop_assert_eq!(read.into_iter().map(|l| (l.name, l.certificates)).collect::<Vec<_>>(), names);
        }
    }
}

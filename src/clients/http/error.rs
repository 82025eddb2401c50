//! What can go wrong between haguard and an HTTP API, each with its mend.

use std::error::Error as _;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::endpoint::HttpEndpoint;

/// Why there is no usable answer. The text never holds a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each field is named in the sentence beside it")]
pub enum HttpError {
    /// The address is not one.
    #[error("{url} cannot be used as an address: {why}")]
    Address { url: String, why: String },
    /// The CA file cannot be used.
    #[error("CA file {path}: {why}", path = path.display())]
    CaFile { path: PathBuf, why: String },
    /// No process listens there.
    #[error("nothing accepts connections at {url}")]
    Refused { url: String },
    /// Name resolution, route or the socket's mode.
    #[error("{url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },
    /// No whole answer within the limit.
    #[error("{url} gave no whole answer within {after:?}")]
    TimedOut { url: String, after: Duration },
    /// The TLS handshake failed.
    #[error("no trusted TLS connection to {url}: {why}")]
    Tls { url: String, why: String },
    /// The server ended the connection before its answer was whole.
    #[error("{url} broke off in the middle of an answer: {why}")]
    ConnectionClosed { url: String, why: String },
    /// The answer is larger than anything that is read.
    #[error("the answer of {url} to {what} is larger than {limit} bytes")]
    TooLarge { url: String, what: String, limit: u64 },
    /// 401 with credentials.
    #[error("{url} refused user {user} with the password from {origin}")]
    WrongCredentials { url: String, user: String, origin: String },
    /// 401 without credentials.
    #[error("{url} wants a user and a password")]
    NoCredentials { url: String },
    /// A web page came.
    #[error("{what} was answered with a web page (HTTP {status})")]
    WebPage { what: String, status: u16 },
    /// 404.
    #[error("{what} was not found: {said}")]
    NotFound { what: String, said: String },
    /// Another status than 2xx.
    #[error("{what} was answered with HTTP {status}: {said}")]
    Status { what: String, status: u16, said: String },
    /// The body is not what this API answers.
    #[error("the answer to {what} cannot be read: {why}")]
    Unreadable { what: String, why: String },
    /// The server has only v2 of the API.
    #[error("{url} has no /v3: this Data Plane API speaks v2 only")]
    OldApi { url: String },
}

impl HttpError {
    /// What the operator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            HttpError::Address { .. } => "write http://HOST:PORT, https://HOST:PORT or unix:/PATH",
            HttpError::CaFile { .. } => "give a readable file with PEM certificates",
            HttpError::Refused { .. } => "start the server, or correct the address",
            HttpError::Unreachable { .. } => "correct the address, or the rights of the socket",
            HttpError::TimedOut { .. } => {
                "see whether the server hangs or is still reloading, or raise --timeout"
            }
            HttpError::Tls { .. } => {
                "name the authority of its certificate in ca_file, or correct the scheme or host name; a key on the \
                 curve P-521 cannot be checked"
            }
            HttpError::ConnectionClosed { .. } => {
                "see the server's log; a write or reload may have outlasted its write timeout"
            }
            HttpError::TooLarge { .. } => "see whether the address is the right one",
            HttpError::WrongCredentials { .. } => {
                "correct the user or the password, or reload the server's users"
            }
            HttpError::NoCredentials { .. } => "set the user name and the password",
            HttpError::WebPage { .. } => "this is probably another server: correct the port or the path",
            HttpError::NotFound { .. } => "correct the address, or see which API version the server speaks",
            HttpError::Status { .. } => "see the server's log",
            HttpError::Unreadable { .. } => {
                "see whether the address is the right one and the API's version is supported"
            }
            HttpError::OldApi { .. } => "upgrade the Data Plane API to 3.0 or later",
        }
    }

    /// Text and remedy in one line.
    pub fn why(&self) -> String {
        format!("{self}; {}", self.remedy())
    }

    /// The request was sent, and whether it was carried out is unknown.
    pub fn outcome_unknown(&self) -> bool {
        matches!(
            self,
            HttpError::TimedOut { .. } | HttpError::ConnectionClosed { .. } | HttpError::TooLarge { .. }
        )
    }

    pub(in crate::clients) fn unauthorized(target: &HttpEndpoint) -> Self {
        let url = target.url.clone();
        match target.credentials.clone() {
            Some(known) => HttpError::WrongCredentials { url, user: known.user, origin: known.origin },
            None => HttpError::NoCredentials { url },
        }
    }

    pub(in crate::clients) fn from_send_error(target: &HttpEndpoint, error: &reqwest::Error) -> Self {
        let url = target.url.clone();
        if error.is_timeout() {
            return HttpError::TimedOut { url, after: target.timeout };
        }
        let why = root_cause(error);
        match (io_kind(error), error.is_connect()) {
            (Some(ErrorKind::ConnectionRefused | ErrorKind::NotFound), true) => HttpError::Refused { url },
            // rustls hands its own errors over as invalid data
            (Some(ErrorKind::InvalidData), _) => HttpError::Tls { url, why },
            (_, true) => HttpError::Unreachable { url, why },
            (_, false) => HttpError::ConnectionClosed { url, why },
        }
    }

    pub(in crate::clients) fn from_read_error(
        target: &HttpEndpoint,
        what: &str,
        error: &std::io::Error,
    ) -> Self {
        let url = target.url.clone();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
        if error.kind() == ErrorKind::TimedOut || inner.is_some_and(reqwest::Error::is_timeout) {
            return HttpError::TimedOut { url, after: target.timeout };
        }
        let why = inner.map_or_else(|| error.to_string(), |inner| root_cause(inner));
        HttpError::ConnectionClosed { url, why: format!("{what}: {why}") }
    }
}

/// The innermost cause says what happened; the outer ones only repeat what was being done.
pub(in crate::clients) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// The kind of the innermost I/O error; one inside another is no `source` of it.
fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut next = error.source();
    let mut kind = None;
    while let Some(cause) = next {
        let mut io = cause.downcast_ref::<std::io::Error>();
        while let Some(found) = io {
            kind = Some(found.kind());
            io = found.get_ref().and_then(|inner| inner.downcast_ref::<std::io::Error>());
        }
        next = cause.source();
    }
    kind
}

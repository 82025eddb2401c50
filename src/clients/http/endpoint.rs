//! The address of an API, and the credentials for it.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// A user with a password, and where the password was taken from.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// Where the password came from: a variable or a file.
    pub origin: String,
}

/// An API and how it is called.
#[derive(Debug, Clone)]
pub struct HttpEndpoint {
    /// `http://`, `https://` or `unix:/path`.
    pub url: String,
    /// Sent with every call as HTTP Basic.
    pub credentials: Option<Credentials>,
    /// A file with the authority of the server's certificate, trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How long one call may take, from connecting to the last byte.
    pub timeout: Duration,
}

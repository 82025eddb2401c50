//! The Data Plane API, asked only. Every call is its own question; nothing is remembered between two.

use super::http::{Http, HttpError, Reply, Target};
use crate::wire::dataplane::{self as wire, NotExpected, Reload, Transaction};

const HAPROXY: &str = "/v3/services/haproxy";

/// One Data Plane API.
#[derive(Debug)]
pub struct DataPlane {
    http: Http,
}

/// The configuration in one answer: the file as it is on disk, and the version that the server holds in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The header `Configuration-Version`: what the server's memory counts.
    pub memory_version: Option<u64>,
    /// The file, byte for byte.
    pub body: Vec<u8>,
}

impl DataPlane {
    /// Prepares to ask; nothing is sent yet. A trailing `/v3` of the address is taken for granted.
    ///
    /// # Errors
    /// When the address or the CA file cannot be used.
    pub fn new(mut target: Target) -> Result<Self, HttpError> {
        let url = target.url.trim_end_matches('/');
        target.url = url.strip_suffix("/v3").unwrap_or(url).to_owned();
        Ok(DataPlane { http: Http::new(target)? })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.http.target().url
    }

    /// How many calls were sent.
    pub fn calls(&self) -> u32 {
        self.http.calls()
    }

    /// The API's version.
    ///
    /// # Errors
    /// When there is no usable answer; a server that knows v2 only is told as such.
    pub fn info(&self) -> Result<String, HttpError> {
        match self.json("/v3/info", wire::info) {
            Err(HttpError::NotFound { .. }) if self.speaks_v2() => {
                Err(HttpError::OldApi { url: self.url().to_owned() })
            }
            other => other,
        }
    }

    fn speaks_v2(&self) -> bool {
        self.http.get("/v2/info").is_ok_and(|reply| reply.checked(words).is_ok())
    }

    /// The version of the configuration in the server's memory.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn version(&self) -> Result<u64, HttpError> {
        self.json(&format!("{HAPROXY}/configuration/version"), wire::version)
    }

    /// The configuration file on disk, with the version in the server's memory.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn raw(&self) -> Result<Raw, HttpError> {
        let reply = self.http.get(&format!("{HAPROXY}/configuration/raw"))?;
        reply.checked(words)?;
        let memory_version = reply.headers.get("configuration-version").and_then(|value| value.parse().ok());
        Ok(Raw { memory_version, body: reply.body })
    }

    /// The reloads that the server remembers, pending ones included. Waits while one is being carried out.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn reloads(&self) -> Result<Vec<Reload>, HttpError> {
        self.json(&format!("{HAPROXY}/reloads"), wire::reloads)
    }

    /// Every transaction, failed and outdated ones included: only the unfiltered list shows them all.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn transactions(&self) -> Result<Vec<Transaction>, HttpError> {
        self.json(&format!("{HAPROXY}/transactions"), wire::transactions)
    }

    /// The process that the server reaches through its runtime socket, if it reaches one.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn runtime_pid(&self) -> Result<Option<u32>, HttpError> {
        self.json(&format!("{HAPROXY}/runtime/info"), wire::runtime_pid)
    }

    fn json<T>(&self, path: &str, read: impl Fn(&str) -> Result<T, NotExpected>) -> Result<T, HttpError> {
        let reply: Reply = self.http.get(path)?;
        let text = reply.json_text(words)?;
        read(&text).map_err(|error| HttpError::Unreadable { what: reply.what, why: error.to_string() })
    }
}

/// The server's own words in a refusal.
fn words(body: &str) -> Option<String> {
    wire::error_document(body).map(|document| document.message)
}

//! The Data Plane API, read-only. Nothing is cached between two calls.

use super::http::{HttpClient, HttpEndpoint, HttpError, Reply};
use crate::wire::dataplane::{self as wire, Reload, Transaction, UnexpectedJson};

const API_PREFIX: &str = "/v3/services/haproxy";

/// One Data Plane API.
#[derive(Debug)]
pub struct DataPlane {
    http: HttpClient,
}

/// The configuration in one answer: the file as it is on disk, and the version that the server holds in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawConfiguration {
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
    pub fn new(mut target: HttpEndpoint) -> Result<Self, HttpError> {
        let url = target.url.trim_end_matches('/');
        target.url = url.strip_suffix("/v3").unwrap_or(url).to_owned();
        Ok(DataPlane { http: HttpClient::new(target)? })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.http.endpoint().url
    }

    /// How many calls were sent.
    pub fn calls(&self) -> u32 {
        self.http.calls()
    }

    /// The API's version.
    ///
    /// # Errors
    /// When there is no usable answer; [`HttpError::OldApi`] for a server with v2 only.
    pub fn api_version(&self) -> Result<String, HttpError> {
        match self.get_json("/v3/info", wire::parse_api_version) {
            Err(HttpError::NotFound { .. }) if self.speaks_v2() => {
                Err(HttpError::OldApi { url: self.url().to_owned() })
            }
            other => other,
        }
    }

    fn speaks_v2(&self) -> bool {
        self.http.get("/v2/info").is_ok_and(|reply| reply.require_success(error_message).is_ok())
    }

    /// The version of the configuration in the server's memory.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn config_version(&self) -> Result<u64, HttpError> {
        self.get_json(&format!("{API_PREFIX}/configuration/version"), wire::parse_config_version)
    }

    /// The configuration file on disk, with the version in the server's memory.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn raw_configuration(&self) -> Result<RawConfiguration, HttpError> {
        let reply = self.http.get(&format!("{API_PREFIX}/configuration/raw"))?;
        reply.require_success(error_message)?;
        let memory_version = reply.headers.get("configuration-version").and_then(|value| value.parse().ok());
        Ok(RawConfiguration { memory_version, body: reply.body })
    }

    /// The reloads that the server remembers, pending ones included. Waits while one is being carried out.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn reloads(&self) -> Result<Vec<Reload>, HttpError> {
        self.get_json(&format!("{API_PREFIX}/reloads"), wire::parse_reloads)
    }

    /// Every transaction, failed and outdated ones included: only the unfiltered list shows them all.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn transactions(&self) -> Result<Vec<Transaction>, HttpError> {
        self.get_json(&format!("{API_PREFIX}/transactions"), wire::parse_transactions)
    }

    /// The process that the server reaches through its runtime socket, if it reaches one.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub fn runtime_pid(&self) -> Result<Option<u32>, HttpError> {
        self.get_json(&format!("{API_PREFIX}/runtime/info"), wire::parse_runtime_pid)
    }

    fn get_json<T>(
        &self,
        path: &str,
        read: impl Fn(&str) -> Result<T, UnexpectedJson>,
    ) -> Result<T, HttpError> {
        let reply: Reply = self.http.get(path)?;
        let text = reply.json_text(error_message)?;
        read(&text).map_err(|error| HttpError::Unreadable { what: reply.what, why: error.to_string() })
    }
}

/// The server's message in an error.
fn error_message(body: &str) -> Option<String> {
    wire::parse_error(body).map(|document| document.message)
}

//! What the Data Plane API writes and answers: its header in the configuration, and its JSON.

use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An answer that is not the JSON that was expected; says where it goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct UnexpectedJson(String);

/// The lines that the Data Plane API puts before a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `# _md5hash=`, of the first line.
    pub md5: Option<String>,
    /// `# _version=`.
    pub version: Option<u64>,
}

/// One reload that the server carried out or will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Its id, a date and a count. The server leaves it out where it answers for one pending id.
    #[serde(default)]
    pub id: String,
    /// How far it is.
    pub status: ReloadStatus,
    /// When it ended, in seconds since 1970.
    #[serde(default)]
    pub reload_timestamp: Option<i64>,
    /// What HAProxy's master said; nothing where the server reloads by a command. It may quote configuration, so it is
    /// read and never written.
    #[serde(default, skip_serializing)]
    pub response: Option<String>,
}

/// How far a reload is. `Succeeded` is the server's opinion: by a command it sees the exit status only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadStatus {
    /// Not carried out yet; known to the server's memory only.
    InProgress,
    /// The server took the configuration back.
    Failed,
    /// The server believes that it succeeded.
    Succeeded,
    /// A word that this version of haguard does not know.
    #[serde(other)]
    Other,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its id.
    pub id: String,
    /// The configuration version that it started from; left out once it failed.
    #[serde(rename = "_version", default)]
    pub version: Option<u64>,
    /// How far it is.
    pub status: TransactionStatus,
}

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// Open: it can still be committed, and counts against the limit.
    InProgress,
    /// Its configuration was refused.
    Failed,
    /// Another commit came first.
    Outdated,
    /// Committed.
    Success,
    /// A word that this version of haguard does not know.
    #[serde(other)]
    Other,
}

/// What the server says where it refuses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorDocument {
    /// The status, or a code of the validation.
    pub code: i64,
    /// Its words.
    pub message: String,
}

/// What a `dataplaneapi.yml` says of the HAProxy beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataPlaneApiConfig {
    /// `config_file`: what it writes.
    pub config_file: Option<PathBuf>,
    /// `backups_dir`: where the last known good configuration is kept.
    pub backups_dir: Option<PathBuf>,
    /// `master_runtime`: the master socket it reloads through.
    pub master_runtime: Option<PathBuf>,
    /// `master_worker_mode`.
    pub master_worker_mode: bool,
    /// `reload_cmd`.
    pub reload_cmd: Option<String>,
    /// `reload_delay`, in seconds.
    pub reload_delay: Option<u64>,
}

/// Reads the lines before the first section. Only a hash in the first line counts, as for the server.
pub fn parse_header(config: &[u8]) -> Header {
    let comments = config.split(|&byte| byte == b'\n').map(String::from_utf8_lossy).take_while(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#')
    });
    let mut header = Header::default();
    for (number, line) in comments.enumerate() {
        if let Some(hash) = header_value(&line, "_md5hash").filter(|_| number == 0) {
            header.md5 = Some(hash.to_owned());
        } else if let Some(version) = header_value(&line, "_version").filter(|_| header.version.is_none()) {
            header.version = version.parse().ok();
        }
    }
    header
}

fn header_value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.trim().strip_prefix('#')?.trim_start().strip_prefix(key)?.strip_prefix('=').map(str::trim)
}

/// The hash that the first line should record: of everything after it, or of everything where it records none.
pub fn expected_md5(config: &[u8]) -> String {
    let end = config.iter().position(|&byte| byte == b'\n').map_or(config.len(), |at| at + 1);
    let rest =
        if parse_header(config).md5.is_some() { config.get(end..).unwrap_or_default() } else { config };
    Md5::digest(rest).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the server keeps the configuration of the last reload that it believes succeeded.
pub fn last_known_good_path(config_file: &Path, backups_dir: Option<&Path>) -> PathBuf {
    let mut name = config_file.file_name().unwrap_or_default().to_owned();
    name.push(".lkg");
    backups_dir.or_else(|| config_file.parent()).unwrap_or_else(|| Path::new("")).join(name)
}

/// Reads `/info`: the API's version.
///
/// # Errors
/// When it is not that document.
pub fn parse_api_version(text: &str) -> Result<String, UnexpectedJson> {
    #[derive(Deserialize)]
    struct Info {
        api: Api,
    }
    #[derive(Deserialize)]
    struct Api {
        version: String,
    }
    parse_json::<Info>(text).map(|info| info.api.version.trim().to_owned())
}

/// Reads `/services/haproxy/configuration/version`: a bare number.
///
/// # Errors
/// When it is none.
pub fn parse_config_version(text: &str) -> Result<u64, UnexpectedJson> {
    parse_json(text)
}

/// Reads `/services/haproxy/reloads`.
///
/// # Errors
/// When it is not that list.
pub fn parse_reloads(text: &str) -> Result<Vec<Reload>, UnexpectedJson> {
    parse_json::<Option<_>>(text).map(Option::unwrap_or_default)
}

/// Reads `/services/haproxy/transactions`.
///
/// # Errors
/// When it is not that list.
pub fn parse_transactions(text: &str) -> Result<Vec<Transaction>, UnexpectedJson> {
    parse_json::<Option<_>>(text).map(Option::unwrap_or_default)
}

/// Reads `/services/haproxy/runtime/info`: the worker that the server talks to, if it says.
///
/// # Errors
/// When it is not that document.
pub fn parse_runtime_pid(text: &str) -> Result<Option<u32>, UnexpectedJson> {
    #[derive(Deserialize)]
    struct RuntimeInfo {
        #[serde(default)]
        info: Info,
    }
    #[derive(Default, Deserialize)]
    struct Info {
        pid: Option<u32>,
    }
    parse_json::<RuntimeInfo>(text).map(|answer| answer.info.pid)
}

/// The server's words in the body of a refusal.
pub fn parse_error(text: &str) -> Option<ErrorDocument> {
    serde_json::from_str(text).ok()
}

/// Reads the keys that matter here, whose names are unique in the file, without a YAML reader: the server itself
/// writes the file anew at each start, one key a line.
pub fn parse_config(yml: &str) -> DataPlaneApiConfig {
    let find = |key: &str| {
        let found = yml.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "))?;
        Some(found.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    DataPlaneApiConfig {
        config_file: find("config_file").map(PathBuf::from),
        backups_dir: find("backups_dir").map(PathBuf::from),
        master_runtime: find("master_runtime").map(PathBuf::from),
        master_worker_mode: find("master_worker_mode").is_some_and(|value| value == "true"),
        reload_cmd: find("reload_cmd"),
        reload_delay: find("reload_delay").and_then(|value| value.parse().ok()),
    }
}

fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, UnexpectedJson> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let at = error.path().to_string();
        UnexpectedJson(if at == "." {
            error.inner().to_string()
        } else {
            format!("at {at}: {}", error.inner())
        })
    })?;
    reader.end().map_err(|error| UnexpectedJson(error.to_string()))?;
    Ok(value)
}

#[cfg(test)]
#[path = "dataplane_tests.rs"]
mod tests;

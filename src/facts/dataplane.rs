//! What a Data Plane API says of itself, and what follows from it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Known;
use crate::wire::dataplane::{DataPlaneApiConfig, last_known_good_path};
pub use crate::wire::dataplane::{Reload, ReloadStatus, Transaction, TransactionStatus};

/// One look at a Data Plane API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPlaneFacts {
    /// Its address.
    pub url: String,
    /// The API's version.
    pub api_version: Known<String>,
    /// The configuration's version in the server's memory, taken from the same answer as the file.
    pub memory_version: Known<u64>,
    /// The version that the file records; none where the server never wrote it.
    pub disk_version: Known<Option<u64>>,
    /// The hash that the file records of itself; none where the server never wrote it.
    pub md5_recorded: Known<Option<String>>,
    /// The hash of the file as it is.
    pub md5_actual: Known<String>,
    /// The file itself, as the server reads it from disk. It may hold password hashes, so no snapshot keeps it.
    #[serde(skip, default = "config_text_not_in_snapshot")]
    pub config_text: Known<String>,
    /// The configuration that the server would go back to, where it can be read on this host.
    pub last_known_good: Known<LastKnownGood>,
    /// Reloads that are still to come; they live in the server's memory only.
    pub pending_reloads: Known<Vec<Reload>>,
    /// Reloads that failed since the server started.
    pub failed_reloads: Known<Vec<Reload>>,
    /// Transactions that can still be committed.
    pub open_transactions: Known<Vec<Transaction>>,
    /// The file that it writes, and how that was learnt.
    pub config_file: Known<WrittenConfigFile>,
    /// The process that it reaches through its runtime socket.
    pub runtime_pid: Known<Option<u32>>,
    /// It takes the user and the password that it is given.
    #[serde(default = "not_in_snapshot")]
    pub lets_us_in: Known<bool>,
    /// How its settings make it reload HAProxy.
    #[serde(default = "not_in_snapshot")]
    pub reloads_by: Known<ReloadMethod>,
    /// Other programs on this host that work on the file it writes, each with its PID.
    #[serde(default = "not_in_snapshot")]
    pub other_writers: Known<Vec<String>>,
}

fn not_in_snapshot<T>() -> Known<T> {
    Known::unknown("the snapshot does not say")
}

/// How a server reloads HAProxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum ReloadMethod {
    /// It asks the master on this socket, and hears how it went.
    Master {
        /// The socket.
        socket: String,
    },
    /// It runs a command, and sees its exit status only.
    Command {
        /// The program; its arguments may hold secrets.
        program: String,
        /// It has words that only a shell understands, and the server runs it without one.
        wants_a_shell: bool,
        /// It restarts HAProxy.
        restarts: bool,
    },
    /// Its settings name no way.
    #[serde(rename = "unnamed")]
    NotConfigured,
}

impl ReloadMethod {
    /// Reads it off the server's settings.
    pub fn from_settings(settings: &DataPlaneApiConfig) -> Self {
        let words = |command: &str| command.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        match (&settings.master_runtime, &settings.reload_cmd) {
            (Some(socket), _) => ReloadMethod::Master { socket: socket.display().to_string() },
            (None, Some(command)) => ReloadMethod::Command {
                program: words(command).first().cloned().unwrap_or_default(),
                wants_a_shell: command.contains(['|', '`', '$', ';', '&', '>', '<', '*'])
                    && !words(command).iter().any(|word| word == "-c"),
                restarts: words(command).iter().any(|word| word == "restart"),
            },
            (None, None) => ReloadMethod::NotConfigured,
        }
    }
}

fn config_text_not_in_snapshot() -> Known<String> {
    Known::unknown("a snapshot does not keep the configuration's text")
}

/// The configuration that the server would go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastKnownGood {
    /// Its file.
    pub path: PathBuf,
    /// Whether it differs from the configuration in force.
    pub differs: bool,
}

/// The file that a server writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenConfigFile {
    /// Its path.
    pub path: PathBuf,
    /// How it was learnt.
    pub learnt: ConfigFileSource,
}

/// How the written file was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigFileSource {
    /// The server's command line names it.
    CommandLine,
    /// The server's settings file names it.
    SettingsFile,
    /// It is the only candidate that holds what the server reads.
    SameText,
}

/// Memory and disk of the server disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionMismatch {
    /// What the server's memory counts.
    pub memory: u64,
    /// What the file records.
    pub disk: u64,
}

impl std::fmt::Display for VersionMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let VersionMismatch { memory, disk } = self;
        write!(
            f,
            "the Data Plane API holds version {memory} in memory, the file on disk is version {disk}: a failed reload \
             put the last known good file back, and the next write through the API brings the failed configuration \
             back with it; SIGUSR2 to dataplaneapi makes it read the file again"
        )
    }
}

/// The file is not what its own hash says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandEdited {
    /// The hash in its first line.
    pub recorded: String,
    /// The hash of what follows.
    pub actual: String,
}

impl std::fmt::Display for HandEdited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the file was changed after the Data Plane API wrote it (it records md5 {}, it has {}); the next write \
             through the API may take the change back",
            self.recorded, self.actual
        )
    }
}

impl DataPlaneFacts {
    /// Whether memory and disk disagree. A file that the server never wrote counts as version 1, as for the server.
    pub fn version_mismatch(&self) -> Known<Option<VersionMismatch>> {
        self.memory_version.clone().zip(self.disk_version.clone()).map(|(memory, disk)| {
            let disk = disk.unwrap_or(1);
            (memory != disk).then_some(VersionMismatch { memory, disk })
        })
    }

    /// Whether the file was changed after the server wrote it.
    pub fn hand_edited(&self) -> Known<Option<HandEdited>> {
        self.md5_recorded.clone().zip(self.md5_actual.clone()).map(|(recorded, actual)| {
            let recorded = recorded.filter(|recorded| *recorded != actual)?;
            Some(HandEdited { recorded, actual })
        })
    }

    /// Whether `text`, read from a file elsewhere, is what the server reads.
    pub fn config_text_differs(&self, text: &str) -> Known<bool> {
        self.config_text.as_ref().map(|seen| seen != text)
    }

    /// The same facts with the written file, and the last known good one as `look` reads it.
    #[must_use]
    pub fn with_config_file(
        mut self,
        file: Known<WrittenConfigFile>,
        settings: &DataPlaneApiConfig,
        look: impl FnOnce(&Path) -> Known<String>,
    ) -> Self {
        self.last_known_good = Known::from(file.context("the last known good file")).and_then(|written| {
            let path = last_known_good_path(&written.path, settings.backups_dir.as_deref());
            let text = look(&path).zip(self.config_text.clone());
            text.map(|(good, now)| LastKnownGood { path, differs: good != now })
        });
        self.config_file = file;
        self
    }
}

/// The configuration file that a server's command line names, and the settings file that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataPlaneArguments {
    /// `--config-file` or `-c`.
    pub config_file: Option<PathBuf>,
    /// `-f`.
    pub settings_file: Option<PathBuf>,
}

/// Reads the command line of a `dataplaneapi`.
pub fn parse_arguments(argv: &[String]) -> DataPlaneArguments {
    let given = |long: Option<&str>, short: &str| {
        argv.iter().enumerate().skip(1).find_map(|(at, word)| {
            let after = || argv.get(at + 1).map(String::as_str);
            if Some(word.as_str()) == long || word == short {
                return after();
            }
            let joined = long.and_then(|long| word.strip_prefix(long)?.strip_prefix('='));
            joined.or_else(|| word.strip_prefix(short).map(|rest| rest.trim_start_matches('=')))
        })
    };
    DataPlaneArguments {
        config_file: given(Some("--config-file"), "-c").map(PathBuf::from),
        settings_file: given(None, "-f").map(PathBuf::from),
    }
}

/// The file that the server writes: as its command line says, else its settings, else the one candidate that holds
/// exactly what the server reads. Two that hold it prove nothing.
pub fn find_config_file(
    argv: Option<&DataPlaneArguments>,
    settings: Option<&DataPlaneApiConfig>,
    raw_body: &Known<String>,
    candidates: &[(PathBuf, String)],
) -> Known<WrittenConfigFile> {
    if let Some(path) = argv.and_then(|argv| argv.config_file.clone()) {
        return Known::Seen(WrittenConfigFile { path, learnt: ConfigFileSource::CommandLine });
    }
    if let Some(path) = settings.and_then(|settings| settings.config_file.clone()) {
        return Known::Seen(WrittenConfigFile { path, learnt: ConfigFileSource::SettingsFile });
    }
    let body = match raw_body {
        Known::Seen(body) => body,
        Known::Unknown { why } => return Known::unknown(why.clone()),
    };
    let same: Vec<_> = candidates.iter().filter(|(_, text)| text == body).collect();
    match same.as_slice() {
        [(path, _)] => {
            Known::Seen(WrittenConfigFile { path: path.clone(), learnt: ConfigFileSource::SameText })
        }
        [] => Known::unknown(
            "none of HAProxy's configuration files holds what the Data Plane API reads: it may write another file",
        ),
        _ => Known::unknown(
            "several files hold what the Data Plane API reads; run this beside it, so that its command line can be read",
        ),
    }
}

#[cfg(test)]
#[path = "dataplane_tests.rs"]
mod tests;

//! The configuration on disk: the files that the next worker would load.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Known;

/// One file that the master would load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Its path.
    pub path: String,
    /// MD5 of its bytes, as lowercase hex, or why it could not be read.
    pub md5: Known<String>,
    /// When it was last written.
    pub modified: Known<Timestamp>,
}

/// What the configuration test said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigTest {
    /// It would load.
    pub valid: bool,
    /// The command that was run.
    pub command: String,
    /// Alerts and errors in HAProxy's own words, without secrets.
    pub alerts: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigOnDisk {
    /// Where the list of files was learnt.
    pub source: Known<String>,
    /// The `-f` arguments as given.
    pub arguments: Vec<String>,
    /// The files, in the order they are loaded.
    pub files: Vec<ConfigFile>,
    /// `haproxy -c` with the master's own arguments.
    pub test: Known<ConfigTest>,
    /// Files that were written after the serving worker started.
    pub edited_since_load: Known<Vec<String>>,
    /// What the reader could not decide, as `FILE:LINE why`.
    pub undecided: Vec<String>,
    /// `hard-stop-after`, as written.
    pub hard_stop_after: Option<String>,
    /// `mworker-max-reloads`, as written.
    #[serde(default)]
    pub max_reloads: Option<String>,
    /// `noreuseport` is in force: no worker takes over the listening sockets of the previous one.
    #[serde(default)]
    pub noreuseport: bool,
    /// Lines that listen on a descriptor which HAProxy has to inherit, as `FILE:LINE fd@N`.
    #[serde(default)]
    pub handed_down: Vec<String>,
    /// The server-state file in force, with what it is.
    pub state_file: Option<String>,
    /// When the server-state file was written; none where none is in force.
    #[serde(default)]
    pub state_file_written: Option<Known<Timestamp>>,
    /// Maps, ACLs and certificates that the files name.
    #[serde(default = "not_in_snapshot")]
    pub named_files: Known<ReferencedFiles>,
}

/// Snapshots of older versions have no such fact.
fn not_in_snapshot() -> Known<ReferencedFiles> {
    Known::unknown("the snapshot does not say")
}

/// The files that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferencedFiles {
    /// How many.
    pub count: usize,
    /// Those that the user who starts HAProxy could not read, as `FILE:LINE PATH: why`.
    pub unreadable: Vec<String>,
}

impl ConfigOnDisk {
    /// Nothing of it was seen.
    pub fn unknown(why: &str) -> Self {
        ConfigOnDisk {
            source: Known::unknown(why),
            arguments: Vec::new(),
            files: Vec::new(),
            test: Known::unknown(why),
            edited_since_load: Known::unknown(why),
            undecided: Vec::new(),
            hard_stop_after: None,
            max_reloads: None,
            noreuseport: false,
            handed_down: Vec::new(),
            state_file: None,
            state_file_written: None,
            named_files: Known::unknown(why),
        }
    }
}

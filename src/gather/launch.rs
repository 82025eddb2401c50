//! How a program would be started, where that differs from the running process.

use super::haproxy::config_files::EnvironmentVariables;
use crate::clients::linux::credentials::ProcessCredentials;
use crate::facts::Process;

/// The program as the unit would start it.
pub(super) struct LaunchSpec {
    /// The process that runs, with the arguments, the program, the folder and the user of the other.
    pub(super) main: Process,
    pub(super) environment: EnvironmentVariables,
    pub(super) credentials: ProcessCredentials,
    /// Folders that a restart empties, each with its owner and group.
    pub(super) emptied: Vec<(String, Option<(u32, u32)>)>,
}

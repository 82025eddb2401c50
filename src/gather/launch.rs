//! How a program would be started, where that is not how the one that runs was started.

use super::haproxy::config_files::Variables;
use crate::clients::linux::credentials::Dress;
use crate::facts::Process;

/// The program as the unit would start it.
pub(super) struct Anew {
    /// The process that runs, with the arguments, the program, the folder and the user of the other.
    pub(super) main: Process,
    pub(super) environment: Variables,
    pub(super) dress: Dress,
    /// Folders that a restart makes anew.
    pub(super) emptied: Vec<(String, Option<(u32, u32)>)>,
}

//! The only place that creates a `Command`.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

/// The name (`argv[0]`) under which haguard starts its own program as a helper.
pub(in crate::clients) const HELPER_ARGV0: &str = "haguard: helper";

/// haguard's own program. Its file may have been replaced on disk since the start; this is the one that runs.
const SELF_EXE: &str = "/proc/self/exe";

/// The program that is haguard where it is not the one that runs; see [`super::use_program`].
pub(super) static OTHER_PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// A program, not started yet.
#[expect(clippy::disallowed_methods, reason = "the one place that creates a Command")]
pub(in crate::clients) fn command(program: &str) -> Command {
    Command::new(program)
}

/// haguard's own program.
pub(in crate::clients) fn self_program() -> String {
    OTHER_PROGRAM.get().map_or(SELF_EXE.to_owned(), |program| program.display().to_string())
}

/// The same under another name, not started yet.
pub(in crate::clients) fn self_command(argv0: &str) -> Command {
    let mut command = command(&self_program());
    command.arg0(argv0);
    command
}

/// A status as a shell says it: 128 and the signal's number for a program that a signal ended.
pub(in crate::clients) fn shell_status(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

//! The only place that makes a command of a program.

use std::process::Command;

/// A program, not started yet.
#[expect(clippy::disallowed_methods, reason = "this is the one door to other programs")]
pub(in crate::clients) fn command(program: &str) -> Command {
    Command::new(program)
}

/// haguard itself, for a part of its work that needs a process of its own. Its program may have been replaced on disk
/// since it was started; this is still the one that runs.
pub(in crate::clients) const SELF_EXE: &str = "/proc/self/exe";

/// The same, not started yet.
pub(in crate::clients) fn self_command() -> Command {
    command(SELF_EXE)
}

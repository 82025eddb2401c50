//! Programs that a test makes and then has executed.
//!
//! Another process writes them: what we had open for writing ourselves would be held by whatever another test starts at
//! that moment, and nobody can execute a file that somebody holds so (ETXTBSY).

use std::path::Path;

use assert_cmd::Command;

use super::docker::run_output;

/// Copies a program.
#[track_caller]
pub(crate) fn copy(program: &Path, to: &Path) {
    run_output(Command::new("cp").arg(program).arg(to)).expect("cp copies");
}

/// Writes a script that everybody may execute.
#[track_caller]
pub(crate) fn script(to: &Path, text: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(to).write_stdin(text);
    run_output(&mut command).expect("sh writes it");
}

//! A terminal of a test's own, which `script` makes, with somebody who answers the question.

use std::io::Write as _;
use std::process::Stdio;

use super::haguard::{Haguard, RunOutput};
use super::wait::wait_for;

/// Runs a line of the shell on a terminal; when it has asked, `meanwhile` happens, and then the keys are typed. It takes
/// the program `script`.
pub(crate) fn run_on_terminal(
    haguard: &Haguard,
    line: &str,
    meanwhile: impl FnOnce(),
    keys: &str,
) -> RunOutput {
    let log = haguard.home().join("terminal.log");
    let mut command = haguard.std_command_for("script");
    command.args(["-qec", line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::piped());
    let mut child = command
        .stdout(std::fs::File::create(&log).expect("its folder is there"))
        .spawn()
        .expect("script runs");
    let shown = || std::fs::read_to_string(&log).expect("it was made above");
    wait_for("the question", || shown().contains("[y/N]").then_some(()));
    meanwhile();
    child.stdin.take().expect("it is a pipe").write_all(keys.as_bytes()).expect("it reads its terminal");
    let status = child.wait().expect("it is ours").code().expect("it ends by itself");
    RunOutput { status, stdout: shown(), stderr: String::new() }
}

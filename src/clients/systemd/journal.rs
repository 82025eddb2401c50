//! The last lines of a unit, from journalctl.

use std::time::Duration;

use anyhow::{Result, bail};
use jiff::Timestamp;

use crate::clients::exec::command::Program;

/// The newest lines of a unit since a moment, as it wrote them.
///
/// # Errors
/// When there is no journal, it may not be read, or it does not answer in time.
pub fn journal(unit: &str, since: Timestamp, limit: Duration) -> Result<String> {
    let since = format!("--since=@{}", since.as_second());
    let words = ["-u", unit, &since, "-n", "100", "-o", "cat", "--no-pager", "-q"];
    let arguments = words.iter().map(|word| (*word).to_owned()).collect();
    let output = Program { program: "journalctl".into(), arguments, ..Program::default() }.run(limit)?;
    if !output.status.success() {
        bail!("journalctl -u {unit}: {}", output.stderr.trim());
    }
    Ok(output.stdout)
}

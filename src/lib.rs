//! haguard stands between a person and a risky HAProxy operation.

pub mod clients;
pub mod config;
pub mod exit;
pub mod facts;
pub mod failure;
pub mod known;
pub mod secret;
pub mod time;
pub mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line and returns the process status.
pub fn run(_args: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}

//! What HAProxy reads and writes: its arguments, its configuration, its logs and its runtime API.

pub mod command_line;
pub mod config;
pub mod pattern_file;
pub mod reexec_environment;
pub mod runtime;
pub mod startup_log;

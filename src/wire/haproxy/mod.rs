//! What HAProxy reads and writes.
//!
//! - `command_line`: its arguments
//! - `config`: its configuration files
//! - `pattern_file`: map and ACL files
//! - `reexec_environment`: the environment by which a master passes its state on when it executes itself
//! - `runtime`: answers on runtime and master sockets
//! - `startup_log`: alerts, warnings and `haproxy -vv`

pub mod command_line;
pub mod config;
pub mod pattern_file;
pub mod reexec_environment;
pub mod runtime;
pub mod startup_log;

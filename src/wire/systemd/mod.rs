//! What systemd reads and prints.
//!
//! - `environment_file`: `EnvironmentFile=`
//! - `exec_command`: `ExecStart=` with variables expanded
//! - `exec_settings`: `busctl --json get-property`
//! - `guard_drop_in`: the guard's drop-in
//! - `unit`: `systemctl show`

pub mod environment_file;
pub mod exec_command;
pub mod exec_settings;
pub mod guard_drop_in;
pub mod unit;

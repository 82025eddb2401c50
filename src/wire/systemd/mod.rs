//! What systemd reads and answers: units, environment files, commands, drop-ins.

pub mod environment_file;
pub mod exec_command;
pub mod exec_settings;
pub mod guard_drop_in;
pub mod unit;

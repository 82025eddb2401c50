//! What every command takes: the global flags, the formats and the parsers of values. A command's own arguments stand
//! beside it, in `commands`.

mod format;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub use format::Format;

use crate::time::parse_duration;

/// Flags of every command.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// Read this configuration file
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Print as text or as one JSON document; check and inspect have more
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, global = true)]
    pub output: Format,
    /// Use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true)]
    pub color: ColorChoice,
    /// Never ask a question
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Give up looking after this long, such as 10s
    #[arg(long, value_name = "D", value_parser = parse_duration_arg, global = true)]
    pub timeout: Option<Duration>,
    /// Master socket of the HAProxy that is meant
    #[arg(long, value_name = "PATH", global = true)]
    pub master_socket: Option<PathBuf>,
    /// Admin socket of the HAProxy that is meant
    #[arg(long, value_name = "PATH", global = true)]
    pub stats_socket: Option<PathBuf>,
    /// Say what is asked of whom, on stderr; twice for more
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// A length of time such as `90s`, for clap.
pub fn parse_duration_arg(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("{error:#}"))
}

impl GlobalArgs {
    /// What the settings take from the command line.
    pub fn flags(&self) -> Flags {
        Flags {
            config: self.config.clone(),
            master_socket: self.master_socket.clone(),
            stats_socket: self.stats_socket.clone(),
            timeout: self.timeout,
        }
    }
}

/// What the command line said; `None` is "not said".
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--master-socket`.
    pub master_socket: Option<PathBuf>,
    /// `--stats-socket`.
    pub stats_socket: Option<PathBuf>,
    /// `--timeout`.
    pub timeout: Option<Duration>,
}

/// When colour is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Even into a pipe or a file
    Always,
    /// Not even on a terminal
    Never,
}

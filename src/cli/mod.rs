//! What every command takes: the global flags, the formats and the parsers of values. A command's own arguments stand
//! beside it, in `commands`.

mod format;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

pub use format::Format;

use crate::time::parse_duration;

/// The heading of these flags in help and man pages: a command's own options stand before them.
pub const COMMON_OPTIONS: &str = "Common options";

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = COMMON_OPTIONS)]
pub struct GlobalArgs {
    /// Read this configuration file instead of /etc/haguard/haguard.toml
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Output format; only check and inspect have more than text and json
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, global = true)]
    pub output: Format,
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true)]
    pub color: ColorChoice,
    /// Never ask a question
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Stop gathering facts after this time (default: 10s)
    #[arg(long, value_name = "TIME", value_parser = parse_duration_arg, global = true)]
    pub timeout: Option<Duration>,
    /// Master socket (haproxy -S) of the HAProxy to work on
    #[arg(long, value_name = "PATH", global = true)]
    pub master_socket: Option<PathBuf>,
    /// Stats socket of the HAProxy to work on
    #[arg(long, value_name = "PATH", global = true)]
    pub stats_socket: Option<PathBuf>,
    /// Log every query to stderr; -vv logs every step
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Print help; -h prints a summary
    // clap's own flag would stand under "Options", as if it were the command's.
    #[arg(short, long, action = ArgAction::Help, global = true)]
    pub help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
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

/// The flags that settings are made from; `None` where a flag was not given.
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
    /// Also into a pipe or a file
    Always,
    /// Never, not even on a terminal
    Never,
}

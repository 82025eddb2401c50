//! What `check` takes.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::parse_duration_arg;

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard check\n  haguard check proc.reload-settled config.test-same-argv\n  \
    haguard check --for reload && haguard reload\n  haguard check --wait 30s -o github\n  \
    haguard check --ignore config.state-file --reason 'written by the reload script'\n\n\
    Formats: text, short (only what is not ok), json, junit, github (annotations), nagios.\n\n\
    Exit codes: 0 all well or warnings only, 3 something failed, 5 something could not be told. Only -o nagios has its \
    own: 0 ok, 1 warning, 2 critical (something failed, exit code 3 otherwise), 3 unknown (and every usage error)."
)]
pub struct CheckArgs {
    /// Run these checks only, or those of a group such as runtime; config.rehearsal and restart.cold-start rehearse
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Run what this operation wants before it begins; it rehearses where the operation does
    #[arg(long = "for", value_name = "OPERATION", value_enum, conflicts_with = "ids")]
    pub operation: Option<Operation>,
    /// List the checks instead of running them
    #[arg(long)]
    pub list: bool,
    /// Look again until nothing fails and everything is known, for at most this long, such as 30s
    #[arg(long, value_name = "D", value_parser = parse_duration_arg)]
    pub wait: Option<Duration>,
    /// Make what this check finds a warning at most; once for each check. Never arch.*, guard.* or an operation's own
    #[arg(long, value_name = "ID", requires = "reason")]
    pub ignore: Vec<String>,
    /// Why it is ignored; it is shown, and written into the journal
    #[arg(long, value_name = "TEXT", requires = "ignore", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
}

/// What checks can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// `haguard reload`
    Reload,
    /// `haguard restart --break-glass`, the emergency path; `break-glass` is the same
    #[value(alias = "break-glass")]
    Restart,
    /// `haguard rehearse`
    Rehearse,
    /// `haguard guard install`
    Guard,
}

impl Operation {
    /// The command's name.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Reload => "reload",
            Operation::Restart => "restart",
            Operation::Rehearse => "rehearse",
            Operation::Guard => "guard",
        }
    }
}

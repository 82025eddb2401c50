//! The command line: what can be typed. Nothing here does anything.

mod check;
mod format;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use check::{CheckArgs, Operation};
pub use format::Format;

use crate::time::parse_duration;

/// Stand between a person and a risky HAProxy operation
#[derive(Debug, Parser)]
#[command(
    name = "haguard",
    version,
    max_term_width = 80,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 done, 2 usage, 3 refused, 5 could not determine. All of them: haguard explain exit-codes"
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

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

fn parse_duration_arg(text: &str) -> Result<Duration, String> {
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

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what runs here, which files it uses and what only memory holds
    Inspect(InspectArgs),
    /// Run the preflight checks
    Check(CheckArgs),
    /// Explain a check, a kind of loss, a refusal or the exit codes
    Explain(ExplainArgs),
    /// Try out the next worker in a sealed copy of this host, and show how it differs
    Rehearse(RehearseArgs),
    /// Refuse to restart HAProxy, and say what that would destroy; --break-glass does it
    Restart(RestartArgs),
    /// Reload HAProxy: show the plan, ask, do it, prove it
    Reload(ReloadArgs),
    /// Let a reload stay that --confirm-within would undo, or list those that wait
    Confirm(ConfirmArgs),
    /// Make systemd itself refuse a restart by hand, or see whether it does
    #[command(subcommand)]
    Guard(GuardCommand),
    /// Show the journal: what was attempted, refusals included
    History(HistoryArgs),
    /// Show the configuration in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a shell's completion script
    Completions(CompletionsArgs),
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard inspect\n  haguard inspect --losses\n  \
    haguard inspect -o json > facts.json; haguard inspect --facts facts.json")]
pub struct InspectArgs {
    /// Show the loss ledger alone, a line for each object
    #[arg(long)]
    pub losses: bool,
    /// Show where requests go: host name, backend, servers with their health
    #[arg(long, conflicts_with = "losses")]
    pub routes: bool,
    /// Pin who controls each service, where that is proven, in haguard.toml: later looks compare
    #[arg(long, conflicts_with_all = ["facts", "losses"])]
    pub save: bool,
    /// Judge a snapshot that `inspect -o json` wrote, instead of this host
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A check's id, a group of them, a kind of loss, an exit code, `reload`, `guard`, ..; without it the subjects are listed
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// Arguments of `rehearse`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard rehearse\n  haguard rehearse --config-file new.cfg --exit-code\n  \
    haguard rehearse -o json\n\nIt needs root; without, the files are read and tested, and the exit code is 5 at best.\n\
    Exit codes: 0 it would come up, 3 it would not, 4 it would and differs (with --exit-code), 5 it could not be tried."
)]
pub struct RehearseArgs {
    /// Try this file in place of those the master was started with; more than once for several
    #[arg(long, value_name = "FILE")]
    pub config_file: Vec<PathBuf>,
    /// Exit with 4 when the next worker would differ from the one that runs
    #[arg(long)]
    pub exit_code: bool,
}

/// Arguments of `restart`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard restart\n  haguard restart haproxy@edge.service\n  \
    haguard restart --break-glass lb1 --reason 'INC-4711 master ignores signals' --plan\n\nWithout --break-glass it \
    always exits 3 and never changes anything. With it, it shows a plan, wants consent to that plan's id, writes a \
    snapshot, restarts by what is proven to control HAProxy, puts back what only memory held, and proves the result.\n\n\
    Exit codes of --break-glass: 0 restarted and proven, 1 not carried out and what ran before is proven in force, 3 \
    refused or no consent, 5 could not determine, 6 the world moved since the plan, 7 busy or frozen, 8 restarted and \
    not everything is proven or put back, 130 interrupted before anything was done.")]
pub struct RestartArgs {
    /// What is meant: a unit, a program, a container, a PID, a port, IP:PORT or a socket's path; HAProxy where
    /// nothing is given
    #[arg(value_name = "SERVICE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub service: Option<String>,
    /// Restart it all the same: the name of this host, typed out
    #[arg(long, value_name = "HOST", requires = "reason")]
    pub break_glass: Option<String>,
    /// Why it has to be restarted; the journal keeps it
    #[arg(long, value_name = "R", value_parser = parse_reason, requires = "break_glass")]
    pub reason: Option<String>,
    /// Show the plan and the command that applies it; do nothing
    #[arg(long, conflicts_with = "approve", requires = "break_glass")]
    pub plan: bool,
    /// Apply the plan with this id, if it is still the plan of now
    #[arg(long, value_name = "ID", requires = "break_glass")]
    pub approve: Option<String>,
}

/// A reason that says nothing is none.
fn parse_reason(text: &str) -> Result<String, String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let reason = words.collect::<Vec<_>>().join(" ");
    match reason.is_empty() {
        true => Err("say why it has to be restarted".to_owned()),
        false => Ok(reason),
    }
}

/// Arguments of `reload`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard reload --plan\n  haguard reload --approve 3f9c1a2b04\n  \
    haguard reload --master-socket /run/haproxy-master.sock\n  haguard reload --confirm-within 90s\n\nIt loads the files \
    on disk into a new worker and proves that worker. It never restarts HAProxy.\n\nWith --confirm-within the \
    configuration files of before are put back, loaded and proven unless `haguard confirm ID` comes in time, even if \
    this shell is gone; maps, certificates and other files are not put back.\n\nExit codes: 0 reloaded and proven, 1 failed and the worker of \
    before is proven in force, 3 refused or no consent, 5 could not determine, 6 the world moved since the plan, 7 \
    busy or frozen, 8 changed but not proven, 130 interrupted before anything was done.")]
pub struct ReloadArgs {
    /// The unit, or the PID, of the HAProxy that is meant
    #[arg(value_name = "SERVICE")]
    pub service: Option<String>,
    /// Show the plan and the command that applies it; do nothing
    #[arg(long, conflicts_with = "approve")]
    pub plan: bool,
    /// Put back what only memory holds: states, weights, addresses, servers, map and ACL entries, certificates
    #[arg(long)]
    pub keep_runtime: bool,
    /// Apply the plan with this id, if it is still the plan of now
    #[arg(long, value_name = "ID")]
    pub approve: Option<String>,
    /// Go back to the configuration of before unless `haguard confirm` comes within this time, such as 90s
    #[arg(long, value_name = "D", value_parser = parse_duration_arg)]
    pub confirm_within: Option<Duration>,
    /// What the worker that serves has loaded, where haguard has no copy: once for each file, in their order
    #[arg(long, value_name = "FILE")]
    pub previous: Vec<PathBuf>,
}

/// Arguments of `confirm`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard confirm\n  haguard confirm 3f9c1a2b04\n\nThe id is that of the plan. \
    Without one, the reloads that wait for a confirmation are listed.\n\nExit codes: 0 it stays, 2 no such reload wants \
    one, 5 nobody watches it and HAProxy has ended since, 6 too late, or nothing to confirm, 7 the reload is still under \
    way, 8 it stays, and nobody would have gone back."
)]
pub struct ConfirmArgs {
    /// The plan's id
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// The commands under `guard`.
#[derive(Debug, Subcommand)]
pub enum GuardCommand {
    /// Say whether systemd refuses a restart by hand, and what it does not keep off
    Status(GuardStatusArgs),
    /// Write the one-line drop-in: show the plan, ask, do it, prove it
    Install(GuardChangeArgs),
    /// Take the drop-in away, so that all is as before it
    Remove(GuardChangeArgs),
}

/// Arguments of `guard status`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard guard status\n  haguard guard status haproxy@edge.service -o json\n\n\
    It needs no root where the unit is named.\n\nExit codes: 0 in force, 2 no such unit, 3 not in force, 5 could not determine."
)]
pub struct GuardStatusArgs {
    /// The unit; the one that controls HAProxy where none is named
    #[arg(value_name = "UNIT")]
    pub unit: Option<String>,
}

/// Arguments of `guard install` and `guard remove`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard guard install --plan\n  haguard guard install haproxy.service --approve \
    3f9c1a2b04\n  haguard guard remove --plan\n\nThe file is /etc/systemd/system/UNIT.d/50-haguard.conf. Reload, start, \
    boot and shutdown work as without it.\n\nExit codes: 0 done and proven or nothing to do, 1 failed and all is as before, \
    2 no such unit, 3 refused or no consent, 5 could not determine, 6 the unit moved since the plan, 7 busy or frozen, 8 \
    changed but not proven, 130 interrupted before anything was done."
)]
pub struct GuardChangeArgs {
    /// The unit; the one that is proven to control HAProxy where none is named
    #[arg(value_name = "UNIT")]
    pub unit: Option<String>,
    /// Show the plan and the command that applies it; do nothing
    #[arg(long, conflicts_with = "approve")]
    pub plan: bool,
    /// Apply the plan with this id, if it is still the plan of now
    #[arg(long, value_name = "ID")]
    pub approve: Option<String>,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Show this many of the newest entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub last: usize,
}

/// The commands under `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print each value that is in force
    Show(ConfigShowArgs),
}

/// Arguments of `config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// Print where each value came from
    #[arg(long)]
    pub origin: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells that have a completion script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_reason_is_one_line_that_a_terminal_can_be_shown() {
        assert_eq!(parse_reason("INC-1\n master \u{1b}[31mdeaf\u{7f}").unwrap(), "INC-1 master [31mdeaf");
        assert!(parse_reason(" \u{1b}\n").is_err());
    }

    #[test]
    fn flags_stand_before_or_after_the_command() {
        for line in ["haguard -o json restart", "haguard restart -o json"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.output, Format::Json);
        }
    }
}

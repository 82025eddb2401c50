//! The commands, each with its arguments in one file or folder. Only this room imports all the others.

mod check;
mod completions;
mod config;
mod confirm;
mod explain;
mod guard;
mod history;
mod ignores;
mod inspect;
mod operation;
mod rehearse;
pub(crate) mod reload;
mod restart;

use clap::{Parser, Subcommand};

use crate::cli::{Format, GlobalArgs};
use crate::config::Settings;
use crate::error::Failure;
use crate::report::Report;
use config::ConfigCommand;
use guard::GuardCommand;

/// Show what a reload or restart of HAProxy would lose, and carry it out safely
#[derive(Debug, Parser)]
#[command(
    name = "haguard",
    version,
    max_term_width = 80,
    subcommand_required = true,
    arg_required_else_help = true,
    // Both stand among the common options.
    disable_help_flag = true,
    disable_version_flag = true
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

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what runs here, who controls it and its runtime-only state
    Inspect(inspect::InspectArgs),
    /// Run the preflight checks
    Check(check::CheckArgs),
    /// Explain a check, a kind of loss, an exit code or a command
    Explain(explain::ExplainArgs),
    /// Start the next worker in a sealed copy of this host and show how it differs
    Rehearse(rehearse::RehearseArgs),
    /// Refuse to restart HAProxy and show what would be lost; --break-glass restarts
    Restart(restart::RestartArgs),
    /// Reload HAProxy: show a plan, ask, reload, verify the new worker
    Reload(reload::ReloadArgs),
    /// Keep a reload that --confirm-within would undo, or list those that wait
    Confirm(confirm::ConfirmArgs),
    /// Make systemd refuse a manual restart, or show whether it does
    #[command(subcommand)]
    Guard(GuardCommand),
    /// Show the journal: every attempted change, refusals included
    History(history::HistoryArgs),
    /// Show the configuration in use
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// The formats that this command has.
    pub(crate) fn formats(&self) -> &'static [Format] {
        match self {
            Command::Check(args) if !args.list => check::FORMATS,
            // A script is a script in every format.
            Command::Completions(_) => &[Format::Text],
            // A part of it is no file for others.
            Command::Inspect(args) if !args.losses && !args.routes && !args.save => inspect::FORMATS,
            _ => &[Format::Text, Format::Json],
        }
    }
}

/// What every command gets.
pub(crate) struct Context<'a> {
    /// What was configured.
    pub(crate) settings: Settings,
    /// Flags of every command.
    pub(crate) global: &'a GlobalArgs,
    /// The command line as typed, for the journal.
    pub(crate) argv: Vec<String>,
}

/// What a command leaves to be printed.
pub(crate) enum CommandOutput {
    /// A report, in the format that was asked for.
    Report(Box<Report>),
    /// Text that is the same in every format: a completion script.
    Verbatim(String),
}

/// The commands that need no configuration: they work in a broken environment.
pub(crate) fn run_without_config(command: &Command) -> Option<Result<CommandOutput, Failure>> {
    match command {
        Command::Explain(args) => Some(explain::run(args).map(report_output)),
        Command::Completions(args) => Some(Ok(CommandOutput::Verbatim(completions::run(args)))),
        Command::Check(args) if args.list => Some(Ok(report_output(check::list_checks()))),
        _ => None,
    }
}

/// All the others.
pub(crate) fn run(command: &Command, context: &Context<'_>) -> Result<CommandOutput, Failure> {
    let report = match command {
        Command::Inspect(args) => inspect::run(args, context)?,
        Command::Check(args) => check::run(args, context)?,
        Command::Rehearse(args) => rehearse::run(args, context)?,
        Command::Restart(args) => match &args.break_glass {
            Some(host) => restart::break_glass::run(host, args, context)?,
            None => restart::run(args, context)?,
        },
        Command::Reload(args) => reload::run(args, context)?,
        Command::Confirm(args) => confirm::run(args, context)?,
        Command::Guard(command) => guard::run(command, context)?,
        Command::History(args) => history::run(args, context)?,
        Command::Config(ConfigCommand::Show(args)) => config::run(args, context),
        Command::Explain(args) => explain::run(args)?,
        Command::Completions(args) => return Ok(CommandOutput::Verbatim(completions::run(args))),
    };
    Ok(report_output(report))
}

fn report_output(report: Report) -> CommandOutput {
    CommandOutput::Report(Box::new(report))
}

/// The command's name in reports and in the journal.
pub(crate) fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Inspect(_) => "inspect",
        Command::Check(_) => "check",
        Command::Explain(_) => "explain",
        Command::Rehearse(_) => "rehearse",
        Command::Restart(_) => "restart",
        Command::Reload(_) => "reload",
        Command::Confirm(_) => "confirm",
        Command::Guard(GuardCommand::Status(_)) => "guard status",
        Command::Guard(GuardCommand::Install(_)) => "guard install",
        Command::Guard(GuardCommand::Remove(_)) => "guard remove",
        Command::History(_) => "history",
        Command::Config(_) => "config show",
        Command::Completions(_) => "completions",
    }
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
    fn flags_stand_before_or_after_the_command() {
        for line in ["haguard -o json restart", "haguard restart -o json"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.output, Format::Json);
        }
    }
}

//! The stories: one operation per file. Only this room sees all the others.

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

use crate::cli::{Command, ConfigCommand, GlobalArgs, GuardCommand};
use crate::config::Settings;
use crate::error::Failure;
use crate::report::Report;

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

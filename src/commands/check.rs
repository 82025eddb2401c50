//! `check` runs the preflight checks alone.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::ignores::IgnoreArgs;
use super::operation::progress::Progress;
use super::operation::{gather_facts, journal_entry};
use super::{Context, ignores};
use crate::checks::{self, Finding, Operation, catalog};
use crate::cli::{Format, parse_duration_arg};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::Facts;
use crate::gather::{Node, ProbeDepth};
use crate::label::display_value_name;
use crate::plan::{self, Ledger};
use crate::plural::plural;
use crate::report::{Body, CheckSummary, Report, ReportTable, Tally};
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard check\n  haguard check proc.reload-settled config.test-same-argv\n  \
    haguard check --for reload && haguard reload\n  haguard check --wait 30s -o github\n  \
    haguard check --ignore config.state-file --reason 'written by the reload script'\n\n\
    config.rehearsal and restart.cold-start rehearse: they run only when they are named, or with --for.\n\n\
    Formats: text, short (only what is not ok), json, junit, github (annotations), nagios.\n\n\
    Exit codes: 0 all ok or warnings only, 3 a check failed, 5 something could not be determined. -o nagios has its own: \
    0 ok, 1 warning, 2 critical (exit code 3 otherwise), 3 unknown, and 3 for every usage error."
)]
pub struct CheckArgs {
    /// Run only these checks; a group such as runtime means all of its checks
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Run the checks that this operation requires before it starts, rehearsal included
    #[arg(long = "for", value_name = "OPERATION", value_enum, conflicts_with = "ids")]
    pub operation: Option<OperationName>,
    /// List the checks without running them
    #[arg(long)]
    pub list: bool,
    /// Repeat until nothing fails and everything is known, for at most this time, such as 30s
    #[arg(long, value_name = "TIME", value_parser = parse_duration_arg)]
    pub wait: Option<Duration>,
    /// Findings to ignore.
    #[command(flatten)]
    pub ignores: IgnoreArgs,
}

/// What checks can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OperationName {
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

display_value_name!(OperationName);

/// The formats of `check`.
pub(super) const FORMATS: &[Format] =
    &[Format::Text, Format::Short, Format::Json, Format::Junit, Format::Github, Format::Nagios];

/// Runs the checks; the exit code comes from the findings alone.
pub(super) fn run(args: &CheckArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let ids = selected_checks(&args.ids)?;
    let operation = args.operation.and_then(|operation| Operation::find(&operation.to_string()));
    let ignores = match operation.filter(|operation| !operation.applies_ignores) {
        Some(operation) => ignores::reject_flag(operation.name, &args.ignores)?,
        None => ignores::from_args(&args.ignores, context)?,
    };
    let (facts, ledger, findings) = check_until_passing(args, &ids, context, &ignores);
    let tally = Tally::from_findings(&findings);
    let (exit, summary) = (checks::exit_code(&findings), tally.sentence());
    let verdict = CheckSummary { tally, measures: checks::metrics(&facts, &ledger) };
    let mut report = Report::new("check", exit, summary, Body::Verdict(verdict)).with_facts(&facts);
    report.findings = findings;
    if !args.ignores.ignore.is_empty() {
        journal_entry::record_end(context, journal_entry::describe_target(Some(&facts)), &report, None);
    }
    Ok(report)
}

/// The checks that were named, and those of the groups that were.
fn selected_checks(typed: &[String]) -> Result<Vec<&'static str>, Failure> {
    let mut ids = Vec::new();
    for name in typed {
        let named = catalog::ids_for_name(name);
        if named.is_empty() {
            let mend = match Operation::find(name) {
                Some(_) => format!("`haguard check --for {name}` runs the checks of that operation"),
                None => "`haguard check --list` lists them".to_owned(),
            };
            let near = catalog::nearest_id(name);
            let error = anyhow::anyhow!("there is no check `{name}`: did you mean `{near}`?");
            return Err(Failure::usage(error).with_remedy(mend));
        }
        ids.extend(named);
    }
    Ok(ids)
}

/// Repeats the checks until they pass or the time is over; the last findings count.
fn check_until_passing(
    args: &CheckArgs,
    ids: &[&str],
    context: &Context<'_>,
    ignores: &ignores::Ignores,
) -> (Facts, Ledger, Vec<Finding>) {
    let deadline = Deadline::after(args.wait.unwrap_or_default());
    let operation = args.operation.and_then(|operation| Operation::find(&operation.to_string()));
    // A check that is named is run in full: skipping it would look like a pass.
    let rehearses = operation.is_some_and(|operation| operation.rehearses)
        || args.ids.iter().any(|id| checks::NEEDS_REHEARSAL.contains(&id.as_str()));
    let restarts = args.ids.iter().any(|id| id.starts_with("restart."))
        || operation.is_some_and(|operation| operation.name == "restart");
    let effort = match (rehearses, restarts) {
        (true, true) => ProbeDepth::RehearseUnitStart,
        (true, false) => ProbeDepth::Rehearse,
        (false, _) => ProbeDepth::Read,
    };
    let looked = wait::until(deadline, timeouts::CHECK_POLL, || {
        let facts = gather_facts::gather_facts(context, &Node::only_local(), effort);
        let ledger = plan::ledger(&facts);
        let findings = match operation {
            Some(operation) => operation.run_checks(&facts, &ledger),
            None => checks::run_checks(&facts, &ledger, ids),
        };
        let findings = ignores.apply(findings);
        if checks::exit_code(&findings) == Exit::Done {
            return ControlFlow::Break((facts, ledger, findings));
        }
        let left = deadline.left();
        if !left.is_zero() {
            let progress = Progress::new(context);
            progress.step(&format!("{}; checking again", Tally::from_findings(&findings).sentence()), left);
        }
        ControlFlow::Continue((facts, ledger, findings))
    });
    looked.unwrap_or_else(|last| last)
}

/// The catalogue.
pub(super) fn list_checks() -> Report {
    let row = |check: &checks::Check| {
        let operations = checks::operations_requiring(check.id).join(" ");
        vec![check.id.to_owned(), check.group().to_owned(), operations, check.title.to_owned()]
    };
    let rows = catalog::all_checks().map(row).collect();
    let body =
        Body::Table(ReportTable { columns: vec!["id", "group", "wanted by", "true when all is well"], rows });
    Report::new("check", Exit::Done, plural(catalog::all_checks().count(), "check"), body)
}

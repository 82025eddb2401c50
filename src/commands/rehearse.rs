//! `rehearse` starts the next worker in a sealed copy of this host and shows how it differs from the running one.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::operation::gather_facts;
use crate::checks::{self, Finding, Level};
use crate::config::{Origin, Settings, Sourced};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Facts, Known};
use crate::gather::{Node, ProbeDepth};
use crate::plan::{self, StateChanges, WorkerDiff};
use crate::plural::plural;
use crate::report::{Body, RehearsalBody, Report};

/// Arguments of `rehearse`.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  haguard rehearse\n  haguard rehearse --config-file new.cfg --exit-code\n  \
    haguard rehearse -o json\n\nIt needs root. Without root the files are only read and tested, and the exit code is 5 at \
    best.\n\nExit codes: 0 it would come up, 3 it would not, 4 it would and differs (with --exit-code), 5 it could not be \
    tried."
)]
pub struct RehearseArgs {
    /// Try this file instead of those the master was started with; may be repeated
    #[arg(long, value_name = "FILE")]
    pub config_file: Vec<PathBuf>,
    /// Exit with 4 when the next worker would differ from the running one
    #[arg(long)]
    pub exit_code: bool,
}

/// Rehearses, compares, and leaves nothing behind.
pub(super) fn run(args: &RehearseArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let given = absolute_files(&args.config_file)?;
    let settings = match given {
        None => context.settings.clone(),
        Some(files) => {
            let origin = Origin::Flag("--config-file");
            Settings { config: Some(Sourced { value: files, origin }), ..context.settings.clone() }
        }
    };
    let context = Context { settings, global: context.global, argv: Vec::new() };
    let facts = gather_facts::gather_facts(&context, &Node::only_local(), ProbeDepth::Rehearse);
    let difference = facts.instance.seen().map(|_| StateChanges::from_diff(&WorkerDiff::from_facts(&facts)));
    let ledger = plan::ledger(&facts);
    let findings = checks::run_checks(&facts, &ledger, checks::REHEARSE_CHECKS);
    let (exit, summary) = verdict(args, &facts, &findings, difference.as_ref());
    let body = Body::Rehearsal(Box::new(RehearsalBody::from_facts(&facts, difference)));
    let mut report = Report::new("rehearse", exit, summary, body).with_facts(&facts);
    report.findings = findings;
    Ok(report)
}

/// The files as they were named, in full: HAProxy starts in the master's folder, not in ours.
fn absolute_files(files: &[PathBuf]) -> Result<Option<Vec<PathBuf>>, Failure> {
    let absolute = |path: &PathBuf| {
        let seen = std::fs::canonicalize(path)
            .and_then(|full| Ok((std::fs::metadata(&full)?, full)))
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()));
        match seen {
            Ok((seen, full)) if seen.is_file() || seen.is_dir() => Ok(full),
            Ok(_) => Err(anyhow::anyhow!("{} is neither a file nor a folder", path.display())),
            Err(error) => Err(error),
        }
        .map_err(|error| Failure::usage(error).with_remedy("give --config-file a file that is on this host"))
    };
    match files {
        [] => Ok(None),
        files => files.iter().map(absolute).collect::<Result<_, _>>().map(Some),
    }
}

fn verdict(
    args: &RehearseArgs,
    facts: &Facts,
    findings: &[Finding],
    difference: Option<&StateChanges>,
) -> (Exit, String) {
    let not_tried = match &facts.rehearsal {
        Some(Known::Seen(rehearsal)) => match rehearsal.failure_reason() {
            Some(why) => return (Exit::Refused, format!("the next worker would not come up: {why}")),
            None => None,
        },
        Some(Known::Unknown { why }) => Some(why.clone()),
        None => Some(facts.instance.why().unwrap_or("it was not requested").to_owned()),
    };
    if let Some(why) = not_tried {
        return match facts.config.test.seen() {
            Some(test) if !test.valid => {
                (Exit::Refused, "the next worker would not come up: HAProxy rejects the files".to_owned())
            }
            _ => (Exit::Unknown, format!("it is not known whether the next worker would come up: {why}")),
        };
    }
    let Some(difference) = difference else {
        return (
            Exit::Done,
            "the next worker would come up; no HAProxy runs here to compare it with".to_owned(),
        );
    };
    // In the sealed copy every address is free; on this host another process may hold one.
    let binds = findings.iter().find(|finding| finding.id == "config.new-binds-free");
    match binds.map(|finding| (finding.level, &finding.text)) {
        Some((Level::Fail, text)) => {
            return (Exit::Refused, format!("the next worker would not come up here: {text}"));
        }
        Some((Level::Unknown, text)) => {
            return (
                Exit::Unknown,
                format!("it is not known whether the next worker could bind its addresses here: {text}"),
            );
        }
        _ => {}
    }
    let same = difference.changes.is_empty();
    let exit = if args.exit_code && !same { Exit::Differs } else { Exit::Done };
    let what = match same {
        true => "no difference from the running worker".to_owned(),
        false => plural(difference.changes.len(), "difference"),
    };
    (exit, format!("the next worker would come up: {what}"))
}

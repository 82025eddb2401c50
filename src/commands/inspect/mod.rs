//! `inspect` shows what runs and proves that looking changed nothing.

pub(super) mod save;

use std::path::Path;

use anyhow::Context as _;

use super::operation::gather_facts;
use super::{Context, ignores, restart};
use crate::checks;
use crate::cli::{Format, InspectArgs};
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{self, Facts, Known};
use crate::gather::{self, Aim, Effort};
use crate::plan;
use crate::plural::plural;
use crate::report::{Body, Comparison, Report, ServiceProcedure};

/// Looks at the host, or at a saved snapshot, and judges.
pub(super) fn run(args: &InspectArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let ignores = ignores::of_file(&context.settings)?;
    let facts = match &args.facts {
        Some(path) => load(path)?,
        None => {
            let effort = if args.losses { Effort::Restart } else { Effort::Read };
            let mut facts = gather_facts::look(context, &Aim::Any, effort);
            if !args.losses {
                facts.on_host = gather::services(&context.settings, Some(&facts));
            }
            if args.routes || context.global.output == Format::Markdown {
                facts.routes = gather::routes(&context.settings, &facts);
            }
            facts
        }
    };
    if args.save {
        return save::run(&facts, context);
    }
    let ledger = plan::ledger(&facts);
    let findings = ignores.apply(checks::judge(&facts, &ledger, &[]));
    let (exit, summary) = match &facts.instance {
        Known::Unknown { why } => (Exit::Unknown, format!("what runs here is not known: {why}")),
        Known::Seen(instance) => {
            let lost = ledger.lines.iter().filter(|line| line.on_restart != plan::Fate::Kept).count();
            let things = plural(lost, "thing");
            (
                Exit::Done,
                format!("{} on {}: {things} that a restart would not keep", instance.title(), facts.host),
            )
        }
    };
    let body = match args.losses {
        _ if args.routes => Body::Routes(Box::new(facts.clone())),
        true => Body::Ledger(Comparison { compared_with: restart::compared_with(&facts) }),
        false => Body::Facts(Box::new(facts.clone())),
    };
    let mut report = Report::new("inspect", exit, summary, body).after(&facts);
    report.findings = findings;
    report.losses = ledger.lines;
    report.procedures = facts.on_host.seen().map(ServiceProcedure::of_all).unwrap_or_default();
    Ok(report)
}

/// A snapshot: what `inspect -o json` printed, or the facts alone.
fn load(path: &Path) -> Result<Facts, Failure> {
    let read = || -> anyhow::Result<Facts> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        facts::parse(&text).with_context(|| format!("in {}", path.display()))
    };
    read().map_err(|error| {
        Failure::usage(error).mend("give --facts a file that `haguard inspect -o json` of this version wrote")
    })
}

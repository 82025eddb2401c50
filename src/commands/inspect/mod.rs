//! `inspect` shows what runs and proves that it changed nothing.
//!
//! - `save`: `inspect --save`

pub(super) mod save;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::operation::gather_facts;
use super::operation::instance_report;
use super::{Context, ignores};
use crate::checks;
use crate::cli::Format;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{self, Facts, Known};
use crate::gather::{self, Node, ProbeDepth};
use crate::plan;
use crate::plural::plural;
use crate::report::{Body, LedgerSource, Report, ServiceProcedure};

/// Arguments of `inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  haguard inspect\n  haguard inspect --losses\n  \
    haguard inspect -o json > facts.json; haguard inspect --facts facts.json")]
pub struct InspectArgs {
    /// Show only what a reload or restart would lose, a line for each object
    #[arg(long)]
    pub losses: bool,
    /// Show where requests go: host name, backend, servers and their health
    #[arg(long, conflicts_with = "losses")]
    pub routes: bool,
    /// Pins the proven controllers.
    #[arg(help = "Write the proven controller of each service to haguard.toml, as [[pin]]", long, conflicts_with_all = ["facts", "losses"])]
    pub save: bool,
    /// Judge a snapshot that `inspect -o json` wrote, instead of this host
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
}

/// The formats of `inspect`, where it shows everything.
pub(super) const FORMATS: &[Format] = &[Format::Text, Format::Json, Format::Markdown];

/// Gathers the facts of this host, or reads a saved snapshot, and runs the checks.
pub(super) fn run(args: &InspectArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let ignores = ignores::from_config(&context.settings)?;
    let facts = match &args.facts {
        Some(path) => load_snapshot(path)?,
        None => {
            let effort = if args.losses { ProbeDepth::RehearseUnitStart } else { ProbeDepth::Read };
            let mut facts = gather_facts::gather_facts(context, &Node::only_local(), effort);
            if !args.losses {
                facts.on_host = gather::services(&context.settings, Some(&facts));
            }
            if args.routes || context.global.output == Format::Markdown {
                facts.routes = gather::routes(&context.settings, &facts).into();
            }
            facts
        }
    };
    if args.save {
        return save::run(&facts, context);
    }
    let ledger = plan::ledger(&facts);
    let findings = ignores.apply(checks::run_checks(&facts, &ledger, &[]));
    let (exit, summary) = match &facts.instance {
        Known::Unknown { why } => (Exit::Unknown, format!("it is not known what runs here: {why}")),
        Known::Seen(instance) => {
            let lost = ledger.lines.iter().filter(|line| line.on_restart != plan::Effect::Kept).count();
            let things = plural(lost, "thing");
            (Exit::Done, format!("{} on {}: a restart would not keep {things}", instance.title(), facts.host))
        }
    };
    let body = match args.losses {
        _ if args.routes => Body::Routes(Box::new(facts.clone())),
        true => Body::Ledger(LedgerSource { compared_with: instance_report::describe_ledger_source(&facts) }),
        false => Body::Facts(Box::new(facts.clone())),
    };
    let mut report = Report::new("inspect", exit, summary, body).with_facts(&facts);
    report.findings = findings;
    report.losses = ledger.lines;
    report.procedures = facts.on_host.seen().map(ServiceProcedure::from_host).unwrap_or_default();
    Ok(report)
}

/// A snapshot: what `inspect -o json` printed, or the facts alone.
fn load_snapshot(path: &Path) -> Result<Facts, Failure> {
    let read = || -> anyhow::Result<Facts> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        facts::parse_snapshot(&text).with_context(|| format!("in {}", path.display()))
    };
    read().map_err(|error| {
        Failure::usage(error)
            .with_remedy("give --facts a file that `haguard inspect -o json` of this version wrote")
    })
}

//! `check` runs the preflight checks alone.

use super::{Context, look};
use crate::checks::{self, catalog};
use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::facts::gather::{Aim, Effort};
use crate::failure::Failure;
use crate::plan;
use crate::report::{Body, Report, Table, Tally};

/// Judges what is seen; the exit code comes from the findings alone.
pub(super) fn run(args: &CheckArgs, context: &Context<'_>) -> Result<Report, Failure> {
    if let Some(id) = args.ids.iter().find(|id| catalog::find(id).is_none()) {
        let error = anyhow::anyhow!("there is no check `{id}`: did you mean `{}`?", catalog::nearest(id));
        return Err(Failure::usage(error).mend("`haguard check --list` lists them"));
    }
    let facts = look::look(context, &Aim::Any, Effort::Read);
    let ids: Vec<&str> = args.ids.iter().map(String::as_str).collect();
    let findings = checks::judge(&facts, &plan::ledger(&facts), &ids);
    let tally = Tally::of(&findings);
    let mut report = Report::new("check", checks::verdict(&findings), tally.sentence(), Body::Verdict(tally))
        .after(&facts);
    report.findings = findings;
    Ok(report)
}

/// The catalogue.
pub(super) fn list() -> Report {
    let rows = catalog::every().map(|check| vec![check.id.to_owned(), check.title.to_owned()]).collect();
    let body = Body::Table(Table { columns: vec!["id", "true when all is well"], rows });
    Report::new("check", Exit::Done, format!("{} checks", catalog::every().count()), body)
}

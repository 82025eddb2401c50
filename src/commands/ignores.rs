//! The findings that are ignored, by flag or in the configuration, and only where that is allowed.

use clap::Args;

use super::Context;
use crate::checks::{self, Finding, Ignore, catalog};
use crate::config::{Origin, Settings};
use crate::error::Failure;
use crate::time;

/// The flags to ignore findings.
#[derive(Debug, Args)]
pub struct IgnoreArgs {
    /// Report a failure of this check as a warning; may be repeated. Never arch.*, guard.* or what an operation needs
    #[arg(long, value_name = "ID", requires = "reason")]
    pub ignore: Vec<String>,
    /// Why it is ignored; shown with the finding and written to the journal
    #[arg(long, value_name = "TEXT", requires = "ignore", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
}

/// The entries that apply.
pub(super) struct Ignores(Vec<Ignore>);

/// The entries of the configuration alone, for a command without --ignore.
pub(super) fn from_config(settings: &Settings) -> Result<Ignores, Failure> {
    let entries = settings.ignores.iter().map(|sourced| Ignore {
        check: sourced.value.check.clone(),
        reason: sourced.value.reason.clone(),
        origin: sourced.origin.to_string(),
        until: sourced.value.until,
    });
    entries.map(validate).collect::<Result<_, _>>().map(Ignores)
}

/// For an operation that ignores no finding: --ignore is a usage error.
pub(super) fn reject_flag(operation: &str, args: &IgnoreArgs) -> Result<Ignores, Failure> {
    match args.ignore.is_empty() {
        true => Ok(Ignores(Vec::new())),
        false => {
            let error = anyhow::anyhow!("`{operation}` does not accept --ignore");
            Err(Failure::usage(error).with_remedy("leave --ignore out, and correct what the check finds"))
        }
    }
}

/// The entries of the command line, then those of the configuration.
pub(super) fn from_args(args: &IgnoreArgs, context: &Context<'_>) -> Result<Ignores, Failure> {
    let origin = Origin::Flag("--ignore").to_string();
    let typed = args.ignore.iter().map(|id| Ignore {
        check: id.clone(),
        reason: args.reason.clone().unwrap_or_default(),
        origin: origin.clone(),
        until: None,
    });
    let mut all = typed.map(validate).collect::<Result<Vec<_>, _>>()?;
    all.extend(from_config(&context.settings)?.0);
    Ok(Ignores(all))
}

impl Ignores {
    /// The findings with these entries applied.
    pub(super) fn apply(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let today = time::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        checks::apply_ignores(findings, &self.0, today)
    }
}

fn validate(ignore: Ignore) -> Result<Ignore, Failure> {
    let Ignore { check, reason, origin, .. } = &ignore;
    if catalog::find(check).is_none() {
        let near = catalog::nearest_id(check);
        let error = anyhow::anyhow!("{origin}: there is no check `{check}`: did you mean `{near}`?");
        return Err(Failure::usage(error).with_remedy("`haguard check --list` lists them"));
    }
    if let Some(why) = checks::not_ignorable(check) {
        let error = anyhow::anyhow!("{origin}: {check} cannot be ignored: {why}");
        return Err(
            Failure::usage(error).with_remedy(format!("`haguard explain {check}` says how to correct it"))
        );
    }
    if reason.trim().is_empty() {
        let error = anyhow::anyhow!("{origin}: a reason is needed to ignore {check}");
        return Err(Failure::usage(error).with_remedy("give a reason: it is shown with the finding"));
    }
    Ok(ignore)
}

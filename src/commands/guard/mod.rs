//! `guard`: makes systemd refuse manual restarts of HAProxy's unit.
//!
//! - `args`: the arguments
//! - `change`: `guard install` and `guard remove`
//! - `report`: their reports
//! - `status`: `guard status`

mod args;
mod change;
mod report;
mod status;

use std::time::Duration;

pub(super) use args::GuardCommand;

use super::Context;
use super::operation::gather_facts;
use crate::clients::systemd;
use crate::error::Failure;
use crate::facts::{DropIn, GuardFacts, Known};
use crate::gather::{self, Node, ProbeDepth};
use crate::plan::guard::GuardChange;
use crate::report::Report;

/// Runs the one that was typed.
pub(super) fn run(command: &GuardCommand, context: &Context<'_>) -> Result<Report, Failure> {
    match command {
        GuardCommand::Status(args) => status::run(args, context),
        GuardCommand::Install(args) => change::run(GuardChange::Install, args, context),
        GuardCommand::Remove(args) => change::run(GuardChange::Remove, args, context),
    }
}

/// The unit that a guard command is about.
enum GuardTarget {
    /// This unit.
    Unit(Box<GuardFacts>),
    /// None: HAProxy is not controlled by systemd here.
    NotSystemd(String),
    /// It is not known which unit controls HAProxy, or systemd does not answer: the sentence.
    Unknown(String),
}

fn unknown_target(why: &str) -> GuardTarget {
    GuardTarget::Unknown(format!("it is not known which unit controls HAProxy here: {why}"))
}

/// The named unit; else the unit that is proven to control HAProxy.
fn resolve_target(unit: Option<&str>, context: &Context<'_>) -> Result<GuardTarget, Failure> {
    if let Some(name) = unit {
        return resolve_unit(name, context);
    }
    let facts = gather_facts::gather_facts(context, &Node::only_local(), ProbeDepth::Read);
    let instance = match &facts.instance {
        Known::Unknown { why } => return Ok(unknown_target(why)),
        Known::Seen(instance) => instance,
    };
    Ok(match (facts.guard, instance.control.proven()) {
        (Some(Known::Seen(guard)), _) => GuardTarget::Unit(Box::new(guard)),
        (Some(Known::Unknown { why }), _) => unknown_target(&why),
        (None, Some(other)) => {
            GuardTarget::NotSystemd(format!("{} is controlled by {}", instance.title(), other.describe()))
        }
        (None, None) => unknown_target(instance.control.why().unwrap_or("no controller answers")),
    })
}

fn resolve_unit(name: &str, context: &Context<'_>) -> Result<GuardTarget, Failure> {
    let limit = context.settings.timeout.value;
    if name.is_empty()
        || name.starts_with('-')
        || name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
    {
        return Err(Failure::usage(anyhow::anyhow!("`{name}` is not a unit name"))
            .with_remedy("write it as haproxy.service"));
    }
    let name = if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
    if name.contains("@.") {
        let error = anyhow::anyhow!("{name} is a template, and only its instances run");
        return Err(Failure::usage(error).with_remedy("name one, such as haproxy@edge.service"));
    }
    let facts = match gather::guard(&name, limit) {
        Ok(facts) => facts,
        Err(error) => {
            return Ok(GuardTarget::Unknown(format!("the guard of {name} could not be read: {error:#}")));
        }
    };
    // One whose files are gone may still run, and one that is gone may have left the guard's file.
    let gone = facts.shown.get("LoadState") == "not-found" && facts.shown.main_pid().is_none();
    match gone && facts.file == DropIn::Absent {
        true => Err(no_such_unit(&name, &service_names(limit))),
        false => Ok(GuardTarget::Unit(Box::new(facts))),
    }
}

fn service_names(limit: Duration) -> Vec<String> {
    let names = systemd::unit_names(limit).unwrap_or_default();
    names.into_iter().filter(|name| name.ends_with(".service")).collect()
}

/// The Jaro-Winkler similarity above which a name is a hint: short names are like many others.
const SIMILARITY_THRESHOLD: f64 = 0.8;

/// The error names up to three similar units.
fn no_such_unit(name: &str, services: &[String]) -> Failure {
    let stem = |name: &str| name.trim_end_matches(".service").to_owned();
    let alike = |other: &String| strsim::jaro_winkler(&stem(name), &stem(other));
    let mut near: Vec<&String> =
        services.iter().filter(|other| alike(other) > SIMILARITY_THRESHOLD).collect();
    near.sort_by(|a, b| alike(b).total_cmp(&alike(a)));
    let near = near.iter().take(3).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let mend = match near.is_empty() {
        true => {
            "`systemctl list-unit-files` lists them; `haguard inspect` says what controls HAProxy".to_owned()
        }
        false => format!("did you mean {near}? `haguard inspect` says what controls HAProxy"),
    };
    Failure::usage(anyhow::anyhow!("systemd has no unit {name}")).with_remedy(mend)
}

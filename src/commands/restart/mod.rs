//! `restart` refuses, with the live ledger and the safe alternative. It touches nothing.
//!
//! - `args`: the arguments
//! - `break_glass`: `restart --break-glass`
//! - `other_service`: `restart SERVICE` for what is not HAProxy
//! - `report`: the report of each outcome

mod args;
pub(super) mod break_glass;
pub(super) mod other_service;
mod report;

pub(super) use args::RestartArgs;

use super::Context;
use super::operation::instance_report::describe_ledger_source;
use super::operation::{gather_facts, journal_entry};
use crate::checks;
use crate::clients::systemd;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{Facts, Known};
use crate::gather::{Node, ProbeDepth};
use crate::plan::runbook::stopped_unit;
use crate::plan::{self, Effect, Ledger, Loss, LossKind, RunbookStep};
use crate::report::{Body, Refusal, Report};
use crate::wire::systemd::unit::Unit;
use other_service::RestartTarget;

/// Gathers, reports what a restart would lose, and refuses.
pub(super) fn run(args: &RestartArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let node = match other_service::resolve_target(args.service.as_deref(), context) {
        RestartTarget::Haproxy(selector) => Node::local(selector),
        RestartTarget::Other(report) => return Ok(*report),
    };
    let facts = gather_facts::gather_facts(context, &node, ProbeDepth::RehearseUnitStart);
    let ledger = plan::ledger(&facts);
    let mut findings = checks::run_checks(&facts, &ledger, &[]);
    if facts.start.is_some() {
        findings.extend(checks::run_checks(&facts, &ledger, &["restart.unit"]));
    }
    let refusal = match stopped_unit(&facts, context) {
        Some(unit) => not_running_refusal(&facts, &unit, context),
        None => refusal(args, &facts, &ledger),
    };
    let next = refusal
        .alternatives
        .iter()
        .map(|a: &RunbookStep| a.command.clone())
        .filter(|c| !c.is_empty())
        .collect();
    let summary = format!("refused: {}", refusal.title);
    let mut report =
        Report::new("restart", Exit::Refused, &summary, Body::Refusal(refusal)).with_facts(&facts);
    report.findings = findings.into_iter().filter(|finding| finding.level.is_notable()).collect();
    report.losses = ledger.lines;
    report.next = next;
    journal_entry::record_end(context, journal_entry::describe_target(Some(&facts)), &report, None);
    Ok(report)
}

/// The unit that would start a HAProxy where none is seen, and of which systemd, too, says that it runs nothing.
fn stopped_unit(facts: &Facts, context: &Context<'_>) -> Option<Unit> {
    let none = facts.instance.seen().is_none() && facts.candidates.seen().is_some_and(Vec::is_empty);
    let settings = &context.settings;
    let name = settings.unit.as_ref().map_or("haproxy.service", |unit| unit.value.as_str());
    let unit = none.then(|| systemd::show(name, settings.timeout.value).ok()).flatten()?;
    stopped_unit::describe_stopped_unit(&unit).is_some().then_some(unit)
}

/// No HAProxy runs: the refusal shows how to start it.
fn not_running_refusal(facts: &Facts, unit: &Unit, context: &Context<'_>) -> Refusal {
    const USUAL: &str = "/etc/haproxy/haproxy.cfg";
    let named = context.settings.config.as_ref().and_then(|config| config.value.first());
    let named = named.map(|path| path.display().to_string());
    let config = named.or_else(|| std::path::Path::new(USUAL).is_file().then(|| USUAL.to_owned()));
    Refusal {
        title: format!("restart of HAProxy on {}", facts.host),
        why: stopped_unit::describe_stopped_unit(unit).unwrap_or_default(),
        alternatives: stopped_unit::start_runbook(unit, config.as_deref()),
        ..Refusal::default()
    }
}

fn refusal(args: &RestartArgs, facts: &Facts, ledger: &Ledger) -> Refusal {
    let what = match (&facts.instance, &args.service) {
        (Known::Seen(instance), _) => match instance.unit() {
            Some(unit) => format!("{}, {unit}", instance.title()),
            None => instance.title(),
        },
        (Known::Unknown { .. }, Some(service)) => format!("`{service}`"),
        (Known::Unknown { .. }, None) => "HAProxy".to_owned(),
    };
    let mut unseen: Vec<String> = Vec::new();
    if let Known::Unknown { why } = &facts.instance {
        unseen.push(why.clone());
        unseen.extend(
            facts.candidates.seen().into_iter().flatten().map(|c| format!("found: {}", c.describe())),
        );
    } else {
        // One reason often hides several parts.
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for (part, why) in facts.live.unknown_parts() {
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, parts)) => parts.push(part),
                None => reasons.push((why, vec![part])),
            }
        }
        unseen.extend(reasons.into_iter().map(|(why, parts)| format!("{}: {why}", parts.join(", "))));
    }
    Refusal {
        title: format!("restart of {what} on {}", facts.host),
        why: refusal_reason(facts, ledger),
        unseen,
        compared_with: facts.instance.seen().map(|_| describe_ledger_source(&facts.after_unit_start())),
        alternatives: plan::safe_alternatives(facts),
        emergency: plan::break_glass_step(facts),
        by_hand: plan::manual_restart(&facts.after_unit_start()),
        others: other_instances(facts),
        asked: None,
    }
}

/// Other HAProxy instances on this host.
fn other_instances(facts: &Facts) -> Vec<String> {
    let Some(instance) = facts.instance.seen() else { return Vec::new() };
    let all = facts.candidates.seen().into_iter().flatten();
    let other = all.filter(|candidate| candidate.process.pid != instance.main.pid);
    other.map(|candidate| candidate.describe()).collect()
}

fn refusal_reason(facts: &Facts, ledger: &Ledger) -> String {
    if facts.instance.seen().is_none() {
        return "What a restart would lose is not known, because what runs is not known. haguard never restarts \
                what it cannot see."
            .to_owned();
    }
    let down = |line: &&Loss| {
        line.kind == LossKind::UnloadableConfig && line.count.is_some() && line.on_restart == Effect::Lost
    };
    if ledger.lines.iter().any(|line| down(&line)) {
        let of_unit = facts.start.as_ref().and_then(Known::seen).is_some_and(|start| start.tried.is_some());
        let why =
            if of_unit { "what its unit would start fails" } else { "it cannot load the files on disk" };
        return format!("HAProxy would not come up again: {why}. Only the running process serves.");
    }
    let any = |effect| ledger.lines.iter().any(|line| line.on_restart == effect);
    let reason = match (any(Effect::Lost), any(Effect::Unknown)) {
        (true, _) => "A restart would lose runtime state that is in no file.",
        (false, true) => "What a restart would lose could not be seen in full.",
        (false, false) => {
            "No runtime state would be lost right now, but a restart closes every listener until the new process is \
             up, and a reload does not."
        }
    };
    reason.to_owned()
}

//! `guard status`: whether systemd refuses a manual restart, and what bypasses the guard. It needs no root.

use super::super::Context;
use super::args::GuardStatusArgs;
use super::report;
use super::{GuardTarget, resolve_target};
use crate::checks;
use crate::clients::linux;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{DropIn, GuardFacts, GuardStatus, Proof};
use crate::gather;
use crate::plan::guard::{basis, bypasses};
use crate::plan::runbook::shell_quote;
use crate::report::{Body, GuardBody, Report};

const COMMAND: &str = "guard status";

/// Reads the unit twice: the second reading proves that nothing was changed.
pub(super) fn run(args: &GuardStatusArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let facts = match resolve_target(args.unit.as_deref(), context)? {
        GuardTarget::Unit(facts) => facts,
        GuardTarget::NotSystemd(why) => return Ok(report::not_systemd(COMMAND, &why)),
        GuardTarget::Unknown(why) => return Ok(report::unknown_unit(COMMAND, &why)),
    };
    let (exit, outcome) = match facts.status() {
        GuardStatus::InForce | GuardStatus::ByOtherDropIn | GuardStatus::FileRemoved => {
            (Exit::Done, "in force")
        }
        _ => (Exit::Refused, "not in force"),
    };
    let body = GuardBody {
        outcome: outcome.to_owned(),
        why: describe_running(&facts),
        holes: bypasses(&facts),
        ..report::body(&facts)
    };
    let summary = match exit {
        Exit::Done => format!("{} on {} refuses a manual stop and restart", facts.unit, linux::hostname()),
        _ => format!("{} on {}: {}", facts.unit, linux::hostname(), facts.status().describe()),
    };
    let mut report = Report::new(COMMAND, exit, summary, Body::Guard(Box::new(body)));
    report.findings = checks::guard_findings(&facts);
    report.proof = gather::guard(&facts.unit, context.settings.timeout.value)
        .ok()
        .map(|now| unchanged_proof(&facts, &now))
        .into_iter()
        .collect();
    report.next = mend(&facts).into_iter().collect();
    Ok(report)
}

/// The command that puts the guard in force again.
fn mend(facts: &GuardFacts) -> Option<String> {
    match (facts.status(), facts.stale_override()) {
        (GuardStatus::RuntimeOverride | GuardStatus::InForce | GuardStatus::ByOtherDropIn, Some(path)) => {
            Some(format!("rm {} && systemctl daemon-reload", shell_quote(path)))
        }
        (GuardStatus::InForce | GuardStatus::ByOtherDropIn, None) => None,
        (GuardStatus::Masked, _) => Some(format!("systemctl unmask {}", facts.unit)),
        (GuardStatus::NeedsDaemonReload, _) if facts.file == DropIn::Absent => {
            Some("systemctl daemon-reload".to_owned())
        }
        _ => Some(format!("haguard guard install {}", facts.unit)),
    }
}

/// A sentence where the unit runs nothing.
fn describe_running(facts: &GuardFacts) -> String {
    match facts.shown.main_pid() {
        Some(_) => String::new(),
        None => format!(
            "Nothing runs under {} (ActiveState={}): if HAProxy runs here, something else controls it; `haguard inspect` \
             says what.",
            facts.unit,
            facts.shown.get("ActiveState")
        ),
    }
}

fn unchanged_proof(before: &GuardFacts, now: &GuardFacts) -> Proof {
    let digest = |facts: &GuardFacts| {
        format!("md5 {}", gather::md5_hex(format!("{:?}", basis(facts).unit).as_bytes()))
    };
    Proof {
        claim: "settings and drop-ins of the unit".to_owned(),
        before: digest(before),
        after: digest(now),
        source: format!("systemctl show {}", before.unit),
    }
}

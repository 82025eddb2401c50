//! `guard status`: whether systemd refuses a restart by hand, and what it does not keep off. It needs no root.

use super::super::Context;
use super::report;
use super::{Meant, meant};
use crate::checks;
use crate::cli::GuardStatusArgs;
use crate::clients::linux;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::{DropIn, GuardFacts, Proof, Stand};
use crate::gather;
use crate::plan::guard::{basis, holes};
use crate::plan::runbook::quote;
use crate::report::{Body, Guard, Report};

const COMMAND: &str = "guard status";

/// Looks twice, so that the second look proves that nothing was changed.
pub(super) fn run(args: &GuardStatusArgs, context: &Context<'_>) -> Result<Report, Failure> {
    let facts = match meant(args.unit.as_deref(), context)? {
        Meant::Unit(facts) => facts,
        Meant::NotSystemd(why) => return Ok(report::not_systemd(COMMAND, &why)),
        Meant::Unknown(why) => return Ok(report::unknown(COMMAND, &why)),
    };
    let (exit, outcome) = match facts.stand() {
        Stand::InForce | Stand::ByAnother | Stand::Going => (Exit::Done, "in force"),
        _ => (Exit::Refused, "not in force"),
    };
    let body = Guard {
        outcome: outcome.to_owned(),
        why: running(&facts),
        holes: holes(&facts),
        ..report::body(&facts)
    };
    let summary = match exit {
        Exit::Done => format!("{} on {} refuses a manual stop and restart", facts.unit, linux::hostname()),
        _ => format!("{} on {}: {}", facts.unit, linux::hostname(), facts.stand().words()),
    };
    let mut report = Report::new(COMMAND, exit, summary, Body::Guard(Box::new(body)));
    report.findings = checks::guard(&facts);
    report.proof = gather::guard(&facts.unit, context.settings.timeout.value)
        .ok()
        .map(|now| same(&facts, &now))
        .into_iter()
        .collect();
    report.next = mend(&facts).into_iter().collect();
    Ok(report)
}

/// What brings it back.
fn mend(facts: &GuardFacts) -> Option<String> {
    match (facts.stand(), facts.left_behind()) {
        (Stand::Lifted | Stand::InForce | Stand::ByAnother, Some(path)) => {
            Some(format!("rm {} && systemctl daemon-reload", quote(path)))
        }
        (Stand::InForce | Stand::ByAnother, None) => None,
        (Stand::Masked, _) => Some(format!("systemctl unmask {}", facts.unit)),
        (Stand::NotRead, _) if facts.file == DropIn::Absent => Some("systemctl daemon-reload".to_owned()),
        _ => Some(format!("haguard guard install {}", facts.unit)),
    }
}

/// A guard of a unit that runs nothing guards nothing.
fn running(facts: &GuardFacts) -> String {
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

fn same(before: &GuardFacts, now: &GuardFacts) -> Proof {
    let said =
        |facts: &GuardFacts| format!("md5 {}", gather::md5(format!("{:?}", basis(facts).unit).as_bytes()));
    Proof {
        claim: "settings and drop-ins of the unit".to_owned(),
        before: said(before),
        after: said(now),
        source: format!("systemctl show {}", before.unit),
    }
}

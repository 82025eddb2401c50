//! The addresses that the next worker would listen on.

use std::borrow::Borrow;

use crate::checks::{CheckContext, CheckResult, Judgement};
use crate::facts::binds::format_port_ranges;
use crate::facts::{BindState, NewBind};
use crate::plural::plural;

/// Evidence names this many addresses; the rest is counted.
const MAX_EVIDENCE: usize = 12;

pub(super) fn new_binds_free(context: CheckContext<'_>) -> CheckResult {
    Ok(judge_binds(context.facts.binds.context("it is not known which binds are new")?))
}

/// Judges binds that would be new.
pub(in crate::checks) fn judge_binds<B: Borrow<NewBind>>(binds: &[B]) -> Judgement {
    let binds = || binds.iter().map(<B as Borrow<NewBind>>::borrow);
    let unknown = |bind: &&NewBind| matches!(bind.state, BindState::Unknown { .. });
    let bad = |bind: &&NewBind| !matches!(bind.state, BindState::Unknown { .. } | BindState::Free);
    let (bad, unknown): (Vec<_>, Vec<_>) = (binds().filter(bad).collect(), binds().filter(unknown).collect());
    match (bad.as_slice(), unknown.as_slice()) {
        ([first, ..], _) => Judgement::fail(describe_finding(first, bad.len()))
            .with_evidence(evidence(bad.iter().chain(&unknown).copied()))
            .with_remedy(remedy(first)),
        ([], [first, ..]) => Judgement::unknown(format!(
            "{} ({}) could not be judged",
            plural(unknown.len(), "bind"),
            describe_bind(first)
        ))
        .with_evidence(evidence(unknown.iter().copied()))
        .with_remedy(
            "run haguard as root on this host; if it is still unknown, write the address literally in the files",
        ),
        ([], []) => match binds().count() {
            0 => Judgement::pass("the next worker would listen on no new address"),
            1 => Judgement::pass("the new address can be bound"),
            many => Judgement::pass(format!("{many} new addresses can be bound")),
        }
        .with_evidence(
            format_port_ranges(binds().filter_map(|bind| bind.listener.as_ref()))
                .into_iter()
                .take(MAX_EVIDENCE),
        ),
    }
}

/// The address with its line.
fn describe_bind(bind: &NewBind) -> String {
    match &bind.at {
        Some(at) => format!("{}, {at}", bind.address),
        None => bind.address.clone(),
    }
}

fn describe_finding(first: &NewBind, count: usize) -> String {
    let state = first.state.describe(first.listener.as_ref());
    let more = if count > 1 { format!(", and {}", plural(count - 1, "more bind")) } else { String::new() };
    match first.state {
        BindState::Taken { .. } => format!("new bind {} is {state}{more}", first.address),
        BindState::AddressNotAvailable => format!("new bind {} {state}{more}", first.address),
        _ => format!("new bind {} cannot be bound: {state}{more}", first.address),
    }
}

fn evidence<'a>(binds: impl Iterator<Item = &'a NewBind>) -> Vec<String> {
    let all: Vec<&NewBind> = binds.collect();
    let mut lines: Vec<String> = Vec::new();
    for bind in all.iter().take(MAX_EVIDENCE) {
        lines.push(format!("{}: {}", describe_bind(bind), bind.state.describe(bind.listener.as_ref())));
        if let BindState::Taken { by, .. } = &bind.state {
            let holders = by.iter().filter_map(|owner| owner.process.as_ref());
            let runs = holders.map(|holder| format!("PID {} runs {}", holder.pid, holder.command));
            let new: Vec<String> = runs.filter(|line| !lines.contains(line)).collect();
            lines.extend(new);
        }
    }
    if all.len() > MAX_EVIDENCE {
        lines.push(format!("and {} more", all.len() - MAX_EVIDENCE));
    }
    lines
}

fn remedy(first: &NewBind) -> String {
    let other = "or give the bind another address";
    match &first.state {
        BindState::Taken { by, .. } => match by.iter().find_map(|owner| owner.process.as_ref()) {
            Some(holder) => format!("stop {} (PID {}), {other}, and check again", holder.name, holder.pid),
            None => format!("find its owner as root, {other}, and check again"),
        },
        BindState::AddressNotAvailable => {
            format!("add the address to an interface, allow net.ipv4.ip_nonlocal_bind, {other}")
        }
        _ => format!("correct what is named above, {other}, and check again"),
    }
}

//! `reload` as text: the result, the plan or the proof, and the next step.

use std::io::{self, Write};

use super::wrap::{command, prose};
use super::{confirmation, findings, layout, ledger};
use crate::exit::Exit;
use crate::facts::Proof;
use crate::plan::replay::ReplayResult;
use crate::plan::{BasisChange, LossKind, Plan};
use crate::report::{Paint, ReloadBody, Report};

/// Lines of a start-up log that a screen has room for: the last ones say why.
const MAX_LOG_LINES: usize = 12;

/// Renders a reload; `more` is a heading and its lines that another operation adds.
pub(in crate::report) fn write(
    report: &Report,
    reload: &ReloadBody,
    (heading, more): (&str, &[String]),
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let ReloadBody {
        outcome,
        why,
        moved,
        worker: _,
        refused_ms,
        startup_log,
        open,
        notes,
        returned,
        finished,
        compared_with,
        apply,
        by_hand,
        confirm,
    } = reload;
    write_outcome(report, outcome, (why, moved), out, paint)?;
    if let (Some(plan), Some(compared_with)) = (&report.plan, compared_with) {
        write_plan_steps(plan, out, paint)?;
        match report.losses.is_empty() {
            true => writeln!(out, "\nno runtime-only state would be lost")?,
            false => writeln!(out, "\n{}", ledger::table(&report.losses, paint))?,
        }
        writeln!(out, "{}", paint.faint(&prose("  ", compared_with)))?;
    }
    findings::write_problems(&report.findings, out, paint)?;
    if let Some(ms) = refused_ms {
        proof(report, *ms, out, paint)?;
    }
    layout::list(heading, "  ", more, out, paint)?;
    write_replay_results(returned, out, paint)?;
    layout::list("not verified", "  ", open, out, paint)?;
    if report.exit != Exit::Done && !startup_log.is_empty() {
        let skipped = startup_log.len().saturating_sub(MAX_LOG_LINES);
        layout::list("from HAProxy's log", "  ", &startup_log[skipped..], out, paint)?;
    }
    layout::list("notes", "  ", notes, out, paint)?;
    if report.exit == Exit::Unproven && !finished.is_empty() {
        writeln!(out, "\n{}", prose("", &format!("finished: {}", finished.join(", "))))?;
    }
    layout::commands("check it by hand", by_hand, out, paint)?;
    if let Some(wanted) = confirm {
        confirmation::write_request(wanted, out, paint)?;
    }
    write_apply_command(report, apply.as_deref(), out, paint)?;
    if outcome == "asked" {
        return writeln!(out);
    }
    let changed = match (report.changed, refused_ms) {
        (true, _) => "changes were made.",
        (false, Some(_)) => "nothing was left changed.",
        (false, None) => "nothing was changed.",
    };
    writeln!(out, "{changed} {}", paint.faint(&format!("(exit {})", report.exit.code())))
}

/// How it ended, and why.
pub(in crate::report) fn write_outcome(
    report: &Report,
    outcome: &str,
    (why, moved): (&str, &[BasisChange]),
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let word = match report.exit {
        Exit::Done => paint.strong(outcome),
        _ => paint.bad(outcome),
    };
    let indent = " ".repeat(outcome.len() + 2);
    writeln!(out, "{word}: {}", prose(&indent, &report.summary).trim_start())?;
    if !why.is_empty() {
        writeln!(out, "{}", prose("", why))?;
    }
    for moved in moved {
        writeln!(out, "{}", prose("  ", &moved.to_string()))?;
    }
    Ok(())
}

/// The command for the next step.
pub(in crate::report) fn write_apply_command(
    report: &Report,
    apply: Option<&str>,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    if let Some(apply) = apply {
        let heading = if report.exit == Exit::Stale { "see the current plan with" } else { "apply it with" };
        writeln!(out, "\n{}\n{}", paint.strong(heading), command("  ", apply))?;
    }
    Ok(())
}

pub(in crate::report) fn write_plan_steps(plan: &Plan, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    writeln!(out, "\n{}", paint.strong("what would be done"))?;
    for (at, step) in plan.steps.iter().enumerate().filter(|(at, _)| is_listed(*at, plan.steps.len())) {
        let (verb, method) = step.action.names();
        let first = format!("  {:>2} {verb:<7}", at + 1);
        let text = format!("{} ({method}): {}", step.object, step.reason);
        writeln!(
            out,
            "{}",
            first.clone() + prose(&" ".repeat(first.len() + 1), &text).get(first.len()..).unwrap_or("")
        )?;
        if at + 1 == FIRST_STEPS && plan.steps.len() > MAX_STEPS {
            let left_out = plan.steps.len() - FIRST_STEPS - LAST_STEPS;
            writeln!(out, "     ..      {left_out} more steps; -o json lists every one")?;
        }
    }
    Ok(())
}

/// A longer plan is cut in the middle: what is done first and how it is verified is always shown.
const MAX_STEPS: usize = 100;
const FIRST_STEPS: usize = 90;
const LAST_STEPS: usize = 8;

fn is_listed(at: usize, steps: usize) -> bool {
    steps <= MAX_STEPS || at < FIRST_STEPS || at + LAST_STEPS >= steps
}

/// Claims, each with what was seen before and after.
pub(in crate::report) fn write_claims(list: &[Proof], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    writeln!(out, "\n{}", paint.strong("before and after"))?;
    for proof in list {
        let seen = match proof.before == proof.after {
            true => proof.after.clone(),
            false => format!("{} -> {}", proof.before, proof.after),
        };
        writeln!(out, "{}", prose("  ", &format!("{}: {seen}", proof.claim)))?;
    }
    Ok(())
}

fn proof(report: &Report, ms: u64, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    write_claims(&report.proof, out, paint)?;
    if report.exit != Exit::Done {
        let sentence = match ms {
            0 => "no listener was closed to clients meanwhile".to_owned(),
            ms => format!("connections were refused for about {ms} ms"),
        };
        writeln!(out, "{}", prose("  ", &sentence))?;
    }
    Ok(())
}

/// Names that a line of a kind shows before it counts the rest.
const MAX_NAMES: usize = 4;

/// A line for each kind of thing that was put back, and one for each thing that was not.
fn write_replay_results(returned: &[ReplayResult], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if returned.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.strong("put back into the new worker"))?;
    let mut kinds: Vec<(LossKind, Vec<&str>)> = Vec::new();
    for one in returned.iter().filter(|one| one.returned) {
        match kinds.iter_mut().find(|(kind, _)| *kind == one.kind) {
            Some((_, objects)) => objects.push(&one.object),
            None => kinds.push((one.kind, vec![&one.object])),
        }
    }
    for (kind, objects) in kinds {
        let shown = objects.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
        let more = objects.len().saturating_sub(MAX_NAMES);
        let rest = if more > 0 { format!(" +{more} more") } else { String::new() };
        writeln!(out, "{}", prose("  ", &format!("{}: {shown}{rest}", kind)))?;
    }
    for one in returned.iter().filter(|one| !one.returned) {
        let why = one.why.as_deref().unwrap_or("reason unknown");
        writeln!(out, "{}", prose("  ", &format!("NOT {} {}: {why}", one.kind, one.object)))?;
    }
    Ok(())
}

//! The guard as text: its state or its change, and the effect on others.

use std::io::{self, Write};

use super::wrap::prose;
use super::{findings, layout, reload};
use crate::report::{GuardBody, Paint, Report};

pub(in crate::report) fn write(
    report: &Report,
    guard: &GuardBody,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let GuardBody {
        outcome,
        why,
        unit: _,
        stand: _,
        file,
        text,
        moved,
        refused,
        works,
        holes,
        apply,
        by_hand,
    } = guard;
    reload::write_outcome(report, outcome, (why, moved), out, paint)?;
    if let (Some(plan), true) = (&report.plan, apply.is_some() || outcome == "asked") {
        reload::write_plan_steps(plan, out, paint)?;
    }
    if let (Some(file), Some(text)) = (file, text) {
        writeln!(out, "\n{}", paint.strong(&prose("", file)))?;
        for line in text.lines() {
            writeln!(out, "{}", layout::file_line(line))?;
        }
    }
    findings::write_problems(&report.findings, out, paint)?;
    layout::list("what systemd will refuse, and who will notice", "  - ", refused, out, paint)?;
    layout::list("what still works", "  - ", works, out, paint)?;
    layout::list("what the guard does not prevent", "  - ", holes, out, paint)?;
    if report.changed || outcome == "undone" {
        reload::write_claims(&report.proof, out, paint)?;
    }
    layout::commands("by hand", by_hand, out, paint)?;
    reload::write_apply_command(report, apply.as_deref(), out, paint)?;
    if outcome == "asked" {
        return writeln!(out);
    }
    let changed = match (report.changed, outcome.as_str()) {
        (true, _) => "changes were made.",
        (false, "undone") => "nothing was left changed.",
        (false, _) => "nothing was changed.",
    };
    writeln!(out, "{changed} {}", paint.faint(&format!("(exit {})", report.exit.code())))
}

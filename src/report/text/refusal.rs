//! The refusal as text: what, why, what would be lost, what to do instead, and how it is done by hand.

use std::io::{self, Write};

use super::layout::{commands, proof};
use super::wrap::prose;
use super::{findings, ledger, service};
use crate::checks::{Finding, Level};
use crate::report::{Paint, Refusal, Report};

/// More neighbours than this are counted.
const MAX_OTHERS: usize = 5;

pub(in crate::report) fn write(
    report: &Report,
    refusal: &Refusal,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let Refusal { title, why, unseen, compared_with, alternatives, emergency, by_hand, others, asked } =
        refusal;
    writeln!(out, "{} {}", paint.bad("refused:"), prose("         ", title).trim_start())?;
    writeln!(out, "{}", prose("", why))?;
    if let Some(asked) = asked {
        service::write(asked, out, paint)?;
    }
    if let Some(compared_with) = compared_with.as_ref().filter(|_| !report.losses.is_empty()) {
        writeln!(out, "\n{}", ledger::table(&report.losses, paint))?;
        writeln!(out, "{}", paint.faint(&prose("  ", compared_with)))?;
    }
    // The ledger has already said what it could not count.
    if !unseen.is_empty() && compared_with.is_none() {
        writeln!(out, "\n{}", paint.strong("could not be seen"))?;
        for line in unseen {
            writeln!(out, "{}", prose("  ", line))?;
        }
    }
    if !others.is_empty() {
        writeln!(out, "\n{}", paint.strong("HAProxies of this host that are not meant"))?;
        for line in others.iter().take(MAX_OTHERS) {
            writeln!(out, "{}", prose("  ", line))?;
        }
        if let Some(more @ 1..) = others.len().checked_sub(MAX_OTHERS) {
            writeln!(out, "  and {more} more: `haguard inspect` names them all")?;
        }
    }
    let failed: Vec<_> = report.findings.iter().filter(|f| f.level == Level::Fail).cloned().collect();
    if !failed.is_empty() {
        writeln!(out, "\n{}", paint.strong("what is wrong here already"))?;
        findings::write(&failed, out, paint)?;
    }
    // A failure of its is among those.
    let unit = |f: &&Finding| f.id == "restart.unit" && f.level == Level::Warn;
    let unit: Vec<_> = report.findings.iter().filter(unit).cloned().collect();
    if !unit.is_empty() {
        writeln!(out, "\n{}", paint.strong("what its unit would start"))?;
        findings::write(&unit, out, paint)?;
    }
    commands("do this instead", alternatives, out, paint)?;
    commands("if it really must restart", emergency.as_slice(), out, paint)?;
    let by_hand_heading = match emergency {
        Some(_) => "or, where haguard cannot, by hand and in this order",
        None => "if it really must restart, by hand and in this order",
    };
    commands(by_hand_heading, by_hand, out, paint)?;
    match asked {
        Some(_) => proof(report, out, paint),
        None => Ok(()),
    }
}

//! The refusal as text: the operation, the reason, the losses, the safe way, and the way by hand.

use std::io::{self, Write};

use super::layout::{commands, proof};
use super::wrap::prose;
use super::{findings, ledger, service};
use crate::checks::{Finding, Level};
use crate::report::{Paint, Refusal, Report};

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
    // The ledger already shows what could not be counted.
    if !unseen.is_empty() && compared_with.is_none() {
        writeln!(out, "\n{}", paint.strong("could not be seen"))?;
        for line in unseen {
            writeln!(out, "{}", prose("  ", line))?;
        }
    }
    if !others.is_empty() {
        let text =
            format!("Other HAProxy instances on this host: {} (`haguard inspect` lists them)", others.len());
        writeln!(out, "\n{}", prose("", &text))?;
    }
    let failed: Vec<_> = report.findings.iter().filter(|f| f.level == Level::Fail).cloned().collect();
    if !failed.is_empty() {
        writeln!(out, "\n{}", paint.strong("failed checks"))?;
        findings::write(&failed, out, paint)?;
    }
    // Where it failed it is among those.
    let unit = |f: &&Finding| f.id == "restart.unit" && f.level == Level::Warn;
    let unit: Vec<_> = report.findings.iter().filter(unit).cloned().collect();
    if !unit.is_empty() {
        writeln!(out, "\n{}", paint.strong("the unit would start something else"))?;
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

//! Reports as text: the body of the command, then the line that says what was changed.
//!
//! - `causes`: findings that share one cause
//! - `confirmation`: `confirm`
//! - `findings`: checks with evidence and remedy
//! - `guard`: `guard`
//! - `inspect`: `inspect`
//! - `layout`: pieces that several reports share
//! - `ledger`: the loss ledger as a table
//! - `pins`: `inspect --save`
//! - `refusal`: a refused restart
//! - `rehearsal`: `rehearse`
//! - `reload`: `reload`
//! - `restart`: `restart --break-glass`
//! - `routes`: `inspect --routes`
//! - `service`: one service
//! - `services`: the services of a host
//! - `style`: colours
//! - `table`: rows under columns, and the list of checks
//! - `wrap`: line width and control characters

pub(super) mod causes;
pub(super) mod confirmation;
pub(super) mod findings;
pub(super) mod guard;
pub(super) mod inspect;
pub(super) mod layout;
pub(super) mod ledger;
pub(super) mod pins;
pub(super) mod refusal;
pub(super) mod rehearsal;
pub(super) mod reload;
pub(super) mod restart;
pub(super) mod routes;
pub(super) mod service;
pub(super) mod services;
pub mod style;
pub(super) mod table;
pub mod wrap;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::{Body, CommandError, Explanation, LedgerSource, Paint, Report};
use wrap::prose;

pub(super) fn write(report: &Report, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    match &report.body {
        Body::Refusal(body) => refusal::write(report, body, out, paint)?,
        Body::Rehearsal(body) => rehearsal::write(report, body, out, paint)?,
        Body::Reload(body) => return reload::write(report, body, ("", &[]), out, paint),
        Body::Restart(body) => return restart::write(report, body, out, paint),
        Body::Guard(body) => return guard::write(report, body, out, paint),
        Body::Confirmation(body) => confirmation::write(report, body, out, paint)?,
        Body::Facts(facts) => inspect::write(report, facts, out, paint)?,
        Body::Routes(facts) => routes::write(report, facts, out, paint)?,
        Body::Pins(body) => pins::write(report, body, out, paint)?,
        Body::Ledger(LedgerSource { compared_with }) => {
            match report.losses.is_empty() {
                true => writeln!(out, "no runtime-only state would be lost")?,
                false => writeln!(out, "{}", ledger::list(&report.losses, paint))?,
            }
            writeln!(out, "{}", paint.faint(&prose("", compared_with)))?;
        }
        Body::Verdict(_) => {
            findings::write_all(&report.findings, out, paint)?;
            writeln!(out, "\n{}", prose("", &report.summary))?;
        }
        Body::Table(table) => return table::write(table, out, paint),
        Body::Explanation(body) => return explanation(body, out, paint),
        Body::Error(body) => return error(body, out, paint),
    }
    if !report.changed {
        writeln!(out, "nothing was changed. {}", paint.faint(&format!("(exit {})", report.exit.code())))?;
    }
    Ok(())
}

fn explanation(body: &Explanation, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    writeln!(out, "{}\n{}", paint.strong(&prose("", &body.id)), prose("", &body.title))?;
    for paragraph in &body.text {
        writeln!(out, "\n{}", prose("", paragraph))?;
    }
    Ok(())
}

fn error(body: &CommandError, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    writeln!(out, "{} {}", paint.bad("error:"), prose("       ", &body.message).trim_start())?;
    if let Some(mend) = &body.mend {
        writeln!(out, "{}", prose("fix:   ", mend))?;
    }
    writeln!(out, "nothing was changed.")
}

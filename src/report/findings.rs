//! Findings, a line each, with evidence and mend under what is not well.

use std::io::{self, Write};

use super::Paint;
use super::wrap::prose;
use crate::checks::Finding;

/// A screen has 24 lines, and there are other findings.
const MOST_EVIDENCE: usize = 8;

/// Findings, a line each; evidence and mend under what is not well.
pub(super) fn write(findings: &[Finding], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    for Finding { id, level, text, evidence, mend } in findings {
        let hang = " ".repeat(36);
        let first = prose(&hang, text);
        writeln!(out, "  {}{id:<25} {}", paint.level(*level), first.trim_start())?;
        if !level.is_notable() {
            continue;
        }
        for line in evidence.iter().take(MOST_EVIDENCE) {
            writeln!(out, "{}", paint.faint(&prose("            ", line)))?;
        }
        if evidence.len() > MOST_EVIDENCE {
            writeln!(
                out,
                "            and {} more (all of them with -o json)",
                evidence.len() - MOST_EVIDENCE
            )?;
        }
        if let Some(mend) = mend {
            writeln!(out, "{}", prose("      mend: ", mend))?;
        }
        writeln!(out, "{}", paint.faint(&format!("      more: haguard explain {id}")))?;
    }
    Ok(())
}

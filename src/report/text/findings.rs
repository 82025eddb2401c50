//! Findings, a line each, with evidence under them, and the mend under what is not well.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::style::IGNORED;
use super::wrap::prose;
use crate::checks::Finding;
use crate::report::Paint;

/// A screen has 24 lines, and there are other findings.
const MAX_EVIDENCE: usize = 8;

/// How wide the columns before the text are, so that it stands in one line with all the others of an answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Columns {
    level: usize,
    id: usize,
}

impl Columns {
    /// Of an answer with these findings: most ids fit into the usual columns.
    pub(in crate::report) fn from_findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        findings.into_iter().fold(Columns { level: 8, id: 25 }, |Columns { level, id }, finding| Columns {
            level: if finding.ignored_by.is_some() { IGNORED.len() + 1 } else { level },
            id: id.max(finding.id.width()),
        })
    }
}

/// A reason as long as this stands once; after that it is "the same".
const LONG_REASON: usize = 60;

/// The findings with a reason that many have written out once: it is read where it stands first.
pub(in crate::report) fn shorten_repeated_reasons(findings: &[Finding]) -> Vec<Finding> {
    let mut said: Option<String> = None;
    let mut all = findings.to_vec();
    for finding in &mut all {
        let before = said.as_ref().and_then(|said| finding.text.strip_suffix(said.as_str()));
        match before {
            Some(before) => finding.text = format!("{before}the same"),
            None if finding.text.len() >= LONG_REASON => said = Some(finding.text.clone()),
            None => {}
        }
    }
    all
}

/// Findings where they are one part of an answer: evidence and mend under what is not well.
pub(in crate::report) fn write(findings: &[Finding], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let columns = Columns::from_findings(findings);
    for finding in &shorten_repeated_reasons(findings) {
        write_line(finding, columns, out, paint)?;
        if finding.level.is_notable() {
            evidence(finding, out, paint)?;
            mend(finding, out, paint)?;
        }
    }
    Ok(())
}

/// What is not well, under a heading, where there is any.
pub(in crate::report) fn write_problems(
    findings: &[Finding],
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let notable: Vec<Finding> = findings.iter().filter(|one| one.level.is_notable()).cloned().collect();
    if notable.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.strong("worth knowing"))?;
    write(&notable, out, paint)
}

/// Findings where they are the answer: evidence under every one.
pub(in crate::report) fn write_all(
    findings: &[Finding],
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let columns = Columns::from_findings(findings);
    for finding in &shorten_repeated_reasons(findings) {
        write_line(finding, columns, out, paint)?;
        evidence(finding, out, paint)?;
        if finding.level.is_notable() {
            mend(finding, out, paint)?;
        }
    }
    Ok(())
}

/// The level, the id, and what was found.
pub(in crate::report) fn write_line(
    finding: &Finding,
    columns: Columns,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let Finding { id, level, text, ignored_by, .. } = finding;
    let Columns { level: wide, id: id_wide } = columns;
    let word = match ignored_by {
        None => paint.level(*level, wide),
        Some(_) => paint.ignored(wide),
    };
    let text = prose(&" ".repeat(2 + wide + id_wide + 1), text);
    writeln!(out, "  {word}{id:<id_wide$} {}", text.trim_start())?;
    match ignored_by {
        None => Ok(()),
        Some(by) => writeln!(out, "{}", prose("      ignored by ", by)),
    }
}

fn evidence(finding: &Finding, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let evidence = &finding.evidence;
    for line in evidence.iter().take(MAX_EVIDENCE) {
        writeln!(out, "{}", paint.faint(&prose("            ", line)))?;
    }
    match evidence.len().saturating_sub(MAX_EVIDENCE) {
        0 => Ok(()),
        more => writeln!(out, "            and {more} more (all of them with -o json)"),
    }
}

fn mend(finding: &Finding, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if let Some(mend) = &finding.mend {
        writeln!(out, "{}", prose("      mend: ", mend))?;
    }
    writeln!(out, "{}", paint.faint(&format!("      more: haguard explain {}", finding.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Level, catalog};

    fn render(findings: &[Finding]) -> String {
        let mut out = Vec::new();
        write_all(findings, &mut out, Paint { color: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn finding(id: &str, ignored: bool) -> Finding {
        let text = format!("{}{id}", "begin ".repeat(20));
        let ignored_by = ignored.then(|| "INC-1".to_owned());
        Finding { id: id.into(), level: Level::Warn, text, evidence: vec![], mend: None, ignored_by }
    }

    /// Where the text begins, on each line that has some.
    fn text_columns(text: &str) -> Vec<usize> {
        let lines = text.lines().filter(|line| line.contains("begin"));
        lines.map(|line| line.find("begin").unwrap()).collect()
    }

    #[test]
    fn the_text_of_every_check_begins_in_one_column_ignored_or_not_and_stays_on_the_page() {
        let all: Vec<&str> = catalog::all_checks().map(|check| check.id).collect();
        for ignored in [&[][..], &["config.mworker-max-reloads"], &["config.decided"]] {
            let found: Vec<Finding> = all.iter().map(|id| finding(id, ignored.contains(id))).collect();
            let text = render(&found);
            let starts = text_columns(&text);
            assert!(starts.len() > all.len() && starts.iter().all(|at| *at == starts[0]), "{text}");
            assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        }
    }

    #[test]
    fn a_long_reason_of_many_findings_is_written_out_once() {
        let why = "the one reason why nothing could be seen, which is a long one indeed";
        let texts = [why.to_owned(), "short".to_owned(), format!("not tested: {why}"), why.to_owned()];
        let all = texts.map(|text| Finding { text, ..finding("arch.sockets", false) });
        let told: Vec<String> =
            shorten_repeated_reasons(&all).into_iter().map(|finding| finding.text).collect();
        assert_eq!(told, [why, "short", "not tested: the same", "the same"]);
    }

    #[test]
    fn an_answer_of_short_ids_keeps_the_usual_columns() {
        assert_eq!(text_columns(&render(&[finding("arch.sockets", false)]))[0], 36);
    }
}

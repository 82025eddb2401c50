//! Findings: a line each, evidence under it, and the remedy under what is not well. A cause that several share stands
//! before them, once.

use std::collections::BTreeSet;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::causes::{self, Cause};
use super::style::IGNORED;
use super::wrap::prose;
use crate::checks::{Finding, Level};
use crate::plural::plural;
use crate::report::Paint;

/// A screen has 24 lines, and there are other findings.
const MAX_EVIDENCE: usize = 8;

/// How wide the columns before the text are, so that the texts of one answer begin in one column.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Columns {
    level: usize,
    id: usize,
}

impl Columns {
    /// For an answer with these findings: most ids fit into the usual columns.
    pub(in crate::report) fn from_findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        findings.into_iter().fold(Columns { level: 8, id: 25 }, |Columns { level, id }, finding| Columns {
            level: if finding.ignored_by.is_some() { IGNORED.len() + 1 } else { level },
            id: id.max(finding.id.width()),
        })
    }
}

/// A reason as long as this is written out once in a list that has a line for each finding.
const LONG_REASON: usize = 60;

/// The findings of a list that has a line for each: a reason that was written out is named by its check after that.
pub(in crate::report) fn shorten_repeated_reasons(findings: &[Finding]) -> Vec<Finding> {
    let mut written: Option<(String, String)> = None;
    let mut all = findings.to_vec();
    for finding in &mut all {
        let before =
            written.as_ref().and_then(|(id, reason)| Some((id, finding.text.strip_suffix(reason.as_str())?)));
        match before {
            Some((id, before)) => finding.text = format!("{before}same cause as {id}"),
            None if finding.text.len() >= LONG_REASON => {
                written = Some((finding.id.clone(), finding.text.clone()));
            }
            None => {}
        }
    }
    all
}

/// Findings where they are one part of an answer: evidence and remedy under what is not well.
pub(in crate::report) fn write(findings: &[Finding], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let (causes, alone) = causes::split(findings);
    let columns = Columns::from_findings(alone.iter().copied());
    for cause in &causes {
        write_cause(cause, out, paint)?;
    }
    for finding in &alone {
        write_line(finding, columns, out, paint)?;
        if finding.level.is_notable() {
            write_evidence(&finding.evidence, out, paint)?;
            write_remedy(finding.mend.as_deref(), out)?;
        }
    }
    write_pointer(findings, out, paint)
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
    writeln!(out, "\n{}", paint.strong("findings"))?;
    write(&without_neighbours(&notable), out, paint)
}

/// Findings where they are the answer: shared causes first, then a heading for each group with evidence under every
/// finding, then what was skipped for one reason.
pub(in crate::report) fn write_all(
    findings: &[Finding],
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let known = findings.iter().any(|one| one.id == "arch.process" && one.level != Level::Unknown);
    let findings = &if known { without_neighbours(findings) } else { findings.to_vec() };
    let (causes, alone) = causes::split(findings);
    let columns = Columns::from_findings(alone.iter().copied());
    let (unknown, skipped): (Vec<_>, Vec<_>) = causes.iter().partition(|cause| cause.level == Level::Unknown);
    let mut sections = Sections::default();
    write_causes("not known", &unknown, &mut sections, out, paint)?;
    for group in distinct(alone.iter().map(|one| causes::group_name(one).to_owned())) {
        sections.begin(&group, out, paint)?;
        for finding in alone.iter().filter(|one| causes::group_name(one) == group) {
            write_line(finding, columns, out, paint)?;
            write_evidence(&finding.evidence, out, paint)?;
            if finding.level.is_notable() {
                write_remedy(finding.mend.as_deref(), out)?;
            }
        }
    }
    write_causes("skipped", &skipped, &mut sections, out, paint)?;
    write_pointer(findings, out, paint)
}

/// An answer about one HAProxy counts the others: its evidence would name each of them.
fn without_neighbours(findings: &[Finding]) -> Vec<Finding> {
    let mut findings = findings.to_vec();
    let several = |one: &&mut Finding| one.id == "arch.single-instance" && one.level == Level::Warn;
    for finding in findings.iter_mut().filter(several) {
        finding.evidence = vec!["`haguard inspect` lists them".to_owned()];
    }
    findings
}

/// Headings, with an empty line between sections.
#[derive(Default)]
struct Sections {
    begun: bool,
}

impl Sections {
    fn begin(&mut self, heading: &str, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            writeln!(out)?;
        }
        writeln!(out, "{}", paint.strong(heading))
    }
}

fn write_causes(
    heading: &str,
    causes: &[&Cause<'_>],
    sections: &mut Sections,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    if causes.is_empty() {
        return Ok(());
    }
    sections.begin(heading, out, paint)?;
    causes.iter().try_for_each(|cause| write_cause(cause, out, paint))
}

/// The cause, how many checks it explains, and what they rest on.
fn write_cause(cause: &Cause<'_>, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    const INDENT: &str = "          ";
    let word = paint.level(cause.level, 8);
    writeln!(out, "  {word}{}", prose(INDENT, cause.why).trim_start())?;
    writeln!(out, "{}", prose(INDENT, &cause.describe_checks()))?;
    write_evidence(&distinct(cause.findings.iter().flat_map(|one| one.evidence.clone())), out, paint)?;
    let remedies = distinct(cause.findings.iter().filter_map(|one| one.mend.clone()));
    remedies.iter().try_for_each(|remedy| write_remedy(Some(remedy), out))
}

/// Each line once, in the order of its first appearance.
fn distinct(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    lines.filter(|line| seen.insert(line.clone())).collect()
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

fn write_evidence(evidence: &[String], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    for line in evidence.iter().take(MAX_EVIDENCE) {
        writeln!(out, "{}", paint.faint(&prose("            ", line)))?;
    }
    match evidence.len().saturating_sub(MAX_EVIDENCE) {
        0 => Ok(()),
        more => writeln!(out, "            and {} (all of them with -o json)", plural(more, "more line")),
    }
}

fn write_remedy(remedy: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    remedy.map_or(Ok(()), |remedy| writeln!(out, "{}", prose("      fix: ", remedy)))
}

/// The command that explains a check, once for a whole answer.
fn write_pointer(findings: &[Finding], out: &mut impl Write, paint: Paint) -> io::Result<()> {
    // Of several the first, in the order of the catalogue.
    let notable = findings.iter().filter(|one| one.level.is_notable());
    match notable.reduce(|first, next| if next.level > first.level { next } else { first }) {
        Some(worst) => {
            let pointer = format!("more about a check: haguard explain {}", worst.id);
            writeln!(out, "{}", paint.faint(&prose("  ", &pointer)))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{self, catalog};
    use crate::facts::{Facts, Known, test_facts};
    use crate::plan;

    fn render_problems(findings: &[Finding]) -> String {
        let mut out = Vec::new();
        write_problems(findings, &mut out, Paint { color: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

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
        let texts: Vec<String> =
            shorten_repeated_reasons(&all).into_iter().map(|finding| finding.text).collect();
        let same = "same cause as arch.sockets";
        assert_eq!(texts, [why, "short", &format!("not tested: {same}"), same]);
    }

    #[test]
    fn a_check_of_a_host_without_haproxy_has_one_line_for_it_and_one_pointer() {
        let facts =
            test_facts::without_instance("no HAProxy process can be seen here: none runs, or it is hidden");
        let found = checks::run_checks(&facts, &plan::ledger(&facts), &[]);
        let unknown = found.iter().filter(|one| one.level == Level::Unknown).count();
        for text in [render(&found), render_problems(&found)] {
            assert_eq!(text.matches("no HAProxy process can be seen").count(), 1, "{text}");
            assert!(text.contains(&format!("{unknown} checks need it: arch ")), "{text}");
            assert_eq!(text.matches("haguard explain").count(), 1, "{text}");
            assert!(text.lines().count() < 50 && !text.contains("the same"), "{text}");
        }
    }

    #[test]
    fn an_answer_about_one_haproxy_counts_the_others_and_one_about_all_names_them() {
        let mut facts = test_facts::healthy();
        let other = test_facts::known_mut(&mut facts.candidates)[0].clone();
        test_facts::known_mut(&mut facts.candidates).extend(std::iter::repeat_n(other, 3));
        let run = |facts: &Facts, ids: &[&str]| render(&checks::run_checks(facts, &plan::ledger(facts), ids));
        let named = "-S /run/master.sock";
        let text = run(&facts, &[]);
        assert!(
            text.contains("4 HAProxy instances run on") && text.contains("`haguard inspect` lists them"),
            "{text}"
        );
        assert!(!text.contains(&format!("{named};")), "{text}");
        assert!(run(&facts, &["arch.single-instance"]).contains(named), "it is the answer there");
        facts.instance = Known::unknown("4 HAProxy run here and none was named");
        assert!(run(&facts, &[]).contains(named), "one of them is to be chosen");
    }

    #[test]
    fn each_group_has_a_heading_and_stands_together() {
        let ids = ["reload.way", "guard.ready", "reload.way-back"];
        let text = render(&ids.map(|id| finding(id, false)));
        let headings: Vec<&str> =
            text.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
        assert_eq!(headings, ["reload", "guard"], "{text}");
        let at = |id: &str| text.find(id).unwrap();
        assert!(at("reload.way-back") < at("guard.ready"), "{text}");
    }

    #[test]
    fn an_answer_of_short_ids_keeps_the_usual_columns() {
        assert_eq!(text_columns(&render(&[finding("arch.sockets", false)]))[0], 36);
    }
}

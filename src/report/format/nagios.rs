//! A Nagios plugin's answer: one line with performance data, what is not ok after it, and a status of its own.

use std::io::{self, Write};

use crate::checks::{Finding, Level};
use crate::report::text::wrap::escape_control_chars;
use crate::report::{Body, CommandError, Report};

/// The four states that a plugin can report, with their process statuses.
const STATES: [(&str, u8); 4] = [("OK", 0), ("WARNING", 1), ("CRITICAL", 2), ("UNKNOWN", 3)];

/// The state; a failure outweighs what is unknown, as in every verdict, and what is ignored raises no alarm.
fn state(report: &Report) -> (&'static str, u8) {
    let [ok, warning, critical, unknown] = STATES;
    if let Body::Error(_) = report.body {
        return unknown;
    }
    let counted = report.findings.iter().filter(|finding| finding.ignored_by.is_none());
    match counted.map(|finding| finding.level).max() {
        Some(Level::Fail) => critical,
        Some(Level::Unknown) => unknown,
        Some(Level::Warn) => warning,
        _ => ok,
    }
}

/// The process status, the one that depends on a format.
pub(in crate::report) fn status(report: &Report) -> u8 {
    state(report).1
}

pub(in crate::report) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let (word, _) = state(report);
    if let Body::Error(CommandError { message, mend }) = &report.body {
        writeln!(out, "HAPROXY {word} - {}", without_bars(message))?;
        return mend.iter().try_for_each(|mend| writeln!(out, "mend: {}", without_bars(mend)));
    }
    writeln!(out, "HAPROXY {word} - {}{}", without_bars(&headline(report)), performance(report))?;
    for finding in report.findings.iter().filter(|finding| finding.level.is_notable()) {
        let Finding { id, level, text, evidence, mend, ignored_by } = finding;
        let ignored = ignored_by.as_ref().map_or(String::new(), |by| format!(" (ignored by {by})"));
        writeln!(out, "{} {id}: {}", level.label(), without_bars(&format!("{text}{ignored}")))?;
        for line in evidence.iter().chain(mend) {
            writeln!(out, "  {}", without_bars(line))?;
        }
    }
    Ok(())
}

/// What is worst, and the tally: the line that is sent to a telephone.
fn headline(report: &Report) -> String {
    let counted = report.findings.iter().filter(|finding| finding.ignored_by.is_none());
    let worst = counted.filter(|finding| finding.level.is_notable());
    // Of several the first, in the order of the catalogue.
    let worst = worst.reduce(|first, next| if next.level > first.level { next } else { first });
    match worst {
        Some(Finding { id, text, .. }) => format!("{id}: {text} ({})", report.summary),
        None => report.summary.clone(),
    }
}

/// `name=value`, without those that are not known.
fn performance(report: &Report) -> String {
    let Body::Verdict(verdict) = &report.body else { return String::new() };
    let known = verdict.measures.iter().filter_map(|measure| Some((measure.name, measure.value?)));
    let words: Vec<String> = known
        .map(|(name, value)| match name.strip_suffix("_bytes") {
            Some(name) => format!("{name}={value}B;;;0"),
            None => format!("{name}={value};;;0"),
        })
        .collect();
    if words.is_empty() { String::new() } else { format!(" | {}", words.join(" ")) }
}

/// A bar begins the performance data, wherever it stands.
fn without_bars(text: &str) -> String {
    escape_control_chars(text).replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Metric;
    use crate::exit::Exit;
    use crate::report::{CheckSummary, Tally};

    fn render(levels: &[(Level, bool)]) -> (String, u8) {
        let finding = |(level, ignored): &(Level, bool)| Finding {
            id: "x.y".into(),
            level: *level,
            text: "a | b".into(),
            evidence: vec!["c|d".into()],
            mend: None,
            ignored_by: ignored.then(|| "flag --ignore: INC-1".into()),
        };
        let findings: Vec<Finding> = levels.iter().map(finding).collect();
        let measures = vec![
            Metric { name: "connections", value: Some(7) },
            Metric { name: "servers", value: None },
            Metric { name: "worker_memory_bytes", value: Some(2048) },
        ];
        let body = Body::Verdict(CheckSummary { tally: Tally::from_findings(&findings), measures });
        let mut report = Report::new("check", Exit::Done, "the tally", body);
        report.findings = findings;
        let mut out = Vec::new();
        write(&report, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), status(&report))
    }

    #[test]
    fn one_line_with_the_numbers_and_one_bar() {
        let (text, status) = render(&[(Level::Pass, false)]);
        assert_eq!(
            (text.as_str(), status),
            ("HAPROXY OK - the tally | connections=7;;;0 worker_memory=2048B;;;0\n", 0)
        );
        let (text, status) = render(&[(Level::Warn, false), (Level::Fail, false)]);
        assert!(text.starts_with("HAPROXY CRITICAL - x.y: a / b (the tally) | connections=7"), "{text}");
        assert_eq!((text.matches('|').count(), status), (1, 2), "{text}");
        assert!(text.contains("\nFAIL x.y: a / b\n  c/d\n"), "{text}");
    }

    #[test]
    fn the_four_states() {
        let of = |levels: &[(Level, bool)]| render(levels).1;
        assert_eq!(of(&[(Level::Skipped, false), (Level::Pass, false)]), 0);
        assert_eq!(of(&[(Level::Warn, false)]), 1);
        assert_eq!(of(&[(Level::Unknown, false), (Level::Fail, false)]), 2);
        assert_eq!(of(&[(Level::Unknown, false), (Level::Warn, false)]), 3);
        assert_eq!(of(&[(Level::Warn, true), (Level::Pass, false)]), 0, "it is ignored");
    }
}

//! Annotations of GitHub Actions: a workflow command on a line for each finding that is not ok, then the tally.

use std::io::{self, Write};

use crate::checks::{Finding, Level};
use crate::report::text::wrap::escape_control_chars;
use crate::report::{Body, CommandError, Report};

pub(in crate::report) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let Body::Error(CommandError { message, mend }) = &report.body {
        let lines = [Some(message.clone()), mend.as_ref().map(|mend| format!("mend: {mend}"))];
        return command(out, "error", &format!("haguard {}", report.command), lines.into_iter().flatten());
    }
    for finding in report.findings.iter().filter(|finding| finding.level.is_notable()) {
        let Finding { id, level, text, evidence, mend, ignored_by } = finding;
        let name = match (level, ignored_by) {
            (_, Some(_)) => "notice",
            (Level::Fail | Level::Unknown, None) => "error",
            _ => "warning",
        };
        let ignored = ignored_by.iter().map(|by| format!("ignored by {by}"));
        let mend = mend.iter().map(|mend| format!("mend: {mend}"));
        let lines = std::iter::once(text.clone()).chain(ignored).chain(evidence.iter().cloned()).chain(mend);
        command(out, name, &format!("{id} ({})", level.label()), lines)?;
    }
    writeln!(out, "{}", escape_control_chars(&report.summary))
}

/// One workflow command. Its message ends with the line, so what is inside is escaped.
fn command(
    out: &mut impl Write,
    name: &str,
    title: &str,
    lines: impl Iterator<Item = String>,
) -> io::Result<()> {
    let message = lines.map(|line| escape_data(&escape_control_chars(&line))).collect::<Vec<_>>().join("%0A");
    writeln!(out, "::{name} title={}::{message}", escape_property(&escape_control_chars(title)))
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// In a property, what would end it is escaped too.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::report::Tally;

    #[test]
    fn what_would_end_a_command_or_a_property_is_escaped() {
        let finding = Finding {
            id: "x.y".into(),
            level: Level::Fail,
            text: "50% of a,b: c\nd".into(),
            evidence: vec!["one".into()],
            mend: None,
            ignored_by: None,
        };
        let mut report = Report::new(
            "check",
            Exit::Refused,
            "1 failed",
            Body::Table(crate::report::ReportTable { columns: vec![], rows: vec![] }),
        );
        report.findings = vec![finding];
        let _ = Tally::from_findings(&report.findings);
        let mut out = Vec::new();
        write(&report, &mut out).unwrap();
        // A line break in a name is tamed before it could be taken for one of ours.
        let expected = "::error title=x.y (FAIL)::50%25 of a,b: c\u{fffd}d%0Aone\n1 failed\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(escape_property("a:b,c%"), "a%3Ab%2Cc%25");
        assert_eq!(escape_data("a\r\nb"), "a%0D%0Ab");
    }
}

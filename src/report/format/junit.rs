//! A JUnit report: a test case for each check. An unknown result is an error; a warning is a pass with its text.

use std::io::{self, Write};

use crate::checks::{Finding, Level};
use crate::report::{Body, CommandError, Report, Tally};

pub(in crate::report) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let tally = Tally::from_findings(&report.findings);
    let failed = matches!(report.body, Body::Error(_));
    let (tests, errors) = match failed {
        true => (1, 1),
        false => (report.findings.len(), tally.unknown),
    };
    let seconds = format!("{}.{:03}", report.cost.ms / 1000, report.cost.ms % 1000);
    let counts = format!(
        "tests=\"{tests}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\" time=\"{seconds}\"",
        tally.fail, tally.skipped
    );
    let name = escape(&format!("haguard {}", report.command));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"{name}\" {counts}>")?;
    writeln!(out, "  <testsuite name=\"{name}\" {counts}>")?;
    if let Body::Error(CommandError { message, mend }) = &report.body {
        writeln!(out, "    <testcase classname=\"haguard\" name=\"{}\">", escape(&report.command))?;
        element(out, "error", message, mend.as_deref().unwrap_or_default())?;
        writeln!(out, "    </testcase>")?;
    }
    for finding in &report.findings {
        case(out, finding)?;
    }
    writeln!(out, "    <system-out>{}</system-out>", escape(&report.summary))?;
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn case(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let Finding { id, level, text, evidence, mend, ignored_by } = finding;
    let group = id.split('.').next().unwrap_or(id);
    writeln!(out, "    <testcase classname=\"haguard.{}\" name=\"{}\">", escape(group), escape(id))?;
    let ignored = ignored_by.iter().map(|by| format!("ignored by {by}"));
    let mend = mend.iter().map(|mend| format!("mend: {mend}"));
    let lines: Vec<String> = ignored.chain(evidence.iter().cloned()).chain(mend).collect();
    let lines = lines.join("\n");
    match level {
        Level::Fail => element(out, "failure", text, &lines)?,
        Level::Unknown => element(out, "error", text, &lines)?,
        Level::Skipped => writeln!(out, "      <skipped message=\"{}\"/>", escape(text))?,
        Level::Pass | Level::Warn => {
            let output = format!("{}: {text}\n{lines}", level.label());
            writeln!(out, "      <system-out>{}</system-out>", escape(output.trim_end()))?;
        }
    }
    writeln!(out, "    </testcase>")
}

fn element(out: &mut impl Write, name: &str, message: &str, inside: &str) -> io::Result<()> {
    writeln!(out, "      <{name} message=\"{}\">{}</{name}>", escape(message), escape(inside))
}

/// Text for XML, in an attribute or between tags. What XML 1.0 has no way to write becomes a replacement character.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use proptest::prelude::*;

    fn report(text: &str, level: Level) -> String {
        let finding = Finding {
            id: "x.y".into(),
            level,
            text: text.into(),
            evidence: vec![text.into()],
            mend: Some(text.into()),
            ignored_by: None,
        };
        let mut report = Report::new(
            "check",
            Exit::Done,
            text,
            Body::Table(crate::report::ReportTable { columns: vec![], rows: vec![] }),
        );
        report.findings = vec![finding];
        let mut out = Vec::new();
        write(&report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn a_reader_of_xml_gets_back_what_was_said(text in "\\PC{0,80}", level in 0..5usize) {
            let levels = [Level::Skipped, Level::Pass, Level::Warn, Level::Unknown, Level::Fail];
            let written = report(&text, levels[level]);
            let read = roxmltree::Document::parse(&written).unwrap();
            let said = |name: &str| {
                read.descendants().find(|node| node.has_tag_name(name)).and_then(|node| node.attribute("message"))
            };
            match levels[level] {
                Level::Fail => prop_assert_eq!(said("failure"), Some(text.as_str())),
                Level::Unknown => prop_assert_eq!(said("error"), Some(text.as_str())),
                Level::Skipped => prop_assert_eq!(said("skipped"), Some(text.as_str())),
                _ => prop_assert!(said("failure").is_none() && said("error").is_none()),
            }
        }

        #[test]
        fn no_text_makes_it_something_else_than_xml(text in "(?s).{0,80}") {
            let written = report(&text, Level::Fail);
            prop_assert!(roxmltree::Document::parse(&written).is_ok(), "{}", written);
        }
    }
}

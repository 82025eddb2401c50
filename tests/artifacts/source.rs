//! The hand-written part of the man pages: `man/source/NAME.SECTION.txt`.
//!
//! `# HEADING` begins a section. Lines that are indented by four blanks below a line that is not are the meaning of a
//! term; paragraphs in which every line is indented are examples; all others are text.

use crate::support::golden;

/// A part of a section.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Terms(Vec<(String, String)>),
    Example(Vec<String>),
}

/// A heading and what stands under it.
pub(super) type Section = (String, Vec<Part>);

const INDENT: &str = "    ";

/// The sections of one page.
pub(super) fn sections(page: &str) -> Vec<Section> {
    parse(&golden::read(&format!("man/source/{page}.txt")))
}

pub(super) fn parse(text: &str) -> Vec<Section> {
    let section = |text: &str| {
        let (heading, rest) = text.split_once('\n').expect("a heading has something under it");
        let parts = rest.trim_matches('\n').split("\n\n").map(part).collect();
        (heading.trim().to_owned(), parts)
    };
    let whole = format!("\n{text}");
    whole.split("\n# ").skip(1).map(section).collect()
}

fn part(text: &str) -> Part {
    let indented = |line: &str| line.starts_with(INDENT);
    if text.lines().all(indented) {
        return Part::Example(text.lines().map(|line| line[INDENT.len()..].to_owned()).collect());
    }
    if !text.lines().any(indented) {
        return Part::Text(text.replace('\n', " "));
    }
    let mut terms: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix(INDENT) {
            None => terms.push((line.to_owned(), String::new())),
            Some(more) => {
                let (_, meaning) = terms.last_mut().expect("a term comes before its meaning");
                *meaning = format!("{meaning} {more}").trim().to_owned();
            }
        }
    }
    Part::Terms(terms)
}

/// The parts as roff.
pub(super) fn roff(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => format!(".PP\n{}\n", escape(text)),
        Part::Terms(terms) => terms.iter().map(|(term, meaning)| tagged(term, meaning)).collect(),
        Part::Example(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
            format!(".PP\n.RS 4\n.nf\n{}\n.fi\n.RE\n", lines.join("\n"))
        }
    };
    parts.iter().map(part).collect()
}

/// A term with its meaning.
pub(super) fn tagged(term: &str, meaning: &str) -> String {
    format!(".TP\n\\fB{}\\fR\n{}\n", escape(term), escape(meaning))
}

/// Text as roff needs it: a dash that can be copied, no line that begins with a request.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[test]
fn text_terms_and_examples_are_told_apart() {
    let text =
        "# ONE\ntext of\ntwo lines\n\nterm\n    its\n    meaning\nother\n    x\n\n# TWO\n    haguard check\n";
    let terms = [("term", "its meaning"), ("other", "x")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let expected = [
        ("ONE".to_owned(), vec![Part::Text("text of two lines".to_owned()), Part::Terms(terms.to_vec())]),
        ("TWO".to_owned(), vec![Part::Example(vec!["haguard check".to_owned()])]),
    ];
    assert_eq!(parse(text), expected);
}

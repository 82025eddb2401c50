//! Looking things up in a document of haguard's.

use serde_json::Value;

/// The finding of this check.
#[track_caller]
pub(crate) fn finding<'a>(document: &'a Value, id: &str) -> &'a Value {
    let all = document["findings"].as_array().expect("a list of findings");
    all.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id} in {document:#}"))
}

/// The level of this check's finding; `restart` leaves out what is well.
pub(crate) fn level<'a>(document: &'a Value, id: &str) -> &'a str {
    let all = document["findings"].as_array().expect("a list of findings");
    all.iter().find(|finding| finding["id"] == id).map_or("none", |finding| as_text(&finding["level"]))
}

/// The ledger's lines of one kind.
pub(crate) fn losses<'a>(document: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = document["losses"].as_array().expect("a list of losses").iter();
    all.filter(|line| line["kind"] == kind).collect()
}

/// A text.
#[track_caller]
pub(crate) fn as_text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The text with every run of blanks as one, and commands in one line: where text is broken depends on the length of
/// the paths in it.
pub(crate) fn unwrapped(text: &str) -> String {
    text.replace(" \\\n", " ").replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ")
}

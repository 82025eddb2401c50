//! Names that HAProxy does not accept twice, and names of `defaults` that do not exist.

use std::collections::BTreeMap;

use super::defaults::is_proxy;
use super::{Config, Dialect, Problem, Section};

/// What a section offers under its name.
fn proxy_capabilities(section: &Section) -> (bool, bool) {
    (
        matches!(section.kind.as_str(), "frontend" | "listen"),
        matches!(section.kind.as_str(), "backend" | "listen"),
    )
}

/// Whether HAProxy refuses the second of two sections with the same name because of the first.
fn names_conflict(first: &Section, second: &Section, dialect: Dialect) -> bool {
    let kinds = (first.kind.as_str(), second.kind.as_str());
    match (is_proxy(first), is_proxy(second)) {
        (true, true) => {
            let ((front, back), (other_front, other_back)) =
                (proxy_capabilities(first), proxy_capabilities(second));
            (front && other_front) || (back && other_back) || dialect == Dialect::From33
        }
        (false, false) => kinds == ("peers", "peers"),
        // From 3.3 on a proxy and a `defaults` cannot share a name.
        _ => (kinds.0 == "defaults" || kinds.1 == "defaults") && dialect == Dialect::From33,
    }
}

/// Only sections that are certain are compared: two branches of one `.if` may well use the same name.
pub(super) fn find(config: &Config, dialect: Dialect) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut named: BTreeMap<&str, Vec<&Section>> = BTreeMap::new();
    for (index, section) in config.sections.iter().enumerate().filter(|(_, section)| section.certain) {
        let mut say = |what: String| found.push(Problem { at: section.at.clone(), what });
        let name = section.name.as_deref().unwrap_or_default();
        if let Some(name) = section.name.as_deref() {
            let earlier = named.entry(name).or_default();
            if let Some(first) = earlier.iter().find(|first| names_conflict(first, section, dialect)) {
                let (file, line) = (&first.at.file, first.at.line);
                say(format!("{} {name} has the name of {} at {file}:{line}", section.kind, first.kind));
            }
            earlier.push(section);
        }
        if let Some(from) = section.from.as_deref() {
            let same = config.sections[..index].iter();
            let same = same.filter(|s| s.kind == "defaults" && s.name.as_deref() == Some(from)).count();
            match same {
                0 => say(format!("there is no defaults section {from} before")),
                1 => {}
                _ => say(format!("there is more than one defaults section {from}")),
            }
        }
        if is_proxy(section) && name.is_empty() {
            say(format!("{} has no name", section.kind));
        }
    }
    found
}

//! Findings that share one cause: it is shown once, with the number of checks that need it.

use std::collections::BTreeMap;

use crate::checks::{Finding, Level};
use crate::plural::plural;

/// As many ids are named; of more, each group is counted.
const MAX_IDS: usize = 4;

/// A reason as long as this is one cause wherever it ends a sentence. A shorter one, such as "permission denied", may
/// end sentences about different things.
const LONG_REASON: usize = 60;

/// One reason why several checks could not tell, or were skipped.
pub(super) struct Cause<'a> {
    /// Unknown or skipped.
    pub(super) level: Level,
    /// The reason.
    pub(super) why: &'a str,
    /// The findings that it explains.
    pub(super) findings: Vec<&'a Finding>,
}

impl Cause<'_> {
    /// How many checks, and which.
    pub(super) fn describe_checks(&self) -> String {
        let count = plural(self.findings.len(), "check");
        let verb = match self.level {
            Level::Skipped => "skipped",
            _ => "need it",
        };
        format!("{count} {verb}: {}", self.names())
    }

    fn names(&self) -> String {
        if self.findings.len() <= MAX_IDS {
            return self.findings.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
        }
        let mut groups: Vec<(&str, usize)> = Vec::new();
        for finding in &self.findings {
            match groups.iter_mut().find(|(group, _)| *group == group_name(finding)) {
                Some((_, count)) => *count += 1,
                None => groups.push((group_name(finding), 1)),
            }
        }
        groups.iter().map(|(group, count)| format!("{group} {count}")).collect::<Vec<_>>().join(", ")
    }
}

/// The causes that several findings share, and the findings that stand alone; both in the order of the findings.
pub(super) fn split(findings: &[Finding]) -> (Vec<Cause<'_>>, Vec<&Finding>) {
    let mut rest: Vec<&Finding> = findings.iter().collect();
    let mut causes = Vec::new();
    for level in [Level::Unknown, Level::Skipped] {
        while let Some(why) = most_common_reason(&rest, level) {
            let (explained, others) =
                rest.into_iter().partition(|one| may_share(one, level) && ends_with_reason(one, why));
            causes.push(Cause { level, why, findings: explained });
            rest = others;
        }
    }
    (causes, rest)
}

/// What a check is about: the part of its id before the dot.
pub(super) fn group_name(finding: &Finding) -> &str {
    finding.id.split('.').next().unwrap_or(&finding.id)
}

/// A decision to ignore belongs to one finding and is shown beside it.
fn may_share(finding: &Finding, level: Level) -> bool {
    finding.level == level && finding.ignored_by.is_none()
}

/// The reason that most findings of this level have in common; of equally common ones the longest.
fn most_common_reason<'a>(findings: &[&'a Finding], level: Level) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for finding in findings.iter().filter(|one| may_share(one, level)) {
        for reason in reasons(&finding.text) {
            let (count, whole) = counts.entry(reason).or_default();
            *count += 1;
            *whole |= reason == finding.text;
        }
    }
    let shared = counts
        .into_iter()
        .filter(|(reason, (count, whole))| *count > 1 && (*whole || reason.len() >= LONG_REASON));
    shared.max_by_key(|(reason, (count, _))| (*count, reason.len())).map(|(reason, _)| reason)
}

/// The text, and what follows each colon in it: "not tested: REASON".
fn reasons(text: &str) -> impl Iterator<Item = &str> {
    std::iter::once(text).chain(text.match_indices(": ").map(|(at, colon)| &text[at + colon.len()..]))
}

fn ends_with_reason(finding: &Finding, why: &str) -> bool {
    reasons(&finding.text).any(|reason| reason == why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: &str =
        "the one reason why nothing at all could be seen here: a long one that many checks share";

    fn finding(id: &str, level: Level, text: &str) -> Finding {
        Finding { id: id.into(), level, text: text.into(), evidence: vec![], mend: None, ignored_by: None }
    }

    fn unknown(id: &str, text: &str) -> Finding {
        finding(id, Level::Unknown, text)
    }

    /// Each cause with its number of findings, and the ids that stand alone.
    fn shape(findings: &[Finding]) -> (Vec<(String, usize)>, Vec<String>) {
        let (causes, alone) = split(findings);
        let causes = causes.iter().map(|cause| (cause.why.to_owned(), cause.findings.len())).collect();
        (causes, alone.iter().map(|one| one.id.clone()).collect())
    }

    #[test]
    fn a_reason_that_others_repeat_or_end_with_is_one_cause_with_the_exact_number() {
        let all = [
            unknown("arch.a", WHY),
            unknown("arch.b", "another one"),
            unknown("config.c", &format!("not tested: {WHY}")),
            unknown("guard.d", WHY),
        ];
        assert_eq!(shape(&all), (vec![(WHY.into(), 3)], vec!["arch.b".into()]));
        assert_eq!(split(&all).0[0].describe_checks(), "3 checks need it: arch.a, config.c, guard.d");
    }

    #[test]
    fn a_short_end_that_different_sentences_have_in_common_is_no_cause() {
        let all =
            [unknown("a.a", "/etc/one: permission denied"), unknown("a.b", "/etc/two: permission denied")];
        assert_eq!(shape(&all), (vec![], vec!["a.a".into(), "a.b".into()]));
    }

    #[test]
    fn what_is_skipped_what_is_unknown_and_what_is_ignored_stay_apart() {
        let ignored = Finding { ignored_by: Some("INC-1".into()), ..unknown("a.e", WHY) };
        let skipped = |id: &str| finding(id, Level::Skipped, WHY);
        let all = [skipped("a.a"), unknown("a.b", WHY), skipped("b.c"), unknown("b.d", WHY), ignored];
        assert_eq!(shape(&all), (vec![(WHY.into(), 2), (WHY.into(), 2)], vec!["a.e".into()]));
        assert_eq!(split(&all).0[1].describe_checks(), "2 checks skipped: a.a, b.c");
    }

    #[test]
    fn a_failure_or_a_warning_always_has_its_own_line() {
        let all =
            [Level::Fail, Level::Fail, Level::Warn, Level::Warn].map(|level| finding("a.a", level, WHY));
        assert_eq!(split(&all).1.len(), 4);
    }

    #[test]
    fn many_checks_are_counted_by_group() {
        let ids = ["arch.a", "arch.b", "proc.c", "guard.d", "arch.e"];
        let all = ids.map(|id| unknown(id, WHY));
        assert_eq!(split(&all).0[0].describe_checks(), "5 checks need it: arch 3, proc 1, guard 1");
    }
}

//! Findings that are ignored by decision: they are still shown, as warnings, with the reason.

use jiff::civil::Date;

use super::{Finding, Level};

/// One decision to ignore what a check finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The check's id.
    pub check: String,
    /// Why.
    pub reason: String,
    /// The flag or the file that it comes from.
    pub origin: String,
    /// The last day on which it applies, if it has one.
    pub until: Option<Date>,
}

/// Why findings of this check cannot be ignored; none where they can.
pub fn not_ignorable(id: &str) -> Option<&'static str> {
    match id.split('.').next() {
        Some("arch") => Some(
            "it says which process is the target and who controls it: haguard changes nothing on a guess",
        ),
        Some("guard") => Some("it says whether the guard is in force: remove the guard if it is not wanted"),
        Some("reload" | "restart") => Some("the operation itself depends on it"),
        _ => None,
    }
}

/// The findings with those decisions applied, as of `today`. An entry that has expired is mentioned in the evidence.
pub fn apply_ignores(findings: Vec<Finding>, ignores: &[Ignore], today: Date) -> Vec<Finding> {
    let judge = |mut finding: Finding| {
        let entries = ignores
            .iter()
            .filter(|ignore| ignore.check == finding.id && not_ignorable(&finding.id).is_none());
        if !finding.level.is_notable() {
            return finding;
        }
        let (over, valid): (Vec<&Ignore>, Vec<&Ignore>) =
            entries.partition(|ignore| ignore.until.is_some_and(|until| until < today));
        match (valid.first(), over.first()) {
            (Some(ignore), _) => {
                finding.level = Level::Warn;
                finding.ignored_by = Some(format!("{}: {}", ignore.origin, ignore.reason));
            }
            (None, Some(Ignore { origin, reason, until: Some(until), .. })) => {
                finding.evidence.push(format!("{origin} ignored it until {until}: {reason}"));
            }
            _ => {}
        }
        finding
    };
    findings.into_iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{catalog, exit_code};
    use crate::exit::Exit;
    use jiff::civil::date;

    fn finding(id: &str, level: Level) -> Finding {
        Finding { id: id.into(), level, text: "t".into(), evidence: vec![], mend: None, ignored_by: None }
    }

    fn ignore(check: &str, until: Option<Date>) -> Ignore {
        Ignore { check: check.into(), reason: "INC-1".into(), origin: "flag --ignore".into(), until }
    }

    const TODAY: Date = date(2026, 11, 21);

    #[test]
    fn an_ignored_failure_is_a_warning_that_says_why() {
        let found = vec![finding("config.decided", Level::Unknown), finding("config.rehearsal", Level::Fail)];
        let found =
            apply_ignores(found, &[ignore("config.decided", None), ignore("config.rehearsal", None)], TODAY);
        assert_eq!(exit_code(&found), Exit::Done);
        assert!(found.iter().all(|finding| finding.level == Level::Warn));
        assert_eq!(found[0].ignored_by.as_deref(), Some("flag --ignore: INC-1"));
    }

    #[test]
    fn a_pass_and_a_finding_of_another_id_stay_as_they_are() {
        let found = vec![finding("config.decided", Level::Pass), finding("config.rehearsal", Level::Fail)];
        let after = apply_ignores(found.clone(), &[ignore("config.decided", None)], TODAY);
        assert_eq!(after, found);
    }

    #[test]
    fn an_ignore_ends_with_its_last_day_and_the_finding_says_so() {
        let found = || vec![finding("config.decided", Level::Fail)];
        let last = apply_ignores(found(), &[ignore("config.decided", Some(TODAY))], TODAY);
        assert_eq!(last[0].level, Level::Warn);
        let over = apply_ignores(found(), &[ignore("config.decided", Some(date(2026, 11, 20)))], TODAY);
        assert_eq!((over[0].level, &over[0].ignored_by), (Level::Fail, &None));
        assert!(over[0].evidence[0].contains("until 2026-11-20: INC-1"), "{over:?}");
    }

    #[test]
    fn identity_control_guard_and_operation_checks_are_never_ignored() {
        for check in catalog::all_checks() {
            let group = check.id.split('.').next().unwrap();
            let may = !["arch", "guard", "reload", "restart"].contains(&group);
            assert_eq!(not_ignorable(check.id).is_none(), may, "{}", check.id);
        }
        let found = apply_ignores(
            vec![finding("arch.identity", Level::Fail)],
            &[ignore("arch.identity", None)],
            TODAY,
        );
        assert_eq!(exit_code(&found), Exit::Refused);
    }
}

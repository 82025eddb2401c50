//! Whether the configuration of before would come up again.

use crate::checks::{CheckContext, Finding, Judgement, Level};
use crate::facts::{Facts, Known};

/// The id of this check.
const ROLLBACK_ID: &str = "reload.way-back";

/// Only a reload that wants to be confirmed has a way back, and it brings the facts for it.
pub(in crate::checks) fn rollback_skipped(_: CheckContext<'_>) -> Judgement {
    Judgement::skipped("only `haguard reload --confirm-within` has a way back")
}

/// Judges facts whose next worker is the one of before: rehearsed where that can be, else as HAProxy tests it.
pub fn rollback(previous: &Facts, source: &str) -> Finding {
    let test = previous.config.test.seen();
    let rehearsal = previous.rehearsal.as_ref();
    let invalid = test.filter(|test| !test.valid);
    let outcome = match (rehearsal, invalid, test) {
        (Some(Known::Seen(rehearsal)), _, _) => match rehearsal.failure_reason() {
            Some(why) => Judgement::fail(format!("the configuration of before would not come up: {why}"))
                .with_evidence(rehearsal.alerts.iter().cloned()),
            None => Judgement::pass(format!("it came up in {} ms", rehearsal.start_up_ms)),
        },
        (_, Some(test), _) => Judgement::fail("HAProxy calls the configuration of before invalid")
            .with_evidence(test.alerts.iter().cloned()),
        (Some(Known::Unknown { why }), None, Some(_)) => {
            Judgement::pass(format!("HAProxy calls it valid; not rehearsed: {why}"))
        }
        (None, None, Some(_)) => Judgement::pass("HAProxy calls it valid"),
        (_, None, None) => {
            Judgement::unknown(format!("not tested: {}", previous.config.test.why().unwrap_or_default()))
        }
    };
    let outcome = outcome.with_evidence([source.to_owned()]);
    let outcome = match outcome.level {
        Level::Pass => outcome,
        _ => {
            outcome.with_remedy("name files that come up with --previous, or reload without --confirm-within")
        }
    };
    outcome.into_finding(ROLLBACK_ID)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    #[test]
    fn a_configuration_of_before_that_would_not_come_up_or_was_not_tested_blocks() {
        let mut facts = test_facts::healthy();
        assert_eq!(rollback(&facts, "x").level, Level::Pass);
        facts.rehearsal = Some(Known::unknown("needs root"));
        assert_eq!(rollback(&facts, "x").level, Level::Pass, "tested, at least");
        test_facts::known_mut(&mut facts.config.test).valid = false;
        assert_eq!(rollback(&facts, "x").level, Level::Fail);
        facts.config.test = Known::unknown("no program");
        assert_eq!(rollback(&facts, "x").level, Level::Unknown);
    }
}

//! Whether the configuration of before would come up again.

use crate::checks::{Finding, Level, Outcome, Seen};
use crate::facts::{Facts, Known};

/// The id of this check.
const ID: &str = "reload.way-back";

/// Only a reload that wants to be confirmed has a way back, and it brings the facts for it.
pub(in crate::checks) fn skipped(_: Seen<'_>) -> Outcome {
    Outcome::skipped("only `haguard reload --confirm-within` has a way back")
}

/// Judges facts whose next worker is the one of before: rehearsed where that can be, else as HAProxy tests it.
pub fn way_back(previous: &Facts, source: &str) -> Finding {
    let test = previous.config.test.seen();
    let rehearsal = previous.rehearsal.as_ref();
    let invalid = test.filter(|test| !test.valid);
    let outcome = match (rehearsal, invalid, test) {
        (Some(Known::Seen(rehearsal)), _, _) => match rehearsal.why_not() {
            Some(why) => Outcome::fail(format!("the configuration of before would not come up: {why}"))
                .because(rehearsal.alerts.iter().cloned()),
            None => Outcome::pass(format!("it came up in {} ms", rehearsal.start_up_ms)),
        },
        (_, Some(test), _) => Outcome::fail("HAProxy calls the configuration of before invalid")
            .because(test.alerts.iter().cloned()),
        (Some(Known::Unknown { why }), None, Some(_)) => {
            Outcome::pass(format!("HAProxy calls it valid; not rehearsed: {why}"))
        }
        (None, None, Some(_)) => Outcome::pass("HAProxy calls it valid"),
        (_, None, None) => {
            Outcome::unknown(format!("not tested: {}", previous.config.test.why().unwrap_or_default()))
        }
    };
    let outcome = outcome.because([source.to_owned()]);
    let outcome = match outcome.level {
        Level::Pass => outcome,
        _ => outcome.mend("name files that come up with --previous, or reload without --confirm-within"),
    };
    outcome.of(ID)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    #[test]
    fn a_configuration_of_before_that_would_not_come_up_or_was_not_tested_blocks() {
        let mut facts = test_facts::healthy();
        assert_eq!(way_back(&facts, "x").level, Level::Pass);
        facts.rehearsal = Some(Known::unknown("needs root"));
        assert_eq!(way_back(&facts, "x").level, Level::Pass, "tested, at least");
        test_facts::known(&mut facts.config.test).valid = false;
        assert_eq!(way_back(&facts, "x").level, Level::Fail);
        facts.config.test = Known::unknown("no program");
        assert_eq!(way_back(&facts, "x").level, Level::Unknown);
    }
}

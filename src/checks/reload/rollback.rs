//! Whether the configuration of before would come up again.

use crate::checks::{CheckContext, CheckResult, Finding, Judgement, Level};
use crate::facts::{Facts, Known};

/// The id of this check.
const ROLLBACK_ID: &str = "reload.way-back";

/// Only a reload that wants to be confirmed has a way back, and it brings the facts for it.
pub(super) fn rollback_skipped(_: CheckContext<'_>) -> CheckResult {
    Ok(Judgement::skipped("only `haguard reload --confirm-within` has a way back"))
}

/// Judges facts whose next worker is the one of before: rehearsed where that can be, else as HAProxy tests it.
pub fn rollback(previous: &Facts, source: &str) -> Finding {
    let outcome = judge(previous).unwrap_or_else(Judgement::from).with_evidence([source.to_owned()]);
    let outcome = match outcome.level {
        Level::Pass => outcome,
        _ => {
            outcome.with_remedy("name files that come up with --previous, or reload without --confirm-within")
        }
    };
    outcome.into_finding(ROLLBACK_ID)
}

fn judge(previous: &Facts) -> CheckResult {
    let rehearsal = previous.rehearsal.as_ref();
    if let Some(rehearsal) = rehearsal.and_then(Known::seen) {
        return Ok(match rehearsal.failure_reason() {
            Some(why) => Judgement::fail(format!("the configuration of before would not come up: {why}"))
                .with_evidence(rehearsal.alerts.iter().cloned()),
            None => Judgement::pass(format!("it came up in {} ms", rehearsal.start_up_ms)),
        });
    }
    let test = previous.config.test.context("not tested")?;
    Ok(match rehearsal.and_then(Known::why) {
        _ if !test.valid => Judgement::fail("HAProxy calls the configuration of before invalid")
            .with_evidence(test.alerts.iter().cloned()),
        Some(why) => Judgement::pass(format!("HAProxy calls it valid; not rehearsed: {why}")),
        None => Judgement::pass("HAProxy calls it valid"),
    })
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

//! Whether the previous configuration would come up again.

use crate::checks::{CheckContext, CheckResult, Finding, Judgement, Level};
use crate::facts::{Facts, Known};

/// The id of this check.
const ROLLBACK_ID: &str = "reload.way-back";

/// Only a reload with --confirm-within has a rollback; it calls [`rollback`] with facts about the previous files.
pub(super) fn rollback_skipped(_: CheckContext<'_>) -> CheckResult {
    Ok(Judgement::skipped("only `haguard reload --confirm-within` has a rollback"))
}

/// Judges facts whose next worker would load the previous configuration: rehearsed where possible, else tested.
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
            Some(why) => Judgement::fail(format!("the previous configuration would not come up: {why}"))
                .with_evidence(rehearsal.alerts.iter().cloned()),
            None => Judgement::pass(format!("it came up in {} ms", rehearsal.start_up_ms)),
        });
    }
    let test = previous.config.test.context("not tested")?;
    Ok(match rehearsal.and_then(Known::why) {
        _ if !test.valid => Judgement::fail("HAProxy rejects the previous configuration")
            .with_evidence(test.alerts.iter().cloned()),
        Some(why) => Judgement::pass(format!("HAProxy accepts it; not rehearsed: {why}")),
        None => Judgement::pass("HAProxy accepts it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    #[test]
    fn a_previous_configuration_that_fails_or_was_not_tested_blocks() {
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

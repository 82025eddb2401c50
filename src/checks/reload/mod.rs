//! What must hold before a reload: a proven way to order it, and nothing under way.
//!
//! - `rollback`: whether the previous configuration would load again

pub(super) mod rollback;

use super::{Check, CheckContext, CheckResult, Judgement, START_WITH_MASTER, describe_argv};
use crate::facts::{Instance, Mode};
use crate::known::Unknown;
use crate::plural::plural;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "reload.way", reload_method, "there is a proven way to order a reload",
        "A reload is ordered from the master, over its socket or by a signal to the one process that is proven to \
         be it. haguard never starts a second process by hand, and never turns a reload into a restart.";
    "reload.settled", no_reload_pending, "no reload is under way or pending",
        "Two reloads at once cannot be told apart, a signal that arrives while one is under way can be lost, and a \
         reload that the Data Plane API has pending would come on top of this one. A failed reload of before is a \
         warning as long as it is known which worker serves.";
    "reload.way-back", rollback::rollback_skipped, "the configuration of before would come up again",
        "With --confirm-within the configuration of before is put back unless somebody confirms the new one. A way back \
         that ends in a failed reload is none, so it is rehearsed, or at least tested, before anything is done.";
};

/// Every check that must be well before a reload; unknown blocks like a failure.
pub const RELOAD_CHECKS: &[&str] = &[
    "arch.identity",
    "arch.manager",
    "arch.expected",
    "arch.sockets",
    "config.test-same-argv",
    "config.rehearsal",
    "config.new-binds-free",
    "reload.way",
    "reload.settled",
];

/// The master, and how it is asked.
fn reload_method(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    if instance.mode == Mode::Standalone {
        return Ok(Judgement::fail(
            "it runs without a master, so nobody can start the next worker beside it",
        )
        .with_evidence([describe_argv(instance)])
        .with_remedy(START_WITH_MASTER));
    }
    match (instance.master_socket.get(), instance.main.start_ticks) {
        (Ok(socket), _) => Ok(Judgement::pass(format!("the master takes `reload` on {}", socket.path))),
        (Err(Unknown { why }), Some(_)) => {
            Ok(Judgement::warn("the master can only be sent a signal, and never says how the reload went")
                .with_evidence([why])
                .with_remedy("start it with a master socket: -S /run/haproxy-master.sock"))
        }
        (Err(_), None) => Err(Unknown::new(
            "/proc does not say when the master started, so a signal might hit another process",
        )),
    }
}

/// Nothing under way, and nothing that will start by itself.
fn no_reload_pending(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    if let Some(why) = instance.serving.why() {
        return Ok(Judgement::unknown(format!(
            "which worker serves is not known: {why}; a reload may be under way"
        ))
        .with_remedy("wait until `show proc` on the master socket lists one worker that answers"));
    }
    if let Some(api) = &context.facts.dataplane {
        let pending = api.pending_reloads.context("whether the Data Plane API has a reload pending")?;
        if !pending.is_empty() {
            return Ok(Judgement::fail(format!(
                "the Data Plane API has {} pending and would reload again",
                plural(pending.len(), "reload")
            ))
            .with_evidence(pending.iter().map(|reload| reload.id.clone()))
            .with_remedy("wait until GET /v3/services/haproxy/reloads shows it done, then look again"));
        }
    }
    Ok(judge_failed_reloads(instance))
}

/// A failed reload of before is understood where it is known who serves: this reload may be the cure.
fn judge_failed_reloads(instance: &Instance) -> Judgement {
    let serving = instance.serving.seen().map_or(String::new(), u32::to_string);
    match instance.failed_reloads.seen().copied().unwrap_or_default() {
        0 => Judgement::pass("no reload is under way or pending"),
        failed => Judgement::warn(format!(
            "{} in a row failed; worker {serving} serves the configuration of before, and this reload may be the cure",
            plural(failed as usize, "reload")
        ))
        .with_evidence([format!("show proc: [failed: {failed}]")])
        .with_remedy("read `show startup-logs` on the master socket first"),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::{self, Level};
    use crate::facts::test_facts;
    use crate::facts::{Facts, Known, Mode};
    use crate::plan;

    fn level(facts: &Facts, id: &str) -> Level {
        checks::run_checks(facts, &plan::ledger(facts), &[id])[0].level
    }

    #[test]
    fn a_healthy_instance_may_be_reloaded_and_one_without_a_master_may_not() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "reload.way"), Level::Pass);
        assert_eq!(level(&facts, "reload.settled"), Level::Pass);
        test_facts::instance_mut(&mut facts).mode = Mode::Standalone;
        assert_eq!(level(&facts, "reload.way"), Level::Fail);
    }

    #[test]
    fn without_a_master_socket_it_takes_a_process_that_cannot_be_mistaken() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).master_socket = Known::unknown("no -S");
        assert_eq!(level(&facts, "reload.way"), Level::Warn);
        test_facts::instance_mut(&mut facts).main.start_ticks = None;
        assert_eq!(level(&facts, "reload.way"), Level::Unknown);
    }

    #[test]
    fn a_reload_that_failed_warns_where_it_is_known_who_serves_and_blocks_where_not() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).failed_reloads = Known::Seen(2);
        assert_eq!(level(&facts, "reload.settled"), Level::Warn);
        test_facts::instance_mut(&mut facts).serving = Known::unknown("no worker answers");
        assert_eq!(level(&facts, "reload.settled"), Level::Unknown);
    }

    #[test]
    fn checks_of_an_operation_are_not_run_unasked() {
        let facts = test_facts::healthy();
        let all = checks::run_checks(&facts, &plan::ledger(&facts), &[]);
        assert!(all.iter().all(|finding| !finding.id.starts_with("reload.")));
        for id in super::RELOAD_CHECKS {
            assert!(checks::catalog::find(id).is_some(), "{id}");
        }
    }
}

//! What a reload requires: a proven way to order it, and no other reload under way or pending.
//!
//! - `rollback`: whether the previous configuration would load again

pub(super) mod rollback;

use super::{
    Check, CheckContext, CheckResult, Judgement, START_WITH_MASTER, describe_argv, describe_failed_reloads,
};
use crate::facts::{Instance, Mode};
use crate::known::Unknown;
use crate::plural::plural;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "reload.way", reload_method, "there is a proven way to order a reload",
        "A reload is ordered from the master, over its socket or by a signal to the one process that is proven to \
         be it. haguard never starts a second process by hand, and never turns a reload into a restart.";
    "reload.settled", no_reload_pending, "no reload is under way or pending",
        "Two reloads at once cannot be told apart, a signal can be lost while a reload is under way, and a reload \
         that the Data Plane API has pending would follow this one. An earlier failed reload is a warning as long \
         as it is known which worker serves.";
    "reload.way-back", rollback::rollback_skipped, "the previous configuration would come up again",
        "With --confirm-within the previous configuration is put back unless the new one is confirmed in time. A \
         rollback that fails would not help, so the previous configuration is rehearsed, or at least tested, before \
         anything is done.";
};

/// Every check that must pass or warn before a reload; unknown blocks like a failure.
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

/// How a reload is ordered from the master.
fn reload_method(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    if instance.mode == Mode::Standalone {
        return Ok(Judgement::fail(
            "it runs without a master, so nothing can start the next worker beside it",
        )
        .with_evidence([describe_argv(instance)])
        .with_remedy(START_WITH_MASTER));
    }
    match (instance.master_socket.get(), instance.main.start_ticks) {
        (Ok(socket), _) => Ok(Judgement::pass(format!("the master takes `reload` on {}", socket.path))),
        (Err(Unknown { why }), Some(_)) => {
            Ok(Judgement::warn("the master can only be reloaded by a signal, and does not report the result")
                .with_evidence([why])
                .with_remedy("start it with a master socket: -S /run/haproxy-master.sock"))
        }
        (Err(_), None) => Err(Unknown::new(
            "/proc does not show when the master started, so a signal might hit another process",
        )),
    }
}

/// No reload under way, and none that will start by itself.
fn no_reload_pending(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    if let Some(why) = instance.serving.why() {
        return Ok(Judgement::unknown(format!(
            "it is not known which worker serves: {why}; a reload may be under way"
        ))
        .with_remedy("wait until `show proc` on the master socket lists one worker that answers"));
    }
    if let Some(api) = &context.facts.dataplane {
        let pending =
            api.pending_reloads.context("it is not known whether the Data Plane API has a reload pending")?;
        if !pending.is_empty() {
            return Ok(Judgement::fail(format!(
                "the Data Plane API has {} pending and would reload again",
                plural(pending.len(), "reload")
            ))
            .with_evidence(pending.iter().map(|reload| reload.id.clone()))
            .with_remedy("wait until GET /v3/services/haproxy/reloads shows it done, then check again"));
        }
    }
    Ok(judge_failed_reloads(instance))
}

/// An earlier failed reload is a warning where it is known which worker serves: this reload may fix it.
fn judge_failed_reloads(instance: &Instance) -> Judgement {
    let serving = instance.serving.seen().map_or(String::new(), u32::to_string);
    match instance.failed_reloads.seen().copied().unwrap_or_default() {
        0 => Judgement::pass("no reload is under way or pending"),
        failed => Judgement::warn(format!(
            "{}; worker {serving} serves the previous configuration, and this reload may fix that",
            describe_failed_reloads(failed)
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
    fn without_a_master_socket_the_start_time_of_the_master_is_required() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).master_socket = Known::unknown("no -S");
        assert_eq!(level(&facts, "reload.way"), Level::Warn);
        test_facts::instance_mut(&mut facts).main.start_ticks = None;
        assert_eq!(level(&facts, "reload.way"), Level::Unknown);
    }

    #[test]
    fn a_failed_reload_warns_where_the_serving_worker_is_known_and_blocks_where_not() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).failed_reloads = Known::Seen(2);
        assert_eq!(level(&facts, "reload.settled"), Level::Warn);
        test_facts::instance_mut(&mut facts).serving = Known::unknown("no worker answers");
        assert_eq!(level(&facts, "reload.settled"), Level::Unknown);
    }

    #[test]
    fn checks_of_an_operation_run_only_when_they_are_named() {
        let facts = test_facts::healthy();
        let all = checks::run_checks(&facts, &plan::ledger(&facts), &[]);
        assert!(all.iter().all(|finding| !finding.id.starts_with("reload.")));
        for id in super::RELOAD_CHECKS {
            assert!(checks::catalog::find(id).is_some(), "{id}");
        }
    }
}

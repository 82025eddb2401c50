//! What else on this host has a say: libraries that were replaced, needrestart, a freeze, another run.

use super::{Outcome, Seen};
use crate::facts::Known;
use crate::facts::process_health::Needrestart;
use crate::plural::plural;

pub(super) fn stale_libraries(seen: Seen<'_>) -> Outcome {
    match &seen.facts.vitals.stale_libraries {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(stale) if stale.is_empty() => Outcome::pass("the libraries that run are those on disk"),
        Known::Seen(stale) => Outcome::warn(format!(
            "HAProxy runs with {} of libraries that were replaced or removed on disk",
            plural(stale.len(), "old file")
        ))
        .because(stale.iter().cloned())
        .mend("a reload loads the new ones, in the master too; no restart is needed"),
    }
}

pub(super) fn needrestart(seen: Seen<'_>) -> Outcome {
    let instance = match &seen.facts.instance {
        Known::Unknown { why } => return Outcome::unknown(why.clone()),
        Known::Seen(instance) => instance,
    };
    let Some(unit) = instance.unit() else {
        return Outcome::skipped(
            "needrestart restarts units of systemd, and no unit is proven to control it",
        );
    };
    if let Some(Known::Seen(guard)) = &seen.facts.guard
        && guard.unit == unit
        && guard.effective()
    {
        return Outcome::pass("the guard makes systemd refuse what needrestart asks for");
    }
    let (mode, spared, by_itself) = match &seen.facts.vitals.needrestart {
        Known::Unknown { why } => return Outcome::unknown(why.clone()),
        Known::Seen(Needrestart::Absent) => return Outcome::pass("needrestart is not installed"),
        Known::Seen(Needrestart::Installed { mode, spares_haproxy, by_itself }) => {
            (mode.as_deref(), *spares_haproxy, *by_itself)
        }
    };
    let evidence = match mode {
        Some(mode) => format!("$nrconf{{restart}} = '{mode}'"),
        None => "$nrconf{restart} is not set".to_owned(),
    };
    match (spared, mode) {
        (true, _) => Outcome::pass("a rule of needrestart spares HAProxy").because([evidence]),
        (false, Some("a")) => restarts(unit, evidence),
        (false, None) if by_itself => restarts(unit, evidence),
        (false, Some("i" | "l") | None) => {
            Outcome::pass("needrestart asks or lists before it restarts anything").because([evidence])
        }
        (false, Some(_)) => {
            Outcome::unknown("what needrestart does is not known: haguard does not understand its mode")
                .because([evidence])
                .mend("set $nrconf{restart} to 'i' or 'l' in /etc/needrestart/conf.d")
        }
    }
}

fn restarts(unit: &str, evidence: String) -> Outcome {
    Outcome::warn(format!("needrestart would restart {unit} after an upgrade of a library it uses"))
        .because([evidence])
        .mend("`haguard guard install` makes systemd refuse that; or $nrconf{override_rc}{qr(^haproxy)} = 0; in conf.d")
}

pub(super) fn freeze(seen: Seen<'_>) -> Outcome {
    match &seen.facts.vitals.freeze {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(None) => Outcome::pass("changes are not frozen"),
        Known::Seen(Some(freeze)) => Outcome::warn("changes are frozen: every changing command exits 7")
            .because([freeze.clone()])
            .mend("whoever froze them takes the file away when it is over"),
    }
}

pub(super) fn lock(seen: Seen<'_>) -> Outcome {
    match &seen.facts.vitals.turn {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(None) => Outcome::pass("nobody is changing this HAProxy"),
        Known::Seen(Some(holder)) => {
            Outcome::warn("somebody is changing this HAProxy: another change exits 7")
                .because([holder.clone()])
                .mend("wait until it is done; `haguard history` shows what came of it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Level, judge};
    use crate::facts::{Controller, Facts, test_facts};
    use crate::plan;

    fn level(facts: &Facts, id: &str) -> Level {
        judge(facts, &plan::ledger(facts), &[id])[0].level
    }

    #[test]
    fn a_library_that_was_replaced_is_an_upgrade_that_is_not_in_force() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "host.stale-libs"), Level::Pass);
        test_facts::known(&mut facts.vitals.stale_libraries).push("/usr/lib/libssl.so.3".into());
        assert_eq!(level(&facts, "host.stale-libs"), Level::Warn);
        facts.vitals.stale_libraries = Known::unknown("denied");
        assert_eq!(level(&facts, "host.stale-libs"), Level::Unknown);
    }

    #[test]
    fn needrestart_is_judged_by_what_it_does_with_units() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "host.needrestart"), Level::Skipped, "no unit controls it");
        let unit = Controller::Systemd { unit: "haproxy.service".into() };
        test_facts::instance(&mut facts).control = test_facts::control(unit);
        assert_eq!(level(&facts, "host.needrestart"), Level::Pass);
        let mut with = |mode: Option<&str>, spares_haproxy, by_itself| {
            let mode = mode.map(str::to_owned);
            facts.vitals.needrestart =
                Known::Seen(Needrestart::Installed { mode, spares_haproxy, by_itself });
            level(&facts, "host.needrestart")
        };
        assert_eq!(with(Some("a"), false, false), Level::Warn);
        assert_eq!(with(Some("a"), true, false), Level::Pass);
        assert_eq!(with(Some("l"), false, true), Level::Pass);
        assert_eq!(with(Some("$mode"), false, false), Level::Unknown, "no word that it knows");
        assert_eq!(with(None, false, true), Level::Warn);
        assert_eq!(with(None, false, false), Level::Pass);
    }

    #[test]
    fn a_freeze_and_another_run_are_told() {
        let mut facts = test_facts::healthy();
        for id in ["host.freeze", "host.lock"] {
            assert_eq!(level(&facts, id), Level::Pass);
        }
        facts.vitals.freeze = Known::Seen(Some("/etc/haguard/freeze: INC-1".into()));
        facts.vitals.turn = Known::Seen(Some("PID 7 of alice".into()));
        for id in ["host.freeze", "host.lock"] {
            assert_eq!(level(&facts, id), Level::Warn);
        }
    }
}

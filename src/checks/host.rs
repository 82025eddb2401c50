//! The rest of the host: replaced programs and libraries, needrestart, a freeze, another run.

use super::{Check, CheckContext, CheckResult, Judgement};
use crate::facts::Known;
use crate::facts::process_health::Needrestart;
use crate::plural::plural;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "host.version-skew", version_skew, "the running version is the version on disk",
        "After a package upgrade the old program runs until a reload, and the new one may not accept the same \
         configuration.";
    "host.stale-libs", stale_libraries, "the running libraries are those on disk",
        "After an upgrade of OpenSSL or libc, running processes keep the old code, security holes included. That \
         needs no restart: on a reload the master executes itself again, and both the master and the new worker \
         load what is on disk.";
    "host.needrestart", needrestart, "needrestart leaves HAProxy alone",
        "needrestart runs after package upgrades and may restart every service that uses a replaced library. That \
         is the most common unplanned restart. It respects a guard in the unit and its own rules.";
    "host.freeze", freeze, "changes are not frozen",
        "/etc/haguard/freeze, or freeze in the state folder, stops every change by haguard and gives the reason. \
         During a freeze only commands that change nothing work. With --for this is a failure, because the \
         operation would refuse.";
    "host.lock", lock, "no other run is changing this HAProxy",
        "One run at a time changes a HAProxy; a reload that waits for its confirmation counts as one. A second run \
         names the holder and exits 7. With --for this is a failure.";
};

fn version_skew(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    let (running, disk) = (instance.running_version.get()?, instance.disk_version.get()?);
    Ok(match running == disk {
        true => Judgement::pass(format!("{running} runs and is on disk")),
        false => Judgement::warn(format!("{running} runs, {disk} is on disk"))
            .with_remedy("the next reload starts the version on disk: test the configuration with it first"),
    })
}

fn stale_libraries(context: CheckContext<'_>) -> CheckResult {
    let stale = context.facts.vitals.stale_libraries.get()?;
    Ok(match stale.is_empty() {
        true => Judgement::pass("the libraries that run are those on disk"),
        false => Judgement::warn(format!(
            "HAProxy runs with {} of libraries that were replaced or removed on disk",
            plural(stale.len(), "old file")
        ))
        .with_evidence(stale.iter().cloned())
        .with_remedy("a reload loads the new ones, in the master too; no restart is needed"),
    })
}

fn needrestart(context: CheckContext<'_>) -> CheckResult {
    let Some(unit) = context.instance()?.unit() else {
        return Ok(Judgement::skipped(
            "needrestart restarts units of systemd, and no unit is proven to control it",
        ));
    };
    let guard = context.facts.guard.as_ref().and_then(Known::seen);
    if guard.is_some_and(|guard| guard.unit == unit && guard.effective()) {
        return Ok(Judgement::pass("the guard makes systemd refuse what needrestart asks for"));
    }
    let Needrestart::Installed { mode, spares_haproxy, by_itself } =
        context.facts.vitals.needrestart.get()?
    else {
        return Ok(Judgement::pass("needrestart is not installed"));
    };
    let evidence = match mode {
        Some(mode) => format!("$nrconf{{restart}} = '{mode}'"),
        None => "$nrconf{restart} is not set".to_owned(),
    };
    let outcome = match mode.as_deref() {
        _ if *spares_haproxy => Judgement::pass("a rule of needrestart excludes HAProxy"),
        Some("i" | "l") => Judgement::pass("needrestart asks or lists before it restarts anything"),
        None if !by_itself => Judgement::pass("needrestart asks or lists before it restarts anything"),
        Some("a") | None => Judgement::warn(format!("needrestart would restart {unit} after an upgrade of a library it uses"))
            .with_remedy("`haguard guard install` makes systemd refuse that; or $nrconf{override_rc}{qr(^haproxy)} = 0; in conf.d"),
        Some(_) => Judgement::unknown("it is not known what needrestart does: haguard does not understand its mode")
            .with_remedy("set $nrconf{restart} to 'i' or 'l' in /etc/needrestart/conf.d"),
    };
    Ok(outcome.with_evidence([evidence]))
}

fn freeze(context: CheckContext<'_>) -> CheckResult {
    Ok(match context.facts.vitals.freeze.get()? {
        None => Judgement::pass("changes are not frozen"),
        Some(freeze) => Judgement::warn("changes are frozen: every changing command exits 7")
            .with_evidence([freeze.clone()])
            .with_remedy("remove the file when the reason for the freeze is over"),
    })
}

fn lock(context: CheckContext<'_>) -> CheckResult {
    Ok(match context.facts.vitals.turn.get()? {
        None => Judgement::pass("no other run is changing this HAProxy"),
        Some(holder) => Judgement::warn("another run is changing this HAProxy: a second change exits 7")
            .with_evidence([holder.clone()])
            .with_remedy("wait until it is done; `haguard history` shows its result"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Level, run_checks};
    use crate::facts::controllers::SystemdUnit;
    use crate::facts::{Controller, Facts, test_facts};
    use crate::plan;

    fn level(facts: &Facts, id: &str) -> Level {
        run_checks(facts, &plan::ledger(facts), &[id])[0].level
    }

    #[test]
    fn a_library_that_was_replaced_is_an_upgrade_that_is_not_in_force() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "host.stale-libs"), Level::Pass);
        test_facts::known_mut(&mut facts.vitals.stale_libraries).push("/usr/lib/libssl.so.3".into());
        assert_eq!(level(&facts, "host.stale-libs"), Level::Warn);
        facts.vitals.stale_libraries = Known::unknown("denied");
        assert_eq!(level(&facts, "host.stale-libs"), Level::Unknown);
    }

    #[test]
    fn needrestart_is_judged_by_what_it_does_with_units() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "host.needrestart"), Level::Skipped, "no unit controls it");
        let unit = Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() });
        test_facts::instance_mut(&mut facts).control = test_facts::proven_control(unit);
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
        assert_eq!(with(Some("$mode"), false, false), Level::Unknown, "a mode that haguard does not know");
        assert_eq!(with(None, false, true), Level::Warn);
        assert_eq!(with(None, false, false), Level::Pass);
    }

    #[test]
    fn a_freeze_and_another_run_warn() {
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

//! Whether systemd itself refuses the reflex restart, and what has gone around it. A missing guard stops nothing.

use super::{Finding, Level, Outcome, Seen};
use crate::facts::guard::{DropIn, GuardFacts, Stand};
use crate::facts::{Control, Known};
use crate::plan::guard::{Order, holes as all_holes};

/// The checks of one unit's guard, whether or not a HAProxy runs under it.
pub fn guard(facts: &GuardFacts) -> Vec<Finding> {
    vec![
        is_installed(facts).of("guard.installed"),
        is_effective(facts).of("guard.effective"),
        starts_at_boot(facts).of("guard.boot-enabled"),
        went_around(facts).of("guard.holes"),
        restarted(facts).of("proc.unplanned-restarts"),
    ]
}

/// Whether the guard can come or go, so that everything else stays as it is. `root` says who asks.
pub fn guard_ready(change: Order, facts: &GuardFacts, root: bool) -> Finding {
    can_change(change, facts, root).of(READY)
}

fn can_change(change: Order, facts: &GuardFacts, root: bool) -> Outcome {
    let GuardFacts { unit, path, file, shown, .. } = facts;
    match file {
        _ if change.is_done(facts) => Outcome::pass("there is nothing to do"),
        _ if facts.is_masked() && change == Order::Install => {
            Outcome::fail(format!("{unit} is masked: systemd reads no drop-in of it"))
                .mend(format!("systemctl unmask {unit}"))
        }
        _ if !shown.is_loaded() && change == Order::Install => {
            Outcome::fail(format!("systemd could not load {unit}: LoadState is {}", shown.get("LoadState")))
                .mend(format!("`systemctl status {unit}` says why"))
        }
        DropIn::Foreign => Outcome::fail(format!("{path} is there, and haguard did not write it"))
            .mend("read it, and move it away if it is not needed"),
        DropIn::Edited => Outcome::fail(format!("{path} was edited after haguard wrote it"))
            .mend("read it, keep what is needed in a file of another name, and remove it by hand"),
        DropIn::Unreadable { why } => Outcome::unknown(why.clone()),
        _ if is_pending(facts) => {
            Outcome::fail(format!("files of {unit} were edited and systemd has not read them"))
                .because([format!("NeedDaemonReload={}", shown.get("NeedDaemonReload"))])
                .because(facts.unread.iter().cloned())
                .mend("the guard would put these edits in force: see to them, then `systemctl daemon-reload`")
        }
        _ if !root => Outcome::fail("only root can write there").mend("run it with sudo"),
        DropIn::Absent | DropIn::Ours { .. } => {
            Outcome::pass("it can be done without changing anything else")
        }
    }
}

/// An edit that is not the guard's own waits to be read.
fn is_pending(facts: &GuardFacts) -> bool {
    let others = facts.unread.iter().any(|path| *path != facts.path);
    let ours = matches!(facts.file, DropIn::Ours { .. }) || facts.stand() == Stand::Going;
    let only_ours = ours && !others;
    others || (facts.needs_daemon_reload() && !only_ours)
}

const READY: &str = "guard.ready";

/// What makes `guard install` possible at all, beside what its own checks want.
pub const GUARD: &[&str] = &["arch.manager", "guard.boot-enabled", READY];

pub(super) fn ready(seen: Seen<'_>) -> Outcome {
    let root = seen.facts.uid == 0;
    let outcome = of_unit(seen, |facts| can_change(Order::Install, facts, root));
    match outcome.level {
        Level::Skipped => {
            Outcome::fail(outcome.text).mend("`haguard restart` says what controls it, and refuses too")
        }
        _ => outcome,
    }
}

pub(super) fn installed(seen: Seen<'_>) -> Outcome {
    of_unit(seen, is_installed)
}

pub(super) fn effective(seen: Seen<'_>) -> Outcome {
    of_unit(seen, is_effective)
}

pub(super) fn boot_enabled(seen: Seen<'_>) -> Outcome {
    of_unit(seen, starts_at_boot)
}

pub(super) fn holes(seen: Seen<'_>) -> Outcome {
    of_unit(seen, went_around)
}

pub(super) fn unplanned_restarts(seen: Seen<'_>) -> Outcome {
    of_unit(seen, restarted)
}

/// Only a unit has a guard.
fn of_unit(seen: Seen<'_>, judge: impl FnOnce(&GuardFacts) -> Outcome) -> Outcome {
    match (&seen.facts.guard, &seen.facts.instance) {
        (Some(Known::Seen(facts)), _) => judge(facts),
        (Some(Known::Unknown { why }), _) | (None, Known::Unknown { why }) => Outcome::unknown(why.clone()),
        (None, Known::Seen(instance)) => match &instance.control {
            Control::Proven { controller, .. } => Outcome::skipped(format!(
                "systemd could not refuse anything: it is controlled by {}",
                controller.words()
            )),
            other => Outcome::unknown(format!(
                "it is not proven that a unit controls it: {}",
                other.why().unwrap_or_default()
            )),
        },
    }
}

fn is_installed(facts: &GuardFacts) -> Outcome {
    let GuardFacts { unit, path, file, .. } = facts;
    let install = format!("haguard guard install {unit}");
    match file {
        DropIn::Ours { .. } => Outcome::pass(format!("{path} is in place")),
        DropIn::Absent if facts.stand() == Stand::Going => {
            Outcome::warn(format!("{path} is gone: systemd refuses until it reads again, and not after"))
                .mend(install)
        }
        DropIn::Absent if facts.effective() => {
            Outcome::pass(format!("{unit} refuses a manual stop, by another file than haguard's"))
        }
        DropIn::Absent => {
            Outcome::warn(format!("nothing keeps `systemctl restart {unit}` from being typed")).mend(install)
        }
        DropIn::Edited => {
            Outcome::warn(format!("{path} was edited after haguard wrote it")).mend(by_hand(facts))
        }
        DropIn::Foreign => {
            Outcome::warn(format!("{path} is there, and haguard did not write it")).mend(by_hand(facts))
        }
        DropIn::Unreadable { why } => Outcome::unknown(why.clone()),
    }
}

fn by_hand(facts: &GuardFacts) -> String {
    format!("`systemctl cat {0}` shows it; haguard leaves it to you, and so does `guard remove`", facts.unit)
}

fn is_effective(facts: &GuardFacts) -> Outcome {
    let GuardFacts { unit, lifted_by, .. } = facts;
    let seen =
        ["RefuseManualStop", "NeedDaemonReload"].map(|name| format!("{name}={}", facts.shown.get(name)));
    let outcome = match facts.stand() {
        Stand::InForce | Stand::ByAnother | Stand::Going => match facts.left_behind() {
            None => Outcome::pass("systemd refuses a manual stop and restart"),
            Some(path) => Outcome::warn(format!(
                "systemd refuses until it reads its files again, as a package's installation makes it: {path} lifts it then"
            ))
            .mend(format!("if nobody restarts {unit} right now: rm {path}, systemctl daemon-reload")),
        },
        Stand::Absent => return Outcome::skipped("no guard is installed"),
        Stand::Masked => Outcome::fail(
            "not effective: the unit is masked, and a masked unit has no drop-ins: a stop is carried out",
        )
        .because([format!("LoadState={}", facts.shown.get("LoadState"))])
        .mend(format!("systemctl unmask {unit}")),
        Stand::NotRead => Outcome::fail("not effective: its file is there, and systemd has not read it")
            .because(facts.refused_by.iter().cloned())
            .mend(match facts.file {
                DropIn::Absent => "systemctl daemon-reload".to_owned(),
                _ => format!("haguard guard install {unit}"),
            }),
        Stand::Lifted => Outcome::fail("not effective: it was lifted, and not put back")
            .because(lifted_by.iter().cloned())
            .mend(format!(
                "if nobody restarts {unit} right now: rm {}, systemctl daemon-reload",
                lifted_by.join(" ")
            )),
        Stand::Overruled => Outcome::fail("not effective: a later file overrules it")
            .because([format!("DropInPaths={}", facts.shown.get("DropInPaths"))])
            .mend(format!("`systemctl cat {unit}` shows every file in order")),
    };
    outcome.because(seen)
}

fn starts_at_boot(facts: &GuardFacts) -> Outcome {
    let GuardFacts { unit, shown, .. } = facts;
    let seen = [format!("UnitFileState={}", shown.get("UnitFileState"))];
    let outcome = match shown.get("UnitFileState") {
        "enabled" | "alias" | "static" | "generated" | "indirect" => {
            Outcome::pass(format!("{unit} starts at boot, or with what starts it"))
        }
        "" | "transient" => Outcome::skipped(format!("{unit} has no file that could be enabled")),
        "masked" | "masked-runtime" => Outcome::warn(format!("{unit} is masked: it cannot be started again"))
            .mend(format!("systemctl unmask {unit}")),
        _ => Outcome::warn(format!("{unit} would not start at the next boot")).mend(format!(
            "`disable --now` leaves this behind where the stop is refused: systemctl enable {unit}"
        )),
    };
    outcome.because(seen)
}

fn went_around(facts: &GuardFacts) -> Outcome {
    let GuardFacts { unit, shown, .. } = facts;
    let mut around = Vec::new();
    if facts.is_masked() {
        around.push(format!(
            "{unit} was masked while it ran: systemd refuses no stop of it, and cannot start it again"
        ));
    } else if !shown.is_loaded() {
        around.push(format!("the files of {unit} are gone: LoadState={}", shown.get("LoadState")));
    }
    if facts.effective() && facts.restarts().seen().is_some_and(|count| *count > 0) {
        around.push(format!("the process ended and came back: NRestarts={}", shown.get("NRestarts")));
    }
    if facts.effective() && shown.get("UnitFileState") == "disabled" {
        around.push("it was disabled for the next boot".to_owned());
    }
    match around.is_empty() {
        true => {
            Outcome::pass("no way around the guard was taken that leaves a trace").because(all_holes(facts))
        }
        false => Outcome::warn("the guard was gone around").because(around),
    }
}

fn restarted(facts: &GuardFacts) -> Outcome {
    match facts.restarts() {
        Known::Seen(0) => {
            Outcome::pass("systemd has not had to start it again").because(["NRestarts=0".to_owned()])
        }
        Known::Seen(count) => Outcome::warn(format!(
            "systemd has started {} again {count} times by itself; each time memory was lost",
            facts.unit
        ))
        .because([format!("NRestarts={count}, Restart={}", facts.shown.get("Restart"))])
        .mend(format!("journalctl -u {} tells how it ended", facts.unit)),
        Known::Unknown { why } => Outcome::new(Level::Skipped, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::guard::tests::sample;

    fn level(facts: &GuardFacts, id: &str) -> Level {
        guard(facts).into_iter().find(|finding| finding.id == id).unwrap().level
    }

    fn ours() -> DropIn {
        DropIn::Ours { folder_made: false }
    }

    #[test]
    fn a_missing_guard_is_a_warning_and_one_that_is_not_read_is_a_failure() {
        let absent = sample(DropIn::Absent, "");
        assert_eq!(level(&absent, "guard.installed"), Level::Warn);
        assert_eq!(level(&absent, "guard.effective"), Level::Skipped);
        let unread = sample(ours(), "NeedDaemonReload=yes");
        assert_eq!(
            (level(&unread, "guard.installed"), level(&unread, "guard.effective")),
            (Level::Pass, Level::Fail)
        );
        let masked = sample(ours(), "LoadState=masked\nUnitFileState=masked");
        for id in ["guard.effective", "guard.holes"] {
            let found = guard(&masked).into_iter().find(|finding| finding.id == id).unwrap();
            assert!(
                found.level >= Level::Warn && !format!("{found:?}").contains("guard install"),
                "{found:?}"
            );
        }
        let gone = sample(DropIn::Absent, "");
        let gone = sample(DropIn::Absent, &format!("RefuseManualStop=yes\nDropInPaths={}", gone.path));
        assert_eq!(
            (level(&gone, "guard.installed"), level(&gone, "guard.effective")),
            (Level::Warn, Level::Pass),
            "systemd still refuses, by a file that is gone"
        );
        let lifted = GuardFacts { lifted_by: vec!["/run/x.conf".into()], ..sample(ours(), "") };
        assert_eq!(level(&lifted, "guard.effective"), Level::Fail);
        assert!(guard(&sample(ours(), "RefuseManualStop=yes")).iter().all(|f| f.level == Level::Pass));
    }

    #[test]
    fn every_id_is_in_the_catalogue() {
        let facts = sample(DropIn::Absent, "");
        let all = guard(&facts).into_iter().chain([guard_ready(Order::Install, &facts, true)]);
        all.for_each(|finding| {
            assert!(crate::checks::catalog::find(&finding.id).is_some(), "{}", finding.id)
        });
    }

    #[test]
    fn each_way_around_that_leaves_a_trace_is_seen() {
        let on = "RefuseManualStop=yes\n";
        let facts = |more: &str| sample(ours(), &format!("{on}{more}"));
        assert_eq!(level(&facts("NRestarts=2"), "guard.holes"), Level::Warn);
        assert_eq!(level(&facts("NRestarts=2"), "proc.unplanned-restarts"), Level::Warn);
        assert_eq!(level(&facts("UnitFileState=disabled"), "guard.boot-enabled"), Level::Warn);
        assert_eq!(level(&facts("UnitFileState=disabled"), "guard.holes"), Level::Warn);
        assert_eq!(level(&facts("LoadState=not-found"), "guard.holes"), Level::Warn);
    }

    #[test]
    fn nothing_is_written_over_a_stranger_or_over_edits_that_nobody_has_read() {
        let ready = |change, file, more: &str, root| guard_ready(change, &sample(file, more), root).level;
        assert_eq!(ready(Order::Install, DropIn::Absent, "", true), Level::Pass);
        assert_eq!(ready(Order::Install, DropIn::Absent, "", false), Level::Fail);
        for file in [DropIn::Foreign, DropIn::Edited] {
            assert_eq!(ready(Order::Install, file.clone(), "", true), Level::Fail);
            assert_eq!(ready(Order::Remove, file, "RefuseManualStop=yes", true), Level::Fail);
        }
        assert_eq!(ready(Order::Install, DropIn::Absent, "NeedDaemonReload=yes", true), Level::Fail);
        assert_eq!(ready(Order::Install, ours(), "NeedDaemonReload=yes", true), Level::Pass);
        assert_eq!(ready(Order::Install, DropIn::Absent, "LoadState=masked", true), Level::Fail);
        let path = &sample(DropIn::Absent, "").path;
        let gone = format!("RefuseManualStop=yes\nNeedDaemonReload=yes\nDropInPaths={path}");
        assert_eq!(ready(Order::Install, DropIn::Absent, &gone, true), Level::Pass);
        assert_eq!(ready(Order::Remove, DropIn::Absent, &gone, true), Level::Pass);
        assert_eq!(ready(Order::Remove, DropIn::Absent, "", false), Level::Pass);
    }
}

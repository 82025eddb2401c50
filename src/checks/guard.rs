//! Whether systemd itself refuses a manual restart, and what has bypassed that. A missing guard stops nothing.

use super::{Check, CheckContext, CheckResult, Finding, Judgement, Level};
use crate::facts::Control;
use crate::facts::guard::{DropIn, GuardFacts, GuardStatus};
use crate::known::Unknown;
use crate::plan::guard::{GuardChange, bypasses as bypass_list};
use crate::plural::plural;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "guard.installed", installed, "the guard against manual restarts is installed",
        "One static line, RefuseManualStop=yes, makes systemd itself refuse restart, stop and try-restart, whoever \
         asks: a person, a playbook, needrestart. Reload, start, boot and shutdown work as before. `haguard guard \
         install` writes the line, and `haguard guard remove` removes it without a trace.";
    "guard.effective", effective, "systemd has read the guard and applies it",
        "A drop-in that systemd has not read refuses nothing. Neither does one that a file under /run lifts; an \
         emergency restart by hand that was interrupted leaves such a file. What counts is the property of the \
         loaded unit, not the file.";
    "guard.boot-enabled", boot_enabled, "HAProxy starts at the next boot",
        "`systemctl disable --now` disables the unit first, and then the stop is refused: HAProxy runs on, and does \
         not start at the next boot. The state of the unit's file shows it.";
    "guard.holes", bypasses, "nothing bypassed the guard",
        "The guard does not prevent kill, `disable --now`, `mask`, `revert`, the removal of the package, or a stop \
         of a unit that this one is bound to. Most of these leave traces in systemd's properties, and this check \
         looks for them. A container is restarted without systemd.";
};

/// The row that only an operation needs.
pub(super) const OPERATION_ROWS: &[Check] = checks! {
    "guard.ready", ready, "the guard can be changed without changing anything else",
        "daemon-reload puts every edit of unit files in force. So the guard is not written while an edit of this \
         unit waits to be read. A file of the guard's name that haguard did not write, or that was edited since, is \
         left alone.";
};

/// The checks of one unit's guard, whether or not a HAProxy runs under it.
pub fn guard_findings(facts: &GuardFacts) -> Vec<Finding> {
    vec![
        judge_installed(facts).into_finding("guard.installed"),
        judge_effective(facts).into_finding("guard.effective"),
        judge_boot_enabled(facts).into_finding("guard.boot-enabled"),
        judge_bypasses(facts).into_finding("guard.holes"),
        judge_restarts(facts).into_finding("proc.unplanned-restarts"),
    ]
}

/// Whether the guard can be installed or removed without changing anything else. `root`: haguard runs as root.
pub fn guard_ready(change: GuardChange, facts: &GuardFacts, root: bool) -> Finding {
    judge_change(change, facts, root).into_finding(READY_ID)
}

fn judge_change(change: GuardChange, facts: &GuardFacts, root: bool) -> Judgement {
    let GuardFacts { unit, path, file, shown, .. } = facts;
    match file {
        _ if change.is_done(facts) => Judgement::pass("there is nothing to do"),
        _ if facts.is_masked() && change == GuardChange::Install => {
            Judgement::fail(format!("{unit} is masked: systemd reads no drop-in of it"))
                .with_remedy(format!("systemctl unmask {unit}"))
        }
        _ if !shown.is_loaded() && change == GuardChange::Install => {
            Judgement::fail(format!("systemd could not load {unit}: LoadState is {}", shown.get("LoadState")))
                .with_remedy(format!("`systemctl status {unit}` says why"))
        }
        DropIn::Foreign => Judgement::fail(format!("{path} is there, and haguard did not write it"))
            .with_remedy("read it, and move it away if it is not needed"),
        DropIn::Edited => Judgement::fail(format!("{path} was edited after haguard wrote it"))
            .with_remedy("read it, keep what is needed in a file of another name, and remove it by hand"),
        DropIn::Unreadable { why } => Judgement::unknown(why.clone()),
        _ if has_unread_edits(facts) => Judgement::fail(format!(
            "files of {unit} were edited and systemd has not read them"
        ))
        .with_evidence([format!("NeedDaemonReload={}", shown.get("NeedDaemonReload"))])
        .with_evidence(facts.unread.iter().cloned())
        .with_remedy(
            "the guard would put these edits in force: review them, then run `systemctl daemon-reload`",
        ),
        _ if !root => Judgement::fail("only root can write there").with_remedy("run it with sudo"),
        DropIn::Absent | DropIn::Unmodified { .. } => {
            Judgement::pass("it can be done without changing anything else")
        }
    }
}

/// An edit other than the guard's own waits for daemon-reload.
fn has_unread_edits(facts: &GuardFacts) -> bool {
    let others = facts.unread.iter().any(|path| *path != facts.path);
    let ours = matches!(facts.file, DropIn::Unmodified { .. }) || facts.status() == GuardStatus::FileRemoved;
    let only_ours = ours && !others;
    others || (facts.needs_daemon_reload() && !only_ours)
}

const READY_ID: &str = "guard.ready";

/// The checks that `guard install` requires.
pub const GUARD_CHECKS: &[&str] = &["arch.manager", "guard.boot-enabled", READY_ID];

fn ready(context: CheckContext<'_>) -> CheckResult {
    let root = context.facts.uid == 0;
    let outcome = with_unit(context, |facts| judge_change(GuardChange::Install, facts, root))?;
    Ok(match outcome.level {
        Level::Skipped => Judgement::fail(outcome.text)
            .with_remedy("`haguard restart` shows what controls it, and refuses too"),
        _ => outcome,
    })
}

fn installed(context: CheckContext<'_>) -> CheckResult {
    with_unit(context, judge_installed)
}

fn effective(context: CheckContext<'_>) -> CheckResult {
    with_unit(context, judge_effective)
}

fn boot_enabled(context: CheckContext<'_>) -> CheckResult {
    with_unit(context, judge_boot_enabled)
}

fn bypasses(context: CheckContext<'_>) -> CheckResult {
    with_unit(context, judge_bypasses)
}

pub(super) fn unplanned_restarts(context: CheckContext<'_>) -> CheckResult {
    with_unit(context, judge_restarts)
}

/// Only a unit has a guard.
fn with_unit(context: CheckContext<'_>, judge: impl FnOnce(&GuardFacts) -> Judgement) -> CheckResult {
    if let Some(facts) = &context.facts.guard {
        return Ok(judge(facts.get()?));
    }
    match &context.instance()?.control {
        Control::Proven { controller, .. } => Ok(Judgement::skipped(format!(
            "systemd has no say over its restart: it is controlled by {}",
            controller.describe()
        ))),
        other => Err(Unknown::new(format!(
            "it is not proven that a unit controls it: {}",
            other.why().unwrap_or_default()
        ))),
    }
}

fn judge_installed(facts: &GuardFacts) -> Judgement {
    let GuardFacts { unit, path, file, .. } = facts;
    let install = format!("haguard guard install {unit}");
    match file {
        DropIn::Unmodified { .. } => Judgement::pass(format!("{path} is in place")),
        DropIn::Absent if facts.status() == GuardStatus::FileRemoved => Judgement::warn(format!(
            "{path} is gone: systemd refuses until it reads its files again, and not after that"
        ))
        .with_remedy(install),
        DropIn::Absent if facts.effective() => {
            Judgement::pass(format!("{unit} refuses a manual stop, by another file than haguard's"))
        }
        DropIn::Absent => {
            Judgement::warn(format!("nothing prevents `systemctl restart {unit}`")).with_remedy(install)
        }
        DropIn::Edited => Judgement::warn(format!("{path} was edited after haguard wrote it"))
            .with_remedy(manual_hint(facts)),
        DropIn::Foreign => Judgement::warn(format!("{path} is there, and haguard did not write it"))
            .with_remedy(manual_hint(facts)),
        DropIn::Unreadable { why } => Judgement::unknown(why.clone()),
    }
}

fn manual_hint(facts: &GuardFacts) -> String {
    format!(
        "`systemctl cat {0}` shows it; haguard does not change it, and neither does `guard remove`",
        facts.unit
    )
}

fn judge_effective(facts: &GuardFacts) -> Judgement {
    let GuardFacts { unit, lifted_by, .. } = facts;
    let seen =
        ["RefuseManualStop", "NeedDaemonReload"].map(|name| format!("{name}={}", facts.shown.get(name)));
    let outcome = match facts.status() {
        GuardStatus::InForce | GuardStatus::ByOtherDropIn | GuardStatus::FileRemoved => match facts.stale_override() {
            None => Judgement::pass("systemd refuses a manual stop and restart"),
            Some(path) => Judgement::warn(format!(
                "systemd refuses until it reads its files again, for example when a package is installed: then {path} lifts the guard"
            ))
            .with_remedy(format!("unless a restart of {unit} is under way: rm {path}, systemctl daemon-reload")),
        },
        GuardStatus::NotInstalled => return Judgement::skipped("no guard is installed"),
        GuardStatus::Masked => Judgement::fail(
            "not effective: the unit is masked, and a masked unit has no drop-ins, so a stop works",
        )
        .with_evidence([format!("LoadState={}", facts.shown.get("LoadState"))])
        .with_remedy(format!("systemctl unmask {unit}")),
        GuardStatus::NeedsDaemonReload => Judgement::fail("not effective: its file is there, but systemd has not read it")
            .with_evidence(facts.refused_by.iter().cloned())
            .with_remedy(match facts.file {
                DropIn::Absent => "systemctl daemon-reload".to_owned(),
                _ => format!("haguard guard install {unit}"),
            }),
        GuardStatus::RuntimeOverride => Judgement::fail("not effective: it was lifted and not restored")
            .with_evidence(lifted_by.iter().cloned())
            .with_remedy(format!(
                "unless a restart of {unit} is under way: rm {}, systemctl daemon-reload",
                lifted_by.join(" ")
            )),
        GuardStatus::Overridden => Judgement::fail("not effective: a later file overrides it")
            .with_evidence([format!("DropInPaths={}", facts.shown.get("DropInPaths"))])
            .with_remedy(format!("`systemctl cat {unit}` shows every file in order")),
    };
    outcome.with_evidence(seen)
}

fn judge_boot_enabled(facts: &GuardFacts) -> Judgement {
    let GuardFacts { unit, shown, .. } = facts;
    let seen = [format!("UnitFileState={}", shown.get("UnitFileState"))];
    let outcome = match shown.get("UnitFileState") {
        "enabled" | "alias" | "static" | "generated" | "indirect" => {
            Judgement::pass(format!("{unit} starts at boot, or with what starts it"))
        }
        "" | "transient" => Judgement::skipped(format!("{unit} has no file that could be enabled")),
        "masked" | "masked-runtime" => {
            Judgement::warn(format!("{unit} is masked: it cannot be started again"))
                .with_remedy(format!("systemctl unmask {unit}"))
        }
        _ => Judgement::warn(format!("{unit} would not start at the next boot")).with_remedy(format!(
            "`disable --now` leaves this state where the stop is refused: systemctl enable {unit}"
        )),
    };
    outcome.with_evidence(seen)
}

fn judge_bypasses(facts: &GuardFacts) -> Judgement {
    let GuardFacts { unit, shown, .. } = facts;
    let mut traces = Vec::new();
    if facts.is_masked() {
        traces.push(format!(
            "{unit} was masked while it ran: systemd refuses no stop of it, and cannot start it again"
        ));
    } else if !shown.is_loaded() {
        traces.push(format!("the files of {unit} are gone: LoadState={}", shown.get("LoadState")));
    }
    if facts.effective() && facts.restarts().seen().is_some_and(|count| *count > 0) {
        traces.push(format!("the process ended and came back: NRestarts={}", shown.get("NRestarts")));
    }
    if facts.effective() && shown.get("UnitFileState") == "disabled" {
        traces.push("it was disabled for the next boot".to_owned());
    }
    match traces.is_empty() {
        true => Judgement::pass("no bypass of the guard left a trace").with_evidence(bypass_list(facts)),
        false => Judgement::warn("the guard was bypassed").with_evidence(traces),
    }
}

fn judge_restarts(facts: &GuardFacts) -> Judgement {
    match Result::from(facts.restarts()) {
        Ok(0) => Judgement::pass("systemd has not restarted it by itself")
            .with_evidence(["NRestarts=0".to_owned()]),
        Ok(count) => Judgement::warn(format!(
            "systemd has restarted {} by itself {}; each time its runtime state was lost",
            facts.unit,
            plural(count as usize, "time")
        ))
        .with_evidence([format!("NRestarts={count}, Restart={}", facts.shown.get("Restart"))])
        .with_remedy(format!("journalctl -u {} shows how it ended", facts.unit)),
        Err(Unknown { why }) => Judgement::skipped(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::guard::tests::sample;

    fn level(facts: &GuardFacts, id: &str) -> Level {
        guard_findings(facts).into_iter().find(|finding| finding.id == id).unwrap().level
    }

    fn ours() -> DropIn {
        DropIn::Unmodified { folder_made: false }
    }

    #[test]
    fn a_missing_guard_warns_and_one_that_systemd_has_not_read_fails() {
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
            let found = guard_findings(&masked).into_iter().find(|finding| finding.id == id).unwrap();
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
        assert!(
            guard_findings(&sample(ours(), "RefuseManualStop=yes")).iter().all(|f| f.level == Level::Pass)
        );
    }

    #[test]
    fn every_id_is_in_the_catalogue() {
        let facts = sample(DropIn::Absent, "");
        let all = guard_findings(&facts).into_iter().chain([guard_ready(GuardChange::Install, &facts, true)]);
        all.for_each(|finding| {
            assert!(crate::checks::catalog::find(&finding.id).is_some(), "{}", finding.id)
        });
    }

    #[test]
    fn each_bypass_that_leaves_a_trace_is_found() {
        let on = "RefuseManualStop=yes\n";
        let facts = |more: &str| sample(ours(), &format!("{on}{more}"));
        assert_eq!(level(&facts("NRestarts=2"), "guard.holes"), Level::Warn);
        assert_eq!(level(&facts("NRestarts=2"), "proc.unplanned-restarts"), Level::Warn);
        assert_eq!(level(&facts("UnitFileState=disabled"), "guard.boot-enabled"), Level::Warn);
        assert_eq!(level(&facts("UnitFileState=disabled"), "guard.holes"), Level::Warn);
        assert_eq!(level(&facts("LoadState=not-found"), "guard.holes"), Level::Warn);
    }

    #[test]
    fn a_foreign_file_or_an_unread_edit_blocks_the_guard() {
        let ready = |change, file, more: &str, root| guard_ready(change, &sample(file, more), root).level;
        assert_eq!(ready(GuardChange::Install, DropIn::Absent, "", true), Level::Pass);
        assert_eq!(ready(GuardChange::Install, DropIn::Absent, "", false), Level::Fail);
        for file in [DropIn::Foreign, DropIn::Edited] {
            assert_eq!(ready(GuardChange::Install, file.clone(), "", true), Level::Fail);
            assert_eq!(ready(GuardChange::Remove, file, "RefuseManualStop=yes", true), Level::Fail);
        }
        assert_eq!(ready(GuardChange::Install, DropIn::Absent, "NeedDaemonReload=yes", true), Level::Fail);
        assert_eq!(ready(GuardChange::Install, ours(), "NeedDaemonReload=yes", true), Level::Pass);
        assert_eq!(ready(GuardChange::Install, DropIn::Absent, "LoadState=masked", true), Level::Fail);
        let path = &sample(DropIn::Absent, "").path;
        let gone = format!("RefuseManualStop=yes\nNeedDaemonReload=yes\nDropInPaths={path}");
        assert_eq!(ready(GuardChange::Install, DropIn::Absent, &gone, true), Level::Pass);
        assert_eq!(ready(GuardChange::Remove, DropIn::Absent, &gone, true), Level::Pass);
        assert_eq!(ready(GuardChange::Remove, DropIn::Absent, "", false), Level::Pass);
    }
}

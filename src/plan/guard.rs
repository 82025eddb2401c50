//! The plan to install or remove a guard, and its effects on tools that restart services.

use std::collections::BTreeMap;

use super::{Action, Basis, BasisChange, Plan, Step};
use crate::facts::guard::{DOCUMENTATION, DropIn, GuardFacts, GuardStatus};

/// What the guard makes systemd refuse, by tool.
pub const REFUSED_COMMANDS: &[&str] = &[
    "systemctl restart, stop and try-restart; service NAME restart; /etc/init.d/NAME restart; invoke-rc.d; \
     deb-systemd-invoke: refused with exit 4",
    "Ansible `state=restarted` and its handlers, Puppet `restart`, Chef `action :restart`: the run fails; use their \
     reload",
    "needrestart: it lists the service among those whose restart is refused; a reload loads new libraries too",
    "RPM's try-restart after an upgrade: refused with a warning; reload by hand then",
];

/// Commands that the guard does not affect.
pub const ALLOWED_COMMANDS: &[&str] = &[
    "systemctl reload, reload-or-restart and try-reload-or-restart, which become a reload",
    "systemctl start, boot, shutdown",
    "Debian's upgrade of the package, which reloads",
];

/// What the guard does not prevent on any host, each measured.
pub const BYPASSES: &[&str] = &[
    "kill and systemctl kill still work, and Restart= starts a process without the runtime state: watch NRestarts \
     (check proc.unplanned-restarts)",
    "systemctl disable --now: the stop is refused, but the unit is disabled for the next boot (check \
     guard.boot-enabled)",
    "removing the package: its files are deleted, and the process runs on without a program file",
    "systemctl mask --now, because a masked unit has no drop-ins; systemctl revert removes them",
    "a stop or restart of a unit that this one is bound to (PartOf=, BindsTo=, Requires=), a start of one that conflicts \
     with it: systemd carries it out on both",
    "docker restart, and HAProxy as PID 1 of a container: systemd is not asked",
];

/// The same for this unit, with the units to which it is bound.
pub fn bypasses(facts: &GuardFacts) -> Vec<String> {
    let carried = facts.stop_propagated_from();
    let here = (!carried.is_empty()).then(|| format!("{} is bound so to {}", facts.unit, carried.join(", ")));
    BYPASSES.iter().map(|hole| (*hole).to_owned()).chain(here).collect()
}

/// How a unit's guard is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardChange {
    /// Install it.
    Install,
    /// Remove it.
    Remove,
}

impl GuardChange {
    /// The command.
    pub fn operation(self) -> &'static str {
        match self {
            GuardChange::Install => "guard install",
            GuardChange::Remove => "guard remove",
        }
    }

    /// The unit is in the wanted state already.
    pub fn is_done(self, facts: &GuardFacts) -> bool {
        match self {
            GuardChange::Install => facts.status() == GuardStatus::InForce,
            GuardChange::Remove => facts.file == DropIn::Absent && facts.status() != GuardStatus::FileRemoved,
        }
    }
}

/// The plan of it.
pub fn guard_plan(change: GuardChange, facts: &GuardFacts, host: &str) -> Plan {
    let file = |action, reason: &str| Step::new(action, &facts.path, reason);
    let mut steps = Vec::new();
    match change {
        GuardChange::Install if facts.file == DropIn::Absent => {
            steps.push(file(Action::WriteDropIn, "one static line: RefuseManualStop=yes"));
        }
        GuardChange::Remove if facts.file == DropIn::Absent => {}
        GuardChange::Install => {}
        GuardChange::Remove => {
            let folder = matches!(facts.file, DropIn::Unmodified { folder_made: true });
            let reason = if folder { "and its folder, where it is empty" } else { "it is haguard's own" };
            steps.push(file(Action::RemoveDropIn, reason));
        }
    }
    steps.push(Step::daemon_reload());
    let proof = match change {
        GuardChange::Install => "a manual stop is refused, and nothing else about the unit is different",
        GuardChange::Remove => "nothing of the guard is left, and nothing else about the unit is different",
    };
    steps.push(Step::new(Action::Verify, &facts.unit, proof));
    let target = format!("{} on {host}", facts.unit);
    Plan::new(change.operation(), Vec::new(), target, basis(facts), steps)
}

/// What must still be true of the unit.
pub fn basis(facts: &GuardFacts) -> Basis {
    let mut unit = facts.preserved_properties();
    for name in ["RefuseManualStop", "NeedDaemonReload", "DropInPaths", "Documentation"] {
        unit.insert(name.to_owned(), facts.shown.get(name).to_owned());
    }
    unit.insert(facts.path.clone(), facts.file.name());
    Basis { unit, ..Basis::default() }
}

/// What is different about the unit that the guard has no part in.
pub fn unrelated_changes(before: &GuardFacts, now: &GuardFacts) -> Vec<BasisChange> {
    let basis = |facts: &GuardFacts| Basis { unit: unrelated_properties(facts), ..Basis::default() };
    basis(before).changes_since(&basis(now))
}

fn unrelated_properties(facts: &GuardFacts) -> BTreeMap<String, String> {
    let mut all = facts.preserved_properties();
    for (name, ours) in [("DropInPaths", facts.path.as_str()), ("Documentation", DOCUMENTATION)] {
        let kept = facts.shown.quoted_list(name).into_iter().filter(|word| word != ours);
        all.insert(name.to_owned(), kept.collect::<Vec<_>>().join(" "));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::guard::tests::sample;

    #[test]
    fn the_id_stands_for_the_unit_and_not_for_what_changes_by_itself() {
        let plan = |more: &str| guard_plan(GuardChange::Install, &sample(DropIn::Absent, more), "lb1").id;
        assert_eq!(plan(""), plan("NRestarts=3\nMainPID=7\nActiveState=inactive"));
        assert_ne!(plan(""), plan("UnitFileState=disabled"));
        assert_ne!(plan(""), plan("DropInPaths=/etc/x.conf"));
    }

    #[test]
    fn the_guards_own_traces_are_no_difference_and_anything_else_is() {
        let before = sample(DropIn::Absent, "Documentation=man:haproxy(1)");
        let file = DropIn::Unmodified { folder_made: true };
        let path = &before.path;
        let more = format!(
            "RefuseManualStop=yes\nCanStop=no\nDropInPaths={path}\nDocumentation=man:haproxy(1) \"man:haguard-restart(1)\""
        );
        assert_eq!(unrelated_changes(&before, &sample(file.clone(), &more)), []);
        let worse = sample(file, &format!("{more}\nCanReload=no"));
        assert_eq!(unrelated_changes(&before, &worse)[0].to_string(), "CanReload: was yes, is no");
    }

    #[test]
    fn what_is_as_it_will_be_needs_no_plan() {
        let ours = || DropIn::Unmodified { folder_made: false };
        assert!(GuardChange::Install.is_done(&sample(ours(), "RefuseManualStop=yes")));
        assert!(!GuardChange::Install.is_done(&sample(ours(), "NeedDaemonReload=yes")));
        assert!(GuardChange::Remove.is_done(&sample(DropIn::Absent, "")));
        let steps = guard_plan(GuardChange::Install, &sample(ours(), "NeedDaemonReload=yes"), "lb1").steps;
        assert_eq!(steps.len(), 2, "only systemd has to read: {steps:?}");
        let going = sample(DropIn::Absent, "");
        let going = sample(DropIn::Absent, &format!("RefuseManualStop=yes\nDropInPaths={}", going.path));
        assert!(!GuardChange::Install.is_done(&going) && !GuardChange::Remove.is_done(&going));
        assert_eq!(
            guard_plan(GuardChange::Remove, &going, "lb1").steps.len(),
            2,
            "there is no file to remove"
        );
    }
}

//! The guard of a systemd unit: its file, what systemd has read, and what bypasses it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Known;
use crate::label::tagged_name;
use crate::wire::systemd::guard_drop_in::BREAK_GLASS_FILE_NAME;
pub use crate::wire::systemd::guard_drop_in::{DOCUMENTATION, FILE_NAME};
pub use crate::wire::systemd::unit::Unit;

/// What must be the same before and after the guard comes or goes: everything that tells how the unit is started,
/// reloaded and found, and nothing that changes by itself.
const PRESERVED_PROPERTIES: &[&str] = &[
    "CanReload",
    "CanStart",
    "EnvironmentFiles",
    "ExecReload",
    "ExecStart",
    "FragmentPath",
    "Id",
    "LoadState",
    "Names",
    "RefuseManualStart",
    "Restart",
    "TriggeredBy",
    "Type",
    "UnitFileState",
    "User",
];

/// Properties that name units whose stop systemd carries out on this one too; the guard refuses orders alone.
const STOP_PROPAGATING_PROPERTIES: &[&str] =
    &["BindsTo", "PartOf", "Requires", "StopPropagatedFrom", "ConflictedBy"];

/// What was seen of a unit's guard. None of it needs root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardFacts {
    /// The unit, by the name that systemd itself uses.
    pub unit: String,
    /// What the running systemd says of it.
    pub shown: Unit,
    /// Where the guard's file is or would be.
    pub path: String,
    /// What is there.
    pub file: DropIn,
    /// Files under /run that lift the guard until they are removed or the host boots.
    pub lifted_by: Vec<String>,
    /// Files of the unit that make systemd refuse, whether or not it has read them.
    #[serde(default)]
    pub refused_by: Vec<String>,
    /// Drop-ins that came or went since systemd read them.
    pub unread: Vec<String>,
    /// Files of its environment that were written after its main process started.
    #[serde(default)]
    pub environment_edited: Vec<String>,
}

/// The guard's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum DropIn {
    /// There is none.
    Absent,
    /// As haguard writes it.
    #[serde(rename = "ours")]
    Unmodified {
        /// Its folder was made for it.
        folder_made: bool,
    },
    /// haguard wrote it, and it was edited.
    Edited,
    /// Not haguard's, of the same name.
    Foreign,
    /// It could not be read.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// The state of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardStatus {
    /// systemd refuses, by haguard's file.
    InForce,
    /// systemd refuses, by another file than haguard's.
    ByOtherDropIn,
    /// systemd refuses by haguard's file, and that file is gone: it refuses no more once it reads again.
    FileRemoved,
    /// The unit is masked: systemd reads none of its files, and refuses no stop.
    Masked,
    /// The file is there, and systemd has not read it.
    NeedsDaemonReload,
    /// A file under /run takes it back.
    RuntimeOverride,
    /// The file is there and has been read, and systemd does not refuse: something else overrules it.
    Overridden,
    /// There is none.
    NotInstalled,
}

impl GuardFacts {
    /// systemd refuses a manual stop or restart now.
    pub fn effective(&self) -> bool {
        self.shown.is_yes("RefuseManualStop")
    }

    /// The state of the guard.
    pub fn status(&self) -> GuardStatus {
        match (self.effective(), &self.file) {
            (true, DropIn::Unmodified { .. }) => GuardStatus::InForce,
            (true, DropIn::Absent) if self.shown.quoted_list("DropInPaths").contains(&self.path) => {
                GuardStatus::FileRemoved
            }
            (true, _) => GuardStatus::ByOtherDropIn,
            (false, DropIn::Absent) if self.refused_by.is_empty() => GuardStatus::NotInstalled,
            (false, _) if self.is_masked() => GuardStatus::Masked,
            (false, _) if !self.lifted_by.is_empty() => GuardStatus::RuntimeOverride,
            (false, _) if self.needs_daemon_reload() => GuardStatus::NeedsDaemonReload,
            (false, _) => GuardStatus::Overridden,
        }
    }

    /// A file that lifts it for one restart and outlived its run, which was killed. systemd may not have read it yet.
    pub fn stale_override(&self) -> Option<&str> {
        let mut all = self.lifted_by.iter().chain(&self.unread);
        all.find(|path| path.ends_with(BREAK_GLASS_FILE_NAME) && !path.starts_with("/etc/"))
            .map(String::as_str)
    }

    /// A restart through systemd has to lift it, or finds it lifted by a killed run, and puts it back.
    pub fn is_restored_after_restart(&self) -> bool {
        self.effective() || (self.status() == GuardStatus::RuntimeOverride && self.stale_override().is_some())
    }

    /// It is masked; that can happen while it runs.
    pub fn is_masked(&self) -> bool {
        self.shown.get("LoadState") == "masked"
    }

    /// The units whose stop or restart is carried out on this one too, each with the property that says so. The slices,
    /// targets and mounts that every service needs are left out.
    pub fn stop_propagated_from(&self) -> Vec<String> {
        let is_of = |name: &str, unit: &str| match name {
            "Requires" => [".service", ".socket", ".device"].iter().any(|kind| unit.ends_with(kind)),
            _ => true,
        };
        let of = |name: &&'static str| {
            let units = self.shown.quoted_list(name).into_iter().filter(|unit| is_of(name, unit));
            units.map(|unit| format!("{unit} ({name}=)")).collect::<Vec<_>>()
        };
        STOP_PROPAGATING_PROPERTIES.iter().flat_map(of).collect()
    }

    /// A file of the unit was written and systemd has not read it.
    pub fn needs_daemon_reload(&self) -> bool {
        self.shown.is_yes("NeedDaemonReload") || !self.unread.is_empty()
    }

    /// How often systemd has started it again by itself.
    pub fn restarts(&self) -> Known<u32> {
        match self.shown.get("NRestarts").parse() {
            Ok(count) => Known::Seen(count),
            Err(_) => Known::unknown(format!("systemd does not count the restarts of {}", self.unit)),
        }
    }

    /// The settings that the guard's coming and going must leave alone.
    pub fn preserved_properties(&self) -> BTreeMap<String, String> {
        let lasting = |name: &&&str| (**name).to_owned();
        PRESERVED_PROPERTIES
            .iter()
            .map(|name| (lasting(&name), strip_last_run(self.shown.get(name))))
            .collect()
    }
}

impl DropIn {
    /// The public name of its state.
    pub fn name(&self) -> String {
        tagged_name(self, "state")
    }
}

impl GuardStatus {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            GuardStatus::InForce => "in force",
            GuardStatus::ByOtherDropIn => "in force, by another file than haguard's",
            GuardStatus::FileRemoved => "in force, but its file is gone: the next daemon-reload ends it",
            GuardStatus::Masked => "not effective: the unit is masked, and a masked unit has no drop-ins",
            GuardStatus::NeedsDaemonReload => "not effective: its file is there, and systemd has not read it",
            GuardStatus::RuntimeOverride => "not effective: lifted by a file under /run",
            GuardStatus::Overridden => "not effective: another file overrules it",
            GuardStatus::NotInstalled => "not installed",
        }
    }
}

/// A command of a unit without what systemd notes down about its last run.
fn strip_last_run(value: &str) -> String {
    let lines = value.lines().map(|line| line.split(" ; start_time=").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::wire::systemd::unit;

    /// A loaded, enabled, running unit with these properties on top.
    pub(crate) fn sample(file: DropIn, more: &str) -> GuardFacts {
        let text = "Id=haproxy.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nMainPID=100\n\
                    NRestarts=0\nCanReload=yes\nCanStart=yes\nRefuseManualStop=no\nNeedDaemonReload=no\n\
                    FragmentPath=/lib/systemd/system/haproxy.service\n";
        let mut shown = unit::parse(text).remove(0);
        shown.properties.extend(unit::parse(more).into_iter().flat_map(|unit| unit.properties));
        GuardFacts {
            unit: "haproxy.service".into(),
            shown,
            path: "/etc/systemd/system/haproxy.service.d/50-haguard.conf".into(),
            file,
            lifted_by: Vec::new(),
            refused_by: Vec::new(),
            unread: Vec::new(),
            environment_edited: Vec::new(),
        }
    }

    #[test]
    fn a_file_alone_is_no_guard() {
        let ours = || DropIn::Unmodified { folder_made: true };
        let stand = |file, more| sample(file, more).status();
        assert_eq!(stand(ours(), "RefuseManualStop=yes"), GuardStatus::InForce);
        assert_eq!(stand(DropIn::Absent, "RefuseManualStop=yes"), GuardStatus::ByOtherDropIn);
        assert_eq!(stand(ours(), "NeedDaemonReload=yes"), GuardStatus::NeedsDaemonReload);
        assert_eq!(stand(ours(), ""), GuardStatus::Overridden);
        assert_eq!(stand(DropIn::Absent, ""), GuardStatus::NotInstalled);
        let lifted = GuardFacts { lifted_by: vec!["/run/x".into()], ..sample(ours(), "") };
        assert_eq!(lifted.status(), GuardStatus::RuntimeOverride);
        assert!(!lifted.is_restored_after_restart(), "not lifted by haguard");
        // Another guard than haguard's that a killed run left lifted still counts.
        let left = format!("/run/systemd/system/haproxy.service.d/{BREAK_GLASS_FILE_NAME}");
        let left = GuardFacts {
            lifted_by: vec![left],
            refused_by: vec!["/etc/a.conf".into()],
            ..sample(DropIn::Absent, "")
        };
        assert!(left.status() == GuardStatus::RuntimeOverride && left.is_restored_after_restart());
        let gone = GuardFacts { unread: left.lifted_by.clone(), lifted_by: Vec::new(), ..left };
        assert_eq!(
            gone.status(),
            GuardStatus::NeedsDaemonReload,
            "killed before systemd read that it is gone"
        );
        assert_eq!(stand(ours(), "LoadState=masked"), GuardStatus::Masked);
        assert_eq!(stand(DropIn::Absent, "LoadState=masked"), GuardStatus::NotInstalled);
        let read = format!("RefuseManualStop=yes\nDropInPaths={}", lifted.path);
        assert_eq!(stand(DropIn::Absent, &read), GuardStatus::FileRemoved);
    }

    #[test]
    fn what_every_service_needs_is_nobody_whose_stop_is_carried_over() {
        let more = "Requires=sysinit.target system.slice docker.service\nPartOf=edge.target\nConflictedBy=nginx.service";
        assert_eq!(
            sample(DropIn::Absent, more).stop_propagated_from(),
            ["edge.target (PartOf=)", "docker.service (Requires=)", "nginx.service (ConflictedBy=)"]
        );
    }

    #[test]
    fn a_run_of_a_command_does_not_change_the_shape_and_another_command_does() {
        let exec = |path: &str, at: &str| {
            let more = format!("ExecStart={{ path={path} ; argv[]={path} ; start_time=[{at}] ; pid=7 }}");
            sample(DropIn::Absent, &more).preserved_properties()
        };
        assert_eq!(exec("/a", "now"), exec("/a", "then"));
        assert_ne!(exec("/a", "now"), exec("/b", "now"));
    }
}

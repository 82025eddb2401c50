//! The guard of a systemd unit: what its file says, what systemd has read, and what has gone around it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Known;
pub use crate::wire::drop_in::{DOCUMENTATION, NAME};
pub use crate::wire::unit::Unit;

/// What must be the same before and after the guard comes or goes: everything that tells how the unit is started,
/// reloaded and found, and nothing that changes by itself.
const SHAPE: &[&str] = &[
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
    Ours {
        /// Its folder was made for it.
        folder_made: bool,
    },
    /// haguard wrote it and somebody edited it.
    Edited,
    /// Somebody else's, of the same name.
    Foreign,
    /// It could not be read.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// systemd refuses, by haguard's file.
    InForce,
    /// systemd refuses, by another file than haguard's.
    ByAnother,
    /// The file is there, and systemd has not read it.
    NotRead,
    /// A file under /run takes it back.
    Lifted,
    /// The file is there and has been read, and systemd does not refuse: something else overrules it.
    Overruled,
    /// There is none.
    Absent,
}

impl GuardFacts {
    /// systemd refuses a manual stop or restart now.
    pub fn effective(&self) -> bool {
        self.shown.is("RefuseManualStop")
    }

    /// How things stand.
    pub fn stand(&self) -> Stand {
        match (self.effective(), &self.file) {
            (true, DropIn::Ours { .. }) => Stand::InForce,
            (true, _) => Stand::ByAnother,
            (false, DropIn::Absent) => Stand::Absent,
            (false, _) if !self.lifted_by.is_empty() => Stand::Lifted,
            (false, _) if self.needs_daemon_reload() => Stand::NotRead,
            (false, _) => Stand::Overruled,
        }
    }

    /// A file of the unit was written and systemd has not read it.
    pub fn needs_daemon_reload(&self) -> bool {
        self.shown.is("NeedDaemonReload") || !self.unread.is_empty()
    }

    /// How often systemd has started it again by itself.
    pub fn restarts(&self) -> Known<u32> {
        let said = self.shown.get("NRestarts");
        match said.parse() {
            Ok(count) => Known::Seen(count),
            Err(_) => Known::unknown(format!("systemd does not count the restarts of {}", self.unit)),
        }
    }

    /// The settings that the guard's coming and going must leave alone.
    pub fn shape(&self) -> BTreeMap<String, String> {
        let lasting = |name: &&&str| (**name).to_owned();
        SHAPE.iter().map(|name| (lasting(&name), settled(self.shown.get(name)))).collect()
    }
}

impl DropIn {
    /// The public name of its state.
    pub fn word(&self) -> &'static str {
        match self {
            DropIn::Absent => "absent",
            DropIn::Ours { .. } => "ours",
            DropIn::Edited => "edited",
            DropIn::Foreign => "foreign",
            DropIn::Unreadable { .. } => "unreadable",
        }
    }
}

impl Stand {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Stand::InForce => "in force",
            Stand::ByAnother => "in force, by another file than haguard's",
            Stand::NotRead => "not effective: its file is there, and systemd has not read it",
            Stand::Lifted => "not effective: lifted by a file under /run",
            Stand::Overruled => "not effective: another file overrules it",
            Stand::Absent => "not installed",
        }
    }
}

/// A command of a unit without what systemd notes down about its last run.
fn settled(value: &str) -> String {
    let lines = value.lines().map(|line| line.split(" ; start_time=").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::wire::unit;

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
            unread: Vec::new(),
            environment_edited: Vec::new(),
        }
    }

    #[test]
    fn a_file_alone_is_no_guard() {
        let ours = || DropIn::Ours { folder_made: true };
        let stand = |file, more| sample(file, more).stand();
        assert_eq!(stand(ours(), "RefuseManualStop=yes"), Stand::InForce);
        assert_eq!(stand(DropIn::Absent, "RefuseManualStop=yes"), Stand::ByAnother);
        assert_eq!(stand(ours(), "NeedDaemonReload=yes"), Stand::NotRead);
        assert_eq!(stand(ours(), ""), Stand::Overruled);
        assert_eq!(stand(DropIn::Absent, ""), Stand::Absent);
        let lifted = GuardFacts { lifted_by: vec!["/run/x".into()], ..sample(ours(), "") };
        assert_eq!(lifted.stand(), Stand::Lifted);
    }

    #[test]
    fn a_run_of_a_command_does_not_change_the_shape_and_another_command_does() {
        let exec = |path: &str, at: &str| {
            let more = format!("ExecStart={{ path={path} ; argv[]={path} ; start_time=[{at}] ; pid=7 }}");
            sample(DropIn::Absent, &more).shape()
        };
        assert_eq!(exec("/a", "now"), exec("/a", "then"));
        assert_ne!(exec("/a", "now"), exec("/b", "now"));
    }
}

//! A systemd unit, as `systemctl show` prints its properties.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What haguard asks of a unit, by systemd's own names.
pub const PROPERTIES: &[&str] = &[
    "ActiveState",
    "BindsTo",
    "CanReload",
    "CanStart",
    "CanStop",
    "ConflictedBy",
    "ControlGroup",
    "Documentation",
    "DropInPaths",
    "EnvironmentFiles",
    "ExecMainStartTimestampMonotonic",
    "ExecReload",
    "ExecStart",
    "FragmentPath",
    "Id",
    "LoadState",
    "MainPID",
    "NRestarts",
    "Names",
    "NeedDaemonReload",
    "PartOf",
    "RefuseManualStart",
    "RefuseManualStop",
    "Requires",
    "Restart",
    "StopPropagatedFrom",
    "SubState",
    "TriggeredBy",
    "Type",
    "UnitFileState",
    "User",
];

/// A unit's properties; what systemd did not print is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Property to value, as printed: lists have blanks between their members, yes and no are words.
    pub properties: BTreeMap<String, String>,
}

impl Unit {
    /// One property.
    pub fn get(&self, name: &str) -> &str {
        self.properties.get(name).map_or("", String::as_str)
    }

    /// A property that is yes or no.
    pub fn is_yes(&self, name: &str) -> bool {
        self.get(name) == "yes"
    }

    /// A property that is a list.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).split_whitespace().collect()
    }

    /// A property that is a list whose members may hold anything: systemd quotes those that a shell would split or
    /// change, such as a path with an escaped character.
    pub fn quoted_list(&self, name: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quoted = false;
        let mut letters = self.get(name).chars();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                '\\' if quoted => word.get_or_insert_default().extend(letters.next()),
                letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
                letter => word.get_or_insert_default().push(letter),
            }
        }
        words.extend(word);
        words
    }

    /// The files that it reads environment variables from: a path on each line, with its option behind it.
    pub fn environment_files(&self) -> Vec<&str> {
        let lines = self.get("EnvironmentFiles").lines();
        lines.map(|line| line.rsplit_once(" (").map_or(line, |(path, _)| path)).collect()
    }

    /// The process that systemd calls the service's own; none when nothing runs.
    pub fn main_pid(&self) -> Option<u32> {
        self.get("MainPID").parse().ok().filter(|pid| *pid != 0)
    }

    /// systemd has a file of it, and could read it.
    pub fn is_loaded(&self) -> bool {
        self.get("LoadState") == "loaded"
    }
}

/// Reads what `systemctl show` prints of one unit or, with an empty line between them, of several.
pub fn parse(text: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut unit = Unit::default();
    for line in text.lines() {
        match line.split_once('=') {
            Some((name, value)) => {
                // A property that can be there several times, such as ExecStart, is printed once for each.
                let stored = unit.properties.entry(name.to_owned()).or_default();
                if !stored.is_empty() {
                    stored.push('\n');
                }
                stored.push_str(value);
            }
            None if line.is_empty() && !unit.properties.is_empty() => units.push(std::mem::take(&mut unit)),
            None => {}
        }
    }
    if !unit.properties.is_empty() {
        units.push(unit);
    }
    units
}

/// Something that systemd was asked to do and has not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The number that systemd gave it.
    pub id: u32,
    /// The unit.
    pub unit: String,
    /// What is to be done, such as `restart`.
    pub kind: String,
    /// Begun; one that waits for another job has not touched its unit.
    pub running: bool,
}

/// Reads what `systemctl list-jobs --plain --no-legend` prints; none where a line of it is something else.
pub fn parse_jobs(text: &str) -> Option<Vec<Job>> {
    let job = |line: &str| {
        let [id, unit, kind, state] = line.split_whitespace().collect::<Vec<_>>().try_into().ok()?;
        let (unit, kind): (&str, &str) = (unit, kind);
        Some(Job { id: id.parse().ok()?, unit: unit.into(), kind: kind.into(), running: state == "running" })
    };
    text.lines().filter(|line| !line.trim().is_empty() && *line != "No jobs running.").map(job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "\\PC{0,120}(=\\PC{0,40}\n)?") {
            let _ = parse_jobs(&text);
            let units = parse(&text);
            let _ = units.iter().flat_map(|unit| unit.properties.keys().map(|name| unit.quoted_list(name))).count();
        }
    }

    #[test]
    fn properties_in_any_order_and_unknown_ones() {
        let text = "LoadState=loaded\nControlGroup=/system.slice/haproxy.service\nX=1\nMainPID=42\nCanStop=no\n\n\
                    MainPID=0\nDropInPaths=/a /b\nExecStart={ a }\nExecStart={ b }\n";
        let units = parse(text);
        assert_eq!(units.len(), 2);
        assert_eq!(units[0].main_pid(), Some(42));
        assert_eq!(units[0].get("ControlGroup"), "/system.slice/haproxy.service");
        assert!(units[0].is_loaded() && !units[0].is_yes("CanStop") && !units[1].is_loaded());
        assert_eq!(units[1].main_pid(), None);
        assert_eq!(units[1].list("DropInPaths"), ["/a", "/b"]);
        assert_eq!(units[1].get("ExecStart"), "{ a }\n{ b }");
        assert_eq!(parse("garbage"), []);
        let files = "EnvironmentFiles=/etc/default/haproxy (ignore_errors=yes)\nEnvironmentFiles=/a b (c) (ignore_errors=no)";
        assert_eq!(parse(files)[0].environment_files(), ["/etc/default/haproxy", "/a b (c)"]);
    }

    #[test]
    fn jobs_are_read_and_words_in_their_place_are_not_taken_for_none() {
        let found = parse_jobs("1234 haproxy.service restart waiting\n  7 slow.service    start   running\n")
            .unwrap();
        let jobs: Vec<_> =
            found.iter().map(|j| (j.id, j.unit.as_str(), j.kind.as_str(), j.running)).collect();
        assert_eq!(jobs, [(1234, "haproxy.service", "restart", false), (7, "slow.service", "start", true)]);
        assert_eq!((parse_jobs(""), parse_jobs("No jobs running.\n")), (Some(Vec::new()), Some(Vec::new())));
        assert_eq!(parse_jobs("x haproxy.service restart waiting\n"), None);
    }

    #[test]
    fn members_with_escapes_come_out_as_they_are() {
        let unit = &parse(r#"DropInPaths=/a "/etc/web@a\\x2db.service.d/x y.conf""#)[0];
        assert_eq!(unit.quoted_list("DropInPaths"), ["/a", r"/etc/web@a\x2db.service.d/x y.conf"]);
        assert_eq!(unit.quoted_list("Documentation"), Vec::<String>::new());
    }
}

//! What a service's unit says of its start, as `busctl --json` prints the properties: exact where `systemctl show` puts
//! the words of a command behind each other.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is asked, in the order in which it is answered. Every systemd since 244 has them.
pub const PROPERTIES: &[&str] = &[
    "ExecStartEx",
    "ExecStartPreEx",
    "Environment",
    "EnvironmentFiles",
    "PassEnvironment",
    "UnsetEnvironment",
    "User",
    "Group",
    "SupplementaryGroups",
    "DynamicUser",
    "NoNewPrivileges",
    "CapabilityBoundingSet",
    "AmbientCapabilities",
    "WorkingDirectory",
    "RuntimeDirectory",
    "RuntimeDirectoryPreserve",
    "PrivateTmp",
    "PIDFile",
];

/// Its limits by systemd's names; each has a second property, with `Soft` behind it.
pub const LIMITS: &[&str] = &["NOFILE", "NPROC", "AS", "DATA", "STACK", "MEMLOCK", "FSIZE", "CORE"];

/// A command of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCommand {
    /// The program.
    pub path: String,
    /// Its words with its own name first, variables not put in yet.
    pub words: Vec<String>,
    /// `no-env-expand`, `privileged`, ...: systemd's own names.
    pub flags: Vec<String>,
}

/// A limit of a process: none for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// systemd's name of it, such as `NOFILE`.
    pub name: &'static str,
    /// The soft one.
    pub soft: Option<u64>,
    /// The hard one.
    pub hard: Option<u64>,
}

/// How a unit starts its service. The environment may hold secrets, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ExecSettings {
    /// `ExecStart=`: more than one for a service that is no daemon.
    pub start: Vec<ExecCommand>,
    /// `ExecStartPre=`.
    pub exec_start_pre: Vec<ExecCommand>,
    /// `Environment=`, in order.
    pub environment: Vec<(String, String)>,
    /// `EnvironmentFile=`: the path, and whether the start goes on without it.
    pub files: Vec<(String, bool)>,
    /// `PassEnvironment=`: names.
    pub passed: Vec<String>,
    /// `UnsetEnvironment=`: names, or names with values.
    pub unset: Vec<String>,
    /// `User=`, empty for root.
    pub user: String,
    /// `Group=`, empty for the user's own.
    pub group: String,
    /// `SupplementaryGroups=`.
    pub groups: Vec<String>,
    /// `DynamicUser=`: the user is made for the start.
    pub dynamic: bool,
    /// `NoNewPrivileges=`.
    pub no_new_privileges: bool,
    /// `CapabilityBoundingSet=`, a bit for each.
    pub bounding: u64,
    /// `AmbientCapabilities=`, likewise.
    pub ambient: u64,
    /// `WorkingDirectory=`: `~` is the user's home, and a `!` before it forgives one that is missing.
    pub folder: String,
    /// `RuntimeDirectory=`, below /run.
    pub runtime_directories: Vec<String>,
    /// `RuntimeDirectoryPreserve=`: without, a restart makes those folders anew.
    pub runtime_kept: bool,
    /// `PrivateTmp=`: a /tmp and a /var/tmp of its own, new at each start.
    pub private_tmp: bool,
    /// `PIDFile=`, which its process finds as the variable `PIDFILE`.
    pub pid_file: String,
    /// Its limits.
    pub limits: Vec<Limit>,
}

#[derive(Deserialize)]
struct BusReply {
    data: Value,
}

/// Reads the answers about [`PROPERTIES`] and, behind them, both of each of [`LIMITS`].
///
/// # Errors
/// When there are not as many, or one is of another kind. No value is in the message.
pub fn parse(text: &str) -> Result<ExecSettings> {
    let mut answers = BusReplies::from_text(text);
    let start = exec_commands(answers.next("ExecStartEx")?);
    let before = exec_commands(answers.next("ExecStartPreEx")?);
    let environment: Vec<String> = answers.next("Environment")?;
    let files = answers.next("EnvironmentFiles")?;
    let service = ExecSettings {
        start,
        exec_start_pre: before,
        environment: split_assignments(&environment),
        files,
        passed: answers.next("PassEnvironment")?,
        unset: answers.next("UnsetEnvironment")?,
        user: answers.next("User")?,
        group: answers.next("Group")?,
        groups: answers.next("SupplementaryGroups")?,
        dynamic: answers.next("DynamicUser")?,
        no_new_privileges: answers.next("NoNewPrivileges")?,
        bounding: answers.next("CapabilityBoundingSet")?,
        ambient: answers.next("AmbientCapabilities")?,
        folder: answers.next("WorkingDirectory")?,
        runtime_directories: answers.next("RuntimeDirectory")?,
        runtime_kept: answers.next::<String>("RuntimeDirectoryPreserve")? != "no",
        private_tmp: answers.next("PrivateTmp")?,
        pid_file: answers.next("PIDFile")?,
        limits: Vec::new(),
    };
    let limit = |name: &&'static str, answers: &mut BusReplies| -> Result<Limit> {
        // Without a limit systemd says the highest number.
        let mut one =
            || Ok::<_, anyhow::Error>(Some(answers.next(name)?).filter(|limit: &u64| *limit != u64::MAX));
        Ok(Limit { name, hard: one()?, soft: one()? })
    };
    let limits = LIMITS.iter().map(|name| limit(name, &mut answers)).collect::<Result<_>>()?;
    Ok(ExecSettings { limits, ..service })
}

/// What is asked of systemd itself, in the order in which it is answered.
pub const MANAGER_PROPERTIES: &[&str] = &["Version", "Environment"];

/// systemd itself. Its environment may hold secrets, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ManagerSettings {
    /// The first number of its version.
    pub version: u32,
    /// What it gives to every service.
    pub environment: Vec<(String, String)>,
}

/// Reads the answers about [`MANAGER_PROPERTIES`].
///
/// # Errors
/// As those of [`parse`].
pub fn parse_manager(text: &str) -> Result<ManagerSettings> {
    let mut answers = BusReplies::from_text(text);
    let version: String = answers.next("Version")?;
    let number = version.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|n| n.parse().ok());
    let environment: Vec<String> = answers.next("Environment")?;
    Ok(ManagerSettings {
        version: number.context("Version is no number")?,
        environment: split_assignments(&environment),
    })
}

/// A unit's name as a part of a path on the bus: what is neither letter nor digit by its number.
pub fn bus_label(unit: &str) -> String {
    let mut text = String::new();
    for (index, byte) in unit.bytes().enumerate() {
        match byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && index > 0) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("_{byte:02x}")),
        }
    }
    text
}

struct BusReplies(std::vec::IntoIter<String>);

impl BusReplies {
    fn from_text(text: &str) -> Self {
        BusReplies(text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter())
    }

    fn next<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        let Some(line) = self.0.next() else { bail!("there is no answer about {name}") };
        let value = serde_json::from_str::<BusReply>(&line).ok().map(|line| line.data);
        // What serde would say of it may repeat it.
        value
            .and_then(|value| T::deserialize(value).ok())
            .with_context(|| format!("{name} is not as expected"))
    }
}

type RawExecCommand = (String, Vec<String>, Vec<String>, u64, u64, u64, u64, u32, i32, i32);

fn exec_commands(raw: Vec<RawExecCommand>) -> Vec<ExecCommand> {
    raw.into_iter().map(|(path, words, flags, ..)| ExecCommand { path, words, flags }).collect()
}

fn split_assignments(all: &[String]) -> Vec<(String, String)> {
    let pair = |one: &String| one.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    all.iter().filter_map(pair).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What systemd 257 said of a unit.
    pub(crate) fn bus_replies() -> String {
        let mut text = [
            r#"[["/bin/echo",["/bin/echo","a b","$X","c\"d"],["no-env-expand"],0,0,0,0,0,0,0]]"#,
            "[]",
            r#"["A=1 2","B=x=y","G=new\nline"]"#,
            r#"[["/etc/default/*",true],["/etc/a b (c)",false]]"#,
            r#"["LANG"]"#,
            r#"["B=x"]"#,
            r#""haproxy""#,
            r#""""#,
            r#"["adm"]"#,
            "false",
            "true",
            "2199023255551",
            "1024",
            r#""!~""#,
            r#"["edge"]"#,
            r#""no""#,
            "true",
            r#""/run/edge.pid""#,
        ]
        .map(|data| format!("{{\"type\":\"x\",\"data\":{data}}}\n"))
        .concat();
        for _ in LIMITS {
            text.push_str("{\"type\":\"t\",\"data\":18446744073709551615}\n{\"type\":\"t\",\"data\":1024}\n");
        }
        text
    }

    #[test]
    fn every_word_is_kept_apart_from_its_neighbours() {
        let service = parse(&bus_replies()).unwrap();
        assert_eq!(service.start[0].words, ["/bin/echo", "a b", "$X", "c\"d"]);
        assert_eq!(service.start[0].flags, ["no-env-expand"]);
        assert_eq!(service.environment[1], ("B".into(), "x=y".into()));
        assert_eq!(service.files[1], ("/etc/a b (c)".into(), false));
        assert_eq!((service.ambient, &service.folder[..], service.dynamic), (1024, "!~", false));
        assert_eq!(service.limits[0], Limit { name: "NOFILE", soft: Some(1024), hard: None });
        assert_eq!(
            (&service.runtime_directories[..], service.runtime_kept, service.private_tmp),
            (&["edge".into()][..], false, true)
        );
        assert_eq!(service.pid_file, "/run/edge.pid");
        assert_eq!(service.limits.len(), LIMITS.len());
    }

    #[test]
    fn a_units_name_is_a_part_of_a_path() {
        assert_eq!(bus_label("haproxy@a-1.service"), "haproxy_40a_2d1_2eservice");
        assert_eq!(bus_label("1a.service"), "_31a_2eservice");
    }

    #[test]
    fn systemd_itself_has_a_number() {
        let of = |version: &str| {
            parse_manager(&format!("{{\"data\":\"{version}\"}}\n{{\"data\":[\"LANG=C\"]}}\n"))
        };
        assert!(of("257.13-1~deb13u1").is_ok_and(|manager| manager.version == 257));
        assert!(of("252").is_ok_and(|manager| manager.environment == [("LANG".into(), "C".into())]));
        assert!(of("v257").is_err());
    }

    #[test]
    fn an_answer_of_another_kind_is_named_and_not_repeated() {
        let said = parse(&bus_replies().replace("\"A=1 2\"", "1")).err().unwrap().to_string();
        assert!(said.contains("Environment") && !said.contains("B=x"), "{said}");
        assert!(parse("").is_err() && parse_manager("[1]").is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "\\PC{0,60}(\n\\{\"data\":\\PC{0,20}\\})?") {
            let _ = parse(&text);
            let _ = parse_manager(&text);
        }
    }
}

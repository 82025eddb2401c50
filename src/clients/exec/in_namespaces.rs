//! Programs run, and names resolved, where another process lives: in its namespaces, with what it may do. A stage of our
//! own program goes there; nothing of it is executed in there but the program that was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write, stdin, stdout};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};

use super::command::{CommandOutput, Program};
use super::spawn;
use crate::clients::linux;
use crate::clients::linux::credentials::ProcessCredentials;

/// What the stage is called with in place of a program's name.
const ARGV0: &str = "haguard: visitor";
/// How the stage ends when it could not do what it was asked for; its errors say why.
const EXIT_FAILED: u8 = 125;

/// Where a process lives, as far as that is not where we live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessNamespaces {
    pid: u32,
    namespaces: BTreeMap<String, PathBuf>,
}

/// In the order in which they are entered: the root last, since all the others are found through ours.
const ENTER_ORDER: &[(&str, LinkNameSpaceType)] = &[
    ("ipc", LinkNameSpaceType::InterProcessCommunication),
    ("uts", LinkNameSpaceType::HostNameAndNISDomainName),
    ("net", LinkNameSpaceType::Network),
    ("pid", LinkNameSpaceType::ProcessID),
    ("mnt", LinkNameSpaceType::Mount),
];

impl ProcessNamespaces {
    /// Where this process lives; none where it lives where we do.
    ///
    /// # Errors
    /// When that cannot be seen, or when it is in a user namespace: what it may do there we could not do the same way.
    pub fn from_pid(pid: u32) -> Result<Option<Self>> {
        let namespaces = linux::foreign_namespaces(pid)?;
        ensure!(
            !namespaces.contains_key("user"),
            "PID {pid} is in a user namespace of its own (rootless), which haguard does not enter"
        );
        Ok((!namespaces.is_empty()).then_some(ProcessNamespaces { pid, namespaces }))
    }

    /// It numbers processes otherwise than we do: a container or a guest.
    pub fn is_container(&self) -> bool {
        self.namespaces.contains_key("pid")
    }

    /// It has a root of its own.
    pub fn has_own_root(&self) -> bool {
        self.namespaces.contains_key("mnt")
    }

    /// The kernel's name of one of its namespaces, where it is not ours.
    pub(in crate::clients) fn namespace(&self, kind: &str) -> Option<&PathBuf> {
        self.namespaces.get(kind)
    }

    /// Moves this process there, as far as the kinds go that are asked for.
    ///
    /// # Errors
    /// When the process has ended meanwhile, or the kernel refuses.
    pub(in crate::clients) fn enter(&self, kinds: &[&str]) -> Result<()> {
        // What lives there must not reach us through /proc while we still have all our rights.
        set_dumpable_behavior(DumpableBehavior::NotDumpable).context("keeping others out")?;
        let wanted = ENTER_ORDER.iter().filter(|(kind, _)| kinds.contains(kind));
        let mut doors = Vec::new();
        for (kind, of_kind) in wanted {
            let Some(name) = self.namespaces.get(*kind) else { continue };
            let path = format!("/proc/{}/ns/{kind}", self.pid);
            let door = File::open(&path).with_context(|| path.clone())?;
            let behind = std::fs::read_link(format!("/proc/self/fd/{}", door.as_raw_fd()))?;
            ensure!(behind == *name, "PID {} is another process by now", self.pid);
            doors.push((kind, *of_kind, door));
        }
        for (kind, of_kind, door) in doors {
            move_into_link_name_space(door.as_fd(), Some(of_kind))
                .with_context(|| format!("entering the {kind} namespace of PID {}", self.pid))?;
        }
        Ok(())
    }
}

/// What is done there.
#[derive(Clone, Serialize, Deserialize)]
enum NamespaceTask {
    /// A program is run.
    Run {
        program: String,
        arguments: Vec<String>,
        environment: BTreeMap<String, String>,
        folder: Option<PathBuf>,
    },
    /// Names are resolved as a program there would resolve them.
    Resolve(BTreeSet<String>),
}

#[derive(Serialize, Deserialize)]
struct TaskRequest {
    place: ProcessNamespaces,
    dress: ProcessCredentials,
    task: NamespaceTask,
}

/// Every address of each name, or why there is none.
pub type ResolvedNames = BTreeMap<String, Result<BTreeSet<IpAddr>, String>>;

/// Runs a program to its end where a process lives, as that process could.
///
/// # Errors
/// When it cannot be started there, or is still running after `limit`: then it is killed.
pub fn run(
    place: &ProcessNamespaces,
    dress: &ProcessCredentials,
    program: &Program,
    limit: Duration,
) -> Result<CommandOutput> {
    let task = NamespaceTask::Run {
        program: program.program.clone(),
        arguments: program.arguments.clone(),
        environment: program.environment.clone().unwrap_or_default(),
        folder: program.folder.clone(),
    };
    let said = execute_task(place, dress, task, limit)?;
    if said.status.code() == Some(EXIT_FAILED.into()) {
        bail!("{} where PID {} lives: {}", program.program, place.pid, said.stderr.trim());
    }
    Ok(said)
}

/// Resolves names where a process lives.
///
/// # Errors
/// When nobody can go there, or not all of them are resolved within `limit`.
pub fn resolve(
    place: &ProcessNamespaces,
    dress: &ProcessCredentials,
    names: &BTreeSet<String>,
    limit: Duration,
) -> Result<ResolvedNames> {
    let said = execute_task(place, dress, NamespaceTask::Resolve(names.clone()), limit)?;
    ensure!(said.status.success(), "resolving where PID {} lives: {}", place.pid, said.stderr.trim());
    serde_json::from_str(&said.stdout).context("the answer of our own stage")
}

fn execute_task(
    place: &ProcessNamespaces,
    dress: &ProcessCredentials,
    task: NamespaceTask,
    limit: Duration,
) -> Result<CommandOutput> {
    let order = TaskRequest { place: place.clone(), dress: dress.clone(), task };
    let stage = Program {
        program: spawn::SELF_EXE.to_owned(),
        name: Some(ARGV0.to_owned()),
        // Not in its arguments, which everybody can read: the environment may hold secrets.
        input: serde_json::to_vec(&order)?,
        new_session: true,
        ..Program::default()
    };
    stage.run(limit)
}

/// Runs the stage when this process was started as one; nothing otherwise.
pub fn run_if_helper(args: &[OsString]) -> Option<ExitCode> {
    if args.first()?.to_str()? != ARGV0 {
        return None;
    }
    Some(run_stage().unwrap_or_else(|error| {
        // It is shown to whoever asked, as what the program said.
        let _ = std::io::stderr().write_all(format!("{error:#}").as_bytes());
        ExitCode::from(EXIT_FAILED)
    }))
}

fn run_stage() -> Result<ExitCode> {
    let mut text = Vec::new();
    stdin().lock().read_to_end(&mut text).context("reading what to do")?;
    let TaskRequest { place, dress, task } = serde_json::from_slice(&text).context("what to do")?;
    // Who lives there could type into a terminal that it shares with us.
    rustix::process::setsid().context("taking a session of its own")?;
    place.enter(&["ipc", "uts", "net", "pid", "mnt"])?;
    dress.apply().context("doing as the process there")?;
    match task {
        NamespaceTask::Resolve(names) => {
            let answers: ResolvedNames = names.into_iter().map(resolve_name).collect();
            serde_json::to_writer(stdout().lock(), &answers)?;
            Ok(ExitCode::SUCCESS)
        }
        NamespaceTask::Run { program, arguments, environment, folder } => {
            let mut command = spawn::command(&program);
            command.args(arguments).env_clear().envs(environment).stdin(std::process::Stdio::null());
            if let Some(folder) = folder {
                command.current_dir(folder);
            }
            let status = command.status().with_context(|| format!("starting {program}"))?;
            let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
        }
    }
}

fn resolve_name(name: String) -> (String, Result<BTreeSet<IpAddr>, String>) {
    let found = (name.as_str(), 0).to_socket_addrs();
    let found = found.map(|found| found.map(|address| address.ip()).collect());
    let answer = found.map_err(|error| format!("{name}: {error}"));
    (name, answer)
}

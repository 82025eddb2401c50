//! The requests that helpers are started with: the first bytes on standard input, a length and that much JSON. They are no
//! arguments, because any user can read those and requests may hold secrets.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, stdin};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::spawn;
use crate::clients::linux::credentials::ProcessCredentials;
use crate::clients::linux::{Account, ProcessNamespaces};

/// What a child process does.
#[derive(Serialize, Deserialize)]
pub(in crate::clients) enum HelperRequest {
    /// Becomes a program of another user. What follows on its input is the program's.
    ExecAsUser(Account, ExecSpec),
    /// Runs a program in the namespaces of a process.
    RunInNamespaces(NamespacePlace, ExecSpec),
    /// Resolves host names in the namespaces of a process.
    ResolveInNamespaces(NamespacePlace, Vec<String>),
    /// Starts another child that reads the next request, and ends.
    Detach,
    /// Prepares to take the place of another process.
    Replace(ReplacementSpec),
    /// Takes the namespaces of a sandbox and starts its PID 1, which reads the next request.
    SandboxStage,
    /// Is PID 1 of a sandbox.
    SandboxInit(Box<SandboxSpec>),
}

/// A program to execute. It may hold secrets: never show it.
#[derive(Serialize, Deserialize)]
pub(in crate::clients) struct ExecSpec {
    pub(in crate::clients) program: String,
    pub(in crate::clients) arguments: Vec<String>,
    pub(in crate::clients) environment: BTreeMap<String, String>,
    pub(in crate::clients) folder: Option<PathBuf>,
}

/// Where a process lives, and what it may do there.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::clients) struct NamespacePlace {
    pub(in crate::clients) namespaces: ProcessNamespaces,
    pub(in crate::clients) credentials: ProcessCredentials,
}

/// A program that takes the place of a process. It may hold secrets: never show it.
#[derive(Serialize, Deserialize)]
pub struct ReplacementSpec {
    /// The process whose place it takes.
    pub like: u32,
    /// The program.
    pub program: String,
    /// Its arguments, its own name first.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
}

/// A program that is started in a sandbox. It may hold secrets: never show it.
#[derive(Clone, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Path or name.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// The folder it starts in.
    pub folder: Option<String>,
    /// The namespaces of which the sandbox is a copy; none for those of the host.
    pub place: Option<ProcessNamespaces>,
    /// The credentials of the program; none for our own.
    pub credentials: Option<ProcessCredentials>,
    /// The namespaces of the host, which the sandbox must not share: see `sandbox::host_namespaces`.
    pub host: BTreeMap<String, PathBuf>,
    /// Folders that are empty in the sandbox, each with its owner and group there; none where those stay.
    pub emptied: Vec<(String, Option<(u32, u32)>)>,
    /// The text of `/etc/hosts` in the sandbox.
    pub hosts: String,
    /// Settings under `/proc/sys/net` that are taken over from the host.
    pub sysctls: Vec<(String, String)>,
    /// Network interfaces that binds name; the sandbox has them without a link to anything.
    pub interfaces: Vec<String>,
    /// Sockets that the program inherits: descriptor and address.
    pub inherited: Vec<(i32, String)>,
}

impl HelperRequest {
    /// The bytes for the child's standard input.
    pub(in crate::clients) fn encode(&self) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(self)?;
        Ok([&(text.len() as u64).to_le_bytes()[..], &text].concat())
    }

    /// Reads one request and leaves what follows in the pipe, which std's buffered stdin would not.
    pub(super) fn receive() -> Result<Self> {
        let mut pipe = File::from(stdin().as_fd().try_clone_to_owned()?);
        let mut length = [0; 8];
        pipe.read_exact(&mut length).context("reading a request")?;
        let mut text = vec![0; usize::try_from(u64::from_le_bytes(length))?];
        pipe.read_exact(&mut text).context("reading a request")?;
        serde_json::from_slice(&text).context("reading a request")
    }
}

impl ExecSpec {
    /// The program, not started yet.
    pub(super) fn command(&self) -> Command {
        let mut command = spawn::command(&self.program);
        command.args(&self.arguments).env_clear().envs(&self.environment);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

//! A program that is executed as another user. What belongs to that user acts in that program alone: its environment can
//! name libraries that the loader of *every* program takes in, and whoever shares our session can type into our terminal.
//!
//! So none of the usual helpers stands in between. A haguard of its own, with an environment of our making, takes a
//! session of its own, gives its rights away and becomes the program; only there is the environment that was asked for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write, stderr, stdin};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use rustix::process::{Gid, Uid};
use rustix::thread;
use serde::{Deserialize, Serialize};

use super::spawn;
use crate::clients::linux::Account;

/// What it is called with in place of a program's name.
const ARGV0: &str = "haguard: as another user";
/// How it ends where it could not become the program, as a shell would; its errors say why.
const EXIT_CANNOT_EXEC: u8 = 127;

/// What to become. It may hold secrets: never show it.
#[derive(Serialize, Deserialize)]
pub(in crate::clients) struct ExecRequest {
    pub(in crate::clients) program: String,
    pub(in crate::clients) arguments: Vec<String>,
    pub(in crate::clients) environment: BTreeMap<String, String>,
    pub(in crate::clients) folder: Option<PathBuf>,
    pub(in crate::clients) account: Account,
}

/// A haguard that becomes it, not started yet. It must lead no group of processes, and its input begins with what
/// [`encode_request`] returns.
pub(in crate::clients) fn command() -> Command {
    let mut command = spawn::self_command();
    command.arg0(ARGV0).env_clear();
    command
}

/// The order as it is handed over: its length first, since the program's own input follows.
pub(in crate::clients) fn encode_request(order: &ExecRequest) -> Result<Vec<u8>> {
    // Not in its arguments, which everybody can read.
    let text = serde_json::to_vec(order)?;
    let mut words = (text.len() as u64).to_le_bytes().to_vec();
    words.extend(text);
    Ok(words)
}

/// Becomes the program when this process was started for that; nothing otherwise.
pub fn run_if_helper(args: &[OsString]) -> Option<ExitCode> {
    if args.first()? != ARGV0 {
        return None;
    }
    if let Err(error) = exec_program() {
        // It is shown to whoever asked, as what the program said.
        let _ = writeln!(stderr(), "{error:#}");
    }
    Some(ExitCode::from(EXIT_CANNOT_EXEC))
}

/// Returns only where it fails.
fn exec_program() -> Result<()> {
    let order = read_request()?;
    rustix::process::setsid().context("taking a session of its own")?;
    // This process has one thread, so that what is set for the thread is set for what it becomes.
    let Account { uid, gid, groups } = &order.account;
    let groups: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
    thread::set_thread_groups(&groups).context("taking the groups of that user's process")?;
    let (user, group) = (Uid::from_raw(*uid), Gid::from_raw(*gid));
    thread::set_thread_res_gid(group, group, group).context("becoming that group")?;
    thread::set_thread_res_uid(user, user, user).context("becoming that user")?;
    let mut command = spawn::command(&order.program);
    command.args(&order.arguments).env_clear().envs(&order.environment);
    if let Some(folder) = &order.folder {
        command.current_dir(folder);
    }
    Err(command.exec()).with_context(|| format!("starting {}", order.program))
}

/// std's stdin reads ahead, and what follows in the pipe is the program's.
fn read_request() -> Result<ExecRequest> {
    let mut pipe = File::from(stdin().as_fd().try_clone_to_owned()?);
    let mut length = [0; 8];
    pipe.read_exact(&mut length).context("reading what to start")?;
    let mut text = vec![0; usize::try_from(u64::from_le_bytes(length))?];
    pipe.read_exact(&mut text).context("reading what to start")?;
    serde_json::from_slice(&text).context("what to start")
}

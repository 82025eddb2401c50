//! Programs of the host, run to their end with a deadline.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use super::helper_request::{ExecSpec, HelperRequest};
use super::spawn::{self, command};
use crate::clients::linux::Account;
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;

/// Bytes of output that are kept; the rest is read and dropped.
const MAX_OUTPUT: u64 = 1 << 20;
/// PATH of programs that run as another user.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program to run.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Path or name.
    pub program: String,
    /// Arguments.
    pub arguments: Vec<String>,
    /// The whole environment, or ours when `None`.
    pub environment: Option<BTreeMap<String, String>>,
    /// The folder to run in.
    pub folder: Option<PathBuf>,
    /// `argv[0]`, where that is not the program's path.
    pub name: Option<String>,
    /// What it reads on its standard input; nothing where this is empty.
    pub input: Vec<u8>,
    /// The user to run as; only root may change that. The program then gets a session of its own and no environment but
    /// the one that is given.
    pub run_as: Option<Account>,
    /// It is not made the leader of a process group, so that it can start a session (setsid) by itself.
    pub new_session: bool,
}

/// What it wrote, and how it ended.
#[derive(Debug)]
pub struct CommandOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote, at most a megabyte each.
    pub stdout: String,
    /// The same for its errors.
    pub stderr: String,
}

impl Program {
    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started, or is still running after `limit`: then it and its children are killed. Also when
    /// something that it left running keeps its output open until then.
    pub fn run(&self, limit: Duration) -> Result<CommandOutput> {
        let deadline = Deadline::after(limit);
        let (mut child, input) = self.start()?;
        tracing::debug!(program = %self.program, arguments = ?self.arguments, "run");
        if let Some(mut pipe) = child.stdin.take() {
            // A program may end without reading everything.
            std::thread::spawn(move || pipe.write_all(&input));
        }
        let (stdout, stderr) = (collect_output(child.stdout.take()), collect_output(child.stderr.take()));
        let ended = wait_for_end(&child, limit);
        if !matches!(ended, Ok(true)) {
            kill_group(&child);
        }
        let status = child.wait().with_context(|| format!("waiting for {}", self.program))?;
        if !ended.with_context(|| format!("waiting for {}", self.program))? {
            bail!("{} was still running after {limit:?} and was ended", self.program);
        }
        // A process that it left running may hold its output open for ever.
        let text = |output: Receiver<Vec<u8>>| match output
            .recv_timeout(deadline.left().max(timeouts::OUTPUT_DRAIN))
        {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(_) => bail!("{} ended and left something running that holds its output", self.program),
        };
        Ok(CommandOutput { status, stdout: text(stdout)?, stderr: text(stderr)? })
    }

    /// Starts it; returns also what is to be written to its input.
    fn start(&self) -> Result<(Child, Vec<u8>)> {
        let (mut command, input) = match &self.run_as {
            None => (self.command_as_self(), self.input.clone()),
            Some(account) => {
                let request = HelperRequest::ExecAsUser(account.clone(), self.exec_spec()).encode()?;
                let mut command = spawn::self_command(spawn::HELPER_ARGV0);
                command.env_clear();
                (command, [&request[..], &self.input].concat())
            }
        };
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        let child = command.spawn().with_context(|| format!("starting {}", self.program))?;
        Ok((child, input))
    }

    fn command_as_self(&self) -> Command {
        let mut command = command(&self.program);
        if let Some(name) = &self.name {
            command.arg0(name);
        }
        command.args(&self.arguments);
        if let Some(environment) = &self.environment {
            command.env_clear().envs(environment);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if !self.new_session {
            command.process_group(0);
        }
        command
    }

    /// For a helper that executes it.
    pub(super) fn exec_spec(&self) -> ExecSpec {
        let usual = || [("PATH".to_owned(), SEARCH_PATH.to_owned())].into();
        ExecSpec {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            environment: self.environment.clone().unwrap_or_else(usual),
            folder: self.folder.clone(),
        }
    }
}

/// True when a child ended within `limit`.
pub(in crate::clients) fn ended_within(child: &Child, limit: Duration) -> bool {
    matches!(wait_for_end(child, limit), Ok(true))
}

/// Reads a pipe to its end in a thread.
fn collect_output(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // A broken pipe ends the output like a closed one.
            let _ = stream.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// True when the child ended in time.
fn wait_for_end(child: &Child, limit: Duration) -> Result<bool> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a PID out of range")?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).context("opening a pidfd")?;
    wait::until_ready(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(Deadline::after(limit)))
}

fn kill_group(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended between the deadline and here, or not have come to lead a group.
        let _ = kill_process_group(pid, Signal::KILL).or_else(|_| kill_process(pid, Signal::KILL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program { program: "sh".into(), arguments: vec!["-c".into(), script.into()], ..Program::default() }
    }

    #[test]
    fn output_and_status_come_back() {
        let output = shell("echo out; echo err >&2; exit 3").run(Duration::from_secs(10)).unwrap();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let output = shell("sleep 600 & echo $!; sleep 600").run(Duration::from_millis(200));
        assert!(format!("{:#}", output.unwrap_err()).contains("was still running after 200ms"));
    }

    #[test]
    fn a_program_that_leaves_another_with_its_output_is_not_waited_for() {
        // `setsid`: what is left has a group of its own, and is not ours to end.
        let output = shell("setsid sleep 5 & exit 0").run(Duration::from_millis(300));
        assert!(format!("{:#}", output.unwrap_err()).contains("holds its output"));
    }

    #[test]
    fn a_signal_to_us_does_not_end_the_wait() {
        use signal_hook::consts::SIGUSR1;
        signal_hook::flag::register(SIGUSR1, std::sync::Arc::default()).unwrap();
        // A thread's number takes a signal that only this thread then handles.
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let script = format!("for i in 1 2 3; do kill -USR1 {thread}; sleep 0.05; done; echo whole");
        assert_eq!(shell(&script).run(Duration::from_secs(20)).unwrap().stdout, "whole\n");
    }

    #[test]
    fn a_program_that_floods_does_not_block() {
        let output = shell("yes | head -c 3000000").run(Duration::from_secs(20)).unwrap();
        assert_eq!(output.stdout.len() as u64, MAX_OUTPUT);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let program = Program { program: "/nowhere/haproxy".into(), ..Program::default() };
        assert!(
            format!("{:#}", program.run(Duration::from_secs(1)).unwrap_err()).contains("/nowhere/haproxy")
        );
    }
}

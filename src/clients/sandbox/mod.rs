//! A sandbox: an isolated copy of this host for one program. Every file system is copy-on-write, the network has only
//! loopback, and PIDs start at 1. The program binds, resolves, drops privileges and loads as it would on the host, and
//! reaches nothing outside.
//!
//! Two helpers create it, since a PID namespace begins with a child: the first one takes the network, PID and IPC
//! namespaces; the second one is PID 1 in there. It enters the mount and UTS namespaces of the process that is copied
//! (a container, perhaps), mounts the overlays, moves into them and starts the program. PID 1 holds the read end of a
//! pipe whose write end only the caller has: however the caller ends, also by SIGKILL, that pipe closes, PID 1 ends,
//! and the kernel kills and unmounts the rest.
//!
//! - `loopback`: network settings and inherited sockets
//! - `netlink`: network interfaces
//! - `overlay`: file systems
//! - `stages`: what the two helpers do

mod loopback;
mod netlink;
mod overlay;
pub(super) mod stages;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags, readlinkat};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

use super::exec::command;
use super::exec::helper_request::HelperRequest;
use super::exec::spawn;
use crate::time::Deadline;
use crate::timeouts;
use crate::wire::linux::mountinfo::{self, Mount};

pub use super::exec::helper_request::SandboxSpec;
pub use loopback::INHERITED_SYSCTLS;

/// A folder that exists only in the sandbox, where every user may create sockets.
pub const SOCKET_FOLDER: &str = "/.haguard";
/// Bytes of the start-up log that are kept.
const MAX_LOG: usize = 1 << 20;

/// What the helpers report to the caller, a line of JSON each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StageEvent {
    /// PID 1 was started; its PID on the host.
    Init(u32),
    /// The file systems are mounted, and the program is started.
    Started,
    /// The program ended, with this status as a shell would say it.
    Ended(i32),
    /// The sandbox could not be created.
    Failed(String),
}

/// A sandbox in which a program runs. Dropping it ends everything in it.
#[derive(Debug)]
pub struct Sandbox {
    stage: Child,
    lifeline: Option<ChildStdin>,
    events: Receiver<StageEvent>,
    log: Arc<Mutex<Vec<u8>>>,
    log_reader: Option<JoinHandle<()>>,
    init: u32,
    ended: Option<i32>,
    /// From the call to the start of the program.
    pub set_up: Duration,
    started: Instant,
}

impl Sandbox {
    /// Creates a sandbox and starts the program in it.
    ///
    /// # Errors
    /// When this user may not make one, when the kernel refuses a part of it, or when it is not ready in time.
    pub fn start(spec: &SandboxSpec, deadline: Deadline) -> Result<Self> {
        let begun = Instant::now();
        let mut command = spawn::self_command(spawn::HELPER_ARGV0);
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut stage = command.spawn().context("starting the first helper of the sandbox")?;
        let (mut lifeline, stdout, stderr) = (stage.stdin.take(), stage.stdout.take(), stage.stderr.take());
        let log = Arc::new(Mutex::new(Vec::new()));
        let events = read_events(stdout.context("the helper has no output")?);
        let log_reader = Some(collect_log(stderr.context("the helper has no log")?, Arc::clone(&log)));
        let requests = [HelperRequest::SandboxStage, HelperRequest::SandboxInit(Box::new(spec.clone()))];
        let requests = [requests[0].encode()?, requests[1].encode()?].concat();
        let sent = lifeline.as_mut().map(|pipe| pipe.write_all(&requests));
        // Every return from here on drops, and thereby ends, the sandbox.
        let started = begun;
        let mut copy = Sandbox {
            stage,
            lifeline,
            events,
            log,
            log_reader,
            init: 0,
            ended: None,
            set_up: Duration::ZERO,
            started,
        };
        // A helper's own error says more than a broken pipe.
        let ready = copy.wait_until_ready(deadline);
        if ready.is_ok() {
            sent.context("the helper has no input")?.context("sending the request")?;
        }
        ready?;
        copy.started = Instant::now();
        copy.set_up = copy.started - begun;
        Ok(copy)
    }

    fn wait_until_ready(&mut self, deadline: Deadline) -> Result<()> {
        let mut started = false;
        // Two processes report, in any order.
        while !started || self.init == 0 {
            match self.events.recv_timeout(deadline.left()) {
                Ok(StageEvent::Init(pid)) => self.init = pid,
                Ok(StageEvent::Started) => started = true,
                Ok(StageEvent::Failed(why)) => bail!("{why}"),
                // The program may end before the first helper has reported the PID of the second.
                Ok(StageEvent::Ended(code)) if started => self.ended = Some(code),
                Ok(StageEvent::Ended(code)) => bail!("it ended with {code} before the program was started"),
                Err(RecvTimeoutError::Timeout) => bail!("it was not ready in time"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("its helpers ended without an answer: {}", self.log().trim())
                }
            }
        }
        Ok(())
    }

    /// A path in the sandbox, as the caller can open it.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init)).join(inside.trim_start_matches('/'))
    }

    /// How the program ended, as a shell would say it, where it has.
    pub fn exit_status(&mut self) -> Option<i32> {
        while let (None, Ok(event)) = (self.ended, self.events.try_recv()) {
            if let StageEvent::Ended(code) = event {
                self.ended = Some(code);
            }
        }
        self.ended
    }

    /// Time since the program was started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends everything in the sandbox and returns what the program has written, at most 1 MiB.
    pub fn stop(mut self) -> String {
        drop(self.lifeline.take());
        // The pipe of its log closes with the last process.
        if let Some(reader) = self.log_reader.take() {
            let _ = reader.join();
        }
        self.log()
    }

    /// What the program has written so far.
    pub fn log(&self) -> String {
        let bytes = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // PID 1 ends when this pipe closes; the first stage ends with it.
        drop(self.lifeline.take());
        let pid = i32::try_from(self.stage.id()).ok().and_then(Pid::from_raw);
        if !command::ended_within(&self.stage, timeouts::SANDBOX_STOP)
            && let Some(pid) = pid
        {
            // They may have ended between the look and here. The first process is no other's number while its parent
            // lives.
            let init = i32::try_from(self.init).ok().and_then(Pid::from_raw);
            let _ = init.map(|init| kill_process(init, Signal::KILL));
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.stage.wait();
    }
}

/// The namespaces of this process that a sealed copy has of its own, by kind.
///
/// # Errors
/// When /proc does not tell.
pub fn host_namespaces() -> Result<BTreeMap<String, PathBuf>> {
    ProcFolder::open()?.namespaces()
}

/// The /proc of the host, opened before the helper enters a mount namespace whose /proc does not list it.
struct ProcFolder(OwnedFd);

impl ProcFolder {
    fn open() -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(ProcFolder(rustix::fs::open("/proc", flags, Mode::empty()).context("opening /proc")?))
    }

    fn namespaces(&self) -> Result<BTreeMap<String, PathBuf>> {
        let link = |kind: &str| {
            let path = format!("self/ns/{kind}");
            let name =
                readlinkat(&self.0, path.as_str(), Vec::new()).with_context(|| format!("/proc/{path}"))?;
            Ok((kind.to_owned(), PathBuf::from(name.to_string_lossy().into_owned())))
        };
        ["mnt", "net", "pid", "ipc", "uts"].into_iter().map(link).collect()
    }

    /// What is mounted where this process is now.
    fn mounts(&self) -> Result<Vec<Mount>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.0, "self/mountinfo", flags, Mode::empty());
        let mut text = String::new();
        std::fs::File::from(file.context("opening /proc/self/mountinfo")?)
            .read_to_string(&mut text)
            .context("reading /proc/self/mountinfo")?;
        Ok(mountinfo::parse(&text))
    }
}

fn read_events(stream: impl Read + Send + 'static) -> Receiver<StageEvent> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Ok(event) = serde_json::from_slice(line.as_bytes())
                && sender.send(event).is_err()
            {
                return;
            }
        }
    });
    receiver
}

fn collect_log(mut stream: impl Read + Send + 'static, log: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut chunk) {
            let mut bytes = log.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MAX_LOG.saturating_sub(bytes.len()).min(count);
            bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
        }
    })
}

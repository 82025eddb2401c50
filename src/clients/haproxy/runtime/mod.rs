//! The blocking client of HAProxy's runtime and master sockets.
//!
//! Behaviour of HAProxy 2.6 to 3.4, as measured:
//! - A worker's own socket answers one line of commands and closes. Severities are switched on first, since
//!   only they distinguish a refusal from data.
//! - The master keeps the connection open until the client half-closes. **Half-closing before the answer is there
//!   loses one of the master's ten connections for good when the worker asked for is gone** (2.8 and newer, a few in
//!   a hundred, until the next reload); after ten of those the master accepts no connection. So the master's answer is
//!   read first, then comes the half-close, then the rest up to the end.
//! - After `@!PID` only one command goes to the worker, so each is asked on a connection of its own.
//! - A worker that is stopped keeps a master's connection until it goes on; closing ours does not free it.
//!
//! Questions and changes are two types: `ask` sends only a [`ReadOnlyCommand`], `WorkerChannel::change` only a
//! [`RuntimeChange`].
//!
//! The deadline holds for the whole exchange, from connecting to the last byte.
//!
//! - `batching`: several commands in one line
//! - `commands`: the commands that change a worker
//! - `error`: what can go wrong, and its remedy
//! - `pid_translation`: PIDs of HAProxy in a container
//! - `read_only`: the commands that change nothing
//! - `reload`: `reload` and `show startup-logs` of the master
//! - `send`: sends changes and reads their results
//! - `worker_channel`: one worker, directly or through its master

mod batching;
pub mod commands;
mod error;
mod pid_translation;
mod read_only;
mod reload;
mod send;
mod worker_channel;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt};

use crate::clients::linux::{self, PidTranslation, RootedPath};
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::runtime::response::{self, Refused};
use batching::{SEVERITY_COMMAND, batch, join_commands};
pub use commands::ChangeError;
pub use commands::RuntimeChange;
pub use error::RuntimeSocketError;
pub use read_only::{NotReadOnly, ReadOnlyCommand};
pub use send::RuntimeWriter;
pub use worker_channel::WorkerChannel;

/// Largest answer that is taken. 1000 backends of three servers make 1.4 MB, so this is two hundred times that.
pub const RESPONSE_CAP: usize = 256 * 1024 * 1024;

/// One socket in the file system. Every question is a connection of its own.
#[derive(Debug, Clone)]
pub struct RuntimeSocket {
    path: PathBuf,
    timeout: Duration,
    calls: Arc<AtomicU32>,
    cap: usize,
    pid_translation: PidTranslation,
}

/// Which side closes after the answer. A worker answers the severity command first, with an empty line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ConnectionClose {
    /// A worker's socket closes by itself.
    HAProxy,
    /// The master waits for our half-close, which must not come before the answer.
    Client,
    /// The same for an answer of one line, which 2.6 does not always close with an empty one.
    ClientAfterLine,
}

/// What is sent, and what of it may be logged.
#[derive(Clone, Copy)]
struct RuntimeRequest<'a> {
    text: &'a str,
    shown: &'a str,
}

impl<'a> From<&'a str> for RuntimeRequest<'a> {
    /// A question holds nothing that may not be seen.
    fn from(text: &'a str) -> Self {
        RuntimeRequest { text, shown: text }
    }
}

impl RuntimeSocket {
    /// A socket at `path`; `timeout` holds for each exchange as a whole, and each one adds 1 to `calls`.
    ///
    /// A path through `/proc/PID/root` leads to a HAProxy that may number its processes otherwise than we do. What
    /// comes and goes here is in our own numbers; see [`RuntimeSocket::processes`], [`WorkerChannel::info`] and
    /// [`RuntimeSocket::via_master`].
    pub fn new(path: impl Into<PathBuf>, timeout: Duration, calls: Arc<AtomicU32>) -> Self {
        let path = path.into();
        RuntimeSocket {
            pid_translation: PidTranslation::for_path(&path),
            path,
            timeout,
            calls,
            cap: RESPONSE_CAP,
        }
    }

    /// The same socket, with another largest answer than [`RESPONSE_CAP`].
    pub fn with_cap(self, cap: usize) -> Self {
        RuntimeSocket { cap, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The process that made the socket listen (`SO_PEERCRED`); `None` where it lives in a PID namespace that cannot
    /// be seen from here.
    ///
    /// For a worker's socket this is the master up to 3.0, and from 3.2 on the *first* worker, which may have ended
    /// since: by itself it is no proof of who answers.
    pub fn peer_pid(&self) -> Result<Option<u32>, RuntimeSocketError> {
        let stream = self.connect(Deadline::after(self.timeout))?;
        let peer = sockopt::socket_peercred(&stream).map_err(|errno| self.io_error(errno.into()))?;
        // The kernel answers 0 for a foreign namespace, which the type calls impossible: so look at it opaquely.
        let pid = std::hint::black_box(peer.pid.as_raw_pid());
        Ok(u32::try_from(pid).ok().filter(|pid| *pid != 0))
    }

    /// Asks a worker's own socket one question.
    pub fn ask(&self, command: &str) -> Result<String, RuntimeSocketError> {
        self.ask_worker(&ReadOnlyCommand::new(command)?)?.map_err(|why| self.refused_error(command, why))
    }

    /// Asks a worker's own socket many questions, with as few connections as the answers allow.
    pub fn ask_all(&self, commands: &[String]) -> Result<Vec<Result<String, Refused>>, RuntimeSocketError> {
        let commands = require_read_only(commands)?;
        let mut answers = Vec::with_capacity(commands.len());
        for line in batch(&commands) {
            match line {
                [only] => answers.push(self.ask_worker(only)?),
                several => answers.extend(self.ask_line(several)?),
            }
        }
        Ok(answers)
    }

    /// Asks the master itself, such as `show proc`. One that executes itself again closes what it had accepted without
    /// a word; a question can be asked again.
    pub fn ask_master(&self, command: &str) -> Result<String, RuntimeSocketError> {
        let question = ReadOnlyCommand::new(command)?;
        let text = wait::until(Deadline::after(timeouts::MASTER_REEXEC), timeouts::CONNECT_RETRY, || {
            let answer = self.exchange(question.as_str().into(), ConnectionClose::Client);
            match answer.and_then(|text| self.complete_response(text)) {
                Err(error @ RuntimeSocketError::ConnectionClosed { received: 0, .. }) => {
                    ControlFlow::Continue(error)
                }
                other => ControlFlow::Break(other),
            }
        });
        let text = text.unwrap_or_else(Err)?;
        response::classify(&text).map_err(|why| self.refused_error(command, why))
    }

    /// The worker `pid` of this master's, asked through it.
    pub fn via_master(&self, pid: u32) -> WorkerChannel {
        WorkerChannel::ViaMaster { master: self.clone(), pid }
    }

    fn ask_worker(&self, command: &ReadOnlyCommand) -> Result<Result<String, Refused>, RuntimeSocketError> {
        let line = format!("{SEVERITY_COMMAND};{}", command.as_str());
        let text = self.exchange(line.as_str().into(), ConnectionClose::HAProxy)?;
        let answer = response::single(&text).ok_or_else(|| self.cut_short_error(text.len()))?;
        Ok(response::classify(answer))
    }

    fn ask_line(
        &self,
        commands: &[ReadOnlyCommand],
    ) -> Result<Vec<Result<String, Refused>>, RuntimeSocketError> {
        let text = self.complete_response(
            self.exchange(join_commands(commands).as_str().into(), ConnectionClose::HAProxy)?,
        )?;
        match response::split(&text, commands.len()) {
            Ok(answers) => Ok(answers),
            // A value with an empty line in it, set by a rule at run time: no answer may be taken for another's.
            Err(error) => {
                tracing::debug!(socket = %self.path.display(), %error, "asking one by one");
                commands.iter().map(|command| self.ask_worker(command)).collect()
            }
        }
    }

    fn ask_via_master(
        &self,
        pid: u32,
        command: &ReadOnlyCommand,
    ) -> Result<Result<String, Refused>, RuntimeSocketError> {
        let line = format!("{} {}", self.worker_prefix(pid)?, command.as_str());
        let text = self.exchange(line.as_str().into(), ConnectionClose::Client)?;
        Ok(response::classify(&self.complete_response(text)?))
    }

    /// An answer ends with an empty line, except for the master's word that the worker is gone.
    fn complete_response(&self, text: String) -> Result<String, RuntimeSocketError> {
        let complete = is_complete(text.as_bytes()) || response::target_is_gone(&text);
        if complete { Ok(text) } else { Err(self.cut_short_error(text.len())) }
    }

    /// Sends one line (with its payload, where it has one) and reads up to the end of the connection.
    fn exchange(
        &self,
        sent: RuntimeRequest<'_>,
        closes: ConnectionClose,
    ) -> Result<String, RuntimeSocketError> {
        if self.timeout.is_zero() {
            return Err(RuntimeSocketError::NotAsked { path: self.path.clone() });
        }
        let deadline = Deadline::after(self.timeout);
        let mut stream = self.connect(deadline)?;
        self.send(&mut stream, sent.text, deadline)?;
        let mut received = Vec::new();
        let mut half_closed = closes == ConnectionClose::HAProxy;
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let Some(left) = deadline.remaining() else { return Err(self.timeout_error(received.len())) };
            stream.set_read_timeout(Some(left)).map_err(|error| self.io_error(error))?;
            match stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => received.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionReset => return Err(self.cut_short_error(received.len())),
                    _ => return Err(self.io_error(error)),
                },
            }
            if closes == ConnectionClose::HAProxy && received.first().is_some_and(|first| *first != b'\n') {
                return Err(RuntimeSocketError::NotAStatsSocket { path: self.path.clone() });
            }
            if received.len() > self.cap {
                return Err(RuntimeSocketError::TooBig { path: self.path.clone(), cap: self.cap });
            }
            // An empty line may stand inside the answer too; reading goes on to the end in any case.
            let line = closes == ConnectionClose::ClientAfterLine && received.ends_with(b"\n");
            if !half_closed && (line || is_complete(&received) || worker_is_gone(&received)) {
                half_closed = true;
                match stream.shutdown(Shutdown::Write) {
                    Err(error) if error.kind() != ErrorKind::NotConnected => return Err(self.io_error(error)),
                    _ => {}
                }
            }
        }
        // The command, not the answer: answers can hold secrets.
        tracing::debug!(socket = %self.path.display(), command = sent.shown, bytes = received.len(), "asked");
        Ok(String::from_utf8(received)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn send(
        &self,
        stream: &mut UnixStream,
        line: &str,
        deadline: Deadline,
    ) -> Result<(), RuntimeSocketError> {
        let Some(left) = deadline.remaining() else { return Err(self.timeout_error(0)) };
        stream.set_write_timeout(Some(left)).map_err(|error| self.io_error(error))?;
        // At most 16 kB, which the kernel takes in one piece.
        stream.write_all(format!("{line}\n").as_bytes()).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.timeout_error(0),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => self.cut_short_error(0),
            _ => self.io_error(error),
        })
    }

    /// Connects, and waits while the queue of the socket is full or its master executes itself again.
    fn connect(&self, deadline: Deadline) -> Result<UnixStream, RuntimeSocketError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let reexec = Deadline::after(timeouts::MASTER_REEXEC);
        // std connects to a UNIX socket without a deadline and would wait for ever at a full queue; a non-blocking
        // connect is done or says EAGAIN at once.
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|errno| self.io_error(errno.into()))?;
        let connected = wait::until(deadline, timeouts::CONNECT_RETRY, || match self.try_connect(&socket) {
            Err(busy @ RuntimeSocketError::Busy { .. }) => ControlFlow::Continue(busy),
            Err(none @ RuntimeSocketError::NoListener { .. }) if !reexec.left().is_zero() => {
                ControlFlow::Continue(none)
            }
            other => ControlFlow::Break(other),
        });
        connected.unwrap_or_else(Err)?;
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false).map_err(|error| self.io_error(error))?;
        Ok(stream)
    }

    fn try_connect(&self, socket: &OwnedFd) -> Result<(), RuntimeSocketError> {
        let path = || self.path.clone();
        // Held only until it is connected to: a master that reloads makes another one.
        let held = RootedPath::open_in_other_root(&self.path);
        let held = held.map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => RuntimeSocketError::Missing { path: path() },
            ErrorKind::PermissionDenied => RuntimeSocketError::Denied { path: path() },
            _ => self.io_error(error),
        })?;
        let address = self.address(held.as_ref())?;
        match rustix::io::retry_on_intr(|| connect(socket, &address)) {
            Ok(()) => Ok(()),
            Err(Errno::AGAIN) => Err(RuntimeSocketError::Busy { path: path(), waited: self.timeout }),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(RuntimeSocketError::Missing { path: path() }),
            Err(Errno::ACCESS | Errno::PERM) => Err(RuntimeSocketError::Denied { path: path() }),
            Err(Errno::PROTOTYPE) => Err(RuntimeSocketError::NotASocket { path: path() }),
            // The kernel says the same of a stale socket and of a file that never was one.
            Err(Errno::CONNREFUSED) if !self.is_socket() => {
                Err(RuntimeSocketError::NotASocket { path: path() })
            }
            Err(Errno::CONNREFUSED) => Err(RuntimeSocketError::NoListener { path: path() }),
            Err(errno) => Err(self.io_error(errno.into())),
        }
    }

    fn address(&self, held: Option<&RootedPath>) -> Result<SocketAddrUnix, RuntimeSocketError> {
        let path = held.map_or_else(|| self.path.clone(), RootedPath::path);
        SocketAddrUnix::new(&path).map_err(|errno| match errno {
            Errno::NAMETOOLONG => RuntimeSocketError::PathTooLong { path },
            other => self.io_error(other.into()),
        })
    }

    fn is_socket(&self) -> bool {
        use std::os::unix::fs::FileTypeExt;
        linux::metadata(&self.path).is_ok_and(|seen| seen.file_type().is_socket())
    }

    fn refused_error(&self, command: &str, why: Refused) -> RuntimeSocketError {
        RuntimeSocketError::Refused { path: self.path.clone(), command: command.to_owned(), why }
    }

    fn timeout_error(&self, received: usize) -> RuntimeSocketError {
        let (path, waited) = (self.path.clone(), self.timeout);
        if received == 0 {
            RuntimeSocketError::NoResponse { path, waited }
        } else {
            RuntimeSocketError::IncompleteResponse { path, waited, received }
        }
    }

    fn cut_short_error(&self, received: usize) -> RuntimeSocketError {
        RuntimeSocketError::ConnectionClosed { path: self.path.clone(), received }
    }

    fn io_error(&self, source: std::io::Error) -> RuntimeSocketError {
        RuntimeSocketError::Io { path: self.path.clone(), source }
    }
}

/// Checks every command before the first one is sent.
fn require_read_only(commands: &[String]) -> Result<Vec<ReadOnlyCommand>, NotReadOnly> {
    commands.iter().map(|command| ReadOnlyCommand::new(command)).collect()
}

fn is_complete(received: &[u8]) -> bool {
    received == b"\n" || received.ends_with(b"\n\n")
}

/// Whether the master answered that the worker is gone; that answer is short.
fn worker_is_gone(received: &[u8]) -> bool {
    received.len() < 200 && std::str::from_utf8(received).is_ok_and(response::target_is_gone)
}

//! The blocking client of HAProxy's runtime and master sockets.
//!
//! What the wire demands, as measured on 2.6 to 3.4:
//! - A worker's own socket answers one line of commands and closes. Severities are switched on first, since
//!   nothing else tells a refusal from data.
//! - The master keeps the connection open until the client half-closes. **Half-closing before the answer is there
//!   loses one of the master's ten connections for good when the worker asked for is gone** (2.8 and newer, a few in
//!   a hundred, until the next reload); ten of those and nobody reaches that master. So the master's answer is read
//!   first, then comes the half-close, then the rest up to the end.
//! - After `@!PID` only one command goes to the worker, so each is asked on a connection of its own.
//! - A worker that is stopped keeps a master's connection until it goes on; closing ours does not free it.
//!
//! Questions and changes are two types: `ask` sends only a [`ReadOnly`], `Channel::change` only a [`Change`].
//!
//! The deadline holds for the whole exchange, from connecting to the last byte.

mod batching;
pub mod commands;
mod error;
mod pid_translation;
mod read_only;
mod reload;
mod send;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt};

use crate::clients::linux::{self, Held, Numbers};
use crate::wire::haproxy::runtime::response::{self, Refused};
use batching::{SEVERITIES, in_lines, joined};
pub use commands::Change;
pub use commands::Undone;
pub use error::AskError;
pub use read_only::{NotReadOnly, ReadOnly};

/// Largest answer that is taken. 1000 backends of three servers make 1.4 MB, so this is two hundred times that.
pub const ANSWER_CAP: usize = 256 * 1024 * 1024;

/// How long to wait before knocking again at a door whose queue is full.
const KNOCK_AGAIN: Duration = Duration::from_millis(10);

/// One socket in the file system. Every question is a connection of its own.
#[derive(Debug, Clone)]
pub struct Socket {
    path: PathBuf,
    timeout: Duration,
    calls: Arc<AtomicU32>,
    cap: usize,
    numbers: Numbers,
}

/// How long nobody may listen behind a socket that is there: a master that reloads executes itself again, and is away
/// until it has read its files.
const AWAY: Duration = Duration::from_millis(500);

/// Who closes after the answer. A worker answers the switch of severities first, with an empty line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closes {
    /// A worker's socket closes by itself.
    HAProxy,
    /// The master waits for our half-close, which must not come before the answer.
    Us,
    /// The same for an answer of one line, which 2.6 does not always close with an empty one.
    UsAfterALine,
}

/// What goes over the wire, and what may be said of it elsewhere.
#[derive(Clone, Copy)]
struct Sent<'a> {
    text: &'a str,
    shown: &'a str,
}

impl<'a> From<&'a str> for Sent<'a> {
    /// A question holds nothing that may not be seen.
    fn from(text: &'a str) -> Self {
        Sent { text, shown: text }
    }
}

impl Socket {
    /// A socket at `path`; `timeout` holds for each exchange as a whole, and each one adds 1 to `calls`.
    ///
    /// A path through `/proc/PID/root` leads to a HAProxy that may number its processes otherwise than we do. What comes
    /// and goes here is in our own numbers; see [`Socket::processes`], [`Channel::info`] and [`Socket::via_master`].
    pub fn new(path: impl Into<PathBuf>, timeout: Duration, calls: Arc<AtomicU32>) -> Self {
        let path = path.into();
        Socket { numbers: Numbers::at(&path), path, timeout, calls, cap: ANSWER_CAP }
    }

    /// The same socket, with another largest answer than [`ANSWER_CAP`].
    pub fn with_cap(self, cap: usize) -> Self {
        Socket { cap, ..self }
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
    pub fn peer_pid(&self) -> Result<Option<u32>, AskError> {
        let stream = self.connect(Instant::now() + self.timeout)?;
        let peer = sockopt::socket_peercred(&stream).map_err(|errno| self.broken(errno.into()))?;
        // The kernel answers 0 for a foreign namespace, which the type calls impossible: so look at it opaquely.
        let pid = std::hint::black_box(peer.pid.as_raw_pid());
        Ok(u32::try_from(pid).ok().filter(|pid| *pid != 0))
    }

    /// Asks a worker's own socket one question.
    pub fn ask(&self, command: &str) -> Result<String, AskError> {
        self.ask_worker(&ReadOnly::new(command)?)?.map_err(|why| self.refused(command, why))
    }

    /// Asks a worker's own socket many questions, with as few connections as the answers allow.
    pub fn ask_all(&self, commands: &[String]) -> Result<Vec<Result<String, Refused>>, AskError> {
        let commands = read_only(commands)?;
        let mut answers = Vec::with_capacity(commands.len());
        for line in in_lines(&commands) {
            match line {
                [only] => answers.push(self.ask_worker(only)?),
                several => answers.extend(self.ask_line(several)?),
            }
        }
        Ok(answers)
    }

    /// Asks the master itself, such as `show proc`. One that executes itself again closes what it had accepted without a
    /// word; a question can be asked again.
    pub fn ask_master(&self, command: &str) -> Result<String, AskError> {
        let question = ReadOnly::new(command)?;
        let away = Instant::now() + AWAY;
        let text = loop {
            let text = self.exchange(question.as_str().into(), Closes::Us).and_then(|text| self.whole(text));
            match text {
                Err(AskError::CutShort { received: 0, .. }) if Instant::now() < away => {
                    std::thread::park_timeout(KNOCK_AGAIN);
                }
                other => break other?,
            }
        };
        response::classify(&text).map_err(|why| self.refused(command, why))
    }

    /// The worker `pid` of this master's, asked through it.
    pub fn via_master(&self, pid: u32) -> Channel {
        Channel::ViaMaster { master: self.clone(), pid }
    }

    fn ask_worker(&self, command: &ReadOnly) -> Result<Result<String, Refused>, AskError> {
        let line = format!("{SEVERITIES};{}", command.as_str());
        let text = self.exchange(line.as_str().into(), Closes::HAProxy)?;
        let answer = response::single(&text).ok_or_else(|| self.cut_short(text.len()))?;
        Ok(response::classify(answer))
    }

    fn ask_line(&self, commands: &[ReadOnly]) -> Result<Vec<Result<String, Refused>>, AskError> {
        let text = self.whole(self.exchange(joined(commands).as_str().into(), Closes::HAProxy)?)?;
        match response::split(&text, commands.len()) {
            Ok(answers) => Ok(answers),
            // A value with an empty line in it, set by a rule at run time: no answer may be taken for another's.
            Err(error) => {
                tracing::debug!(socket = %self.path.display(), %error, "asking one by one");
                commands.iter().map(|command| self.ask_worker(command)).collect()
            }
        }
    }

    fn ask_through(&self, pid: u32, command: &ReadOnly) -> Result<Result<String, Refused>, AskError> {
        let line = format!("{} {}", self.to_worker(pid)?, command.as_str());
        let text = self.exchange(line.as_str().into(), Closes::Us)?;
        Ok(response::classify(&self.whole(text)?))
    }

    /// An answer ends with an empty line, except for the master's word that the worker is gone.
    fn whole(&self, text: String) -> Result<String, AskError> {
        let complete = ends(text.as_bytes()) || response::target_is_gone(&text);
        if complete { Ok(text) } else { Err(self.cut_short(text.len())) }
    }

    /// Sends one line (with its payload, where it has one) and reads up to the end of the connection.
    fn exchange(&self, sent: Sent<'_>, closes: Closes) -> Result<String, AskError> {
        if self.timeout.is_zero() {
            return Err(AskError::NotAsked { path: self.path.clone() });
        }
        let deadline = Instant::now() + self.timeout;
        let mut stream = self.connect(deadline)?;
        self.send(&mut stream, sent.text, deadline)?;
        let mut received = Vec::new();
        let mut half_closed = closes == Closes::HAProxy;
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let Some(left) = left(deadline) else { return Err(self.late(received.len())) };
            stream.set_read_timeout(Some(left)).map_err(|error| self.broken(error))?;
            match stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => received.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionReset => return Err(self.cut_short(received.len())),
                    _ => return Err(self.broken(error)),
                },
            }
            if closes == Closes::HAProxy && received.first().is_some_and(|first| *first != b'\n') {
                return Err(AskError::NoWorker { path: self.path.clone() });
            }
            if received.len() > self.cap {
                return Err(AskError::TooBig { path: self.path.clone(), cap: self.cap });
            }
            // An empty line may stand inside the answer too; reading goes on to the end in any case.
            let line = closes == Closes::UsAfterALine && received.ends_with(b"\n");
            if !half_closed && (line || ends(&received) || gone(&received)) {
                half_closed = true;
                match stream.shutdown(Shutdown::Write) {
                    Err(error) if error.kind() != ErrorKind::NotConnected => return Err(self.broken(error)),
                    _ => {}
                }
            }
        }
        // The command, not the answer: answers can hold secrets.
        tracing::debug!(socket = %self.path.display(), command = sent.shown, bytes = received.len(), "asked");
        Ok(String::from_utf8(received)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn send(&self, stream: &mut UnixStream, line: &str, deadline: Instant) -> Result<(), AskError> {
        let Some(left) = left(deadline) else { return Err(self.late(0)) };
        stream.set_write_timeout(Some(left)).map_err(|error| self.broken(error))?;
        // At most 16 kB, which the kernel takes in one piece.
        stream.write_all(format!("{line}\n").as_bytes()).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.late(0),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => self.cut_short(0),
            _ => self.broken(error),
        })
    }

    /// std connects to a UNIX socket without a deadline and would wait for ever at a full queue. A non-blocking
    /// connect is done or says `EAGAIN` at once, so that waiting stays ours.
    fn connect(&self, deadline: Instant) -> Result<UnixStream, AskError> {
        let path = || self.path.clone();
        self.calls.fetch_add(1, Ordering::Relaxed);
        let away = Instant::now() + AWAY;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|errno| self.broken(errno.into()))?;
        loop {
            // Held only until it is connected to: a master that reloads makes another one.
            let held = Held::of_another_root(&self.path);
            let held = held.map_err(|error| match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => AskError::Missing { path: path() },
                ErrorKind::PermissionDenied => AskError::Denied { path: path() },
                _ => self.broken(error),
            })?;
            match connect(&socket, &self.address(held.as_ref())?) {
                Ok(()) => break,
                Err(Errno::AGAIN) => match left(deadline) {
                    Some(left) => std::thread::park_timeout(KNOCK_AGAIN.min(left)),
                    None => return Err(AskError::Busy { path: path(), waited: self.timeout }),
                },
                Err(Errno::INTR) => {}
                Err(Errno::NOENT | Errno::NOTDIR) => return Err(AskError::Missing { path: path() }),
                Err(Errno::ACCESS | Errno::PERM) => return Err(AskError::Denied { path: path() }),
                Err(Errno::PROTOTYPE) => return Err(AskError::NotASocket { path: path() }),
                // The kernel says the same of a stale socket and of a file that never was one.
                Err(Errno::CONNREFUSED) if !self.is_socket() => {
                    return Err(AskError::NotASocket { path: path() });
                }
                Err(Errno::CONNREFUSED) => match left(deadline.min(away)) {
                    Some(left) => std::thread::park_timeout(KNOCK_AGAIN.min(left)),
                    None => return Err(AskError::Stale { path: path() }),
                },
                Err(errno) => return Err(self.broken(errno.into())),
            }
        }
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false).map_err(|error| self.broken(error))?;
        Ok(stream)
    }

    fn address(&self, held: Option<&Held>) -> Result<SocketAddrUnix, AskError> {
        let path = held.map_or_else(|| self.path.clone(), Held::path);
        SocketAddrUnix::new(&path).map_err(|errno| match errno {
            Errno::NAMETOOLONG => AskError::PathTooLong { path },
            other => self.broken(other.into()),
        })
    }

    fn is_socket(&self) -> bool {
        use std::os::unix::fs::FileTypeExt;
        linux::metadata(&self.path).is_ok_and(|seen| seen.file_type().is_socket())
    }

    fn refused(&self, command: &str, why: Refused) -> AskError {
        AskError::Refused { path: self.path.clone(), command: command.to_owned(), why }
    }

    fn late(&self, received: usize) -> AskError {
        let (path, waited) = (self.path.clone(), self.timeout);
        if received == 0 {
            AskError::Silent { path, waited }
        } else {
            AskError::Unfinished { path, waited, received }
        }
    }

    fn cut_short(&self, received: usize) -> AskError {
        AskError::CutShort { path: self.path.clone(), received }
    }

    fn broken(&self, source: std::io::Error) -> AskError {
        AskError::Broken { path: self.path.clone(), source }
    }
}

/// A way to one worker. Callers ask; how it gets there is not their business.
#[derive(Debug, Clone)]
pub enum Channel {
    /// A `stats socket` of the worker's own.
    Direct(Socket),
    /// Through the master, which passes the question on.
    ViaMaster {
        /// The master's socket.
        master: Socket,
        /// The worker's process id in our own numbers. Ask only for one that was just seen in [`Socket::processes`].
        pid: u32,
    },
}

impl Channel {
    /// Asks one question.
    pub fn ask(&self, command: &str) -> Result<String, AskError> {
        match self {
            Channel::Direct(socket) => socket.ask(command),
            Channel::ViaMaster { master, pid } => master
                .ask_through(*pid, &ReadOnly::new(command)?)?
                .map_err(|why| master.refused(&format!("@!{pid} {command}"), why)),
        }
    }

    /// Asks many questions; one answer or refusal for each, in their order.
    pub fn ask_all(&self, commands: &[String]) -> Result<Vec<Result<String, Refused>>, AskError> {
        match self {
            Channel::Direct(socket) => socket.ask_all(commands),
            Channel::ViaMaster { master, pid } => {
                read_only(commands)?.iter().map(|command| master.ask_through(*pid, command)).collect()
            }
        }
    }

    /// The socket that is connected to.
    pub fn socket(&self) -> &Socket {
        match self {
            Channel::Direct(socket) | Channel::ViaMaster { master: socket, .. } => socket,
        }
    }
}

/// Every command is judged before the first one is sent.
fn read_only(commands: &[String]) -> Result<Vec<ReadOnly>, NotReadOnly> {
    commands.iter().map(|command| ReadOnly::new(command)).collect()
}

fn left(deadline: Instant) -> Option<Duration> {
    Some(deadline.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}

fn ends(received: &[u8]) -> bool {
    received == b"\n" || received.ends_with(b"\n\n")
}

/// Whether the master has said that the worker is gone; a look at the beginning, which is all there is of it.
fn gone(received: &[u8]) -> bool {
    received.len() < 200 && std::str::from_utf8(received).is_ok_and(response::target_is_gone)
}

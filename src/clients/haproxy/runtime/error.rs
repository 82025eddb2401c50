//! What can go wrong on a socket, each with a remedy.

use std::path::PathBuf;
use std::time::Duration;

use super::read_only::NotReadOnly;
use crate::wire::haproxy::runtime::response::Refused;

/// Why there is no usable answer. Every text names the socket and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeSocketError {
    /// The command could change something, or reveal secrets.
    #[error(transparent)]
    NotReadOnly(#[from] NotReadOnly),
    /// HAProxy answered, and refused.
    #[error("{path}: `{command}`: {why}", path = path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// What was asked.
        command: String,
        /// What HAProxy said.
        why: Refused,
    },
    /// An answer that HAProxy would not give.
    #[error("{path}: {why}", path = path.display())]
    UnexpectedResponse {
        /// The socket.
        path: PathBuf,
        /// What is odd about it.
        why: String,
    },
    /// Nothing at that path.
    #[error(
        "{path}: no such socket; HAProxy is not running here, or its configuration names another path: \
         compare with its `stats socket` lines and with `-S` of its master", path = path.display()
    )]
    Missing {
        /// The socket.
        path: PathBuf,
    },
    /// Something else at that path.
    #[error("{path}: this is no socket; give the path of a `stats socket` or of the master's `-S`", path = path.display())]
    NotASocket {
        /// What was given for a socket.
        path: PathBuf,
    },
    /// What answers there does not know a worker's commands.
    #[error(
        "{path}: this is no stats socket; is it a master socket? give that with --master-socket",
        path = path.display()
    )]
    NotAStatsSocket {
        /// The socket.
        path: PathBuf,
    },
    /// Longer than the kernel allows.
    #[error("{path}: longer than a socket path may be (107 bytes); use a shorter path or a symbolic link to its folder", path = path.display())]
    PathTooLong {
        /// The socket.
        path: PathBuf,
    },
    /// The file system says no.
    #[error(
        "{path}: permission denied; run as root, or as the user and group that own the socket (ls -l)",
        path = path.display()
    )]
    Denied {
        /// The socket.
        path: PathBuf,
    },
    /// The socket exists and no process listens.
    #[error(
        "{path}: no process listens on this socket; the HAProxy that created it has ended: find the one that \
         runs and its socket", path = path.display()
    )]
    NoListener {
        /// The socket.
        path: PathBuf,
    },
    /// The queue of waiting connections is full.
    #[error(
        "{path}: all its connections are taken and {waited:?} brought no free one; a runtime socket serves 10 at \
         once unless `stats maxconn` allows more: close forgotten sessions (ss -xp)", path = path.display()
    )]
    Busy {
        /// The socket.
        path: PathBuf,
        /// How long a free one was waited for.
        waited: Duration,
    },
    /// The time for all questions was over before this socket was asked.
    #[error(
        "{path}: not asked, because the time for all questions was over; allow more with --timeout",
        path = path.display()
    )]
    NotAsked {
        /// The socket.
        path: PathBuf,
    },
    /// Connected and asked; no answer came.
    #[error(
        "{path}: connected, but no answer within {waited:?}; the process is stopped or stuck, or its 10 connections \
         are taken (ss -xp shows by which processes)", path = path.display()
    )]
    NoResponse {
        /// The socket.
        path: PathBuf,
        /// The time allowed for the exchange.
        waited: Duration,
    },
    /// The answer began and did not end in time.
    #[error(
        "{path}: the answer was not complete after {waited:?} ({received} bytes came); nothing of it is used: allow \
         more with --timeout", path = path.display()
    )]
    IncompleteResponse {
        /// The socket.
        path: PathBuf,
        /// The time allowed for the exchange.
        waited: Duration,
        /// What had come by then.
        received: usize,
    },
    /// The connection ended before the answer did.
    #[error(
        "{path}: closed in the middle of the answer ({received} bytes came); nothing of it is used: the process may \
         have ended, see what runs now and ask again", path = path.display()
    )]
    ConnectionClosed {
        /// The socket.
        path: PathBuf,
        /// What had come by then.
        received: usize,
    },
    /// More than haguard is willing to hold.
    #[error("{path}: the answer is larger than {cap} bytes and was refused; ask for less at once", path = path.display())]
    TooBig {
        /// The socket.
        path: PathBuf,
        /// The limit.
        cap: usize,
    },
    /// The connection broke in another way.
    #[error("{path}: the connection broke; see whether the process still runs", path = path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}

//! One worker, reached over a socket of its own or through its master.

use super::{ReadOnlyCommand, RuntimeSocket, RuntimeSocketError, require_read_only};
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::haproxy::runtime::response::Refused;

/// How one worker is reached.
#[derive(Debug, Clone)]
pub enum WorkerChannel {
    /// A `stats socket` of the worker's own.
    Direct(RuntimeSocket),
    /// Through the master, which passes commands on.
    ViaMaster {
        /// The master's socket.
        master: RuntimeSocket,
        /// The worker's process id in our own numbers. Ask only for one that was just seen in [`RuntimeSocket::processes`].
        pid: u32,
    },
}

impl WorkerChannel {
    /// Asks one question.
    pub fn ask(&self, command: &str) -> Result<String, RuntimeSocketError> {
        match self {
            WorkerChannel::Direct(socket) => socket.ask(command),
            WorkerChannel::ViaMaster { master, pid } => master
                .ask_via_master(*pid, &ReadOnlyCommand::new(command)?)?
                .map_err(|why| master.refused_error(&format!("@!{pid} {command}"), why)),
        }
    }

    /// Asks many questions; one answer or refusal for each, in their order.
    pub fn ask_all(&self, commands: &[String]) -> Result<Vec<Result<String, Refused>>, RuntimeSocketError> {
        match self {
            WorkerChannel::Direct(socket) => socket.ask_all(commands),
            WorkerChannel::ViaMaster { master, pid } => require_read_only(commands)?
                .iter()
                .map(|command| master.ask_via_master(*pid, command))
                .collect(),
        }
    }

    /// The socket that is connected to.
    pub fn socket(&self) -> &RuntimeSocket {
        match self {
            WorkerChannel::Direct(socket) | WorkerChannel::ViaMaster { master: socket, .. } => socket,
        }
    }

    /// Asks the worker who it is.
    ///
    /// # Errors
    /// When there is no answer, or none of a worker's, or when that process has ended.
    pub fn info(&self) -> Result<Info, RuntimeSocketError> {
        self.socket().parse_info(&self.ask("show info")?)
    }
}

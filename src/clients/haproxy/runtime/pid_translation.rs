//! What names processes by number: translated here, and only here, where the other end counts otherwise than we do.

use super::{RuntimeSocket, RuntimeSocketError};
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::haproxy::runtime::processes::ShowProc;

impl RuntimeSocket {
    /// Asks the master for its processes.
    ///
    /// # Errors
    /// When there is no answer, or when it is none of a master's.
    pub fn processes(&self) -> Result<ShowProc, RuntimeSocketError> {
        let listed = ShowProc::parse(&self.ask_master("show proc")?)
            .map_err(|why| self.unexpected_response(why.to_string()))?;
        let master = listed.master.pid;
        listed.translate_pids(|pid| self.pid_translation.to_host_pid(pid)).ok_or_else(|| {
            self.unexpected_response(format!(
                "the master calls itself {master}, and no process is that in there"
            ))
        })
    }

    /// Asks a worker's own socket who it is.
    ///
    /// # Errors
    /// When there is no answer, or none of a worker's, or when that process has ended.
    pub fn info(&self) -> Result<Info, RuntimeSocketError> {
        let info = self.ask("show info")?;
        self.parse_info(&info)
    }

    /// Asks a worker's own socket who it is, and the socket for its level, over one connection.
    ///
    /// # Errors
    /// As [`RuntimeSocket::info`]; that the level is not told is an error of its own.
    pub fn info_and_level(&self) -> Result<(Info, Result<String, RuntimeSocketError>), RuntimeSocketError> {
        let [info, level] = ["show info", "show cli level"].map(str::to_owned);
        let mut answers = self.ask_all(&[info.clone(), level.clone()])?.into_iter();
        let mut answer = |command: &str| {
            let answer = answers.next().unwrap_or_else(|| Ok(String::new()));
            answer.map_err(|why| self.refused_error(command, why))
        };
        let info = self.parse_info(&answer(&info)?)?;
        Ok((info, answer(&level)))
    }

    pub(super) fn parse_info(&self, text: &str) -> Result<Info, RuntimeSocketError> {
        let info = Info::parse(text).map_err(|why| self.unexpected_response(why.to_string()))?;
        let pid = self.pid_translation.to_host_pid(info.pid);
        let pid =
            pid.ok_or_else(|| self.unexpected_response(format!("the worker {} has ended", info.pid)))?;
        Ok(Info { pid, ..info })
    }

    fn unexpected_response(&self, why: String) -> RuntimeSocketError {
        RuntimeSocketError::UnexpectedResponse { path: self.path.clone(), why }
    }

    /// The master's own word for a worker.
    pub(super) fn worker_prefix(&self, pid: u32) -> Result<String, RuntimeSocketError> {
        let number = self.pid_translation.to_namespace_pid(pid);
        let gone = || self.unexpected_response(format!("no process of its namespace is our PID {pid}"));
        Ok(format!("@!{}", number.ok_or_else(gone)?))
    }
}

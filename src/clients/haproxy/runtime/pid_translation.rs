//! What names processes by number: translated here, and only here, where the other end counts otherwise than we do.

use super::{AskError, Channel, Socket};
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::haproxy::runtime::processes::ShowProc;

impl Socket {
    /// Asks the master for its processes.
    ///
    /// # Errors
    /// When there is no answer, or when it is none of a master's.
    pub fn processes(&self) -> Result<ShowProc, AskError> {
        let listed =
            ShowProc::parse(&self.ask_master("show proc")?).map_err(|why| self.odd(why.to_string()))?;
        let master = listed.master.pid;
        listed.renumbered(|pid| self.numbers.ours(pid)).ok_or_else(|| {
            self.odd(format!("the master calls itself {master}, and no process is that in there"))
        })
    }

    /// Asks a worker's own socket who it is.
    ///
    /// # Errors
    /// When there is no answer, or none of a worker's, or when that process has ended.
    pub fn info(&self) -> Result<Info, AskError> {
        let info = self.ask("show info")?;
        self.told(&info)
    }

    fn told(&self, text: &str) -> Result<Info, AskError> {
        let info = Info::parse(text).map_err(|why| self.odd(why.to_string()))?;
        let pid = self.numbers.ours(info.pid);
        let pid = pid.ok_or_else(|| self.odd(format!("the worker {} has ended", info.pid)))?;
        Ok(Info { pid, ..info })
    }

    fn odd(&self, why: String) -> AskError {
        AskError::Odd { path: self.path.clone(), why }
    }

    /// The master's own word for a worker.
    pub(super) fn to_worker(&self, pid: u32) -> Result<String, AskError> {
        let number = self.numbers.theirs(pid);
        let gone = || self.odd(format!("no process of its namespace is our PID {pid}"));
        Ok(format!("@!{}", number.ok_or_else(gone)?))
    }
}

impl Channel {
    /// Asks the worker who it is.
    ///
    /// # Errors
    /// When there is no answer, or none of a worker's, or when that process has ended.
    pub fn info(&self) -> Result<Info, AskError> {
        self.socket().told(&self.ask("show info")?)
    }
}

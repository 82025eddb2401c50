//! The one command of the master's that changes something, behind a door of its own.

use std::time::Duration;

use super::{ConnectionClose, RuntimeSocket, RuntimeSocketError};
use crate::clearance::Clearance;
use crate::wire::haproxy::runtime::reload::{self, ReloadResponse};

impl RuntimeSocket {
    /// Asks the master to reload and waits for its answer, `limit` at most. It is sent once and never again.
    ///
    /// The answer comes when the new worker is up or has given up, which takes as long as the configuration takes to
    /// load; 2.6 answers nothing and closes at once.
    ///
    /// # Errors
    /// When nothing came back in time, or the connection broke: the reload may be under way all the same.
    pub fn reload(
        &self,
        limit: Duration,
        _clearance: &Clearance,
    ) -> Result<ReloadResponse, RuntimeSocketError> {
        let patient = RuntimeSocket { timeout: limit, ..self.clone() };
        Ok(reload::parse(&patient.exchange("reload".into(), ConnectionClose::Client)?))
    }

    /// The log of the last start or reload, as the master keeps it from 2.7 on.
    ///
    /// # Errors
    /// When the master does not answer, or does not know the command.
    pub fn startup_log(&self) -> Result<Vec<String>, RuntimeSocketError> {
        Ok(crate::wire::haproxy::startup_log::redacted_lines(&self.ask_master("show startup-logs")?))
    }
}

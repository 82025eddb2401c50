//! Sessions of tmux and screen.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// A terminal multiplexer in which it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiplexerSession {
    /// tmux or screen.
    pub program: String,
    /// The process of its server.
    pub server: u32,
    /// Its user.
    pub uid: u32,
    /// The session's name, where it is known.
    pub session: Option<String>,
}

impl ControllerDetails for MultiplexerSession {
    fn describe(&self) -> String {
        let MultiplexerSession { program, server, uid, session } = self;
        let session = session.as_ref().map_or(String::new(), |name| format!(", session {name}"));
        format!("{program} of user {uid} (server {server}{session})")
    }

    fn pinned_names(&self) -> PinnedNames {
        let session = self.session.as_deref().map_or(String::new(), |session| format!(" {session}"));
        PinnedNames { name: Some(format!("{}{session}", self.program)), ..PinnedNames::default() }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        self.session.iter().map(|session| ("its session is", session.clone())).collect()
    }
}

//! Shells in which a process was started by hand.

use serde::{Deserialize, Serialize};

use super::ControllerDetails;

/// A shell in which it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellSession {
    /// The shell's process.
    pub shell: u32,
    /// The terminal, such as `pts/3`.
    pub tty: Option<String>,
    /// Its user.
    pub uid: u32,
    /// The address that its login came from, where it came over ssh.
    #[serde(default)]
    pub from: Option<String>,
}

impl ControllerDetails for ShellSession {
    fn describe(&self) -> String {
        let ShellSession { shell, tty, uid, from } = self;
        let tty = tty.as_ref().map_or(String::new(), |tty| format!(" on {tty}"));
        let from = from.as_ref().map_or(String::new(), |from| format!(", over ssh from {from}"));
        format!("a shell of user {uid}{tty} (PID {shell}{from})")
    }
}

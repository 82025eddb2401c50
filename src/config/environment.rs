//! The environment, read once and by name, so that nothing else depends on it.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::secret::Secret;

/// What haguard takes from its environment.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `HAGUARD_CONFIG`: the configuration file.
    pub config: Option<PathBuf>,
    /// `HAGUARD_STATE_DIR`: where the journal lives.
    pub state_dir: Option<PathBuf>,
    /// `HAGUARD_DATAPLANE_PASSWORD`.
    pub dataplane_password: Option<Secret>,
    /// `XDG_CONFIG_HOME`, or `$HOME/.config`.
    pub config_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`, or `$HOME/.local/state`.
    pub state_home: Option<PathBuf>,
    /// `DOCKER_HOST`: the daemon to ask.
    pub docker_host: Option<String>,
    /// `SUDO_USER`: the user that called sudo.
    pub sudo_user: Option<String>,
    /// `SSH_CONNECTION`, its first word: the address that the shell came from.
    pub ssh_client: Option<String>,
    /// `USER`, a label only; the uid is what counts.
    pub user: Option<String>,
    /// `NO_COLOR` is set, or `TERM` is `dumb`.
    pub no_color: bool,
}

impl Environment {
    /// Reads the process environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the environment")]
    pub fn from_process() -> Self {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// The same from any source, for tests. An empty variable counts as unset.
    pub fn from_lookup(look_up: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        let home = path("HOME");
        let under_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
        Environment {
            config: path("HAGUARD_CONFIG"),
            state_dir: path("HAGUARD_STATE_DIR"),
            dataplane_password: text("HAGUARD_DATAPLANE_PASSWORD").map(Secret::new),
            config_home: path("XDG_CONFIG_HOME").or_else(|| under_home(".config")),
            state_home: path("XDG_STATE_HOME").or_else(|| under_home(".local/state")),
            docker_host: text("DOCKER_HOST"),
            sudo_user: text("SUDO_USER"),
            ssh_client: text("SSH_CONNECTION").and_then(|v| v.split_whitespace().next().map(str::to_owned)),
            user: text("USER"),
            no_color: set("NO_COLOR").is_some() || text("TERM").as_deref() == Some("dumb"),
        }
    }
}

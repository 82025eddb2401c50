//! Settings: flag over environment over file over discovery, each value with its origin.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::environment::Environment;
use super::file::{self, FileSettings};
use crate::cli::Flags;
use crate::secret::Secret;

/// How long gathering the facts of a host may take without `--timeout`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The configuration file without `--config` and `HAGUARD_CONFIG`.
pub const SYSTEM_CONFIG: &str = "/etc/haguard/haguard.toml";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag on the command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// The configuration file.
    File(PathBuf),
    /// The documented default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag {name}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::File(path) => write!(f, "file {}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// The Data Plane API to ask, with the credentials for it.
#[derive(Debug, Clone)]
pub struct DataplaneSettings {
    /// Its address.
    pub url: Sourced<String>,
    /// The user.
    pub username: Option<Sourced<String>>,
    /// The password.
    pub password: Option<Sourced<Secret>>,
    /// The file that holds the password.
    pub password_file: Option<Sourced<PathBuf>>,
    /// The authority of its certificate.
    pub ca_file: Option<Sourced<PathBuf>>,
}

/// Every value that was configured; a `None` is discovered.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file that was read, if there was one.
    pub config_file: Option<PathBuf>,
    /// The master socket.
    pub master_socket: Option<Sourced<PathBuf>>,
    /// The admin socket.
    pub stats_socket: Option<Sourced<PathBuf>>,
    /// The configuration files of HAProxy.
    pub config: Option<Sourced<Vec<PathBuf>>>,
    /// The HAProxy binary.
    pub binary: Option<Sourced<PathBuf>>,
    /// The systemd unit.
    pub unit: Option<Sourced<String>>,
    /// The Data Plane API, if one is configured.
    pub dataplane: Option<DataplaneSettings>,
    /// Findings that are ignored.
    pub ignores: Vec<Sourced<file::Ignore>>,
    /// The architecture that was pinned.
    pub pins: Vec<file::Pin>,
    /// How long gathering facts may take.
    pub timeout: Sourced<Duration>,
    /// Where the journal lives.
    pub state_dir: Sourced<PathBuf>,
    /// The environment of this call.
    pub environment: Environment,
}

impl Settings {
    /// A socket was named, by a flag or in the file, and with it the target.
    pub fn names_a_socket(&self) -> bool {
        self.master_socket.is_some() || self.stats_socket.is_some()
    }

    /// Finds and reads the file, then lays flags and environment over it.
    ///
    /// # Errors
    /// When a file that was named cannot be read, or its text is not a valid `haguard.toml`.
    pub fn load(flags: &Flags, environment: Environment, root: bool) -> Result<Self> {
        let (config_file, file) = match config_path(flags, &environment) {
            Some(path) => {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
                (Some(path.clone()), file::parse(&text).with_context(|| format!("in {}", path.display()))?)
            }
            None => (None, FileSettings::default()),
        };
        Self::resolve(flags, environment, config_file, file, root)
    }

    /// The file that `inspect --save` writes: the one that was read, else the one that would be read.
    pub fn file_to_write(&self, root: bool) -> PathBuf {
        let personal = self.environment.config_home.as_ref().filter(|_| !root);
        let fallback =
            personal.map_or_else(|| PathBuf::from(SYSTEM_CONFIG), |home| home.join("haguard/haguard.toml"));
        self.config_file.clone().unwrap_or(fallback)
    }

    fn resolve(
        flags: &Flags,
        environment: Environment,
        config_file: Option<PathBuf>,
        file: FileSettings,
        root: bool,
    ) -> Result<Self> {
        let from_file = Origin::File(config_file.clone().unwrap_or_default());
        let sourced = |value: Option<PathBuf>, flag: Option<&PathBuf>, name: &'static str| match flag {
            Some(path) => Some(Sourced { value: path.clone(), origin: Origin::Flag(name) }),
            None => value.map(|value| Sourced { value, origin: from_file.clone() }),
        };
        let dataplane = file.dataplane.map(|table| dataplane(table, &environment, &from_file)).transpose()?;
        Ok(Settings {
            master_socket: sourced(
                file.haproxy.master_socket,
                flags.master_socket.as_ref(),
                "--master-socket",
            ),
            stats_socket: sourced(file.haproxy.stats_socket, flags.stats_socket.as_ref(), "--stats-socket"),
            config: file.haproxy.config.map(|value| Sourced { value, origin: from_file.clone() }),
            binary: file.haproxy.binary.map(|value| Sourced { value, origin: from_file.clone() }),
            unit: file.haproxy.unit.map(|value| Sourced { value, origin: from_file.clone() }),
            dataplane,
            ignores: file
                .ignore
                .into_iter()
                .map(|value| Sourced { value, origin: from_file.clone() })
                .collect(),
            pins: file.pin,
            timeout: match flags.timeout {
                Some(value) => Sourced { value, origin: Origin::Flag("--timeout") },
                None => Sourced { value: DEFAULT_TIMEOUT, origin: Origin::Default },
            },
            state_dir: state_dir(&environment, root),
            config_file,
            environment,
        })
    }
}

/// The file to read: one that was named, else the first that exists. Never one of the current folder.
fn config_path(flags: &Flags, environment: &Environment) -> Option<PathBuf> {
    if let Some(named) = flags.config.as_ref().or(environment.config.as_ref()) {
        return Some(named.clone());
    }
    let personal = environment.config_home.as_ref().map(|home| home.join("haguard/haguard.toml"));
    std::iter::once(PathBuf::from(SYSTEM_CONFIG)).chain(personal).find(|path| path.exists())
}

fn state_dir(environment: &Environment, root: bool) -> Sourced<PathBuf> {
    if let Some(path) = &environment.state_dir {
        return Sourced { value: path.clone(), origin: Origin::Environment("HAGUARD_STATE_DIR") };
    }
    let personal = environment.state_home.as_ref().filter(|_| !root).map(|home| home.join("haguard"));
    Sourced { value: personal.unwrap_or_else(|| PathBuf::from("/var/lib/haguard")), origin: Origin::Default }
}

fn dataplane(
    table: file::Dataplane,
    environment: &Environment,
    origin: &Origin,
) -> Result<DataplaneSettings> {
    let password = match (&environment.dataplane_password, &table.password_file) {
        (Some(secret), _) => {
            let origin = Origin::Environment("HAGUARD_DATAPLANE_PASSWORD");
            Some(Sourced { value: secret.clone(), origin })
        }
        (None, Some(path)) => {
            Some(Sourced { value: read_password(path)?, origin: Origin::File(path.clone()) })
        }
        (None, None) => None,
    };
    let sourced = |value| Sourced { value, origin: origin.clone() };
    Ok(DataplaneSettings {
        url: Sourced { value: table.url, origin: origin.clone() },
        username: table.username.map(|value| Sourced { value, origin: origin.clone() }),
        password,
        password_file: table.password_file.map(sourced),
        ca_file: table.ca_file.map(sourced),
    })
}

fn read_password(path: &Path) -> Result<Secret> {
    let shown = path.display();
    let mode = std::fs::metadata(path).with_context(|| format!("cannot read password_file {shown}"))?.mode();
    if mode & 0o077 != 0 {
        bail!("password_file {shown} can be read by others (mode {:03o}): chmod 600 {shown}", mode & 0o777);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read password_file {shown}"))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("password_file {shown} is empty: write the password into it");
    }
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        Environment::from_lookup(move |name| {
            pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.into())
        })
    }

    fn write(dir: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_flag_wins_over_the_file_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(&dir, "h.toml", "[haproxy]\nmaster_socket = '/a'\nstats_socket = '/b'\n", 0o644);
        let flags =
            Flags { config: Some(path.clone()), master_socket: Some("/c".into()), ..Flags::default() };
        let settings = Settings::load(&flags, environment(&[]), true).unwrap();
        assert_eq!(settings.master_socket.unwrap().origin, Origin::Flag("--master-socket"));
        assert_eq!(
            settings.stats_socket.unwrap(),
            Sourced { value: "/b".into(), origin: Origin::File(path) }
        );
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error_but_no_file_at_all_is_not() {
        let flags = Flags { config: Some("/nowhere/h.toml".into()), ..Flags::default() };
        let said = format!("{:#}", Settings::load(&flags, environment(&[]), true).unwrap_err());
        assert!(said.contains("/nowhere/h.toml"), "{said}");
        let home = tempfile::tempdir().unwrap();
        let env = environment(&[("HOME", home.path().to_str().unwrap())]);
        assert!(Settings::load(&Flags::default(), env, false).is_ok());
    }

    #[test]
    fn the_file_of_a_flag_wins_over_that_of_the_environment_and_both_over_those_that_are_searched() {
        let home = tempfile::tempdir().unwrap();
        let own = home.path().join("haguard/haguard.toml");
        std::fs::create_dir(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "").unwrap();
        let config_home = home.path().to_str().unwrap();
        let flags = Flags { config: Some("/flag".into()), ..Flags::default() };
        let named = environment(&[("HAGUARD_CONFIG", "/environment"), ("XDG_CONFIG_HOME", config_home)]);
        assert_eq!(config_path(&flags, &named), Some("/flag".into()));
        assert_eq!(config_path(&Flags::default(), &named), Some("/environment".into()));
        let system = Some(PathBuf::from(SYSTEM_CONFIG)).filter(|path| path.exists());
        let searched = environment(&[("XDG_CONFIG_HOME", config_home)]);
        assert_eq!(config_path(&Flags::default(), &searched), system.or(Some(own)));
    }

    #[test]
    fn a_password_file_that_others_can_read_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let open = write(&dir, "open", "hunter2\n", 0o644);
        let said = format!("{:#}", read_password(&open).unwrap_err());
        assert!(said.contains("chmod 600") && !said.contains("hunter2"), "{said}");
        let closed = write(&dir, "closed", "hunter2\n", 0o600);
        assert_eq!(read_password(&closed).unwrap().reveal(), "hunter2");
        assert!(read_password(&write(&dir, "empty", "\n", 0o600)).is_err());
    }

    #[test]
    fn the_state_dir_depends_on_who_calls() {
        let env = environment(&[("XDG_STATE_HOME", "/home/a/state")]);
        assert_eq!(state_dir(&env, false).value, PathBuf::from("/home/a/state/haguard"));
        assert_eq!(state_dir(&env, true).value, PathBuf::from("/var/lib/haguard"));
        let env = environment(&[("HAGUARD_STATE_DIR", "/s"), ("XDG_STATE_HOME", "/h")]);
        assert_eq!(state_dir(&env, true).value, PathBuf::from("/s"));
    }
}

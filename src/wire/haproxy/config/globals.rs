//! Process-wide settings and the state file.

use super::defaults::SectionWithDefaults;
use super::{Config, Line, SourceLocation};

/// What the `global` sections say about the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GlobalSettings {
    /// `chroot`
    pub chroot: Option<String>,
    /// `user`, or else `uid`
    pub user: Option<String>,
    /// `group`, or else `gid`
    pub group: Option<String>,
    /// The keyword `master-worker` is there (`-W` and `-Ws` on the command line do the same).
    pub master_worker: bool,
    /// `daemon`
    pub daemon: bool,
    /// `nbthread`
    pub nbthread: Option<String>,
    /// `hard-stop-after`, as written
    pub hard_stop_after: Option<String>,
    /// `mworker-max-reloads`
    pub mworker_max_reloads: Option<String>,
    /// `noreuseport`, with which no worker takes over the listening sockets of the one before
    pub noreuseport: bool,
    /// `pidfile`
    pub pidfile: Option<String>,
    /// `crt-base`
    pub crt_base: Option<String>,
    /// `ca-base`
    pub ca_base: Option<String>,
    /// `default-path`, which moves what relative file names start from
    pub default_path: Option<String>,
    /// Lines by which reading the configuration executes code that it names, as `FILE:LINE KEYWORD`, also where they may
    /// not be in force.
    pub code: Vec<String>,
    /// False if one of these lines may not be in force, or holds something undecided.
    pub certain: bool,
}

/// Keywords of code that is executed, or a library that is loaded, while the configuration is read.
const CODE: &[&str] = &["lua-load", "lua-load-per-thread", "ssl-engine", "ssl-provider"];

/// Where saved server states are loaded from at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStateFile {
    /// `server-state-file`, with `server-state-base` in front if it is relative.
    pub file: String,
    /// Where it is set.
    pub at: SourceLocation,
    /// False if that line may not be in force.
    pub certain: bool,
}

/// Where one proxy loads the states of its servers from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ServerStateSource {
    /// Nowhere.
    #[default]
    Nothing,
    /// The one file of the `global` section.
    Global,
    /// This file of its own.
    Local(String),
}

fn global_lines(config: &Config) -> impl Iterator<Item = (&Line, bool)> {
    let sections = config.sections.iter().filter(|section| section.kind == "global");
    sections.flat_map(|section| section.lines.iter().map(|line| (line, line.certain && section.certain)))
}

pub(super) fn last_global_line<'a>(config: &'a Config, keyword: &str) -> Option<(&'a Line, bool)> {
    global_lines(config).filter(|(line, _)| line.word(0) == keyword).last()
}

pub(super) fn from_config(config: &Config) -> GlobalSettings {
    let mut settings = GlobalSettings { certain: true, ..GlobalSettings::default() };
    for (line, certain) in global_lines(config) {
        let value = Some(line.word(1).to_string());
        match line.word(0) {
            "chroot" => settings.chroot = value,
            "user" | "uid" => settings.user = value,
            "group" | "gid" => settings.group = value,
            "master-worker" => settings.master_worker = true,
            "daemon" => settings.daemon = true,
            "nbthread" => settings.nbthread = value,
            "hard-stop-after" => settings.hard_stop_after = value,
            "mworker-max-reloads" => settings.mworker_max_reloads = value,
            "noreuseport" => settings.noreuseport = true,
            "pidfile" => settings.pidfile = value,
            "crt-base" => settings.crt_base = value,
            "ca-base" => settings.ca_base = value,
            "default-path" => settings.default_path = Some(line.words_from(1).collect::<Vec<_>>().join(" ")),
            keyword if CODE.contains(&keyword) => {
                settings.code.push(format!("{}:{} {keyword}", line.at.file, line.at.line));
                continue;
            }
            _ => continue,
        }
        settings.certain &= certain;
    }
    settings
}

fn with_base(config: &Config, file: &str) -> String {
    match last_global_line(config, "server-state-base") {
        Some((base, _)) if !file.starts_with('/') => format!("{}/{file}", base.word(1).trim_end_matches('/')),
        _ => file.to_string(),
    }
}

pub(super) fn server_state_file(config: &Config) -> Option<ServerStateFile> {
    let (line, certain) = last_global_line(config, "server-state-file")?;
    Some(ServerStateFile { file: with_base(config, line.word(1)), at: line.at.clone(), certain })
}

/// Where the proxy loads states from, and whether that is certain.
pub(super) fn server_state_source(
    config: &Config,
    with_defaults: &SectionWithDefaults<'_>,
) -> (ServerStateSource, bool) {
    let Some((line, mut certain)) = with_defaults.last_with_keyword("load-server-state-from-file") else {
        return (ServerStateSource::Nothing, with_defaults.certain);
    };
    certain &= with_defaults.certain;
    let from = match line.word(1) {
        "global" => ServerStateSource::Global,
        "local" => {
            let own = with_defaults.section.name.as_deref().unwrap_or_default();
            let named = with_defaults.last_with_keyword("server-state-file-name");
            certain &= named.is_none_or(|(_, certain)| certain);
            let named = named.map_or("", |(line, _)| line.word(1));
            let file = if named.is_empty() || named == "use-backend-name" { own } else { named };
            ServerStateSource::Local(with_base(config, file))
        }
        _ => ServerStateSource::Nothing,
    };
    (from, certain)
}

//! The configuration on disk: which files the master would load, what they say, and whether HAProxy accepts them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use md5::{Digest, Md5};

use super::paths::{absolute, on_host};
use super::program::query_build;
use super::referenced_files;
use crate::clients::linux;
use crate::facts::{ConfigFile, ConfigOnDisk, ConfigTest, Known, Process};
use crate::gather::{DiscoveredInstance, GatherContext};
use crate::known::Unknown;
use crate::wire::haproxy::command_line;
use crate::wire::haproxy::config::{self, Model, ParseContext, ServerStateSource, Source};
use crate::wire::haproxy::startup_log;

/// A file written this shortly after the worker's start counts as read by it: /proc counts in hundredths.
pub(in crate::gather) const CLOCK_SLACK_MS: i64 = 20;

/// The files, read.
pub(in crate::gather) struct ParsedConfig {
    pub(in crate::gather) source: Known<String>,
    pub(in crate::gather) arguments: Vec<String>,
    pub(in crate::gather) files: Vec<ConfigFile>,
    pub(in crate::gather) model: Known<Model>,
    pub(in crate::gather) build: Known<startup_log::BuildInfo>,
}

/// Which files, and where that was learnt.
pub(in crate::gather) struct FileList {
    source: String,
    pub(in crate::gather) arguments: Vec<String>,
    files: Vec<String>,
}

/// Reads what the master would load.
pub(in crate::gather) fn read_instance(look: &GatherContext<'_>, found: &DiscoveredInstance) -> ParsedConfig {
    read_process(look, &found.instance.main)
}

pub(in crate::gather) fn read_process(look: &GatherContext<'_>, main: &Process) -> ParsedConfig {
    read_with_environment(look, main, worker_environment(main))
}

/// Reads what it would load with this environment.
pub(in crate::gather) fn read_with_environment(
    look: &GatherContext<'_>,
    main: &Process,
    environment: Result<EnvironmentVariables>,
) -> ParsedConfig {
    let list = match list_files(look, main) {
        Ok(list) => list,
        Err(error) => {
            let why = format!("{error:#}");
            return ParsedConfig {
                source: Known::unknown(why.clone()),
                arguments: Vec::new(),
                files: Vec::new(),
                model: Known::unknown(why.clone()),
                build: Known::unknown(why),
            };
        }
    };
    let read: Vec<_> = list.files.iter().map(|name| read_file(main, name)).collect();
    let sources = list.files.iter().zip(&read).map(|(file, (_, bytes))| {
        let document = bytes.as_deref().map_err(|e| anyhow::anyhow!("{e:#}"))?.into();
        Ok(Source { file: file.clone(), document })
    });
    let built = query_build(look, main);
    let model = sources.collect::<Result<Vec<_>>>().map(|sources| {
        Model::from_config(&config::parse(&sources, &parser_context(main, environment, built.as_ref().ok())))
    });
    ParsedConfig {
        source: Known::Seen(list.source),
        arguments: list.arguments,
        files: read.into_iter().map(|(file, _)| file).collect(),
        model: model.into(),
        build: built.into(),
    }
}

/// What a configuration says that is given by its bytes.
pub(in crate::gather) fn parse_model(
    look: &GatherContext<'_>,
    main: &Process,
    files: &[(PathBuf, Vec<u8>)],
) -> Option<Model> {
    let built = query_build(look, main).ok()?;
    let sources: Vec<Source<'_>> = files
        .iter()
        .map(|(path, bytes)| Source { file: path.display().to_string(), document: bytes[..].into() })
        .collect();
    let context = parser_context(main, worker_environment(main), Some(&built));
    Some(Model::from_config(&config::parse(&sources, &context)))
}

/// The unix paths of the stats sockets that the configuration names.
pub(in crate::gather) fn stats_socket_paths(look: &GatherContext<'_>, main: &Process) -> Vec<String> {
    let read = read_process(look, main);
    let sockets = read.model.seen().map(|model| model.sockets.as_slice()).unwrap_or_default();
    sockets
        .iter()
        .filter_map(|socket| command_line::unix_path(&socket.address).map(|path| main.absolute(path)))
        .collect()
}

/// The `-f` arguments that are looked at: those that were named, else the master's own.
pub(in crate::gather) fn config_arguments(look: &GatherContext<'_>, main: &Process) -> Vec<String> {
    match &look.settings.config {
        Some(setting) => setting.value.iter().map(|path| path.display().to_string()).collect(),
        None => main.haproxy_args().files,
    }
}

pub(in crate::gather) fn list_files(look: &GatherContext<'_>, main: &Process) -> Result<FileList> {
    let source = match &look.settings.config {
        Some(setting) => setting.origin.to_string(),
        None => format!("arguments of PID {}", main.pid),
    };
    let arguments = config_arguments(look, main);
    if arguments.is_empty() {
        bail!("PID {} was started without -f: name its files under [haproxy] config", main.pid);
    }
    let mut files = Vec::new();
    for argument in &arguments {
        let path = on_host(main, argument);
        if !linux::is_folder(&path) {
            files.push(argument.clone());
            continue;
        }
        let names =
            linux::list_folder(&path).with_context(|| format!("reading the folder {}", path.display()))?;
        let folder = argument.trim_end_matches('/');
        files.extend(config::folder_order(names).into_iter().map(|name| format!("{folder}/{name}")));
    }
    Ok(FileList { source, arguments, files })
}

fn read_file(main: &Process, name: &str) -> (ConfigFile, Result<Vec<u8>>) {
    let (path, shown) = (on_host(main, name), absolute(main, name));
    let bytes = linux::read_regular_file(&path).with_context(|| format!("reading {}", shown.display()));
    let file = ConfigFile {
        path: shown.display().to_string(),
        md5: match &bytes {
            Ok(bytes) => Known::Seen(hex(&Md5::digest(bytes))),
            Err(error) => Known::unknown(format!("{error:#}")),
        },
        modified: modification_time(&path).into(),
    };
    (file, bytes)
}

fn modification_time(path: &Path) -> Result<Timestamp> {
    Ok(Timestamp::try_from(linux::metadata(path)?.modified()?)?)
}

/// Bytes as lowercase hex.
pub(in crate::gather) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parser_context(
    main: &Process,
    environment: Result<EnvironmentVariables>,
    built: Option<&startup_log::BuildInfo>,
) -> ParseContext {
    ParseContext {
        env_known: environment.is_ok(),
        env: environment.unwrap_or_default(),
        version: built.and_then(|built| startup_log::version_numbers(&built.version)),
        features: built.map(|built| built.features.clone()),
        hostname: hostname(main),
        localpeer_arg: main.haproxy_args().localpeer,
    }
}

/// One in a container has a host name of its own.
fn hostname(main: &Process) -> Option<String> {
    match main.same_pid_namespace {
        Known::Seen(false) => {
            linux::read_text_file(&on_host(main, "/etc/hostname")).ok().map(|name| name.trim().to_owned())
        }
        _ => Some(linux::hostname()),
    }
}

/// An environment. It may hold secrets.
pub(in crate::gather) type EnvironmentVariables = BTreeMap<String, String>;

/// The environment that the next worker would start with: the master's own, without what it sets for itself.
pub(in crate::gather) fn worker_environment(main: &Process) -> Result<EnvironmentVariables> {
    let mut environment = linux::environment(main.pid)?;
    environment.retain(|name, _| !MASTER_VARIABLES.iter().any(|own| name.starts_with(own)));
    Ok(environment)
}

/// Variables that a master passes on when it executes itself again, and NOTIFY_SOCKET, by which it reports to systemd: a test
/// with them would act as the master.
const MASTER_VARIABLES: &[&str] = &[
    "HAPROXY_MWORKER",
    "HAPROXY_STARTUPLOGS_FD",
    "HAPROXY_PROCESSES",
    "HAPROXY_LOAD_SUCCESS",
    "HAPROXY_CFGFILES",
    "HAPROXY_CLI",
    "HAPROXY_MASTER_CLI",
    "NOTIFY_SOCKET",
    "LISTEN_",
    "WATCHDOG_",
];

/// A HAProxy as this process would start it: same folder, environment and user.
pub(in crate::gather) fn process_from_settings(look: &GatherContext<'_>) -> Result<Process> {
    let program = look
        .settings
        .binary
        .as_ref()
        .map_or("haproxy".to_owned(), |setting| setting.value.display().to_string());
    let ourselves = linux::process(std::process::id())?;
    Ok(Process { argv: vec![program.clone()], exe: Known::Seen(program), ..ourselves })
}

/// The facts of it.
pub(in crate::gather) fn config_on_disk(
    worker_started: &Known<Timestamp>,
    main: &Process,
    read: &ParsedConfig,
    test: Known<ConfigTest>,
) -> ConfigOnDisk {
    let model = read.model.seen();
    let state_file = model.and_then(state_file_path);
    let source = read.source.clone().zip(read.model.as_ref()).map(|(source, _)| source);
    ConfigOnDisk {
        source,
        arguments: read.arguments.clone(),
        edited_since_load: edited_since_start(worker_started, &read.files).into(),
        test,
        undecided: model.map(undecided).unwrap_or_default(),
        hard_stop_after: model.and_then(|model| model.settings.hard_stop_after.clone()),
        max_reloads: model.and_then(|model| model.settings.mworker_max_reloads.clone()),
        noreuseport: model.is_some_and(|model| model.settings.noreuseport),
        handed_down: model.map(Model::descriptor_lines).unwrap_or_default(),
        state_file_written: state_file.as_ref().map(|path| modification_time(&on_host(main, path)).into()),
        state_file,
        named_files: read.model.as_ref().and_then(|model| referenced_files::check_readable(main, model)),
        files: read.files.clone(),
    }
}

fn undecided(model: &Model) -> Vec<String> {
    let lines: BTreeSet<String> =
        model.undecided.iter().map(|u| format!("{}:{} {}", u.at.file, u.at.line, u.why)).collect();
    lines.into_iter().collect()
}

fn state_file_path(model: &Model) -> Option<String> {
    let local = model.proxies.iter().find_map(|proxy| match &proxy.state_from {
        ServerStateSource::Local(path) => Some(path.clone()),
        _ => None,
    });
    let global = model.proxies.iter().any(|proxy| proxy.state_from == ServerStateSource::Global);
    local.or_else(|| model.state_file.as_ref().filter(|_| global).map(|file| file.file.clone()))
}

fn edited_since_start(started: &Known<Timestamp>, files: &[ConfigFile]) -> Result<Vec<String>, Unknown> {
    let started = started.get()?.as_millisecond() + CLOCK_SLACK_MS;
    let mut later = Vec::new();
    for file in files {
        if file.modified.get()?.as_millisecond() > started {
            later.push(file.path.clone());
        }
    }
    Ok(later)
}

//! What a restart by the unit would start: environment, arguments, user, capabilities and limits as systemd would set
//! them now.
//!
//! - `emptied_directories`: directories that a restart empties
//! - `environment`: the environment

mod emptied_directories;
mod environment;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use md5::{Digest, Md5};

use super::binds::{configured, conflicts};
use super::guard::changed_since;
use super::haproxy::config_files::{self, EnvironmentVariables, ParsedConfig};
use super::haproxy::{configured_worker, paths, program};
use super::launch::LaunchSpec;
use super::rehearsal::{self, RehearsalResult};
use super::{DiscoveredInstance, GatherContext, config_test};
use crate::clients::linux::credentials::ProcessCredentials;
use crate::clients::linux::{ProcessNamespaces, UnitCredentials};
use crate::clients::{linux, systemd};
use crate::facts::guard::FILE_NAME;
use crate::facts::{self, ConfigTest, GuardFacts, Known, Process, Rehearsal, UnitStart, WorkerState};
use crate::plural::plural;
use crate::timeouts;
use crate::wire::systemd::exec_command;
use crate::wire::systemd::exec_settings::{ExecCommand, ExecSettings};
use environment::EnvironmentSources;

/// The start as it was determined.
pub(super) struct ResolvedStart {
    pub(super) start: UnitStart,
    pub(super) launch: LaunchSpec,
    /// Why systemd would not even start the program.
    fails: Option<String>,
}

impl ResolvedStart {
    /// A reload would start the same, as the same user.
    fn matches_running(&self, main: &Process) -> bool {
        self.start.differs.is_empty() && self.fails.is_none() && self.launch.main.uid == main.uid
    }
}

/// The rehearsal of a start that differs from the running process.
pub(super) struct StartTrial {
    pub(super) main: Process,
    pub(super) read: ParsedConfig,
    pub(super) test: Known<ConfigTest>,
    pub(super) rehearsed: RehearsalResult,
}

/// The facts of it.
pub(super) fn start_facts(
    look: &GatherContext<'_>,
    found: &DiscoveredInstance,
    live: &WorkerState,
    start: Known<UnitStart>,
    tried: Option<StartTrial>,
) -> Known<UnitStart> {
    let Some(StartTrial { main, read, test, rehearsed }) = tried else { return start };
    let declared = configured::configured_listeners(look, &main, &read);
    let from_files = configured_worker::worker_state(look, &main, &read, live, &declared);
    let (rehearsal, next) = rehearsal::merge_with_files(Some(rehearsed), from_files);
    let tried = facts::RehearsedStart {
        rehearsal: rehearsal.unwrap_or_else(|| Known::unknown("it was not tried")),
        binds: conflicts::find_new_binds(found, live, &next, &declared),
        config: config_files::config_on_disk(&found.instance.worker_started, &main, &read, test),
        next,
    };
    start.map(|start| UnitStart { tried: Some(Box::new(tried)), ..start })
}

/// Determines the start, and rehearses it where it differs from that of a reload.
pub(super) fn resolve_and_rehearse(
    look: &GatherContext<'_>,
    main: &Process,
    guard: &Known<GuardFacts>,
    own: Option<&BTreeMap<String, bool>>,
) -> (Known<UnitStart>, Option<StartTrial>) {
    let resolved = guard.get().map_err(Into::into).and_then(|guard| resolve_start(look, main, guard, own));
    match resolved {
        Err(error) => (Known::unknown(format!("{error:#}")), None),
        Ok(resolved) if resolved.matches_running(main) => (Known::Seen(resolved.start), None),
        Ok(resolved) => {
            let tried = rehearse_start(look, &resolved);
            (Known::Seen(resolved.start), Some(tried))
        }
    }
}

fn rehearse_start(
    look: &GatherContext<'_>,
    ResolvedStart { start, launch, fails }: &ResolvedStart,
) -> StartTrial {
    let environment = || launch.environment.clone();
    let read = config_files::read_with_environment(look, &launch.main, Ok(environment()));
    let rehearsed = match fails {
        Some(why) => {
            RehearsalResult { rehearsal: Known::Seen(refused_rehearsal(&start.unit, why)), state: None }
        }
        None => rehearsal::rehearse_unit_start(look, launch, read.model.seen()),
    };
    let test = config_test::test(look, &launch.main, &read, Some(launch)).into();
    StartTrial { main: launch.main.clone(), read, test, rehearsed }
}

/// systemd would fail before it starts a process.
fn refused_rehearsal(unit: &str, why: &str) -> Rehearsal {
    Rehearsal {
        came_up: false,
        command: format!("systemctl start {unit}"),
        ended: None,
        alerts: vec![format!("systemd would not start {unit}: {why}")],
        warnings: Vec::new(),
        set_up_ms: 0,
        start_up_ms: 0,
        memory_kb: Known::unknown("it was not started"),
    }
}

/// What a restart by this unit would start now.
///
/// # Errors
/// When systemd does not say, or the process that runs may not be looked at.
pub(super) fn resolve_start(
    look: &GatherContext<'_>,
    main: &Process,
    guard: &GuardFacts,
    own: Option<&BTreeMap<String, bool>>,
) -> Result<ResolvedStart> {
    anyhow::ensure!(linux::effective_uid() == 0, "what its unit would start can be determined by root only");
    let limit = || look.deadline.at_most(timeouts::RUNTIME_QUERY);
    let (service, manager) = (systemd::exec_settings(&guard.unit, limit())?, systemd::manager(limit())?);
    let (mut differs, mut assumed) = (Vec::new(), Vec::new());
    let runs = config_files::worker_environment(main)?;
    let passed = linux::environment(1).unwrap_or_default();
    let made = environment::build_environment(&EnvironmentSources {
        service: &service,
        manager: &manager,
        runs: &runs,
        passed: &passed,
    });
    assumed.extend(made.assumed);
    differs.extend(environment::describe_differences(&runs, &made.variables, own));
    let mut started = main.clone();
    match start_arguments(look, main, &service, &made.variables) {
        Ok((program, words)) => {
            differs.extend(describe_argument_changes(main, &words));
            differs.extend(program.iter().map(|path| format!("program: after a restart {path}")));
            started.argv = words;
            started.exe = program.map_or_else(|| main.exe.clone(), Known::Seen);
        }
        Err(error) => assumed.push(format!("its arguments: {error:#}")),
    }
    match working_directory(&service.folder) {
        Some(folder)
            if main.haproxy_args().folder.is_none() && main.cwd.seen().is_some_and(|cwd| *cwd != folder) =>
        {
            differs.push(format!("folder: after a restart {folder}"));
            started.cwd = Known::Seen(folder);
        }
        Some(_) => {}
        None => assumed.push(format!("its folder ({})", service.folder)),
    }
    let (credentials, others) = start_credentials(main, &service, &mut assumed)?;
    differs.extend(others);
    started.uid = credentials.uid();
    let emptied = emptied_directories::list_emptied(&service, &credentials);
    differs.extend(
        emptied.iter().filter_map(|(folder, _)| emptied_directories::describe_lost_files(main, folder)),
    );
    assumed.extend(pre_start_commands(&service, &started));
    assumed.extend(describe_changed_unit_files(main, guard));
    let mut rests_on = made.files;
    rests_on.insert("environment of its start".to_owned(), hash_variables(&made.variables));
    rests_on.insert("arguments of its start".to_owned(), started.argv.join(" "));
    rests_on.insert("user, rights and limits of its start".to_owned(), credentials.to_string());
    let start = UnitStart { unit: guard.unit.clone(), differs, assumed, rests_on, tried: None };
    Ok(ResolvedStart {
        start,
        launch: LaunchSpec { main: started, environment: made.variables, credentials, emptied },
        fails: made.fails,
    })
}

fn hash_variables(variables: &EnvironmentVariables) -> String {
    let mut hash = Md5::new();
    for (name, value) in variables {
        hash.update(format!("{name}={value}\0"));
    }
    format!("md5 {}", config_files::hex(&hash.finalize()))
}

/// The program, where it is another one, and its words.
fn start_arguments(
    look: &GatherContext<'_>,
    main: &Process,
    service: &ExecSettings,
    variables: &EnvironmentVariables,
) -> Result<(Option<String>, Vec<String>)> {
    let [exec] = &service.start[..] else {
        anyhow::bail!("the unit has {}", plural(service.start.len(), "start command"))
    };
    let plain = exec.flags.iter().any(|flag| flag == "no-env-expand");
    let words = if plain { exec.words.clone() } else { exec_command::expand(&exec.words, variables) };
    let there = |path: &str| paths::on_host(main, path);
    let same = |runs: &String| *runs == exec.path || linux::same_file(&there(runs), &there(&exec.path));
    if main.exe.seen().is_some_and(same) {
        return Ok((None, words));
    }
    let other = Process { exe: Known::Seen(exec.path.clone()), exe_deleted: false, ..main.clone() };
    match program::is_haproxy_program(look, &other) {
        Some(true) => Ok((Some(exec.path.clone()), words)),
        _ => anyhow::bail!("the unit starts {}, which does not say that it is HAProxy", exec.path),
    }
}

/// The difference of the arguments that matter for the start.
fn describe_argument_changes(main: &Process, words: &[String]) -> Option<String> {
    let other = Process { argv: words.to_vec(), ..main.clone() };
    let (runs, starts) = (main.haproxy_args(), other.haproxy_args());
    let of = |args: &crate::facts::instance::HaproxyArgs| {
        let files = args.files.iter().flat_map(|file| ["-f".to_owned(), file.clone()]);
        args.start_args.iter().cloned().chain(files).collect::<Vec<_>>()
    };
    let (runs, starts) = (of(&runs), of(&starts));
    (runs != starts)
        .then(|| format!("arguments: now `{}`, after a restart `{}`", runs.join(" "), starts.join(" ")))
}

/// None where it depends on the user's home folder (`~`).
fn working_directory(written: &str) -> Option<String> {
    match written.strip_prefix('!').unwrap_or(written) {
        "" => Some("/".to_owned()),
        path if path.starts_with('/') => Some(path.to_owned()),
        _ => None,
    }
}

/// The user, the rights and the limits.
fn start_credentials(
    main: &Process,
    service: &ExecSettings,
    assumed: &mut Vec<String>,
) -> Result<(ProcessCredentials, Vec<String>)> {
    let place = ProcessNamespaces::from_pid(main.pid)?;
    let runs =
        ProcessCredentials::from_pid(main.pid, place.as_ref().is_some_and(ProcessNamespaces::is_container))?;
    let flags: Vec<&String> = service.start.iter().flat_map(|exec| &exec.flags).collect();
    if flags.iter().any(|flag| ["privileged", "no-setuid", "ambient"].contains(&flag.as_str())) {
        assumed
            .push("its user, rights and limits: its command has a prefix that overrules the unit".to_owned());
        return Ok((runs, Vec::new()));
    }
    let named = !(service.user.is_empty() && service.group.is_empty() && service.groups.is_empty());
    let account = match service.dynamic {
        true => None,
        false => match linux::find_account(&service.user, &service.group, &service.groups) {
            Ok(account) => Some(account),
            Err(error) => {
                assumed.push(format!("its user: {error:#}"));
                None
            }
        },
    };
    // systemd leaves root's groups alone where the unit says nothing of any.
    let account = account.filter(|account| named || runs.uid() != account.uid);
    let manager = ProcessCredentials::from_pid(1, false)?;
    let groups_here = linux::local_groups();
    let as_root = account.as_ref().is_some_and(|account| account.uid == 0);
    // Without a master it is one process that becomes the user of its configuration.
    let drops_privileges = as_root && runs.uid() != 0 && !main.haproxy_args().master_worker;
    let unit =
        UnitCredentials { account: account.as_ref(), service, local_groups: &groups_here, drops_privileges };
    Ok(runs.for_unit(&unit, &manager))
}

/// ExecStartPre commands whose success the rehearsal does not show.
fn pre_start_commands(service: &ExecSettings, started: &Process) -> Vec<String> {
    let tests = |exec: &ExecCommand| {
        let named = Path::new(&exec.path).file_name();
        let same = named.is_some() && named == started.exe.seen().and_then(|exe| Path::new(exe).file_name());
        same && exec.words.iter().any(|word| word == "-c")
    };
    let ignored = |exec: &ExecCommand| exec.flags.iter().any(|flag| flag == "ignore-failure");
    let others = service.exec_start_pre.iter().filter(|exec| !tests(exec) && !ignored(exec));
    others.map(|exec| format!("ExecStartPre={}", exec.path)).collect()
}

/// What a file of the unit says beyond all this, such as ProtectSystem, is in the copy as it was when the process
/// started.
fn describe_changed_unit_files(main: &Process, guard: &GuardFacts) -> Option<String> {
    let ours = |path: &String| path.ends_with(&format!("/{FILE_NAME}"));
    let later = |path: &&String| !ours(path) && changed_since(path, main.started);
    let mut files = vec![guard.shown.get("FragmentPath").to_owned()];
    files.extend(guard.shown.quoted_list("DropInPaths"));
    let later: Vec<&str> = files.iter().filter(later).map(String::as_str).collect();
    (!later.is_empty())
        .then(|| format!("what else {} says, which was changed since it started", later.join(" and ")))
}

/// What a plan about a restart rests on beyond the unit itself: as it is in this moment.
///
/// # Errors
/// As those of [`resolve_start`].
pub(super) fn unit_start_basis(
    look: &GatherContext<'_>,
    main: &Process,
    guard: &GuardFacts,
) -> Result<BTreeMap<String, String>> {
    resolve_start(look, main, guard, None)
        .map(|resolved| resolved.start.rests_on)
        .context("what its unit would start")
}

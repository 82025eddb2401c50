//! Finds the target, and reads what its master says.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::sockets::{
    admin_sockets, configured_sockets, peer_pid, query_socket, reachable_path, select_channel, socket,
};
use super::{identity, program};
use crate::clients::haproxy::runtime::{RuntimeSocket, RuntimeSocketError};
use crate::clients::linux;
use crate::config::Settings;
use crate::facts::{Candidate, Instance, Known, Mode, Process, SocketFact, Worker};
use crate::gather::{DiscoveredInstance, GatherContext, InstanceSelector};
use crate::wire::haproxy::runtime::processes::{ShowProc, ShowProcEntry};
use crate::wire::haproxy::runtime::response::Refused;

/// Finds the target: by a socket that was named, else among the processes.
pub(in crate::gather) fn find_instance(
    look: &GatherContext<'_>,
    aim: &InstanceSelector,
    candidates: &Known<Vec<Candidate>>,
) -> Known<DiscoveredInstance> {
    let settings = look.settings;
    let named = match (&settings.master_socket, &settings.stats_socket) {
        (Some(master), _) => Some(from_master_socket(look, &master.value, &master.origin.to_string())),
        (None, Some(stats)) => Some(from_stats_socket(look, &stats.value, &stats.origin.to_string())),
        (None, None) => None,
    };
    if let Some(found) = named {
        return found.and_then(|found| check_selected(aim, found)).into();
    }
    candidates.as_ref().and_then(|candidates| from_candidates(look, aim, candidates))
}

/// The only candidate that matches.
fn from_candidates(
    look: &GatherContext<'_>,
    aim: &InstanceSelector,
    candidates: &[Candidate],
) -> Known<DiscoveredInstance> {
    let matching: Vec<&Candidate> = candidates.iter().filter(|candidate| aim.matches(candidate)).collect();
    match (matching.as_slice(), candidates.len()) {
        ([one], _) => from_candidate(look, one).into(),
        ([], 0) => Known::unknown(
            "no HAProxy process can be seen here: none runs, or /proc hides it (run as root), or it is in a \
             container; name its socket with --master-socket",
        ),
        ([], _) => Known::unknown(format!("no HAProxy here is {}", aim.describe())),
        (many, _) => Known::unknown(format!(
            "{} HAProxy run here and none was named: give --master-socket, a PID, or [haproxy] in haguard.toml",
            many.len()
        )),
    }
}

/// The process that holds the named socket, or has it in its arguments; else the only one that matches.
pub(in crate::gather) fn find_main_process(settings: &Settings, aim: &InstanceSelector) -> Option<Process> {
    let candidates = Candidate::from_processes(linux::haproxy_processes().ok()?);
    let named = settings.master_socket.as_ref().or(settings.stats_socket.as_ref());
    let holds = |candidate: &Candidate, path: &Path| {
        let mut pids = std::iter::once(candidate.process.pid).chain(candidate.workers.iter().copied());
        pids.any(|pid| linux::holds_unix_listener(pid, path).unwrap_or(false))
            || candidate
                .master_socket
                .as_deref()
                .is_some_and(|own| reachable_path(&candidate.process, Path::new(own)) == path)
    };
    let mut matching = candidates.iter().filter(|candidate| match named {
        Some(setting) => holds(candidate, &setting.value),
        None => aim.matches(candidate),
    });
    let only = matching.next()?;
    matching.next().is_none().then(|| only.process.clone())
}

/// A socket and a service were named: both must be the same process.
fn check_selected(aim: &InstanceSelector, found: DiscoveredInstance) -> Result<DiscoveredInstance> {
    let main = &found.instance.main;
    let fits = match aim {
        InstanceSelector::Any => true,
        InstanceSelector::Pid(pid) => main.pid == *pid || found.instance.serving.seen() == Some(pid),
        InstanceSelector::Unit(unit) => found.instance.unit() == Some(unit),
    };
    if !fits {
        bail!(
            "the socket that was named belongs to {}, which is not {}",
            found.instance.title(),
            aim.describe()
        );
    }
    Ok(found)
}

fn from_master_socket(look: &GatherContext<'_>, path: &Path, source: &str) -> Result<DiscoveredInstance> {
    require_unix_path(path, source)?;
    let master = socket(look, path);
    let foreign = || {
        format!(
            "{}: this is no master socket; is it an admin socket? give that with --stats-socket",
            path.display()
        )
    };
    let listed = match master.processes() {
        Err(RuntimeSocketError::Refused { why: Refused::UnknownCommand, .. }) => {
            bail!("{} ({source})", foreign())
        }
        Err(RuntimeSocketError::UnexpectedResponse { why, .. }) => bail!("{} ({source}): {why}", foreign()),
        answer => answer.with_context(|| format!("asking the master ({source})"))?,
    };
    // A master in another PID namespace reports its PID there; SO_PEERCRED is translated to ours.
    let pid = listed.master.pid;
    let peer = peer_pid(&master);
    if let Some(opener) = peer.seen().filter(|opener| **opener != pid) {
        return from_container_socket(look, path, *opener, source).with_context(|| {
            format!("{}: the master calls itself {pid}, the kernel {opener}", path.display())
        });
    }
    let main = linux::process(pid)
        .with_context(|| format!("{} is answered by a master of another PID namespace", path.display()))?;
    Ok(instance_with_master(
        look,
        main,
        master,
        &listed,
        SocketFact {
            path: path.display().to_string(),
            source: source.to_owned(),
            level: Known::Seen("master".to_owned()),
            peer_pid: peer,
            answered_by: Known::Seen(pid),
        },
    ))
}

/// The socket of a container's HAProxy was named by a path of ours, as when its folder is mounted from here: it is asked
/// by the path that it has in there, which must be the same socket.
fn from_container_socket(
    look: &GatherContext<'_>,
    path: &Path,
    opener: u32,
    source: &str,
) -> Result<DiscoveredInstance> {
    let main = linux::process(opener)?;
    if main.same_pid_namespace != Known::Seen(false) {
        bail!("they are two processes of this host");
    }
    let inside = main
        .haproxy_args()
        .master_socket
        .context("it is in a container, and names no master socket there")?;
    let through = reachable_path(&main, Path::new(&main.absolute(&inside)));
    if through == path || !linux::same_file(&through, path) {
        bail!("it is in a container, where its master socket {inside} is another one");
    }
    from_master_socket(look, &through, source)
}

/// An address of HAProxy's other kind is no path.
fn require_unix_path(path: &Path, source: &str) -> Result<()> {
    let address = path.to_string_lossy();
    let port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if port && !address.contains('/') {
        bail!("{address} ({source}) is a network address: haguard asks a unix socket, by its path");
    }
    Ok(())
}

/// The worker answers; its parent is the master, and the master's arguments name the master socket.
fn from_stats_socket(look: &GatherContext<'_>, path: &Path, source: &str) -> Result<DiscoveredInstance> {
    require_unix_path(path, source)?;
    let stats = socket(look, path);
    let info = match stats.info() {
        Err(RuntimeSocketError::UnexpectedResponse { why, .. }) => {
            bail!("{}: this is no stats socket of HAProxy's ({source}): {why}", path.display())
        }
        answer => answer.with_context(|| format!("asking the worker ({source})"))?,
    };
    // On every branch the one that opened it lives where the one lives that answers.
    let opener = peer_pid(&stats).seen().and_then(|pid| linux::process(*pid).ok());
    let elsewhere = opener.filter(|opener| opener.same_pid_namespace == Known::Seen(false));
    if let Some(opener) = elsewhere.filter(|_| !path.starts_with("/proc")) {
        bail!(
            "{} is answered by a worker of another PID namespace, where PID {} opened it: name its master's PID, or its \
             master socket with --master-socket",
            path.display(),
            opener.pid
        );
    }
    let worker = linux::process(info.pid)
        .with_context(|| format!("{} is answered by a worker of another PID namespace", path.display()))?;
    let parent = linux::process(worker.ppid).ok().filter(Process::is_haproxy);
    let named = || vec![query_socket(look, path, source)];
    let Some(main) = parent else {
        return Ok(instance_without_master(look, worker, Mode::Standalone, None, named()));
    };
    let behind =
        master_socket_path(&main).map(|path| from_master_socket(look, &path, "the master's arguments"));
    match behind {
        // The path may have been taken over by another master since.
        Some(Ok(found)) if found.instance.main.pid == main.pid => Ok(found),
        Some(Err(error)) => Ok(with_unreachable_master(
            instance_without_master(look, main, Mode::MasterWorker, Some(info.pid), named()),
            &error,
        )),
        _ => Ok(instance_without_master(look, main, Mode::MasterWorker, Some(info.pid), named())),
    }
}

/// It has a master socket, and this is why the master could not be asked there.
fn with_unreachable_master(mut found: DiscoveredInstance, error: &anyhow::Error) -> DiscoveredInstance {
    let why = format!("{error:#}");
    let instance = &mut found.instance;
    instance.master_socket = Known::unknown(why.clone());
    instance.workers = Known::unknown(why.clone());
    instance.old_workers = Known::unknown(why.clone());
    instance.reloads = Known::unknown(why.clone());
    instance.failed_reloads = Known::unknown(why);
    found
}

fn from_candidate(look: &GatherContext<'_>, candidate: &Candidate) -> Result<DiscoveredInstance> {
    let main = candidate.process.clone();
    let mode = match main.haproxy_args().master_worker
        || candidate.master_socket.is_some()
        || !candidate.workers.is_empty()
    {
        true => Mode::MasterWorker,
        false => Mode::Standalone,
    };
    if let Some(path) = &candidate.master_socket {
        match from_master_socket(look, &reachable_path(&main, Path::new(path)), "its arguments") {
            Ok(found) if found.instance.main.pid == main.pid => return Ok(found),
            Ok(found) => {
                let other = found.instance.main.pid;
                bail!("PID {} was started with -S {path}, but {other} answers there", main.pid)
            }
            Err(error) => {
                let found =
                    instance_without_master(look, main, mode, single_worker(&candidate.workers), Vec::new());
                return Ok(with_unreachable_master(found, &error));
            }
        }
    }
    let found = instance_without_master(look, main, mode, single_worker(&candidate.workers), Vec::new());
    let main = &found.instance.main;
    // Any program can be called haproxy; without a socket that answers, `-vv` has to confirm it.
    if found.channel.seen().is_none() && program::is_haproxy_program(look, main) == Some(false) {
        let program = main.exe.seen().map_or("an unreadable program", String::as_str);
        bail!("PID {} is called haproxy, but {program} does not say that it is HAProxy", main.pid);
    }
    Ok(found)
}

fn single_worker(workers: &[u32]) -> Option<u32> {
    match workers {
        [one] => Some(*one),
        _ => None,
    }
}

fn master_socket_path(main: &Process) -> Option<PathBuf> {
    let named = main
        .haproxy_args()
        .master_socket
        .map(|socket| main.absolute(&socket))
        .filter(|path| path.starts_with('/'));
    named.map(|path| reachable_path(main, Path::new(&path)))
}

fn instance_with_master(
    look: &GatherContext<'_>,
    main: Process,
    master: RuntimeSocket,
    listed: &ShowProc,
    socket: SocketFact,
) -> DiscoveredInstance {
    let serving = serving_worker(&master, listed);
    let identity = identity::prove_by_master(&main, master.path(), &socket.peer_pid);
    let admin = admin_sockets(look, &main, &master, &serving).into();
    let channel = select_channel(look, &admin, &serving, Some(&master)).into();
    let workers = listed.workers.iter().map(|row| worker_facts(row, None)).collect();
    let old = listed.old_workers.iter();
    let old_workers =
        old.map(|row| worker_facts(row, (serving.seen() != Some(&row.pid)).then_some(&master))).collect();
    let version =
        listed.workers.iter().chain(&listed.old_workers).find(|row| serving.seen() == Some(&row.pid));
    let instance = Instance {
        mode: Mode::MasterWorker,
        identity,
        control: identity::identify_controller(look, &main),
        worker_started: worker_start_time(&serving),
        workers: Known::Seen(workers),
        old_workers: Known::Seen(old_workers),
        reloads: Known::Seen(listed.master.reloads),
        failed_reloads: Known::Seen(listed.failed),
        master_socket: Known::Seen(socket),
        admin_sockets: admin,
        running_version: Known::Seen(version.unwrap_or(&listed.master).version.clone()),
        disk_version: Known::unknown("not read yet"),
        serving,
        main,
    };
    DiscoveredInstance { instance, channel, master: Some(master) }
}

/// Without a master to ask, /proc is all there is beside the sockets in the configuration.
fn instance_without_master(
    look: &GatherContext<'_>,
    main: Process,
    mode: Mode,
    worker_pid: Option<u32>,
    named: Vec<SocketFact>,
) -> DiscoveredInstance {
    let serving = match (mode, worker_pid) {
        (Mode::Standalone, _) => Known::Seen(main.pid),
        (_, Some(pid)) => Known::Seen(pid),
        (_, None) => Known::unknown("it has several workers and no master socket that says which one serves"),
    };
    let setting = look.settings.stats_socket.as_ref().map(|s| (s.value.clone(), s.origin.to_string()));
    let admin = match (named.is_empty(), setting) {
        (false, _) => named,
        (true, Some((path, source))) => vec![query_socket(look, &path, &source)],
        (true, None) => configured_sockets(look, &main),
    };
    let admin = match admin.is_empty() {
        true => Known::unknown("the configuration names no stats socket with a unix path"),
        false => Known::Seen(admin),
    };
    let channel = Known::from(select_channel(look, &admin, &serving, None));
    let info = channel.seen().and_then(|channel| channel.info().ok());
    let why = match mode {
        Mode::Standalone => "it runs without a master",
        Mode::MasterWorker => "the master has no socket: start it with -S /run/haproxy-master.sock",
    };
    let holds = admin.seen().and_then(|all| all.first()).map(|socket| PathBuf::from(&socket.path));
    let identity = match (holds, serving.seen()) {
        (Some(path), Some(pid)) => {
            let answers = info.as_ref().map(|info| info.pid);
            identity::prove_by_worker(*pid, &path, answers)
        }
        _ => Known::unknown("only /proc speaks for it; no socket of it answers"),
    };
    let instance = Instance {
        mode,
        identity,
        control: identity::identify_controller(look, &main),
        worker_started: worker_start_time(&serving),
        workers: Known::unknown(why),
        old_workers: Known::unknown(why),
        reloads: Known::unknown(why),
        failed_reloads: Known::unknown(why),
        master_socket: Known::unknown(why),
        admin_sockets: admin,
        running_version: match info {
            Some(info) => Known::Seen(info.version),
            None => Known::unknown("no socket of it answers"),
        },
        disk_version: Known::unknown("not read yet"),
        serving,
        main,
    };
    DiscoveredInstance { instance, channel, master: None }
}

/// The worker that serves: listed by the master, and not stopping.
fn serving_worker(master: &RuntimeSocket, listed: &ShowProc) -> Known<u32> {
    let mut reasons = Vec::new();
    for row in listed.serving_candidates() {
        match master.via_master(row.pid).info() {
            Ok(info) if !info.stopping => return Known::Seen(row.pid),
            Ok(_) => reasons.push(format!("worker {} is stopping", row.pid)),
            Err(error) => reasons.push(format!("worker {}: {error}", row.pid)),
        }
    }
    if reasons.is_empty() {
        reasons.push("the master lists no worker".to_owned());
    }
    Known::unknown(reasons.join("; "))
}

fn worker_start_time(serving: &Known<u32>) -> Known<Timestamp> {
    serving
        .as_ref()
        .and_then(|pid| linux::process(*pid)?.started.context("/proc does not say when it started"))
}

fn worker_facts(row: &ShowProcEntry, ask: Option<&RuntimeSocket>) -> Worker {
    let connections = match ask {
        None => Known::unknown("not asked: it serves"),
        Some(master) => {
            master.via_master(row.pid).info().map_err(anyhow::Error::from).map(|info| info.curr_conns).into()
        }
    };
    let (pid, reloads, uptime_s) = (row.pid, row.reloads, row.uptime.as_secs());
    Worker { pid, reloads, uptime_s, version: row.version.clone(), connections }
}

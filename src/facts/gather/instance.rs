//! Which HAProxy is meant, which process that is, and how we know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::{Aim, Look};
use crate::clients::runtime::{Channel, Socket};
use crate::clients::{host, systemd};
use crate::facts::{Candidate, Controller, Instance, Known, Mode, Process, SocketFact, Worker};
use crate::wire::runtime::cli_sockets::{self, CliSocket};
use crate::wire::runtime::info::Info;
use crate::wire::runtime::show_proc::{Proc, ShowProc};

/// One question on a socket may take this long: a healthy HAProxy answers in milliseconds.
const ONE_ANSWER: Duration = Duration::from_secs(3);

/// The instance, and the way to ask its serving worker.
pub(super) struct Found {
    pub(super) instance: Instance,
    pub(super) channel: Known<Channel>,
    pub(super) master: Option<Socket>,
}

/// Finds the one that is meant: by a socket that was named, else among the processes.
pub(super) fn find(look: &Look<'_>, aim: &Aim, candidates: &Known<Vec<Candidate>>) -> Known<Found> {
    let settings = look.settings;
    let named = match (&settings.master_socket, &settings.stats_socket) {
        (Some(master), _) => Some(by_master(look, &master.value, &master.origin.to_string())),
        (None, Some(stats)) => Some(by_stats(look, &stats.value, &stats.origin.to_string())),
        (None, None) => None,
    };
    if let Some(found) = named {
        return found.and_then(|found| fits(aim, found)).into();
    }
    let candidates = match candidates {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(candidates) => candidates,
    };
    let meant: Vec<&Candidate> = candidates.iter().filter(|candidate| is_meant(aim, candidate)).collect();
    match (meant.as_slice(), candidates.len()) {
        ([one], _) => by_process(look, one).into(),
        ([], 0) => Known::unknown(
            "no HAProxy process can be seen here: none runs, or /proc hides it (run as root), or it is in a \
             container; name its socket with --master-socket",
        ),
        ([], _) => Known::unknown(format!("no HAProxy here is {}", wanted(aim))),
        (many, _) => Known::unknown(format!(
            "{} HAProxy run here and none was named: give --master-socket, a PID, or [haproxy] in haguard.toml",
            many.len()
        )),
    }
}

fn wanted(aim: &Aim) -> String {
    match aim {
        Aim::Any => "meant".to_owned(),
        Aim::Pid(pid) => format!("PID {pid}"),
        Aim::Unit(unit) => format!("controlled by a unit {unit}"),
    }
}

fn is_meant(aim: &Aim, candidate: &Candidate) -> bool {
    match aim {
        Aim::Any => true,
        Aim::Pid(pid) => candidate.process.pid == *pid || candidate.workers.contains(pid),
        Aim::Unit(unit) => candidate.process.cgroup.seen().and_then(|c| systemd::service_of(c)) == Some(unit),
    }
}

/// The socket was named and so was a service: both must mean the same process.
fn fits(aim: &Aim, found: Found) -> Result<Found> {
    let main = &found.instance.main;
    let fits = match aim {
        Aim::Any => true,
        Aim::Pid(pid) => main.pid == *pid || found.instance.serving.seen() == Some(pid),
        Aim::Unit(unit) => found.instance.unit() == Some(unit),
    };
    if !fits {
        bail!(
            "the socket that was named belongs to {}, which is not {}",
            found.instance.title(),
            wanted(aim)
        );
    }
    Ok(found)
}

fn socket(look: &Look<'_>, path: &Path) -> Socket {
    Socket::new(path, look.deadline.at_most(ONE_ANSWER), look.calls.clone())
}

fn by_master(look: &Look<'_>, path: &Path, source: &str) -> Result<Found> {
    let master = socket(look, path);
    let answer = master.ask_master("show proc").with_context(|| format!("asking the master ({source})"))?;
    let listed = ShowProc::parse(&answer).with_context(|| {
        format!("{}: this is no master socket; is it an admin socket? ({source})", path.display())
    })?;
    let main = host::process(listed.master.pid)
        .with_context(|| format!("{} is answered by a master of another PID namespace", path.display()))?;
    Ok(master_worker(look, main, master, &listed, path, source))
}

/// The worker answers; its parent is the master, and the master's arguments name the master socket.
fn by_stats(look: &Look<'_>, path: &Path, source: &str) -> Result<Found> {
    let stats = socket(look, path);
    let answer = stats.ask("show info").with_context(|| format!("asking the worker ({source})"))?;
    let info = Info::parse(&answer).with_context(|| {
        format!("{}: this is no stats socket; is it a master socket? ({source})", path.display())
    })?;
    let worker = host::process(info.pid)
        .with_context(|| format!("{} is answered by a worker of another PID namespace", path.display()))?;
    let parent = host::process(worker.ppid).ok().filter(|parent| parent.comm.starts_with("haproxy"));
    let named =
        || vec![SocketFact { answered_by: Known::Seen(info.pid), ..admin_fact(&stats, path, source) }];
    let Some(main) = parent else { return Ok(without_master(look, worker, Mode::Standalone, None, named())) };
    match master_socket_of(&main) {
        Some(path) if socket(look, Path::new(&path)).ask_master("show proc").is_ok() => {
            by_master(look, Path::new(&path), "the master's arguments")
        }
        _ => Ok(without_master(look, main, Mode::MasterWorker, Some(info.pid), named())),
    }
}

fn by_process(look: &Look<'_>, candidate: &Candidate) -> Result<Found> {
    let main = candidate.process.clone();
    if main.same_namespaces == Known::Seen(false) {
        bail!(
            "PID {} runs in other namespaces (a container): its sockets and files are not those of this host",
            main.pid
        );
    }
    let mode =
        match main.args().master_worker || candidate.master_socket.is_some() || !candidate.workers.is_empty()
        {
            true => Mode::MasterWorker,
            false => Mode::Standalone,
        };
    if let Some(path) = &candidate.master_socket {
        match by_master(look, Path::new(path), "its arguments") {
            Ok(found) if found.instance.main.pid == main.pid => return Ok(found),
            Ok(found) => {
                let other = found.instance.main.pid;
                bail!("PID {} was started with -S {path}, but {other} answers there", main.pid)
            }
            Err(error) => {
                let why = format!("{error:#}");
                let mut found = without_master(look, main, mode, only(&candidate.workers), Vec::new());
                found.instance.master_socket = Known::unknown(why.clone());
                found.instance.workers = Known::unknown(why);
                return Ok(found);
            }
        }
    }
    Ok(without_master(look, main, mode, only(&candidate.workers), Vec::new()))
}

fn only(workers: &[u32]) -> Option<u32> {
    match workers {
        [one] => Some(*one),
        _ => None,
    }
}

fn master_socket_of(main: &Process) -> Option<String> {
    main.args().master_socket.map(|socket| main.absolute(&socket)).filter(|path| path.starts_with('/'))
}

fn master_worker(
    look: &Look<'_>,
    main: Process,
    master: Socket,
    listed: &ShowProc,
    path: &Path,
    source: &str,
) -> Found {
    let serving = serving(&master, listed);
    let peer = peer(&master);
    let identity = identity(&main, path, &peer);
    let admin = admin_sockets(look, &main, &master, &serving);
    let channel = channel(look, &admin, &serving, Some(&master));
    let workers = listed.workers.iter().map(|row| worker(row, None)).collect();
    let old = listed.old_workers.iter();
    let old_workers =
        old.map(|row| worker(row, (serving.seen() != Some(&row.pid)).then_some(&master))).collect();
    let version =
        listed.workers.iter().chain(&listed.old_workers).find(|row| serving.seen() == Some(&row.pid));
    let instance = Instance {
        mode: Mode::MasterWorker,
        identity,
        controller: controller(look, &main),
        worker_started: started(&serving),
        workers: Known::Seen(workers),
        old_workers: Known::Seen(old_workers),
        failed_reloads: Known::Seen(listed.failed),
        master_socket: Known::Seen(SocketFact {
            path: path.display().to_string(),
            source: source.to_owned(),
            level: Known::Seen("master".to_owned()),
            peer_pid: peer,
            answered_by: Known::Seen(listed.master.pid),
        }),
        admin_sockets: admin,
        running_version: Known::Seen(version.unwrap_or(&listed.master).version.clone()),
        disk_version: Known::unknown("not read yet"),
        serving,
        main,
    };
    Found { instance, channel, master: Some(master) }
}

/// Without a master to ask, /proc is all there is beside the sockets in the configuration.
fn without_master(
    look: &Look<'_>,
    main: Process,
    mode: Mode,
    worker_pid: Option<u32>,
    named: Vec<SocketFact>,
) -> Found {
    let serving = match (mode, worker_pid) {
        (Mode::Standalone, _) => Known::Seen(main.pid),
        (_, Some(pid)) => Known::Seen(pid),
        (_, None) => Known::unknown("it has several workers and no master socket that says which one serves"),
    };
    let said = look.settings.stats_socket.as_ref().map(|s| (s.value.clone(), s.origin.to_string()));
    let admin = match (named.is_empty(), said) {
        (false, _) => named,
        (true, Some((path, source))) => vec![asked(look, &path, &source)],
        (true, None) => configured(look, &main),
    };
    let admin = match admin.is_empty() {
        true => Known::unknown("the configuration names no stats socket with a unix path"),
        false => Known::Seen(admin),
    };
    let channel = channel(look, &admin, &serving, None);
    let info = channel.seen().and_then(|channel| Info::parse(&channel.ask("show info").ok()?).ok());
    let why = match mode {
        Mode::Standalone => "it runs without a master",
        Mode::MasterWorker => "the master has no socket: start it with -S /run/haproxy-master.sock",
    };
    let holds = admin.seen().and_then(|all| all.first()).map(|socket| PathBuf::from(&socket.path));
    let identity = match (holds, serving.seen()) {
        (Some(path), Some(pid)) => {
            let answers = info.as_ref().map(|info| info.pid);
            by_worker(*pid, &path, answers)
        }
        _ => Known::unknown("only /proc speaks for it; no socket of it answers"),
    };
    let instance = Instance {
        mode,
        identity,
        controller: controller(look, &main),
        worker_started: started(&serving),
        workers: Known::unknown(why),
        old_workers: Known::unknown(why),
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
    Found { instance, channel, master: None }
}

/// The worker that serves: listed by the master, and not on its way out.
fn serving(master: &Socket, listed: &ShowProc) -> Known<u32> {
    let mut reasons = Vec::new();
    for row in listed.serving_candidates() {
        let info = master.via_master(row.pid).ask("show info").map_err(anyhow::Error::from);
        match info.and_then(|answer| Ok(Info::parse(&answer)?)) {
            Ok(info) if !info.stopping => return Known::Seen(row.pid),
            Ok(_) => reasons.push(format!("worker {} is stopping", row.pid)),
            Err(error) => reasons.push(format!("worker {}: {error:#}", row.pid)),
        }
    }
    if reasons.is_empty() {
        reasons.push("the master lists no worker".to_owned());
    }
    Known::unknown(reasons.join("; "))
}

fn started(serving: &Known<u32>) -> Known<Timestamp> {
    match serving {
        Known::Unknown { why } => Known::unknown(why.clone()),
        Known::Seen(pid) => host::process(*pid)
            .and_then(|process| process.started.context("/proc does not say when it started"))
            .into(),
    }
}

fn worker(row: &Proc, ask: Option<&Socket>) -> Worker {
    let connections = match ask {
        None => Known::unknown("not asked: it serves"),
        Some(master) => master
            .via_master(row.pid)
            .ask("show info")
            .map_err(anyhow::Error::from)
            .and_then(|answer| Ok(Info::parse(&answer)?.curr_conns))
            .into(),
    };
    let (pid, reloads, uptime_s) = (row.pid, row.reloads, row.uptime.as_secs());
    Worker { pid, reloads, uptime_s, version: row.version.clone(), connections }
}

/// The master says who it is; the kernel says who opened the socket; /proc says who holds it.
fn identity(main: &Process, path: &Path, peer: &Known<u32>) -> Known<Vec<String>> {
    let mut sources = vec![format!("show proc on {} names master {}", path.display(), main.pid)];
    match peer {
        Known::Seen(pid) if *pid == main.pid => sources.push(format!("SO_PEERCRED of that socket is {pid}")),
        Known::Seen(pid) => {
            return Known::unknown(format!("SO_PEERCRED of {} is {pid}, not {}", path.display(), main.pid));
        }
        Known::Unknown { .. } => {}
    }
    if host::holds_unix_listener(main.pid, path).is_ok_and(|holds| holds) {
        sources.push(format!("/proc/{}/fd holds that socket", main.pid));
    }
    enough(sources)
}

/// From 3.1 on `SO_PEERCRED` of a stats socket is the first worker, long gone; who answers and who holds it decide.
fn by_worker(pid: u32, path: &Path, answers: Option<u32>) -> Known<Vec<String>> {
    let mut sources = Vec::new();
    if answers == Some(pid) {
        sources.push(format!("show info on {} answers as {pid}", path.display()));
    }
    if host::holds_unix_listener(pid, path).is_ok_and(|holds| holds) {
        sources.push(format!("/proc/{pid}/fd holds that socket"));
    }
    enough(sources)
}

fn enough(sources: Vec<String>) -> Known<Vec<String>> {
    match sources.len() {
        0 | 1 => Known::unknown(format!("only one source speaks for it: {}", sources.join(""))),
        _ => Known::Seen(sources),
    }
}

fn controller(look: &Look<'_>, main: &Process) -> Known<Controller> {
    let cgroup = match &main.cgroup {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(cgroup) => cgroup,
    };
    let said = look.settings.unit.as_ref().map(|unit| unit.value.as_str());
    let Some(unit) = systemd::service_of(cgroup) else {
        return match said {
            Some(said) => {
                Known::unknown(format!("{said} was named, but the process is in control group {cgroup}"))
            }
            None => Known::Seen(Controller::Nobody { cgroup: cgroup.clone() }),
        };
    };
    match systemd::show(unit, look.deadline.at_most(ONE_ANSWER)) {
        Err(error) => Known::unknown(format!("control group {cgroup}, but {error:#}")),
        Ok(shown) if shown.main_pid == main.pid => Known::Seen(Controller::Systemd { unit: unit.to_owned() }),
        Ok(shown) => Known::unknown(format!(
            "control group {cgroup}, but MainPID of {unit} is {}, not {}",
            shown.main_pid, main.pid
        )),
    }
}

/// What the worker says it listens on for commands; each unix path is asked who answers there.
fn admin_sockets(
    look: &Look<'_>,
    main: &Process,
    master: &Socket,
    serving: &Known<u32>,
) -> Known<Vec<SocketFact>> {
    let pid = match serving {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(pid) => *pid,
    };
    let listed = master
        .via_master(pid)
        .ask("show cli sockets")
        .map_err(anyhow::Error::from)
        .and_then(|answer| Ok(cli_sockets::parse(&answer)?));
    let listed: Vec<CliSocket> = match listed {
        Ok(listed) => listed,
        Err(error) => return Known::unknown(format!("show cli sockets: {error:#}")),
    };
    let mut found: Vec<SocketFact> = Vec::new();
    if let Some(said) = &look.settings.stats_socket {
        found.push(asked(look, &said.value, &said.origin.to_string()));
    }
    for row in &listed {
        let Some(path) = row.unix_path() else { continue };
        let path = main.absolute(path);
        match found.iter_mut().find(|socket| socket.path == path) {
            Some(socket) => socket.level = Known::Seen(row.level.to_string()),
            None => {
                let mut fact = asked(look, Path::new(&path), "show cli sockets");
                fact.level = Known::Seen(row.level.to_string());
                found.push(fact);
            }
        }
    }
    match found.is_empty() {
        true => Known::unknown("the worker has no stats socket with a unix path"),
        false => Known::Seen(found),
    }
}

fn configured(look: &Look<'_>, main: &Process) -> Vec<SocketFact> {
    let paths = super::files::socket_paths(look, main);
    paths.iter().map(|path| asked(look, Path::new(path), "the configuration")).collect()
}

fn admin_fact(socket: &Socket, path: &Path, source: &str) -> SocketFact {
    let level = socket
        .ask("show cli level")
        .map_err(anyhow::Error::from)
        .and_then(|answer| Ok(cli_sockets::parse_level(&answer)?.to_string()));
    SocketFact {
        path: path.display().to_string(),
        source: source.to_owned(),
        level: level.into(),
        peer_pid: peer(socket),
        answered_by: Known::unknown("not asked"),
    }
}

fn peer(socket: &Socket) -> Known<u32> {
    let pid = socket.peer_pid().map_err(anyhow::Error::from);
    pid.and_then(|pid| pid.context("it was opened in a PID namespace that cannot be seen from here")).into()
}

fn asked(look: &Look<'_>, path: &Path, source: &str) -> SocketFact {
    let socket = socket(look, path);
    let answered_by: Known<u32> = socket
        .ask("show info")
        .map_err(anyhow::Error::from)
        .and_then(|answer| Ok(Info::parse(&answer)?.pid))
        .into();
    match answered_by {
        // A socket that does not answer is not asked twice.
        Known::Unknown { why } => SocketFact {
            path: path.display().to_string(),
            source: source.to_owned(),
            level: Known::unknown(why.clone()),
            peer_pid: Known::unknown(why.clone()),
            answered_by: Known::Unknown { why },
        },
        seen => SocketFact { answered_by: seen, ..admin_fact(&socket, path, source) },
    }
}

/// The best way to ask the serving worker: a socket of its own with level admin, else through the master, else any
/// socket of its own.
fn channel(
    look: &Look<'_>,
    sockets: &Known<Vec<SocketFact>>,
    serving: &Known<u32>,
    master: Option<&Socket>,
) -> Known<Channel> {
    let pid = match serving {
        Known::Unknown { why } => return Known::unknown(why.clone()),
        Known::Seen(pid) => *pid,
    };
    let own = sockets.seen().into_iter().flatten().filter(|socket| socket.answered_by.seen() == Some(&pid));
    let own: Vec<&SocketFact> = own.collect();
    let direct = |fact: &SocketFact| Channel::Direct(socket(look, Path::new(&fact.path)));
    if let Some(admin) = own.iter().find(|fact| fact.level.seen().is_some_and(|level| level == "admin")) {
        return Known::Seen(direct(admin));
    }
    if let Some(master) = master {
        return Known::Seen(master.via_master(pid));
    }
    match own.first() {
        Some(fact) => Known::Seen(direct(fact)),
        None => Known::unknown(match sockets {
            Known::Unknown { why } => why.clone(),
            Known::Seen(all) => {
                let why: Vec<String> = all.iter().map(|s| not_ours(s, pid)).collect();
                format!("no socket of worker {pid} answers: {}", why.join("; "))
            }
        }),
    }
}

fn not_ours(socket: &SocketFact, pid: u32) -> String {
    match &socket.answered_by {
        Known::Seen(other) => format!("{} is answered by {other}, not {pid}", socket.path),
        Known::Unknown { why } => why.clone(),
    }
}

//! Which HAProxy is meant, and what its master says of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::sockets::{admin_fact, admin_sockets, asked, channel, configured, peer, reach, socket};
use super::{config_files, identity};
use crate::clients::haproxy::runtime::{AskError, Socket};
use crate::clients::linux;
use crate::config::Settings;
use crate::facts::{Candidate, Instance, Known, Mode, Process, SocketFact, Worker};
use crate::gather::{Aim, Found, Look};
use crate::wire::haproxy::runtime::processes::{Proc, ShowProc};
use crate::wire::haproxy::runtime::response::Refused;
use crate::wire::linux::cgroup::{self, Claim};

/// Finds the one that is meant: by a socket that was named, else among the processes.
pub(in crate::gather) fn find(
    look: &Look<'_>,
    aim: &Aim,
    candidates: &Known<Vec<Candidate>>,
) -> Known<Found> {
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

/// Who holds the socket that was named, or says so in its arguments; else the only one that is meant.
pub(in crate::gather) fn main_process(settings: &Settings, aim: &Aim) -> Option<Process> {
    let candidates = Candidate::group(linux::haproxies().ok()?);
    let named = settings.master_socket.as_ref().or(settings.stats_socket.as_ref());
    let holds = |candidate: &Candidate, path: &Path| {
        let mut pids = std::iter::once(candidate.process.pid).chain(candidate.workers.iter().copied());
        pids.any(|pid| linux::holds_unix_listener(pid, path).unwrap_or(false))
            || candidate
                .master_socket
                .as_deref()
                .is_some_and(|own| reach(&candidate.process, Path::new(own)) == path)
    };
    let mut meant = candidates.iter().filter(|candidate| match named {
        Some(said) => holds(candidate, &said.value),
        None => is_meant(aim, candidate),
    });
    let only = meant.next()?;
    meant.next().is_none().then(|| only.process.clone())
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
        Aim::Unit(name) => {
            // A guest's unit of that name is the guest's.
            let ours = candidate.process.same_pid_namespace != Known::Seen(false);
            let claim = candidate.process.cgroup.seen().map(|path| cgroup::claim(path));
            ours && claim == Some(Claim::Service { unit: name.clone() })
        }
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

fn by_master(look: &Look<'_>, path: &Path, source: &str) -> Result<Found> {
    unix(path, source)?;
    let master = socket(look, path);
    let foreign = || {
        format!(
            "{}: this is no master socket; is it an admin socket? give that with --stats-socket",
            path.display()
        )
    };
    let listed = match master.processes() {
        Err(AskError::Refused { why: Refused::UnknownCommand, .. }) => bail!("{} ({source})", foreign()),
        Err(AskError::Odd { why, .. }) => bail!("{} ({source}): {why}", foreign()),
        answer => answer.with_context(|| format!("asking the master ({source})"))?,
    };
    // A master in another PID namespace calls itself by a number that means another process here; the kernel calls
    // whoever opened the socket by our own.
    let pid = listed.master.pid;
    if let Some(opener) = peer(&master).seen().filter(|opener| **opener != pid) {
        return through_its_root(look, path, *opener, source).with_context(|| {
            format!("{}: the master calls itself {pid}, the kernel {opener}", path.display())
        });
    }
    let main = linux::process(pid)
        .with_context(|| format!("{} is answered by a master of another PID namespace", path.display()))?;
    Ok(master_worker(look, main, master, &listed, path, source))
}

/// The socket of a container's HAProxy was named by a path of ours, as when its folder is mounted from here: it is asked
/// by the path that it has in there, which must be the same socket.
fn through_its_root(look: &Look<'_>, path: &Path, opener: u32, source: &str) -> Result<Found> {
    let main = linux::process(opener)?;
    if main.same_pid_namespace != Known::Seen(false) {
        bail!("they are two processes of this host");
    }
    let inside =
        main.args().master_socket.context("it is in a container, and names no master socket there")?;
    let through = reach(&main, Path::new(&main.absolute(&inside)));
    if through == path || !linux::same_file(&through, path) {
        bail!("it is in a container, where its master socket {inside} is another one");
    }
    by_master(look, &through, source)
}

/// An address of HAProxy's other kind is no path.
fn unix(path: &Path, source: &str) -> Result<()> {
    let address = path.to_string_lossy();
    let port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if port && !address.contains('/') {
        bail!("{address} ({source}) is a network address: haguard asks a unix socket, by its path");
    }
    Ok(())
}

/// The worker answers; its parent is the master, and the master's arguments name the master socket.
fn by_stats(look: &Look<'_>, path: &Path, source: &str) -> Result<Found> {
    unix(path, source)?;
    let stats = socket(look, path);
    let info = match stats.info() {
        Err(AskError::Odd { why, .. }) => {
            bail!("{}: this is no stats socket of HAProxy's ({source}): {why}", path.display())
        }
        answer => answer.with_context(|| format!("asking the worker ({source})"))?,
    };
    // On every branch the one that opened it lives where the one lives that answers.
    let opener = peer(&stats).seen().and_then(|pid| linux::process(*pid).ok());
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
    let named =
        || vec![SocketFact { answered_by: Known::Seen(info.pid), ..admin_fact(&stats, path, source) }];
    let Some(main) = parent else { return Ok(without_master(look, worker, Mode::Standalone, None, named())) };
    let behind = master_socket_of(&main).map(|path| by_master(look, &path, "the master's arguments"));
    match behind {
        // The path may have been taken over by another master since.
        Some(Ok(found)) if found.instance.main.pid == main.pid => Ok(found),
        Some(Err(error)) => {
            Ok(unasked(without_master(look, main, Mode::MasterWorker, Some(info.pid), named()), &error))
        }
        _ => Ok(without_master(look, main, Mode::MasterWorker, Some(info.pid), named())),
    }
}

/// It has a master socket, and this is why the master could not be asked there.
fn unasked(mut found: Found, error: &anyhow::Error) -> Found {
    let why = format!("{error:#}");
    let instance = &mut found.instance;
    instance.master_socket = Known::unknown(why.clone());
    instance.workers = Known::unknown(why.clone());
    instance.old_workers = Known::unknown(why.clone());
    instance.reloads = Known::unknown(why.clone());
    instance.failed_reloads = Known::unknown(why);
    found
}

fn by_process(look: &Look<'_>, candidate: &Candidate) -> Result<Found> {
    let main = candidate.process.clone();
    let mode =
        match main.args().master_worker || candidate.master_socket.is_some() || !candidate.workers.is_empty()
        {
            true => Mode::MasterWorker,
            false => Mode::Standalone,
        };
    if let Some(path) = &candidate.master_socket {
        match by_master(look, &reach(&main, Path::new(path)), "its arguments") {
            Ok(found) if found.instance.main.pid == main.pid => return Ok(found),
            Ok(found) => {
                let other = found.instance.main.pid;
                bail!("PID {} was started with -S {path}, but {other} answers there", main.pid)
            }
            Err(error) => {
                let found = without_master(look, main, mode, only(&candidate.workers), Vec::new());
                return Ok(unasked(found, &error));
            }
        }
    }
    let found = without_master(look, main, mode, only(&candidate.workers), Vec::new());
    let main = &found.instance.main;
    // Anybody can take the name; without a socket that answers, the program has to say what it is.
    if found.channel.seen().is_none() && config_files::says_it_is_haproxy(look, main) == Some(false) {
        let program = main.exe.seen().map_or("an unreadable program", String::as_str);
        bail!("PID {} is called haproxy, but {program} does not say that it is HAProxy", main.pid);
    }
    Ok(found)
}

fn only(workers: &[u32]) -> Option<u32> {
    match workers {
        [one] => Some(*one),
        _ => None,
    }
}

fn master_socket_of(main: &Process) -> Option<PathBuf> {
    let named =
        main.args().master_socket.map(|socket| main.absolute(&socket)).filter(|path| path.starts_with('/'));
    named.map(|path| reach(main, Path::new(&path)))
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
    let identity = identity::by_master(&main, path, &peer);
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
        control: identity::control(look, &main),
        worker_started: started(&serving),
        workers: Known::Seen(workers),
        old_workers: Known::Seen(old_workers),
        reloads: Known::Seen(listed.master.reloads),
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
    let info = channel.seen().and_then(|channel| channel.info().ok());
    let why = match mode {
        Mode::Standalone => "it runs without a master",
        Mode::MasterWorker => "the master has no socket: start it with -S /run/haproxy-master.sock",
    };
    let holds = admin.seen().and_then(|all| all.first()).map(|socket| PathBuf::from(&socket.path));
    let identity = match (holds, serving.seen()) {
        (Some(path), Some(pid)) => {
            let answers = info.as_ref().map(|info| info.pid);
            identity::by_worker(*pid, &path, answers)
        }
        _ => Known::unknown("only /proc speaks for it; no socket of it answers"),
    };
    let instance = Instance {
        mode,
        identity,
        control: identity::control(look, &main),
        worker_started: started(&serving),
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
    Found { instance, channel, master: None }
}

/// The worker that serves: listed by the master, and not on its way out.
fn serving(master: &Socket, listed: &ShowProc) -> Known<u32> {
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

fn started(serving: &Known<u32>) -> Known<Timestamp> {
    match serving {
        Known::Unknown { why } => Known::unknown(why.clone()),
        Known::Seen(pid) => linux::process(*pid)
            .and_then(|process| process.started.context("/proc does not say when it started"))
            .into(),
    }
}

fn worker(row: &Proc, ask: Option<&Socket>) -> Worker {
    let connections = match ask {
        None => Known::unknown("not asked: it serves"),
        Some(master) => {
            master.via_master(row.pid).info().map_err(anyhow::Error::from).map(|info| info.curr_conns).into()
        }
    };
    let (pid, reloads, uptime_s) = (row.pid, row.reloads, row.uptime.as_secs());
    Worker { pid, reloads, uptime_s, version: row.version.clone(), connections }
}

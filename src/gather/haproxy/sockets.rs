//! The sockets of one HAProxy: their level, the process that answers, and which of them to ask.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{config_files, paths};
use crate::clients::haproxy::runtime::{RuntimeSocket, WorkerChannel};
use crate::clients::linux;
use crate::facts::{Known, Process, SocketFact};
use crate::gather::GatherContext;
use crate::known::Unknown;
use crate::timeouts;
use crate::wire::haproxy::runtime::cli_sockets::{self, CliSocket};

pub(in crate::gather) fn socket(look: &GatherContext<'_>, path: &Path) -> RuntimeSocket {
    RuntimeSocket::new(path, look.deadline.at_most(timeouts::RUNTIME_QUERY), look.calls.clone())
}

/// A socket of this HAProxy's by its own name for it, as we can open it: through its root where that is not ours. Its
/// plain path is enough where both lead to one file; in a container it is not, because the way through its root also tells
/// how it numbers its processes.
pub(in crate::gather) fn reachable_path(main: &Process, path: &Path) -> PathBuf {
    let plain = paths::absolute(main, &path.to_string_lossy());
    let through = paths::on_host(main, &path.to_string_lossy());
    let ours = main.same_pid_namespace == Known::Seen(true);
    if ours && linux::same_file(&plain, &through) { plain } else { through }
}

/// The sockets of `show cli sockets`; each unix path is asked for the process that answers.
pub(in crate::gather) fn admin_sockets(
    look: &GatherContext<'_>,
    main: &Process,
    master: &RuntimeSocket,
    serving: &Known<u32>,
) -> Result<Vec<SocketFact>, Unknown> {
    let listed = master
        .via_master(*serving.get()?)
        .ask("show cli sockets")
        .map_err(anyhow::Error::from)
        .and_then(|answer| Ok(cli_sockets::parse(&answer)?));
    let listed: Vec<CliSocket> =
        listed.map_err(|error| Unknown::new(format!("show cli sockets: {error:#}")))?;
    let mut found: Vec<SocketFact> = Vec::new();
    if let Some(setting) = &look.settings.stats_socket {
        found.push(query_socket(look, &setting.value, &setting.origin.to_string()));
    }
    for row in &listed {
        let Some(path) = row.unix_path() else { continue };
        let path = reachable_path(main, Path::new(&main.absolute(path))).display().to_string();
        match found.iter_mut().find(|socket| socket.path == path) {
            Some(socket) => socket.level = Known::Seen(row.level.to_string()),
            None => {
                let mut fact = query_socket(look, Path::new(&path), "show cli sockets");
                fact.level = Known::Seen(row.level.to_string());
                found.push(fact);
            }
        }
    }
    match found.is_empty() {
        true => Err(Unknown::new("the worker has no stats socket with a unix path")),
        false => Ok(found),
    }
}

pub(in crate::gather) fn configured_sockets(look: &GatherContext<'_>, main: &Process) -> Vec<SocketFact> {
    let paths = config_files::stats_socket_paths(look, main);
    paths
        .iter()
        .map(|path| query_socket(look, &reachable_path(main, Path::new(path)), "the configuration"))
        .collect()
}

pub(in crate::gather) fn peer_pid(socket: &RuntimeSocket) -> Known<u32> {
    let pid = socket.peer_pid().map_err(anyhow::Error::from);
    pid.and_then(|pid| pid.context("it was opened in a PID namespace that cannot be seen from here")).into()
}

pub(in crate::gather) fn query_socket(look: &GatherContext<'_>, path: &Path, source: &str) -> SocketFact {
    let socket = socket(look, path);
    let fact = |level, peer_pid, answered_by| SocketFact {
        path: path.display().to_string(),
        source: source.to_owned(),
        level,
        peer_pid,
        answered_by,
    };
    match socket.info_and_level() {
        // A socket that does not answer is not asked twice.
        Err(error) => {
            let why = format!("{:#}", anyhow::Error::from(error));
            fact(Known::unknown(&why), Known::unknown(&why), Known::unknown(&why))
        }
        Ok((info, level)) => {
            let level = level.map_err(anyhow::Error::from);
            let level = level.and_then(|text| Ok(cli_sockets::parse_level(&text)?.to_string()));
            fact(level.into(), peer_pid(&socket), Known::Seen(info.pid))
        }
    }
}

/// The best way to ask the serving worker: a socket of its own with level admin, else through the master, else any
/// socket of its own.
pub(in crate::gather) fn select_channel(
    look: &GatherContext<'_>,
    sockets: &Known<Vec<SocketFact>>,
    serving: &Known<u32>,
    master: Option<&RuntimeSocket>,
) -> Result<WorkerChannel, Unknown> {
    let pid = *serving.get()?;
    let own = sockets.seen().into_iter().flatten().filter(|socket| socket.answered_by.seen() == Some(&pid));
    let own: Vec<&SocketFact> = own.collect();
    let direct = |fact: &SocketFact| WorkerChannel::Direct(socket(look, Path::new(&fact.path)));
    if let Some(admin) = own.iter().find(|fact| fact.is_admin_level()) {
        return Ok(direct(admin));
    }
    if let Some(master) = master {
        return Ok(master.via_master(pid));
    }
    if let Some(fact) = own.first() {
        return Ok(direct(fact));
    }
    let why: Vec<String> = sockets.get()?.iter().map(|s| answer_mismatch(s, pid)).collect();
    Err(Unknown::new(format!("no socket of worker {pid} answers: {}", why.join("; "))))
}

fn answer_mismatch(socket: &SocketFact, pid: u32) -> String {
    match &socket.answered_by {
        Known::Seen(other) => format!("{} is answered by {other}, not {pid}", socket.path),
        Known::Unknown { why } => why.clone(),
    }
}

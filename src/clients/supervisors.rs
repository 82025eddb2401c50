//! supervisord, runit, s6 and tmux: each is asked for its processes, read-only.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::Method;

use super::exec::command::Program;
use super::http::{HttpClient, HttpEndpoint};
use super::linux::{self, Account};
use crate::wire::linux::listener::Listener;
use crate::wire::supervisors::{self, TmuxPane};

/// What supervisord is asked; it changes nothing.
const GET_ALL_PROCESS_INFO: &str =
    "<?xml version=\"1.0\"?><methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>";

/// The programs of a supervisord, and the address that answered. The sockets that it listens on are asked, so that no
/// configuration file is needed.
///
/// # Errors
/// When it listens nowhere, or wants a password, or its sockets cannot be seen.
pub fn supervisord_programs(
    pid: u32,
    limit: Duration,
) -> Result<(String, Vec<supervisors::SupervisordProgram>)> {
    let mut tried = Vec::new();
    for listener in linux::listeners(pid)? {
        let url = match listener {
            // It binds under a name with its own number and then gives the socket its real one.
            Listener::Unix(path) => {
                format!("unix:{}", path.strip_suffix(&format!(".{pid}")).unwrap_or(&path))
            }
            Listener::Tcp(at) if at.ip().is_unspecified() => format!("http://127.0.0.1:{}", at.port()),
            Listener::Tcp(at) => format!("http://{at}"),
            _ => continue,
        };
        match programs_at(&url, limit) {
            Ok(programs) => return Ok((url, programs)),
            Err(error) => tried.push(format!("{error:#}")),
        }
    }
    match tried.is_empty() {
        true => bail!("supervisord {pid} listens nowhere: give it an [unix_http_server]"),
        false => bail!("{}", tried.join("; ")),
    }
}

fn programs_at(url: &str, limit: Duration) -> Result<Vec<supervisors::SupervisordProgram>> {
    let http =
        HttpClient::new(HttpEndpoint { url: url.into(), credentials: None, ca_file: None, timeout: limit })?;
    let reply = http.send(Method::POST, "/RPC2", |request| {
        request.header("content-type", "text/xml").body(GET_ALL_PROCESS_INFO)
    })?;
    reply.require_success(|_| None)?;
    let text = reply.text();
    if !text.contains("<methodResponse>") || text.contains("<fault>") {
        bail!("{url} does not answer as supervisord does");
    }
    Ok(supervisors::parse_supervisord(&text))
}

/// The process that runit's `runsv` supervises, and that of its log service.
///
/// # Errors
/// When its folder cannot be read.
pub fn runit_processes(runsv: u32) -> Result<Vec<(String, u32)>> {
    let files = ["supervise/pid", "log/supervise/pid"];
    let read = |name: &str| -> Result<(String, String)> {
        let path = format!("/proc/{runsv}/cwd/{name}");
        Ok((name.to_owned(), String::from_utf8_lossy(&read_status_file(&path)?).into_owned()))
    };
    let (first, log) = (read(files[0])?, read(files[1]).ok());
    let found = [Some(first), log].into_iter().flatten();
    Ok(found.filter_map(|(name, text)| Some((name, supervisors::parse_runit_pid(&text)?))).collect())
}

/// The process that `s6-supervise` supervises.
///
/// # Errors
/// When its folder cannot be read.
pub fn s6_process(supervise: u32) -> Result<Option<u32>> {
    let path = format!("/proc/{supervise}/cwd/supervise/status");
    Ok(supervisors::parse_s6_status(&read_status_file(&path)?))
}

/// Bytes of a status file that are read.
const MAX_STATUS_SIZE: u64 = 4096;

/// Any user may have put a pipe or a device in place of this file, which is then not opened.
fn read_status_file(path: &str) -> Result<Vec<u8>> {
    let file = linux::open_regular_file(path.as_ref()).map_err(|error| access_error(path, &error))?;
    let mut bytes = Vec::new();
    file.take(MAX_STATUS_SIZE).read_to_end(&mut bytes).map_err(|error| access_error(path, &error))?;
    Ok(bytes)
}

/// The panes of a tmux server, from `tmux list-panes` on its socket. A server can make its client run programs and write
/// files, so that the client runs as the server's user, never as root.
///
/// # Errors
/// When its sockets cannot be seen, or it does not answer, or it is another user's and we are not root.
pub fn tmux_panes(server: u32, user: u32, limit: Duration) -> Result<(String, Vec<TmuxPane>)> {
    let owner = match linux::effective_uid() {
        own if own == user => None,
        0 => Some(Account { uid: user, ..linux::process_account(server)? }),
        _ => bail!("the tmux of user {user} answers that user and root alone (run as root)"),
    };
    let sockets = linux::listeners(server)?.into_iter().filter_map(|listener| match listener {
        Listener::Unix(path) => Some(path),
        _ => None,
    });
    let socket = sockets.into_iter().next().with_context(|| format!("tmux {server} listens nowhere"))?;
    let arguments = ["-S", &socket, "list-panes", "-a", "-F", supervisors::TMUX_PANE_FORMAT];
    let program = Program {
        program: "tmux".into(),
        arguments: arguments.map(str::to_owned).to_vec(),
        run_as: owner,
        ..Program::default()
    };
    let output = program.run(limit)?;
    if !output.status.success() {
        bail!("tmux -S {socket} list-panes: {}", output.stderr.trim());
    }
    Ok((socket, supervisors::parse_tmux_panes(&output.stdout)))
}

/// The pseudo terminals whose master ends a process holds.
///
/// # Errors
/// When its open files may not be seen.
pub fn held_ptys(pid: u32) -> Result<Vec<u32>> {
    let folder = format!("/proc/{pid}/fd");
    let entries = std::fs::read_dir(&folder).map_err(|error| access_error(&folder, &error))?;
    let held = entries.flatten().filter_map(|entry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        target.ends_with("ptmx").then_some(())?;
        let info = Path::new("/proc").join(pid.to_string()).join("fdinfo").join(entry.file_name());
        supervisors::parse_pty_index(&std::fs::read_to_string(info).ok()?)
    });
    Ok(held.collect())
}

fn access_error(path: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => anyhow!("{path}: permission denied (run as root)"),
        _ => anyhow!("{path}: {error}"),
    }
}

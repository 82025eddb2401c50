//! `inspect` as text: a summary, the HAProxy that runs, its files, its runtime state, the other services, the findings
//! and the proof.
//!
//! - `summary`: the first five lines

mod summary;

use std::io::{self, Write};

use super::causes;
use super::layout::{proof, row, value_or_reason};
use super::wrap::prose;
use super::{findings, ledger, services};
use crate::facts::binds::format_port_ranges;
use crate::facts::{
    BindState, ConfigOnDisk, Facts, Instance, Known, NewBind, SocketFact, Worker, WorkerState,
};
use crate::plan;
use crate::plural::plural;
use crate::report::{Paint, Report};

pub(in crate::report) fn write(
    report: &Report,
    facts: &Facts,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    let (causes, alone) = causes::split(&report.findings);
    // The summary tells this one.
    let cause = causes.iter().find(|cause| Some(cause.why) == facts.instance.why());
    summary::write(report, facts, cause, out, paint)?;
    match &facts.instance {
        Known::Seen(instance) => details(report, facts, instance, out, paint)?,
        Known::Unknown { why } => {
            if summary::cuts_reason(why) {
                heading("why it is not known", out, paint)?;
                writeln!(out, "{}", prose("  ", why))?;
            }
            candidates(facts, out, paint)?;
        }
    }
    if let Some(api) = &facts.dataplane {
        heading("Data Plane API", out, paint)?;
        dataplane(api, out)?;
    }
    match &facts.on_host {
        Known::Seen(host) => services::write(host, out, paint)?,
        Known::Unknown { why } if why == "not looked at" => {}
        Known::Unknown { why } => {
            heading("services of this host", out, paint)?;
            row(out, "unknown", why)?;
        }
    }
    let others = causes.iter().filter(|other| Some(other.why) != cause.map(|first| first.why));
    let open = others.flat_map(|cause| cause.findings.iter().copied()).chain(alone.iter().copied());
    findings::write_problems(&open.cloned().collect::<Vec<_>>(), out, paint)?;
    proof(report, out, paint)
}

fn heading(text: &str, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    writeln!(out, "\n{}", paint.strong(text))
}

/// The instances of which one has to be named.
fn candidates(facts: &Facts, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    let all = facts.candidates.seen().into_iter().flatten();
    for (at, candidate) in all.enumerate() {
        if at == 0 {
            heading("HAProxy instances found", out, paint)?;
        }
        writeln!(out, "{}", prose("  ", &candidate.describe()))?;
    }
    Ok(())
}

fn details(
    report: &Report,
    facts: &Facts,
    instance: &Instance,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    heading("process", out, paint)?;
    processes(instance, out)?;
    heading("configuration", out, paint)?;
    files(&facts.config, out)?;
    heading("state of the worker", out, paint)?;
    worker_state(&facts.live, out)?;
    heading("effect of a reload and of a restart", out, paint)?;
    binds(facts, out)?;
    match report.losses.is_empty() {
        true => writeln!(out, "  no runtime-only state would be lost"),
        false => writeln!(out, "{}", ledger::table(&report.losses, paint)),
    }
}

/// As many addresses are named in one row; the rest is counted.
const MAX_ADDRESSES: usize = 8;

/// The addresses that come and go, where there are any.
fn binds(facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    match &facts.binds {
        Known::Seen(binds) if binds.is_empty() => {}
        binds => row(out, "new binds", &value_or_reason(binds, |all| join_limited(&new_binds(all))))?,
    }
    let gone = format_port_ranges(plan::WorkerDiff::from_facts(facts).listeners.removed());
    if gone.is_empty() { Ok(()) } else { row(out, "binds gone", &join_limited(&gone)) }
}

/// What cannot be had comes first.
fn new_binds(all: &[NewBind]) -> Vec<String> {
    let (free, other): (Vec<_>, Vec<_>) = all.iter().partition(|bind| bind.state == BindState::Free);
    let other = other.into_iter().map(|bind| {
        let state = bind.state.describe(bind.listener.as_ref());
        format!("{} ({state})", bind.address)
    });
    let free = format_port_ranges(free.into_iter().filter_map(|bind| bind.listener.as_ref()));
    other.chain(free.into_iter().map(|word| format!("{word} (free)"))).collect()
}

fn join_limited(all: &[String]) -> String {
    let mut words: Vec<String> = all.iter().take(MAX_ADDRESSES).cloned().collect();
    if all.len() > MAX_ADDRESSES {
        words.push(format!("and {} more", all.len() - MAX_ADDRESSES));
    }
    words.join(", ")
}

fn processes(instance: &Instance, out: &mut impl Write) -> io::Result<()> {
    let Instance {
        main,
        mode: _,
        identity,
        control,
        serving,
        workers,
        old_workers,
        reloads: _,
        failed_reloads,
        worker_started,
        master_socket,
        admin_sockets,
        running_version,
        disk_version,
    } = instance;
    row(out, "haproxy", &instance.title())?;
    row(out, "program", &value_or_reason(&main.exe, |exe| format!("{exe}, uid {}", main.uid)))?;
    row(out, "version", &versions(running_version, disk_version))?;
    row(out, "controlled by", &control.describe())?;
    row(out, "identified by", &value_or_reason(identity, |sources| sources.join("; ")))?;
    row(
        out,
        "serving",
        &value_or_reason(serving, |pid| format!("worker {pid}{}", format_start(worker_started))),
    )?;
    row(out, "workers", &value_or_reason(workers, |list| pids(list)))?;
    if old_workers.seen().is_none_or(|list| !list.is_empty()) {
        row(out, "old workers", &value_or_reason(old_workers, |list| pids(list)))?;
    }
    row(out, "failed reloads", &value_or_reason(failed_reloads, u32::to_string))?;
    row(out, "master socket", &value_or_reason(master_socket, socket))?;
    row(
        out,
        "admin sockets",
        &value_or_reason(admin_sockets, |list| list.iter().map(socket).collect::<Vec<_>>().join("; ")),
    )
}

fn versions(running: &Known<String>, disk: &Known<String>) -> String {
    match (running, disk) {
        (Known::Seen(a), Known::Seen(b)) if a == b => format!("{a}, the same on disk"),
        _ => format!(
            "runs {}, on disk {}",
            value_or_reason(running, String::clone),
            value_or_reason(disk, String::clone)
        ),
    }
}

fn format_start(started: &Known<jiff::Timestamp>) -> String {
    started.seen().map_or_else(String::new, |at| format!(", since {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")))
}

fn pids(list: &[Worker]) -> String {
    match list.is_empty() {
        true => "none".to_owned(),
        false => list.iter().map(|worker| worker.pid.to_string()).collect::<Vec<_>>().join(" "),
    }
}

fn socket(socket: &SocketFact) -> String {
    let level = socket.level.seen().map_or("level unknown", String::as_str);
    let by = value_or_reason(&socket.answered_by, |pid| format!("answered by {pid}"));
    format!("{} ({level}, {by}, from {})", socket.path, socket.source)
}

fn files(config: &ConfigOnDisk, out: &mut impl Write) -> io::Result<()> {
    row(out, "known from", &value_or_reason(&config.source, String::clone))?;
    for file in &config.files {
        let modified = file
            .modified
            .seen()
            .map_or_else(String::new, |at| format!(", written {}", at.strftime("%F %T UTC")));
        let md5 = value_or_reason(&file.md5, |sum| format!("md5 {sum}"));
        row(out, "file", &format!("{} ({md5}{modified})", file.path))?;
    }
    let test = value_or_reason(&config.test, |t| {
        if t.valid { "valid".into() } else { format!("NOT VALID: {}", t.alerts.join("; ")) }
    });
    row(out, "tested", &test)
}

fn worker_state(live: &WorkerState, out: &mut impl Write) -> io::Result<()> {
    let WorkerState { how: _, connections, proxies, servers, patterns, tables, certificates, listeners } =
        live;
    row(
        out,
        "connections",
        &value_or_reason(connections, |c| match c.draining {
            0 => c.current.to_string(),
            draining => format!("{} and {draining} in old workers", c.current),
        }),
    )?;
    row(
        out,
        "proxies",
        &value_or_reason(proxies, |all| {
            let frontends = all.iter().filter(|p| p.frontend).count();
            let backends = all.iter().filter(|p| p.backend).count();
            format!("{}, {}", plural(frontends, "frontend"), plural(backends, "backend"))
        }),
    )?;
    row(out, "servers", &value_or_reason(servers, |all| all.len().to_string()))?;
    row(
        out,
        "maps and ACLs",
        &value_or_reason(patterns, |all| {
            let entries: usize = all.iter().filter_map(|list| list.entries.seen()).map(Vec::len).sum();
            format!("{}, {}", plural(all.len(), "list"), plural(entries, "entry"))
        }),
    )?;
    row(
        out,
        "stick tables",
        &value_or_reason(tables, |all| {
            let named: Vec<String> = all.iter().map(|t| format!("{} ({})", t.name, t.used)).collect();
            if named.is_empty() { "none".into() } else { named.join(", ") }
        }),
    )?;
    row(out, "certificates", &value_or_reason(certificates, |all| all.len().to_string()))?;
    row(out, "listens on", &value_or_reason(listeners, |all| join_limited(&format_port_ranges(all))))
}

fn dataplane(api: &crate::facts::DataPlaneFacts, out: &mut impl Write) -> io::Result<()> {
    row(out, "url", &api.url)?;
    row(out, "version", &value_or_reason(&api.api_version, String::clone))?;
    row(out, "writes", &value_or_reason(&api.config_file, |file| file.path.display().to_string()))?;
    let disk = value_or_reason(&api.disk_version, |v| v.map_or("none".into(), |v| v.to_string()));
    let memory = value_or_reason(&api.memory_version, u64::to_string);
    row(out, "configuration", &format!("version {memory} in memory, {disk} on disk"))
}

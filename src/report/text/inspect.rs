//! `inspect` as text: what runs, who controls it, which files, what lives in memory only, and the proof.

use std::io::{self, Write};

use super::layout::{proof, row, shown};
use super::{findings, ledger, services};
use crate::facts::binds::in_ranges;
use crate::facts::{BindState, ConfigOnDisk, Facts, Instance, Known, NewBind, Picture, SocketFact, Worker};
use crate::plan;
use crate::plural::plural;
use crate::report::{Paint, Report};

pub(in crate::report) fn write(
    report: &Report,
    facts: &Facts,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    match &facts.instance {
        Known::Unknown { why } => {
            row(out, "haproxy", &format!("unknown: {why}"))?;
            for candidate in facts.candidates.seen().into_iter().flatten() {
                row(out, "candidate", &candidate.describe())?;
            }
        }
        Known::Seen(instance) => {
            writeln!(out, "{}", paint.strong(&format!("what runs on {}", facts.host)))?;
            processes(instance, out)?;
            writeln!(out, "\n{}", paint.strong("what it was told"))?;
            files(&facts.config, out)?;
            writeln!(out, "\n{}", paint.strong("what it holds"))?;
            holds(&facts.live, out)?;
        }
    }
    if let Some(api) = &facts.dataplane {
        writeln!(out, "\n{}", paint.strong("Data Plane API"))?;
        dataplane(api, out)?;
    }
    if facts.instance.seen().is_some() {
        writeln!(out, "\n{}", paint.strong("what a reload or a restart would do"))?;
        binds(facts, out)?;
        match report.losses.is_empty() {
            true => writeln!(out, "  nothing that only memory holds would be lost")?,
            false => writeln!(out, "{}", ledger::table(&report.losses, paint))?,
        }
    }
    match &facts.on_host {
        Known::Seen(host) => services::write(host, out, paint)?,
        Known::Unknown { why } if why == "not looked at" => {}
        Known::Unknown { why } => {
            writeln!(out, "\n{}", paint.strong("services of this host"))?;
            row(out, "unknown", why)?;
        }
    }
    findings::worth_knowing(&report.findings, out, paint)?;
    proof(report, out, paint)
}

/// As many addresses are named in one row; the rest is counted.
const SHOWN: usize = 8;

/// The addresses that come and go, where there are any.
fn binds(facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    match &facts.binds {
        Known::Seen(binds) if binds.is_empty() => {}
        binds => row(out, "new binds", &shown(binds, |all| some(&new_binds(all))))?,
    }
    match plan::bind_change(&facts.live, &facts.next).seen() {
        Some(change) if !change.gone.is_empty() => row(out, "binds gone", &some(&in_ranges(&change.gone))),
        _ => Ok(()),
    }
}

/// What cannot be had comes first.
fn new_binds(all: &[NewBind]) -> Vec<String> {
    let (free, other): (Vec<_>, Vec<_>) = all.iter().partition(|bind| bind.state == BindState::Free);
    let other = other.into_iter().map(|bind| {
        let said = bind.state.describe(bind.listener.as_ref());
        format!("{} ({said})", bind.address)
    });
    let free = in_ranges(free.into_iter().filter_map(|bind| bind.listener.as_ref()));
    other.chain(free.into_iter().map(|word| format!("{word} (free)"))).collect()
}

fn some(all: &[String]) -> String {
    let mut words: Vec<String> = all.iter().take(SHOWN).cloned().collect();
    if all.len() > SHOWN {
        words.push(format!("and {} more", all.len() - SHOWN));
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
    row(out, "program", &shown(&main.exe, |exe| format!("{exe}, uid {}", main.uid)))?;
    row(out, "version", &versions(running_version, disk_version))?;
    row(out, "controlled by", &control.words())?;
    row(out, "proven by", &shown(identity, |sources| sources.join("; ")))?;
    row(out, "serving", &shown(serving, |pid| format!("worker {pid}{}", since(worker_started))))?;
    row(out, "workers", &shown(workers, |list| pids(list)))?;
    if old_workers.seen().is_none_or(|list| !list.is_empty()) {
        row(out, "old workers", &shown(old_workers, |list| pids(list)))?;
    }
    row(out, "failed reloads", &shown(failed_reloads, u32::to_string))?;
    row(out, "master socket", &shown(master_socket, socket))?;
    row(
        out,
        "admin sockets",
        &shown(admin_sockets, |list| list.iter().map(socket).collect::<Vec<_>>().join("; ")),
    )
}

fn versions(running: &Known<String>, disk: &Known<String>) -> String {
    match (running, disk) {
        (Known::Seen(a), Known::Seen(b)) if a == b => format!("{a}, the same on disk"),
        _ => format!("runs {}, on disk {}", shown(running, String::clone), shown(disk, String::clone)),
    }
}

fn since(started: &Known<jiff::Timestamp>) -> String {
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
    let by = shown(&socket.answered_by, |pid| format!("answered by {pid}"));
    format!("{} ({level}, {by}, from {})", socket.path, socket.source)
}

fn files(config: &ConfigOnDisk, out: &mut impl Write) -> io::Result<()> {
    row(out, "learnt from", &shown(&config.source, String::clone))?;
    for file in &config.files {
        let modified = file
            .modified
            .seen()
            .map_or_else(String::new, |at| format!(", written {}", at.strftime("%F %T UTC")));
        let md5 = shown(&file.md5, |sum| format!("md5 {sum}"));
        row(out, "file", &format!("{} ({md5}{modified})", file.path))?;
    }
    let test = shown(&config.test, |t| {
        if t.valid { "valid".into() } else { format!("NOT VALID: {}", t.alerts.join("; ")) }
    });
    row(out, "tested", &test)
}

fn holds(live: &Picture, out: &mut impl Write) -> io::Result<()> {
    let Picture { how: _, connections, proxies, servers, patterns, tables, certificates, listeners } = live;
    row(
        out,
        "connections",
        &shown(connections, |c| match c.draining {
            0 => c.current.to_string(),
            draining => format!("{} and {draining} in old workers", c.current),
        }),
    )?;
    row(
        out,
        "proxies",
        &shown(proxies, |all| {
            let frontends = all.iter().filter(|p| p.frontend).count();
            let backends = all.iter().filter(|p| p.backend).count();
            format!("{}, {}", plural(frontends, "frontend"), plural(backends, "backend"))
        }),
    )?;
    row(out, "servers", &shown(servers, |all| all.len().to_string()))?;
    row(
        out,
        "maps and ACLs",
        &shown(patterns, |all| {
            let entries: usize = all.iter().filter_map(|list| list.entries.seen()).map(Vec::len).sum();
            format!("{}, {entries} entries in all", plural(all.len(), "list"))
        }),
    )?;
    row(
        out,
        "stick tables",
        &shown(tables, |all| {
            let named: Vec<String> = all.iter().map(|t| format!("{} ({})", t.name, t.used)).collect();
            if named.is_empty() { "none".into() } else { named.join(", ") }
        }),
    )?;
    row(out, "certificates", &shown(certificates, |all| all.len().to_string()))?;
    row(out, "listens on", &shown(listeners, |all| some(&in_ranges(all))))
}

fn dataplane(api: &crate::facts::DataPlaneFacts, out: &mut impl Write) -> io::Result<()> {
    row(out, "url", &api.url)?;
    row(out, "version", &shown(&api.api_version, String::clone))?;
    row(out, "writes", &shown(&api.config_file, |file| file.path.display().to_string()))?;
    let disk = shown(&api.disk_version, |v| v.map_or("none".into(), |v| v.to_string()));
    let memory = shown(&api.memory_version, u64::to_string);
    row(out, "configuration", &format!("version {memory} in memory, {disk} on disk"))
}

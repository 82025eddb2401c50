//! The services of a host as text, two lines each, and the servers of HAProxy that they serve.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::layout::row;
use super::service::{controlled, listens};
use super::wrap::{prose, tame};
use crate::facts::{HostFacts, LocalServer, Service};
use crate::plan;
use crate::plural::plural;
use crate::report::Paint;

/// As many of a kind are shown; the rest is counted, and -o json has them all.
const SHOWN: usize = 30;

pub(in crate::report) fn write(host: &HostFacts, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    writeln!(out, "\n{}", paint.strong("services of this host"))?;
    let notable = |service: &&Service| service.role.is_some() || service.on_network();
    let (shown, quiet): (Vec<_>, Vec<_>) = host.services.iter().partition(notable);
    for service in shown.iter().take(SHOWN) {
        match called(service) {
            name if name.width() > 15 => {
                writeln!(out, "{}", prose("  ", &name))?;
                row(out, "", &about(service))?;
            }
            name => row(out, &tame(&name), &about(service))?,
        }
    }
    if shown.len() > SHOWN {
        row(
            out,
            "...",
            &format!("and {} (-o json has them all)", plural(shown.len() - SHOWN, "more service")),
        )?;
    }
    if !quiet.is_empty() {
        let names: Vec<String> =
            quiet.iter().take(SHOWN).map(|one| format!("{} ({})", one.name, one.process.pid)).collect();
        let more = quiet.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        row(out, "unix sockets", &format!("only those are listened on by {}{more}", names.join(", ")))?;
    }
    for unowned in host.all_unowned_words() {
        row(out, "unknown", &unowned)?;
    }
    if let Some(hidden) = host.hidden_words() {
        row(out, "unknown", &hidden)?;
    }
    local(host, out, paint)
}

/// Its role where it has one, because that is what a reader looks for.
pub(in crate::report) fn called(service: &Service) -> String {
    service.role.map_or_else(|| service.name.clone(), |role| role.words().to_owned())
}

fn about(service: &Service) -> String {
    let folder = service.process.cwd.seen().map_or(String::new(), |folder| format!(" in {folder}"));
    let elsewhere = if service.elsewhere() { " in a network of its own" } else { "" };
    let files =
        if service.files.is_empty() { String::new() } else { format!("; {}", service.files.join(" ")) };
    format!(
        "PID {}, {}{folder}; {}; {}{elsewhere}{files}",
        service.process.pid,
        service.user_words(),
        controlled(&service.control),
        listens(service)
    )
}

fn local(host: &HostFacts, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if host.local.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.strong("backends whose servers are local processes"))?;
    for one in host.local.iter().take(SHOWN) {
        let by = served_by(host, one);
        writeln!(out, "  {}", prose("", &format!("{} at {}", one.path(), one.address)))?;
        writeln!(out, "{}", prose("    ", &by.join("; ")))?;
    }
    if host.local.len() > SHOWN {
        let more = host.local.len() - SHOWN;
        writeln!(out, "  and {} (-o json has them all)", plural(more, "more server"))?;
    }
    Ok(())
}

/// Who serves it and how that is restarted, or why nobody is named.
pub(in crate::report) fn served_by(host: &HostFacts, one: &LocalServer) -> Vec<String> {
    let mut said: Vec<String> = one.unserved.iter().cloned().collect();
    for service in one.served_by.iter().filter_map(|pid| host.of_pid(*pid)) {
        let how = match plan::one_command(service) {
            Some(command) => format!("; restarted with `{command}`"),
            None => format!("; `haguard restart {}` says how", service.process.pid),
        };
        said.push(format!("{}, {}{how}", service.title(), controlled(&service.control)));
    }
    said
}

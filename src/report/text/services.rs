//! The services of a host as text, two lines each, and the servers of HAProxy that they serve.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::layout::row;
use super::service::{describe_controller, describe_listeners};
use super::wrap::{escape_control_chars, prose};
use crate::facts::{HostFacts, LocalServer, Service};
use crate::plan;
use crate::plural::plural;
use crate::report::Paint;

/// As many of a kind are shown; the rest is counted, and -o json has them all.
const MAX_SERVICES: usize = 30;

pub(in crate::report) fn write(host: &HostFacts, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    writeln!(out, "\n{}", paint.strong("services of this host"))?;
    let notable = |service: &&Service| service.role.is_some() || service.listens_on_network();
    let (shown, quiet): (Vec<_>, Vec<_>) = host.services.iter().partition(notable);
    for service in shown.iter().take(MAX_SERVICES) {
        match display_name(service) {
            name if name.width() > 15 => {
                writeln!(out, "{}", prose("  ", &name))?;
                row(out, "", &describe(service))?;
            }
            name => row(out, &escape_control_chars(&name), &describe(service))?,
        }
    }
    if shown.len() > MAX_SERVICES {
        row(
            out,
            "...",
            &format!("and {} (-o json has them all)", plural(shown.len() - MAX_SERVICES, "more service")),
        )?;
    }
    if !quiet.is_empty() {
        let names: Vec<String> = quiet
            .iter()
            .take(MAX_SERVICES)
            .map(|one| format!("{} ({})", one.name, one.process.pid))
            .collect();
        let more = quiet.len().saturating_sub(MAX_SERVICES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        row(out, "unix sockets", &format!("no port, only sockets: {}{more}", names.join(", ")))?;
    }
    for unowned in host.describe_all_unowned() {
        row(out, "unknown", &unowned)?;
    }
    if let Some(hidden) = host.describe_hidden() {
        row(out, "unknown", &hidden)?;
    }
    write_local_servers(host, out, paint)
}

/// Its role where it has one, because that is what a reader looks for.
pub(in crate::report) fn display_name(service: &Service) -> String {
    service.role.map_or_else(|| service.name.clone(), |role| role.display_name().to_owned())
}

fn describe(service: &Service) -> String {
    let folder = service.process.cwd.seen().map_or(String::new(), |folder| format!(" in {folder}"));
    let elsewhere = if service.in_other_network() { " in a network of its own" } else { "" };
    let files =
        if service.files.is_empty() { String::new() } else { format!("; {}", service.files.join(" ")) };
    format!(
        "PID {}, {}{folder}; {}; {}{elsewhere}{files}",
        service.process.pid,
        service.user_label(),
        describe_controller(&service.control),
        describe_listeners(service)
    )
}

fn write_local_servers(host: &HostFacts, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if host.local.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint.strong("servers of HAProxy that are processes of this host"))?;
    for one in host.local.iter().take(MAX_SERVICES) {
        let by = describe_server_process(host, one);
        writeln!(out, "{}", prose("  ", &format!("{} at {}", one.path(), one.address)))?;
        writeln!(out, "{}", prose("    ", &by.join("; ")))?;
    }
    if host.local.len() > MAX_SERVICES {
        let more = host.local.len() - MAX_SERVICES;
        writeln!(out, "  and {} (-o json has them all)", plural(more, "more server"))?;
    }
    Ok(())
}

/// The process that serves it and how that is restarted, or why none is named.
pub(in crate::report) fn describe_server_process(host: &HostFacts, one: &LocalServer) -> Vec<String> {
    let mut lines: Vec<String> = one.unserved.iter().cloned().collect();
    for service in one.served_by.iter().filter_map(|pid| host.service_by_pid(*pid)) {
        let how = match plan::single_restart_command(service) {
            Some(command) => format!("; restarted with `{command}`"),
            None => format!("; `haguard restart {}` says how", service.process.pid),
        };
        lines.push(format!("{}, {}{how}", service.title(), describe_controller(&service.control)));
    }
    lines
}

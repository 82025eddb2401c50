//! `inspect -o markdown`: a DEPLOYMENT.md for readers who do not know this host.

use std::io::{self, Write};

use crate::facts::{Evidence, Facts, HostFacts, Known, Service};
use crate::plan;
use crate::report::text::service::{describe_certainty, describe_listeners};
use crate::report::text::services::{describe_server_process, display_name};
use crate::report::text::wrap::escape_control_chars;

/// Writes the whole file.
pub(in crate::report) fn write(facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    let Facts { host, taken_at, uid, .. } = facts;
    let who = if *uid == 0 { "root".to_owned() } else { format!("uid {uid}, who does not see everything") };
    writeln!(out, "# Deployment of {}\n", escape(host))?;
    writeln!(
        out,
        "haguard {} wrote this on {} as {who}. `haguard inspect` shows the current state, and\n\
         `haguard check arch.expected` compares it with what `haguard inspect --save` has pinned.",
        env!("CARGO_PKG_VERSION"),
        taken_at.strftime("%Y-%m-%d %H:%M UTC"),
    )?;
    match &facts.on_host {
        Known::Unknown { why } => writeln!(out, "\n## Services\n\nUnknown: {}.", escape(why))?,
        Known::Seen(on_host) => {
            let services: Vec<&Service> = on_host
                .services
                .iter()
                .filter(|one| one.role.is_some() || one.listens_on_network())
                .collect();
            architecture(&services, out)?;
            routes(facts, out)?;
            local_servers(on_host, out)?;
            procedures(&services, out)?;
            evidence(facts, &services, out)?;
        }
    }
    unknown(facts, out)
}

fn architecture(services: &[&Service], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## Services\n")?;
    let heading = ["service", "controlled by", "certainty", "user", "folder", "configuration", "listens on"];
    table(
        &heading,
        services.iter().map(|service| {
            let process = &service.process;
            let elsewhere = if service.in_other_network() { " (in a network of its own)" } else { "" };
            let named =
                service.control.controller().map_or("unknown".to_owned(), |controller| controller.describe());
            [
                format!("{} (PID {})", escape(&display_name(service)), process.pid),
                escape(&named),
                service.control.certainty(),
                escape(&service.user_label()),
                process.cwd.seen().map_or("unknown".to_owned(), |folder| table_code(folder)),
                service.files.iter().map(|file| table_code(file)).collect::<Vec<_>>().join(" "),
                format!("{}{elsewhere}", escape(&describe_listeners(service))),
            ]
            .to_vec()
        }),
        out,
    )
}

fn routes(facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## Where requests go\n")?;
    let routes = match &facts.routes {
        Known::Unknown { why } => return writeln!(out, "Unknown: {}.", escape(why)),
        Known::Seen(routes) => routes,
    };
    writeln!(out, "The rules of a frontend are tried in this order.\n")?;
    let heading = ["frontend", "host", "when", "backend", "servers"];
    table(
        &heading,
        routes.routes.iter().map(|route| {
            let (backend, servers) = match &route.backend {
                Known::Seen(name) => (escape(name), escape(&routes.describe_servers(name))),
                Known::Unknown { why } => (format!("route unknown: {}", escape(why)), String::new()),
            };
            let host = route.host.as_deref().unwrap_or("any");
            [escape(&route.frontend), escape(host), escape(&route.when), backend, servers].to_vec()
        }),
        out,
    )?;
    for note in &routes.notes {
        writeln!(out, "\nNote: {}", escape(note))?;
    }
    Ok(())
}

fn local_servers(host: &HostFacts, out: &mut impl Write) -> io::Result<()> {
    if host.local.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Servers of HAProxy that are processes of this host\n")?;
    table(
        &["server", "address", "served by"],
        host.local.iter().map(|one| {
            let by: Vec<String> =
                describe_server_process(host, one).iter().map(|text| escape(text)).collect();
            [escape(&one.path()), escape(&one.address), by.join("; ")].to_vec()
        }),
        out,
    )
}

fn procedures(services: &[&Service], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## How each service is restarted\n")?;
    writeln!(
        out,
        "Use no other way: a restart by the wrong manager does nothing, or starts a second process."
    )?;
    for service in services {
        writeln!(out, "\n### {}\n", escape(&format!("{} ({})", display_name(service), service.process.pid)))?;
        let plan::ServiceRunbook { restart, never } = plan::service_runbook(service);
        for advice in restart {
            writeln!(out, "- {}", sentence(&escape(&advice.when)))?;
            if !advice.command.is_empty() {
                let command = escape_control_chars(&advice.command);
                let fence = "`".repeat(longest_backtick_run(&command).max(2) + 1);
                writeln!(out, "\n  {fence}sh\n  {command}\n  {fence}\n")?;
            }
        }
        for line in never {
            writeln!(out, "- **Never** {}", escape(&line))?;
        }
    }
    Ok(())
}

fn evidence(facts: &Facts, services: &[&Service], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## How this was determined\n")?;
    if let Some(sources) = facts.instance.seen().and_then(|instance| instance.identity.seen()) {
        writeln!(out, "- HAProxy was identified by: {}", escape(&sources.join("; ")))?;
    }
    for service in services {
        let evidence = service.role_by.iter().chain(service.control.evidence()).map(Evidence::describe);
        let evidence: Vec<String> = evidence.map(|words| escape(&words)).collect();
        writeln!(out, "- {}: {}", escape(&service.title()), evidence.join("; "))?;
        writeln!(out, "  command: {}", code(&service.command_line()))?;
    }
    Ok(())
}

fn unknown(facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    let mut all: Vec<String> =
        facts.instance.why().map(|why| format!("HAProxy: {why}")).into_iter().collect();
    if let Known::Seen(host) = &facts.on_host {
        let unproven = host.services.iter().filter(|one| one.control.proven().is_none());
        all.extend(
            unproven.map(|one| {
                format!("the controller of {}: {}", one.title(), describe_certainty(&one.control))
            }),
        );
        all.extend(host.describe_all_unowned());
        let closed = host.services.iter().filter_map(|one| Some((one, one.listens.why()?)));
        all.extend(closed.map(|(one, why)| format!("what {} listens on: {why}", one.title())));
        all.extend(host.describe_hidden());
    }
    let parts = facts.live.unknown_parts().into_iter().filter(|_| facts.instance.seen().is_some());
    all.extend(parts.map(|(part, why)| format!("{part} of HAProxy: {why}")));
    writeln!(out, "\n## What is unknown\n")?;
    match all.is_empty() {
        true => writeln!(out, "Nothing."),
        false => all.iter().try_for_each(|line| writeln!(out, "- {}", escape(line))),
    }
}

fn table(heading: &[&str], rows: impl Iterator<Item = Vec<String>>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "| {} |\n|{}", heading.join(" | "), "---|".repeat(heading.len()))?;
    let mut empty = true;
    for row in rows {
        writeln!(out, "| {} |", row.join(" | "))?;
        empty = false;
    }
    if empty {
        writeln!(out, "| none |{}", " |".repeat(heading.len() - 1))?;
    }
    Ok(())
}

/// A name from outside that Markdown shall show and not obey.
fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in escape_control_chars(text).chars() {
        if r"\`*_{}[]<>#|~".contains(letter) {
            shown.push('\\');
        }
        shown.push(letter);
    }
    shown
}

/// The same as code in a table: a bar ends a cell even there.
fn table_code(text: &str) -> String {
    code(text).replace('|', r"\|")
}

/// The same as code.
fn code(text: &str) -> String {
    let text = escape_control_chars(text);
    let fence = "`".repeat(longest_backtick_run(&text) + 1);
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

fn longest_backtick_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
#[path = "markdown_tests.rs"]
mod tests;

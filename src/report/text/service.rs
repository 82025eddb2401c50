//! One service as text: its process, its controller, how it is restarted, and what must not be done.

use std::io::{self, Write};

use super::layout::{commands, row, value_or_reason};
use super::wrap::prose;
use crate::facts::binds::format_port_ranges;
use crate::facts::{Control, Service};
use crate::plan::ServiceRunbook;
use crate::report::{MatchedService, Paint, ServiceLookup};

pub(in crate::report) fn write(asked: &ServiceLookup, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    for MatchedService { service, fit: _, by, procedure } in &asked.found {
        writeln!(out, "\n{}", paint.strong(&prose("", &service.title())))?;
        row(out, "matched by", by)?;
        write_details(service, out)?;
        let ServiceRunbook { restart, never } = procedure;
        commands("restart it with", restart, out, paint)?;
        if !never.is_empty() {
            writeln!(out, "\n{}", paint.strong("do not"))?;
            for line in never {
                writeln!(out, "{}", prose("  ", line))?;
            }
        }
    }
    if !asked.nearest.is_empty() {
        writeln!(out, "\n{}", paint.strong("similar names"))?;
        for name in &asked.nearest {
            writeln!(out, "{}", prose("  ", name))?;
        }
    }
    Ok(())
}

/// Everything that is known about it.
fn write_details(service: &Service, out: &mut impl Write) -> io::Result<()> {
    let process = &service.process;
    row(out, "command", &service.command_line())?;
    row(out, "program", &value_or_reason(&process.exe, String::clone))?;
    row(out, "folder", &value_or_reason(&process.cwd, String::clone))?;
    if !service.files.is_empty() {
        row(out, "files", &service.files.join(" "))?;
    }
    row(out, "listens on", &describe_listeners(service))?;
    if service.in_other_network() {
        row(out, "network", "a network namespace of its own: its addresses are not those of this host")?;
    }
    if !service.members.is_empty() {
        let members: Vec<String> = service.members.iter().map(u32::to_string).collect();
        row(out, "other PIDs", &members.join(" "))?;
    }
    row(out, "controlled by", &describe_controller(&service.control))?;
    for evidence in service.control.evidence() {
        row(out, "", &evidence.describe())?;
    }
    Ok(())
}

/// What it listens on, in one row.
pub(in crate::report) fn describe_listeners(service: &Service) -> String {
    value_or_reason(&service.listens, |all| match all.is_empty() {
        true => "nothing".to_owned(),
        false => format_port_ranges(all).join(", "),
    })
}

/// How certain the controller is, and why it is not proven.
pub(in crate::report) fn describe_certainty(control: &Control) -> String {
    control.why().map_or_else(|| control.certainty(), |why| format!("{} ({why})", control.certainty()))
}

/// The controller, and how certain that is.
pub(in crate::report) fn describe_controller(control: &Control) -> String {
    match control.proven() {
        Some(controller) => format!("{} (proven)", controller.describe()),
        None => control.describe(),
    }
}

//! One service as text: what it is, where it stands, who keeps it running, how it is restarted and how it is not.

use std::io::{self, Write};

use serde::Serialize;

use super::layout::{advice, row, shown};
use super::wrap::prose;
use crate::facts::binds::in_ranges;
use crate::facts::{Control, HostFacts, Service};
use crate::plan::service_lookup::Fit;
use crate::plan::{self, Procedure};
use crate::report::Paint;

/// What became of the word that a person gave for a service.
#[derive(Debug, Serialize)]
pub struct AskedService {
    /// The word.
    pub word: String,
    /// The unit that it would be, where it can be one.
    pub unit: Option<String>,
    /// Services that it may mean.
    pub found: Vec<FoundService>,
    /// Names that are most like it.
    pub nearest: Vec<String>,
}

/// A service that may have been meant.
#[derive(Debug, Serialize)]
pub struct FoundService {
    /// It.
    pub service: Service,
    /// How sure it is that it was meant.
    pub fit: Fit,
    /// What of it answers to the word.
    pub by: String,
    /// How it is restarted, and how it is not.
    pub procedure: Procedure,
}

/// How a service that was seen is restarted.
#[derive(Debug, Serialize)]
pub struct ServiceProcedure {
    /// Its first process, which is its number among the facts.
    pub pid: u32,
    /// Its name.
    pub service: String,
    /// How it is restarted, and how it is not.
    #[serde(flatten)]
    pub procedure: Procedure,
}

impl ServiceProcedure {
    /// That of each service of a host.
    pub fn of_all(host: &HostFacts) -> Vec<Self> {
        let one = |service: &Service| ServiceProcedure {
            pid: service.process.pid,
            service: service.name.clone(),
            procedure: plan::procedure(service),
        };
        host.services.iter().map(one).collect()
    }
}

pub(in crate::report) fn write(asked: &AskedService, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    for FoundService { service, fit: _, by, procedure } in &asked.found {
        writeln!(out, "\n{}", paint.strong(&service.title()))?;
        row(out, "because", by)?;
        about(service, out)?;
        let Procedure { restart, never } = procedure;
        advice("how it is restarted", restart, out, paint)?;
        if !never.is_empty() {
            writeln!(out, "\n{}", paint.strong("never"))?;
            for line in never {
                writeln!(out, "{}", prose("  ", line))?;
            }
        }
    }
    if !asked.nearest.is_empty() {
        writeln!(out, "\n{}", paint.strong("names that are like it"))?;
        for name in &asked.nearest {
            writeln!(out, "{}", prose("  ", name))?;
        }
    }
    Ok(())
}

/// Everything that is known of it.
fn about(service: &Service, out: &mut impl Write) -> io::Result<()> {
    let process = &service.process;
    row(out, "command", &service.command())?;
    row(out, "program", &shown(&process.exe, String::clone))?;
    row(out, "folder", &shown(&process.cwd, String::clone))?;
    if !service.files.is_empty() {
        row(out, "files", &service.files.join(" "))?;
    }
    row(out, "listens on", &listens(service))?;
    if service.elsewhere() {
        row(out, "network", "a network namespace of its own: its addresses are not those of this host")?;
    }
    if !service.members.is_empty() {
        let members: Vec<String> = service.members.iter().map(u32::to_string).collect();
        row(out, "also", &format!("PIDs {}", members.join(" ")))?;
    }
    row(out, "controlled by", &controlled(&service.control))?;
    for evidence in service.control.evidence() {
        row(out, "", &evidence.words())?;
    }
    Ok(())
}

/// What it listens on, in one row.
pub(in crate::report) fn listens(service: &Service) -> String {
    shown(&service.listens, |all| match all.is_empty() {
        true => "nothing".to_owned(),
        false => in_ranges(all).join(", "),
    })
}

/// How sure it is who controls it, and why not surer.
pub(in crate::report) fn certain(control: &Control) -> String {
    control.why().map_or(control.certainty().to_owned(), |why| format!("{} ({why})", control.certainty()))
}

/// Whom the sources name, and how sure that is.
pub(in crate::report) fn controlled(control: &Control) -> String {
    match control.proven() {
        Some(controller) => format!("{} (proven)", controller.words()),
        None => control.words(),
    }
}

//! Routes as text: host, frontend, backend, and the servers with their health.

use std::io::{self, Write};

use super::layout::proof;
use super::wrap::prose;
use crate::facts::routes::{Route, Routes};
use crate::facts::{Facts, Known};
use crate::report::{Paint, Report};

/// The routes of `inspect --routes`.
pub(in crate::report) fn write(
    report: &Report,
    facts: &Facts,
    out: &mut impl Write,
    paint: Paint,
) -> io::Result<()> {
    match &facts.routes {
        Known::Unknown { why } => writeln!(out, "{}", prose("", &format!("routes unknown: {why}")))?,
        Known::Seen(routes) => table(routes, out, paint)?,
    }
    proof(report, out, paint)
}

fn table(routes: &Routes, out: &mut impl Write, paint: Paint) -> io::Result<()> {
    if routes.routes.is_empty() {
        writeln!(out, "no frontend leads to a backend")?;
    }
    let mut frontend = None;
    for route in &routes.routes {
        if frontend != Some(&route.frontend) {
            if frontend.is_some() {
                writeln!(out)?;
            }
            writeln!(out, "{}", paint.strong(&prose("", &format!("frontend {}", route.frontend))))?;
            frontend = Some(&route.frontend);
        }
        writeln!(out, "{}", prose("  ", &describe_match(route)))?;
        match &route.backend {
            Known::Seen(name) => {
                writeln!(out, "{}", prose("    -> ", &format!("{name}: {}", routes.describe_servers(name))))?;
            }
            Known::Unknown { why } => {
                writeln!(out, "{}", prose("    -> ", &format!("route unknown: {why}")))?
            }
        }
    }
    for note in &routes.notes {
        writeln!(out, "{}", prose("note: ", note))?;
    }
    Ok(())
}

/// Which requests a route takes.
pub(in crate::report) fn describe_match(route: &Route) -> String {
    let host = route.host.as_deref().unwrap_or("any host");
    match route.when.as_str() {
        "" => format!("{host} ({})", route.at),
        when => format!("{host}, when {when} ({})", route.at),
    }
}

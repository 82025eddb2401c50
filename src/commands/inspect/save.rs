//! `inspect --save` pins what is proven in haguard's own file. HAProxy and every service are only looked at.

use crate::act::pins;
use crate::clients::linux;
use crate::commands::Context;
use crate::commands::operation::journal_entry;
use crate::config::file;
use crate::error::Failure;
use crate::exit::Exit;
use crate::facts::pin::Pin;
use crate::facts::{Facts, HostFacts, Role, Service};
use crate::plural::plural;
use crate::report::{Body, PinsReport, Report};

/// Pins HAProxy and what stands around and behind it.
pub(in crate::commands) fn run(facts: &Facts, context: &Context<'_>) -> Result<Report, Failure> {
    let path = context.settings.file_to_write(linux::uid() == 0);
    let on_host = facts.on_host.seen();
    let (pins, refused) = on_host.map(proven).unwrap_or_default();
    let haproxy_is = |refused: &(&Service, String)| refused.0.role == Some(Role::Haproxy);
    let unproven: Vec<String> =
        refused.iter().map(|(service, why)| format!("{}: {why}", service.title())).collect();
    let mut body = PinsReport { file: path.display().to_string(), unproven, ..PinsReport::default() };
    if pins.is_empty() || refused.iter().any(haproxy_is) {
        let why = match (on_host, refused.is_empty()) {
            (None, _) => facts.on_host.why().unwrap_or("the host was not looked at").to_owned(),
            (_, true) => "no HAProxy, and nothing that stands around one, was found here".to_owned(),
            (_, false) => "who controls it is not proven".to_owned(),
        };
        let summary = format!("nothing was pinned: {why}");
        return Ok(recorded(
            context,
            facts,
            Report::new("inspect", Exit::Unknown, summary, Body::Pins(body)),
        ));
    }
    let written: Vec<file::Pin> = pins.iter().cloned().map(to_file).collect();
    let saved = pins::save(&path, &written).map_err(|error| {
        Failure::from(error).mend("run it as whoever may write there, or name another file with --config")
    })?;
    let services: Vec<&str> = pins.iter().map(|pin| pin.service.as_str()).collect();
    let gone =
        facts.pins.iter().filter(|old| services.contains(&old.service.as_str()) && !pins.contains(old));
    let new = pins.iter().filter(|pin| !facts.pins.contains(pin));
    body.file = saved.path.display().to_string();
    body.diff = gone.map(|pin| line('-', pin)).chain(new.map(|pin| line('+', pin))).collect();
    body.pinned = pins.iter().map(|pin| format!("{}: {}", pin.service, pin.words())).collect();
    let summary = match saved.changed {
        true => format!("{} pinned in {}", plural(pins.len(), "service"), body.file),
        false => format!("{} already pinned so in {}", plural(pins.len(), "service"), body.file),
    };
    let mut report = Report::new("inspect", Exit::Done, summary, Body::Pins(body));
    report.changed = saved.changed;
    let mut report = recorded(context, facts, report);
    report.cost.writes = u32::from(saved.changed);
    Ok(report)
}

fn recorded(context: &Context<'_>, facts: &Facts, report: Report) -> Report {
    let report = report.after(facts);
    journal_entry::end(context, journal_entry::target(Some(facts)), &report, None);
    report
}

fn line(mark: char, pin: &Pin) -> String {
    format!("{mark} {}: {}", pin.service, pin.words())
}

/// The pins of what matters to HAProxy, and what cannot be pinned with the reason.
fn proven(host: &HostFacts) -> (Vec<Pin>, Vec<(&Service, String)>) {
    let behind =
        |service: &Service| host.local.iter().any(|one| one.served_by.contains(&service.process.pid));
    let (mut pins, mut refused) = (Vec::new(), Vec::new());
    for service in host.services.iter().filter(|service| service.role.is_some() || behind(service)) {
        let config = match service.role {
            Some(Role::Haproxy) => Pin::config_of(&service.process),
            _ => service.files.clone(),
        };
        match service.control.proven() {
            Some(controller) => pins.push(Pin::of(service.pinned_as(), controller, config)),
            None => refused.push((service, service.control.why().unwrap_or_default().to_owned())),
        }
    }
    pins.sort();
    pins.dedup();
    (pins, refused)
}

fn to_file(pin: Pin) -> file::Pin {
    let Pin { service, controller, unit, container, name, config } = pin;
    file::Pin { service, controller, unit, container, name, config }
}

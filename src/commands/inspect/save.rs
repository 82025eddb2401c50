//! `inspect --save` pins what is proven in haguard's own file. HAProxy and every service are only read.

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

/// Pins HAProxy and the services around and behind it.
pub(in crate::commands) fn run(facts: &Facts, context: &Context<'_>) -> Result<Report, Failure> {
    let path = context.settings.file_to_write(linux::effective_uid() == 0);
    let on_host = facts.on_host.seen();
    let (pins, refused) = on_host.map(provable_pins).unwrap_or_default();
    let haproxy_is = |refused: &(&Service, String)| refused.0.role == Some(Role::Haproxy);
    let unproven: Vec<String> =
        refused.iter().map(|(service, why)| format!("{}: {why}", service.title())).collect();
    let mut body = PinsReport { file: path.display().to_string(), unproven, ..PinsReport::default() };
    if pins.is_empty() || refused.iter().any(haproxy_is) {
        let why = match (on_host, refused.is_empty()) {
            (None, _) => facts.on_host.why().unwrap_or("the services of this host were not read").to_owned(),
            (_, true) => "no HAProxy and no service around one was found".to_owned(),
            (_, false) => "its controller is not proven".to_owned(),
        };
        let summary = format!("nothing was pinned: {why}");
        return Ok(journaled(
            context,
            facts,
            Report::new("inspect", Exit::Unknown, summary, Body::Pins(body)),
        ));
    }
    let written: Vec<file::Pin> = pins.iter().cloned().map(to_config_pin).collect();
    let saved = pins::save(&path, &written).map_err(|error| {
        Failure::from(error)
            .with_remedy("run it as a user that may write there, or name another file with --config")
    })?;
    let services: Vec<&str> = pins.iter().map(|pin| pin.service.as_str()).collect();
    let gone =
        facts.pins.iter().filter(|old| services.contains(&old.service.as_str()) && !pins.contains(old));
    let new = pins.iter().filter(|pin| !facts.pins.contains(pin));
    body.file = saved.path.display().to_string();
    body.diff = gone.map(|pin| diff_line('-', pin)).chain(new.map(|pin| diff_line('+', pin))).collect();
    body.pinned = pins.iter().map(|pin| format!("{}: {}", pin.service, pin.describe())).collect();
    let summary = match saved.changed {
        true => format!("{} pinned in {}", plural(pins.len(), "service"), body.file),
        false => format!("{} already pinned in {}", plural(pins.len(), "service"), body.file),
    };
    let mut report = Report::new("inspect", Exit::Done, summary, Body::Pins(body));
    report.changed = saved.changed;
    let mut report = journaled(context, facts, report);
    report.cost.writes = u32::from(saved.changed);
    Ok(report)
}

fn journaled(context: &Context<'_>, facts: &Facts, report: Report) -> Report {
    let report = report.with_facts(facts);
    journal_entry::record_end(context, journal_entry::describe_target(Some(facts)), &report, None);
    report
}

fn diff_line(mark: char, pin: &Pin) -> String {
    format!("{mark} {}: {}", pin.service, pin.describe())
}

/// The pins of HAProxy and the services around it, and the services that cannot be pinned, each with the reason.
fn provable_pins(host: &HostFacts) -> (Vec<Pin>, Vec<(&Service, String)>) {
    let behind =
        |service: &Service| host.local.iter().any(|one| one.served_by.contains(&service.process.pid));
    let (mut pins, mut refused) = (Vec::new(), Vec::new());
    for service in host.services.iter().filter(|service| service.role.is_some() || behind(service)) {
        let config = match service.role {
            Some(Role::Haproxy) => Pin::config_paths(&service.process),
            _ => service.files.clone(),
        };
        match service.control.proven() {
            Some(controller) => pins.push(Pin::from_controller(&service.pin_name(), controller, config)),
            None => refused.push((service, service.control.why().unwrap_or_default().to_owned())),
        }
    }
    pins.sort();
    pins.dedup();
    (pins, refused)
}

fn to_config_pin(pin: Pin) -> file::Pin {
    let Pin { service, controller, unit, container, name, config } = pin;
    file::Pin { service, controller, unit, container, name, config }
}

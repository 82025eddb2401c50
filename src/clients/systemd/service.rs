//! How a unit would start its service, asked of systemd over the bus: `systemctl show` does not part the words of a command.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::clients::program::Program;
use crate::wire::service::{self, Manager, Service};

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";

/// How this unit would start its service now, as systemd has loaded it.
///
/// # Errors
/// When systemd, or the bus, is not there or does not answer in time.
pub fn service(unit: &str, limit: Duration) -> Result<Service> {
    let limits = service::LIMITS.iter().flat_map(|name| [format!("Limit{name}"), format!("Limit{name}Soft")]);
    let properties = service::PROPERTIES.iter().map(|name| (*name).to_owned()).chain(limits).collect();
    let object = format!("{PATH}/unit/{}", service::label(unit));
    service::parse(&asked(object, format!("{NAME}.Service"), properties, limit)?)
}

/// systemd itself.
///
/// # Errors
/// As those of [`service()`].
pub fn manager(limit: Duration) -> Result<Manager> {
    let properties = service::MANAGER.iter().map(|name| (*name).to_owned()).collect();
    service::manager(&asked(PATH.to_owned(), format!("{NAME}.Manager"), properties, limit)?)
}

fn asked(object: String, interface: String, properties: Vec<String>, limit: Duration) -> Result<String> {
    super::here()?;
    let fixed = ["--json=short", "get-property", NAME].map(str::to_owned);
    let arguments = fixed.into_iter().chain([object, interface]).chain(properties).collect();
    let said = Program { program: "busctl".into(), arguments, ..Program::default() }.run(limit)?;
    if !said.status.success() {
        bail!("busctl get-property: {}", said.stderr.trim());
    }
    Ok(said.stdout)
}

//! How a unit would start its service, asked of systemd over the bus: `systemctl show` does not part the words of a command.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::clients::exec::command::Program;
use crate::wire::systemd::exec_settings::{self, Manager, Service};

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";

/// How this unit would start its service now, as systemd has loaded it.
///
/// # Errors
/// When systemd, or the bus, is not there or does not answer in time.
pub fn service(unit: &str, limit: Duration) -> Result<Service> {
    let limits =
        exec_settings::LIMITS.iter().flat_map(|name| [format!("Limit{name}"), format!("Limit{name}Soft")]);
    let properties = exec_settings::PROPERTIES.iter().map(|name| (*name).to_owned()).chain(limits).collect();
    let object = format!("{PATH}/unit/{}", exec_settings::label(unit));
    exec_settings::parse(&asked(object, format!("{NAME}.Service"), properties, limit)?)
}

/// systemd itself.
///
/// # Errors
/// As those of [`service()`].
pub fn manager(limit: Duration) -> Result<Manager> {
    let properties = exec_settings::MANAGER.iter().map(|name| (*name).to_owned()).collect();
    exec_settings::manager(&asked(PATH.to_owned(), format!("{NAME}.Manager"), properties, limit)?)
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

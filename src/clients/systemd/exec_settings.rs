//! How a unit would start its service, from `busctl get-property`: `systemctl show` does not separate the words of a command.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::clients::exec::command::Program;
use crate::wire::systemd::exec_settings::{self, ExecSettings, ManagerSettings};

const BUS_NAME: &str = "org.freedesktop.systemd1";
const OBJECT_PATH: &str = "/org/freedesktop/systemd1";

/// How this unit would start its service now, as systemd has loaded it.
///
/// # Errors
/// When systemd, or the bus, is not there or does not answer in time.
pub fn exec_settings(unit: &str, limit: Duration) -> Result<ExecSettings> {
    let limits =
        exec_settings::LIMITS.iter().flat_map(|name| [format!("Limit{name}"), format!("Limit{name}Soft")]);
    let properties = exec_settings::PROPERTIES.iter().map(|name| (*name).to_owned()).chain(limits).collect();
    let object = format!("{OBJECT_PATH}/unit/{}", exec_settings::bus_label(unit));
    exec_settings::parse(&get_properties(object, format!("{BUS_NAME}.Service"), properties, limit)?)
}

/// systemd itself.
///
/// # Errors
/// As those of [`exec_settings()`].
pub fn manager(limit: Duration) -> Result<ManagerSettings> {
    let properties = exec_settings::MANAGER_PROPERTIES.iter().map(|name| (*name).to_owned()).collect();
    exec_settings::parse_manager(&get_properties(
        OBJECT_PATH.to_owned(),
        format!("{BUS_NAME}.Manager"),
        properties,
        limit,
    )?)
}

fn get_properties(
    object: String,
    interface: String,
    properties: Vec<String>,
    limit: Duration,
) -> Result<String> {
    super::require_systemd()?;
    let fixed = ["--json=short", "get-property", BUS_NAME].map(str::to_owned);
    let arguments = fixed.into_iter().chain([object, interface]).chain(properties).collect();
    let output = Program { program: "busctl".into(), arguments, ..Program::default() }.run(limit)?;
    if !output.status.success() {
        bail!("busctl get-property: {}", output.stderr.trim());
    }
    Ok(output.stdout)
}

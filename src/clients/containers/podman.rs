//! `podman container inspect`. Podman has no daemon: where podman.socket is not enabled, only its program knows the name and
//! labels of a container.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::clients::exec::command::Program;
use crate::clients::linux::{self, Account};
use crate::wire::containers::conmon::Conmon;
use crate::wire::containers::docker::{self, ContainerInspect};

/// Variables of conmon's environment that lead to its containers.
const INHERITED_VARIABLES: &[&str] = &[
    "HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
];
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Inspects the container of a conmon process. The arguments of conmon name the folders that Podman reads, and any user can
/// call a program conmon, so that Podman runs as the user of that process.
///
/// # Errors
/// When it may not be asked, does not answer in time, or knows no such container.
pub fn inspect(monitor: u32, user: u32, conmon: &Conmon, limit: Duration) -> Result<ContainerInspect> {
    let owner = match linux::effective_uid() {
        own if own == user => None,
        0 => Some(Account { uid: user, ..linux::process_account(monitor)? }),
        _ => bail!("the containers of user {user} are shown to that user and root alone (run as root)"),
    };
    // Root in a container without user namespace is uid 0 as well; the folders that it names are not those of this host.
    let elsewhere = linux::foreign_namespaces(monitor)?;
    if user == 0 && elsewhere.contains_key("mnt") {
        bail!("PID {monitor} calls itself conmon and sees other file systems than haguard");
    }
    let mut environment = linux::environment(monitor)?;
    environment.retain(|name, _| INHERITED_VARIABLES.contains(&name.as_str()));
    environment.extend(BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]));
    let words = ["container", "inspect", &conmon.id].map(str::to_owned);
    let program = Program {
        program: "podman".into(),
        arguments: conmon.storage_options.iter().cloned().chain(words).collect(),
        environment: Some(environment),
        folder: Some(PathBuf::from("/")),
        run_as: owner,
        ..Program::default()
    };
    let output = program.run(limit)?;
    if !output.status.success() {
        bail!("podman container inspect: {}", output.stderr.trim());
    }
    docker::parse_podman_inspect(&output.stdout)
}

//! Podman's own program, read-only: it has no daemon, and where its socket is not enabled nobody else knows a container's
//! name and labels.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::clients::exec::command::Program;
use crate::clients::linux::{self, Account};
use crate::wire::containers::conmon::Conmon;
use crate::wire::containers::docker::{self, ContainerInspect};

/// What of a monitor's environment leads to its containers.
const KEPT_ENVIRONMENT: &[&str] = &[
    "HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
];
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Asks about the container of a monitor. Whoever calls himself conmon says here which folders are read, so that Podman
/// is asked as that user.
///
/// # Errors
/// When it may not be asked, does not answer in time, or knows no such container.
pub fn inspect(monitor: u32, user: u32, told: &Conmon, limit: Duration) -> Result<ContainerInspect> {
    let owner = match linux::effective_uid() {
        own if own == user => None,
        0 => Some(Account { uid: user, ..linux::process_account(monitor)? }),
        _ => bail!("the containers of user {user} are shown to that user and root alone (run as root)"),
    };
    // In a container without rights of its own root is root, too, and what it says of folders is not for us.
    let elsewhere = linux::foreign_namespaces(monitor)?;
    if user == 0 && elsewhere.contains_key("mnt") {
        bail!("PID {monitor} calls itself conmon and sees other file systems than haguard");
    }
    let mut environment = linux::environment(monitor)?;
    environment.retain(|name, _| KEPT_ENVIRONMENT.contains(&name.as_str()));
    environment.extend(BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]));
    let words = ["container", "inspect", &told.id].map(str::to_owned);
    let program = Program {
        program: "podman".into(),
        arguments: told.storage_options.iter().cloned().chain(words).collect(),
        environment: Some(environment),
        folder: Some(PathBuf::from("/")),
        run_as: owner,
        ..Program::default()
    };
    let said = program.run(limit)?;
    if !said.status.success() {
        bail!("podman container inspect: {}", said.stderr.trim());
    }
    docker::parse_podman_inspect(&said.stdout)
}

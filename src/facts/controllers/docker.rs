//! Containers of Docker, and what Podman shares with it.

use serde::{Deserialize, Serialize};

use super::{ControllerDetails, PinnedNames};

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its whole id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// The image it was made from.
    pub image: String,
    /// What it does when its process ends: no, always, unless-stopped, on-failure.
    pub restart_policy: String,
    /// The process that the daemon calls its first, as this host numbers it.
    pub pid: u32,
    /// The socket of the daemon.
    pub socket: String,
    /// The compose project that it belongs to.
    pub compose: Option<ComposeService>,
    /// The unit that runs it, where Podman has a label for it and systemd knows it.
    #[serde(default)]
    pub unit: Option<String>,
    /// The user whose Podman keeps it, where that is not root's.
    #[serde(default)]
    pub user: Option<u32>,
    /// Podman's options that lead to it, where it is not in the usual place.
    #[serde(default)]
    pub options: Vec<String>,
}

/// A service of a compose project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeService {
    /// The project.
    pub project: String,
    /// The service.
    pub service: String,
    /// The folder it was started from.
    pub folder: Option<String>,
    /// Its files.
    pub files: Option<String>,
    /// podman-compose made it, and not Docker's compose.
    #[serde(default)]
    pub by_podman: bool,
}

impl Container {
    /// Its name, and its compose service where it has one.
    pub fn describe(&self) -> String {
        match &self.compose {
            Some(compose) => {
                format!("container {} (compose {}/{})", self.name, compose.project, compose.service)
            }
            None => format!("container {}", self.name),
        }
    }
}

impl ControllerDetails for Container {
    fn describe(&self) -> String {
        format!("Docker, {}", self.describe())
    }

    fn pinned_names(&self) -> PinnedNames {
        PinnedNames {
            unit: self.unit.clone(),
            container: Some(self.name.clone()),
            name: self.compose.as_ref().map(|one| format!("{}/{}", one.project, one.service)),
        }
    }

    fn names(&self) -> Vec<(&'static str, String)> {
        let mut names: Vec<_> =
            self.unit.iter().map(|unit| ("its container's unit is", unit.clone())).collect();
        names.push(("its container is", self.name.clone()));
        names.extend(self.id.get(..12).map(|short| ("its container is", short.to_owned())));
        names.push(("its container is", self.id.clone()));
        if let Some(ComposeService { project, service, .. }) = &self.compose {
            names.push(("its compose service is", service.clone()));
            names.push(("its compose service is", format!("{project}/{service}")));
        }
        names
    }
}

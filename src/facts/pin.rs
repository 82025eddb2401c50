//! The architecture that was pinned, to be compared with what is found.

use serde::{Deserialize, Serialize};

use super::controllers::PinnedNames;
use super::{Controller, Process};

/// The controller that a service is expected to have, or was found to have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pin {
    /// What it is: the key of its role, or its program's name.
    pub service: String,
    /// The kind of its controller.
    pub controller: String,
    /// The unit, where systemd controls it.
    pub unit: Option<String>,
    /// The container's name, where one holds it.
    pub container: Option<String>,
    /// What another controller calls it.
    pub name: Option<String>,
    /// Its configuration files.
    pub config: Vec<String>,
}

impl Pin {
    /// What would be pinned of a service with this controller. Nothing that a reboot changes is in it: no PID.
    pub fn from_controller(service: &str, controller: &Controller, config: Vec<String>) -> Self {
        let PinnedNames { unit, container, name } = controller.pinned_names();
        Pin { service: service.to_owned(), controller: controller.kind(), unit, container, name, config }
    }

    /// The configuration files that a HAProxy's arguments name, in full.
    pub fn config_paths(main: &Process) -> Vec<String> {
        main.haproxy_args().files.iter().map(|file| main.absolute(file)).collect()
    }

    /// In words, such as `systemd haproxy.service, /etc/haproxy/haproxy.cfg`.
    pub fn describe(&self) -> String {
        let kind = match self.controller.as_str() {
            "nobody" => "no service manager",
            other => other,
        };
        let container = self.container.as_ref().map(|name| format!("container {name}"));
        let named = [self.unit.clone(), container, self.name.clone()];
        let words: Vec<String> =
            std::iter::once(kind.to_owned()).chain(named.into_iter().flatten()).collect();
        let mut text = words.join(" ");
        if !self.config.is_empty() {
            text = format!("{text}, {}", self.config.join(" "));
        }
        text
    }

    /// What was found is what was pinned; a pin that names no files leaves them open.
    pub fn matches(&self, found: &Pin) -> bool {
        let files = self.config.is_empty() || found.config.is_empty() || self.config == found.config;
        files
            && (&self.service, &self.controller, &self.unit, &self.container, &self.name)
                == (&found.service, &found.controller, &found.unit, &found.container, &found.name)
    }
}

//! The controller of a process: what starts it again and reloads it, with the evidence. The data of each kind is in the
//! file that has the name of its file in `gather/controllers`; runit and s6 share `service_folder`.

mod docker;
mod guest;
mod haproxy_program;
mod kubernetes;
mod multiplexer;
mod nomad;
mod patroni;
mod podman;
mod service_folder;
mod shell;
mod supervisord;
mod systemd;
mod unmanaged;

use serde::{Deserialize, Serialize};

use crate::label::tagged_name;

pub use docker::{ComposeService, Container};
pub use guest::GuestSystem;
pub use haproxy_program::HaproxyProgram;
pub use kubernetes::KubernetesContainer;
pub use multiplexer::MultiplexerSession;
pub use nomad::NomadTask;
pub use patroni::PatroniMember;
pub use service_folder::ServiceFolder;
pub use shell::ShellSession;
pub use supervisord::SupervisedProgram;
pub use systemd::{SystemdUnit, UserSystemdUnit};
pub use unmanaged::Unmanaged;

/// What was seen, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it was seen, such as `/proc/42/cgroup` or `systemctl show`.
    pub source: String,
    /// What was seen there.
    pub value: String,
}

impl Evidence {
    /// One piece of it.
    pub fn new(source: impl Into<String>, value: impl Into<String>) -> Self {
        Evidence { source: source.into(), value: value.into() }
    }

    /// As one line.
    pub fn describe(&self) -> String {
        format!("{}: {}", self.source, self.value)
    }
}

/// What restarts and reloads a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Controller {
    /// A unit of this host's systemd.
    Systemd(SystemdUnit),
    /// A unit of a user's own systemd.
    UserSystemd(UserSystemdUnit),
    /// A container of Docker's.
    Docker {
        /// Which one.
        container: Container,
    },
    /// A container of Podman's.
    Podman {
        /// Which one.
        container: Container,
    },
    /// A container of Kubernetes'.
    Kubernetes(KubernetesContainer),
    /// A task of a Nomad allocation.
    Nomad(NomadTask),
    /// A program of supervisord's.
    Supervisord(SupervisedProgram),
    /// A service folder of runit's.
    Runit(ServiceFolder),
    /// A service folder of s6's.
    S6(ServiceFolder),
    /// PostgreSQL that Patroni starts, stops and promotes.
    Patroni(PatroniMember),
    /// A `program` of a HAProxy's own configuration.
    #[serde(rename = "haproxy-program")]
    HaproxyProgram(HaproxyProgram),
    /// A terminal multiplexer.
    Multiplexer(MultiplexerSession),
    /// A shell.
    Shell(ShellSession),
    /// Another system that runs on this host.
    Guest(GuestSystem),
    /// No manager was found.
    #[serde(rename = "nobody")]
    Unmanaged(Unmanaged),
}

/// The names that a pin records of a controller. Nothing that a reboot changes is among them: no PID.
#[derive(Debug, Default)]
pub(super) struct PinnedNames {
    pub(super) unit: Option<String>,
    pub(super) container: Option<String>,
    pub(super) name: Option<String>,
}

/// What each kind of controller supplies.
trait ControllerDetails {
    /// In words, such as `systemd, haproxy.service`.
    fn describe(&self) -> String;

    /// The names that a pin records.
    fn pinned_names(&self) -> PinnedNames {
        PinnedNames::default()
    }

    /// The names under which a service can be looked up, each with what it is.
    fn names(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The controller of a process, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "certainty")]
pub enum Control {
    /// Two sources agree.
    Proven {
        /// The controller.
        controller: Controller,
        /// What they say.
        evidence: Vec<Evidence>,
    },
    /// One source says so, and nothing speaks against it.
    Claimed {
        /// The controller that it names.
        controller: Controller,
        /// What it says.
        evidence: Vec<Evidence>,
        /// What is missing for a proof, and what would be needed.
        why: String,
    },
    /// Sources disagree.
    Conflict {
        /// What they say.
        evidence: Vec<Evidence>,
        /// On what they disagree.
        why: String,
    },
    /// It could not be seen.
    Unknown {
        /// What was seen.
        evidence: Vec<Evidence>,
        /// Why not, and what would be needed.
        why: String,
    },
}

impl Control {
    /// It was not looked at, or could not be, for one reason.
    pub fn unknown(why: impl Into<String>) -> Self {
        Control::Unknown { evidence: Vec::new(), why: why.into() }
    }

    /// The controller that two sources agree on.
    pub fn proven(&self) -> Option<&Controller> {
        match self {
            Control::Proven { controller, .. } => Some(controller),
            _ => None,
        }
    }

    /// The controller that at least one source names, and none denies.
    pub fn controller(&self) -> Option<&Controller> {
        match self {
            Control::Proven { controller, .. } | Control::Claimed { controller, .. } => Some(controller),
            Control::Conflict { .. } | Control::Unknown { .. } => None,
        }
    }

    /// What was seen.
    pub fn evidence(&self) -> &[Evidence] {
        match self {
            Control::Proven { evidence, .. }
            | Control::Claimed { evidence, .. }
            | Control::Conflict { evidence, .. }
            | Control::Unknown { evidence, .. } => evidence,
        }
    }

    /// Why it is not proven.
    pub fn why(&self) -> Option<&str> {
        match self {
            Control::Proven { .. } => None,
            Control::Claimed { why, .. } | Control::Conflict { why, .. } | Control::Unknown { why, .. } => {
                Some(why)
            }
        }
    }

    /// The controller, and why it is not proven.
    pub fn describe(&self) -> String {
        match (self.controller(), self.why()) {
            (Some(controller), None) => controller.describe(),
            (Some(controller), Some(why)) => format!("{}, not proven: {why}", controller.describe()),
            (None, why) => format!("{}: {}", self.certainty(), why.unwrap_or_default()),
        }
    }

    /// proven, claimed, conflict or unknown.
    pub fn certainty(&self) -> String {
        tagged_name(self, "certainty")
    }

    /// The unit of this host's systemd that is proven to control it.
    pub fn unit(&self) -> Option<&str> {
        match self.proven() {
            Some(Controller::Systemd(SystemdUnit { unit })) => Some(unit),
            _ => None,
        }
    }
}

impl Controller {
    /// The word of `[[pin]]` and of JSON.
    pub fn kind(&self) -> String {
        tagged_name(self, "kind")
    }

    /// The socket of the HAProxy that it is a `program` of.
    pub fn master_socket(&self) -> Option<&str> {
        match self {
            Controller::HaproxyProgram(program) => program.socket.as_deref(),
            _ => None,
        }
    }

    /// Nothing starts it again by itself: it was typed in a terminal, or started by a script.
    pub fn is_started_by_hand(&self) -> bool {
        matches!(self, Controller::Multiplexer(_) | Controller::Shell(_) | Controller::Unmanaged(_))
    }

    /// In words, such as `systemd, haproxy.service`.
    pub fn describe(&self) -> String {
        match self {
            Controller::Podman { container } => podman::describe(container),
            Controller::Runit(folder) => format!("runit, {}", folder.describe()),
            Controller::S6(folder) => format!("s6, {}", folder.describe()),
            controller => controller.details().describe(),
        }
    }

    /// The names that a pin records.
    pub(super) fn pinned_names(&self) -> PinnedNames {
        self.details().pinned_names()
    }

    /// The names under which a service can be looked up, each with what it is.
    pub fn names(&self) -> Vec<(&'static str, String)> {
        self.details().names()
    }

    fn details(&self) -> &dyn ControllerDetails {
        match self {
            Controller::Systemd(unit) => unit,
            Controller::UserSystemd(unit) => unit,
            Controller::Docker { container } | Controller::Podman { container } => container,
            Controller::Kubernetes(container) => container,
            Controller::Nomad(task) => task,
            Controller::Supervisord(program) => program,
            Controller::Runit(folder) | Controller::S6(folder) => folder,
            Controller::Patroni(member) => member,
            Controller::HaproxyProgram(program) => program,
            Controller::Multiplexer(session) => session,
            Controller::Shell(session) => session,
            Controller::Guest(system) => system,
            Controller::Unmanaged(process) => process,
        }
    }
}

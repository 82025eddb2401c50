//! The controller of a process: what starts it again and reloads it, with the evidence.

use serde::{Deserialize, Serialize};

use crate::label::tagged_name;

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
    Systemd {
        /// The unit.
        unit: String,
    },
    /// A unit of a user's own systemd.
    UserSystemd {
        /// The unit.
        unit: String,
        /// The user.
        uid: u32,
    },
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
    Kubernetes {
        /// Its id.
        container: String,
        /// Its pod's uid, where the control group says it.
        pod: Option<String>,
    },
    /// A task of a Nomad allocation.
    Nomad {
        /// The allocation's id.
        allocation: String,
        /// The task's name.
        task: String,
        /// The job, where the task's environment says it.
        #[serde(default)]
        job: Option<String>,
        /// Nomad's namespace, where it is not the default one.
        #[serde(default)]
        namespace: Option<String>,
    },
    /// A program of supervisord's.
    Supervisord {
        /// Its name in supervisord's configuration.
        program: String,
        /// The process of supervisord.
        supervisor: u32,
        /// The configuration file of supervisord, where it is known.
        config: Option<String>,
    },
    /// A service folder of runit's.
    Runit {
        /// The folder.
        folder: String,
        /// The process of runsv.
        supervisor: u32,
    },
    /// A service folder of s6's.
    S6 {
        /// The folder.
        folder: String,
        /// The process of s6-supervise.
        supervisor: u32,
    },
    /// PostgreSQL that Patroni starts, stops and promotes.
    Patroni {
        /// The process of Patroni.
        patroni: u32,
        /// The cluster.
        scope: String,
        /// Which member of it this is, where Patroni says so.
        member: Option<String>,
        /// Patroni's configuration file, where its arguments name one.
        config: Option<String>,
    },
    /// A `program` of a HAProxy's own configuration, which its master starts.
    #[serde(rename = "haproxy-program")]
    HaproxyProgram {
        /// The master.
        master: u32,
        /// The master's socket, as it can be opened from here.
        socket: Option<String>,
    },
    /// A terminal multiplexer in which it was typed.
    Multiplexer {
        /// tmux or screen.
        program: String,
        /// The process of its server.
        server: u32,
        /// Whose it is.
        uid: u32,
        /// The session's name, where it is known.
        session: Option<String>,
    },
    /// A shell in which it was typed.
    Shell {
        /// The shell's process.
        shell: u32,
        /// The terminal, such as `pts/3`.
        tty: Option<String>,
        /// Whose it is.
        uid: u32,
        /// The address that its login came from, where it came over ssh.
        #[serde(default)]
        from: Option<String>,
    },
    /// Another system that runs on this host in namespaces of its own, such as an nspawn guest: what controls the
    /// process has to be asked in there.
    Guest {
        /// Its first process, as this host numbers it.
        leader: u32,
        /// What its control group says inside, such as `/system.slice/haproxy.service`.
        inside: Option<String>,
    },
    /// No manager was found: a script or a person started it.
    #[serde(rename = "nobody")]
    Unmanaged {
        /// The control group that it lives in.
        cgroup: String,
    },
}

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
            Some(Controller::Systemd { unit }) => Some(unit),
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
            Controller::HaproxyProgram { socket, .. } => socket.as_deref(),
            _ => None,
        }
    }

    /// Nothing starts it again by itself: it was typed in a terminal, or started by a script.
    pub fn is_started_by_hand(&self) -> bool {
        matches!(
            self,
            Controller::Multiplexer { .. } | Controller::Shell { .. } | Controller::Unmanaged { .. }
        )
    }

    /// In words, such as `systemd, haproxy.service`.
    pub fn describe(&self) -> String {
        match self {
            Controller::Systemd { unit } => format!("systemd, {unit}"),
            Controller::UserSystemd { unit, uid } => format!("systemd of user {uid}, {unit}"),
            Controller::Docker { container } => format!("Docker, {}", container.describe()),
            Controller::Podman { container } => {
                let user = container.user.map_or(String::new(), |uid| format!(" of user {uid}"));
                let unit = container.unit.as_ref().map_or(String::new(), |unit| format!(", run by {unit}"));
                format!("Podman{user}, {}{unit}", container.describe())
            }
            Controller::Kubernetes { container, .. } => format!("Kubernetes, container {container}"),
            Controller::Nomad { allocation, task, job, namespace } => {
                let job = job.as_ref().map_or(String::new(), |job| format!(", job {job}"));
                let space = namespace.as_ref().map_or(String::new(), |name| format!(", namespace {name}"));
                format!("Nomad, task {task} of allocation {allocation}{job}{space}")
            }
            Controller::Supervisord { program, supervisor, .. } => {
                format!("supervisord ({supervisor}), program {program}")
            }
            Controller::Runit { folder, .. } => format!("runit, {folder}"),
            Controller::S6 { folder, .. } => format!("s6, {folder}"),
            Controller::Patroni { patroni, scope, member, .. } => {
                let member = member.as_ref().map_or(String::new(), |name| format!("member {name} of "));
                format!("Patroni ({patroni}), {member}cluster {scope}")
            }
            Controller::HaproxyProgram { master, .. } => {
                format!("HAProxy's master {master}, as its `program`")
            }
            Controller::Multiplexer { program, server, uid, session } => {
                let session = session.as_ref().map_or(String::new(), |name| format!(", session {name}"));
                format!("{program} of user {uid} (server {server}{session})")
            }
            Controller::Shell { shell, tty, uid, from } => {
                let tty = tty.as_ref().map_or(String::new(), |tty| format!(" on {tty}"));
                let from = from.as_ref().map_or(String::new(), |from| format!(", over ssh from {from}"));
                format!("a shell of user {uid}{tty} (PID {shell}{from})")
            }
            Controller::Guest { leader, inside } => {
                let inside = inside.as_ref().map_or(String::new(), |path| format!(": {path} in there"));
                format!("another system on this host (first process {leader}{inside})")
            }
            Controller::Unmanaged { cgroup } => format!("no service manager (control group {cgroup})"),
        }
    }
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

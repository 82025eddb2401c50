//! Containers: what a daemon says of the one that the control group names.

use super::ancestry::Line;
use super::{Case, Managers, nomad};
use crate::clients::containers::docker::{self, Docker};
use crate::clients::http::HttpError;
use crate::facts::controller::{Compose, Container, Control, Controller, Evidence};
use crate::wire::containers::docker::{Inspected, Proxied};

/// What the daemons say of one container.
#[derive(Clone)]
pub(super) enum Answer {
    /// One knows it: where that was said, and what.
    Known { source: Source, container: Inspected },
    /// All were asked, and none knows it.
    Stranger { sockets: Vec<String> },
    /// Not all could be asked.
    Silent { why: String },
}

/// Who told of a container.
#[derive(Clone)]
pub(super) enum Source {
    /// A daemon, or Podman's service.
    Socket(String),
    /// Podman's own program.
    Program,
}

impl Source {
    fn words(&self) -> String {
        match self {
            Source::Socket(path) => path.clone(),
            Source::Program => "podman container inspect".to_owned(),
        }
    }
}

/// Asks one daemon after the other.
pub(super) fn ask(managers: &Managers, sockets: Vec<String>, id: &str) -> Answer {
    if sockets.is_empty() {
        return Answer::Silent {
            why: "no socket of Docker's or Podman's is here (name it: DOCKER_HOST=unix:///path)".to_owned(),
        };
    }
    let mut silent = Vec::new();
    for socket in &sockets {
        match Docker::at(socket, managers.limit()).and_then(|daemon| daemon.inspect(id)) {
            Ok(container) => return Answer::Known { source: Source::Socket(socket.clone()), container },
            Err(HttpError::NotFound { .. }) => {}
            Err(error) => silent.push(docker::why(&error)),
        }
    }
    match silent.is_empty() {
        true => Answer::Stranger { sockets },
        false => Answer::Silent { why: silent.join("; ") },
    }
}

/// The control group names a container.
pub(super) fn control(managers: &Managers, case: Case<'_>, id: &str) -> Control {
    let user = case.process.uid;
    let sockets = || docker::sockets(managers.docker_host.as_deref(), user);
    let answer = managers.containers.get(&id.to_owned(), || ask(managers, sockets(), id));
    let case = match keeper_of(&case.line, id) {
        Some(words) => case.with(Evidence::new("its parents", words)),
        None => case,
    };
    match answer {
        Answer::Known { source, container } => {
            told(case, id, &source, container, |container| Controller::Docker { container })
        }
        Answer::Stranger { sockets } => stranger(case, id, &sockets),
        Answer::Silent { why } => case.unknown(format!("container {id}: {why}")),
    }
}

/// Nobody knows the container that the control group names.
pub(super) fn stranger(case: Case<'_>, id: &str, sockets: &[String]) -> Control {
    let asked = sockets.join(" ");
    case.with(Evidence::new(asked.clone(), format!("no such container: {id}")))
        .conflict(format!("the control group names container {id}, but nobody at {asked} knows it"))
}

/// Compares what was told of a container with what was seen of the process.
pub(super) fn told(
    case: Case<'_>,
    id: &str,
    source: &Source,
    seen: Inspected,
    controller: impl FnOnce(Container) -> Controller,
) -> Control {
    let first = seen.pid.filter(|_| seen.running);
    let told = first.map_or("not running".to_owned(), |pid| format!("State.Pid {pid}"));
    let said = format!("container {} ({}): {told}", seen.name, short(&seen.id));
    let case = case.with(Evidence::new(source.words(), said));
    let pid = case.process.pid;
    if seen.id != id {
        return case.conflict(format!(
            "{} was asked about container {id} and told of {}",
            source.words(),
            seen.id
        ));
    }
    let Some(first) = first.filter(|first| case.line.place(*first).is_some()) else {
        return case.conflict(format!(
            "container {} is named for it, but {} says: {told}, which is not {pid} or one of its parents",
            seen.name,
            source.words()
        ));
    };
    match orchestrated(pid, &seen) {
        Some(controller) => {
            let label = Evidence::new(format!("labels of container {}", seen.name), controller.words());
            case.with(label).proven(controller)
        }
        None => case.proven(controller(container(seen, first, source))),
    }
}

/// What is kept of it.
pub(super) fn container(seen: Inspected, pid: u32, source: &Source) -> Container {
    let label = |name: &str| seen.labels.get(&format!("com.docker.compose.{name}")).cloned();
    let by_podman = seen.labels.contains_key("io.podman.compose.project");
    let project = label("project").or_else(|| seen.labels.get("io.podman.compose.project").cloned());
    let compose = project.zip(label("service")).map(|(project, service)| Compose {
        project,
        service,
        folder: label("project.working_dir"),
        files: label("project.config_files"),
        by_podman,
    });
    let Inspected { id, name, image, restart_policy, .. } = seen;
    let socket = match source {
        Source::Socket(path) => path.clone(),
        Source::Program => String::new(),
    };
    Container { id, name, image, restart_policy, pid, socket, compose, ..Container::default() }
}

/// The daemon only does what another manager tells it.
fn orchestrated(pid: u32, seen: &Inspected) -> Option<Controller> {
    let pod = || {
        let pod = seen.labels.get("io.kubernetes.pod.uid").cloned()?;
        Some(Controller::Kubernetes { container: seen.id.clone(), pod: Some(pod) })
    };
    nomad::contained(pid, seen).or_else(pod)
}

/// Docker's proxy holds a port that a container publishes, and stands in the control group of the daemon: who serves there
/// is the container. Its arguments and the daemon have to agree on which.
pub(super) fn published<'a>(managers: &Managers, case: Case<'a>) -> Result<Control, Case<'a>> {
    let daemons = case.line.members().iter().skip(1).any(|one| one.comm == "dockerd");
    let Some(proxied) =
        Proxied::of(&case.process.argv).filter(|_| daemons && case.process.comm == "docker-proxy")
    else {
        return Err(case);
    };
    let said = format!("{} to {}", proxied.host, proxied.container);
    let source = format!("/proc/{}/cmdline", case.process.pid);
    let case = case.with(Evidence::new(source, said));
    let mut silent = Vec::new();
    for socket in docker::sockets(managers.docker_host.as_deref(), case.process.uid) {
        let seen = Docker::at(&socket, managers.limit()).and_then(|daemon| {
            let all = daemon.containers()?;
            let id = all.into_iter().find(|one| one.publishes(&proxied)).map(|one| one.id);
            id.map(|id| daemon.inspect(&id)).transpose()
        });
        match seen {
            Ok(Some(seen)) => {
                let said =
                    format!("container {} ({}) publishes {}", seen.name, short(&seen.id), proxied.host);
                let case = case.with(Evidence::new(socket.clone(), said));
                let pid = seen.pid.unwrap_or_default();
                let controller = orchestrated(pid, &seen);
                let controller = controller.unwrap_or_else(|| Controller::Docker {
                    container: container(seen, pid, &Source::Socket(socket)),
                });
                return Ok(case.proven(controller));
            }
            Ok(None) => silent.push(format!("no container at {socket} publishes {}", proxied.host)),
            Err(error) => silent.push(docker::why(&error)),
        }
    }
    let why = match silent.is_empty() {
        true => "no socket of Docker's is here (name it: DOCKER_HOST=unix:///path)".to_owned(),
        false => silent.join("; "),
    };
    Ok(case.unknown(format!("Docker's proxy of a container, which is not known: {why}")))
}

/// containerd's shim and conmon name the container that they keep in their arguments.
fn keeper_of(line: &Line, id: &str) -> Option<String> {
    let keeps = |comm: &str| comm.starts_with("containerd-shim") || comm == "conmon";
    let mut line = line.members().iter();
    let found = line.find(|one| keeps(&one.comm) && one.argv.iter().any(|word| word == id))?;
    Some(format!("{} keeps container {}", super::ancestry::named(found), short(id)))
}

/// The control group of a pod; who rules it is asked of nobody.
pub(super) fn kubernetes(case: Case<'_>, container: String, pod: Option<String>) -> Control {
    let case = match keeper_of(&case.line, &container) {
        Some(words) => case.with(Evidence::new("its parents", words)),
        None => case,
    };
    case.claimed(
        Controller::Kubernetes { container, pod },
        "haguard does not ask Kubernetes: use kubectl rollout restart on what owns the pod",
    )
}

/// An id as people write it.
pub(super) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

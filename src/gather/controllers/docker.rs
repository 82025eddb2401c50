//! Containers of Docker: the daemon and the control group must agree. Also Docker's proxies.

use super::ancestry::Ancestry;
use super::{ControllerEvidence, ControllerQueries, nomad};
use crate::clients::containers::docker::{self, Docker};
use crate::clients::http::HttpError;
use crate::facts::controllers::{
    ComposeService, Container, Control, Controller, Evidence, KubernetesContainer,
};
use crate::wire::containers::docker::{ContainerInspect, DockerProxy};

/// The answers of all daemons about one container.
#[derive(Clone)]
pub(super) enum ContainerLookup {
    /// One knows it.
    Found { source: ContainerSource, container: ContainerInspect },
    /// All answered, and none knows it.
    NotFound { sockets: Vec<String> },
    /// Not all answered.
    Unavailable { why: String },
}

/// Where the facts of a container come from.
#[derive(Clone)]
pub(super) enum ContainerSource {
    /// A daemon, or Podman's service.
    Socket(String),
    /// Podman's own program.
    Program,
}

impl ContainerSource {
    fn describe(&self) -> String {
        match self {
            ContainerSource::Socket(path) => path.clone(),
            ContainerSource::Program => "podman container inspect".to_owned(),
        }
    }
}

/// Asks one daemon after the other.
pub(super) fn lookup_container(
    queries: &ControllerQueries,
    sockets: Vec<String>,
    id: &str,
) -> ContainerLookup {
    if sockets.is_empty() {
        return ContainerLookup::Unavailable {
            why: "no socket of Docker's or Podman's is here (name it: DOCKER_HOST=unix:///path)".to_owned(),
        };
    }
    let mut silent = Vec::new();
    for socket in &sockets {
        match Docker::new(socket, queries.query_timeout()).and_then(|daemon| daemon.inspect(id)) {
            Ok(container) => {
                return ContainerLookup::Found { source: ContainerSource::Socket(socket.clone()), container };
            }
            Err(HttpError::NotFound { .. }) => {}
            Err(error) => silent.push(docker::explain_error(&error)),
        }
    }
    match silent.is_empty() {
        true => ContainerLookup::NotFound { sockets },
        false => ContainerLookup::Unavailable { why: silent.join("; ") },
    }
}

/// The control group names a container.
pub(super) fn identify(queries: &ControllerQueries, case: ControllerEvidence<'_>, id: &str) -> Control {
    let user = case.process.uid;
    let sockets = || docker::candidate_sockets(queries.docker_host.as_deref(), user);
    let answer = queries.containers.get_or_query(&id.to_owned(), || lookup_container(queries, sockets(), id));
    let case = match container_monitor(&case.line, id) {
        Some(words) => case.with_evidence(Evidence::new("its parents", words)),
        None => case,
    };
    match answer {
        ContainerLookup::Found { source, container } => {
            verify_container(case, id, &source, container, |container| Controller::Docker { container })
        }
        ContainerLookup::NotFound { sockets } => unknown_container(case, id, &sockets),
        ContainerLookup::Unavailable { why } => case.unknown(format!("container {id}: {why}")),
    }
}

/// No daemon knows the container that the control group names.
pub(super) fn unknown_container(case: ControllerEvidence<'_>, id: &str, sockets: &[String]) -> Control {
    let asked = sockets.join(" ");
    case.with_evidence(Evidence::new(asked.clone(), format!("no such container: {id}")))
        .conflict(format!("the control group names container {id}, but no daemon at {asked} knows it"))
}

/// Compares a container's first process with the process and its parents.
pub(super) fn verify_container(
    case: ControllerEvidence<'_>,
    id: &str,
    source: &ContainerSource,
    seen: ContainerInspect,
    controller: impl FnOnce(Container) -> Controller,
) -> Control {
    let first = seen.pid.filter(|_| seen.running);
    let state = first.map_or("not running".to_owned(), |pid| format!("State.Pid {pid}"));
    let line = format!("container {} ({}): {state}", seen.name, short_id(&seen.id));
    let case = case.with_evidence(Evidence::new(source.describe(), line));
    let pid = case.process.pid;
    if seen.id != id {
        return case.conflict(format!(
            "{} was asked about container {id} and answered about {}",
            source.describe(),
            seen.id
        ));
    }
    let Some(first) = first.filter(|first| case.line.position(*first).is_some()) else {
        return case.conflict(format!(
            "container {} is named for it, but {} says: {state}, which is not {pid} or one of its parents",
            seen.name,
            source.describe()
        ));
    };
    match orchestrator_of_labels(pid, &seen) {
        Some(controller) => {
            let label = Evidence::new(format!("labels of container {}", seen.name), controller.describe());
            case.with_evidence(label).proven(controller)
        }
        None => case.proven(controller(container_facts(seen, first, source))),
    }
}

/// The facts of a container.
pub(super) fn container_facts(seen: ContainerInspect, pid: u32, source: &ContainerSource) -> Container {
    let label = |name: &str| seen.labels.get(&format!("com.docker.compose.{name}")).cloned();
    let by_podman = seen.labels.contains_key("io.podman.compose.project");
    let project = label("project").or_else(|| seen.labels.get("io.podman.compose.project").cloned());
    let compose = project.zip(label("service")).map(|(project, service)| ComposeService {
        project,
        service,
        folder: label("project.working_dir"),
        files: label("project.config_files"),
        by_podman,
    });
    let ContainerInspect { id, name, image, restart_policy, .. } = seen;
    let socket = match source {
        ContainerSource::Socket(path) => path.clone(),
        ContainerSource::Program => String::new(),
    };
    Container { id, name, image, restart_policy, pid, socket, compose, ..Container::default() }
}

/// The orchestrator on whose behalf the daemon runs the container.
fn orchestrator_of_labels(pid: u32, seen: &ContainerInspect) -> Option<Controller> {
    let pod = || {
        let pod = seen.labels.get("io.kubernetes.pod.uid").cloned()?;
        Some(Controller::Kubernetes(KubernetesContainer { container: seen.id.clone(), pod: Some(pod) }))
    };
    nomad::from_container_labels(pid, seen).or_else(pod)
}

/// docker-proxy holds a port that a container publishes, and is in the control group of the daemon: the service behind the
/// port is the container. Its arguments and the daemon must agree on which.
pub(super) fn identify_docker_proxy<'a>(
    queries: &ControllerQueries,
    case: ControllerEvidence<'a>,
) -> Result<Control, ControllerEvidence<'a>> {
    let daemons = case.line.processes().iter().skip(1).any(|one| one.comm == "dockerd");
    let Some(proxied) =
        DockerProxy::from_argv(&case.process.argv).filter(|_| daemons && case.process.comm == "docker-proxy")
    else {
        return Err(case);
    };
    let value = format!("{} to {}", proxied.host, proxied.container);
    let source = format!("/proc/{}/cmdline", case.process.pid);
    let case = case.with_evidence(Evidence::new(source, value));
    let mut silent = Vec::new();
    for socket in docker::candidate_sockets(queries.docker_host.as_deref(), case.process.uid) {
        let seen = Docker::new(&socket, queries.query_timeout()).and_then(|daemon| {
            let all = daemon.containers()?;
            let id = all.into_iter().find(|one| one.publishes(&proxied)).map(|one| one.id);
            id.map(|id| daemon.inspect(&id)).transpose()
        });
        match seen {
            Ok(Some(seen)) => {
                let value =
                    format!("container {} ({}) publishes {}", seen.name, short_id(&seen.id), proxied.host);
                let case = case.with_evidence(Evidence::new(socket.clone(), value));
                let pid = seen.pid.unwrap_or_default();
                let controller = orchestrator_of_labels(pid, &seen);
                let controller = controller.unwrap_or_else(|| Controller::Docker {
                    container: container_facts(seen, pid, &ContainerSource::Socket(socket)),
                });
                return Ok(case.proven(controller));
            }
            Ok(None) => silent.push(format!("no container at {socket} publishes {}", proxied.host)),
            Err(error) => silent.push(docker::explain_error(&error)),
        }
    }
    let why = match silent.is_empty() {
        true => "no socket of Docker's is here (name it: DOCKER_HOST=unix:///path)".to_owned(),
        false => silent.join("; "),
    };
    Ok(case.unknown(format!("Docker's proxy of a container, which is not known: {why}")))
}

/// containerd's shim and conmon have the id of their container in their arguments.
pub(super) fn container_monitor(line: &Ancestry, id: &str) -> Option<String> {
    let is_monitor = |comm: &str| comm.starts_with("containerd-shim") || comm == "conmon";
    let mut line = line.processes().iter();
    let found = line.find(|one| is_monitor(&one.comm) && one.argv.iter().any(|word| word == id))?;
    Some(format!("{} runs container {}", super::ancestry::describe_process(found), short_id(id)))
}

/// The first 12 digits of an id, as Docker shows it.
pub(super) fn short_id(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

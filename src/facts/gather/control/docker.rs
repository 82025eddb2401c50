//! Containers: what the daemon says of the one that the control group names.

use super::line::Line;
use super::{Case, Managers};
use crate::clients::docker::{self, Docker};
use crate::clients::http::HttpError;
use crate::facts::control::{Compose, Container, Control, Controller, Evidence};
use crate::wire::docker::Inspected;

/// What the daemons say of one container.
#[derive(Clone)]
pub(super) enum Answer {
    /// One knows it.
    Known { socket: String, container: Inspected },
    /// All were asked, and none knows it.
    Stranger { sockets: Vec<String> },
    /// Not all could be asked.
    Silent { why: String },
}

fn ask(managers: &Managers, id: &str, user: u32) -> Answer {
    let sockets = docker::sockets(managers.docker_host.as_deref(), user);
    if sockets.is_empty() {
        return Answer::Silent {
            why: "no socket of Docker's or Podman's is here (name it: DOCKER_HOST=unix:///path)".to_owned(),
        };
    }
    let mut silent = Vec::new();
    for socket in &sockets {
        match Docker::at(socket, managers.limit()).and_then(|daemon| daemon.inspect(id)) {
            Ok(container) => return Answer::Known { socket: socket.clone(), container },
            Err(HttpError::NotFound { .. }) => {}
            Err(error) => silent.push(docker::why(&error)),
        }
    }
    match silent.is_empty() {
        true => Answer::Stranger { sockets },
        false => Answer::Silent { why: silent.join("; ") },
    }
}

/// The control group names a container; `podman` is the user whose it is, where it is Podman's.
pub(super) fn control(managers: &Managers, case: Case<'_>, id: &str, podman: Option<Option<u32>>) -> Control {
    let user = podman.flatten().unwrap_or(case.process.uid);
    let answer = managers.containers.get(&id.to_owned(), || ask(managers, id, user));
    let case = match keeper_of(&case.line, id) {
        Some(words) => case.with(Evidence::new("its parents", words)),
        None => case,
    };
    let (socket, seen) = match answer {
        Answer::Known { socket, container } => (socket, container),
        Answer::Stranger { sockets } => {
            let asked = sockets.join(" ");
            return case
                .with(Evidence::new(asked.clone(), format!("no such container: {id}")))
                .conflict(format!("the control group names container {id}, but nobody at {asked} knows it"));
        }
        Answer::Silent { why } => return case.unknown(format!("container {id}: {why}")),
    };
    let first = seen.pid.filter(|_| seen.running);
    let told = first.map_or("not running".to_owned(), |pid| format!("State.Pid {pid}"));
    let said = format!("container {} ({}): {told}", seen.name, short(&seen.id));
    let case = case.with(Evidence::new(socket.clone(), said));
    let pid = case.process.pid;
    if seen.id != id {
        return case.conflict(format!("the daemon was asked about container {id} and told of {}", seen.id));
    }
    let Some(first) = first.filter(|first| case.line.place(*first).is_some()) else {
        return case.conflict(format!(
            "the control group names container {}, but the daemon says: {told}, which is not {pid} or one of its parents",
            seen.name
        ));
    };
    match orchestrated(&seen) {
        Some(controller) => {
            let label = Evidence::new(format!("labels of container {}", seen.name), controller.words());
            case.with(label).proven(controller)
        }
        None => {
            let container = container(seen, first, socket);
            case.proven(match podman {
                None => Controller::Docker { container },
                Some(_) => Controller::Podman { container },
            })
        }
    }
}

fn container(seen: Inspected, pid: u32, socket: String) -> Container {
    let label = |name: &str| seen.labels.get(&format!("com.docker.compose.{name}")).cloned();
    let compose = label("project").zip(label("service")).map(|(project, service)| Compose {
        project,
        service,
        folder: label("project.working_dir"),
        files: label("project.config_files"),
    });
    let Inspected { id, name, image, restart_policy, .. } = seen;
    Container { id, name, image, restart_policy, pid, socket, compose }
}

/// The daemon only does what another manager tells it.
fn orchestrated(seen: &Inspected) -> Option<Controller> {
    let label = |name: &str| seen.labels.get(name).cloned();
    let allocation = label("com.hashicorp.nomad.alloc_id");
    let task = || label("com.hashicorp.nomad.task_name").unwrap_or_else(|| seen.name.clone());
    let pod = || {
        Some(Controller::Kubernetes {
            container: seen.id.clone(),
            pod: Some(label("io.kubernetes.pod.uid")?),
        })
    };
    allocation.map(|allocation| Controller::Nomad { allocation, task: task() }).or_else(pod)
}

/// containerd's shim and conmon name the container that they keep in their arguments.
fn keeper_of(line: &Line, id: &str) -> Option<String> {
    let keeps = |comm: &str| comm.starts_with("containerd-shim") || comm == "conmon";
    let found =
        line.members().iter().find(|one| keeps(&one.comm) && one.argv.iter().any(|word| word == id))?;
    Some(format!("{} keeps container {}", super::line::named(found), short(id)))
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

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

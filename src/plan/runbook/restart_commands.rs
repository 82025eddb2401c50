//! How a process is restarted through its controller: a service manager, a container daemon, a compose project.

use super::step::{command_step, note, shell_quote};
use crate::facts::Controller;
use crate::facts::controllers::{
    Container, GuestSystem, KubernetesContainer, NomadTask, ServiceFolder, SupervisedProgram, SystemdUnit,
    UserSystemdUnit,
};
use crate::plan::RunbookStep;

/// The controller's name and its restart command, where one command works for every service.
pub fn single_command(controller: &Controller) -> Option<(&'static str, String)> {
    Some(match controller {
        Controller::Systemd(SystemdUnit { unit }) => {
            ("systemd", format!("systemctl restart {}", shell_quote(unit)))
        }
        Controller::Nomad(NomadTask { allocation, task, namespace, .. }) => {
            let space =
                namespace.as_ref().map_or(String::new(), |name| format!(" -namespace {}", shell_quote(name)));
            let command =
                format!("nomad alloc restart{space} -task {} {}", shell_quote(task), shell_quote(allocation));
            ("Nomad", command)
        }
        Controller::Supervisord(SupervisedProgram { program, config, .. }) => {
            let config = config.as_ref().map_or(String::new(), |file| format!(" -c {}", shell_quote(file)));
            ("supervisord", format!("supervisorctl{config} restart {}", shell_quote(program)))
        }
        Controller::Runit(ServiceFolder { folder, .. }) => {
            ("runit", format!("sv restart {}", shell_quote(folder)))
        }
        Controller::S6(ServiceFolder { folder, .. }) => ("s6", format!("s6-svc -r {}", shell_quote(folder))),
        _ => return None,
    })
}

/// How the controller restarts a process; `None` where it has no controller that does.
pub fn manager_restart(controller: &Controller) -> Option<RunbookStep> {
    if let Some((who, command)) = single_command(controller) {
        return Some(command_step(&format!("{who} restarts it:"), command));
    }
    Some(match controller {
        Controller::UserSystemd(UserSystemdUnit { unit, uid }) => command_step(
            &format!("the systemd of user {uid} restarts it, not the systemd of this host:"),
            format!("systemctl --user --machine={uid}@ restart {}", shell_quote(unit)),
        ),
        Controller::Docker { container } => container_restart("docker", container),
        Controller::Podman { container } => container_restart("podman", container),
        Controller::Kubernetes(KubernetesContainer { container, .. }) => note(&format!(
            "Kubernetes runs it (container {container}): restart its workload with `kubectl rollout restart`"
        )),
        Controller::Guest(GuestSystem { leader, inside }) => {
            let unit = inside.as_ref().and_then(|path| path.rsplit('/').next());
            match unit.filter(|name| name.ends_with(".service")) {
                Some(unit) => command_step(
                    "it belongs to another system on this host, whose own systemd restarts it:",
                    format!("nsenter --target {leader} --all systemctl restart {}", shell_quote(unit)),
                ),
                None => note(&format!(
                    "it belongs to another system on this host (first process {leader}): restart it from inside that system"
                )),
            }
        }
        _ => return None,
    })
}

/// The client program of a container's daemon, with the socket where that is not the default. Without a daemon it is
/// podman, run as the user whose container it is.
pub fn container_cli(program: &str, container: &Container) -> String {
    let usual = ["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"];
    let url = format!("unix://{}", container.socket);
    match container.socket.as_str() {
        "" => podman_as_user(program, container),
        socket if usual.contains(&socket) => program.to_owned(),
        _ if program == "docker" => format!("docker -H {}", shell_quote(&url)),
        _ => format!("{program} --url {}", shell_quote(&url)),
    }
}

fn podman_as_user(program: &str, container: &Container) -> String {
    let options: String = container.options.iter().map(|word| format!(" {}", shell_quote(word))).collect();
    match container.user {
        None => format!("{program}{options}"),
        // Podman looks for containers below the user's folders, and fails in a folder that the user may not enter.
        Some(uid) => {
            format!("cd / && sudo -u '#{uid}' -H XDG_RUNTIME_DIR=/run/user/{uid} {program}{options}")
        }
    }
}

/// How a container is restarted: by the unit that runs it, by compose, or by itself.
pub fn container_restart(program: &str, container: &Container) -> RunbookStep {
    let whole = "restart its container, not its process:";
    let plain = || format!("{} restart {}", container_cli(program, container), shell_quote(&container.name));
    // If the container is stopped behind the unit, the unit fails or creates another container.
    match (&container.unit, container.user) {
        (Some(unit), None) => {
            return command_step(
                "a unit runs its container:",
                format!("systemctl restart {}", shell_quote(unit)),
            );
        }
        (Some(unit), Some(uid)) => {
            let command = format!("systemctl --user --machine={uid}@ restart {}", shell_quote(unit));
            return command_step("a unit of its user's systemd runs its container:", command);
        }
        (None, _) => {}
    }
    let Some(compose) = container.compose.as_ref().filter(|_| container.options.is_empty()) else {
        return command_step(whole, plain());
    };
    let folder =
        compose.folder.as_ref().map_or(String::new(), |folder| format!("cd {} && ", shell_quote(folder)));
    let (project, service) = (shell_quote(&compose.project), shell_quote(&compose.service));
    let program = match compose.by_podman {
        true if container.user.is_some() => return command_step(whole, plain()),
        true => "podman-compose".to_owned(),
        false => format!("{} compose", container_cli(program, container)),
    };
    command_step(
        "compose restarts it, from the folder in which it was started:",
        format!("{folder}{program} -p {project} restart {service}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::controllers::ComposeService;

    #[test]
    fn podman_restarts_a_container_as_its_user_and_with_its_options() {
        let of = |socket: &str, change: &dyn Fn(&mut Container)| {
            let mut container =
                Container { name: "pypnm-api".into(), socket: socket.into(), ..Container::default() };
            change(&mut container);
            manager_restart(&Controller::Podman { container }).unwrap().command
        };
        let compose = |by_podman| ComposeService {
            project: "lab".into(),
            service: "api".into(),
            folder: Some("/opt/lab".into()),
            files: None,
            by_podman,
        };
        assert_eq!(of("/run/podman/podman.sock", &|_| {}), "podman restart pypnm-api");
        assert_eq!(of("/tmp/p.sock", &|_| {}), "podman --url unix:///tmp/p.sock restart pypnm-api");
        assert_eq!(of("", &|_| {}), "podman restart pypnm-api");
        let elsewhere = |one: &mut Container| {
            one.options = ["--root", "/srv/c"].map(str::to_owned).to_vec();
            one.compose = Some(compose(true));
        };
        assert_eq!(of("", &elsewhere), "podman --root /srv/c restart pypnm-api");
        assert_eq!(
            of("", &|one| one.user = Some(1001)),
            "cd / && sudo -u '#1001' -H XDG_RUNTIME_DIR=/run/user/1001 podman restart pypnm-api"
        );
        let by_compose = |by_podman| of("", &move |one| one.compose = Some(compose(by_podman)));
        assert_eq!(by_compose(true), "cd /opt/lab && podman-compose -p lab restart api");
        assert_eq!(by_compose(false), "cd /opt/lab && podman compose -p lab restart api");
        // A unit takes precedence: it would undo a restart that it did not order.
        let unit = |user| {
            of("/run/podman/podman.sock", &move |one| {
                (one.unit, one.user) = (Some("edge.service".into()), user);
                one.compose = Some(compose(true));
            })
        };
        assert_eq!(unit(None), "systemctl restart edge.service");
        assert_eq!(unit(Some(1001)), "systemctl --user --machine=1001@ restart edge.service");
    }
}

//! How whoever keeps a process restarts it: a service manager, a daemon of containers, a compose project.

use super::step::quote;
use crate::facts::Controller;
use crate::facts::controller::Container;
use crate::plan::Advice;

fn said(when: &str) -> Advice {
    Advice::new(when, "")
}

fn run(when: &str, command: String) -> Advice {
    Advice::new(when, command)
}

/// Who restarts it, and by which command, where one command does it whatever the service is.
pub fn command(controller: &Controller) -> Option<(&'static str, String)> {
    Some(match controller {
        Controller::Systemd { unit } => ("systemd", format!("systemctl restart {}", quote(unit))),
        Controller::Nomad { allocation, task, namespace, .. } => {
            let space =
                namespace.as_ref().map_or(String::new(), |name| format!(" -namespace {}", quote(name)));
            let command = format!("nomad alloc restart{space} -task {} {}", quote(task), quote(allocation));
            ("Nomad", command)
        }
        Controller::Supervisord { program, config, .. } => {
            let config = config.as_ref().map_or(String::new(), |file| format!(" -c {}", quote(file)));
            ("supervisord", format!("supervisorctl{config} restart {}", quote(program)))
        }
        Controller::Runit { folder, .. } => ("runit", format!("sv restart {}", quote(folder))),
        Controller::S6 { folder, .. } => ("s6", format!("s6-svc -r {}", quote(folder))),
        _ => return None,
    })
}

/// How whoever keeps a process restarts it, whatever the process is; none where nobody does.
pub fn managed(controller: &Controller) -> Option<Advice> {
    if let Some((who, command)) = command(controller) {
        return Some(run(&format!("{who} restarts it:"), command));
    }
    Some(match controller {
        Controller::UserSystemd { unit, uid } => run(
            &format!("the systemd of user {uid} restarts it, not that of this host:"),
            format!("systemctl --user --machine={uid}@ restart {}", quote(unit)),
        ),
        Controller::Docker { container } => contained("docker", container),
        Controller::Podman { container } => contained("podman", container),
        Controller::Kubernetes { container, .. } => said(&format!(
            "Kubernetes runs it (container {container}): restart its workload with `kubectl rollout restart`"
        )),
        Controller::Guest { leader, inside } => {
            let unit = inside.as_ref().and_then(|path| path.rsplit('/').next());
            match unit.filter(|name| name.ends_with(".service")) {
                Some(unit) => run(
                    "it belongs to another system on this host; that one's own systemd restarts it:",
                    format!("nsenter --target {leader} --all systemctl restart {}", quote(unit)),
                ),
                None => said(&format!(
                    "it belongs to another system on this host (first process {leader}): ask in there"
                )),
            }
        }
        _ => return None,
    })
}

/// The program that speaks to the daemon of a container, with the socket where that is not the usual one. Without a
/// daemon it is Podman's own, as the user and in the place whose container it is.
pub fn daemon(program: &str, container: &Container) -> String {
    let usual = ["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"];
    let url = format!("unix://{}", container.socket);
    match container.socket.as_str() {
        "" => as_its_user(program, container),
        socket if usual.contains(&socket) => program.to_owned(),
        _ if program == "docker" => format!("docker -H {}", quote(&url)),
        _ => format!("{program} --url {}", quote(&url)),
    }
}

fn as_its_user(program: &str, container: &Container) -> String {
    let options: String = container.options.iter().map(|word| format!(" {}", quote(word))).collect();
    match container.user {
        None => format!("{program}{options}"),
        // Podman looks for its containers below the user's folders, and wants a folder that it may enter.
        Some(uid) => {
            format!("cd / && sudo -u '#{uid}' -H XDG_RUNTIME_DIR=/run/user/{uid} {program}{options}")
        }
    }
}

/// How a container is restarted: by the unit that runs it, by compose, or by itself.
pub fn contained(program: &str, container: &Container) -> Advice {
    let whole = "its container is restarted, not its process:";
    let plain = || format!("{} restart {}", daemon(program, container), quote(&container.name));
    // A unit would take a container that is ended for a failure, or make another one.
    match (&container.unit, container.user) {
        (Some(unit), None) => {
            return run("a unit runs its container:", format!("systemctl restart {}", quote(unit)));
        }
        (Some(unit), Some(uid)) => {
            let command = format!("systemctl --user --machine={uid}@ restart {}", quote(unit));
            return run("a unit of its user's systemd runs its container:", command);
        }
        (None, _) => {}
    }
    let Some(compose) = container.compose.as_ref().filter(|_| container.options.is_empty()) else {
        return run(whole, plain());
    };
    let folder = compose.folder.as_ref().map_or(String::new(), |folder| format!("cd {} && ", quote(folder)));
    let (project, service) = (quote(&compose.project), quote(&compose.service));
    let program = match compose.by_podman {
        true if container.user.is_some() => return run(whole, plain()),
        true => "podman-compose".to_owned(),
        false => format!("{} compose", daemon(program, container)),
    };
    run(
        "compose restarts it, from the folder that it was started in:",
        format!("{folder}{program} -p {project} restart {service}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::controller::Compose;

    #[test]
    fn podman_restarts_its_container_where_and_as_whom_it_runs() {
        let of = |socket: &str, change: &dyn Fn(&mut Container)| {
            let mut container =
                Container { name: "pypnm-api".into(), socket: socket.into(), ..Container::default() };
            change(&mut container);
            managed(&Controller::Podman { container }).unwrap().command
        };
        let compose = |by_podman| Compose {
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
        // A unit comes before everything: what it does not know of it would undo.
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

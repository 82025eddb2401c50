//! How a service is restarted by whoever controls it, and what must not be tried.

use serde::Serialize;

use super::Advice;
use super::advice::quote;
use super::keepers::managed;
use crate::facts::{Control, Controller, Role, Service};

/// What to do with one service, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Procedure {
    /// The commands, in order.
    pub restart: Vec<Advice>,
    /// What must not be done.
    pub never: Vec<String>,
}

/// The procedure of a service: HAProxy is reloaded, everything else is restarted by its controller.
pub fn procedure(service: &Service) -> Procedure {
    if service.role == Some(Role::Haproxy) {
        return haproxy(service);
    }
    let mut restart = Vec::new();
    match &service.control {
        Control::Proven { controller, .. } => restart.extend(commands(service, controller)),
        Control::Claimed { controller, why, .. } => {
            restart.push(said(&format!(
                "only if it really is {}, which is not proven: {why}",
                controller.words()
            )));
            restart.extend(commands(service, controller));
        }
        Control::Conflict { why, .. } | Control::Unknown { why, .. } => restart.push(Advice {
            when: format!("first find out who controls it ({why}):"),
            command: "sudo haguard inspect".to_owned(),
        }),
    }
    Procedure { restart, never: never(service) }
}

fn haproxy(service: &Service) -> Procedure {
    let pid = service.process.pid;
    let reload = match service.process.args().master_socket {
        Some(socket) => {
            format!("haguard reload --master-socket {}", quote(&service.process.absolute(&socket)))
        }
        None => format!("haguard reload {pid}"),
    };
    Procedure {
        restart: vec![Advice {
            when: "load a changed configuration; it shows a plan first, and is proven:".to_owned(),
            command: reload,
        }],
        never: vec![format!(
            "restart it: that cuts every connection and forgets what only memory holds; `haguard restart {pid}` says what"
        )],
    }
}

fn said(when: &str) -> Advice {
    Advice { when: when.to_owned(), command: String::new() }
}

fn run(when: &str, command: String) -> Advice {
    Advice { when: when.to_owned(), command }
}

fn commands(service: &Service, controller: &Controller) -> Vec<Advice> {
    let user = service.user_words();
    if let Some(advice) = managed(controller) {
        return vec![advice];
    }
    match controller {
        Controller::Multiplexer { program, session, .. } => {
            let session = session.as_ref().map_or(String::new(), |name| quote(name));
            let socket = tmux_socket(service).map_or(String::new(), |path| format!(" -S {}", quote(path)));
            let attach = match (program.as_str(), session.is_empty()) {
                ("screen", _) => format!("screen -r {session}"),
                (_, true) => format!("{program}{socket} attach"),
                (_, false) => format!("{program}{socket} attach -t {session}"),
            };
            let attach = attach.trim_end();
            let mut list = vec![run(
                &format!("it runs in {program}: attach to it as {user}, and end it there with Ctrl-C:"),
                format!("sudo -u {} {attach}", account(service)),
            )];
            list.push(again(service, "then start it again in the same window:"));
            list
        }
        Controller::Shell { shell, tty, from, .. } => {
            let tty = tty.as_ref().map_or(String::new(), |tty| format!(" on {tty}"));
            let from = from.as_ref().map_or(String::new(), |from| format!(", over ssh from {from}"));
            vec![
                said(&format!(
                    "{user} started it by hand in a shell{tty} (PID {shell}{from}): ask them to end it there; their \
                     logout may end it, too"
                )),
                again(service, "then it is started again there:"),
            ]
        }
        Controller::Nobody { .. } => vec![
            run(
                &format!("nobody starts it again by itself, so whoever runs it as {user} has to end it:"),
                format!("kill -TERM {}", service.process.pid),
            ),
            again(service, "and to start it again, as it was started:"),
        ],
        // Everybody else keeps what he runs.
        _ => Vec::new(),
    }
}

/// The socket on which tmux said that it runs the service, where that is not its usual one.
fn tmux_socket(service: &Service) -> Option<&str> {
    let mut sources = service.control.evidence().iter().map(|evidence| evidence.source.as_str());
    let path = sources.find_map(|source| Some(source.strip_prefix("tmux -S ")?.split_once(" list-")?.0))?;
    (!path.starts_with("/tmp/tmux-")).then_some(path)
}

/// A user as sudo takes it.
fn account(service: &Service) -> String {
    service.user.as_ref().map_or_else(|| format!("'#{}'", service.process.uid), |name| quote(name))
}

/// Its own command line, from its own folder.
fn again(service: &Service, when: &str) -> Advice {
    let words: Vec<String> = service.process.argv.iter().map(|word| quote(word)).collect();
    let hidden = service.process.argv.iter().any(|word| word.contains("***"));
    let when = match hidden {
        true => format!("{} (*** stands for what may be secret)", when.trim_end_matches(':')) + ":",
        false => when.to_owned(),
    };
    let folder = service.process.cwd.seen().map_or(String::new(), |cwd| format!("cd {} && ", quote(cwd)));
    Advice { when, command: format!("{folder}{}", words.join(" ")) }
}

fn never(service: &Service) -> Vec<String> {
    let pid = service.process.pid;
    match service.control.named() {
        Some(Controller::Systemd { .. }) => {
            vec![format!("kill {pid} by hand: systemd would take it for a failure, or start it again")]
        }
        Some(Controller::Docker { .. } | Controller::Podman { .. } | Controller::Kubernetes { .. }) => vec![
            "systemctl restart of anything: no unit of this host's systemd controls it".to_owned(),
            format!("kill {pid} from outside: its container decides whether it comes back"),
        ],
        Some(Controller::Multiplexer { .. } | Controller::Shell { .. } | Controller::Nobody { .. }) => vec![
            "systemctl restart of anything: no unit of this host's systemd controls it".to_owned(),
            format!("kill {pid} without knowing how it is started: nothing brings it back"),
        ],
        Some(_) => {
            vec!["systemctl restart of anything: no unit of this host's systemd controls it".to_owned()]
        }
        None => vec!["restart it by any way that was guessed: who controls it is not known".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::control::{Compose, Container};
    use crate::facts::sample;

    fn commands_of(controller: Controller) -> String {
        let service = sample::service("http.server", 5050, controller);
        let said = procedure(&service).restart;
        said.iter().map(|advice| advice.command.clone()).collect::<Vec<_>>().join("; ")
    }

    fn container(compose: Option<Compose>, socket: &str) -> Container {
        Container {
            id: "a".repeat(64),
            name: "pypnm-api".into(),
            image: "i".into(),
            restart_policy: "always".into(),
            pid: 7,
            socket: socket.into(),
            compose,
            ..Container::default()
        }
    }

    #[test]
    fn each_controller_has_its_own_way() {
        let unit = || "gui.service".to_owned();
        let own = "cd /opt/gui && python3 -m http.server 5050";
        let nomad = |namespace: Option<&str>| Controller::Nomad {
            allocation: "a1".into(),
            task: "web".into(),
            job: Some("site".into()),
            namespace: namespace.map(str::to_owned),
        };
        let docker = |compose, socket| Controller::Docker { container: container(compose, socket) };
        let compose = Compose {
            project: "lab".into(),
            service: "api".into(),
            folder: Some("/opt/lab".into()),
            files: None,
            by_podman: false,
        };
        let cases = [
            (Controller::Systemd { unit: unit() }, "systemctl restart gui.service".to_owned()),
            (
                Controller::UserSystemd { unit: unit(), uid: 1001 },
                "systemctl --user --machine=1001@ restart gui.service".to_owned(),
            ),
            (docker(None, "/run/docker.sock"), "docker restart pypnm-api".to_owned()),
            (docker(None, "/tmp/d.sock"), "docker -H unix:///tmp/d.sock restart pypnm-api".to_owned()),
            (
                docker(Some(compose), "/var/run/docker.sock"),
                "cd /opt/lab && docker compose -p lab restart api".to_owned(),
            ),
            (nomad(None), "nomad alloc restart -task web a1".to_owned()),
            (nomad(Some("edge")), "nomad alloc restart -namespace edge -task web a1".to_owned()),
            (
                Controller::Supervisord {
                    program: "gui".into(),
                    supervisor: 4,
                    config: Some("/etc/s.conf".into()),
                },
                "supervisorctl -c /etc/s.conf restart gui".to_owned(),
            ),
            (
                Controller::Runit { folder: "/etc/sv/gui".into(), supervisor: 4 },
                "sv restart /etc/sv/gui".to_owned(),
            ),
            (
                Controller::S6 { folder: "/run/s/gui".into(), supervisor: 4 },
                "s6-svc -r /run/s/gui".to_owned(),
            ),
            (
                Controller::Multiplexer {
                    program: "tmux".into(),
                    server: 4,
                    uid: 1001,
                    session: Some("gui".into()),
                },
                format!("sudo -u rbron tmux attach -t gui; {own}"),
            ),
            (
                Controller::Shell { shell: 4, tty: Some("pts/3".into()), uid: 1001, from: None },
                format!("; {own}"),
            ),
            (
                Controller::Guest { leader: 9, inside: Some("/system.slice/gui.service".into()) },
                "nsenter --target 9 --all systemctl restart gui.service".to_owned(),
            ),
            (Controller::Nobody { cgroup: "/".into() }, format!("kill -TERM 4711; {own}")),
        ];
        for (controller, expected) in cases {
            assert_eq!(commands_of(controller.clone()), expected, "{controller:?}");
        }
    }

    #[test]
    fn haproxy_is_never_restarted_and_what_is_not_known_is_found_out_first() {
        let mut service =
            sample::service("haproxy", 80, Controller::Systemd { unit: "haproxy.service".into() });
        service.role = Some(Role::Haproxy);
        let said = procedure(&service);
        assert!(said.restart.iter().all(|advice| advice.command.starts_with("haguard reload")), "{said:?}");
        service.role = None;
        service.control = Control::unknown("denied");
        let said = procedure(&service);
        assert_eq!(said.restart[0].command, "sudo haguard inspect");
        assert!(said.never[0].contains("not known"));
    }
}

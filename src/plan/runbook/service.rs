//! How a service is restarted by whoever controls it, and what must not be tried.

use serde::Serialize;

use super::quote;
use super::restart_commands::managed;
use crate::facts::{Control, Controller, Known, Role, Service};
use crate::plan::Advice;

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
    if service.process.pid == 1 {
        return first(service);
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
        Control::Conflict { evidence, why } => {
            // Who asks systemd as root is told no more by asking haguard again.
            let systemd = evidence.iter().any(|one| one.source.starts_with("systemctl"));
            let pid = service.process.pid;
            let command =
                if systemd { format!("systemctl status {pid}") } else { "sudo haguard inspect".to_owned() };
            restart.push(Advice {
                when: format!("first settle what the sources disagree on ({why}):"),
                command,
            });
        }
        Control::Unknown { why, .. } => restart.push(Advice {
            when: format!("first find out who controls it ({why}):"),
            command: "sudo haguard inspect".to_owned(),
        }),
    }
    Procedure { restart, never: never(service) }
}

/// The command that restarts it, where one command does.
pub fn one_command(service: &Service) -> Option<String> {
    let one = service.control.named().is_some_and(|controller| !controller.typed());
    let steps = procedure(service).restart.into_iter().filter(|advice| !advice.command.is_empty());
    steps.map(|advice| advice.command).next().filter(|_| one)
}

fn haproxy(service: &Service) -> Procedure {
    let pid = service.process.pid;
    if let Some(Controller::Guest { leader, .. }) = service.control.named() {
        let when = "it belongs to another system on this host, and haguard has to be run in there:";
        return Procedure {
            restart: vec![run(when, format!("nsenter --target {leader} --all haguard reload"))],
            never: vec![format!(
                "reload or restart {pid} from out here: its files and sockets are not those of this host"
            )],
        };
    }
    // The path of its socket is one of this host's only where its files are.
    let ours = service.process.same_mount_namespace != Known::Seen(false);
    let socket = service.process.args().master_socket.map(|socket| service.process.absolute(&socket));
    let reload = reload(pid, socket.as_deref().filter(|_| ours));
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

/// The first process of all: everything else ends with it.
fn first(service: &Service) -> Procedure {
    let what = "it is the first process here: whoever restarts it restarts this whole host or container";
    let never = format!("kill 1, {}: everything that runs here ends with it", service.name);
    Procedure { restart: vec![said(what)], never: vec![never] }
}

/// That of services for which systemd listens itself, each behind its socket's unit; none where it starts one for each
/// connection.
pub fn activated(all: &[(&str, Option<&str>)]) -> Procedure {
    let restart = |(socket, service): &(&str, Option<&str>)| match service {
        None => vec![said(&format!(
            "systemd itself listens there for {socket}, and starts another service for each connection: there is none to \
             restart"
        ))],
        Some(service) => vec![
            said(&format!("systemd itself listens there, and starts {service} for whoever connects")),
            run(
                "systemd restarts that, and goes on listening:",
                format!("systemctl restart {}", quote(service)),
            ),
        ],
    };
    let never = |(socket, _): &(&str, Option<&str>)| {
        format!("restart or stop {socket} for it: nobody listens meanwhile")
    };
    Procedure { restart: all.iter().flat_map(restart).collect(), never: all.iter().map(never).collect() }
}

fn reload(master: u32, socket: Option<&str>) -> String {
    match socket {
        Some(socket) => format!("haguard reload --master-socket {}", quote(socket)),
        None => format!("haguard reload {master}"),
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
        Controller::Patroni { scope, member, config, .. } => {
            let config = config.as_ref().map_or(String::new(), |file| format!(" -c {}", quote(file)));
            let which = match member {
                Some(_) => "without a member's name",
                None => "MEMBER is its name in `patronictl list`, and without one",
            };
            let member = member.as_ref().map_or("MEMBER".to_owned(), |name| quote(name));
            vec![run(
                &format!("Patroni restarts it, and asks before it does; {which} it restarts them all:"),
                format!("sudo -u {} patronictl{config} restart {} {member}", account(service), quote(scope)),
            )]
        }
        Controller::Program { master, .. } => vec![run(
            "HAProxy's master starts it again when it is reloaded, unless its section says `no option \
             start-on-reload`: then only a restart of HAProxy does",
            reload(*master, controller.master_socket()),
        )],
        Controller::Nobody { .. } => vec![
            run(
                &format!("nobody starts it again by itself, so whoever runs it as {user} has to end it:"),
                format!("kill -TERM {}", service.process.pid),
            ),
            again_as_its_user(service, "and to start it again, as it was started, but for its environment:"),
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
    let mut when = when.trim_end_matches(':').to_owned();
    if service.process.argv.iter().any(|word| word.contains("***")) {
        when += " (*** stands for what may be secret)";
    }
    let folder = service.process.cwd.seen().map(|cwd| match cwd.strip_suffix(DELETED) {
        Some(gone) => {
            when += " (its folder was deleted and has to be made again)";
            gone
        }
        None => cwd.as_str(),
    });
    let folder = folder.map_or(String::new(), |folder| format!("cd {} && ", quote(folder)));
    Advice { when: when + ":", command: format!("{folder}{}", words.join(" ")) }
}

/// The kernel's mark at a folder that is gone.
const DELETED: &str = " (deleted)";

/// The same as its own user: started by root as it stands here, it would be root's from then on.
fn again_as_its_user(service: &Service, when: &str) -> Advice {
    let Advice { when, command } = again(service, when);
    match service.process.uid {
        0 => Advice { when, command },
        _ => {
            // Not every sh reads $'..'.
            let shell = if command.contains("$'") { "bash" } else { "sh" };
            Advice { when, command: format!("sudo -u {} {shell} -c {}", account(service), quote(&command)) }
        }
    }
}

/// Those that keep containers.
const DAEMONS: &[&str] = &["dockerd", "containerd", "podman", "crio", "kubelet"];

fn never(service: &Service) -> Vec<String> {
    let pid = service.process.pid;
    if DAEMONS.contains(&service.name.as_str()) {
        return vec![format!("restart {} for the sake of one container: it may end them all", service.name)];
    }
    if service.role == Some(Role::Patroni) {
        let pause = "without `patronictl pause` before it and `patronictl resume` after it: it stops its PostgreSQL with \
                     it, and from a leader the cluster fails over";
        return [vec![format!("stop or restart {pid} {pause}")], never_by(service)].concat();
    }
    never_by(service)
}

fn never_by(service: &Service) -> Vec<String> {
    let pid = service.process.pid;
    match service.control.named() {
        Some(Controller::Systemd { .. }) => {
            vec![format!("kill {pid} by hand: systemd would take it for a failure, or start it again")]
        }
        Some(_) if service.passes_on_to().is_some() => vec![format!(
            "kill {pid}: it only holds the port for the container, which nobody reaches from then on"
        )],
        Some(Controller::Docker { .. } | Controller::Podman { .. } | Controller::Kubernetes { .. }) => vec![
            "systemctl restart of anything: no unit of this host's systemd controls it".to_owned(),
            format!("kill {pid} from outside: its container decides whether it comes back"),
        ],
        Some(controller) if controller.typed() => vec![
            "systemctl restart of anything: no unit of this host's systemd controls it".to_owned(),
            format!("kill {pid} without knowing how it is started: nothing brings it back"),
        ],
        Some(Controller::Patroni { patroni, .. }) => vec![format!(
            "kill {pid}, pg_ctl or systemctl: Patroni ({patroni}) takes it for a failure, and may fail over"
        )],
        Some(Controller::Program { master, .. }) => vec![
            format!(
                "kill {pid}: nothing starts it before the next reload, and if it ends with an error HAProxy ({master}) ends with it"
            ),
            format!("systemctl restart of the unit of HAProxy ({master}): that cuts every connection"),
        ],
        Some(_) => {
            vec!["systemctl restart of anything: no unit of this host's systemd controls it".to_owned()]
        }
        None => vec!["restart it by any way that was guessed: who controls it is not known".to_owned()],
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;

//! How a service is restarted by its controller, and what must not be done.

use serde::Serialize;

use super::restart_commands::manager_restart;
use super::step::{command_step, note, shell_quote};
use crate::facts::controllers::{
    GuestSystem, HaproxyProgram, MultiplexerSession, PatroniMember, ShellSession,
};
use crate::facts::{Control, Controller, Known, Role, Service};
use crate::plan::RunbookStep;

/// How to restart one service, and what not to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceRunbook {
    /// The commands, in order.
    pub restart: Vec<RunbookStep>,
    /// What must not be done.
    pub never: Vec<String>,
}

/// The procedure of a service: HAProxy is reloaded, everything else is restarted by its controller.
pub fn service_runbook(service: &Service) -> ServiceRunbook {
    if service.role == Some(Role::Haproxy) {
        return haproxy_runbook(service);
    }
    if service.process.pid == 1 {
        return init_runbook(service);
    }
    let mut restart = Vec::new();
    match &service.control {
        Control::Proven { controller, .. } => restart.extend(restart_steps(service, controller)),
        Control::Claimed { controller, why, .. } => {
            restart.push(note(&format!(
                "only if it really is {}, which is not proven: {why}",
                controller.describe()
            )));
            restart.extend(restart_steps(service, controller));
        }
        Control::Conflict { evidence, why } => {
            // systemd was asked already, so another `inspect` would show nothing new.
            let systemd = evidence.iter().any(|one| one.source.starts_with("systemctl"));
            let pid = service.process.pid;
            let command =
                if systemd { format!("systemctl status {pid}") } else { "sudo haguard inspect".to_owned() };
            restart.push(command_step(&format!("first find out which source is right ({why}):"), command));
        }
        Control::Unknown { why, .. } => restart.push(RunbookStep::new(
            format!("first find out what controls it ({why}):"),
            "sudo haguard inspect",
        )),
    }
    ServiceRunbook { restart, never: prohibited_actions(service) }
}

/// The command that restarts it, where one command does.
pub fn single_restart_command(service: &Service) -> Option<String> {
    let one = service.control.controller().is_some_and(|controller| !controller.is_started_by_hand());
    let steps = service_runbook(service).restart.into_iter().filter(|advice| !advice.command.is_empty());
    steps.map(|advice| advice.command).next().filter(|_| one)
}

fn haproxy_runbook(service: &Service) -> ServiceRunbook {
    let pid = service.process.pid;
    if let Some(Controller::Guest(GuestSystem { leader, .. })) = service.control.controller() {
        let when = "it belongs to another system on this host; run haguard inside that system:";
        return ServiceRunbook {
            restart: vec![command_step(when, format!("nsenter --target {leader} --all haguard reload"))],
            never: vec![format!(
                "reload or restart {pid} from this host: its files and sockets are not those of this host"
            )],
        };
    }
    // The path of its socket is valid on this host only in the same mount namespace.
    let ours = service.process.same_mount_namespace != Known::Seen(false);
    let socket = service.process.haproxy_args().master_socket.map(|socket| service.process.absolute(&socket));
    let reload = reload_command(pid, socket.as_deref().filter(|_| ours));
    ServiceRunbook {
        restart: vec![command_step(
            "load a changed configuration; shows a plan first, and verifies the result:",
            reload,
        )],
        never: vec![format!(
            "restart it: that cuts every connection and loses runtime-only state; `haguard restart {pid}` lists the losses"
        )],
    }
}

/// PID 1: every other process ends with it.
fn init_runbook(service: &Service) -> ServiceRunbook {
    let what = "it is PID 1: restarting it restarts this whole host or container";
    let never =
        format!("kill 1, {}: every process on this host or in this container ends with it", service.name);
    ServiceRunbook { restart: vec![note(what)], never: vec![never] }
}

/// For services behind a socket unit, on whose address systemd itself listens. The service is `None` where systemd
/// starts one for each connection.
pub fn socket_activated_runbook(all: &[(&str, Option<&str>)]) -> ServiceRunbook {
    let restart = |(socket, service): &(&str, Option<&str>)| match service {
        None => vec![note(&format!(
            "systemd itself listens there for {socket}, and starts a service for each connection: there is none to \
             restart"
        ))],
        Some(service) => vec![
            note(&format!("systemd itself listens there, and starts {service} on a connection")),
            command_step(
                "systemd restarts the service, and keeps listening:",
                format!("systemctl restart {}", shell_quote(service)),
            ),
        ],
    };
    let never = |(socket, _): &(&str, Option<&str>)| {
        format!("restart or stop {socket} for it: nothing listens meanwhile")
    };
    ServiceRunbook { restart: all.iter().flat_map(restart).collect(), never: all.iter().map(never).collect() }
}

fn reload_command(master: u32, socket: Option<&str>) -> String {
    match socket {
        Some(socket) => format!("haguard reload --master-socket {}", shell_quote(socket)),
        None => format!("haguard reload {master}"),
    }
}

fn restart_steps(service: &Service, controller: &Controller) -> Vec<RunbookStep> {
    let user = service.user_label();
    if let Some(advice) = manager_restart(controller) {
        return vec![advice];
    }
    match controller {
        Controller::Multiplexer(MultiplexerSession { program, session, .. }) => {
            let session = session.as_ref().map_or(String::new(), |name| shell_quote(name));
            let socket =
                tmux_socket(service).map_or(String::new(), |path| format!(" -S {}", shell_quote(path)));
            let attach = match (program.as_str(), session.is_empty()) {
                ("screen", _) => format!("screen -r {session}"),
                (_, true) => format!("{program}{socket} attach"),
                (_, false) => format!("{program}{socket} attach -t {session}"),
            };
            let attach = attach.trim_end();
            let mut list = vec![command_step(
                &format!("it runs in {program}: attach as {user}, and end it there with Ctrl-C:"),
                format!("sudo -u {} {attach}", sudo_user(service)),
            )];
            list.push(start_again(service, "then start it again in the same window:"));
            list
        }
        Controller::Shell(ShellSession { shell, tty, from, .. }) => {
            let tty = tty.as_ref().map_or(String::new(), |tty| format!(" on {tty}"));
            let from = from.as_ref().map_or(String::new(), |from| format!(", over ssh from {from}"));
            vec![
                note(&format!(
                    "{user} started it by hand in a shell{tty} (PID {shell}{from}): ask them to end it there; a logout may \
                     end it, too"
                )),
                start_again(service, "then start it again there:"),
            ]
        }
        Controller::Patroni(PatroniMember { scope, member, config, .. }) => {
            let config = config.as_ref().map_or(String::new(), |file| format!(" -c {}", shell_quote(file)));
            let which = match member {
                Some(_) => "without a member's name",
                None => "MEMBER is its name in `patronictl list`; without one",
            };
            let member = member.as_ref().map_or("MEMBER".to_owned(), |name| shell_quote(name));
            vec![command_step(
                &format!("Patroni restarts it, after a confirmation; {which} it restarts all members:"),
                format!(
                    "sudo -u {} patronictl{config} restart {} {member}",
                    sudo_user(service),
                    shell_quote(scope)
                ),
            )]
        }
        Controller::HaproxyProgram(HaproxyProgram { master, .. }) => vec![command_step(
            "HAProxy's master starts it again on a reload, unless its section has `no option start-on-reload`: then only \
             a restart of HAProxy does",
            reload_command(*master, controller.master_socket()),
        )],
        Controller::Unmanaged(_) => vec![
            command_step(
                &format!("no service manager controls it; end it, as {user} or root:"),
                format!("kill -TERM {}", service.process.pid),
            ),
            start_again_as_user(
                service,
                "then start it with the same command line; its environment is not included:",
            ),
        ],
        // `manager_restart` has handled every other controller.
        _ => Vec::new(),
    }
}

/// The socket of the tmux server, where that is not the default one.
fn tmux_socket(service: &Service) -> Option<&str> {
    let mut sources = service.control.evidence().iter().map(|evidence| evidence.source.as_str());
    let path = sources.find_map(|source| Some(source.strip_prefix("tmux -S ")?.split_once(" list-")?.0))?;
    (!path.starts_with("/tmp/tmux-")).then_some(path)
}

/// A user as sudo takes it.
fn sudo_user(service: &Service) -> String {
    service.user.as_ref().map_or_else(|| format!("'#{}'", service.process.uid), |name| shell_quote(name))
}

/// Its command line, from its working folder.
fn start_again(service: &Service, when: &str) -> RunbookStep {
    let words: Vec<String> = service.process.argv.iter().map(|word| shell_quote(word)).collect();
    let mut when = when.trim_end_matches(':').to_owned();
    if service.process.argv.iter().any(|word| word.contains("***")) {
        when += " (*** stands for a possible secret)";
    }
    let folder = service.process.cwd.seen().map(|cwd| match cwd.strip_suffix(DELETED_SUFFIX) {
        Some(gone) => {
            when += " (its folder was deleted and has to be created again)";
            gone
        }
        None => cwd.as_str(),
    });
    let folder = folder.map_or(String::new(), |folder| format!("cd {} && ", shell_quote(folder)));
    RunbookStep { when: when + ":", command: format!("{folder}{}", words.join(" ")) }
}

/// The kernel appends this to the path of a deleted folder.
const DELETED_SUFFIX: &str = " (deleted)";

/// The same as its own user: root typing the plain command would start it as root.
fn start_again_as_user(service: &Service, when: &str) -> RunbookStep {
    let mut step = start_again(service, when);
    if service.process.uid != 0 {
        // Not every sh understands $'..'.
        let shell = if step.command.contains("$'") { "bash" } else { "sh" };
        step.command = format!("sudo -u {} {shell} -c {}", sudo_user(service), shell_quote(&step.command));
    }
    step
}

/// Programs that keep containers running.
const CONTAINER_DAEMONS: &[&str] = &["dockerd", "containerd", "podman", "crio", "kubelet"];

fn prohibited_actions(service: &Service) -> Vec<String> {
    let pid = service.process.pid;
    if CONTAINER_DAEMONS.contains(&service.name.as_str()) {
        return vec![format!("restart {} to restart one container: it may end them all", service.name)];
    }
    if service.role == Some(Role::Patroni) {
        let pause = "without `patronictl pause` before and `patronictl resume` after: its PostgreSQL stops with it, and \
                     from a leader the cluster fails over";
        return [vec![format!("stop or restart {pid} {pause}")], prohibited_by_controller(service)].concat();
    }
    prohibited_by_controller(service)
}

fn prohibited_by_controller(service: &Service) -> Vec<String> {
    let pid = service.process.pid;
    match service.control.controller() {
        Some(Controller::Systemd(_)) => {
            vec![format!("kill {pid} by hand: systemd treats that as a failure, or starts it again")]
        }
        Some(_) if service.docker_proxy_target().is_some() => vec![format!(
            "kill {pid}: it only holds the port for the container, which is unreachable without it"
        )],
        Some(Controller::Docker { .. } | Controller::Podman { .. } | Controller::Kubernetes(_)) => vec![
            "systemctl restart of any unit: no unit of this host's systemd controls it".to_owned(),
            format!("kill {pid} from outside: its container decides whether it is started again"),
        ],
        Some(controller) if controller.is_started_by_hand() => vec![
            "systemctl restart of any unit: no unit of this host's systemd controls it".to_owned(),
            format!("kill {pid} without knowing how to start it: nothing starts it again"),
        ],
        Some(Controller::Patroni(PatroniMember { patroni, .. })) => vec![format!(
            "kill {pid}, pg_ctl or systemctl: Patroni ({patroni}) treats that as a failure, and may fail over"
        )],
        Some(Controller::HaproxyProgram(HaproxyProgram { master, .. })) => vec![
            format!(
                "kill {pid}: nothing starts it before the next reload, and if it ends with an error, HAProxy ({master}) ends with it"
            ),
            format!("systemctl restart of the unit of HAProxy ({master}): that cuts every connection"),
        ],
        Some(_) => {
            vec!["systemctl restart of any unit: no unit of this host's systemd controls it".to_owned()]
        }
        None => vec!["restart it in a way that is only a guess: it is not known what controls it".to_owned()],
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;

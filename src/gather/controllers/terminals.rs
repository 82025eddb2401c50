//! Whatever somebody typed: in a multiplexer such as tmux, or in a shell.

use super::ancestry::{Supervisor, describe_process};
use super::{ControllerEvidence, ControllerQueries};
use crate::clients::linux::{self, Ancestor};
use crate::clients::supervisors;
use crate::facts::controller::{Control, Controller, Evidence};

/// The server of a multiplexer stands at this place. It agrees when it lists the process that it started, or holds the
/// other end of the terminal.
pub(super) fn identify_multiplexer(
    managers: &ControllerQueries,
    case: ControllerEvidence<'_>,
    at: usize,
    keeper: Supervisor,
) -> Control {
    let (server, child) = (case.line.ancestor(at).clone(), case.line.ancestor(at - 1).clone());
    let case = case.with_evidence(Evidence::new(
        "its parents",
        format!("{} keeps {}", describe_process(&server), child.pid),
    ));
    let of = |session| Controller::Multiplexer {
        program: if keeper == Supervisor::Tmux { "tmux" } else { "screen" }.to_owned(),
        server: server.pid,
        uid: server.uid,
        session,
    };
    let mut why = String::new();
    if keeper == Supervisor::Tmux {
        let said = managers.tmuxes.get_or_query(&server.pid, || {
            supervisors::tmux_panes(server.pid, server.uid, managers.query_timeout())
                .map_err(|error| format!("{error:#}"))
        });
        match said {
            Ok((socket, panes)) => {
                if let Some(pane) = panes.iter().find(|pane| pane.pid == child.pid) {
                    let seen = format!("pane {} on {}, session {}", pane.pid, pane.tty, pane.session);
                    let seen = Evidence::new(format!("tmux -S {socket} list-panes"), seen);
                    return case.with_evidence(seen).proven(of(Some(pane.session.clone())));
                }
                why = format!("tmux lists no pane with {}; ", child.pid);
            }
            Err(error) => why = format!("{error}; "),
        }
    }
    let session = screen_session(&server, keeper);
    match terminal_evidence(&server, &child) {
        Ok(seen) => case.with_evidence(seen).proven(of(session)),
        Err(error) => case.claimed(of(session), why + &error),
    }
}

/// screen's server names its session in its arguments where it was given one: `SCREEN -dmS web`.
fn screen_session(server: &Ancestor, keeper: Supervisor) -> Option<String> {
    let mut words = server.argv.iter();
    words.find(|word| keeper == Supervisor::Screen && word.starts_with('-') && word.ends_with('S'))?;
    words.next().cloned()
}

/// The kernel's word on who looks into a terminal.
fn terminal_evidence(server: &Ancestor, child: &Ancestor) -> Result<Evidence, String> {
    let Some(tty) = &child.tty else { return Err(format!("PID {} has no terminal", child.pid)) };
    let held = supervisors::held_ptys(server.pid).map_err(|error| format!("{error:#}"))?;
    match held.iter().any(|number| *tty == format!("pts/{number}")) {
        true => Ok(Evidence::new(
            format!("/proc/{}/fdinfo", server.pid),
            format!("it holds the other end of {tty}, the terminal of {}", child.pid),
        )),
        false => Err(format!("{} does not hold the other end of {tty}", describe_process(server))),
    }
}

/// A shell stands at this place. The process agrees when it is in that shell's session or on its terminal, also through
/// a program that gave it another one, or when its control group is that of a login session.
pub(super) fn identify_shell(case: ControllerEvidence<'_>, at: usize) -> Control {
    let (shell, own) = (case.line.ancestor(at).clone(), case.line.process().clone());
    let started = format!("{} `{}` of user {}", describe_process(&shell), shell.argv.join(" "), shell.uid);
    let case = case.with_evidence(Evidence::new("its parents", started));
    let (tty, from) = (shell.tty.clone(), ssh_client_address(shell.pid));
    let controller = Controller::Shell { shell: shell.pid, tty, uid: shell.uid, from };
    let stat = format!("/proc/{}/stat", own.pid);
    let agreed = match (&own.tty, &shell.tty) {
        (Some(a), Some(b)) if a == b => {
            Some(Evidence::new(stat, format!("its terminal is {a}, that of the shell")))
        }
        _ if own.session == shell.session && own.session != 0 => {
            Some(Evidence::new(stat, format!("session {}, that of the shell", own.session)))
        }
        _ if case.cgroup.contains("/session-") => Some(Evidence::new("its control group", "a login session")),
        _ => relayed_terminal_evidence(&case.line.processes()[1..at], &own, &shell),
    };
    match agreed {
        Some(seen) => case.with_evidence(seen).proven(controller),
        None => {
            case.claimed(controller, "it left the shell's terminal and session, and only its parents say so")
        }
    }
}

/// sudo and su may give a program a terminal of its own, and hold the other end in the shell's.
fn relayed_terminal_evidence(between: &[Ancestor], own: &Ancestor, shell: &Ancestor) -> Option<Evidence> {
    let mut theirs = between.iter().filter(|one| one.tty.is_some() && one.tty == shell.tty);
    theirs.find_map(|one| {
        let Evidence { source, value } = terminal_evidence(one, own).ok()?;
        Some(Evidence::new(source, format!("{value}, and is on that of the shell itself")))
    })
}

/// The address that a login over ssh came from, as sshd wrote it into the environment of what it started.
pub(super) fn ssh_client_address(pid: u32) -> Option<String> {
    let said = linux::environment(pid).ok()?.remove("SSH_CONNECTION")?;
    let address: std::net::IpAddr = said.split_whitespace().next()?.parse().ok()?;
    Some(address.to_string())
}

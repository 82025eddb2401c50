//! Whatever somebody typed: in a multiplexer such as tmux, or in a shell.

use super::ancestry::{Keeper, named};
use super::{Case, Managers};
use crate::clients::linux::{self, Relative};
use crate::clients::supervisors;
use crate::facts::controller::{Control, Controller, Evidence};

/// The server of a multiplexer stands at this place. It agrees when it lists the process that it started, or holds the
/// other end of the terminal.
pub(super) fn multiplexer(managers: &Managers, case: Case<'_>, at: usize, keeper: Keeper) -> Control {
    let (server, child) = (case.line.at(at).clone(), case.line.at(at - 1).clone());
    let case = case.with(Evidence::new("its parents", format!("{} keeps {}", named(&server), child.pid)));
    let of = |session| Controller::Multiplexer {
        program: if keeper == Keeper::Tmux { "tmux" } else { "screen" }.to_owned(),
        server: server.pid,
        uid: server.uid,
        session,
    };
    let mut why = String::new();
    if keeper == Keeper::Tmux {
        let said = managers.tmuxes.get(&server.pid, || {
            supervisors::tmux(server.pid, server.uid, managers.limit()).map_err(|error| format!("{error:#}"))
        });
        match said {
            Ok((socket, panes)) => {
                if let Some(pane) = panes.iter().find(|pane| pane.pid == child.pid) {
                    let seen = format!("pane {} on {}, session {}", pane.pid, pane.tty, pane.session);
                    let seen = Evidence::new(format!("tmux -S {socket} list-panes"), seen);
                    return case.with(seen).proven(of(Some(pane.session.clone())));
                }
                why = format!("tmux lists no pane with {}; ", child.pid);
            }
            Err(error) => why = format!("{error}; "),
        }
    }
    let session = session(&server, keeper);
    match held(&server, &child) {
        Ok(seen) => case.with(seen).proven(of(session)),
        Err(error) => case.claimed(of(session), why + &error),
    }
}

/// screen's server names its session in its arguments where it was given one: `SCREEN -dmS web`.
fn session(server: &Relative, keeper: Keeper) -> Option<String> {
    let mut words = server.argv.iter();
    words.find(|word| keeper == Keeper::Screen && word.starts_with('-') && word.ends_with('S'))?;
    words.next().cloned()
}

/// The kernel's word on who looks into a terminal.
fn held(server: &Relative, child: &Relative) -> Result<Evidence, String> {
    let Some(tty) = &child.tty else { return Err(format!("PID {} has no terminal", child.pid)) };
    let held = supervisors::terminals_held(server.pid).map_err(|error| format!("{error:#}"))?;
    match held.iter().any(|number| *tty == format!("pts/{number}")) {
        true => Ok(Evidence::new(
            format!("/proc/{}/fdinfo", server.pid),
            format!("it holds the other end of {tty}, the terminal of {}", child.pid),
        )),
        false => Err(format!("{} does not hold the other end of {tty}", named(server))),
    }
}

/// A shell stands at this place. The process agrees when it is in that shell's session or on its terminal, also through
/// a program that gave it another one, or when its control group is that of a login session.
pub(super) fn shell(case: Case<'_>, at: usize) -> Control {
    let (shell, own) = (case.line.at(at).clone(), case.line.own().clone());
    let started = format!("{} `{}` of user {}", named(&shell), shell.argv.join(" "), shell.uid);
    let case = case.with(Evidence::new("its parents", started));
    let (tty, from) = (shell.tty.clone(), login(shell.pid));
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
        _ => relayed(&case.line.members()[1..at], &own, &shell),
    };
    match agreed {
        Some(seen) => case.with(seen).proven(controller),
        None => {
            case.claimed(controller, "it left the shell's terminal and session, and only its parents say so")
        }
    }
}

/// sudo and su may give a program a terminal of its own, and hold the other end in the shell's.
fn relayed(between: &[Relative], own: &Relative, shell: &Relative) -> Option<Evidence> {
    let mut theirs = between.iter().filter(|one| one.tty.is_some() && one.tty == shell.tty);
    theirs.find_map(|one| {
        let Evidence { source, value } = held(one, own).ok()?;
        Some(Evidence::new(source, format!("{value}, and is on that of the shell itself")))
    })
}

/// The address that a login over ssh came from, as sshd wrote it into the environment of what it started.
pub(super) fn login(pid: u32) -> Option<String> {
    let said = linux::environment(pid).ok()?.remove("SSH_CONNECTION")?;
    let address: std::net::IpAddr = said.split_whitespace().next()?.parse().ok()?;
    Some(address.to_string())
}

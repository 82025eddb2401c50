//! tmux and screen: what is typed in one of their terminals.

use super::ancestry::describe_process;
use super::{ControllerEvidence, ControllerQueries, SupervisorKind, Terminal};
use crate::clients::linux::Ancestor;
use crate::clients::supervisors;
use crate::facts::controllers::{Control, Controller, Evidence, MultiplexerSession};

pub(super) const TMUX: SupervisorKind = SupervisorKind {
    matches: |process| process.comm == "tmux: server",
    identify: |queries, case, at| identify(queries, case, at, "tmux"),
    terminal: Some(Terminal::Multiplexer),
};
pub(super) const SCREEN: SupervisorKind = SupervisorKind {
    matches: is_screen,
    identify: |queries, case, at| identify(queries, case, at, "screen"),
    terminal: Some(Terminal::Multiplexer),
};

/// The server calls itself in capitals; the one in small letters is a client.
fn is_screen(process: &Ancestor) -> bool {
    process.comm == "screen" && process.program_name() == "SCREEN"
}

/// The server is the controller when it lists the process that it started, or holds the other end of its terminal.
fn identify(
    queries: &ControllerQueries,
    case: ControllerEvidence<'_>,
    at: usize,
    program: &'static str,
) -> Control {
    let (server, child) = (case.line.ancestor(at).clone(), case.line.ancestor(at - 1).clone());
    let case = case.with_evidence(Evidence::new(
        "its parents",
        format!("{} is the parent of {}", describe_process(&server), child.pid),
    ));
    let of = |session| {
        Controller::Multiplexer(MultiplexerSession {
            program: program.to_owned(),
            server: server.pid,
            uid: server.uid,
            session,
        })
    };
    let mut why = String::new();
    if program == "tmux" {
        let listed = queries.tmuxes.get_or_query(&server.pid, || {
            supervisors::tmux_panes(server.pid, server.uid, queries.query_timeout())
                .map_err(|error| format!("{error:#}"))
        });
        match listed {
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
    let session = screen_session(&server);
    match terminal_evidence(&server, &child) {
        Ok(seen) => case.with_evidence(seen).proven(of(session)),
        Err(error) => case.claimed(of(session), why + &error),
    }
}

/// screen's server names its session in its arguments where it was given one: `SCREEN -dmS web`.
fn screen_session(server: &Ancestor) -> Option<String> {
    let mut words = server.argv.iter();
    words.find(|word| is_screen(server) && word.starts_with('-') && word.ends_with('S'))?;
    words.next().cloned()
}

/// Whether a process holds the other end of a terminal, from /proc.
pub(super) fn terminal_evidence(server: &Ancestor, child: &Ancestor) -> Result<Evidence, String> {
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

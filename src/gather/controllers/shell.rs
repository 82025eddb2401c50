//! What is typed in a shell, over ssh or not.

use super::ancestry::describe_process;
use super::multiplexer::terminal_evidence;
use super::{ControllerEvidence, ControllerQueries, SupervisorKind, Terminal};
use crate::clients::linux::{self, Ancestor};
use crate::facts::controllers::{Control, Controller, Evidence, ShellSession};

pub(super) const SHELL: SupervisorKind =
    SupervisorKind { matches: is_interactive_shell, identify, terminal: Some(Terminal::Shell) };

/// The shell is the controller when the process is in its session or on its terminal, also through sudo or su, or when its
/// control group is that of a login session.
fn identify(_: &ControllerQueries, case: ControllerEvidence<'_>, at: usize) -> Control {
    let (shell, own) = (case.line.ancestor(at).clone(), case.line.process().clone());
    let started = format!("{} `{}` of user {}", describe_process(&shell), shell.argv.join(" "), shell.uid);
    let case = case.with_evidence(Evidence::new("its parents", started));
    let (tty, from) = (shell.tty.clone(), ssh_client_address(shell.pid));
    let controller = Controller::Shell(ShellSession { shell: shell.pid, tty, uid: shell.uid, from });
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
    let value = linux::environment(pid).ok()?.remove("SSH_CONNECTION")?;
    let address: std::net::IpAddr = value.split_whitespace().next()?.parse().ok()?;
    Some(address.to_string())
}

/// A shell that reads commands from a person: a login shell, or one on a terminal that was given no script.
fn is_interactive_shell(member: &Ancestor) -> bool {
    const SHELLS: &[&str] = &["sh", "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "tcsh", "zsh"];
    if !SHELLS.contains(&member.program_name()) {
        return false;
    }
    let login = member.argv.first().is_some_and(|word| word.starts_with('-'));
    let script = member.argv.iter().skip(1).any(|word| !word.starts_with('-') || is_script_option(word));
    !script && (login || member.tty.is_some())
}

/// `-c`, also among other letters: what follows is a script.
fn is_script_option(word: &str) -> bool {
    !word.starts_with("--") && word.starts_with('-') && word.contains('c')
}

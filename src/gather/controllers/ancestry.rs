//! The line of a process: its parents up to the first process, and the first among them that keeps programs running.

use super::ControllerQueries;
use crate::clients::linux::{self, Ancestor};

/// More than this many parents are a mistake.
const MAX_ANCESTORS: usize = 64;

/// A kind of process that keeps others running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supervisor {
    Supervisord,
    Runit,
    S6,
    Nomad,
    Tmux,
    Screen,
    Shell,
}

/// A process and its parents, nearest first.
pub(super) struct Ancestry {
    members: Vec<Ancestor>,
    broken: Option<String>,
}

impl Ancestry {
    /// Follows the parents of a process; those that were seen before are not read again.
    pub(super) fn read(managers: &ControllerQueries, pid: u32) -> Result<Self, String> {
        let own = linux::read_ancestor(pid).map_err(|error| format!("{error:#}"))?;
        let mut line = Ancestry { members: vec![own], broken: None };
        while let Some(last) = line.members.last().filter(|last| last.ppid != 0 && last.pid != 1) {
            let parent = managers.relatives.get_or_query(&last.ppid, || {
                linux::read_ancestor(last.ppid).map_err(|error| format!("{error:#}"))
            });
            match parent {
                // A parent is older than its child; a younger one got the number of one that has ended.
                Ok(parent)
                    if parent.start_ticks <= last.start_ticks && line.members.len() < MAX_ANCESTORS =>
                {
                    line.members.push(parent);
                }
                Ok(parent) => line.broken = Some(format!("PID {} is no parent of {}", parent.pid, last.pid)),
                Err(why) => line.broken = Some(why),
            }
            if line.broken.is_some() {
                break;
            }
        }
        Ok(line)
    }

    /// The process itself.
    pub(super) fn process(&self) -> &Ancestor {
        &self.members[0]
    }

    /// One of the line.
    pub(super) fn ancestor(&self, place: usize) -> &Ancestor {
        &self.members[place]
    }

    /// Everybody, nearest first.
    pub(super) fn processes(&self) -> &[Ancestor] {
        &self.members
    }

    /// Why the line ends before the first process.
    pub(super) fn incomplete_reason(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Where this process stands.
    pub(super) fn position(&self, pid: u32) -> Option<usize> {
        self.members.iter().position(|member| member.pid == pid)
    }

    /// The nearest parent that keeps programs running. What is typed into a shell in a multiplexer is the multiplexer's.
    pub(super) fn supervisor(&self) -> Option<(usize, Supervisor)> {
        let mut above =
            (1..self.members.len()).filter_map(|place| Some((place, supervisor_kind(self.ancestor(place))?)));
        let nearest = above.next()?;
        let typed = |found: &(usize, Supervisor)| matches!(found.1, Supervisor::Tmux | Supervisor::Screen);
        match nearest.1 {
            Supervisor::Shell => {
                let next = above.find(|(_, keeper)| *keeper != Supervisor::Shell).filter(typed);
                Some(next.unwrap_or(nearest))
            }
            _ => Some(nearest),
        }
    }

    /// The nearest parent that keeps programs running in a way that is not known here.
    pub(super) fn unsupported_supervisor(&self) -> Option<&Ancestor> {
        self.members[1..].iter().find(|member| is_unsupported_supervisor(member))
    }

    /// In words: `12 (sh), 1 (init)`.
    pub(super) fn describe(&self) -> String {
        let parents: Vec<String> = self.members[1..].iter().map(describe_process).collect();
        let outside = match self.members.last() {
            Some(last) if last.ppid == 0 && last.pid != 1 => {
                ["one outside of this PID namespace".to_owned()].to_vec()
            }
            _ => Vec::new(),
        };
        [parents, outside].concat().join(", ")
    }
}

/// `12 (sh)`.
pub(super) fn describe_process(member: &Ancestor) -> String {
    format!("{} ({})", member.pid, member.comm)
}

fn supervisor_kind(member: &Ancestor) -> Option<Supervisor> {
    // It is a Python program, so that its command name may be that of Python.
    let called = |name: &str| member.argv.iter().take(2).any(|word| word.rsplit('/').next() == Some(name));
    match member.comm.as_str() {
        "runsv" => Some(Supervisor::Runit),
        "s6-supervise" => Some(Supervisor::S6),
        "tmux: server" => Some(Supervisor::Tmux),
        // The server calls itself in capitals; the one in small letters only shows it.
        "screen" if member.program_name() == "SCREEN" => Some(Supervisor::Screen),
        // Its executor stands between an agent, which may be a unit's main process, and a task.
        _ if member.program_name() == "nomad"
            && member.argv.get(1).is_some_and(|word| word == "executor") =>
        {
            Some(Supervisor::Nomad)
        }
        _ if member.comm == "supervisord" || called("supervisord") => Some(Supervisor::Supervisord),
        _ => is_interactive_shell(member).then_some(Supervisor::Shell),
    }
}

/// Those that start again what they keep, and that nobody here knows how to ask: daemontools, OpenRC, PM2, ...
const UNSUPPORTED_SUPERVISORS: &[&str] =
    &["supervise", "supervise-daemo", "perpd", "dinit", "circusd", "PM2", "monit", "immortal"];

/// A program of that kind.
fn is_unsupported_supervisor(member: &Ancestor) -> bool {
    // PM2 calls itself `PM2 v5.3.0: God`.
    let comm = member.comm.split(' ').next().unwrap_or_default();
    UNSUPPORTED_SUPERVISORS.contains(&comm)
}

/// A shell into which somebody types: a login shell, or one on a terminal that was given no script.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn member(comm: &str, argv: &[&str], tty: Option<&str>) -> Ancestor {
        Ancestor {
            pid: 42,
            ppid: 1,
            uid: 0,
            comm: comm.into(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            session: 42,
            tty: tty.map(str::to_owned),
            start_ticks: 1,
            ns_pids: vec![42],
        }
    }

    #[test]
    fn what_is_typed_in_a_shell_of_a_multiplexer_is_the_multiplexers() {
        let line = |above: &[(&str, &str)]| {
            let own = member("haproxy", &["haproxy"], Some("pts/0"));
            let above = above.iter().map(|(comm, first)| member(comm, &[*first], Some("pts/0")));
            Ancestry { members: std::iter::once(own).chain(above).collect(), broken: None }
        };
        let (shell, tmux) = (("bash", "-bash"), ("tmux: server", "tmux"));
        assert_eq!(line(&[shell, shell, tmux]).supervisor(), Some((3, Supervisor::Tmux)));
        assert_eq!(line(&[shell, ("sshd", "sshd")]).supervisor(), Some((1, Supervisor::Shell)));
        assert_eq!(line(&[shell, ("runsv", "runsv"), tmux]).supervisor(), Some((1, Supervisor::Shell)));
        assert_eq!(line(&[("sh", "sh"), tmux]).supervisor(), Some((2, Supervisor::Tmux)));
    }

    #[test]
    fn who_keeps_programs_running() {
        let pts = Some("pts/0");
        for (comm, argv, tty, wanted) in [
            ("bash", &["-bash"][..], pts, Some(Supervisor::Shell)),
            ("bash", &["/bin/bash", "-i"], pts, Some(Supervisor::Shell)),
            ("sh", &["-sh"], None, Some(Supervisor::Shell)),
            ("bash", &["-bash", "-c", "haproxy"], pts, None),
            ("bash", &["bash", "-lc", "haproxy"], pts, None),
            ("bash", &["bash", "/opt/start.sh"], pts, None),
            ("sh", &["sh"], None, None),
            (
                "supervisord",
                &["/usr/bin/python3", "/usr/bin/supervisord", "-n"],
                None,
                Some(Supervisor::Supervisord),
            ),
            ("python3", &["python3", "/venv/bin/supervisord"], None, Some(Supervisor::Supervisord)),
            ("vi", &["vi", "/etc/a", "/etc/supervisord"], None, None),
            ("screen", &["SCREEN", "-dmS", "x"], None, Some(Supervisor::Screen)),
            ("screen", &["screen", "-r"], pts, None),
            ("tmux: server", &["tmux", "new"], None, Some(Supervisor::Tmux)),
            ("tmux: client", &["tmux", "attach"], pts, None),
            ("nomad", &["/usr/bin/nomad", "executor", "{}"], None, Some(Supervisor::Nomad)),
            ("nomad", &["/usr/bin/nomad", "agent", "executor"], None, None),
        ] {
            assert_eq!(supervisor_kind(&member(comm, argv, tty)), wanted, "{argv:?}");
        }
        for (comm, wanted) in [("supervise", true), ("PM2 v5.3.0: God", true), ("supervisor", false)] {
            assert_eq!(is_unsupported_supervisor(&member(comm, &[comm], None)), wanted, "{comm}");
        }
    }
}

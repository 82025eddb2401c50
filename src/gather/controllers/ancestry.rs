//! The line of a process: its parents up to the first process, and the first among them that keeps programs running.

use super::Managers;
use crate::clients::linux::{self, Relative};

/// More than this many parents are a mistake.
const LONGEST: usize = 64;

/// A kind of process that keeps others running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    Supervisord,
    Runit,
    S6,
    Nomad,
    Tmux,
    Screen,
    Shell,
}

/// A process and its parents, nearest first.
pub(super) struct Line {
    members: Vec<Relative>,
    broken: Option<String>,
}

impl Line {
    /// Follows the parents of a process; those that were seen before are not read again.
    pub(super) fn of(managers: &Managers, pid: u32) -> Result<Self, String> {
        let own = linux::relative(pid).map_err(|error| format!("{error:#}"))?;
        let mut line = Line { members: vec![own], broken: None };
        while let Some(last) = line.members.last().filter(|last| last.ppid != 0 && last.pid != 1) {
            let parent = managers
                .relatives
                .get(&last.ppid, || linux::relative(last.ppid).map_err(|error| format!("{error:#}")));
            match parent {
                // A parent is older than its child; a younger one got the number of one that has ended.
                Ok(parent) if parent.start_ticks <= last.start_ticks && line.members.len() < LONGEST => {
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
    pub(super) fn own(&self) -> &Relative {
        &self.members[0]
    }

    /// One of the line.
    pub(super) fn at(&self, place: usize) -> &Relative {
        &self.members[place]
    }

    /// Everybody, nearest first.
    pub(super) fn members(&self) -> &[Relative] {
        &self.members
    }

    /// Why the line ends before the first process.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Where this process stands.
    pub(super) fn place(&self, pid: u32) -> Option<usize> {
        self.members.iter().position(|member| member.pid == pid)
    }

    /// The nearest parent that keeps programs running. What is typed into a shell in a multiplexer is the multiplexer's.
    pub(super) fn keeper(&self) -> Option<(usize, Keeper)> {
        let mut above = (1..self.members.len()).filter_map(|place| Some((place, keeper(self.at(place))?)));
        let nearest = above.next()?;
        let typed = |found: &(usize, Keeper)| matches!(found.1, Keeper::Tmux | Keeper::Screen);
        match nearest.1 {
            Keeper::Shell => {
                let next = above.find(|(_, keeper)| *keeper != Keeper::Shell).filter(typed);
                Some(next.unwrap_or(nearest))
            }
            _ => Some(nearest),
        }
    }

    /// The nearest parent that keeps programs running in a way that is not known here.
    pub(super) fn another_keeper(&self) -> Option<&Relative> {
        self.members[1..].iter().find(|member| is_another_keeper(member))
    }

    /// In words: `12 (sh), 1 (init)`.
    pub(super) fn words(&self) -> String {
        let parents: Vec<String> = self.members[1..].iter().map(named).collect();
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
pub(super) fn named(member: &Relative) -> String {
    format!("{} ({})", member.pid, member.comm)
}

fn keeper(member: &Relative) -> Option<Keeper> {
    // It is a Python program, so that its command name may be that of Python.
    let called = |name: &str| member.argv.iter().take(2).any(|word| word.rsplit('/').next() == Some(name));
    match member.comm.as_str() {
        "runsv" => Some(Keeper::Runit),
        "s6-supervise" => Some(Keeper::S6),
        "tmux: server" => Some(Keeper::Tmux),
        // The server calls itself in capitals; the one in small letters only shows it.
        "screen" if member.called() == "SCREEN" => Some(Keeper::Screen),
        // Its executor stands between an agent, which may be a unit's main process, and a task.
        _ if member.called() == "nomad" && member.argv.get(1).is_some_and(|word| word == "executor") => {
            Some(Keeper::Nomad)
        }
        _ if member.comm == "supervisord" || called("supervisord") => Some(Keeper::Supervisord),
        _ => is_interactive(member).then_some(Keeper::Shell),
    }
}

/// Those that start again what they keep, and that nobody here knows how to ask: daemontools, OpenRC, PM2, ...
const OTHERS: &[&str] =
    &["supervise", "supervise-daemo", "perpd", "dinit", "circusd", "PM2", "monit", "immortal"];

/// A program of that kind.
fn is_another_keeper(member: &Relative) -> bool {
    // PM2 calls itself `PM2 v5.3.0: God`.
    let comm = member.comm.split(' ').next().unwrap_or_default();
    OTHERS.contains(&comm)
}

/// A shell into which somebody types: a login shell, or one on a terminal that was given no script.
fn is_interactive(member: &Relative) -> bool {
    const SHELLS: &[&str] = &["sh", "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "tcsh", "zsh"];
    if !SHELLS.contains(&member.called()) {
        return false;
    }
    let login = member.argv.first().is_some_and(|word| word.starts_with('-'));
    let script = member.argv.iter().skip(1).any(|word| !word.starts_with('-') || is_command(word));
    !script && (login || member.tty.is_some())
}

/// `-c`, also among other letters: what follows is a script.
fn is_command(word: &str) -> bool {
    !word.starts_with("--") && word.starts_with('-') && word.contains('c')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(comm: &str, argv: &[&str], tty: Option<&str>) -> Relative {
        Relative {
            pid: 42,
            ppid: 1,
            uid: 0,
            comm: comm.into(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            session: 42,
            tty: tty.map(str::to_owned),
            start_ticks: 1,
            numbers: vec![42],
        }
    }

    #[test]
    fn what_is_typed_in_a_shell_of_a_multiplexer_is_the_multiplexers() {
        let line = |above: &[(&str, &str)]| {
            let own = member("haproxy", &["haproxy"], Some("pts/0"));
            let above = above.iter().map(|(comm, first)| member(comm, &[*first], Some("pts/0")));
            Line { members: std::iter::once(own).chain(above).collect(), broken: None }
        };
        let (shell, tmux) = (("bash", "-bash"), ("tmux: server", "tmux"));
        assert_eq!(line(&[shell, shell, tmux]).keeper(), Some((3, Keeper::Tmux)));
        assert_eq!(line(&[shell, ("sshd", "sshd")]).keeper(), Some((1, Keeper::Shell)));
        assert_eq!(line(&[shell, ("runsv", "runsv"), tmux]).keeper(), Some((1, Keeper::Shell)));
        assert_eq!(line(&[("sh", "sh"), tmux]).keeper(), Some((2, Keeper::Tmux)));
    }

    #[test]
    fn who_keeps_programs_running() {
        let pts = Some("pts/0");
        for (comm, argv, tty, wanted) in [
            ("bash", &["-bash"][..], pts, Some(Keeper::Shell)),
            ("bash", &["/bin/bash", "-i"], pts, Some(Keeper::Shell)),
            ("sh", &["-sh"], None, Some(Keeper::Shell)),
            ("bash", &["-bash", "-c", "haproxy"], pts, None),
            ("bash", &["bash", "-lc", "haproxy"], pts, None),
            ("bash", &["bash", "/opt/start.sh"], pts, None),
            ("sh", &["sh"], None, None),
            (
                "supervisord",
                &["/usr/bin/python3", "/usr/bin/supervisord", "-n"],
                None,
                Some(Keeper::Supervisord),
            ),
            ("python3", &["python3", "/venv/bin/supervisord"], None, Some(Keeper::Supervisord)),
            ("vi", &["vi", "/etc/a", "/etc/supervisord"], None, None),
            ("screen", &["SCREEN", "-dmS", "x"], None, Some(Keeper::Screen)),
            ("screen", &["screen", "-r"], pts, None),
            ("tmux: server", &["tmux", "new"], None, Some(Keeper::Tmux)),
            ("tmux: client", &["tmux", "attach"], pts, None),
            ("nomad", &["/usr/bin/nomad", "executor", "{}"], None, Some(Keeper::Nomad)),
            ("nomad", &["/usr/bin/nomad", "agent", "executor"], None, None),
        ] {
            assert_eq!(keeper(&member(comm, argv, tty)), wanted, "{argv:?}");
        }
        for (comm, wanted) in [("supervise", true), ("PM2 v5.3.0: God", true), ("supervisor", false)] {
            assert_eq!(is_another_keeper(&member(comm, &[comm], None)), wanted, "{comm}");
        }
    }
}

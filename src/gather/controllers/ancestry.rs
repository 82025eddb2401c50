//! A process and its parents, up to PID 1.

use super::ControllerQueries;
use crate::clients::linux::{self, Ancestor};

/// Parents that are followed at most.
const MAX_ANCESTORS: usize = 64;

/// A process and its parents, nearest first.
pub(super) struct Ancestry {
    members: Vec<Ancestor>,
    broken: Option<String>,
}

impl Ancestry {
    /// Follows the parents of a process; those that were read before come from the cache.
    pub(super) fn read(queries: &ControllerQueries, pid: u32) -> Result<Self, String> {
        let own = linux::read_ancestor(pid).map_err(|error| format!("{error:#}"))?;
        let mut line = Ancestry { members: vec![own], broken: None };
        while let Some(last) = line.members.last().filter(|last| last.ppid != 0 && last.pid != 1) {
            let parent = queries.relatives.get_or_query(&last.ppid, || {
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

    /// The ancestor at this place; 0 is the process itself.
    pub(super) fn ancestor(&self, place: usize) -> &Ancestor {
        &self.members[place]
    }

    /// All of them, nearest first.
    pub(super) fn processes(&self) -> &[Ancestor] {
        &self.members
    }

    /// Why the line ends before the first process.
    pub(super) fn incomplete_reason(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The place of this process.
    pub(super) fn position(&self, pid: u32) -> Option<usize> {
        self.members.iter().position(|member| member.pid == pid)
    }

    /// The nearest parent that is a supervisor which haguard cannot ask.
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

/// Supervisors that haguard cannot ask: daemontools, OpenRC, PM2, ..
const UNSUPPORTED_SUPERVISORS: &[&str] =
    &["supervise", "supervise-daemo", "perpd", "dinit", "circusd", "PM2", "monit", "immortal"];

/// A program of that kind.
pub(super) fn is_unsupported_supervisor(member: &Ancestor) -> bool {
    // PM2 calls itself `PM2 v5.3.0: God`.
    let comm = member.comm.split(' ').next().unwrap_or_default();
    UNSUPPORTED_SUPERVISORS.contains(&comm)
}

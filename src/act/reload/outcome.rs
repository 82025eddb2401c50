//! What came of the order to reload: which worker serves now. It is judged by processes, never by an answer alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::clients::haproxy::runtime::{AskError, Socket};
use crate::clients::linux::{self, pidfd};
use crate::facts::{Instance, Known};
use crate::time::Deadline;
use crate::wire::haproxy::reexec_environment::{self, Reexec};
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::haproxy::runtime::processes::ShowProc;
use crate::wire::haproxy::runtime::reload::ReloadAnswer;

/// A reload that takes longer is not called failed: it could not be judged.
pub const LIMIT: Duration = Duration::from_secs(300);
/// One question about the list of processes; the master is away while it loads.
const ONE_ANSWER: Duration = Duration::from_secs(3);
/// A worker that still loads answers when it has loaded. Each question takes one of the master's ten connections
/// meanwhile, so there are few of them.
const ONE_WORKER: Duration = Duration::from_secs(30);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(15);

/// Which worker serves after the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new one.
    Took {
        /// Its PID.
        worker: u32,
    },
    /// The one of before: the reload failed, or was never carried out.
    Kept {
        /// Its PID.
        worker: u32,
        /// How that is known.
        why: String,
    },
    /// It cannot be told.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// What was there before the order, as far as it is needed to tell what came of it.
#[derive(Debug)]
pub struct Eve<'a> {
    instance: &'a Instance,
    master: Option<Socket>,
    children: BTreeSet<u32>,
    state: Reexec,
    calls: Arc<AtomicU32>,
}

/// What the order brought back.
#[derive(Debug, Default)]
pub struct Sent {
    /// The master's answer.
    pub answer: ReloadAnswer,
    /// What went wrong with it.
    pub trouble: Option<String>,
    /// It never reached the master.
    pub undelivered: bool,
}

impl<'a> Eve<'a> {
    /// Looks, just before the order.
    pub fn look(instance: &'a Instance, calls: Arc<AtomicU32>) -> Self {
        let master = instance.master_socket.seen();
        Eve {
            instance,
            master: master.map(|socket| Socket::new(&socket.path, ONE_ANSWER, Arc::clone(&calls))),
            children: children(instance.main.pid),
            state: state(instance.main.pid),
            calls,
        }
    }

    /// Orders the reload, once: over the master's socket, else by a signal to the proven master.
    pub fn order(&self) -> Sent {
        match &self.master {
            Some(master) => match master.reload(LIMIT) {
                Ok(answer) => Sent { answer, ..Sent::default() },
                Err(error) => Sent {
                    undelivered: undelivered(&error),
                    trouble: Some(error.to_string()),
                    ..Sent::default()
                },
            },
            None => {
                let main = &self.instance.main;
                match pidfd::reload(main.pid, main.start_ticks.unwrap_or_default()) {
                    Ok(()) => Sent::default(),
                    Err(error) => {
                        Sent { undelivered: true, trouble: Some(format!("{error:#}")), ..Sent::default() }
                    }
                }
            }
        }
    }

    /// Waits until it is known which worker serves, `deadline` at most.
    pub fn settle(&self, sent: &Sent, deadline: Deadline) -> Outcome {
        let old = match &self.instance.serving {
            Known::Seen(old) => *old,
            Known::Unknown { why } => return Outcome::Unknown { why: why.clone() },
        };
        if sent.undelivered {
            let why = sent.trouble.clone().unwrap_or_default();
            return Outcome::Kept { worker: old, why: format!("the order did not reach the master: {why}") };
        }
        match &self.master {
            Some(master) => self.by_master(master, old, deadline),
            None => self.by_signs(old, deadline),
        }
    }

    /// Nothing shows that an order came after all: the same children, and a master that counts no reload more.
    pub fn is_untouched(&self) -> bool {
        let main = self.instance.main.pid;
        let same = children(main) == self.children && state(main) == self.state;
        let Some(master) = &self.master else { return same };
        same && master
            .processes()
            .is_ok_and(|listed| self.instance.reloads.seen() == Some(&listed.master.reloads))
    }

    fn by_master(&self, master: &Socket, old: u32, deadline: Deadline) -> Outcome {
        loop {
            let last;
            match master.processes() {
                Err(error) => last = error.to_string(),
                Ok(listed) => {
                    let stage = stage(&listed, self.instance, old);
                    let workers: &[u32] = match &stage {
                        Stage::Loading => &[],
                        Stage::Took(workers) | Stage::Kept(workers) => workers,
                        Stage::Foreign => {
                            return Outcome::Unknown {
                                why: format!("{} is the master now", listed.master.pid),
                            };
                        }
                    };
                    let serving = workers.iter().find(|pid| self.answers(master, **pid, deadline));
                    match (&stage, serving) {
                        (Stage::Took(_), Some(worker)) => return Outcome::Took { worker: *worker },
                        (Stage::Kept(_), Some(worker)) => {
                            let why = format!(
                                "show proc: [failed: {}], and worker {worker} answers",
                                listed.failed
                            );
                            return Outcome::Kept { worker: *worker, why };
                        }
                        _ => {
                            last =
                                format!("the master lists {} and [failed: {}]", names(&listed), listed.failed)
                        }
                    }
                }
            }
            if deadline.left().is_zero() {
                return Outcome::Unknown {
                    why: format!("no end of the reload was seen in {LIMIT:?}: {last}"),
                };
            }
            std::thread::park_timeout(PAUSE);
        }
    }

    fn answers(&self, master: &Socket, pid: u32, deadline: Deadline) -> bool {
        let patient = Socket::new(master.path(), deadline.at_most(ONE_WORKER), Arc::clone(&self.calls));
        patient.via_master(pid).info().is_ok_and(|info| serves(&info, pid))
    }

    /// Without a master to ask: its children, its environment, and who holds the sockets.
    fn by_signs(&self, old: u32, deadline: Deadline) -> Outcome {
        let main = self.instance.main.pid;
        let mut came: BTreeSet<u32> = BTreeSet::new();
        loop {
            let fresh: BTreeSet<u32> = children(main).difference(&self.children).copied().collect();
            came.extend(&fresh);
            if let Some(worker) = fresh.iter().find(|pid| self.took_over(**pid, old)) {
                return Outcome::Took { worker: *worker };
            }
            let now = state(main);
            let failures = |state: &Reexec| {
                let there = linux::Numbers::of(main).theirs(old);
                there.and_then(|pid| state.failed.get(&pid)).copied().unwrap_or_default()
            };
            let said = now.waits && failures(&now) > failures(&self.state);
            let gone = !came.is_empty() && fresh.is_empty();
            if (said || gone) && self.holds_sockets(old) {
                let how = if said { "its master counts a failed reload" } else { "the new worker has ended" };
                return Outcome::Kept {
                    worker: old,
                    why: format!("{how}, and worker {old} answers its socket"),
                };
            }
            if deadline.left().is_zero() {
                let why = format!("no new worker took over, and none was seen to fail, in {LIMIT:?}");
                return Outcome::Unknown { why };
            }
            std::thread::park_timeout(PAUSE);
        }
    }

    /// It answers the admin socket, and the old one has let go of every listener.
    fn took_over(&self, pid: u32, old: u32) -> bool {
        let of_old = linux::listeners(old).unwrap_or_default();
        let of_new = linux::listeners(pid).unwrap_or_default();
        self.holds_sockets(pid) && !of_new.is_empty() && of_old.is_empty()
    }

    fn holds_sockets(&self, pid: u32) -> bool {
        let sockets = self.instance.admin_sockets.seen().into_iter().flatten();
        let mut asked = sockets.filter_map(|socket| {
            Socket::new(Path::new(&socket.path), ONE_ANSWER, Arc::clone(&self.calls)).info().ok()
        });
        asked.any(|info| serves(&info, pid))
    }
}

/// How far a reload has come, as the master's list tells it.
#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Loading,
    Took(Vec<u32>),
    Kept(Vec<u32>),
    Foreign,
}

fn stage(listed: &ShowProc, before: &Instance, old: u32) -> Stage {
    if listed.master.pid != before.main.pid {
        return Stage::Foreign;
    }
    if before.reloads.seen().is_some_and(|before| listed.master.reloads <= *before) {
        return Stage::Loading;
    }
    // From 3.2 on a worker is listed before it has loaded, beside the count of the failures before it.
    let fresh = listed.workers.iter().filter(|row| row.pid != old && row.reloads == 0);
    let fresh: Vec<u32> = fresh.map(|row| row.pid).collect();
    match (fresh.is_empty(), listed.failed) {
        (false, 0) => Stage::Took(fresh),
        (true, failed) if failed > before.failed_reloads.seen().copied().unwrap_or_default() => {
            Stage::Kept(listed.serving_candidates().iter().map(|row| row.pid).collect())
        }
        _ => Stage::Loading,
    }
}

fn names(listed: &ShowProc) -> String {
    let pids: Vec<String> = listed.workers.iter().map(|row| row.pid.to_string()).collect();
    if pids.is_empty() { "no worker".to_owned() } else { format!("worker {}", pids.join(" ")) }
}

fn serves(info: &Info, pid: u32) -> bool {
    info.pid == pid && !info.stopping
}

fn children(pid: u32) -> BTreeSet<u32> {
    linux::children(pid).into_iter().map(|process| process.pid).collect()
}

fn state(pid: u32) -> Reexec {
    linux::environment(pid).map(|environment| reexec_environment::parse(&environment)).unwrap_or_default()
}

/// Errors from before anything was sent.
fn undelivered(error: &AskError) -> bool {
    matches!(
        error,
        AskError::NotReadOnly(_)
            | AskError::Missing { .. }
            | AskError::NotASocket { .. }
            | AskError::PathTooLong { .. }
            | AskError::Denied { .. }
            | AskError::Stale { .. }
            | AskError::Busy { .. }
            | AskError::NotAsked { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    /// Master 100 with worker 101, before; then `show proc` as `(reloads, failed, workers, old workers)`.
    fn after(reloads: u32, failed: u32, workers: &[(u32, u32)], old: &[(u32, u32)]) -> Stage {
        let mut facts = test_facts::healthy();
        let row = |(pid, reloads): &(u32, u32)| format!("{pid} worker {reloads} 0d00h00m01s 3.2.26\n");
        let rows = |list: &[(u32, u32)]| list.iter().map(row).collect::<String>();
        let text = format!(
            "#<PID> <type>\n100 master {reloads} [failed: {failed}] 0d00h00m09s 3.2.26\n# workers\n{}# old workers\n{}\n",
            rows(workers),
            rows(old)
        );
        stage(&ShowProc::parse(&text).unwrap(), test_facts::instance(&mut facts), 101)
    }

    #[test]
    fn the_masters_list_tells_how_far_a_reload_has_come() {
        assert_eq!(after(0, 0, &[(101, 0)], &[]), Stage::Loading, "it has not begun");
        assert_eq!(after(1, 0, &[(102, 0)], &[(101, 1)]), Stage::Took(vec![102]));
        assert_eq!(after(1, 1, &[(101, 1)], &[]), Stage::Kept(vec![101]), "up to 3.0");
        assert_eq!(after(1, 1, &[], &[(101, 1), (90, 2)]), Stage::Kept(vec![101, 90]), "from 3.2 on");
        assert_eq!(after(2, 1, &[(102, 0)], &[(101, 2)]), Stage::Loading, "after an earlier failure, 3.2");
        assert_eq!(after(1, 0, &[], &[(101, 1)]), Stage::Loading, "nobody is listed yet");
    }

    #[test]
    fn another_master_on_the_socket_is_no_outcome() {
        let mut facts = test_facts::healthy();
        test_facts::instance(&mut facts).main.pid = 7;
        let text = "100 master 1 [failed: 0] 0d00h00m09s 3.2.26\n";
        let listed = ShowProc::parse(text).unwrap();
        assert_eq!(stage(&listed, test_facts::instance(&mut facts), 101), Stage::Foreign);
    }
}

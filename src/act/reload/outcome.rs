//! The outcome of the order to reload: which worker serves now. Processes decide, never the master's answer alone.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::clearance::Clearance;
use crate::clients::haproxy::runtime::{RuntimeSocket, RuntimeSocketError};
use crate::clients::linux::{self, pidfd};
use crate::facts::{Instance, Known};
use crate::plan::ReloadMethod;
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;
use crate::wire::haproxy::reexec_environment::{self, ReexecEnvironment};
use crate::wire::haproxy::runtime::info::Info;
use crate::wire::haproxy::runtime::processes::ShowProc;
use crate::wire::haproxy::runtime::reload::ReloadResponse;

/// Which worker serves after the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerAfterReload {
    /// A new one.
    New {
        /// Its PID.
        worker: u32,
    },
    /// The previous worker: the reload failed, or was never carried out.
    Previous {
        /// Its PID.
        worker: u32,
        /// How that is known.
        why: String,
    },
    /// It is not known.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// The state before the order, as far as judging its outcome needs it.
#[derive(Debug)]
pub struct StateBeforeReload<'a> {
    instance: &'a Instance,
    master: Option<RuntimeSocket>,
    children: BTreeSet<u32>,
    state: ReexecEnvironment,
    calls: Arc<AtomicU32>,
}

/// The response to the order.
#[derive(Debug, Default)]
pub struct ReloadOrder {
    /// The master's answer.
    pub answer: ReloadResponse,
    /// What went wrong with it.
    pub trouble: Option<String>,
    /// It never reached the master.
    pub undelivered: bool,
}

impl<'a> StateBeforeReload<'a> {
    /// Looks, just before the order.
    pub fn capture(instance: &'a Instance, calls: Arc<AtomicU32>) -> Self {
        let master = instance.master_socket.seen();
        StateBeforeReload {
            instance,
            master: master
                .map(|socket| RuntimeSocket::new(&socket.path, timeouts::RUNTIME_QUERY, Arc::clone(&calls))),
            children: children(instance.main.pid),
            state: reexec_environment(instance.main.pid),
            calls,
        }
    }

    /// Orders the reload, once: over the master's socket, or by a signal to the verified master.
    pub fn send_reload(&self, method: ReloadMethod, clearance: &Clearance) -> ReloadOrder {
        match (method, &self.master) {
            (ReloadMethod::MasterCli, None) => ReloadOrder {
                undelivered: true,
                trouble: Some("the master's socket is not known".to_owned()),
                ..ReloadOrder::default()
            },
            (ReloadMethod::MasterCli, Some(master)) => match master.reload(timeouts::RELOAD, clearance) {
                Ok(answer) => ReloadOrder { answer, ..ReloadOrder::default() },
                Err(error) => ReloadOrder {
                    undelivered: is_undelivered(&error),
                    trouble: Some(error.to_string()),
                    ..ReloadOrder::default()
                },
            },
            (ReloadMethod::Signal, _) => {
                let main = &self.instance.main;
                match pidfd::signal_reload(main.pid, main.start_ticks.unwrap_or_default(), clearance) {
                    Ok(()) => ReloadOrder::default(),
                    Err(error) => ReloadOrder {
                        undelivered: true,
                        trouble: Some(format!("{error:#}")),
                        ..ReloadOrder::default()
                    },
                }
            }
        }
    }

    /// Waits until it is known which worker serves, `deadline` at most.
    pub fn wait_for_worker(&self, sent: &ReloadOrder, deadline: Deadline) -> WorkerAfterReload {
        let old = match &self.instance.serving {
            Known::Seen(old) => *old,
            Known::Unknown { why } => return WorkerAfterReload::Unknown { why: why.clone() },
        };
        if sent.undelivered {
            let why = sent.trouble.clone().unwrap_or_default();
            return WorkerAfterReload::Previous {
                worker: old,
                why: format!("the order did not reach the master: {why}"),
            };
        }
        match &self.master {
            Some(master) => self.wait_by_master(master, old, deadline),
            None => self.wait_by_proc(old, deadline),
        }
    }

    /// The order did not arrive: the same children, and the master's reload count is the same.
    pub fn saw_no_reload(&self) -> bool {
        let main = self.instance.main.pid;
        let same = children(main) == self.children && reexec_environment(main) == self.state;
        let Some(master) = &self.master else { return same };
        same && master
            .processes()
            .is_ok_and(|listed| self.instance.reloads.seen() == Some(&listed.master.reloads))
    }

    fn wait_by_master(&self, master: &RuntimeSocket, old: u32, deadline: Deadline) -> WorkerAfterReload {
        let outcome = wait::until(deadline, timeouts::POLL, || {
            let listed = match master.processes() {
                Err(error) => return ControlFlow::Continue(error.to_string()),
                Ok(listed) => listed,
            };
            let stage = reload_stage(&listed, self.instance, old);
            let workers: &[u32] = match &stage {
                ReloadStage::Loading => &[],
                ReloadStage::NewWorkers(workers) | ReloadStage::PreviousWorkers(workers) => workers,
                ReloadStage::OtherMaster => {
                    let why = format!("{} is the master now", listed.master.pid);
                    return ControlFlow::Break(WorkerAfterReload::Unknown { why });
                }
            };
            let failed = format!("[failed: {}]", listed.failed);
            let serving = workers.iter().copied().find(|pid| self.worker_answers(master, *pid, deadline));
            match (&stage, serving) {
                (ReloadStage::NewWorkers(_), Some(worker)) => {
                    ControlFlow::Break(WorkerAfterReload::New { worker })
                }
                (ReloadStage::PreviousWorkers(_), Some(worker)) => {
                    let why = format!("show proc: {failed}, and worker {worker} answers");
                    ControlFlow::Break(WorkerAfterReload::Previous { worker, why })
                }
                _ => {
                    ControlFlow::Continue(format!("the master lists {} and {failed}", list_workers(&listed)))
                }
            }
        });
        outcome.unwrap_or_else(|last| WorkerAfterReload::Unknown {
            why: format!("no end of the reload was seen in {:?}: {last}", timeouts::RELOAD),
        })
    }

    fn worker_answers(&self, master: &RuntimeSocket, pid: u32, deadline: Deadline) -> bool {
        let patient = RuntimeSocket::new(
            master.path(),
            deadline.at_most(timeouts::LOADING_WORKER_QUERY),
            Arc::clone(&self.calls),
        );
        patient.via_master(pid).info().is_ok_and(|info| is_serving(&info, pid))
    }

    /// Without a master to ask: its children, its environment, and who holds the sockets.
    fn wait_by_proc(&self, old: u32, deadline: Deadline) -> WorkerAfterReload {
        let main = self.instance.main.pid;
        let mut came: BTreeSet<u32> = BTreeSet::new();
        let outcome = wait::until(deadline, timeouts::POLL, || {
            let fresh: BTreeSet<u32> = children(main).difference(&self.children).copied().collect();
            came.extend(&fresh);
            if let Some(worker) = fresh.iter().find(|pid| self.took_over(**pid, old)) {
                return ControlFlow::Break(WorkerAfterReload::New { worker: *worker });
            }
            let now = reexec_environment(main);
            let failures = |state: &ReexecEnvironment| {
                let there = linux::PidTranslation::for_process(main).to_namespace_pid(old);
                there.and_then(|pid| state.failed.get(&pid)).copied().unwrap_or_default()
            };
            let counted = now.waits && failures(&now) > failures(&self.state);
            let gone = !came.is_empty() && fresh.is_empty();
            if (counted || gone) && self.answers_admin_socket(old) {
                let how =
                    if counted { "its master counts a failed reload" } else { "the new worker has ended" };
                return ControlFlow::Break(WorkerAfterReload::Previous {
                    worker: old,
                    why: format!("{how}, and worker {old} answers its socket"),
                });
            }
            ControlFlow::Continue(())
        });
        outcome.unwrap_or_else(|()| WorkerAfterReload::Unknown {
            why: format!("no new worker took over, and none was seen to fail, in {:?}", timeouts::RELOAD),
        })
    }

    /// It answers the admin socket, and the old one has let go of every listener.
    fn took_over(&self, pid: u32, old: u32) -> bool {
        let of_old = linux::listeners(old).unwrap_or_default();
        let of_new = linux::listeners(pid).unwrap_or_default();
        self.answers_admin_socket(pid) && !of_new.is_empty() && of_old.is_empty()
    }

    fn answers_admin_socket(&self, pid: u32) -> bool {
        let sockets = self.instance.admin_sockets.seen().into_iter().flatten();
        let mut asked = sockets.filter_map(|socket| {
            RuntimeSocket::new(Path::new(&socket.path), timeouts::RUNTIME_QUERY, Arc::clone(&self.calls))
                .info()
                .ok()
        });
        asked.any(|info| is_serving(&info, pid))
    }
}

/// How far a reload has come, as the master's list tells it.
#[derive(Debug, PartialEq, Eq)]
enum ReloadStage {
    Loading,
    NewWorkers(Vec<u32>),
    PreviousWorkers(Vec<u32>),
    OtherMaster,
}

fn reload_stage(listed: &ShowProc, before: &Instance, old: u32) -> ReloadStage {
    if listed.master.pid != before.main.pid {
        return ReloadStage::OtherMaster;
    }
    if before.reloads.seen().is_some_and(|before| listed.master.reloads <= *before) {
        return ReloadStage::Loading;
    }
    // From 3.2 on a worker is listed before it has loaded, beside the count of the failures before it.
    let fresh = listed.workers.iter().filter(|row| row.pid != old && row.reloads == 0);
    let fresh: Vec<u32> = fresh.map(|row| row.pid).collect();
    match (fresh.is_empty(), listed.failed) {
        (false, 0) => ReloadStage::NewWorkers(fresh),
        (true, failed) if failed > before.failed_reloads.seen().copied().unwrap_or_default() => {
            ReloadStage::PreviousWorkers(listed.serving_candidates().iter().map(|row| row.pid).collect())
        }
        _ => ReloadStage::Loading,
    }
}

fn list_workers(listed: &ShowProc) -> String {
    let pids: Vec<String> = listed.workers.iter().map(|row| row.pid.to_string()).collect();
    if pids.is_empty() { "no worker".to_owned() } else { format!("worker {}", pids.join(" ")) }
}

fn is_serving(info: &Info, pid: u32) -> bool {
    info.pid == pid && !info.stopping
}

fn children(pid: u32) -> BTreeSet<u32> {
    linux::children(pid).into_iter().map(|process| process.pid).collect()
}

fn reexec_environment(pid: u32) -> ReexecEnvironment {
    linux::environment(pid).map(|environment| reexec_environment::parse(&environment)).unwrap_or_default()
}

/// Errors from before anything was sent.
fn is_undelivered(error: &RuntimeSocketError) -> bool {
    matches!(
        error,
        RuntimeSocketError::NotReadOnly(_)
            | RuntimeSocketError::Missing { .. }
            | RuntimeSocketError::NotASocket { .. }
            | RuntimeSocketError::PathTooLong { .. }
            | RuntimeSocketError::Denied { .. }
            | RuntimeSocketError::NoListener { .. }
            | RuntimeSocketError::Busy { .. }
            | RuntimeSocketError::NotAsked { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts;

    /// Master 100 with worker 101, before; then `show proc` as `(reloads, failed, workers, old workers)`.
    fn stage_after(reloads: u32, failed: u32, workers: &[(u32, u32)], old: &[(u32, u32)]) -> ReloadStage {
        let mut facts = test_facts::healthy();
        let row = |(pid, reloads): &(u32, u32)| format!("{pid} worker {reloads} 0d00h00m01s 3.2.26\n");
        let rows = |list: &[(u32, u32)]| list.iter().map(row).collect::<String>();
        let text = format!(
            "#<PID> <type>\n100 master {reloads} [failed: {failed}] 0d00h00m09s 3.2.26\n# workers\n{}# old workers\n{}\n",
            rows(workers),
            rows(old)
        );
        reload_stage(&ShowProc::parse(&text).unwrap(), test_facts::instance_mut(&mut facts), 101)
    }

    #[test]
    fn the_masters_list_tells_how_far_a_reload_has_come() {
        assert_eq!(stage_after(0, 0, &[(101, 0)], &[]), ReloadStage::Loading, "it has not begun");
        assert_eq!(stage_after(1, 0, &[(102, 0)], &[(101, 1)]), ReloadStage::NewWorkers(vec![102]));
        assert_eq!(stage_after(1, 1, &[(101, 1)], &[]), ReloadStage::PreviousWorkers(vec![101]), "up to 3.0");
        assert_eq!(
            stage_after(1, 1, &[], &[(101, 1), (90, 2)]),
            ReloadStage::PreviousWorkers(vec![101, 90]),
            "from 3.2 on"
        );
        assert_eq!(
            stage_after(2, 1, &[(102, 0)], &[(101, 2)]),
            ReloadStage::Loading,
            "after an earlier failure, 3.2"
        );
        assert_eq!(stage_after(1, 0, &[], &[(101, 1)]), ReloadStage::Loading, "no worker is listed yet");
    }

    #[test]
    fn another_master_on_the_socket_is_no_outcome() {
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).main.pid = 7;
        let text = "100 master 1 [failed: 0] 0d00h00m09s 3.2.26\n";
        let listed = ShowProc::parse(text).unwrap();
        assert_eq!(
            reload_stage(&listed, test_facts::instance_mut(&mut facts), 101),
            ReloadStage::OtherMaster
        );
    }
}

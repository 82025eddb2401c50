//! What comes up in place of the HAProxy that was ended: awaited, locked, and its downtime measured.

use std::ops::ControlFlow;
use std::time::Instant;

use super::executor::RestartExecutor;
use super::main_process::MainProcess;
use crate::act::observe::downtime::{DowntimeMonitor, ObservedDowntime};
use crate::act::proof::expected_listeners;
use crate::clients::linux;
use crate::facts::{Instance, Known, Listener};
use crate::gather::{self, Node};
use crate::state::lock::{self, Lock};
use crate::time::Deadline;
use crate::timeouts;
use crate::wait;

impl RestartExecutor<'_> {
    /// Waits until another HAProxy serves, where none is known to yet.
    pub(super) fn await_new(&mut self) -> ControlFlow<()> {
        if self.new.is_some() {
            return ControlFlow::Continue(());
        }
        if self.ordered_at.is_none() {
            return ControlFlow::Break(());
        }
        let risen = self.wait_until_serving(Deadline::after(timeouts::START));
        self.end_downtime_monitor();
        match risen {
            Err(why) => self.outage(why),
            Ok((instance, worker)) => {
                self.run.steps.end("restart", &format!("{}, worker {worker}", instance.title()));
                self.left.main = Some(instance.main.pid);
                self.done.worker = Some(worker);
                self.new_lock = self.lock_new_process(&instance);
                self.done.finished.push("restart");
                self.new = Some((instance, worker));
                ControlFlow::Continue(())
            }
        }
    }

    pub(super) fn end_downtime_monitor(&mut self) {
        match self.downtime.take() {
            Some(Ok(monitor)) => self.left.downtime = monitor.end(),
            Some(Err(why)) => self.left.downtime = ObservedDowntime::unobserved(why),
            None => {}
        }
    }

    /// The lock that is held is that of a process that has ended; another run must not change this one meanwhile.
    fn lock_new_process(&mut self, is: &Instance) -> Option<Lock> {
        let (state_dir, steps) = (&self.run.settings.state_dir.value, self.run.steps);
        let start = is.main.start_ticks.unwrap_or_default();
        let command = "haguard restart --break-glass".to_owned();
        match lock::acquire(state_dir, is.main.pid, start, command, steps.invoking_user().name()) {
            Ok(lock) => Some(lock),
            Err(busy) => {
                self.done.notes.push(format!("another run may be changing it already: {busy}"));
                None
            }
        }
    }

    /// Only where our own network is also HAProxy's can a connection tell anything.
    pub(super) fn start_downtime_monitor(&self) -> Result<DowntimeMonitor, String> {
        match linux::shares_network_namespace(self.instance.main.pid) {
            Known::Seen(true) => {
                let tcp = |listener: &Listener| matches!(listener, Listener::Tcp(_));
                Ok(DowntimeMonitor::start(expected_listeners::expected(self.before).into_iter().filter(tcp)))
            }
            Known::Seen(false) => {
                Err("it has a network namespace of its own, which haguard cannot connect to".to_owned())
            }
            Known::Unknown { why } => Err(why),
        }
    }

    /// Waits until another HAProxy serves, and answers where the previous one did.
    pub(super) fn wait_until_serving(&mut self, deadline: Deadline) -> Result<(Instance, u32), String> {
        let Some(method) = &mut self.method else { return Err("it was not restarted".to_owned()) };
        let (settings, previous) = (self.run.settings, self.instance);
        let mut serves_since = None;
        let serving = wait::until(deadline, timeouts::POLL, || match method.main_process() {
            MainProcess::Ended(why) => ControlFlow::Break(Err(why)),
            MainProcess::Starting(why) => ControlFlow::Continue(why),
            MainProcess::Running(pid) => match gather::find_instance(settings, &Node::local_process(pid)) {
                Known::Unknown { why } => ControlFlow::Continue(why),
                Known::Seen(is) if is.main.start_ticks <= previous.main.start_ticks => {
                    ControlFlow::Continue("the previous one still answers".to_owned())
                }
                Known::Seen(is) => match is.serving.clone() {
                    Known::Seen(worker) => {
                        let since = *serves_since.get_or_insert_with(Instant::now);
                        match same_sockets_answer(previous, &is) || since.elapsed() > timeouts::SOCKETS {
                            true => ControlFlow::Break(Ok((is, worker))),
                            false => ControlFlow::Continue("not all of its sockets answer".to_owned()),
                        }
                    }
                    Known::Unknown { why } => ControlFlow::Continue(why),
                },
            },
        });
        serving.unwrap_or_else(|last| Err(format!("nothing serves after {:?}: {last}", timeouts::START)))
    }
}

/// What could be asked before can be asked again.
fn same_sockets_answer(before: &Instance, is: &Instance) -> bool {
    let master = |one: &Instance| one.master_socket.seen().is_some();
    let own = |one: &Instance| one.serving_admin_socket().is_some();
    (master(is) || !master(before)) && (own(is) || !own(before))
}

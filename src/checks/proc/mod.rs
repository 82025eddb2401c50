//! The master, its workers, and the resources of the processes.
//!
//! - `resources`: signals, open files, memory, handover of sockets, known bugs

mod resources;

use std::collections::BTreeSet;

use super::{Check, CheckContext, CheckResult, Judgement, describe_failed_reloads, guard};
use crate::facts::{Instance, Mode, Worker};
use crate::plural::plural;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "proc.master-responsive", master_responsive, "the master answers on its socket",
        "Only the master socket says how reloads went: which workers run, and how many reloads have failed since \
         the last good one. A master that is stopped, or that does not take SIGUSR2, fails this check too.";
    "proc.reload-settled", reload_settled, "the last reload succeeded",
        "systemctl reload exits 0 even when the new worker never came up. The master counts failed reloads. While \
         that count is not 0, an older worker serves an older configuration than the one on disk.";
    "proc.leftovers", leftovers, "no worker of an earlier reload is left",
        "Each reload leaves the old worker running until its last connection ends. Many old workers use memory, and \
         a restart cuts their connections too.";
    "proc.shared-listeners", shared_listeners, "no other process listens on its addresses",
        "Two processes can listen on one address where both ask for SO_REUSEPORT, as HAProxy does: a second HAProxy \
         that was started by hand, or one whose PID file was lost. The kernel gives each a share of the new \
         connections, and a reload of one changes nothing in the other.";
    "proc.seamless", resources::seamless, "a new worker gets the listening sockets of the old one",
        "The master hands its listening sockets to each new worker, so that no client is refused during a reload. \
         -dR, noreuseport or `-x /dev/null` switch that off. HAProxy's log says when the handover did not work.";
    "proc.fd-headroom", resources::fd_headroom, "open files stay clear of their limit",
        "Every connection, listener and old worker takes a file descriptor. At the limit connections are not \
         accepted, and a reload fails although the configuration is good. A reload cannot raise the limit of a \
         running master.";
    "proc.mem-headroom", resources::mem_headroom, "there is memory for a second worker",
        "During a reload both workers run, each with its own copy of certificates, maps and buffers. Where memory \
         does not suffice, the kernel ends one of them, and it may be the one that serves.";
    "proc.known-bug", resources::known_bug, "the running version has no known bug of the master",
        "Some releases lose signals after a failed reload, hide workers, or close the master socket for every \
         client. haguard knows a few of these bugs with the commit that fixed each, and compares the branch and the \
         release date.";
    "proc.unplanned-restarts", guard::unplanned_restarts, "systemd has not restarted it by itself",
        "After a crash or a kill, Restart= starts HAProxy again without its runtime state, and raises no alarm. \
         systemd counts these restarts in NRestarts. Each of them lost what the ledger shows.";
};

/// For checks that only a master can answer.
fn with_master<'a>(
    context: CheckContext<'a>,
    judge: impl FnOnce(&'a Instance) -> CheckResult,
) -> CheckResult {
    let instance = context.instance()?;
    match instance.mode {
        Mode::Standalone => Ok(Judgement::skipped("it runs without a master")),
        Mode::MasterWorker => judge(instance),
    }
}

fn master_responsive(context: CheckContext<'_>) -> CheckResult {
    with_master(context, |instance| {
        if let Some(blocked) = resources::blocked_reload_signal(&context.facts.vitals, instance.main.pid) {
            return Ok(blocked);
        }
        Ok(match instance.workers.context("the master was not asked") {
            Ok(workers) => {
                Judgement::pass(format!("the master answers and lists {}", plural(workers.len(), "worker")))
            }
            Err(unknown) if instance.main.haproxy_args().master_socket.is_none() => Judgement::from(unknown)
                .with_remedy("start it with a master socket: -S /run/haproxy-master.sock"),
            Err(unknown) => unknown.into(),
        })
    })
}

fn reload_settled(context: CheckContext<'_>) -> CheckResult {
    with_master(context, |instance| {
        let failed = *instance.failed_reloads.get()?;
        if failed == 0 {
            return Ok(Judgement::pass("the last reload succeeded").with_evidence(["[failed: 0]".to_owned()]));
        }
        let serving =
            instance.serving.seen().map_or("an older worker".to_owned(), |pid| format!("worker {pid}"));
        Ok(Judgement::fail(format!(
            "{}; {serving} serves the previous configuration",
            describe_failed_reloads(failed)
        ))
        .with_evidence([format!("show proc: [failed: {failed}]")])
        .with_remedy("read `show startup-logs` on the master socket, correct the files, then reload"))
    })
}

fn shared_listeners(context: CheckContext<'_>) -> CheckResult {
    let others = context.facts.shared_listeners.get()?;
    if others.is_empty() {
        return Ok(Judgement::pass("no other process listens on its addresses"));
    }
    let addresses: BTreeSet<String> = others.iter().map(|owner| owner.holds.short()).collect();
    Ok(Judgement::warn(format!(
        "other processes listen on {} too, and get a share of the new connections",
        addresses.into_iter().collect::<Vec<_>>().join(", ")
    ))
    .with_evidence(others.iter().map(|owner| format!("{}: {}", owner.holds.short(), owner.title())))
    .with_remedy("find out which of them should serve, and stop the other, or give it another address"))
}

fn leftovers(context: CheckContext<'_>) -> CheckResult {
    with_master(context, |instance| {
        let (old, serving) = (instance.old_workers.get()?, instance.serving.get()?);
        let old: Vec<&Worker> = old.iter().filter(|worker| worker.pid != *serving).collect();
        let Some(oldest) = old.iter().map(|worker| worker.uptime_s).max() else {
            return Ok(Judgement::pass("no worker of an earlier reload is left"));
        };
        Ok(Judgement::warn(format!(
            "{} of earlier reloads still running, the oldest for {oldest} s",
            plural(old.len(), "worker")
        ))
        .with_evidence(old.iter().map(|worker| {
            let connections = match worker.connections.seen() {
                Some(count) => plural(usize::try_from(*count).unwrap_or(usize::MAX), "connection"),
                None => "an unknown number of connections".to_owned(),
            };
            format!("worker {}: {connections}", worker.pid)
        }))
        .with_remedy("set hard-stop-after in the global section to limit how long they run"))
    })
}

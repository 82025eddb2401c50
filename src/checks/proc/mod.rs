//! Master, workers and versions.

pub(super) mod resources;

use super::{CheckContext, Judgement};
use crate::facts::{Instance, Known, Mode};
use crate::plural::plural;

/// What only a master can tell.
fn with_master(seen: CheckContext<'_>, judge: impl FnOnce(&Instance) -> Judgement) -> Judgement {
    match &seen.facts.instance {
        Known::Unknown { why } => Judgement::unknown(why.clone()),
        Known::Seen(instance) if instance.mode == Mode::Standalone => {
            Judgement::skipped("it runs without a master")
        }
        Known::Seen(instance) => judge(instance),
    }
}

pub(super) fn master_responsive(seen: CheckContext<'_>) -> Judgement {
    with_master(seen, |instance| {
        match (&instance.workers, resources::blocked_reload_signal(&seen.facts.vitals, instance.main.pid)) {
            (_, Some(deaf)) => deaf,
            (Known::Seen(workers), None) => {
                Judgement::pass(format!("the master answers and lists {}", plural(workers.len(), "worker")))
            }
            (Known::Unknown { why }, None) => {
                let outcome = Judgement::unknown(format!("the master was not asked: {why}"));
                match instance.main.haproxy_args().master_socket {
                    None => outcome.with_remedy("start it with a master socket: -S /run/haproxy-master.sock"),
                    Some(_) => outcome,
                }
            }
        }
    })
}

pub(super) fn reload_settled(seen: CheckContext<'_>) -> Judgement {
    with_master(seen, |instance| match &instance.failed_reloads {
        Known::Seen(0) => {
            Judgement::pass("the last reload succeeded").with_evidence(["[failed: 0]".to_owned()])
        }
        Known::Seen(failed) => {
            let serving =
                instance.serving.seen().map_or("an older worker".to_owned(), |pid| format!("worker {pid}"));
            Judgement::fail(format!(
                "{failed} reloads in a row have failed; {serving} serves the configuration of before"
            ))
            .with_evidence([format!("show proc: [failed: {failed}]")])
            .with_remedy("read `show startup-logs` on the master socket, mend the files, then reload")
        }
        Known::Unknown { why } => Judgement::unknown(why.clone()),
    })
}

pub(super) fn leftovers(seen: CheckContext<'_>) -> Judgement {
    with_master(seen, |instance| {
        let old = match instance.old_workers.as_ref().zip(instance.serving.as_ref()) {
            Known::Unknown { why } => return Judgement::unknown(why),
            Known::Seen((old, serving)) => old.iter().filter(|w| w.pid != *serving).collect::<Vec<_>>(),
        };
        let Some(oldest) = old.iter().map(|worker| worker.uptime_s).max() else {
            return Judgement::pass("no worker of an earlier reload is left");
        };
        Judgement::warn(format!(
            "{} of earlier reloads still running, the oldest for {oldest} s",
            plural(old.len(), "worker")
        ))
        .with_evidence(old.iter().map(|worker| {
            let connections = worker.connections.seen().map_or("unknown".to_owned(), u64::to_string);
            format!("worker {}: {connections} connections", worker.pid)
        }))
        .with_remedy("set hard-stop-after in the global section to bound their life")
    })
}

pub(super) fn version_skew(seen: CheckContext<'_>) -> Judgement {
    let versions = match &seen.facts.instance {
        Known::Unknown { why } => return Judgement::unknown(why.clone()),
        Known::Seen(instance) => instance.running_version.as_ref().zip(instance.disk_version.as_ref()),
    };
    match versions {
        Known::Unknown { why } => Judgement::unknown(why),
        Known::Seen((running, disk)) if running == disk => {
            Judgement::pass(format!("{running} runs and is what is on disk"))
        }
        Known::Seen((running, disk)) => Judgement::warn(format!("{running} runs, {disk} is on disk"))
            .with_remedy("the next reload starts the version on disk: test the configuration with it first"),
    }
}

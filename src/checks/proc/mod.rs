//! Master, workers and versions.

pub(super) mod resources;

use super::{Outcome, Seen};
use crate::facts::{Instance, Known, Mode};
use crate::plural::plural;

/// What only a master can tell.
fn of_master(seen: Seen<'_>, judge: impl FnOnce(&Instance) -> Outcome) -> Outcome {
    match &seen.facts.instance {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(instance) if instance.mode == Mode::Standalone => {
            Outcome::skipped("it runs without a master")
        }
        Known::Seen(instance) => judge(instance),
    }
}

pub(super) fn responsive(seen: Seen<'_>) -> Outcome {
    of_master(seen, |instance| {
        match (&instance.workers, resources::deaf(&seen.facts.vitals, instance.main.pid)) {
            (_, Some(deaf)) => deaf,
            (Known::Seen(workers), None) => {
                Outcome::pass(format!("the master answers and lists {}", plural(workers.len(), "worker")))
            }
            (Known::Unknown { why }, None) => {
                let outcome = Outcome::unknown(format!("the master was not asked: {why}"));
                match instance.main.args().master_socket {
                    None => outcome.mend("start it with a master socket: -S /run/haproxy-master.sock"),
                    Some(_) => outcome,
                }
            }
        }
    })
}

pub(super) fn settled(seen: Seen<'_>) -> Outcome {
    of_master(seen, |instance| match &instance.failed_reloads {
        Known::Seen(0) => Outcome::pass("the last reload succeeded").because(["[failed: 0]".to_owned()]),
        Known::Seen(failed) => {
            let serving =
                instance.serving.seen().map_or("an older worker".to_owned(), |pid| format!("worker {pid}"));
            Outcome::fail(format!(
                "{failed} reloads in a row have failed; {serving} serves the configuration of before"
            ))
            .because([format!("show proc: [failed: {failed}]")])
            .mend("read `show startup-logs` on the master socket, mend the files, then reload")
        }
        Known::Unknown { why } => Outcome::unknown(why.clone()),
    })
}

pub(super) fn leftovers(seen: Seen<'_>) -> Outcome {
    of_master(seen, |instance| {
        let old = match instance.old_workers.as_ref().zip(instance.serving.as_ref()) {
            Known::Unknown { why } => return Outcome::unknown(why),
            Known::Seen((old, serving)) => old.iter().filter(|w| w.pid != *serving).collect::<Vec<_>>(),
        };
        let Some(oldest) = old.iter().map(|worker| worker.uptime_s).max() else {
            return Outcome::pass("no worker of an earlier reload is left");
        };
        Outcome::warn(format!(
            "{} of earlier reloads still running, the oldest for {oldest} s",
            plural(old.len(), "worker")
        ))
        .because(old.iter().map(|worker| {
            let connections = worker.connections.seen().map_or("unknown".to_owned(), u64::to_string);
            format!("worker {}: {connections} connections", worker.pid)
        }))
        .mend("set hard-stop-after in the global section to bound their life")
    })
}

pub(super) fn version_skew(seen: Seen<'_>) -> Outcome {
    let versions = match &seen.facts.instance {
        Known::Unknown { why } => return Outcome::unknown(why.clone()),
        Known::Seen(instance) => instance.running_version.as_ref().zip(instance.disk_version.as_ref()),
    };
    match versions {
        Known::Unknown { why } => Outcome::unknown(why),
        Known::Seen((running, disk)) if running == disk => {
            Outcome::pass(format!("{running} runs and is what is on disk"))
        }
        Known::Seen((running, disk)) => Outcome::warn(format!("{running} runs, {disk} is on disk"))
            .mend("the next reload starts the version on disk: test the configuration with it first"),
    }
}

//! The proof of a reload: claims with what was seen before and after.
//!
//! - `expected_listeners`: the listeners that must be there after a reload
//! - `restart`: the claims of a restart

pub mod expected_listeners;
mod restart;

use std::collections::BTreeSet;

use super::runtime_state::replay::ReplayResult;
use crate::facts::{Facts, Instance, Known, Listener, Proof, Provenance};
use crate::known::Unknown;
use crate::plan::LossKind;
use crate::plan::diff::{PartDiff, WorkerDiff};
use crate::plural::plural;

pub use restart::{exec_context_claim, restart_claims};

/// Names that a sentence shows before it counts the rest.
const MAX_NAMES: usize = 6;

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed, with before and after.
    pub proof: Proof,
    /// Why it does not hold, or could not be told; none where it holds.
    pub broken: Option<String>,
}

impl Claim {
    /// A claim with its evidence; `holds` says whether it does, and `broken` why not.
    pub fn new(
        claim: &str,
        (before, after): (String, String),
        source: String,
        holds: bool,
        broken: impl FnOnce() -> String,
    ) -> Self {
        let proof = Proof { claim: claim.to_owned(), before, after, source };
        Claim { proof, broken: (!holds).then(broken) }
    }
}

/// What must be true of the facts `after` a reload from which `worker` came, and into which `returned` was put back.
pub fn reload_claims(before: &Facts, after: &Facts, worker: u32, returned: &[ReplayResult]) -> Vec<Claim> {
    let Known::Seen((was, is)) = before.instance.as_ref().zip(after.instance.as_ref()) else {
        let why = after.instance.why().unwrap_or("what ran before is not known").to_owned();
        let both = ("seen".to_owned(), "unknown".to_owned());
        return vec![Claim::new("HAProxy can be seen", both, "a look".to_owned(), false, || why)];
    };
    let mut claims = vec![new_worker_claim(was, is, worker), same_master_claim(was, is)];
    claims.extend(reload_counter_claims(was, is));
    claims.extend(admin_socket_claims(was, is, worker));
    claims.push(listeners_claim(before, after, worker));
    claims.extend(planned_object_claims(before, after, returned));
    claims.extend(config_file_claims(before, after));
    claims
}

fn new_worker_claim(was: &Instance, is: &Instance, worker: u32) -> Claim {
    let survived =
        is.workers.seen().into_iter().flatten().find(|row| row.pid == worker).map(|row| row.reloads);
    let after = match survived {
        Some(reloads) => format!("{worker}, {}", plural(reloads as usize, "reload")),
        None => worker.to_string(),
    };
    let serves = is.serving.seen() == Some(&worker) && was.serving.seen() != Some(&worker);
    // Without a master's list there is no count; the other claims carry the proof then.
    let fresh = survived == Some(0) || is.workers.seen().is_none();
    Claim::new(
        "a new worker serves",
        (value_or_unknown(&was.serving), after),
        if is.workers.seen().is_some() { "show proc, show info" } else { "/proc, show info" }.to_owned(),
        serves && fresh,
        || format!("worker {} serves, not the new worker {worker}", value_or_unknown(&is.serving)),
    )
}

fn same_master_claim(was: &Instance, is: &Instance) -> Claim {
    let name = |of: &Instance| format!("{}, start {}", of.main.pid, of.main.start_ticks.unwrap_or_default());
    let same = was.main.pid == is.main.pid && was.main.start_ticks == is.main.start_ticks;
    let source = format!("/proc/{}/stat", is.main.pid);
    Claim::new("the master is the same process", (name(was), name(is)), source, same, || {
        "the master is another process than before".to_owned()
    })
}

/// What only a master's list can tell.
fn reload_counter_claims(was: &Instance, is: &Instance) -> Vec<Claim> {
    let (Known::Seen(before), Known::Seen(after)) = (&was.reloads, &is.reloads) else { return Vec::new() };
    let failed = Claim::new(
        "no reload has failed since",
        (value_or_unknown(&was.failed_reloads), value_or_unknown(&is.failed_reloads)),
        "show proc: [failed: N]".to_owned(),
        is.failed_reloads.seen() == Some(&0),
        || {
            format!(
                "the master counts {}",
                plural(*is.failed_reloads.seen().unwrap_or(&0) as usize, "failed reload")
            )
        },
    );
    let counted = Claim::new(
        "the master counts one reload more",
        (before.to_string(), after.to_string()),
        "show proc".to_owned(),
        *after == before + 1,
        || {
            format!(
                "the master counts {} more: another process reloads too",
                plural(after.saturating_sub(*before) as usize, "reload")
            )
        },
    );
    vec![counted, failed]
}

fn admin_socket_claims(was: &Instance, is: &Instance, worker: u32) -> Vec<Claim> {
    let now = is.admin_sockets.seen().map(Vec::as_slice).unwrap_or_default();
    let claims = now.iter().map(|socket| {
        let before = was.admin_sockets.seen().into_iter().flatten().find(|other| other.path == socket.path);
        let before = before.map_or("not there".to_owned(), |other| value_or_unknown(&other.answered_by));
        Claim::new(
            "an admin socket is answered by the new worker",
            (before, value_or_unknown(&socket.answered_by)),
            format!("show info on {}", socket.path),
            socket.answered_by.seen() == Some(&worker),
            || {
                format!(
                    "{} is answered by {}, not by worker {worker}",
                    socket.path,
                    value_or_unknown(&socket.answered_by)
                )
            },
        )
    });
    claims.collect()
}

fn listeners_claim(before: &Facts, after: &Facts, worker: u32) -> Claim {
    let expected = expected_listeners::expected(before);
    let source = format!("/proc/{worker}/fd, /proc/net");
    let (missing, count) = match &after.live.listeners {
        Known::Unknown { why } => {
            let both = (expected.len().to_string(), "unknown".to_owned());
            return Claim::new("every listener is held by the new worker", both, source, false, || {
                format!("what worker {worker} listens on could not be seen: {why}")
            });
        }
        Known::Seen(now) => {
            let missing: Vec<String> =
                expected.iter().filter(|wanted| !now.contains(wanted)).map(Listener::short).collect();
            (missing, now.len())
        }
    };
    let both =
        (expected.len().to_string(), format!("{} of them, {count} in all", expected.len() - missing.len()));
    Claim::new("every listener is held by the new worker", both, source, missing.is_empty(), || {
        format!("worker {worker} does not listen on {}", join_limited(&missing))
    })
}

/// The proxies and the servers of the new worker are those that were planned.
fn planned_object_claims(before: &Facts, after: &Facts, returned: &[ReplayResult]) -> [Claim; 2] {
    let diff = WorkerDiff::between(&after.live, &before.next);
    // A server that came back may be one that was added at run time, or one less that was deleted then.
    let back = returned.iter().filter(|one| one.returned && one.kind == LossKind::DynamicServer);
    let back: BTreeSet<&str> = back.map(|one| one.object.as_str()).collect();
    let how = before.next.how;
    [
        objects_claim("proxies", how, &diff.proxies, |proxy| (proxy.name.clone(), proxy.certain), |_| false),
        objects_claim(
            "servers",
            how,
            &diff.servers,
            |server| (server.path(), server.certain),
            |name| back.contains(name),
        ),
    ]
}

/// `name` gives an object's name, and whether it is certain to be there; `free` may be there or not.
fn objects_claim<T: 'static>(
    what: &str,
    how: Provenance,
    diff: &PartDiff<'_, T>,
    name: impl Fn(&T) -> (String, bool),
    free: impl Fn(&str) -> bool,
) -> Claim {
    let (claim, source) = match how {
        Provenance::Rehearsed => {
            (format!("the {what} are those that were rehearsed"), "a rehearsal, show stat")
        }
        Provenance::Read | Provenance::Live => {
            (format!("the {what} are those of the files"), "the files as read, show stat")
        }
    };
    let sure = |one: &&T| {
        let (name, certain) = name(one);
        certain && !free(&name)
    };
    let planned = diff.next().map(|all| all.iter().filter(sure).count());
    let running = diff.running().map(Iterator::count);
    let (planned, running) = match (planned, running) {
        (Ok(planned), Ok(running)) => (planned, running),
        // What could not be foreseen is said, and is no failure; a worker that cannot be asked is.
        (Err(Unknown { why }), running) => {
            let after = running.as_ref().map_or("unknown".to_owned(), usize::to_string);
            let both = (format!("not compared: {why}"), after);
            return Claim::new(&claim, both, source.to_owned(), running.is_ok(), || {
                format!("the {what} could not be asked for")
            });
        }
        (Ok(planned), Err(Unknown { why })) => {
            let both = (planned.to_string(), "unknown".to_owned());
            return Claim::new(&claim, both, source.to_owned(), false, || format!("the {what}: {why}"));
        }
    };
    let missing = sorted_names(diff.added().filter(sure).map(|one| name(one).0));
    let foreign = sorted_names(diff.removed().map(|one| name(one).0).filter(|name| !free(name)));
    let both = (planned.to_string(), running.to_string());
    Claim::new(&claim, both, source.to_owned(), missing.is_empty() && foreign.is_empty(), || {
        let mut differences = Vec::new();
        if !missing.is_empty() {
            differences.push(format!("missing: {}", join_limited(&missing)));
        }
        if !foreign.is_empty() {
            differences.push(format!("not foreseen: {}", join_limited(&foreign)));
        }
        format!("the {what} of the new worker are not as planned; {}", differences.join("; "))
    })
}

fn sorted_names(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The worker loaded what the plan was made for only where no file changed meanwhile.
fn config_file_claims(before: &Facts, after: &Facts) -> Vec<Claim> {
    let claims = before.config.files.iter().map(|file| {
        let now = after.config.files.iter().find(|other| other.path == file.path);
        let now = now.map_or_else(|| Known::unknown("it is not there"), |other| other.md5.clone());
        let same = file.md5.seen().is_some() && file.md5.seen() == now.seen();
        let both = (value_or_unknown(&file.md5), value_or_unknown(&now));
        Claim::new("a file is as it was planned with", both, file.path.clone(), same, || {
            format!("{} was written meanwhile: which version the worker loaded is not known", file.path)
        })
    });
    claims.collect()
}

fn value_or_unknown<T: ToString>(value: &Known<T>) -> String {
    match value {
        Known::Seen(value) => value.to_string(),
        Known::Unknown { .. } => "unknown".to_owned(),
    }
}

/// Names with the rest counted.
pub fn join_limited(names: &[String]) -> String {
    let first = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_facts::{self, known_mut};

    /// The sample after a good reload: worker 102, one reload more.
    fn reloaded() -> Facts {
        let mut facts = test_facts::healthy();
        let instance = test_facts::instance_mut(&mut facts);
        instance.serving = Known::Seen(102);
        instance.reloads = Known::Seen(1);
        known_mut(&mut instance.workers)[0].pid = 102;
        known_mut(&mut instance.admin_sockets)[0].answered_by = Known::Seen(102);
        facts
    }

    fn broken_claims(after: &Facts) -> Vec<String> {
        let claims = reload_claims(&test_facts::healthy(), after, 102, &[]);
        claims.into_iter().filter_map(|claim| claim.broken).collect()
    }

    #[test]
    fn a_good_reload_leaves_nothing_open() {
        assert_eq!(broken_claims(&reloaded()), Vec::<String>::new());
    }

    #[test]
    fn each_thing_that_is_not_as_planned_is_named() {
        type Worsen = fn(&mut Facts);
        let cases: &[(Worsen, &str)] = &[
            (
                |f| test_facts::instance_mut(f).serving = Known::Seen(101),
                "worker 101 serves, not the new worker 102",
            ),
            (|f| test_facts::instance_mut(f).main.start_ticks = Some(1), "another process"),
            (|f| test_facts::instance_mut(f).failed_reloads = Known::Seen(1), "1 failed reload"),
            (|f| test_facts::instance_mut(f).reloads = Known::Seen(3), "3 reloads more"),
            (
                |f| known_mut(&mut test_facts::instance_mut(f).admin_sockets)[0].answered_by = Known::Seen(9),
                "answered by 9",
            ),
            (|f| known_mut(&mut f.live.listeners).clear(), "does not listen on 127.0.0.1:8000"),
            (|f| f.live.listeners = Known::unknown("denied"), "denied"),
            (|f| drop(known_mut(&mut f.live.proxies).pop()), "missing: web"),
            (
                |f| known_mut(&mut f.live.servers).push(test_facts::server("web", "x", 1)),
                "not foreseen: web/x",
            ),
            (|f| f.live.servers = Known::unknown("silent"), "silent"),
            (|f| f.config.files[0].md5 = Known::Seen("1".into()), "written meanwhile"),
            (|f| f.instance = Known::unknown("it is gone"), "it is gone"),
        ];
        for (worsen, said) in cases {
            let mut after = reloaded();
            worsen(&mut after);
            let broken = broken_claims(&after);
            assert!(broken.len() == 1 && broken[0].contains(said), "{said}: {broken:?}");
        }
    }

    #[test]
    fn a_proxy_behind_a_condition_may_be_there_or_not() {
        let mut before = test_facts::healthy();
        known_mut(&mut before.next.proxies)[1].certain = false;
        let mut after = reloaded();
        for _ in 0..2 {
            let claims = reload_claims(&before, &after, 102, &[]);
            assert!(claims.iter().all(|claim| claim.broken.is_none()), "{claims:?}");
            known_mut(&mut after.live.proxies).truncate(1);
        }
    }
}

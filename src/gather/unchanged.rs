//! The proof that looking changed nothing: processes, workers and files, seen before and after.

use anyhow::{Context, Result};
use md5::{Digest, Md5};

use super::haproxy::config_files::{config_arguments, hex};
use super::haproxy::paths::{absolute, on_host};
use super::{DiscoveredInstance, GatherContext};
use crate::clients::linux;
use crate::facts::{Known, Proof};
use crate::plural::plural;

/// A claim with what was seen for it, and where.
pub(super) struct Observation {
    claim: String,
    seen: Result<String>,
    source: String,
}

/// What must not differ: the processes, the count of reloads, and the bytes of the files.
pub(super) fn observe(look: &GatherContext<'_>, found: &DiscoveredInstance) -> Vec<Observation> {
    let pid = found.instance.main.pid;
    let mut observations = vec![Observation {
        claim: "main process".to_owned(),
        seen: main_process_start(pid),
        source: format!("/proc/{pid}/stat"),
    }];
    if found.master.is_some() {
        observations.push(Observation {
            claim: "workers".to_owned(),
            seen: serving_workers(found),
            source: "show proc".to_owned(),
        });
    }
    let main = &found.instance.main;
    let files = config_arguments(look, main);
    // Files in a folder are compared by the list of configuration files.
    for file in files.iter().filter(|file| !linux::is_folder(&on_host(main, file))) {
        let shown = absolute(main, file).display().to_string();
        let seen = linux::read_regular_file(&on_host(main, file))
            .map(|bytes| format!("md5 {}", hex(&Md5::digest(&bytes))));
        let seen = seen.with_context(|| format!("reading {shown}"));
        observations.push(Observation { claim: shown, seen, source: "bytes on disk".to_owned() });
    }
    observations
}

fn main_process_start(pid: u32) -> Result<String> {
    let started = linux::process(pid)?.started.context("/proc does not say when it started")?;
    Ok(format!("{pid}, started {}", started.strftime("%F %T UTC")))
}

fn serving_workers(found: &DiscoveredInstance) -> Result<String> {
    let master = found.master.as_ref().context("it has no master socket")?;
    let listed = master.processes()?;
    // Workers of earlier reloads end by themselves meanwhile.
    let pids: Vec<String> = listed.serving_candidates().iter().map(|row| row.pid.to_string()).collect();
    let reloads = plural(listed.master.reloads as usize, "reload");
    Ok(format!("{} after {reloads}, {} failed", pids.join(" "), listed.failed))
}

/// Before beside after. What could not be seen proves nothing.
pub(super) fn compare(before: Vec<Observation>, after: Vec<Observation>) -> Known<Vec<Proof>> {
    let pairs = before.into_iter().zip(after);
    let proofs: Result<Vec<Proof>> = pairs
        .map(|(before, after)| {
            let Observation { claim, seen, source } = before;
            Ok(Proof { claim, before: seen?, after: after.seen?, source })
        })
        .collect();
    proofs.into()
}

//! The proof that looking changed nothing: the same things, seen before and after.

use anyhow::{Context, Result};
use md5::{Digest, Md5};

use super::haproxy::config_files::{arguments, hex};
use super::haproxy::paths::{named, on_host};
use super::{Found, Look};
use crate::clients::linux;
use crate::facts::{Known, Proof};

/// A claim with what was seen for it, and where.
pub(super) struct Print {
    claim: String,
    seen: Result<String>,
    source: String,
}

/// What must not differ: the processes, the count of reloads, and the bytes of the files.
pub(super) fn prints(look: &Look<'_>, found: &Found) -> Vec<Print> {
    let pid = found.instance.main.pid;
    let mut prints = vec![Print {
        claim: "main process".to_owned(),
        seen: process(pid),
        source: format!("/proc/{pid}/stat"),
    }];
    if found.master.is_some() {
        prints.push(Print {
            claim: "workers".to_owned(),
            seen: workers(found),
            source: "show proc".to_owned(),
        });
    }
    let main = &found.instance.main;
    let files = arguments(look, main);
    // A folder is many files; the list of facts has each of them.
    for file in files.iter().filter(|file| !linux::is_folder(&on_host(main, file))) {
        let shown = named(main, file).display().to_string();
        let seen =
            linux::read(&on_host(main, file)).map(|bytes| format!("md5 {}", hex(&Md5::digest(&bytes))));
        let seen = seen.with_context(|| format!("reading {shown}"));
        prints.push(Print { claim: shown, seen, source: "bytes on disk".to_owned() });
    }
    prints
}

fn process(pid: u32) -> Result<String> {
    let started = linux::process(pid)?.started.context("/proc does not say when it started")?;
    Ok(format!("{pid}, started {}", started.strftime("%F %T UTC")))
}

fn workers(found: &Found) -> Result<String> {
    let master = found.master.as_ref().context("it has no master socket")?;
    let listed = master.processes()?;
    // Workers of earlier reloads end by themselves, whoever looks.
    let pids: Vec<String> = listed.serving_candidates().iter().map(|row| row.pid.to_string()).collect();
    Ok(format!("{} after {} reloads, {} failed", pids.join(" "), listed.master.reloads, listed.failed))
}

/// Before beside after. What could not be seen proves nothing.
pub(super) fn compare(before: Vec<Print>, after: Vec<Print>) -> Known<Vec<Proof>> {
    let pairs = before.into_iter().zip(after);
    let proofs: Result<Vec<Proof>> = pairs
        .map(|(before, after)| {
            let Print { claim, seen, source } = before;
            Ok(Proof { claim, before: seen?, after: after.seen?, source })
        })
        .collect();
    proofs.into()
}

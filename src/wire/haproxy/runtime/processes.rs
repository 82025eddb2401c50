//! `show proc` of the master socket: which processes belong to this master.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Malformed, first_line, lines};

const COMMAND: &str = "show proc";

/// One process as the master lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowProcEntry {
    /// Its process id, as the master sees it.
    pub pid: u32,
    /// For the master: reloads asked of it. For a worker: reload attempts it has lived through, failed ones too.
    pub reloads: u32,
    /// How long it has been running, to the second.
    pub uptime: Duration,
    /// The version it runs; `-` for a program.
    pub version: String,
}

/// The master and everything it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowProc {
    /// The master itself.
    pub master: ShowProcEntry,
    /// Reloads that failed since the last one that succeeded.
    pub failed: u32,
    /// What stands under `# workers`.
    pub workers: Vec<ShowProcEntry>,
    /// What stands under `# old workers`.
    pub old_workers: Vec<ShowProcEntry>,
    /// What stands under `# programs`; gone from 3.2 on.
    pub programs: Vec<ShowProcEntry>,
}

#[derive(Clone, Copy)]
enum Section {
    Master,
    Workers,
    OldWorkers,
    Programs,
    Unknown,
}

impl ShowProc {
    /// Reads the answer of `show proc`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut section = Section::Master;
        let mut master = None;
        let (mut workers, mut old_workers, mut programs) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines(text) {
            if let Some(title) = line.strip_prefix('#') {
                section = match title.trim() {
                    "workers" => Section::Workers,
                    "old workers" => Section::OldWorkers,
                    "programs" => Section::Programs,
                    title if title.starts_with("<PID>") => Section::Master,
                    _ => Section::Unknown,
                };
                continue;
            }
            match section {
                Section::Master if master.is_none() => master = Some(row(line)?),
                Section::Workers => workers.push(row(line)?.0),
                Section::OldWorkers => old_workers.push(row(line)?.0),
                Section::Programs => programs.push(row(line)?.0),
                Section::Master | Section::Unknown => {}
            }
        }
        let (master, failed) =
            master.ok_or_else(|| Malformed::new(COMMAND, "no line for the master", first_line(text)))?;
        Ok(ShowProc { master, failed, workers, old_workers, programs })
    }

    /// The same in other numbers. What has none any more has ended and is left out; without a master nothing is left.
    pub fn translate_pids(self, number: impl Fn(u32) -> Option<u32>) -> Option<Self> {
        let one = |row: ShowProcEntry| Some(ShowProcEntry { pid: number(row.pid)?, ..row });
        let all = |rows: Vec<ShowProcEntry>| rows.into_iter().filter_map(one).collect();
        Some(ShowProc {
            master: one(self.master)?,
            failed: self.failed,
            workers: all(self.workers),
            old_workers: all(self.old_workers),
            programs: all(self.programs),
        })
    }

    /// Workers that may be the one serving now. From 3.2 on a failed reload leaves `# workers` empty and
    /// the worker that still serves stands among the old ones; there may be several of those, so which one
    /// serves is left to the owner of the listening sockets.
    pub fn serving_candidates(&self) -> &[ShowProcEntry] {
        if self.workers.is_empty() && self.failed > 0 { &self.old_workers } else { &self.workers }
    }
}

/// `PID TYPE RELOADS [failed: N] UPTIME VERSION`; only the master has the bracket.
fn row(line: &str) -> Result<(ShowProcEntry, u32), Malformed> {
    let bad = |why| Malformed::new(COMMAND, why, line);
    let (rest, failed) = match line.split_once("[failed:") {
        Some((before, after)) => {
            let (count, after) = after.split_once(']').ok_or_else(|| bad("no end of `[failed: N]`"))?;
            let count = count.trim().parse().map_err(|_| bad("no number in `[failed: N]`"))?;
            (format!("{before} {after}"), count)
        }
        None => (line.to_owned(), 0),
    };
    let mut words = rest.split_whitespace();
    let pid = words.next().and_then(|word| word.parse().ok()).ok_or_else(|| bad("no process id"))?;
    let reloads = words.nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| bad("no reload count"))?;
    let uptime = words.next().and_then(uptime).ok_or_else(|| bad("no uptime"))?;
    let version = words.next().unwrap_or("-").to_owned();
    Ok((ShowProcEntry { pid, reloads, uptime, version }, failed))
}

/// `0d00h01m11s`.
fn uptime(word: &str) -> Option<Duration> {
    let (days, rest) = word.split_once('d')?;
    let (hours, rest) = rest.split_once('h')?;
    let (minutes, rest) = rest.split_once('m')?;
    let seconds: u64 = rest.strip_suffix('s')?.parse().ok()?;
    let (days, hours, minutes): (u64, u64, u64) =
        (days.parse().ok()?, hours.parse().ok()?, minutes.parse().ok()?);
    let total = days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?;
    Some(Duration::from_secs(total.checked_mul(60)?.checked_add(seconds)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::haproxy::runtime::fixtures;

    #[test]
    fn every_branch_lists_its_master_and_one_worker() {
        for (branch, text) in fixtures::every("show_proc") {
            let seen = ShowProc::parse(&text).unwrap();
            assert_eq!((seen.failed, seen.workers.len(), seen.old_workers.len()), (0, 1, 0), "{branch}");
            assert!(seen.master.version.starts_with(branch) && seen.master.pid > 1, "{branch}: {seen:?}");
            assert_eq!(seen.programs.len(), usize::from(branch < "3.2"), "{branch}");
            assert_eq!(seen.serving_candidates(), seen.workers);
            assert!(seen.master.uptime > Duration::from_secs(600), "{branch}: {:?}", seen.master.uptime);
        }
    }

    #[test]
    fn a_leaving_worker_is_not_a_candidate() {
        for (branch, text) in fixtures::every("show_proc_old_worker") {
            let seen = ShowProc::parse(&text).unwrap();
            assert_eq!((seen.workers.len(), seen.old_workers.len()), (1, 1), "{branch}");
            assert_eq!(seen.serving_candidates(), seen.workers, "{branch}");
            assert_eq!(seen.old_workers[0].reloads, 1, "{branch}");
        }
    }

    #[test]
    fn after_a_failed_reload_the_serving_worker_is_found_on_every_branch() {
        for (branch, text) in fixtures::every("show_proc_failed") {
            let seen = ShowProc::parse(&text).unwrap();
            assert_eq!(seen.failed, 1, "{branch}");
            assert_eq!(seen.workers.is_empty(), branch >= "3.2", "{branch}");
            assert_eq!(seen.serving_candidates().len(), 1, "{branch}");
        }
    }

    #[test]
    fn another_answer_is_an_error() {
        for text in ["", "\n", "Unknown command: 'show'", "# workers\n12 worker x 0d00h00m00s 3.0\n"] {
            assert!(ShowProc::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_section_of_a_newer_branch_is_passed_over() {
        let text = fixtures::read("3.4", "show_proc") + "# helpers\nwhat ever\n";
        assert!(ShowProc::parse(&text).is_ok());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}", tail in "[#<>0-9a-z \\[\\]:\n]{0,200}") {
            let _ = ShowProc::parse(&text);
            let _ = ShowProc::parse(&tail);
        }

        #[test]
        fn rows_come_back(pid in 1u32.., reloads in 0u32.., failed in 0u32.., secs in 0u64..1_000_000_000) {
            let up = format!("{}d{:02}h{:02}m{:02}s", secs / 86400, secs / 3600 % 24, secs / 60 % 60, secs % 60);
            let text = format!("#<PID> <type>\n{pid:<15} master {reloads} [failed: {failed}] {up} 9.9\n# workers\n");
            let seen = ShowProc::parse(&text).unwrap();
            let master = ShowProcEntry { pid, reloads, uptime: Duration::from_secs(secs), version: "9.9".to_owned() };
            prop_assert_eq!((seen.master, seen.failed), (master, failed));
        }
    }
}

//! Resources of the processes: signals, open files, memory, the handover of sockets, known bugs of the version.

use jiff::civil::{Date, date};

use crate::checks::{CheckContext, CheckResult, Judgement, describe_argv};
use crate::facts::process_health::{OpenFiles, ProcessHealth, ReloadSignal};
use crate::facts::{Instance, Mode, version_numbers};

/// A failure where the master cannot take a reload by signal; `None` where it can, or where that is not known.
pub(super) fn blocked_reload_signal(vitals: &ProcessHealth, master: u32) -> Option<Judgement> {
    let ReloadSignal { pending, ignored, deadly, stopped } = *vitals.reload_signal.seen()?;
    let source = [format!("/proc/{master}/status")];
    let outcome = match (stopped, pending, ignored, deadly) {
        (true, _, _, _) => {
            Judgement::fail("the master is stopped (SIGSTOP or a debugger) and answers no request")
                .with_remedy(format!("find out what stopped it, then continue it: kill -CONT {master}"))
        }
        (_, true, _, _) => Judgement::fail(
            "SIGUSR2 is pending and the master does not take it: an ordered reload never began",
        )
        .with_remedy("order the reload over the master socket: `haguard reload`"),
        (_, _, true, _) => Judgement::fail("the master ignores SIGUSR2: a reload by signal never begins")
            .with_remedy("order the reload over the master socket: `haguard reload`"),
        (_, _, _, true) => Judgement::fail("the master has no handler for SIGUSR2: that signal would end it")
            .with_remedy("wait until it has started, and check again"),
        _ => return None,
    };
    Some(outcome.with_evidence(source))
}

/// In percent of the limit.
const MAX_OPEN_FILES_PERCENT: u64 = 80;

pub(super) fn fd_headroom(context: CheckContext<'_>) -> CheckResult {
    let ProcessHealth { master_files, worker_files, .. } = &context.facts.vitals;
    let (master, worker) = (master_files.get()?, worker_files.get()?);
    let describe =
        |OpenFiles { pid, used, limit }: &OpenFiles| format!("PID {pid} has {used} of {limit} files open");
    let mut evidence = vec![describe(worker)];
    evidence.extend((master.pid != worker.pid).then(|| describe(master)));
    let percent = |files: &OpenFiles| files.used.saturating_mul(100) / files.limit.max(1);
    let most = percent(master).max(percent(worker));
    let text = format!("open files are at {most} % of their limit");
    let outcome = match most >= MAX_OPEN_FILES_PERCENT {
        true => Judgement::warn(text).with_remedy(
            "raise LimitNOFILE of the unit (or ulimit -n), or lower maxconn; a reload does not raise the limit",
        ),
        false => Judgement::pass(text),
    };
    Ok(outcome.with_evidence(evidence))
}

pub(super) fn mem_headroom(context: CheckContext<'_>) -> CheckResult {
    let memory = context.facts.vitals.memory.get()?;
    let (worker, left) = (memory.worker_kb, memory.available_kb());
    let group = memory.group_kb.map(|kb| format!("its control group has {} MB left", kb / 1024));
    let evidence = [
        format!("the serving worker holds {} MB", worker / 1024),
        format!("this host has {} MB available", memory.host_kb / 1024),
    ];
    const ROOM: &str =
        "free memory, or raise the limit, before the next reload: both workers run side by side for a while";
    let outcome = match left {
        left if left < worker => {
            Judgement::fail("there is no memory for a second worker of the size of the one that serves")
                .with_remedy(ROOM)
        }
        left if left < worker.saturating_mul(2) => {
            Judgement::warn("there is barely memory for a second worker of the size of the one that serves")
                .with_remedy(ROOM)
        }
        _ => Judgement::pass("there is memory for a second worker"),
    };
    Ok(outcome.with_evidence(evidence).with_evidence(group))
}

/// HAProxy logs this where the sockets were not handed over.
const SOCKETS_NOT_RECEIVED: &str = "Failed to get the sockets from the old process";

pub(super) fn seamless(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    if instance.mode == Mode::Standalone {
        return Ok(Judgement::skipped(
            "it runs without a master, so no sockets are handed over by themselves",
        ));
    }
    let argv = &instance.main.argv;
    let no_sockets = argv.windows(2).any(|pair| pair[0] == "-x" && pair[1] == "/dev/null");
    if argv.iter().any(|word| word == "-dR") || no_sockets || context.facts.config.noreuseport {
        let noreuseport =
            context.facts.config.noreuseport.then(|| "noreuseport is in the global section".to_owned());
        let text = "listening sockets are not handed over: each reload refuses some clients";
        return Ok(Judgement::warn(text)
            .with_evidence([describe_argv(instance)])
            .with_evidence(noreuseport)
            .with_remedy("remove -dR, `-x /dev/null` or noreuseport"));
    }
    let log = context.facts.vitals.startup_log.seen().into_iter().flatten();
    let failures: Vec<String> = log.filter(|line| line.contains(SOCKETS_NOT_RECEIVED)).cloned().collect();
    Ok(match failures.is_empty() {
        true => Judgement::pass("a new worker gets the listening sockets of the old one"),
        false => Judgement::warn("the last reload did not get the listening sockets of the old worker: clients may have been refused")
            .with_evidence(failures)
            .with_remedy("check `show startup-logs` on the master socket after the next reload"),
    })
}

/// A known bug of the master: the branches and the release dates that have it.
struct KnownBug {
    what: &'static str,
    source: &'static str,
    branches: std::ops::RangeInclusive<(u32, u32)>,
    from: Date,
    /// The day of the fix: no earlier release has it.
    corrected: Date,
    mend: &'static str,
}

/// Each entry was taken from the commit that fixed the bug.
const KNOWN_BUGS: &[KnownBug] = &[
    KnownBug {
        what: "after a failed reload the master takes no signal any more, SIGUSR2 included",
        source: "haproxy#3229, fixed on 2026-01-06 (97490a778), came with 709cde6d0 of 2025-11-17",
        branches: (3, 1)..=(3, 4),
        from: date(2025, 11, 17),
        corrected: date(2026, 1, 6),
        mend: "upgrade; until then reload over the master socket (`haguard reload`), which still works",
    },
    KnownBug {
        what: "`show proc` ends after about 200 processes, so that some workers are not listed",
        source: "haproxy#3204, fixed on 2025-12-08 (594408cd6)",
        branches: (2, 4)..=(3, 4),
        from: date(2021, 1, 1),
        corrected: date(2025, 12, 8),
        mend: "upgrade, or keep the number of old workers low with hard-stop-after",
    },
    KnownBug {
        what: "ten clients of the master socket that gave up on a stuck worker close that socket for every client",
        source: "haproxy#3351, fixed on 2026-04-30 (64383e655)",
        branches: (2, 4)..=(3, 4),
        from: date(2021, 1, 1),
        corrected: date(2026, 4, 30),
        mend: "upgrade; after it has happened, a reload by signal still works",
    },
];

pub(super) fn known_bug(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    if instance.mode == Mode::Standalone {
        return Ok(Judgement::skipped(
            "the bugs that haguard knows are bugs of the master, and it runs without one",
        ));
    }
    let (version, released) = (instance.running_version.get()?, context.facts.vitals.released.get()?);
    Ok(match_known_bugs(instance, version, *released))
}

fn match_known_bugs(instance: &Instance, version: &str, released: Date) -> Judgement {
    let Some((major, minor, _)) = version_numbers(version) else {
        return Judgement::unknown(format!("haguard does not understand the version {version}"));
    };
    let has = |bug: &&KnownBug| {
        bug.branches.contains(&(major, minor)) && (bug.from..bug.corrected).contains(&released)
    };
    let found: Vec<&KnownBug> = KNOWN_BUGS.iter().filter(has).collect();
    let Some(first) = found.first() else {
        return Judgement::pass(format!(
            "{version} of {released} has none of the {} bugs that haguard knows",
            KNOWN_BUGS.len()
        ));
    };
    Judgement::warn(format!("{version} of {released} has a known bug: {}", first.what))
        .with_evidence(found.iter().map(|bug| format!("{}: {}", bug.source, bug.what)))
        .with_evidence([format!(
            "{} runs it; a distribution may have fixed it in its own package",
            instance.title()
        )])
        .with_remedy(first.mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Level, run_checks};
    use crate::facts::{Facts, Known, test_facts};
    use crate::plan;

    fn level(facts: &Facts, id: &str) -> Level {
        run_checks(facts, &plan::ledger(facts), &[id])[0].level
    }

    #[test]
    fn a_master_that_takes_no_signal_fails_even_if_it_answers() {
        let worse: [fn(&mut ReloadSignal); 4] =
            [|s| s.pending = true, |s| s.ignored = true, |s| s.deadly = true, |s| s.stopped = true];
        for worse in worse {
            let mut facts = test_facts::healthy();
            assert_eq!(level(&facts, "proc.master-responsive"), Level::Pass);
            worse(test_facts::known_mut(&mut facts.vitals.reload_signal));
            assert_eq!(level(&facts, "proc.master-responsive"), Level::Fail);
        }
    }

    #[test]
    fn open_files_or_memory_near_their_limit_are_found_before_the_reload() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "proc.fd-headroom"), Level::Pass);
        test_facts::known_mut(&mut facts.vitals.master_files).used = 16_000;
        assert_eq!(level(&facts, "proc.fd-headroom"), Level::Warn);
        facts.vitals.worker_files = Known::unknown("denied");
        assert_eq!(level(&facts, "proc.fd-headroom"), Level::Unknown);

        assert_eq!(level(&facts, "proc.mem-headroom"), Level::Pass);
        test_facts::known_mut(&mut facts.vitals.memory).host_kb = 30_000;
        assert_eq!(level(&facts, "proc.mem-headroom"), Level::Warn);
        test_facts::known_mut(&mut facts.vitals.memory).host_kb = 9_000_000;
        test_facts::known_mut(&mut facts.vitals.memory).group_kb = Some(10_000);
        assert_eq!(level(&facts, "proc.mem-headroom"), Level::Fail);
    }

    #[test]
    fn a_reload_that_hands_no_sockets_over_is_found_in_arguments_file_and_log() {
        let mut facts = test_facts::healthy();
        assert_eq!(level(&facts, "proc.seamless"), Level::Pass);
        test_facts::known_mut(&mut facts.vitals.startup_log)
            .push(format!("WARNING: {SOCKETS_NOT_RECEIVED}!"));
        assert_eq!(level(&facts, "proc.seamless"), Level::Warn);
        let mut facts = test_facts::healthy();
        facts.config.noreuseport = true;
        assert_eq!(level(&facts, "proc.seamless"), Level::Warn);
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).main.argv.push("-dR".into());
        assert_eq!(level(&facts, "proc.seamless"), Level::Warn);
        let mut facts = test_facts::healthy();
        test_facts::instance_mut(&mut facts).main.argv.extend(["-x", "/run/old.sock"].map(str::to_owned));
        assert_eq!(level(&facts, "proc.seamless"), Level::Pass, "a master itself adds that");
        test_facts::instance_mut(&mut facts).main.argv.extend(["-x", "/dev/null"].map(str::to_owned));
        assert_eq!(level(&facts, "proc.seamless"), Level::Warn);
    }

    #[test]
    fn a_release_before_the_fix_has_the_bug_and_a_later_one_has_not() {
        let at = |version: &str, released: Date| {
            let mut facts = test_facts::healthy();
            test_facts::instance_mut(&mut facts).running_version = Known::Seen(version.into());
            facts.vitals.released = Known::Seen(released);
            run_checks(&facts, &plan::ledger(&facts), &["proc.known-bug"]).remove(0)
        };
        let affected = at("3.2.9-1", date(2025, 11, 21));
        assert_eq!(affected.level, Level::Warn);
        assert!(
            affected.text.contains("takes no signal") && affected.evidence[0].contains("#3229"),
            "{affected:?}"
        );
        let older = at("3.2.1", date(2025, 6, 11));
        assert!(!older.evidence.iter().any(|line| line.contains("#3229")), "{older:?}");
        assert_eq!(at("3.2.26-1", date(2026, 10, 14)).level, Level::Pass);
        assert_eq!(at("2.6.30", date(2026, 9, 1)).level, Level::Pass);
        let branch = at("2.8.16", date(2025, 12, 1));
        assert!(!branch.evidence.iter().any(|line| line.contains("#3229")), "another branch: {branch:?}");
    }
}

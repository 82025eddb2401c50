//! The files that the next worker would load.

pub(super) mod binds;

use super::{Outcome, Seen};
use crate::facts::Known;
use crate::facts::config_files::NamedFiles;
use crate::facts::version_numbers;
use crate::plural::plural;

pub(super) fn valid(seen: Seen<'_>) -> Outcome {
    match &seen.facts.config.test {
        Known::Unknown { why } => Outcome::unknown(format!("not tested: {why}")),
        Known::Seen(test) if test.valid => {
            Outcome::pass("HAProxy calls the files valid").because([test.command.clone()])
        }
        Known::Seen(test) => Outcome::fail("HAProxy would not load the files: a restart would be an outage")
            .because([test.command.clone()])
            .because(test.alerts.iter().cloned())
            .mend("mend the lines named above, then run the same command again"),
    }
}

pub(super) fn rehearsal(seen: Seen<'_>) -> Outcome {
    let rehearsal = match &seen.facts.rehearsal {
        None => return Outcome::skipped("a look rehearses nothing: `haguard check config.rehearsal` does"),
        // Weaker and said so: what a test and a reader can tell is judged by checks of their own.
        Some(Known::Unknown { why }) => {
            let tested = seen.facts.config.test.seen().is_some_and(|test| test.valid);
            let text = format!("not rehearsed, only tested and read: {why}");
            return if tested { Outcome::warn(text) } else { Outcome::unknown(text) };
        }
        Some(Known::Seen(rehearsal)) => rehearsal,
    };
    let evidence = [rehearsal.command.clone()];
    match (rehearsal.why_not(), rehearsal.alerts.is_empty()) {
        (Some(why), _) => Outcome::fail(format!("the next worker would not come up: {why}"))
            .because(evidence)
            .because(rehearsal.alerts.iter().cloned())
            .mend("mend what HAProxy names, then run `haguard rehearse`"),
        (None, false) => Outcome::warn("the next worker comes up and raises an alarm")
            .because(rehearsal.alerts.iter().cloned()),
        (None, true) => {
            Outcome::pass(format!("it came up in {} ms", rehearsal.start_up_ms)).because(evidence)
        }
    }
}

pub(super) fn edited(seen: Seen<'_>) -> Outcome {
    match &seen.facts.config.edited_since_load {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(files) if files.is_empty() => {
            Outcome::pass("no file was written since the worker started")
        }
        Known::Seen(files) => {
            Outcome::warn("files were written after the worker started: what runs is older")
                .because(files.iter().cloned())
                .mend("a reload puts them in force")
        }
    }
}

pub(super) fn decided(seen: Seen<'_>) -> Outcome {
    let undecided = &seen.facts.config.undecided;
    match (&seen.facts.config.source, undecided.is_empty()) {
        (Known::Unknown { why }, _) => Outcome::unknown(why.clone()),
        (Known::Seen(source), true) => {
            let count = seen.facts.config.files.len();
            Outcome::pass(format!("{} read and understood", plural(count, "file"))).because([source.clone()])
        }
        (Known::Seen(_), false) => {
            Outcome::unknown(format!("{} lines could not be decided", undecided.len()))
                .because(undecided.iter().take(8).cloned())
        }
    }
}

pub(super) fn hard_stop_after(seen: Seen<'_>) -> Outcome {
    match (&seen.facts.config.source, &seen.facts.config.hard_stop_after) {
        (Known::Unknown { why }, _) => Outcome::unknown(why.clone()),
        (_, Some(limit)) => Outcome::pass(format!("old workers live for at most {limit} after a reload")),
        (_, None) => {
            Outcome::warn("hard-stop-after is not set: a worker with one idle connection lives for ever")
                .mend("add `hard-stop-after 30m` (or what your longest request needs) to the global section")
        }
    }
}

/// From this branch on a worker that has outlived 50 reloads is ended where nothing else is set.
const LIMITED_FROM: (u32, u32) = (3, 3);

pub(super) fn max_reloads(seen: Seen<'_>) -> Outcome {
    let config = &seen.facts.config;
    if let Known::Unknown { why } = &config.source {
        return Outcome::unknown(why.clone());
    }
    let version = seen.facts.instance.seen().and_then(|instance| instance.disk_version.seen());
    let branch = version.and_then(|version| version_numbers(version)).map(|(major, minor, _)| (major, minor));
    match (&config.max_reloads, &config.hard_stop_after, branch) {
        (Some(limit), _, _) => Outcome::pass(format!("a worker is ended after {limit} reloads")),
        (None, _, Some(branch)) if branch >= LIMITED_FROM => {
            Outcome::pass("a worker is ended after 50 reloads, as HAProxy does by itself from 3.3 on")
        }
        (None, Some(limit), _) => {
            Outcome::pass(format!("workers may pile up without a limit, but each ends after {limit}"))
        }
        (None, None, _) => Outcome::warn("nothing limits how many workers of earlier reloads pile up")
            .mend("add `mworker-max-reloads 50` or `hard-stop-after 30m` to the global section"),
    }
}

pub(super) fn files_readable(seen: Seen<'_>) -> Outcome {
    match &seen.facts.config.named_files {
        Known::Unknown { why } => Outcome::unknown(why.clone()),
        Known::Seen(NamedFiles { count: 0, unreadable }) if unreadable.is_empty() => {
            Outcome::pass("the configuration names no file of a map, an ACL or a certificate")
        }
        Known::Seen(NamedFiles { count, unreadable }) if unreadable.is_empty() => {
            Outcome::pass(format!("{} of maps, ACLs and certificates can be read", plural(*count, "file")))
        }
        Known::Seen(NamedFiles { unreadable, .. }) => Outcome::fail(format!(
            "{} that the configuration names cannot be read",
            plural(unreadable.len(), "file")
        ))
        .because(unreadable.iter().cloned())
        .mend("put the files back, or give the user that starts HAProxy the right to read them"),
    }
}

pub(super) fn state_file_fresh(seen: Seen<'_>) -> Outcome {
    let config = &seen.facts.config;
    let (file, written) = match (&config.source, &config.state_file, &config.state_file_written) {
        (Known::Unknown { why }, _, _) => return Outcome::unknown(why.clone()),
        (_, Some(file), Some(written)) => (file, written),
        _ => return Outcome::pass("no server-state file is in force"),
    };
    let started = seen.facts.instance.as_ref().map(|instance| instance.worker_started.clone());
    let started = match started {
        Known::Seen(Known::Seen(started)) => started,
        Known::Seen(Known::Unknown { why }) | Known::Unknown { why } => return Outcome::unknown(why),
    };
    match written {
        Known::Unknown { why } => Outcome::warn(format!("the server-state file cannot be read: {why}"))
            .because([file.clone()])
            .mend("let the script that reloads write it first, or drop load-server-state-from-file"),
        Known::Seen(at) if *at < started => {
            Outcome::warn("the server-state file is older than the worker: the next one would start with old states and ports")
                .because([format!("{file} was written {}", at.strftime("%F %T UTC"))])
                .because([format!("the worker started {}", started.strftime("%F %T UTC"))])
                .mend("write `show servers state` into it just before each reload")
        }
        Known::Seen(at) => Outcome::pass("the server-state file is newer than the worker")
            .because([format!("{file} was written {}", at.strftime("%F %T UTC"))]),
    }
}

pub(super) fn state_file(seen: Seen<'_>) -> Outcome {
    match (&seen.facts.config.source, &seen.facts.config.state_file) {
        (Known::Unknown { why }, _) => Outcome::unknown(why.clone()),
        (_, None) => Outcome::pass("no server-state file is in force"),
        (_, Some(file)) => {
            Outcome::warn("a server-state file is in force: it beats ports and states in the files")
                .because([file.clone()])
                .mend("write it fresh just before each reload, or drop load-server-state-from-file")
        }
    }
}

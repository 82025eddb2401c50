//! The files that the next worker would load.

use super::{Outcome, Seen};
use crate::facts::Known;
use crate::words::plural;

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
        None => return Outcome::skipped("this command only looks: `haguard rehearse` tries it"),
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

//! The configuration files that the next worker would load.
//!
//! - `binds`: addresses that the next worker would listen on

pub(super) mod binds;

use super::{Check, CheckContext, CheckResult, Judgement};
use crate::facts::config_files::ReferencedFiles;
use crate::facts::version_numbers;
use crate::known::Unknown;
use crate::plural::plural;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "config.rehearsal", rehearsal, "the next worker comes up in a sealed copy of this host",
        "A configuration that passes HAProxy's own test can still fail when it is started: a folder or a file that \
         its user may not use, a port that needs root, a script that fails at run time. haguard starts the next \
         worker with the master's own program, arguments, environment and user in a sealed copy of this host, and \
         asks it for its state. That needs root. Commands that only look do not rehearse.";
    "config.test-same-argv", test_same_argv, "HAProxy accepts the files, tested with the master's own arguments",
        "A configuration test with other arguments, another folder or another environment tests something else. \
         haguard runs the program on disk with the master's own. It does so in a sealed copy of this host, since a \
         test executes the Lua that the files name; without root, files that name code are not tested. Valid files \
         do not prove that the next worker comes up: a test binds no ports.";
    "config.new-binds-free", binds::new_binds_free, "every address that a reload would add can be bound",
        "A configuration test binds nothing. When a new address is already in use, the next worker fails to start. \
         While it tries, the old worker has given up its listeners: clients are refused for two seconds, and \
         systemctl reload exits 0. haguard looks up each new bind among the sockets of this host and binds it for a \
         moment. It names the owner of an address in use, an address that is on no interface, and a port or a \
         folder that HAProxy may not use. The path of a unix socket on which a process listens counts as in use, \
         because HAProxy would replace it without a message.";
    "config.files-readable", files_readable, "the files that the configuration names can be read",
        "A map, an ACL or a certificate that is missing, or that the user who starts HAProxy may not read, makes \
         the next start fail although the configuration itself did not change. haguard names the file and the line \
         that refers to it, even where it cannot run HAProxy's own test.";
    "config.edited-since-load", edited_since_load, "no file was written since the worker started",
        "The worker runs what was on disk when it started. A newer file is a change that the next reload puts in \
         force, whoever orders that reload.";
    "config.decided", decided, "every line of the files is understood",
        "haguard reads the files to tell what they would bring. A line behind a condition that cannot be decided \
         here, or with a variable of an environment that cannot be read, makes the answer unknown.";
    "config.hard-stop-after", hard_stop_after, "old workers end after a fixed time",
        "Without hard-stop-after, a worker that holds one idle connection keeps running after a reload, without a \
         time limit.";
    "config.mworker-max-reloads", max_reloads, "the number of old workers is limited",
        "Each reload leaves a worker running for as long as it has connections. mworker-max-reloads ends the \
         workers that have outlived so many reloads. Without it, and without hard-stop-after, frequent reloads fill \
         the memory. HAProxy itself sets 50 from 3.3 on.";
    "config.state-file", state_file, "no server-state file restores old ports",
        "load-server-state-from-file restores ports as well as states. With ports that change, a reload can send \
         traffic to a port on which no process listens any more.";
    "config.state-file-stale", state_file_stale, "no server-state file is older than the worker",
        "A server-state file that is older than the worker holds old server states: a reload would put those states \
         in force again, and their ports and addresses with them.";
};

fn test_same_argv(context: CheckContext<'_>) -> CheckResult {
    let test = context.facts.config.test.context("not tested")?;
    let outcome = match test.valid {
        true => Judgement::pass("HAProxy accepts the files"),
        false => Judgement::fail("HAProxy would not load the files: a restart would be an outage")
            .with_remedy("correct the lines named above, then run the same command again"),
    };
    let alerts = test.alerts.iter().filter(|_| !test.valid).cloned();
    Ok(outcome.with_evidence([test.command.clone()]).with_evidence(alerts))
}

fn rehearsal(context: CheckContext<'_>) -> CheckResult {
    let Some(rehearsal) = &context.facts.rehearsal else {
        return Ok(Judgement::skipped(
            "not rehearsed in a plain check; `haguard check config.rehearsal` does it",
        ));
    };
    let rehearsal = match rehearsal.context("not rehearsed, only tested and read") {
        // Other checks judge what HAProxy's test and haguard's own reading of the files show.
        Err(Unknown { why }) if context.facts.config.test.seen().is_some_and(|test| test.valid) => {
            return Ok(Judgement::warn(why));
        }
        result => result?,
    };
    let outcome = match (rehearsal.failure_reason(), rehearsal.alerts.is_empty()) {
        (Some(why), _) => Judgement::fail(format!("the next worker would not come up: {why}"))
            .with_evidence([rehearsal.command.clone()])
            .with_remedy("correct what HAProxy reports, then run `haguard rehearse`"),
        (None, false) => Judgement::warn("the next worker comes up and logs alerts"),
        (None, true) => Judgement::pass(format!("it came up in {} ms", rehearsal.start_up_ms))
            .with_evidence([rehearsal.command.clone()]),
    };
    Ok(outcome.with_evidence(rehearsal.alerts.iter().cloned()))
}

fn edited_since_load(context: CheckContext<'_>) -> CheckResult {
    let files = context.facts.config.edited_since_load.get()?;
    Ok(match files.is_empty() {
        true => Judgement::pass("no file was written since the worker started"),
        false => Judgement::warn("files were written after the worker started: what runs is older")
            .with_evidence(files.iter().cloned())
            .with_remedy("a reload puts them in force"),
    })
}

fn decided(context: CheckContext<'_>) -> CheckResult {
    let config = &context.facts.config;
    let source = config.source.get()?;
    Ok(match config.undecided.is_empty() {
        true => Judgement::pass(format!("{} read and understood", plural(config.files.len(), "file")))
            .with_evidence([source.clone()]),
        false => {
            Judgement::unknown(format!("{} could not be decided", plural(config.undecided.len(), "line")))
                .with_evidence(config.undecided.iter().take(8).cloned())
        }
    })
}

fn hard_stop_after(context: CheckContext<'_>) -> CheckResult {
    context.facts.config.source.get()?;
    Ok(match &context.facts.config.hard_stop_after {
        Some(limit) => Judgement::pass(format!("old workers run for at most {limit} after a reload")),
        None => Judgement::warn(
            "hard-stop-after is not set: after a reload, a worker with one idle connection never ends",
        )
        .with_remedy("add `hard-stop-after 30m` (or what your longest request needs) to the global section"),
    })
}

/// From this branch on, mworker-max-reloads is 50 by default.
const DEFAULT_LIMIT_SINCE: (u32, u32) = (3, 3);

fn max_reloads(context: CheckContext<'_>) -> CheckResult {
    let config = &context.facts.config;
    config.source.get()?;
    let version = context.facts.instance.seen().and_then(|instance| instance.disk_version.seen());
    let branch = version.and_then(|version| version_numbers(version)).map(|(major, minor, _)| (major, minor));
    Ok(match (&config.max_reloads, &config.hard_stop_after, branch) {
        (Some(limit), _, _) => {
            Judgement::pass(format!("mworker-max-reloads is {limit}: a worker older than that is ended"))
        }
        (None, _, Some(branch)) if branch >= DEFAULT_LIMIT_SINCE => {
            Judgement::pass("a worker is ended after 50 reloads, as HAProxy does by itself from 3.3 on")
        }
        (None, Some(limit), _) => {
            Judgement::pass(format!("the number of old workers has no limit, but each ends after {limit}"))
        }
        (None, None, _) => Judgement::warn("the number of workers of earlier reloads has no limit")
            .with_remedy("add `mworker-max-reloads 50` or `hard-stop-after 30m` to the global section"),
    })
}

fn files_readable(context: CheckContext<'_>) -> CheckResult {
    let ReferencedFiles { count, unreadable } = context.facts.config.named_files.get()?;
    Ok(match (unreadable.is_empty(), *count) {
        (true, 0) => Judgement::pass("the configuration names no map, ACL or certificate file"),
        (true, count) => {
            Judgement::pass(format!("{} of maps, ACLs and certificates can be read", plural(count, "file")))
        }
        (false, _) => Judgement::fail(format!(
            "{} that the configuration names cannot be read",
            plural(unreadable.len(), "file")
        ))
        .with_evidence(unreadable.iter().cloned())
        .with_remedy("restore the files, or allow the user that starts HAProxy to read them"),
    })
}

fn state_file_stale(context: CheckContext<'_>) -> CheckResult {
    let config = &context.facts.config;
    config.source.get()?;
    let (Some(file), Some(written)) = (&config.state_file, &config.state_file_written) else {
        return Ok(Judgement::pass("no server-state file is in force"));
    };
    let started = context.instance()?.worker_started.get()?;
    let format = |at: &jiff::Timestamp| at.strftime("%F %T UTC").to_string();
    Ok(match written.get() {
        Err(Unknown { why }) => Judgement::warn(format!("the server-state file cannot be read: {why}"))
            .with_evidence([file.clone()])
            .with_remedy("let the script that reloads write it first, or remove load-server-state-from-file"),
        Ok(at) if at < started => {
            Judgement::warn("the server-state file is older than the worker: the next one would start with old states and ports")
                .with_evidence([format!("{file} was written {}", format(at))])
                .with_evidence([format!("the worker started {}", format(started))])
                .with_remedy("write `show servers state` into it just before each reload")
        }
        Ok(at) => Judgement::pass("the server-state file is newer than the worker")
            .with_evidence([format!("{file} was written {}", format(at))]),
    })
}

fn state_file(context: CheckContext<'_>) -> CheckResult {
    context.facts.config.source.get()?;
    Ok(match &context.facts.config.state_file {
        None => Judgement::pass("no server-state file is in force"),
        Some(file) => Judgement::warn(
            "a server-state file is in force: it overrides ports and states of the configuration",
        )
        .with_evidence([file.clone()])
        .with_remedy("write it again just before each reload, or remove load-server-state-from-file"),
    })
}

//! What runs here, and whether the claims about it agree.

pub(super) mod namespaces;
pub(super) mod pins;

use super::{Outcome, Seen};
use crate::facts::{Control, Controller, Evidence, Instance, Known, Mode, SocketFact};

/// Without an instance there is nothing to judge.
fn of_instance(seen: Seen<'_>, judge: impl FnOnce(&Instance) -> Outcome) -> Outcome {
    match &seen.facts.instance {
        Known::Seen(instance) => judge(instance),
        Known::Unknown { why } => Outcome::unknown(why.clone()),
    }
}

pub(super) fn process(seen: Seen<'_>) -> Outcome {
    of_instance(seen, |instance| {
        let main = &instance.main;
        let exe = main.exe.seen().map_or("an unreadable program", String::as_str);
        let text = format!("{} runs {exe}, uid {}", instance.title(), main.uid);
        let evidence = [format!("argv: {}", main.argv.join(" "))];
        match main.exe_deleted {
            true => Outcome::warn(format!("{text}, which was replaced or removed on disk"))
                .because(evidence)
                .mend("a reload makes the master run the program that is on disk now"),
            false => Outcome::pass(text).because(evidence),
        }
    })
}

pub(super) fn identity(seen: Seen<'_>) -> Outcome {
    of_instance(seen, |instance| match &instance.identity {
        Known::Seen(sources) => {
            Outcome::pass("two sources agree on the process").because(sources.iter().cloned())
        }
        Known::Unknown { why } => Outcome::unknown(format!("the process is not proven: {why}"))
            .mend("run as root, or as the user that HAProxy runs as"),
    })
}

pub(super) fn single_instance(seen: Seen<'_>) -> Outcome {
    let candidates = match &seen.facts.candidates {
        Known::Unknown { why } => return Outcome::unknown(why.clone()),
        Known::Seen(candidates) => candidates,
    };
    let evidence = candidates.iter().map(|candidate| candidate.describe());
    match candidates.len() {
        0 => Outcome::unknown("no process of that name can be seen")
            .mend("run as root where /proc hides the processes of others (hidepid)"),
        1 => Outcome::pass("one HAProxy runs here").because(evidence),
        many => Outcome::warn(format!(
            "{many} HAProxy run here; each command means the one whose socket it was given"
        ))
        .because(evidence)
        .mend("name one with --master-socket, or in haguard.toml under [haproxy]"),
    }
}

pub(super) fn pid_file(seen: Seen<'_>) -> Outcome {
    of_instance(seen, |instance| match &seen.facts.vitals.pid_file {
        Known::Unknown { why } => {
            Outcome::skipped(format!("whether it writes a PID file is not known: {why}"))
        }
        Known::Seen(None) => Outcome::pass("it was told to write no PID file"),
        Known::Seen(Some(file)) => {
            let ours = |pid: &u32| *pid == instance.main.pid || instance.serving.seen() == Some(pid);
            let evidence = |pids: &[u32]| {
                let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
                [format!("{}: {}", file.path, pids.join(" "))]
            };
            match &file.pids {
                Known::Seen(pids) if !pids.is_empty() && pids.iter().all(ours) => {
                    Outcome::pass("the PID file names it").because(evidence(pids))
                }
                Known::Seen(pids) => {
                    Outcome::warn(format!("the PID file does not name {}", instance.title()))
                        .because(evidence(pids))
                        .mend("let no script signal what it names; haguard never does")
                }
                Known::Unknown { why } => Outcome::warn(format!("the PID file cannot be read: {why}")),
            }
        }
    })
}

/// What to do where it lives in a guest.
const INSIDE: &str = "run haguard in there: only its own managers know who controls it";

pub(super) fn manager(seen: Seen<'_>) -> Outcome {
    of_instance(seen, |instance| {
        let evidence = instance.control.evidence().iter().map(Evidence::words);
        let outcome = match &instance.control {
            Control::Proven { controller: Controller::Nobody { .. }, .. } => {
                Outcome::warn("no service manager controls it")
            }
            Control::Proven {
                controller: controller @ (Controller::Shell { .. } | Controller::Multiplexer { .. }),
                ..
            } => Outcome::warn(format!("no service manager controls it, only {}", controller.words()))
                .mend("run it as a unit of systemd, so that it comes back after an end or a boot"),
            Control::Proven { controller: controller @ Controller::Guest { .. }, .. } => {
                Outcome::unknown(format!("it belongs to {}", controller.words())).mend(INSIDE)
            }
            Control::Proven { controller, .. } => {
                Outcome::pass(format!("it is controlled by {}", controller.words()))
            }
            Control::Claimed { controller, why, .. } => {
                let seems =
                    Outcome::unknown(format!("it seems to be controlled by {}: {why}", controller.words()));
                match controller {
                    Controller::Guest { .. } => seems.mend(INSIDE),
                    _ => seems,
                }
            }
            Control::Conflict { why, .. } => {
                Outcome::fail(format!("sources disagree on what controls it: {why}"))
            }
            Control::Unknown { why, .. } => Outcome::unknown(why.clone()),
        };
        outcome.because(evidence)
    })
}

pub(super) fn master_worker(seen: Seen<'_>) -> Outcome {
    of_instance(seen, |instance| match instance {
        Instance { mode: Mode::MasterWorker, .. } => Outcome::pass("a master starts its workers"),
        Instance { mode: Mode::Standalone, main, .. } => {
            Outcome::warn("it runs without a master: a reload cannot be proven by one")
                .because([format!("argv: {}", main.argv.join(" "))])
                .mend("start it with -W and a master socket: -S /run/haproxy-master.sock")
        }
    })
}

pub(super) fn sockets(seen: Seen<'_>) -> Outcome {
    of_instance(seen, |instance| {
        let ours = |pid: u32| {
            let lists = [&instance.workers, &instance.old_workers];
            pid == instance.main.pid
                || instance.serving.seen() == Some(&pid)
                || lists.into_iter().filter_map(Known::seen).flatten().any(|worker| worker.pid == pid)
        };
        let mut evidence = Vec::new();
        let mut strangers = Vec::new();
        let mut silent = Vec::new();
        let admin = instance.admin_sockets.seen().into_iter().flatten();
        for SocketFact { path, source, answered_by, .. } in
            instance.master_socket.seen().into_iter().chain(admin)
        {
            match answered_by {
                Known::Seen(pid) if ours(*pid) => {
                    evidence.push(format!("{path} ({source}) is answered by {pid}"))
                }
                Known::Seen(pid) => strangers.push(format!("{path} ({source}) is answered by {pid}")),
                Known::Unknown { why } => silent.push(format!("{path} ({source}): {why}")),
            }
        }
        let unseen = [instance.master_socket.why(), instance.admin_sockets.why()];
        if !strangers.is_empty() {
            let worker =
                instance.serving.seen().map_or(String::new(), |pid| format!(", whose worker is {pid}"));
            let text =
                format!("a socket is answered by a process that is not of {}{worker}", instance.title());
            return Outcome::fail(text).because(strangers).mend(
                "name the socket of this instance in haguard.toml, or give each instance its own path",
            );
        }
        if !silent.is_empty() {
            return Outcome::unknown("a socket does not answer").because(silent);
        }
        if evidence.is_empty() {
            let why = unseen.into_iter().flatten().collect::<Vec<_>>().join("; ");
            return Outcome::unknown(format!("no socket of it is known: {why}"))
                .mend("add `stats socket /run/haproxy/admin.sock mode 600 level admin` and start with -S");
        }
        Outcome::pass("its sockets are answered by its own processes").because(evidence)
    })
}

pub(super) fn config_path(seen: Seen<'_>) -> Outcome {
    let Some(api) = &seen.facts.dataplane else {
        return Outcome::skipped("no Data Plane API is configured");
    };
    let written = match &api.config_file {
        Known::Unknown { why } => return Outcome::unknown(why.clone()),
        Known::Seen(file) => file.path.display().to_string(),
    };
    if seen.facts.config.files.is_empty() {
        return Outcome::unknown("the files that the master loads are not known");
    }
    let loaded: Vec<String> = seen.facts.config.files.iter().map(|file| file.path.clone()).collect();
    let evidence =
        [format!("Data Plane API writes {written}"), format!("the master loads {}", loaded.join(" "))];
    match loaded.contains(&written) {
        true => Outcome::pass("the master loads the file that the Data Plane API writes").because(evidence),
        false => Outcome::fail("the master does not load the file that the Data Plane API writes")
            .because(evidence)
            .mend(format!("give both the same file: config_file in dataplaneapi.yml, or -f {written}")),
    }
}

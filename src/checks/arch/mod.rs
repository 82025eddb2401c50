//! What runs here, and whether the claims about it agree.
//!
//! - `namespaces`: whether HAProxy reads the files of this host
//! - `pins`: the pinned architecture against the one that is found

pub(super) mod namespaces;
pub(super) mod pins;

use super::{Check, CheckContext, Judgement};
use crate::facts::{Control, Controller, Evidence, Instance, Known, Mode, SocketFact};

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "arch.process", process, "HAProxy runs here",
        "Everything else is a claim about one process. haguard finds it through the socket it was given, or by \
         looking for processes named haproxy, and names its program, owner and arguments. A program that was \
         replaced on disk means an upgrade that has not taken effect.";
    "arch.identity", identity, "two sources agree on which process it is",
        "A PID file, a process name or a socket path alone has misled people into restarting the wrong thing. \
         haguard wants two sources that agree, for example the master's own list of processes and the listening \
         socket among that process's open files. What is not proven blocks every change.";
    "arch.single-instance", single_instance, "one HAProxy runs on this host",
        "With two instances on a host, a command that was meant for one can hit the other. haguard then wants a \
         socket to be named and says which instance it means.";
    "arch.manager", manager, "a service manager controls it",
        "How a process must be reloaded or restarted depends on who keeps it running: systemd, a container's daemon, \
         Nomad, supervisord, runit, s6, a terminal that somebody typed into, or nobody. Each is believed only when a \
         second source agrees, for systemd the control group and the unit's MainPID, for Docker the control group and \
         the daemon's State.Pid. A unit of a guest has the same name as one of this host and is not taken for it, and a \
         unit whose main process is a script around HAProxy does not control HAProxy.";
    "arch.pidfile", pid_file, "the PID file names it",
        "A PID file outlives its process, and its number is given to another one. haguard never believes it; scripts do, \
         and signal whatever has the number now. So a file that names somebody else is told.";
    "arch.expected", pins::expected, "what runs HAProxy is what was pinned",
        "`inspect --save` records who controls each service and which files it uses. When a later look finds a container \
         where a unit was, or another file, somebody has moved the service: commands that were right before would now \
         hit the wrong thing. Without pins there is nothing to compare; what is not proven is unknown.";
    "arch.namespace", namespaces::namespace, "where it lives can be entered",
        "One in a container or in a hardened unit sees other files, another network and other process numbers than this \
         host. haguard goes where it lives: it reads its files through its root, runs its own program there to test them, \
         and rehearses in a copy of that place. Where it cannot go, everything that it would read out here would be about \
         something else.";
    "arch.config-inode", namespaces::config_inode, "a file that is mounted alone is still the one of this host",
        "A container that mounts a single file keeps that very file: when an editor or a deployment writes a new one and \
         renames it over the old, the container goes on reading the old one, and a reload changes nothing. haguard compares \
         the file as HAProxy sees it with the one that stands here.";
    "arch.master-worker", master_worker, "a master starts its workers",
        "Only a master can say whether a reload really brought up a new worker. Without one, a reload can be \
         ordered but not proven.";
    "arch.sockets", sockets, "its sockets are answered by its own processes",
        "A socket path can be taken over by another instance; what is read there then describes a stranger. \
         haguard compares the PID that answers with the master's list of workers.";
    "arch.config-path", config_path, "the Data Plane API writes the file that the master loads",
        "When the unit starts HAProxy with one file and the Data Plane API writes another, every change seems to \
         work and none survives a restart. This is the usual cause of \"a restart lost all backends\".";
};

/// Without an instance there is nothing to judge.
fn with_instance(seen: CheckContext<'_>, judge: impl FnOnce(&Instance) -> Judgement) -> Judgement {
    match &seen.facts.instance {
        Known::Seen(instance) => judge(instance),
        Known::Unknown { why } => Judgement::unknown(why.clone()),
    }
}

pub(super) fn process(seen: CheckContext<'_>) -> Judgement {
    with_instance(seen, |instance| {
        let main = &instance.main;
        let exe = main.exe.seen().map_or("an unreadable program", String::as_str);
        let text = format!("{} runs {exe}, uid {}", instance.title(), main.uid);
        let evidence = [format!("argv: {}", main.argv.join(" "))];
        match main.exe_deleted {
            true => Judgement::warn(format!("{text}, which was replaced or removed on disk"))
                .with_evidence(evidence)
                .with_remedy("a reload makes the master run the program that is on disk now"),
            false => Judgement::pass(text).with_evidence(evidence),
        }
    })
}

pub(super) fn identity(seen: CheckContext<'_>) -> Judgement {
    with_instance(seen, |instance| match &instance.identity {
        Known::Seen(sources) => {
            Judgement::pass("two sources agree on the process").with_evidence(sources.iter().cloned())
        }
        Known::Unknown { why } => Judgement::unknown(format!("the process is not proven: {why}"))
            .with_remedy("run as root, or as the user that HAProxy runs as"),
    })
}

pub(super) fn single_instance(seen: CheckContext<'_>) -> Judgement {
    let candidates = match &seen.facts.candidates {
        Known::Unknown { why } => return Judgement::unknown(why.clone()),
        Known::Seen(candidates) => candidates,
    };
    let evidence = candidates.iter().map(|candidate| candidate.describe());
    match candidates.len() {
        0 => Judgement::unknown("no process of that name can be seen")
            .with_remedy("run as root where /proc hides the processes of others (hidepid)"),
        1 => Judgement::pass("one HAProxy runs here").with_evidence(evidence),
        many => Judgement::warn(format!(
            "{many} HAProxy run here; each command means the one whose socket it was given"
        ))
        .with_evidence(evidence)
        .with_remedy("name one with --master-socket, or in haguard.toml under [haproxy]"),
    }
}

pub(super) fn pid_file(seen: CheckContext<'_>) -> Judgement {
    with_instance(seen, |instance| match &seen.facts.vitals.pid_file {
        Known::Unknown { why } => {
            Judgement::skipped(format!("whether it writes a PID file is not known: {why}"))
        }
        Known::Seen(None) => Judgement::pass("it was told to write no PID file"),
        Known::Seen(Some(file)) => {
            let ours = |pid: &u32| *pid == instance.main.pid || instance.serving.seen() == Some(pid);
            let evidence = |pids: &[u32]| {
                let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
                [format!("{}: {}", file.path, pids.join(" "))]
            };
            match &file.pids {
                Known::Seen(pids) if !pids.is_empty() && pids.iter().all(ours) => {
                    Judgement::pass("the PID file names it").with_evidence(evidence(pids))
                }
                Known::Seen(pids) => {
                    Judgement::warn(format!("the PID file does not name {}", instance.title()))
                        .with_evidence(evidence(pids))
                        .with_remedy("let no script signal what it names; haguard never does")
                }
                Known::Unknown { why } => Judgement::warn(format!("the PID file cannot be read: {why}")),
            }
        }
    })
}

/// What to do where it lives in a guest.
const RUN_INSIDE_HINT: &str = "run haguard in there: only its own managers know who controls it";

pub(super) fn manager(seen: CheckContext<'_>) -> Judgement {
    with_instance(seen, |instance| {
        let evidence = instance.control.evidence().iter().map(Evidence::describe);
        let outcome = match &instance.control {
            Control::Proven { controller: Controller::Unmanaged { .. }, .. } => {
                Judgement::warn("no service manager controls it")
            }
            Control::Proven {
                controller: controller @ (Controller::Shell { .. } | Controller::Multiplexer { .. }),
                ..
            } => Judgement::warn(format!("no service manager controls it, only {}", controller.describe()))
                .with_remedy("run it as a unit of systemd, so that it comes back after an end or a boot"),
            Control::Proven { controller: controller @ Controller::Guest { .. }, .. } => {
                Judgement::unknown(format!("it belongs to {}", controller.describe()))
                    .with_remedy(RUN_INSIDE_HINT)
            }
            Control::Proven { controller, .. } => {
                Judgement::pass(format!("it is controlled by {}", controller.describe()))
            }
            Control::Claimed { controller, why, .. } => {
                let seems = Judgement::unknown(format!(
                    "it seems to be controlled by {}: {why}",
                    controller.describe()
                ));
                match controller {
                    Controller::Guest { .. } => seems.with_remedy(RUN_INSIDE_HINT),
                    _ => seems,
                }
            }
            Control::Conflict { why, .. } => {
                Judgement::fail(format!("sources disagree on what controls it: {why}"))
            }
            Control::Unknown { why, .. } => Judgement::unknown(why.clone()),
        };
        outcome.with_evidence(evidence)
    })
}

pub(super) fn master_worker(seen: CheckContext<'_>) -> Judgement {
    with_instance(seen, |instance| match instance {
        Instance { mode: Mode::MasterWorker, .. } => Judgement::pass("a master starts its workers"),
        Instance { mode: Mode::Standalone, main, .. } => {
            Judgement::warn("it runs without a master: a reload cannot be proven by one")
                .with_evidence([format!("argv: {}", main.argv.join(" "))])
                .with_remedy("start it with -W and a master socket: -S /run/haproxy-master.sock")
        }
    })
}

pub(super) fn sockets(seen: CheckContext<'_>) -> Judgement {
    with_instance(seen, |instance| {
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
            return Judgement::fail(text).with_evidence(strangers).with_remedy(
                "name the socket of this instance in haguard.toml, or give each instance its own path",
            );
        }
        if !silent.is_empty() {
            return Judgement::unknown("a socket does not answer").with_evidence(silent);
        }
        if evidence.is_empty() {
            let why = unseen.into_iter().flatten().collect::<Vec<_>>().join("; ");
            return Judgement::unknown(format!("no socket of it is known: {why}")).with_remedy(
                "add `stats socket /run/haproxy/admin.sock mode 600 level admin` and start with -S",
            );
        }
        Judgement::pass("its sockets are answered by its own processes").with_evidence(evidence)
    })
}

pub(super) fn config_path(seen: CheckContext<'_>) -> Judgement {
    let Some(api) = &seen.facts.dataplane else {
        return Judgement::skipped("no Data Plane API is configured");
    };
    let written = match &api.config_file {
        Known::Unknown { why } => return Judgement::unknown(why.clone()),
        Known::Seen(file) => file.path.display().to_string(),
    };
    if seen.facts.config.files.is_empty() {
        return Judgement::unknown("the files that the master loads are not known");
    }
    let loaded: Vec<String> = seen.facts.config.files.iter().map(|file| file.path.clone()).collect();
    let evidence =
        [format!("Data Plane API writes {written}"), format!("the master loads {}", loaded.join(" "))];
    match loaded.contains(&written) {
        true => Judgement::pass("the master loads the file that the Data Plane API writes")
            .with_evidence(evidence),
        false => Judgement::fail("the master does not load the file that the Data Plane API writes")
            .with_evidence(evidence)
            .with_remedy(format!(
                "give both the same file: config_file in dataplaneapi.yml, or -f {written}"
            )),
    }
}

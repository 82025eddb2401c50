//! What runs on this host, who controls it, and whether the sources agree.
//!
//! - `namespaces`: whether HAProxy reads the files of this host
//! - `pins`: the pinned architecture against the one that is found

mod namespaces;
mod pins;

use super::{Check, CheckContext, CheckResult, Judgement, START_WITH_MASTER, describe_argv, own_pids};
use crate::facts::{Control, Controller, Evidence, Mode, SocketFact};
use crate::known::Unknown;

/// The rows of this group, in the order they are shown.
pub(super) const ROWS: &[Check] = checks! {
    "arch.process", process, "HAProxy is running on this host",
        "Every other check is about one process. haguard finds it through the socket it was given, or among the \
         processes named haproxy, and reports its program, owner and arguments. A program that was replaced on disk \
         means that an upgrade has not taken effect yet.";
    "arch.identity", identity, "two sources agree on which process it is",
        "A PID file, a process name or a socket path alone can lead to the wrong process. haguard wants two sources \
         that agree, for example the master's own list of processes and the listening socket among that process's \
         open files. Until the process is proven, every change is blocked.";
    "arch.single-instance", single_instance, "one HAProxy runs on this host",
        "With two instances on a host, a command for one can hit the other. haguard then needs the socket of the \
         one to use, and its reports name the instance.";
    "arch.manager", manager, "a service manager controls it",
        "How a process is reloaded or restarted depends on what keeps it running: systemd, a container's daemon, \
         Nomad, supervisord, runit, s6, a shell in a terminal, or nothing. Each is believed only when a second \
         source agrees: for systemd the control group and the unit's MainPID, for Docker the control group and the \
         daemon's State.Pid. A unit of a guest can have the same name as a unit of this host and is not mistaken \
         for it. A unit whose main process is a script around HAProxy does not control HAProxy.";
    "arch.pidfile", pid_file, "the PID file names this HAProxy",
        "A PID file outlives its process, and the kernel gives its number to another process. haguard never relies \
         on a PID file. Scripts do, and signal whatever process has the number now. So a file that names another \
         process is reported.";
    "arch.expected", pins::expected, "the controller and files of each service are the pinned ones",
        "`inspect --save` records who controls each service and which files it uses. When a later look finds a \
         container where a unit was, or another file, the service was moved: commands that were right before would \
         now act on the wrong thing. Without pins there is nothing to compare. A controller that is not proven \
         makes the result unknown.";
    "arch.namespace", namespaces::namespace, "haguard can enter its namespaces",
        "A HAProxy in a container or in a hardened unit sees other files, another network and other process numbers \
         than this host. haguard enters its namespaces: it reads its files through its root, runs its own program \
         there to test them, and rehearses in a copy of that environment. Where haguard cannot enter, everything \
         that it would read on the host would be about something else.";
    "arch.config-inode", namespaces::config_inode, "a file that is mounted alone is still the one of this host",
        "A container that mounts a single file keeps that inode. When an editor or a deployment writes a new file \
         and renames it over the old one, the container keeps reading the old one, and a reload changes nothing. \
         haguard compares the file that HAProxy sees with the file on this host.";
    "arch.master-worker", master_worker, "it runs with a master",
        "Only a master can say whether a reload really brought up a new worker. Without one, a reload can be \
         ordered but not proven.";
    "arch.sockets", sockets, "its sockets are answered by its own processes",
        "Another instance can take over a socket path; what is read there then describes that instance. haguard \
         compares the PID that answers with the master's list of workers.";
    "arch.config-path", config_path, "the Data Plane API writes the file that the master loads",
        "When the unit starts HAProxy with one file and the Data Plane API writes another, every change seems to \
         work and none survives a restart. This is the usual cause of \"a restart lost all backends\".";
};

fn process(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    let main = &instance.main;
    let exe = main.exe.seen().map_or("an unreadable program", String::as_str);
    let text = format!("{} runs {exe}, uid {}", instance.title(), main.uid);
    let outcome = match main.exe_deleted {
        true => Judgement::warn(format!("{text}, which was replaced or removed on disk"))
            .with_remedy("a reload makes the master run the program that is on disk now"),
        false => Judgement::pass(text),
    };
    Ok(outcome.with_evidence([describe_argv(instance)]))
}

fn identity(context: CheckContext<'_>) -> CheckResult {
    Ok(match context.instance()?.identity.get() {
        Ok(sources) => {
            Judgement::pass("two sources agree on the process").with_evidence(sources.iter().cloned())
        }
        Err(Unknown { why }) => Judgement::unknown(format!("the process is not proven: {why}"))
            .with_remedy("run as root, or as the user that HAProxy runs as"),
    })
}

fn single_instance(context: CheckContext<'_>) -> CheckResult {
    let candidates = context.facts.candidates.get()?;
    let evidence = candidates.iter().map(|candidate| candidate.describe());
    Ok(match candidates.len() {
        // The reason why there is no instance is reported once, by the check of the instance.
        0 => match context.facts.instance.why() {
            Some(why) => Judgement::unknown(why.to_owned()),
            None => Judgement::unknown("no process of that name can be seen")
                .with_remedy("run as root where /proc hides the processes of others (hidepid)"),
        },
        1 => Judgement::pass("one HAProxy runs on this host").with_evidence(evidence),
        many => Judgement::warn(format!(
            "{many} HAProxy instances run on this host; a command uses the one whose socket it was given"
        ))
        .with_evidence(evidence)
        .with_remedy("name one with --master-socket, or in haguard.toml under [haproxy]"),
    })
}

fn pid_file(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    let file = match context.facts.vitals.pid_file.context("whether it writes a PID file is not known") {
        Err(Unknown { why }) => return Ok(Judgement::skipped(why)),
        Ok(None) => return Ok(Judgement::pass("it is configured to write no PID file")),
        Ok(Some(file)) => file,
    };
    let pids = match file.pids.get() {
        Err(Unknown { why }) => {
            return Ok(Judgement::warn(format!("the PID file cannot be read: {why}")));
        }
        Ok(pids) => pids,
    };
    let ours = |pid: &u32| *pid == instance.main.pid || instance.serving.seen() == Some(pid);
    let outcome = match !pids.is_empty() && pids.iter().all(ours) {
        true => Judgement::pass("the PID file names it"),
        false => Judgement::warn(format!("the PID file does not name {}", instance.title()))
            .with_remedy("do not let scripts signal the PID in it; haguard never does"),
    };
    let named: Vec<String> = pids.iter().map(u32::to_string).collect();
    Ok(outcome.with_evidence([format!("{}: {}", file.path, named.join(" "))]))
}

/// For a HAProxy in a guest, such as a container with its own systemd.
const RUN_INSIDE_HINT: &str = "run haguard inside that system: only its own managers know what controls it";

fn manager(context: CheckContext<'_>) -> CheckResult {
    let control = &context.instance()?.control;
    let outcome = match control {
        Control::Proven { controller: Controller::Unmanaged(_), .. } => {
            Judgement::warn("no service manager controls it")
        }
        Control::Proven {
            controller: controller @ (Controller::Shell(_) | Controller::Multiplexer(_)),
            ..
        } => Judgement::warn(format!("no service manager controls it, only {}", controller.describe()))
            .with_remedy("run it as a systemd unit, so that it is started again when it ends and at boot"),
        Control::Proven { controller: controller @ Controller::Guest(_), .. } => {
            Judgement::unknown(format!("it belongs to {}", controller.describe()))
                .with_remedy(RUN_INSIDE_HINT)
        }
        Control::Proven { controller, .. } => {
            Judgement::pass(format!("it is controlled by {}", controller.describe()))
        }
        Control::Claimed { controller, why, .. } => {
            let seems =
                Judgement::unknown(format!("it seems to be controlled by {}: {why}", controller.describe()));
            match controller {
                Controller::Guest(_) => seems.with_remedy(RUN_INSIDE_HINT),
                _ => seems,
            }
        }
        Control::Conflict { why, .. } => {
            Judgement::fail(format!("sources disagree on what controls it: {why}"))
        }
        Control::Unknown { why, .. } => Judgement::unknown(why.clone()),
    };
    Ok(outcome.with_evidence(control.evidence().iter().map(Evidence::describe)))
}

fn master_worker(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    Ok(match instance.mode {
        Mode::MasterWorker => Judgement::pass("it runs with a master, which starts its workers"),
        Mode::Standalone => Judgement::warn("it runs without a master, so a reload cannot be proven")
            .with_evidence([describe_argv(instance)])
            .with_remedy(START_WITH_MASTER),
    })
}

fn sockets(context: CheckContext<'_>) -> CheckResult {
    let instance = context.instance()?;
    let ours = own_pids(instance);
    let [mut evidence, mut foreign, mut silent] = [Vec::new(), Vec::new(), Vec::new()];
    let admin = instance.admin_sockets.seen().into_iter().flatten();
    for SocketFact { path, source, answered_by, .. } in instance.master_socket.seen().into_iter().chain(admin)
    {
        match answered_by.get() {
            Ok(pid) if ours.contains(pid) => evidence.push(format!("{path} ({source}) is answered by {pid}")),
            Ok(pid) => foreign.push(format!("{path} ({source}) is answered by {pid}")),
            Err(Unknown { why }) => silent.push(format!("{path} ({source}): {why}")),
        }
    }
    if !foreign.is_empty() {
        let worker = instance.serving.seen().map_or(String::new(), |pid| format!(", whose worker is {pid}"));
        let text =
            format!("a process that does not belong to {}{worker} answers its socket", instance.title());
        return Ok(Judgement::fail(text).with_evidence(foreign).with_remedy(
            "name the socket of this instance in haguard.toml, or give each instance its own path",
        ));
    }
    if !silent.is_empty() {
        return Ok(Judgement::unknown("a socket does not answer").with_evidence(silent));
    }
    if evidence.is_empty() {
        let unseen = [instance.master_socket.why(), instance.admin_sockets.why()];
        let why = unseen.into_iter().flatten().collect::<Vec<_>>().join("; ");
        return Ok(Judgement::unknown(format!("no socket of it is known: {why}")).with_remedy(
            "add `stats socket /run/haproxy/admin.sock mode 600 level admin` and start with -S",
        ));
    }
    Ok(Judgement::pass("its sockets are answered by its own processes").with_evidence(evidence))
}

fn config_path(context: CheckContext<'_>) -> CheckResult {
    let Some(api) = &context.facts.dataplane else {
        return Ok(Judgement::skipped("no Data Plane API is configured"));
    };
    let written = api.config_file.get()?.path.display().to_string();
    if context.facts.config.files.is_empty() {
        return Err(Unknown::new("the files that the master loads are not known"));
    }
    let loaded: Vec<String> = context.facts.config.files.iter().map(|file| file.path.clone()).collect();
    let outcome = match loaded.contains(&written) {
        true => Judgement::pass("the master loads the file that the Data Plane API writes"),
        false => Judgement::fail("the master does not load the file that the Data Plane API writes")
            .with_remedy(format!(
                "give both the same file: config_file in dataplaneapi.yml, or -f {written}"
            )),
    };
    Ok(outcome.with_evidence([
        format!("Data Plane API writes {written}"),
        format!("the master loads {}", loaded.join(" ")),
    ]))
}

//! The whole table of checks in one screen.

use super::arch::{self, namespaces, pins};
use super::config::{self, binds};
use super::proc::{self, resources};
use super::reload::{self, rollback};
use super::{Check, dp, guard, host, restart, runtime};

macro_rules! checks {
    ($($id:literal, $run:path, $title:literal, $why:literal;)*) => {
        &[$(Check { id: $id, title: $title, why: $why, run: $run }),*]
    };
}

/// Every check, in the order they are shown.
pub const CHECKS: &[Check] = checks! {
    "arch.process", arch::process, "HAProxy runs here",
        "Everything else is a claim about one process. haguard finds it through the socket it was given, or by \
         looking for processes named haproxy, and names its program, owner and arguments. A program that was \
         replaced on disk means an upgrade that has not taken effect.";
    "arch.identity", arch::identity, "two sources agree on which process it is",
        "A PID file, a process name or a socket path alone has misled people into restarting the wrong thing. \
         haguard wants two sources that agree, for example the master's own list of processes and the listening \
         socket among that process's open files. What is not proven blocks every change.";
    "arch.single-instance", arch::single_instance, "one HAProxy runs on this host",
        "With two instances on a host, a command that was meant for one can hit the other. haguard then wants a \
         socket to be named and says which instance it means.";
    "arch.manager", arch::manager, "a service manager controls it",
        "How a process must be reloaded or restarted depends on who keeps it running: systemd, a container's daemon, \
         Nomad, supervisord, runit, s6, a terminal that somebody typed into, or nobody. Each is believed only when a \
         second source agrees, for systemd the control group and the unit's MainPID, for Docker the control group and \
         the daemon's State.Pid. A unit of a guest has the same name as one of this host and is not taken for it, and a \
         unit whose main process is a script around HAProxy does not control HAProxy.";
    "arch.pidfile", arch::pid_file, "the PID file names it",
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
    "arch.master-worker", arch::master_worker, "a master starts its workers",
        "Only a master can say whether a reload really brought up a new worker. Without one, a reload can be \
         ordered but not proven.";
    "arch.sockets", arch::sockets, "its sockets are answered by its own processes",
        "A socket path can be taken over by another instance; what is read there then describes a stranger. \
         haguard compares the PID that answers with the master's list of workers.";
    "arch.config-path", arch::config_path, "the Data Plane API writes the file that the master loads",
        "When the unit starts HAProxy with one file and the Data Plane API writes another, every change seems to \
         work and none survives a restart. This is the usual cause of \"a restart lost all backends\".";
    "proc.master-responsive", proc::master_responsive, "the master answers on its socket",
        "The master socket is the only place that tells the truth about reloads: which workers run, and how many \
         reloads have failed since the last good one.";
    "proc.reload-settled", proc::reload_settled, "the last reload succeeded",
        "systemctl reload exits 0 even when the new worker never came up. The master counts failures; as long as \
         that count is not 0, an older worker serves an older configuration than the one on disk.";
    "proc.leftovers", proc::leftovers, "no worker of an earlier reload is left",
        "Each reload leaves its worker behind until its last connection ends. Many of them cost memory, and a \
         restart cuts their connections too.";
    "proc.seamless", resources::seamless, "a new worker gets the listening sockets of the old one",
        "The master hands its listening sockets to each new worker, so that no client is refused in between. -dR, \
         noreuseport or `-x /dev/null` switch that off, and HAProxy's log says when it did not work.";
    "proc.fd-headroom", resources::fd_headroom, "files can still be opened",
        "Every connection, listener and old worker takes a file descriptor. At the limit connections are not accepted, \
         and a reload fails although the configuration is good. The limit of a running master cannot be raised by a \
         reload.";
    "proc.mem-headroom", resources::mem_headroom, "a second worker has room beside the one that serves",
        "During a reload both workers are there, each with its own copy of certificates, maps and buffers. Where memory \
         does not suffice, the kernel ends one of them, and it may be the one that serves.";
    "proc.known-bug", resources::known_bug, "the version that runs has no known bug of the master",
        "Some releases lose signals after a failed reload, hide workers or close the master socket for everybody. haguard \
         knows a few of them with the commit that corrected each, and compares the branch and the day of the release.";
    "proc.unplanned-restarts", guard::unplanned_restarts, "systemd has not started it again by itself",
        "After a crash or a kill, Restart= brings HAProxy back with nothing in its memory, and nobody is told. systemd \
         counts these restarts in NRestarts; each one lost what the ledger shows.";
    "config.rehearsal", config::rehearsal, "the next worker comes up in a sealed copy of this host",
        "A configuration that passes HAProxy's own test can still fail when it is started: a folder or a file that \
         its user may not use, a port that needs root, a script that fails at run time. haguard starts the next worker \
         with the master's own program, arguments, environment and user in a copy of this host from which nothing gets \
         out, and asks it what it holds. That needs root; commands that only look do not do it.";
    "config.test-same-argv", config::test_same_argv, "HAProxy accepts the files, tested with the master's own arguments",
        "A configuration test with other arguments, another folder or another environment tests something else. \
         haguard runs the program on disk with the master's own. Valid is not proof that the next worker comes \
         up: a test binds no ports.";
    "config.new-binds-free", binds::new_binds_free, "every address that a reload would add can be had",
        "A configuration test binds nothing. When a new address is already held, the next worker fails to start, and \
         while it tries, the old one has given up its listeners: clients are refused for two seconds, and systemctl \
         reload exits 0. haguard looks up each new bind among the sockets of this host and binds it for a moment. It \
         names the owner, an address that is on no interface, a port or a folder that HAProxy may not use; the path \
         of a unix socket that somebody listens on counts as held, because HAProxy would replace it without a word.";
    "config.files-readable", config::files_readable, "the files that the configuration names can be read",
        "A map, an ACL or a certificate that is gone, or that the user who starts HAProxy may not read, makes the next \
         start fail although the configuration itself was never touched. haguard names the file and the line that asks \
         for it, also where it cannot run HAProxy's own test.";
    "config.edited-since-load", config::edited_since_load, "no file was written since the worker started",
        "What runs is what was on disk when the worker started. A file that is newer is a change that the next \
         reload, by anybody, puts in force.";
    "config.decided", config::decided, "every line of the files is understood",
        "haguard reads the files to tell what they would bring. A line behind a condition that cannot be decided \
         here, or with a variable of an environment that cannot be read, makes the answer unknown.";
    "config.hard-stop-after", config::hard_stop_after, "old workers have a last moment",
        "Without hard-stop-after a worker that holds one idle connection lives for ever after a reload.";
    "config.mworker-max-reloads", config::max_reloads, "the number of old workers has a limit",
        "Each reload leaves a worker behind for as long as it has connections. mworker-max-reloads ends those that have \
         outlived so many reloads; without it, and without hard-stop-after, frequent reloads fill the memory. HAProxy \
         itself sets 50 from 3.3 on.";
    "config.state-file", config::state_file, "no server-state file pins old ports",
        "load-server-state-from-file restores ports as well as states: with ports that change, a reload can send \
         traffic to a port that nobody listens on any more.";
    "config.state-file-stale", config::state_file_stale, "the server-state file is written before each reload",
        "A server-state file that is older than the worker describes servers of long ago: a reload would put their states, \
         and with them ports and addresses, in force again.";
    "runtime.memory-only", runtime::memory_only, "every frontend and backend is in the files",
        "A backend that runs but is in no loaded file disappears with the next reload or restart. That is the \
         outage haguard was made for.";
    "runtime.dynamic-servers", runtime::dynamic_servers, "every server is in the files",
        "A server that was added over the socket, or through the Data Plane API's runtime endpoints, is gone after \
         a reload.";
    "runtime.maint-servers", runtime::maint_servers, "no server state was set at run time",
        "A server that was put in maintenance over the socket takes traffic again after a reload.";
    "runtime.server-drift", runtime::server_drift, "weights and addresses are those of the files",
        "Weights and addresses that were set over the socket return to what the files say.";
    "runtime.map-drift", runtime::map_drift, "maps and ACLs are those of their files",
        "Entries that were added, changed or deleted over the socket are undone by a reload: the file wins.";
    "runtime.cert-drift", runtime::cert_drift, "certificates are those on disk",
        "A certificate that was set over the socket is replaced by the one on disk, which may have expired.";
    "runtime.peers-synced", runtime::peers_synced, "stick tables are carried over a reload",
        "A stick table without a peers section that has a local peer is empty after a reload; every one is empty \
         after a restart unless another peer teaches it.";
    "dp.reachable", dp::reachable, "the Data Plane API answers",
        "What was written through the Data Plane API and has not been loaded can only be told by asking it.";
    "dp.auth", dp::auth, "the Data Plane API takes our user and password",
        "Everything about the Data Plane API is unknown to whoever is not let in. A password that is sent over the network \
         without TLS is everybody's.";
    "dp.memory", dp::memory, "the Data Plane API's memory is the file on disk",
        "After a reload that failed, the Data Plane API restores the last good file but keeps the bad \
         configuration in memory: every later write brings it back and fails again. SIGUSR2 makes it read the \
         file anew.";
    "dp.md5", dp::md5, "nobody edited the file by hand",
        "The Data Plane API records a checksum in the file. One that does not fit means an edit by another hand, \
         which its next write may overwrite.";
    "dp.lkg-drift", dp::lkg_drift, "the last known good file is the file in force",
        "After a failed reload the Data Plane API copies its last known good file over the configuration. When \
         they differ, changes that were made any other way would be undone then.";
    "dp.pending-reload", dp::pending_reload, "no reload of the Data Plane API is pending",
        "A write that was answered with 202 is on disk and not in force until the API's next reload; if the API \
         ends before that, nobody reloads.";
    "dp.open-transactions", dp::open_transactions, "no transaction is open",
        "An open transaction is somebody's unfinished work; committing it later changes the configuration again, \
         and forgotten ones use up the API's limit.";
    "dp.reload-strategy", dp::reload_strategy, "the Data Plane API asks the master to reload",
        "With master_runtime the API asks the master and hears whether the new worker came up. With reload_cmd it runs a \
         command without a shell, so that pipes and $() never work, and takes status 0 for a success, which systemctl \
         reload gives for a failed reload too.";
    "dp.other-writers", dp::other_writers, "nobody else writes the Data Plane API's file",
        "A template engine or a connector that writes the same file takes back what the API wrote, and the API takes back \
         what they wrote. haguard looks for those it knows by name among the processes of this host.";
    "guard.installed", guard::installed, "systemd is told to refuse a restart by hand",
        "One static line, RefuseManualStop=yes, makes systemd itself refuse restart, stop and try-restart by anybody: \
         a person's reflex, a playbook, needrestart. Reload, start, boot and shutdown go on as before. `haguard guard \
         install` writes it, `haguard guard remove` takes it away without a trace.";
    "guard.effective", guard::effective, "systemd has read the guard and keeps to it",
        "A drop-in that systemd has not read refuses nothing, and neither does one that a file under /run lifts, which \
         an emergency restart by hand leaves behind when it is cut short. What counts is the property of the loaded \
         unit, not the file.";
    "guard.boot-enabled", guard::boot_enabled, "HAProxy starts at the next boot",
        "`systemctl disable --now` disables the unit first and is then refused the stop: HAProxy runs on, and is gone \
         after the next boot. The state of the unit's file tells.";
    "guard.holes", guard::bypasses, "nothing went around the guard",
        "kill, `disable --now`, `mask`, `revert`, the removal of the package, and a stop of a unit that this one is bound \
         to are not kept off by the guard. Most of them leave traces in systemd's properties, and those are looked for; \
         where HAProxy is in a container, systemd is never asked.";
    "host.version-skew", proc::version_skew, "the version that runs is the version on disk",
        "After a package upgrade the old program goes on running until a reload, and the new one may not accept \
         the same configuration.";
    "host.stale-libs", host::stale_libraries, "the libraries that run are those on disk",
        "After an upgrade of OpenSSL or libc the running processes go on with the old code, holes included. A restart is \
         not needed for that: on a reload the master executes itself again, and both it and the new worker load what is \
         on disk.";
    "host.needrestart", host::needrestart, "needrestart leaves HAProxy alone",
        "needrestart runs after package upgrades and may restart every service that uses a replaced library, which is the \
         most common restart that nobody ordered. It heeds a guard in the unit and its own rules.";
    "host.freeze", host::freeze, "changes are not frozen",
        "/etc/haguard/freeze, or freeze in the state folder, stops every change by haguard and says why. While one is in \
         force, looking is all that can be done; --for calls it a failure, because the operation would refuse.";
    "host.lock", host::lock, "nobody else is changing this HAProxy",
        "One run at a time changes a HAProxy; a reload that waits for its confirmation counts as one. Whoever comes \
         meanwhile is told who it is and exits 7; --for calls that a failure.";
};

/// Checks that only one operation needs.
pub const OPERATION_CHECKS: &[Check] = checks! {
    "reload.way", reload::reload_method, "there is a proven way to order a reload",
        "A reload is ordered from the master, over its socket or by a signal to the one process that is proven to \
         be it. haguard never starts a second process by hand, and never turns a reload into a restart.";
    "reload.settled", reload::no_reload_pending, "no reload is under way or pending",
        "Two reloads at once cannot be told apart, a signal that arrives while one is under way can be lost, and a \
         reload that the Data Plane API has pending would come on top of this one. A failed reload of before is a \
         warning as long as it is known which worker serves.";
    "guard.ready", guard::ready, "the guard can come or go without changing anything else",
        "daemon-reload puts every edit of unit files in force, so the guard is not written while an edit of this unit \
         waits to be read. A file of the guard's name that haguard did not write, or that somebody edited since, is \
         left alone.";
    "reload.way-back", rollback::rollback_skipped, "the configuration of before would come up again",
        "With --confirm-within the configuration of before is put back unless somebody confirms the new one. A way back \
         that ends in a failed reload is none, so it is rehearsed, or at least tested, before anything is done.";
    "restart.cold-start", restart::cold_start, "it comes up again, rehearsed from cold",
        "A restart ends what serves before anything else is up. So what would come up is started first, in a sealed copy \
         of this host. What nobody keeps starts with the program, arguments, environment and user that it has; a unit of \
         systemd's says them anew at each start, so it is asked, and its EnvironmentFiles are read. A start that fails \
         there would be an outage; one that could not be tried there is not known to be none. Both refuse. So does a \
         guard whose lift would make systemd read files that it has not read yet.";
    "restart.binds-free", restart::binds_free, "no stranger holds an address that it would take",
        "Between the end of the one and the start of the other its addresses are free for everybody. What it listens on \
         itself counts as free; what another process holds does not, and HAProxy would not start.";
    "restart.way", restart::restart_method, "it is proven who restarts it",
        "systemd restarts a unit, Docker a container, Podman one that no unit runs (over its socket), and what nobody \
         keeps is ended and started again with its own command line, user, folder and limits. Anybody else, such as \
         supervisord or Nomad, would start a second one beside it or count its end as a crash: it is restarted there. \
         Two sources have to agree on who it is. Sockets that were handed down to it (fd@N) are opened by whoever \
         starts it, and by nobody else.";
    "restart.unit", restart::unit, "systemd has read its unit, which would start what runs",
        "A unit file that was changed and not read by systemd, or is read by the daemon-reload that lifts the guard, \
         makes a restart start something else than what runs. So does an EnvironmentFile that was edited since, or a \
         drop-in with another limit, user or command: a restart uses them, a reload does not. haguard rehearses what the \
         unit would start, and names what differs: of variables the names alone. What could not be worked out is taken \
         from what runs, and said.";
};

/// Every check there is.
pub fn all_checks() -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().chain(OPERATION_CHECKS)
}

/// The check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    all_checks().find(|check| check.id == id)
}

/// The ids that a name stands for: a check's own, or those of a group that belong to no single operation.
pub fn ids_for_name(name: &str) -> Vec<&'static str> {
    let group = CHECKS.iter().filter(|check| check.group() == name);
    find(name).into_iter().chain(group).map(|check| check.id).collect()
}

/// The known id that is most like this one.
pub fn nearest_id(id: &str) -> &'static str {
    let score = |check: &&'static Check| (strsim::jaro_winkler(id, check.id) * 1e6) as u64;
    all_checks().max_by_key(score).map_or("", |check| check.id)
}

//! The whole table of checks in one screen.

use super::{Check, arch, binds, config, dataplane, process, reload, runtime, way_back};

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
    "arch.master-worker", arch::master_worker, "a master starts its workers",
        "Only a master can say whether a reload really brought up a new worker. Without one, a reload can be \
         ordered but not proven.";
    "arch.sockets", arch::sockets, "its sockets are answered by its own processes",
        "A socket path can be taken over by another instance; what is read there then describes a stranger. \
         haguard compares the PID that answers with the master's list of workers.";
    "arch.config-path", arch::config_path, "the Data Plane API writes the file that the master loads",
        "When the unit starts HAProxy with one file and the Data Plane API writes another, every change seems to \
         work and none survives a restart. This is the usual cause of \"a restart lost all backends\".";
    "proc.master-responsive", process::responsive, "the master answers on its socket",
        "The master socket is the only place that tells the truth about reloads: which workers run, and how many \
         reloads have failed since the last good one.";
    "proc.reload-settled", process::settled, "the last reload succeeded",
        "systemctl reload exits 0 even when the new worker never came up. The master counts failures; as long as \
         that count is not 0, an older worker serves an older configuration than the one on disk.";
    "proc.leftovers", process::leftovers, "no worker of an earlier reload is left",
        "Each reload leaves its worker behind until its last connection ends. Many of them cost memory, and a \
         restart cuts their connections too.";
    "config.rehearsal", config::rehearsal, "the next worker comes up in a sealed copy of this host",
        "A configuration that passes HAProxy's own test can still fail when it is started: a folder or a file that \
         its user may not use, a port that needs root, a script that fails at run time. haguard starts the next worker \
         with the master's own program, arguments, environment and user in a copy of this host from which nothing gets \
         out, and asks it what it holds. That needs root; commands that only look do not do it.";
    "config.test-same-argv", config::valid, "HAProxy accepts the files, tested with the master's own arguments",
        "A configuration test with other arguments, another folder or another environment tests something else. \
         haguard runs the program on disk with the master's own. Valid is not proof that the next worker comes \
         up: a test binds no ports.";
    "config.new-binds-free", binds::free, "every address that a reload would add can be had",
        "A configuration test binds nothing. When a new address is already held, the next worker fails to start, and \
         while it tries, the old one has given up its listeners: clients are refused for two seconds, and systemctl \
         reload exits 0. haguard looks up each new bind among the sockets of this host and binds it for a moment. It \
         names the owner, an address that is on no interface, a port or a folder that HAProxy may not use; the path \
         of a unix socket that somebody listens on counts as held, because HAProxy would replace it without a word.";
    "config.edited-since-load", config::edited, "no file was written since the worker started",
        "What runs is what was on disk when the worker started. A file that is newer is a change that the next \
         reload, by anybody, puts in force.";
    "config.decided", config::decided, "every line of the files is understood",
        "haguard reads the files to tell what they would bring. A line behind a condition that cannot be decided \
         here, or with a variable of an environment that cannot be read, makes the answer unknown.";
    "config.hard-stop-after", config::hard_stop_after, "old workers have a last moment",
        "Without hard-stop-after a worker that holds one idle connection lives for ever after a reload.";
    "config.state-file", config::state_file, "no server-state file pins old ports",
        "load-server-state-from-file restores ports as well as states: with ports that change, a reload can send \
         traffic to a port that nobody listens on any more.";
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
    "dp.reachable", dataplane::reachable, "the Data Plane API answers",
        "What was written through the Data Plane API and has not been loaded can only be told by asking it.";
    "dp.memory", dataplane::memory, "the Data Plane API's memory is the file on disk",
        "After a reload that failed, the Data Plane API restores the last good file but keeps the bad \
         configuration in memory: every later write brings it back and fails again. SIGUSR2 makes it read the \
         file anew.";
    "dp.md5", dataplane::md5, "nobody edited the file by hand",
        "The Data Plane API records a checksum in the file. One that does not fit means an edit by another hand, \
         which its next write may overwrite.";
    "dp.lkg-drift", dataplane::lkg, "the last known good file is the file in force",
        "After a failed reload the Data Plane API copies its last known good file over the configuration. When \
         they differ, changes that were made any other way would be undone then.";
    "dp.pending-reload", dataplane::pending, "no reload of the Data Plane API is pending",
        "A write that was answered with 202 is on disk and not in force until the API's next reload; if the API \
         ends before that, nobody reloads.";
    "dp.open-transactions", dataplane::transactions, "no transaction is open",
        "An open transaction is somebody's unfinished work; committing it later changes the configuration again, \
         and forgotten ones use up the API's limit.";
    "host.version-skew", process::version_skew, "the version that runs is the version on disk",
        "After a package upgrade the old program goes on running until a reload, and the new one may not accept \
         the same configuration.";
};

/// Checks that only one operation needs.
pub const OF_OPERATIONS: &[Check] = checks! {
    "reload.way", reload::way, "there is a proven way to order a reload",
        "A reload is ordered from the master, over its socket or by a signal to the one process that is proven to \
         be it. haguard never starts a second process by hand, and never turns a reload into a restart.";
    "reload.settled", reload::settled, "no reload is under way or pending",
        "Two reloads at once cannot be told apart, a signal that arrives while one is under way can be lost, and a \
         reload that the Data Plane API has pending would come on top of this one. A failed reload of before is a \
         warning as long as it is known which worker serves.";
    "reload.way-back", way_back::skipped, "the configuration of before would come up again",
        "With --confirm-within the configuration of before is put back unless somebody confirms the new one. A way back \
         that ends in a failed reload is none, so it is rehearsed, or at least tested, before anything is done.";
};

/// Every check there is.
pub fn every() -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().chain(OF_OPERATIONS)
}

/// The check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    every().find(|check| check.id == id)
}

/// The known id that is most like this one.
pub fn nearest(id: &str) -> &'static str {
    let score = |check: &&'static Check| (strsim::jaro_winkler(id, check.id) * 1e6) as u64;
    every().max_by_key(score).map_or("", |check| check.id)
}

//! The subjects of `explain` that are neither a check nor a kind of loss.

/// A subject, a line about it, and its paragraphs.
pub(super) type Topic = (&'static str, &'static str, &'static [&'static str]);

/// Every such subject, in the order they are listed.
pub(super) const TOPICS: &[Topic] = &[
    ("inspect", "how haguard finds out what runs, and what controls it", INSPECT),
    ("check", "how checks judge, what they stop, and how one is ignored", CHECK),
    ("confirm", "how a reload that is not confirmed is undone", CONFIRM),
    ("guard", "how systemd itself refuses a manual restart", GUARD),
    ("reload", "how a reload is planned, done and verified", RELOAD),
    ("rehearse", "how the next worker is rehearsed, and what that shows", REHEARSE),
    ("restart", "why restart refuses", RESTART),
    ("break-glass", "how HAProxy is restarted in an emergency", BREAK_GLASS),
];

const INSPECT: &[&str] = &[
    "haguard inspect reads HAProxy's own sockets, /proc, the files, and asks systemd, Docker and other controllers what \
     they run. It sends no command that changes anything. At its end it lists what was the same before and after it ran.",
    "The controller of a process is proven when two sources agree, such as its control group and systemd's MainPID. One \
     source alone is a claim, a contradiction is a conflict, and what could not be read is unknown; the report says what \
     would be needed, most often root. haguard changes only what is proven.",
    "haguard inspect --save pins what is proven in haguard.toml. When a later run finds another controller or other files, \
     check arch.expected says so, and every reload and restart is refused until the pin or the host is corrected.",
];

const CHECK: &[&str] = &[
    "A check is ok, a warning, failed, unknown, or skipped with the reason. haguard check exits 3 after a failure, else 5 \
     where something is unknown; warnings stop nothing. Each result is followed by its evidence and its remedy. A check \
     changes nothing.",
    "haguard check --for reload, restart or guard runs what that operation requires before it begins, including a \
     rehearsal, a freeze and the lock, and exits as the operation would. --wait 30s repeats the checks until none fails \
     and none is unknown. A group is run by its name: haguard check runtime.",
    "A finding is ignored by its id and with a reason, by --ignore ID --reason TEXT or by [[ignore]] in haguard.toml, where \
     it can have a last day. It is still shown, as a warning at most. arch.*, guard.* and the checks of an operation \
     itself cannot be ignored, and --break-glass ignores [[ignore]] entries.",
];

const RESTART: &[&str] = &[
    "A restart ends the process that serves and starts another one. All runtime state that was set over a socket is lost, \
     every connection is cut, every listener is closed until the new process is up, and files that cannot be loaded \
     become an outage.",
    "A reload starts the next worker beside the one that serves; the old one finishes its connections. A reload loses \
     nearly all runtime state too: the ledger shows the losses of both. The exit status of a reload command proves \
     nothing: ask the master (show proc) for a new worker and [failed: 0].",
    "So haguard restart refuses. It shows what would be lost, the safe alternative with the names of this host filled in, \
     and how to restart when that is necessary: after the master has stopped answering signals, after a change of the \
     unit's limits or capabilities, or for a bind whose device changed. For that there is --break-glass: see explain \
     break-glass.",
];

const BREAK_GLASS: &[&str] = &[
    "haguard restart --break-glass HOST --reason R is the emergency restart. HOST is the name of this host, typed in full: \
     that catches the wrong terminal, which a yes does not. R is written to the journal. haguard shows a plan and wants \
     consent to its id; no option skips that.",
    "It refuses what would be an outage: a start that fails when it is rehearsed from cold, or cannot be rehearsed, an \
     address that another process holds, a HAProxy of which it is not proven who restarts it. HAProxy under supervisord, \
     Nomad and the like is restarted through them.",
    "First the configuration files and the runtime-only state are written to snapshots/ in the state folder, readable by \
     root alone. Then systemd restarts the unit, with the guard lifted by a file under /run for that moment alone; or the \
     daemon restarts the container; or a process without a service manager gets SIGTERM, and its own command line takes \
     its place with the same user, rights, limits, folder, control group and streams.",
    "Runtime state is put back as with reload --keep-runtime: states, weights, addresses, servers, map and ACL entries, \
     and certificates from HAProxy 3.2 on. Stick tables are not. Then haguard verifies the result: another process, the \
     same controller, its sockets, listeners, proxies, servers and their health. It reports how many connections were \
     cut, how long each address was closed, and when everything was back.",
    "Exit 8 means that HAProxy was ended and that something is unfinished: the report names it, the commands to finish it \
     by hand, and a folder with the evidence. Where nothing comes up, the first line says so. SIGINT and SIGTERM before \
     the order stop haguard with nothing done; after the order, the lost state is put back first.",
];

const REHEARSE: &[&str] = &[
    "haguard rehearse starts the next worker in a sealed copy of this host: every file system is copy-on-write, the network \
     has only loopback, and it has its own processes. The worker is started as the master would start it, with the same \
     program, arguments, environment, folder and user, and it is queried by the same code as the running one. It binds, \
     loads, resolves and drops what the next worker would; what it writes is discarded.",
    "So it finds what HAProxy's own test does not: a port that needs root, a folder or a file that its user may not use, a \
     script that fails at run time. Whether an address is free is looked up on the host itself, with the process that \
     holds it. Names are resolved on the host first. Health checks, peers and logs reach nothing from inside the copy, so \
     health is not compared.",
    "It needs root. Where it cannot run, the files are tested and read instead, every line says so, and rehearse ends with \
     5 at best. reload, restart and inspect --losses rehearse; a plain inspect or check does not. However haguard ends, \
     even by SIGKILL, the copy ends with it.",
];

const RELOAD: &[&str] = &[
    "A reload starts the next worker beside the one that serves. haguard reload reads the host, shows a plan with an id, \
     wants consent to that id, asks the master, and then verifies the new worker: its PID, its sockets and listeners, its \
     proxies and servers, and that no server which was up is down. An exit status or an answer is never taken as proof.",
    "The id stands for the plan and for everything that must still be true when it is applied: the master, the serving \
     worker, the count of reloads, every configuration file, the program on disk, and the runtime-only state. When any of \
     these has changed, exit 6 names the change, and nothing is done.",
    "After a failed reload the previous worker keeps serving (exit 1), but clients may have been refused meanwhile: a bind \
     that is taken costs about two seconds on every branch. haguard watches the listening sockets and reports for how \
     long. What it cannot judge ends with exit 8 and the commands to judge it by hand. It never restarts HAProxy.",
    "--keep-runtime reads the runtime-only state just before the order and puts it back into the new worker before the \
     result is verified: what keeps traffic away first, then addresses, weights and checks, map entries last. Only what \
     was set at run time is put back, never what an edit of the files changed. The plan names what cannot be told apart from \
     an edit, or cannot be read from HAProxy.",
    "One run at a time changes a HAProxy: another one exits 7 and names the holder. /etc/haguard/freeze, or freeze in the \
     state folder, stops every change; its content is shown as the reason. SIGINT and SIGTERM let the current step \
     finish; a lost terminal stops nothing. haguard history shows where a killed run stopped.",
];

const CONFIRM: &[&str] = &[
    "haguard reload --confirm-within 90s undoes itself: unless haguard confirm ID comes within that time after the reload \
     was verified, the previous configuration files are put back, HAProxy is reloaded, and the worker of that reload is \
     verified in the same way. The plan shows this, so consent to the plan includes the rollback.",
    "The previous configuration is what the serving worker loaded: the files that --previous names, else the copy that \
     haguard keeps of what it has verified, else the files on disk where they have not been changed since. Where none of \
     these is certain, haguard refuses. What would be put back is rehearsed, or at least tested, first. Only configuration \
     files are put back: no maps, no certificates, nothing that was set over a socket.",
    "The rollback timer is a process in its own session, so it survives a closed shell and a killed haguard. It runs before \
     the reload is ordered. After a failed reload there is nothing to confirm; a reload that cannot be verified is rolled \
     back all the same. A reboot ends the timer, and so does a login manager that ends all processes of a user at logout.",
    "The configuration that was not confirmed is kept beside each file as FILE.unconfirmed-ID, even where the file was \
     edited after the reload. haguard history shows every step. A freeze does not stop a rollback that was consented to \
     before it; haguard confirm does. While one is pending, another haguard reload of the same HAProxy exits 7.",
];

const GUARD: &[&str] = &[
    "The guard is one static line, RefuseManualStop=yes, in a drop-in of the unit. With it systemd itself refuses restart, \
     stop and try-restart, whoever asks and through whatever wrapper: a person, a playbook, needrestart, a maintainer \
     script. Reload, start, boot and shutdown work as before. The line has no condition that could be wrong.",
    "haguard guard install shows a plan, wants consent to its id, writes the file by a rename, makes systemd read it and \
     reads the unit again. When anything else about the unit changed, it removes the file again and verifies that the \
     unit is as before (exit 1). It refuses while an edit of the unit waits for daemon-reload, and where haguard did not \
     write the file of that name. haguard guard remove leaves no trace.",
    "What counts is what systemd has read: a file alone is not effective, and a file under /run can lift it. haguard guard \
     status shows this, without root, and lists what the guard does not prevent: kill, disable --now, mask --now, revert, \
     the removal of the package, a stop of a unit that this one is bound to, and containers. An emergency restart is \
     haguard restart --break-glass, which lifts the guard and restores it.",
];

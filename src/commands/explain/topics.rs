//! What `explain` says of whole subjects.

/// A subject, a line about it, and its paragraphs.
pub(super) type Topic = (&'static str, &'static str, &'static [&'static str]);

/// Every subject that is no check and no kind of loss, in the order they are listed.
pub(super) const TOPICS: &[Topic] = &[
    ("inspect", "how it is known what runs, and who controls it", INSPECT),
    ("check", "how checks judge, what they stop, and how one is ignored", CHECK),
    ("confirm", "how a reload that nobody confirms is undone", CONFIRM),
    ("guard", "how systemd itself refuses a restart by hand", GUARD),
    ("reload", "how a reload is planned, done and proven", RELOAD),
    ("rehearse", "how the next worker is tried out, and what that tells", REHEARSE),
    ("restart", "why restart refuses", RESTART),
    ("break-glass", "how HAProxy is restarted in an emergency", BREAK_GLASS),
];

const INSPECT: &[&str] = &[
    "haguard inspect asks HAProxy's own sockets, /proc, the files, and systemd, Docker and the like about what they keep \
     running. It sends no command that changes anything, and ends with what was the same before and after the look.",
    "Who controls a process is proven when two sources agree, such as its control group and systemd's MainPID. One source \
     alone is claimed, a contradiction is a conflict, and what may not be read is unknown, with what would be needed, most \
     often root. Only what is proven may be changed.",
    "haguard inspect --save pins what is proven in haguard.toml. A later look that finds another controller or other files \
     says so (check arch.expected), and every reload and restart is refused until the pin or the host is right again.",
];

const CHECK: &[&str] = &[
    "A check is ok, a warning, failed, unknown, or skipped with the reason. A failure ends haguard check with 3; without \
     one, what is unknown ends it with 5; warnings stop nothing. What was seen stands under each, and what would mend it. \
     Nothing is changed by looking.",
    "haguard check --for reload, restart or guard asks what that operation wants before it begins, a rehearsal, a freeze \
     and the lock included, and ends as the operation would. --wait 30s looks again until nothing fails and everything is \
     known. A group is asked by its name: haguard check runtime.",
    "A finding to live with is ignored by its id and with a reason, by --ignore ID --reason TEXT or by [[ignore]] in \
     haguard.toml, there with a last day if need be. It is still shown, as a warning at most. arch.*, guard.* and what an \
     operation itself stands on cannot be ignored, and an emergency restart heeds no such decision.",
];

const RESTART: &[&str] = &[
    "A restart ends the process that serves and starts another one. Everything that was put in over a socket is \
     gone, every connection is cut, every listener is closed until the new process is up, and files that cannot be \
     loaded turn into an outage.",
    "A reload starts the next worker beside the one that serves; the old one finishes its connections. It loses \
     nearly all of what was put in over a socket too: the ledger shows both. Its exit status proves nothing: ask the \
     master (show proc) for a new worker and [failed: 0].",
    "So haguard restart refuses. It shows what would be lost, the safe way with your own names filled in, and how a \
     restart is done when it must be: after the master has stopped answering signals, after a change of the unit's \
     limits or capabilities, or for a bind with a device that changed. That way is --break-glass: see explain \
     break-glass.",
];

const BREAK_GLASS: &[&str] = &[
    "haguard restart --break-glass HOST --reason R is the emergency path. HOST is the name of this host, typed out: it \
     catches the wrong terminal, which a yes does not. R goes into the journal. A plan is shown, and consent is given to \
     its id; there is no way around it.",
    "It refuses what would be an outage: a start that fails when it is rehearsed from cold, or cannot be rehearsed, an \
     address that a stranger holds, a HAProxy of which it is not proven who restarts it. supervisord, Nomad and the like \
     restart theirs themselves.",
    "First the configuration files and everything that only memory holds are written to snapshots/ in the state folder, \
     readable by root alone. Then systemd restarts the unit, with the guard lifted by a file under /run for that moment \
     alone; or the daemon restarts the container; or the process that nobody keeps gets SIGTERM, and its own command line \
     takes its place with the same user, rights, limits, folder, control group and streams.",
    "What came at run time is put back as with reload --keep-runtime: states, weights, addresses, servers, map and ACL \
     entries, and certificates from HAProxy 3.2 on. Stick tables are not. Then all of it is proven: another process, the \
     same controller, its sockets, listeners, proxies, servers and their health. It says how many connections were cut, \
     how long each address was closed, and when everything was back.",
    "Exit 8 means that HAProxy was ended and something is open: what, how it is done by hand, and a folder with the \
     evidence are named. Where nothing comes up the first line says so. SIGINT and SIGTERM before the order end it with \
     nothing done; after it, what was lost is put back first.",
];

const REHEARSE: &[&str] = &[
    "haguard rehearse starts the next worker in a sealed copy of this host: every file system is copy-on-write, the \
     network has only loopback, and the processes are its own. It is started as the master would start it, with the \
     same program, arguments, environment, folder and user, and it is asked by the same code as the one that runs. \
     What it binds, loads, resolves and drops is what the next worker would; what it writes vanishes.",
    "So it finds what HAProxy's own test does not: a port that needs root, a folder or a file that its user may not \
     use, a script that fails at run time. What the copy cannot tell is looked up beside it: whether an address that \
     would be bound is free on this host and who holds it. Names are resolved on the host first. Health checks, peers \
     and logs reach nobody in there, so health is not compared.",
    "It needs root. Where it cannot run, the files are tested and read instead, every line says so, and rehearse ends \
     with 5 at best. reload, restart and inspect --losses rehearse; inspect and check only look. However haguard ends, \
     SIGKILL included, the copy ends with it.",
];

const RELOAD: &[&str] = &[
    "A reload starts the next worker beside the one that serves. haguard reload looks, shows a plan with an id, wants \
     consent to that id, asks the master, and then proves the new worker: its PID, its sockets and listeners, its \
     proxies and servers, and that no server which was up is down. An exit status or an answer is never the proof.",
    "The id stands for the plan and for everything that must still be true when it is applied: the master, the serving \
     worker, the count of reloads, every configuration file, the program on disk, and what only memory holds. When any \
     of it moved, exit 6 says what, and nothing is done.",
    "A reload that fails leaves the worker of before in force (exit 1), but clients may have been refused meanwhile: a \
     bind that is taken costs about two seconds on every branch. haguard watches the listening sockets and says for \
     how long. What it cannot judge ends with exit 8 and the commands to judge it by hand. It never restarts HAProxy.",
    "--keep-runtime reads what only memory holds just before the order and puts it back into the new worker before \
     anything is called proven: what keeps traffic away first, checks of servers switched on again, map entries last. \
     Only what came at run time is put back, never what an edit of the files changed; what cannot be told apart, or \
     cannot be read from HAProxy, is named in the plan.",
    "One run at a time changes a HAProxy: another one exits 7 and names the holder. /etc/haguard/freeze, or freeze in \
     the state folder, stops every change; what it says is shown as the reason. SIGINT and SIGTERM let the step under \
     way finish; a lost terminal stops nothing. haguard history tells where a run stopped that was killed.",
];

const CONFIRM: &[&str] = &[
    "haguard reload --confirm-within 90s undoes itself: unless haguard confirm ID comes within that time after the proof, \
     the configuration files of before are put back, HAProxy is reloaded, and the worker that comes of it is proven in \
     the same way. The plan shows this, so the consent to the plan is the consent to the way back.",
    "Before is what the serving worker loaded: the files that --previous names, else the copy that haguard keeps of what \
     it has proven, else the files on disk where nobody has touched them since. Where none of these is sure it refuses. \
     What would be put back is rehearsed, or at least tested, first. Only configuration files are put back: no maps, no \
     certificates, nothing that was set over a socket.",
    "A process of its own waits, in a session of its own, so that a closed shell or a killed haguard does not take the \
     way back along. It lives before the reload is ordered. A reload that failed leaves nothing to confirm; one that is \
     not proven goes back all the same. A reboot ends it, and so does a login manager that ends all of a user's processes \
     when he logs out.",
    "What was not confirmed is kept beside each file as FILE.unconfirmed-ID, whoever wrote it last. haguard history tells \
     every step. A freeze does not stop a way back that was consented to before; haguard confirm does. While one waits, \
     another haguard reload of the same HAProxy exits 7.",
];

const GUARD: &[&str] = &[
    "The guard is one static line, RefuseManualStop=yes, in a drop-in of the unit. With it systemd itself refuses \
     restart, stop and try-restart by anybody, through whatever wrapper: a person's reflex, a playbook, needrestart, a \
     maintainer script. Reload, start, boot and shutdown go on as before. There is no condition in it that could go \
     wrong.",
    "haguard guard install shows a plan, wants consent to its id, writes the file by a rename, lets systemd read it and \
     reads the unit again. When anything else about the unit came out different it takes the file away again and \
     proves that all is as before (exit 1). It refuses while an edit of the unit waits for daemon-reload, and where a \
     file of its name is somebody else's. haguard guard remove leaves no trace.",
    "What counts is what systemd has read: a file alone is not effective, and a file under /run can lift it. haguard guard \
     status tells, without root, and names what the guard does not keep off: kill, disable --now, mask --now, revert, the \
     removal of the package, a stop of a unit that this one is bound to, and containers. An emergency restart is haguard \
     restart --break-glass, which lifts the guard and puts it back.",
];

//! The client against real HAProxy, on every branch that is here.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use haguard::clients::haproxy::runtime::{RuntimeSocket, RuntimeSocketError, WorkerChannel};
use haguard::wire::haproxy::runtime::info::Info;
use haguard::wire::haproxy::runtime::processes::ShowProc;
use haguard::wire::haproxy::runtime::response::Refused;
use haguard::wire::haproxy::runtime::{cli_sockets, patterns, peers, servers_state, stats};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::haproxy::{self, Branch};
use crate::support::process::Process;

use super::{LONG, SHORT, socket, wait};

/// A real HAProxy in master-worker mode, without any port: its frontend listens on a UNIX socket.
struct RealHaproxy {
    master: Process,
    worker: u32,
    folder: TempDir, // the last field: the folder goes after the process
}

impl RealHaproxy {
    fn start(binary: &Path) -> Self {
        let folder = crate::support::run::scratch();
        let at = folder.path().display();
        let mut config = format!(
            "global\n stats socket {at}/admin.sock level admin\n stats socket {at}/user.sock level user\n localpeer me\n\
             defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n\
             peers one\n peer me unix@{at}/one.sock\npeers two\n peer me unix@{at}/two.sock\n\
             frontend fe\n bind unix@{at}/fe.sock\n use_backend %[path,map({at}/paths.map)]\n"
        );
        for n in 0..1000 {
            config += &format!("backend number-{n}\n");
            (0..3).for_each(|k| config += &format!(" server s{k} 127.0.0.1:1\n"));
        }
        std::fs::write(folder.path().join("paths.map"), "/a number-1\n/b number-2\n").unwrap();
        std::fs::write(folder.path().join("h.cfg"), config).unwrap();
        let path = |name: &str| folder.path().join(name);
        let args = ["-W".into(), "-S".into(), path("master.sock").into(), "-f".into(), path("h.cfg").into()];
        let master = Process::start(binary, &args, &[], &path("log"));
        let mut real = RealHaproxy { master, worker: 0, folder };
        let end = Instant::now() + LONG;
        // While it starts (and after each reload) the master is away for a moment: it executes itself anew.
        let ready =
            || real.socket("master").ask_master("show proc").is_ok_and(|text| text.contains(" worker "));
        while real.socket("admin").ask("show info").is_err() || !ready() {
            assert!(
                Instant::now() < end,
                "{}",
                std::fs::read_to_string(real.folder.path().join("log")).unwrap()
            );
            wait(Duration::from_millis(20));
        }
        real.worker = real.proc().workers[0].pid;
        real
    }

    fn socket(&self, name: &str) -> RuntimeSocket {
        socket(&self.folder.path().join(format!("{name}.sock")), LONG)
    }

    fn proc(&self) -> ShowProc {
        ShowProc::parse(&self.socket("master").ask_master("show proc").unwrap()).unwrap()
    }
}

impl Drop for RealHaproxy {
    /// Lets a worker that a test left stopped hear that it is to end.
    fn drop(&mut self) {
        let worker = i32::try_from(self.worker).ok().and_then(Pid::from_raw);
        let _ = worker.map(|pid| kill_process(pid, Signal::CONT));
    }
}

/// Every branch that is here.
fn on_every_branch(test: impl Fn(Branch, &RealHaproxy)) {
    for branch in Branch::here() {
        test(branch, &RealHaproxy::start(&haproxy::binary(branch)));
    }
}

#[test]
fn both_ways_to_a_real_worker_give_the_same_long_answers() {
    on_every_branch(|branch, real| {
        let worker = real.worker;
        for channel in [WorkerChannel::Direct(real.socket("admin")), real.socket("master").via_master(worker)]
        {
            let info = Info::parse(&channel.ask("show info").unwrap()).unwrap();
            assert_eq!(info.pid, worker, "{branch}");
            let states = servers_state::parse(&channel.ask("show servers state").unwrap()).unwrap();
            assert_eq!(states.len(), 3000, "{branch}");
            let rows = stats::parse(&channel.ask("show stat").unwrap()).unwrap();
            assert_eq!(rows.len(), 4001, "{branch}");
            let sections = peers::parse(&channel.ask("show peers").unwrap()).unwrap();
            assert_eq!(sections.len(), 2, "{branch}: an empty line stands between them");
            let level = cli_sockets::parse_level(&channel.ask("show cli level").unwrap()).unwrap();
            assert_eq!(level, cli_sockets::CliLevel::Admin, "{branch}");
        }
        let peer = real.socket("admin").peer_pid().unwrap();
        assert!([worker, real.master.pid()].map(Some).contains(&peer), "{branch}: {peer:?}");
    });
}

#[test]
fn many_questions_cost_one_connection_and_keep_their_order() {
    on_every_branch(|branch, real| {
        let map = format!("show map {}/paths.map", real.folder.path().display());
        let mut commands = vec![map; 50];
        commands.extend(["show map #999", "show nonsense", "show peers", "show version"].map(str::to_owned));
        let calls = Arc::new(AtomicU32::new(0));
        let direct =
            WorkerChannel::Direct(RuntimeSocket::new(real.socket("admin").path(), LONG, calls.clone()));
        let worker = real.worker;
        let through = real.socket("master").via_master(worker);
        let answers = direct.ask_all(&commands).unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 4, "{branch}: two of them stand alone");
        for answers in [answers, through.ask_all(&commands).unwrap()] {
            for answer in &answers[..50] {
                let entries = patterns::parse_map_entries(answer.as_ref().unwrap()).unwrap();
                assert_eq!((entries.len(), entries[1].key.as_str()), (2, "/b"), "{branch}");
            }
            assert!(matches!(answers[50], Err(Refused::NotFound(_))), "{branch}: {:?}", answers[50]);
            assert_eq!(answers[51], Err(Refused::UnknownCommand), "{branch}");
            assert_eq!(peers::parse(answers[52].as_ref().unwrap()).unwrap().len(), 2, "{branch}");
            assert!(answers[53].as_ref().unwrap().starts_with(branch.name()), "{branch}");
        }
    });
}

#[test]
fn a_low_level_is_a_refusal_and_not_an_empty_answer() {
    on_every_branch(|branch, real| {
        let user = real.socket("user");
        assert_eq!(servers_state::parse(&user.ask("show servers state").unwrap()).unwrap().len(), 3000);
        assert!(matches!(user.ask("show ssl cert"), Err(RuntimeSocketError::Refused { .. })), "{branch}");
        let map = user.ask("show map");
        assert_eq!(map.is_err(), branch == Branch::V34, "{branch}: {map:?}");
    });
}

#[test]
fn asking_for_workers_that_are_gone_does_not_use_the_master_up() {
    on_every_branch(|branch, real| {
        let gone = real.socket("master").via_master(4_000_000);
        for _ in 0..200 {
            let error = gone.ask("show info").unwrap_err();
            assert!(
                matches!(error, RuntimeSocketError::Refused { why: Refused::NotFound(_), .. }),
                "{branch}: {error}"
            );
        }
        assert_eq!(real.proc().workers.len(), 1, "{branch}");
    });
}

/// Whether every thread of the process is stopped.
fn stopped(pid: u32) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
    })
}

#[test]
fn a_stopped_worker_is_silent_and_its_master_is_not() {
    on_every_branch(|branch, real| {
        let worker = real.worker;
        let pid = Pid::from_raw(i32::try_from(worker).unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        // The signal reaches each thread in its own time, and a thread that still runs still answers.
        while !stopped(worker) {
            wait(Duration::from_millis(1));
        }
        let ways = [
            WorkerChannel::Direct(socket(real.socket("admin").path(), SHORT)),
            socket(real.socket("master").path(), SHORT).via_master(worker),
        ];
        let errors = ways.map(|way| way.ask("show info").unwrap_err());
        let seen = real.proc();
        kill_process(pid, Signal::CONT).unwrap();
        assert!(
            errors.iter().all(|error| matches!(error, RuntimeSocketError::NoResponse { .. })),
            "{branch}: {errors:?}"
        );
        assert_eq!(seen.workers[0].pid, worker, "{branch}");
    });
}

#[test]
fn ten_forgotten_sessions_make_a_real_socket_wait() {
    on_every_branch(|branch, real| {
        let path = real.socket("admin").path().to_owned();
        let open = || UnixStream::connect(&path).unwrap();
        let forgotten: Vec<UnixStream> = (0..10).map(|_| open()).collect();
        wait(Duration::from_millis(50));
        let error = socket(&path, SHORT).ask("show info").unwrap_err();
        assert!(
            matches!(error, RuntimeSocketError::NoResponse { .. } | RuntimeSocketError::Busy { .. }),
            "{branch}: {error}"
        );
        drop(forgotten);
        assert!(real.socket("admin").ask("show info").is_ok(), "{branch}");
    });
}

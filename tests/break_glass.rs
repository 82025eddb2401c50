//! `haguard restart --break-glass` on real HAProxies: what it wants, what it ends, what it brings back, what it proves.
//! A rehearsal needs root, and so do these.

mod docker;
mod docker_gone;
mod killed;
mod no_room;
mod outage;
mod podman;
mod refusals;
mod rights;
mod systemd;
mod terminal;
mod twenty;
mod unfinished;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::bench::{BackgroundRun, Bench, BenchConfig, end, host};
use crate::support::builder::Builder;
use crate::support::configs::TestConfig;
use crate::support::copied;
use crate::support::document::{as_text, unwrapped};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, on_every_branch};
use crate::support::process::alive;
use crate::support::requires::requires;
use crate::support::truth;
use crate::support::wait::wait_for;

/// Twenty servers, two lists and a certificate of a HAProxy that nobody keeps.
const BREAK_GLASS: BenchConfig = BenchConfig {
    operation: "restart",
    wants: &["--break-glass", "HOST", "--reason", "INC-4711 it is deaf"],
    config: TestConfig {
        globals: "",
        sections: "
frontend web
    bind 127.0.0.1:{port:web}
    bind 127.0.0.1:{port:tls} ssl crt {dir}/site.pem
    http-request deny if { src -f {dir}/block.lst }
    use_backend %[path,map({dir}/routes.map)] if { path,map({dir}/routes.map) -m found }
    default_backend app
backend app
    balance roundrobin
    server one 127.0.0.1:{port:origin} check inter 200ms
    server s1 127.0.0.1:9 weight 10
    server s2 127.0.0.1:9 weight 10
    server s3 127.0.0.1:9 weight 10
    server s4 127.0.0.1:9 weight 10
    server s5 127.0.0.1:9 weight 10
    server s6 127.0.0.1:9 weight 10
    server s7 127.0.0.1:9 weight 10
    server s8 127.0.0.1:9 weight 10
    server s9 127.0.0.1:9 weight 10
    server s10 127.0.0.1:9 weight 10
    server s11 127.0.0.1:9 weight 10
    server s12 127.0.0.1:9 weight 10
    server s13 127.0.0.1:9 weight 10
    server s14 127.0.0.1:9 weight 10
    server s15 127.0.0.1:9 weight 10
    server s16 127.0.0.1:9 weight 10
    server s17 127.0.0.1:9 weight 10
    server s18 127.0.0.1:9 weight 10
    server s19 127.0.0.1:9 weight 10
",
        files: &[
            ("site.pem", "{pem:disk.test}"),
            ("routes.map", "/a app\n/b app\n"),
            ("block.lst", "192.0.2.1\n"),
        ],
    },
};

/// Stops every run at its next line of the journal, until this is dropped.
fn gate(haguard: &Haguard) -> (File, PathBuf) {
    let path = haguard.home().join("state/journal.jsonl");
    let journal = File::options().create(true).append(true).open(&path).unwrap();
    journal.lock().unwrap();
    (journal, path)
}

/// Waits until a run wants to write this journal.
fn wait_at(journal: &Path) {
    wait_at_for(journal, 1);
}

/// Waits until so many runs want to write this journal.
fn wait_at_for(journal: &Path, runs: usize) {
    use std::os::unix::fs::MetadataExt as _;
    let inode = format!(":{} ", std::fs::metadata(journal).unwrap().ino());
    wait_for("the run wants to write its journal", || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let waits = |line: &&str| line.contains("-> FLOCK") && line.contains(&inode);
        (locks.lines().filter(waits).count() >= runs).then_some(())
    });
}

/// MAINT, drain, weights, addresses, map and ACL entries, and three servers that are in no file.
fn disturb(bench: &Bench) {
    let dir = bench.haproxy.dir().display();
    let port = bench.origin.port;
    let mut commands: Vec<String> = (1..=5).map(|n| format!("set server app/s{n} state maint")).collect();
    commands.extend((6..=10).map(|n| format!("set server app/s{n} weight {}", n * 2)));
    commands.extend((11..=12).map(|n| format!("set server app/s{n} state drain")));
    commands.push(format!("set server app/s13 addr 127.0.0.7 port {port}"));
    for name in ["dyn1", "dyn2", "dyn3"] {
        commands.push(format!("add server app/{name} 127.0.0.1:{port} check inter 100ms weight 7"));
        commands.push(format!("enable health app/{name}"));
        commands.push(format!("enable server app/{name}"));
    }
    commands.push(format!("add map {dir}/routes.map /c app"));
    commands.push(format!("del map {dir}/routes.map /b"));
    commands.push(format!("add acl {dir}/block.lst 192.0.2.9"));
    for command in commands {
        let said = bench.haproxy.admin(&command);
        assert!(!said.contains("nknown") && !said.contains("such"), "{command}: {said}");
    }
    let pem = crate::support::pem::self_signed("memory.test");
    bench.haproxy.admin(&format!("set ssl cert {dir}/site.pem <<\n{pem}\n"));
    assert!(bench.haproxy.admin(&format!("commit ssl cert {dir}/site.pem")).contains("Success"));
}

/// A client that is connected and has been answered.
fn client(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    stream
}

#[test]
fn twenty_servers_with_maint_weights_maps_and_three_dynamic_ones_are_as_before_on_a_bare_master() {
    requires!(Root);
    on_every_branch(|branch| {
        let bench = BREAK_GLASS.start(branch);
        disturb(&bench);
        let (old, worker) = (bench.haproxy.master_pid(), bench.haproxy.worker_pid());
        let before = truth::snapshot(&bench.haproxy);
        let plan = bench.json(&["--plan"]);
        assert_eq!((&plan["exit"], &plan["changed"]), (&0.into(), &false.into()), "{branch}: {plan:#}");
        let connections =
            plan["losses"].as_array().unwrap().iter().find(|loss| loss["kind"] == "server-weight");
        assert_eq!(connections.unwrap()["on_restart"], "lost", "{branch}: the ledger is shown");
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}: a plan does nothing");

        let mut client = client(bench.haproxy.port("web"));
        let done = bench.json(&["--approve", as_text(&plan["plan"]["id"])]);
        assert_eq!((&done["exit"], &done["changed"]), (&0.into(), &true.into()), "{branch}: {done:#}");
        let new = u32::try_from(done["restart"]["main"].as_u64().unwrap()).unwrap();
        assert!(new != old && !alive(old) && !alive(worker), "{branch}: {done:#}");
        assert_eq!(bench.main(), Some(new), "{branch}");

        let certificate = ("certificate".to_owned(), format!("{}/site.pem", bench.haproxy.dir().display()));
        // Keys of certificates can be read from 3.2 on.
        let expected =
            if branch >= Branch::V32 { BTreeMap::new() } else { BTreeMap::from([(certificate, 1)]) };
        let lost = truth::lost(&before, &truth::snapshot(&bench.haproxy));
        assert_eq!(lost, expected, "{branch}: {:#}", done["restart"]["returned"]);

        let body = &done["restart"];
        assert!(body["connections_cut"].as_u64().unwrap() >= 1, "{branch}: {body:#}");
        // The client that was connected is cut off, by an end or by a reset: it does not wait for its timeout.
        let ended = client.read_to_end(&mut Vec::new());
        assert!(ended.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true), "{branch}");
        assert!(body["downtime_ms"].as_u64().unwrap() > 0, "{branch}: {body:#}");
        let listeners = body["listeners"].as_array().unwrap();
        assert_eq!(listeners.len(), 2, "{branch}: {body:#}");
        for one in listeners {
            assert!(one["accepted_ms"].as_u64() >= one["closed_ms"].as_u64(), "{branch}: {one}");
        }
        assert!(body["full_service_ms"].as_u64() >= body["restored_ms"].as_u64(), "{branch}: {body:#}");
        assert!(bench.haproxy.get("web", "/").starts_with("HTTP/1.1 "), "{branch}");

        let snapshot = Path::new(as_text(&body["snapshot"]));
        let kept = std::fs::read_to_string(snapshot.join("0")).unwrap();
        assert_eq!(kept, bench.haproxy.config(), "{branch}");
        let runtime = std::fs::read_to_string(snapshot.join("runtime.json")).unwrap();
        for words in ["app/dyn3", "192.0.2.9", "\"/c\""] {
            assert!(runtime.contains(words), "{branch}: {words}");
        }
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(std::fs::metadata(snapshot.join("runtime.json")).unwrap().mode() & 0o777, 0o600);
        assert!(
            std::fs::read_to_string(bench.journal()).unwrap().contains(as_text(&body["snapshot"])),
            "{branch}: the journal names the snapshot"
        );
        let history = bench.haguard.run(["history", "-o", "json"]);
        assert!(history.stdout.contains("INC-4711 it is deaf"), "{branch}: {history}");
    });
}

#[test]
fn the_next_plan_is_another_one_and_a_second_restart_works_as_well() {
    requires!(Root, Haproxy(Branch::V32));
    let bench = BREAK_GLASS.start(Branch::V32);
    let first = bench.plan();
    let done = bench.run(&["--approve", &first]);
    assert_eq!(done.status, 0, "{done}");
    assert_ne!(bench.plan(), first);
    let again = bench.run(&["--approve", &bench.plan()]);
    assert_eq!(again.status, 0, "{again}");
    assert!(again.stdout.lines().all(|line| line.chars().count() <= 80), "{again}");
    let said = unwrapped(&again.stdout);
    for words in [
        "proven: restarted HAProxy (master ",
        "clients could not connect for at most",
        "changes were made. (exit 0)",
    ] {
        assert!(said.contains(words), "`{words}` in {again}");
    }
}

#[test]
fn what_was_reloaded_before_starts_from_its_first_command_line_again() {
    requires!(Root);
    on_every_branch(|branch| {
        let bench = BREAK_GLASS.start(branch);
        assert!(bench.haproxy.reload().success, "{branch}");
        let done = bench.json(&["--approve", &bench.plan()]);
        assert_eq!(done["exit"], 0, "{branch}: {done:#}");
        let main = bench.main().unwrap();
        let argv = std::fs::read_to_string(format!("/proc/{main}/cmdline")).unwrap();
        assert!(!argv.contains("-sf") && !argv.contains("sockpair"), "{branch}: {argv:?}");
        let table = bench.haproxy.master("show proc");
        let line = table.lines().find(|line| line.contains("[failed:")).unwrap();
        // 2.6 counts the execution with which a master begins to wait.
        let count = line.split_whitespace().nth(2).unwrap();
        assert_eq!(count, "0", "{branch}: {table}");
    });
}

#[test]
fn a_master_that_is_stopped_dead_is_killed_and_another_one_serves() {
    requires!(Root, Haproxy(Branch::V30));
    // A master that is stopped answers nobody, so the one without a socket is the one that can still be proven.
    let deaf = BREAK_GLASS.start_with(Branch::V30, |builder| builder.without_master_socket());
    deaf.haproxy.signal_master(Signal::STOP);
    let (old, worker) = (deaf.haproxy.master_pid(), deaf.haproxy.worker_pid());
    let done = deaf.json(&["--approve", &deaf.plan()]);
    assert_eq!(done["exit"], 0, "{done:#}");
    assert!(done["restart"]["notes"].to_string().contains("was killed"), "{done:#}");
    assert!(!alive(old) && !alive(worker), "{done:#}");
    end(u32::try_from(done["restart"]["main"].as_u64().unwrap()).unwrap());
}

#[test]
fn what_is_restarted_from_an_interactive_shell_belongs_to_nobody_afterwards() {
    requires!(Root, Program("script"), Haproxy(Branch::V30));
    let bench = BREAK_GLASS.start(Branch::V30);
    let host = host();
    let answer = bench.haguard.home().join("answer.json");
    let words = ["--break-glass", &host, "--reason", "x", "--approve", &bench.plan(), "-o", "json"];
    let words = bench.arguments(&words).join(" ");
    let mut script = bench.haguard.std_command_for("script");
    script.args(["-qec", "bash --norc -i", "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut shell = script.env("TERM", "dumb").spawn().unwrap();
    let line = format!("{} {words} > {}; exit\n", copied::haguard(), answer.display());
    shell.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    shell.wait().unwrap();
    let document: Value = serde_json::from_str(&std::fs::read_to_string(answer).unwrap()).unwrap();
    assert_eq!(document["exit"], 0, "{document:#}");
}

//! Paths that are no socket, sockets that are not the right one, and sockets that do not answer as HAProxy does.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

use crate::support::configs;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance, on_every_branch};
use crate::support::wait::PATIENCE;

/// Both socket flags, in every command that looks: a refusal stays one, the others cannot tell.
#[track_caller]
fn not_seen(haguard: &Haguard, flag: &str, path: &str, words: &[&str]) {
    // Only where somebody has to be waited for in vain a short time is what is meant: it passes on a loaded machine.
    let vain = words.iter().any(|word| word.contains("no answer within") || word.contains("not complete"));
    let timeout = if vain { "700ms" } else { "30s" };
    for (command, exit) in [("restart", 3), ("inspect", 5), ("check", 5)] {
        let args = [command, flag, path, "--timeout", timeout];
        let begun = Instant::now();
        let json = RunOutput::from_command(
            haguard.command().env("RUST_BACKTRACE", "1").args(args).args(["-o", "json"]),
        );
        assert_eq!(json.status, exit, "{json}");
        let document = json.json();
        let lines = document["losses"].as_array().unwrap();
        assert!(lines.iter().all(|line| line["count"].is_null()), "nothing is counted: {json}");
        assert!(document["changed"] == false && json.stderr.is_empty(), "{json}");
        let text = RunOutput::from_command(haguard.command().env("RUST_BACKTRACE", "1").args(args));
        assert_eq!(text.status, exit, "{text}");
        assert!(begun.elapsed() < PATIENCE, "each within its time: {:?}", begun.elapsed());
        let flat = text.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "{command}: `{word}` is not in\n{text}");
        }
        assert!(flat.contains(flag), "who named it is said: {text}");
        assert!(flat.contains("nothing was changed."), "{text}");
        assert!(!flat.contains("panicked") && !flat.contains("backtrace"), "{text}");
    }
}

#[test]
fn a_path_that_is_no_socket_is_told_from_one_where_nobody_listens() {
    let (haguard, dir) = (Haguard::new(), crate::support::run::scratch());
    let file = dir.path().join("plain.sock");
    std::fs::write(&file, "").unwrap();
    let stale = dir.path().join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    let long = format!("/run/{}/a.sock", "long".repeat(40));
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    for flag in ["--master-socket", "--stats-socket"] {
        let mend = "give the path of a `stats socket` or of the master's `-S`";
        not_seen(&haguard, flag, &name(&file), &[&name(&file), "this is no socket", mend]);
        not_seen(&haguard, flag, &name(dir.path()), &["this is no socket", mend]);
        not_seen(&haguard, flag, "/nowhere/a.sock", &["no such socket", "stats socket"]);
        not_seen(
            &haguard,
            flag,
            &name(&stale),
            &["no process listens on this socket", "find the one that runs"],
        );
        not_seen(&haguard, flag, "127.0.0.1:9999", &["127.0.0.1:9999", "unix socket"]);
        not_seen(&haguard, flag, "ipv4@127.0.0.1:9999", &["unix socket"]);
        not_seen(&haguard, flag, &long, &["longer than a socket path may be", "symbolic link"]);
    }
}

#[test]
fn the_two_kinds_of_socket_are_told_apart() {
    for branch in Branch::here() {
        let haguard = Haguard::new();
        let haproxy = Instance::builder(branch).config(configs::FRONTEND).start();
        let master = haproxy.master_socket().unwrap().to_str().unwrap();
        let admin = haproxy.admin_socket().unwrap().to_str().unwrap();
        let words = [admin, "this is no master socket", "is it an admin socket?", "--stats-socket"];
        not_seen(&haguard, "--master-socket", admin, &words);
        let words = [master, "this is no stats socket", "is it a master socket?", "--master-socket"];
        not_seen(&haguard, "--stats-socket", master, &words);
    }
}

/// A stub: what it does with each connection is a fault that a real HAProxy does not produce on request.
fn stub(dir: &TempDir, serve: impl Fn(&mut UnixStream) + Send + 'static) -> PathBuf {
    let path = dir.path().join("stub.sock");
    let listener = UnixListener::bind(&path).unwrap();
    // It lives as long as the test binary; nothing connects after the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(&mut stream.unwrap());
        }
    });
    path
}

fn read_line(stream: &mut UnixStream) {
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|count| count == 1) && byte != *b"\n" {}
}

/// Waits until the other side gives up.
fn stall(stream: &mut UnixStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

const HALF: &str =
    "#<PID>          <type>          <reloads>       <uptime>        <version>\n1234            mas";

#[test]
fn a_socket_that_never_answers_is_given_up_in_time() {
    let (haguard, dir) = (Haguard::new(), crate::support::run::scratch());
    let path = stub(&dir, stall);
    for flag in ["--master-socket", "--stats-socket"] {
        not_seen(&haguard, flag, path.to_str().unwrap(), &["no answer within", "stopped or stuck"]);
    }
}

#[test]
fn an_answer_that_stalls_or_ends_in_the_middle_of_a_row_is_not_used() {
    let haguard = Haguard::new();
    for (begin, stalls) in
        [(HALF, true), (HALF, false), ("\nName: HAProxy\nPid: 12", true), ("\nPid: 12", false)]
    {
        let dir = crate::support::run::scratch();
        let path = stub(&dir, move |stream| {
            read_line(stream);
            let _ = stream.write_all(begin.as_bytes());
            match stalls {
                true => stall(stream),
                false => drop(stream.shutdown(Shutdown::Both)),
            }
        });
        let words = match stalls {
            true => ["the answer was not complete after", "nothing of it is used", "--timeout"],
            false => ["closed in the middle of the answer", "nothing of it is used", "ask again"],
        };
        let flag = if begin == HALF { "--master-socket" } else { "--stats-socket" };
        not_seen(&haguard, flag, path.to_str().unwrap(), &words);
    }
}

#[test]
fn a_socket_of_another_program_is_no_haproxy() {
    let html = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html><body>no</body></html>\n\n";
    for answer in [html, "\n\n", "OK\n\n", "\u{1b}[2Jsurprise\n\n"] {
        let (haguard, dir) = (Haguard::new(), crate::support::run::scratch());
        let path = stub(&dir, move |stream| {
            read_line(stream);
            let _ = stream.write_all(answer.as_bytes());
        });
        let path = path.to_str().unwrap();
        not_seen(&haguard, "--master-socket", path, &[path, "this is no master socket"]);
        not_seen(&haguard, "--stats-socket", path, &[path, "this is no stats socket"]);
        let said = haguard.run(["inspect", "--stats-socket", path]);
        assert!(!said.stdout.contains('\u{1b}'), "a terminal would obey it: {said}");
    }
}

#[test]
fn a_haproxy_that_is_stopped_is_refused_in_time() {
    on_every_branch(|branch| {
        let haguard = Haguard::new();
        let haproxy = Instance::builder(branch).config(configs::FRONTEND).start();
        let master = haproxy.master_socket().unwrap().to_str().unwrap();
        haproxy.signal_master(rustix::process::Signal::STOP);
        not_seen(&haguard, "--master-socket", master, &["no answer within", "stopped or stuck"]);
        haproxy.signal_master(rustix::process::Signal::CONT);
        let said = haguard.run(["inspect", "--master-socket", master]);
        assert_eq!(said.status, 0, "{branch}: it goes on: {said}");
    });
}

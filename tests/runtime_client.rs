//! The client of the runtime and master sockets: wire faults by a stub, everything else by real HAProxy.
//!
//! The stub is a bare `UnixListener`, for faults only: a real HAProxy does not drip bytes, cut an answer or fill its
//! queue on request. What a good answer looks like is never the stub's to say.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop the test")]

mod real;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use haguard::clients::haproxy::runtime::{RuntimeSocket, RuntimeSocketError};
use haguard::wire::haproxy::runtime::response::Refused;
use tempfile::TempDir;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);

fn socket(path: &Path, timeout: Duration) -> RuntimeSocket {
    RuntimeSocket::new(path, timeout, Arc::new(AtomicU32::new(0)))
}

fn wait(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// Serves `connections` connections one after another: reads one line and hands it over with the stream.
fn stub(
    connections: usize,
    serve: impl Fn(&str, UnixStream) + Send + 'static,
) -> (TempDir, PathBuf, std::thread::JoinHandle<()>) {
    let folder = crate::support::run::scratch();
    let path = folder.path().join("stub.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut line, mut byte) = (Vec::new(), [0]);
            while stream.read(&mut byte).unwrap_or(0) == 1 && byte != *b"\n" {
                line.push(byte[0]);
            }
            serve(&String::from_utf8(line).unwrap(), stream);
        }
    });
    (folder, path, thread)
}

fn answers(text: &'static str) -> (TempDir, PathBuf, std::thread::JoinHandle<()>) {
    stub(1, move |_, mut stream| stream.write_all(text.as_bytes()).unwrap())
}

#[test]
fn a_socket_that_never_answers_is_given_up_in_time() {
    let (_folder, path, thread) = stub(1, |_, stream| {
        wait(SHORT * 3);
        drop(stream);
    });
    let started = Instant::now();
    let error = socket(&path, SHORT).ask("show info").unwrap_err();
    assert!(matches!(error, RuntimeSocketError::NoResponse { .. }), "{error}");
    assert!(started.elapsed() < SHORT * 2, "{:?}", started.elapsed());
    thread.join().unwrap();
}

#[test]
fn dripping_bytes_do_not_stretch_the_deadline() {
    let (_folder, path, thread) = stub(1, |_, mut stream| {
        while stream.write_all(b"\n").is_ok() {
            wait(SHORT / 10);
        }
    });
    let started = Instant::now();
    let error = socket(&path, SHORT).ask("show info").unwrap_err();
    assert!(matches!(error, RuntimeSocketError::IncompleteResponse { received: 1.., .. }), "{error}");
    assert!(started.elapsed() < SHORT * 2, "{:?}", started.elapsed());
    thread.join().unwrap();
}

#[test]
fn half_an_answer_is_no_answer() {
    for text in ["", "\n", "\nName: HAProxy\nPi", "\nName: HAProxy\n"] {
        let (_folder, path, thread) = answers(text);
        let error = socket(&path, LONG).ask("show info").unwrap_err();
        assert!(matches!(error, RuntimeSocketError::ConnectionClosed { .. }), "{text:?}: {error}");
        thread.join().unwrap();
    }
    for text in ["#<PID>\n12 master", "#<PID>\n12 master 0 [failed: 0] 0d00h00m01s 3.0\n"] {
        let (_folder, path, thread) = answers(text);
        let error = socket(&path, LONG).ask_master("show proc").unwrap_err();
        assert!(matches!(error, RuntimeSocketError::ConnectionClosed { .. }), "{text:?}: {error}");
        thread.join().unwrap();
    }
}

#[test]
fn where_no_time_is_left_nobody_is_asked_and_nobody_is_called_silent() {
    let folder = crate::support::run::scratch();
    let path = folder.path().join("h.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    for error in [
        socket(&path, Duration::ZERO).ask("show info").unwrap_err(),
        socket(&path, Duration::ZERO).ask_master("show proc").unwrap_err(),
    ] {
        assert!(matches!(error, RuntimeSocketError::NotAsked { .. }), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("not asked") && said.contains("--timeout") && !said.contains("stuck"),
            "{said}"
        );
    }
}

#[test]
fn a_master_that_closes_without_a_word_is_asked_again() {
    let silent = std::sync::atomic::AtomicBool::new(true);
    let (_folder, path, thread) = stub(2, move |_, mut stream| {
        if !silent.swap(false, std::sync::atomic::Ordering::SeqCst) {
            stream.write_all(b"12 master 0\n\n").unwrap();
        }
    });
    assert_eq!(socket(&path, LONG).ask_master("show proc").unwrap(), "12 master 0\n");
    thread.join().unwrap();
}

#[test]
fn a_master_that_is_away_for_a_moment_is_knocked_at_again() {
    let folder = crate::support::run::scratch();
    let path = folder.path().join("h.sock");
    drop(UnixListener::bind(&path).unwrap());
    let later = {
        let (path, fresh) = (path.clone(), folder.path().join("fresh.sock"));
        std::thread::spawn(move || {
            wait(SHORT / 4);
            // As HAProxy does it: bound beside, then renamed over.
            let listener = UnixListener::bind(&fresh).unwrap();
            std::fs::rename(fresh, path).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            // What was asked is read first: an end with unread bytes would be a reset.
            let mut line = BufReader::new(stream.try_clone().unwrap()).lines();
            assert!(line.next().unwrap().unwrap().ends_with("show info"));
            stream.write_all(b"\nName: HAProxy\n\n").unwrap();
        })
    };
    assert_eq!(socket(&path, LONG).ask("show info").unwrap(), "Name: HAProxy\n");
    later.join().unwrap();
}

#[test]
fn what_begins_otherwise_than_a_workers_answer_is_given_up_at_once() {
    for text in ["Name: HAProxy\n\n", "Unknown command", "HTTP/1.1 200 OK\r\n\r\n", "x"] {
        let (_folder, path, thread) = answers(text);
        let error = socket(&path, LONG).ask("show info").unwrap_err();
        assert!(matches!(error, RuntimeSocketError::NotAStatsSocket { .. }), "{text:?}: {error}");
        assert!(error.to_string().contains("--master-socket"), "{error}");
        thread.join().unwrap();
    }
}

#[test]
fn an_answer_above_the_cap_is_refused() {
    let (_folder, path, thread) = stub(1, |_, mut stream| {
        let _ = stream.write_all(b"\n");
        while stream.write_all(&[b'x'; 1000]).is_ok() {}
    });
    let error = socket(&path, LONG).with_cap(100_000).ask("show info").unwrap_err();
    assert!(matches!(error, RuntimeSocketError::TooBig { cap: 100_000, .. }), "{error}");
    thread.join().unwrap();
}

#[test]
fn an_empty_line_inside_a_value_never_shifts_answers() {
    let (_folder, path, thread) = stub(3, |line, mut stream| {
        let text = match line.split(';').skip(1).collect::<Vec<_>>()[..] {
            [_, _] => "\n0x1 a b\n\n0x2 forged row\n\n0x3 c d\n\n",
            ["show map #1"] => "\n0x1 a b\n\n0x2 forged row\n\n",
            _ => "\n0x3 c d\n\n",
        };
        stream.write_all(text.as_bytes()).unwrap();
    });
    let both = ["show map #1".to_owned(), "show map #2".to_owned()];
    let answers = socket(&path, LONG).ask_all(&both).unwrap();
    assert_eq!(answers[1], Ok("0x3 c d\n".to_owned()));
    assert_eq!(answers[0], Ok("0x1 a b\n\n0x2 forged row\n".to_owned()));
    thread.join().unwrap();
}

#[test]
fn the_master_is_half_closed_only_after_its_answer() {
    let (_folder, path, thread) = stub(1, |line, mut stream| {
        assert_eq!(line, "@!12 show info");
        stream.set_read_timeout(Some(SHORT)).unwrap();
        let early = stream.read(&mut [0]);
        assert!(early.is_err(), "half-closed before the answer, which costs a real master the connection");
        stream.write_all(b"Can't find the target PID matching the prefix '@!12'\n").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the master waits for the half-close");
    });
    let error = socket(&path, LONG).via_master(12).ask("show info").unwrap_err();
    assert!(matches!(error, RuntimeSocketError::Refused { why: Refused::NotFound(_), .. }), "{error}");
    thread.join().unwrap();
}

#[test]
fn nothing_is_sent_that_could_change_anything() {
    let folder = crate::support::run::scratch();
    let path = folder.path().join("stub.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let socket = socket(&path, SHORT);
    for command in ["reload", "@1 show info", "show info;clear counters all", "show info\nreload", "show env"]
    {
        let all = ["show info".to_owned(), command.to_owned()];
        let errors = [
            socket.ask(command).unwrap_err(),
            socket.ask_master(command).unwrap_err(),
            socket.via_master(1).ask(command).unwrap_err(),
            socket.ask_all(&all).unwrap_err(),
            socket.via_master(1).ask_all(&all).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| matches!(error, RuntimeSocketError::NotReadOnly(_))), "{errors:?}");
    }
    assert!(listener.accept().is_err(), "a connection was made");
}

#[test]
fn what_is_wrong_with_a_path_is_told_apart() {
    let folder = crate::support::run::scratch();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "").unwrap();
    drop(UnixListener::bind(at("stale")).unwrap());
    let ask = |path: PathBuf| socket(&path, SHORT).ask("show info").unwrap_err();
    assert!(matches!(ask(at("none")), RuntimeSocketError::Missing { .. }));
    assert!(matches!(ask(at("file/below")), RuntimeSocketError::Missing { .. }));
    assert!(matches!(ask(at("file")), RuntimeSocketError::NotASocket { .. }));
    assert!(matches!(ask(at("")), RuntimeSocketError::NotASocket { .. }));
    assert!(matches!(ask(at("stale")), RuntimeSocketError::NoListener { .. }));
    assert!(matches!(ask(at(&"x".repeat(120))), RuntimeSocketError::PathTooLong { .. }));
    assert!(ask(at("stale")).to_string().contains(&at("stale").display().to_string()));
}

#[test]
fn a_full_queue_is_waited_for_and_then_named() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket as open};
    let folder = crate::support::run::scratch();
    let path = folder.path().join("full");
    let listener = open(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 0).unwrap();
    let _waiting = UnixStream::connect(&path).unwrap();
    let started = Instant::now();
    let error = socket(&path, SHORT).ask("show info").unwrap_err();
    assert!(matches!(error, RuntimeSocketError::Busy { .. }), "{error}");
    assert!((SHORT..SHORT * 2).contains(&started.elapsed()), "{:?}", started.elapsed());
}

//! `restart SERVICE` for what is not HAProxy.

use std::ffi::OsString;

use rustix::process::Signal;

use super::*;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::alive;
use crate::support::requires::requires;

/// tmux of the stranger with a web server in it, ended with everything in it.
struct Tmux {
    dir: TempDir,
    port: Port,
    server: u32,
}

impl Tmux {
    fn start() -> Self {
        let (before, _) = (as_stranger(), python());
        let (dir, port) = (open_folder(), ports::free());
        let socket = dir.path().join("tmux.sock");
        let line = format!(
            "cd {} && exec python3 -m http.server --bind 127.0.0.1 {}",
            backend(&dir).display(),
            port.number
        );
        let tmux = ["tmux", "-f", "/dev/null", "-S"].map(OsString::from);
        let mut words: Vec<OsString> = before.into_iter().chain(tmux).collect();
        words.push(socket.into());
        words.extend(["new-session", "-d", "-s", &name(&dir)].map(OsString::from));
        words.push(line.into());
        let program = on_path("setpriv").expect("it was just found");
        let mut start =
            Process::start(&program, &words[1..], &[], &crate::support::run::folder().join("tmux.log"));
        wait_for("tmux goes to the background", || start.has_ended().then_some(()));
        start.end(Signal::TERM);
        let dir_of = dir.path().to_owned();
        let server = wait_for("the server of tmux", || {
            let entries = std::fs::read_dir("/proc").ok()?.flatten();
            let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
            pids.into_iter().find(|pid| {
                let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                line.starts_with("tmux\0") && line.contains(&*dir_of.to_string_lossy())
            })
        });
        let tmux = Tmux { dir, port, server };
        wait_for("the web server listens", || {
            std::net::TcpStream::connect(("127.0.0.1", tmux.port.number)).ok()
        });
        tmux
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.server.cast_signed()) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
}

#[test]
fn a_web_server_in_a_tmux_of_another_user_is_named_so() {
    requires!(Root, Program("python3"), Program("setpriv"), Program("tmux"));
    let tmux = Tmux::start();
    let haguard = Haguard::new();
    let (folder, name) = (backend(&tmux.dir), name(&tmux.dir));
    let backend = format!("{name}-backend");
    let port = tmux.port.number;
    for word in [&backend, &name, &port.to_string(), &format!(":{port}"), &format!("127.0.0.1:{port}")] {
        let said = haguard.run(["restart", word]);
        assert_eq!(said.status, 3, "{said}");
        let text = unwrapped(&said.stdout);
        for expected in [
            &format!("refused: restart of `{word}` on "),
            &format!("uid {STRANGER}"),
            &format!("folder {}", folder.display()),
            &format!("command python3 -m http.server --bind 127.0.0.1 {port}"),
            &format!("listens on 127.0.0.1:{port}"),
            &format!("tmux of user {STRANGER} (server {}, session {name}) (proven)", tmux.server),
            &format!("attach -t {name}"),
            "systemctl restart of any unit",
            "nothing was changed. (exit 3)",
        ] {
            assert!(text.contains(expected), "no `{expected}` for {word}: {said}");
        }
    }
    let document = haguard.run(["restart", &backend, "-o", "json"]).json();
    let found = &document["refusal"]["asked"]["found"][0];
    assert_eq!(found["service"]["control"]["certainty"], "proven", "{document:#}");
    assert_eq!(found["service"]["control"]["controller"]["kind"], "multiplexer", "{document:#}");
    let proof = &document["proof"][0];
    assert_eq!(proof["before"], proof["after"], "{document:#}");
    assert!(proof["before"].as_str().unwrap().contains(&port.to_string()), "{document:#}");
    assert!(alive(tmux.server));
    let journal = text(&haguard.home().join("state/journal.jsonl"));
    assert_eq!(journal.lines().filter(|line| line.contains(&backend)).count(), 2, "{journal}");
}

#[test]
fn restart_of_a_unit_that_does_not_exist_names_the_nearest() {
    requires!(Program("python3"));
    let web = Web::start(&[], &[]);
    let (folder, name) = (backend(&web.dir), name(&web.dir));
    let words = ["sh".into(), "-c".into(), format!("cd {} && exec \"$0\" \"$@\"", folder.display())];
    let web = Web::start(&words.map(|word: String| word.into()), &[]);
    let haguard = Haguard::new();
    let misspelt = format!("{}-backend.service", name.replace("hag", "hog"));
    let said = haguard.run(["restart", &misspelt]);
    assert_eq!(said.status, 3, "{said}");
    let text = unwrapped(&said.stdout);
    assert!(text.contains(&format!("There is no unit {misspelt}")), "{said}");
    assert!(text.contains("No running service has that name."), "{said}");
    assert!(
        text.contains(&format!("{name}-backend: the folder of http.server (PID {},", web.pid())),
        "{said}"
    );
}

#[test]
fn restart_of_a_port_says_who_serves_it_and_of_a_free_one_that_nobody_does() {
    requires!(Program("python3"));
    let web = Web::start(&[], &["--protocol", "HTTP/1.1"]);
    let haguard = Haguard::new();
    let port = web.port.number;
    let text = unwrapped(&haguard.run(["restart", &format!(":{port}")]).stdout);
    assert!(text.contains(&format!("Match: http.server (PID {}", web.pid())), "{text}");
    let free = ports::free();
    let said = haguard.run(["restart", &format!("localhost:{}", free.number)]);
    assert_eq!(said.status, 3, "{said}");
    assert!(
        unwrapped(&said.stdout).contains(&format!("No visible process listens on port {}.", free.number)),
        "{said}"
    );
    // A number is a PID as well.
    let text = unwrapped(&haguard.run(["restart", &web.pid().to_string()]).stdout);
    assert!(text.contains(&format!("matched by its PID is {}", web.pid())), "{text}");
}

#[test]
fn an_address_that_is_served_over_udp_has_somebody_who_serves_it() {
    requires!(Program("python3"));
    let python = python();
    let (port, dir) = (ports::free(), open_folder());
    let at = format!("127.0.0.1:{}", port.number);
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('127.0.0.1', {}))\ns.recv(1)",
        port.number
    );
    let app = Process::start(&python, &["-c".into(), script.into()], &[], &dir.path().join("log"));
    let hex = format!(":{:04X} ", port.number);
    wait_for("it is bound", || std::fs::read_to_string("/proc/net/udp").ok()?.contains(&hex).then_some(()));
    for word in [at.clone(), format!(":{}", port.number)] {
        let said = Haguard::new().run(["restart", &word]);
        let text = unwrapped(&said.stdout);
        assert_eq!(said.status, 3, "{said}");
        assert!(text.contains(&format!("(PID {},", app.pid())) && text.contains("Match: "), "{said}");
        assert!(!text.contains("No visible process"), "{said}");
    }
}

#[test]
fn the_number_of_a_thread_which_some_tools_show_means_its_process() {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    assert_ne!(thread, std::process::id().to_string(), "a test runs in a thread of its own");
    let said = Haguard::new().run(["restart", &thread]);
    let text = unwrapped(&said.stdout);
    assert!(text.contains(&format!("matched by {thread} is one of its threads")), "{said}");
    assert!(text.contains(&format!("(PID {},", std::process::id())), "{said}");
}

#[test]
fn what_may_be_secret_in_a_command_line_is_shown_nowhere() {
    requires!(Program("python3"));
    // The program of the Python library takes no such options, so a line of our own listens for it.
    let python = python();
    let (port, dir) = (ports::free(), open_folder());
    let script = format!(
        "import socket\ns = socket.create_server(('127.0.0.1', {}))\nwhile True: s.accept()",
        port.number
    );
    let file = dir.path().join("app.py");
    std::fs::write(&file, script).unwrap();
    let secrets = ["hunter2-a", "hunter2-b", "hunter2-c", "hunter2-d", "hunter2-e"];
    let args = [
        file.to_str().unwrap(),
        "--password",
        secrets[0],
        &format!("--api-token={}", secrets[1]),
        "-p",
        secrets[2],
        &format!("postgresql://u:{}@db/x", secrets[3]),
        &format!("TOKEN={}", secrets[4]),
    ]
    .map(OsString::from);
    let _app = Process::start(&python, &args, &[], &dir.path().join("log"));
    wait_for("it listens", || std::net::TcpStream::connect(("127.0.0.1", port.number)).ok());
    let haguard = Haguard::new();
    let word = format!(":{}", port.number);
    let runs = [
        &["restart", word.as_str(), "-vv"][..],
        &["restart", &word, "-o", "json"],
        &["restart", "app.py"],
        &["inspect", "-vv"],
        &["inspect", "-o", "json"],
        &["inspect", "-o", "markdown"],
    ];
    for args in runs {
        let said = haguard.run(args);
        for secret in secrets {
            assert!(!said.to_string().contains(secret), "{secret} in {args:?}: {said}");
        }
        assert!(
            said.stdout.contains("app.py") && said.stdout.contains("***") || args == ["inspect", "-vv"],
            "{said}"
        );
    }
    let journal = text(&haguard.home().join("state/journal.jsonl"));
    assert!(!journal.contains("hunter2"), "{journal}");
}

#[test]
fn two_haproxy_masters_the_one_asked_for_is_named_or_the_command_refuses() {
    requires!(Sandbox, Haproxy(Branch::V30), Haproxy(Branch::V32));
    let sandbox = crate::support::sandbox::Sandbox::new();
    let start = |branch| Instance::builder(branch).inside(&sandbox).start();
    let (one, two) = (start(Branch::V30), start(Branch::V32));
    let haguard = Haguard::inside(&sandbox);
    let master = |haproxy: &Instance| {
        let table = haproxy.master("show proc");
        let row = table.lines().find(|line| line.contains("master")).expect("a master").to_owned();
        row.split_whitespace().next().expect("its PID").parse::<u32>().expect("a number")
    };
    let (first, second) = (master(&one), master(&two));
    let said = haguard.run(["restart"]);
    assert_eq!(said.status, 3, "{said}");
    let text = unwrapped(&said.stdout);
    assert!(text.contains("2 HAProxy run here and none was named"), "{said}");
    for (asked, other) in [(first, second), (second, first)] {
        let said = haguard.run(["restart", &asked.to_string()]);
        assert_eq!(said.status, 3, "{said}");
        let text = unwrapped(&said.stdout);
        assert!(text.starts_with(&format!("refused: restart of HAProxy (master {asked})")), "{said}");
        // The other one is counted: an answer about one service is not about its neighbours.
        assert!(
            text.contains("Other HAProxy instances on this host: 1 (`haguard inspect` lists them)"),
            "{said}"
        );
        assert!(!text.contains(&format!("PID {other},")), "{said}");
        let document = haguard.run(["restart", &asked.to_string(), "-o", "json"]).json();
        let others = document["refusal"]["others"].to_string();
        assert!(others.contains(&format!("PID {other},")), "{others}");
    }
    // A worker's PID means its master.
    let said = haguard.run(["restart", &two.listed_worker().unwrap().to_string()]);
    assert!(said.stdout.starts_with(&format!("refused: restart of HAProxy (master {second})")), "{said}");
}

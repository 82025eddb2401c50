//! Containers, by a real dockerd; and a daemon that lies, which only a stand-in does.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::json;

use super::{candidate, proven, why};
use crate::other_user::{NOBODY, as_nobody};
use crate::support::configs;
use crate::support::copied;
use crate::support::docker::{Container, Dockerd, HAPROXY};
use crate::support::document::level;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::Branch;
use crate::support::ports;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const COMPOSE: &[(&str, &str)] = &[
    ("com.docker.compose.project", "edge"),
    ("com.docker.compose.service", "web"),
    ("com.docker.compose.project.working_dir", "/opt/edge"),
];

/// A HAProxy in a container, with the folder of its configuration and the number of its port.
struct HaproxyContainer {
    container: Container,
    _port: ports::Port,
    _dir: tempfile::TempDir,
}

fn contained(dockerd: &Dockerd, name: &str, labels: &[(&str, &str)], pid_mode: &str) -> HaproxyContainer {
    let image = dockerd.haproxy(Branch::V30);
    let dir = tempfile::TempDir::with_prefix("hag").unwrap();
    let port = ports::free();
    let text = configs::plain(format!("127.0.0.1:{}", port.number));
    std::fs::write(dir.path().join("haproxy.cfg"), text).unwrap();
    let labels: serde_json::Map<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    let bind = format!("{}:/etc/haproxy:ro", dir.path().display());
    let host = json!({"Binds": [bind], "NetworkMode": "host", "PidMode": pid_mode, "RestartPolicy": {"Name": "always"}});
    let argv = [HAPROXY, "-W", "-S", "/tmp/master.sock", "-f", "/etc/haproxy/haproxy.cfg"];
    let body = json!({"Image": image, "Cmd": argv, "Labels": labels, "HostConfig": host});
    let container = dockerd.create(name, &body);
    wait_for("HAProxy serves in the container", || {
        std::net::TcpStream::connect(("127.0.0.1", port.number)).ok()
    });
    HaproxyContainer { container, _port: port, _dir: dir }
}

fn docker_host(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

#[test]
fn a_haproxy_in_a_container_is_dockers_and_not_systemds() {
    requires!(Docker, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let host = docker_host(&dockerd.socket());
    let haguard = Haguard::new();
    // With --pid=host the container shares our process numbers, and is Docker's all the same.
    for (name, mode) in [("edge-web-1", ""), ("edge-web-2", "host")] {
        let haproxy = contained(&dockerd, name, COMPOSE, mode);
        let found = candidate(&haguard, &[("DOCKER_HOST", &host)], haproxy.container.pid);
        let container = &proven(&found["control"], "docker")["container"];
        assert_eq!(
            (&container["id"], &container["name"]),
            (&haproxy.container.id.clone().into(), &name.into()),
            "{found:#}"
        );
        assert_eq!(container["pid"], haproxy.container.pid, "{found:#}");
        assert_eq!(container["restart_policy"], "always", "{found:#}");
        assert_eq!(container["compose"]["project"], "edge", "{found:#}");
        assert_eq!(container["compose"]["service"], "web", "{found:#}");
        assert_eq!(container["compose"]["folder"], "/opt/edge", "{found:#}");
        assert_eq!(container["socket"], dockerd.socket().to_str().unwrap(), "{found:#}");
    }
}

#[test]
fn a_container_that_nomad_had_docker_make_is_nomads() {
    requires!(Docker, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let labels = [
        ("com.hashicorp.nomad.alloc_id", "5b1ab8ac-0a3c-4c4a-8c5c-2f4a5f0d6c11"),
        ("com.hashicorp.nomad.task_name", "web"),
    ];
    let haproxy = contained(&dockerd, "web-5b1ab8ac", &labels, "");
    let host = docker_host(&dockerd.socket());
    let found = candidate(&Haguard::new(), &[("DOCKER_HOST", &host)], haproxy.container.pid);
    let nomad = proven(&found["control"], "nomad");
    assert_eq!(
        (&nomad["allocation"], &nomad["task"]),
        (&labels[0].1.into(), &labels[1].1.into()),
        "{found:#}"
    );
}

#[test]
fn a_container_whose_daemon_may_not_be_asked_is_unknown_with_what_would_be_needed() {
    requires!(OtherUser, Docker, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let haproxy = contained(&dockerd, "web", &[], "");
    let pid = haproxy.container.pid;
    // The daemon of another host's default socket is not there.
    let found = candidate(&Haguard::new(), &[("DOCKER_HOST", "unix:///nowhere/docker.sock")], pid);
    assert!(why(&found["control"], "unknown").contains("/nowhere/docker.sock"), "{found:#}");
    assert!(found["control"]["evidence"].to_string().contains("containerd-shim"), "{found:#}");
    // Its folder is closed to others already; the socket itself is what matters here.
    let folder = dockerd.socket().parent().unwrap().to_owned();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let haguard = Haguard::new();
    let host = format!("DOCKER_HOST={}", docker_host(&dockerd.socket()));
    let said = as_nobody(&haguard, &["inspect", "-o", "json"]);
    drop(said);
    let mut command = haguard.command_for("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "env", &host]);
    command.arg(copied::haguard()).args(["inspect", "-o", "json"]);
    let document = RunOutput::from_command(&mut command).json();
    let all = document["facts"]["candidates"]["seen"].as_array().unwrap();
    let found = all.iter().find(|found| found["process"]["pid"] == pid).unwrap();
    let why = why(&found["control"], "unknown");
    assert!(why.contains("permission denied") && why.contains("group docker"), "{why}");
}

/// A daemon that answers every question so; no real one does.
fn lying(socket: &Path, status: &'static str, body: String) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

#[test]
fn a_daemon_that_names_another_process_or_no_such_container_is_a_conflict() {
    requires!(Docker, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let haproxy = contained(&dockerd, "web", &[], "");
    let Container { id, pid } = haproxy.container.clone();
    let dir = tempfile::TempDir::with_prefix("hag").unwrap();
    let told = |id: &str, running: bool, pid: u32| {
        json!({"Id": id, "Name": "/web", "State": {"Running": running, "Pid": pid}}).to_string()
    };
    let other = "0".repeat(64);
    let cases = [
        ("pid", "200 OK", told(&id, true, std::process::id()), "which is not"),
        ("dead", "200 OK", told(&id, false, pid), "not running"),
        ("id", "200 OK", told(&other, true, pid), "answered about"),
        ("none", "404 Not Found", json!({"message": "No such container"}).to_string(), "no daemon at"),
    ];
    for (name, status, body, words) in cases {
        let socket = dir.path().join(name);
        lying(&socket, status, body);
        let found = candidate(&Haguard::new(), &[("DOCKER_HOST", &docker_host(&socket))], pid);
        let why = why(&found["control"], "conflict");
        assert!(why.contains(words), "{name}: {why}");
    }
    let honest = dir.path().join("honest");
    lying(&honest, "200 OK", told(&id, true, pid));
    let found = candidate(&Haguard::new(), &[("DOCKER_HOST", &docker_host(&honest))], pid);
    proven(&found["control"], "docker");
}

#[test]
fn beside_a_native_haproxy_one_in_a_container_makes_the_command_want_a_name() {
    requires!(Docker, Haproxy(Branch::V30), Haproxy(Branch::V34));
    let dockerd = Dockerd::start();
    let haproxy = contained(&dockerd, "web", &[], "");
    let native = crate::support::haproxy::Instance::builder(Branch::V34).start();
    let haguard = Haguard::new();
    let host = docker_host(&dockerd.socket());
    let run = |args: &[&str]| RunOutput::from_command(haguard.command().env("DOCKER_HOST", &host).args(args));
    let said = run(&["restart"]);
    assert_eq!(said.status, 3, "{said}");
    let text = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("none was named"), "{said}");
    for named in [format!("PID {}, uid", haproxy.container.pid), format!("PID {}, uid", native.master_pid())]
    {
        assert!(text.contains(&named), "{named}: {said}");
    }
    assert!(text.contains("Docker, container web"), "{said}");
    let socket = native.master_socket().unwrap().to_str().unwrap();
    let document = run(&["restart", "--master-socket", socket, "-o", "json"]).json();
    assert_eq!(level(&document, "arch.single-instance"), "warn", "{document:#}");
    assert!(document["summary"].as_str().unwrap().contains(&native.master_pid().to_string()), "{document:#}");
}

//! A Docker daemon that vanishes during the restart. To have it vanish at a known moment, haguard speaks to a socket of
//! the test's own, which hands everything to the real daemon until the order to restart comes.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::docker::DockerBench;
use crate::support::document::as_text;
use crate::support::haproxy::Branch;
use crate::support::process::alive;
use crate::support::requires::requires;

/// What the real daemon is asked in place of the order, before nobody answers any more.
#[derive(Clone, Copy)]
enum LastRequest {
    Nothing,
    Stop,
    Restart,
}

/// Serves until the order comes; then the socket is gone, as that of a daemon that ended.
fn between(listener: &UnixListener, path: &Path, real: &Path, edge: &DockerBench, last: LastRequest) {
    while let Ok((mut client, _)) = listener.accept() {
        let mut question = [0; 8192];
        let length = client.read(&mut question).unwrap();
        let text = String::from_utf8_lossy(&question[..length]).into_owned();
        if text.starts_with("POST") {
            assert!(text.contains("/restart?"), "{text}");
            std::fs::remove_file(path).unwrap();
            let id = &edge.container.id;
            match last {
                LastRequest::Nothing => {}
                LastRequest::Stop => drop(edge.dockerd.api("POST", &format!("/containers/{id}/stop"), None)),
                LastRequest::Restart => {
                    drop(edge.dockerd.api("POST", &format!("/containers/{id}/restart"), None))
                }
            }
            return;
        }
        // One answer for each connection is all that haguard wants.
        let alone = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let mut daemon = UnixStream::connect(real).unwrap();
        daemon.write_all(alone.as_bytes()).unwrap();
        let mut answer = Vec::new();
        daemon.read_to_end(&mut answer).unwrap();
        // Whoever has seen enough goes away.
        let _ = client.write_all(&answer);
    }
}

/// Approves a restart, in which the daemon vanishes after this.
fn vanished(edge: &DockerBench, last: LastRequest) -> Value {
    let (socket, _) = between_sock(edge);
    let listener = UnixListener::bind(&socket).unwrap();
    let real = edge.dockerd.socket();
    std::thread::scope(|scope| {
        scope.spawn(|| between(&listener, &socket, &real, edge, last));
        let plan = edge.glass_at(&socket, &["--plan"]).json();
        assert_eq!(plan["exit"], 0, "{plan:#}");
        edge.glass_at(&socket, &["--approve", as_text(&plan["plan"]["id"])]).json()
    })
}

/// The socket in between, and the program that speaks to the daemon through it.
fn between_sock(edge: &DockerBench) -> (PathBuf, String) {
    let socket = edge.folder.path().join("between.sock");
    let program = format!("docker -H unix://{}", socket.display());
    (socket, program)
}

#[test]
fn a_daemon_that_is_gone_before_it_ended_anything_may_do_it_yet_and_this_is_said() {
    requires!(Docker, Haproxy(Branch::V32));
    let edge = DockerBench::start(Branch::V32);
    let done = vanished(&edge, LastRequest::Nothing);
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert_eq!(done["restart"]["outcome"], "unfinished", "{done:#}");
    let open = done["restart"]["open"].to_string();
    assert!(open.contains("HAProxy still runs, and the daemon may still restart it"), "{done:#}");
    assert_eq!(done["next"][0], format!("{} inspect edge", between_sock(&edge).1), "{done:#}");
    assert!(alive(edge.container.pid));
}

#[test]
fn what_came_up_before_the_daemon_was_gone_is_found_in_proc_and_is_no_outage() {
    requires!(Docker, Haproxy(Branch::V30));
    let edge = DockerBench::start(Branch::V30);
    let done = vanished(&edge, LastRequest::Restart);
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert_eq!(done["restart"]["outcome"], "unproven", "{done:#}");
    let now = edge.dockerd.container(&edge.container.id).pid;
    assert!(now != edge.container.pid && done["restart"]["main"] == now, "{done:#}");
    let open = done["restart"]["open"].to_string();
    let (socket, _) = between_sock(&edge);
    assert!(open.contains(&format!("nothing accepts connections at unix:{}", socket.display())), "{done:#}");
}

#[test]
fn a_container_that_ended_before_the_daemon_was_gone_is_down_and_the_daemon_is_named() {
    requires!(Docker, Haproxy(Branch::V32));
    let edge = DockerBench::start(Branch::V32);
    let done = vanished(&edge, LastRequest::Stop);
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert_eq!(done["restart"]["outcome"], "down", "{done:#}");
    let open = done["restart"]["open"].to_string();
    for words in ["nothing accepts connections at unix:", "/proc shows no HAProxy of container edge"] {
        assert!(open.contains(words), "`{words}` in {done:#}");
    }
    assert_eq!(done["next"][0], format!("{} start edge", between_sock(&edge).1), "{done:#}");
    assert!(!alive(edge.container.pid));
}

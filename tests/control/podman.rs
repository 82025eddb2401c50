//! Podman's containers, by a real Podman: with its service, without it, and those of a user without rights.

use serde_json::Value;

use super::{candidate, proven};
use crate::support::docker::{Container, HAPROXY};
use crate::support::haguard::Haguard;
use crate::support::haproxy::Branch;
use crate::support::podman::Podman;
use crate::support::ports;
use crate::support::wait::wait_for;

const COMPOSE: &[&str] = &[
    "--label=io.podman.compose.project=edge",
    "--label=com.docker.compose.project=edge",
    "--label=com.docker.compose.service=web",
    "--label=com.docker.compose.project.working_dir=/opt/edge",
];

/// A HAProxy in a container.
struct Contained {
    container: Container,
    _port: ports::Port,
}

fn contained(podman: &Podman, name: &str, options: &[&str]) -> Option<Contained> {
    let image = podman.haproxy(Branch::V30)?;
    let port = ports::free();
    let text = format!(
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 9s\n    timeout server 9s\nfrontend web\n    \
         bind 127.0.0.1:{}\n",
        port.number
    );
    std::fs::write(podman.dir().join("haproxy.cfg"), text).unwrap();
    let volume = format!("--volume={}:/etc/haproxy.cfg:ro", podman.dir().join("haproxy.cfg").display());
    let argv = [HAPROXY, "-W", "-db", "-S", "/tmp/master.sock", "-f", "/etc/haproxy.cfg"];
    let container = podman.run(name, &[options, &[&volume]].concat(), &image, &argv);
    wait_for("HAProxy serves in the container", || {
        std::net::TcpStream::connect(("127.0.0.1", port.number)).ok()
    });
    Some(Contained { container, _port: port })
}

/// Everything that is said of a container of a compose project, however it was learnt.
#[track_caller]
fn is_podmans(found: &Value, haproxy: &Contained) {
    let container = &proven(&found["control"], "podman")["container"];
    assert_eq!(container["id"], haproxy.container.id, "{found:#}");
    assert_eq!(container["name"], "edge-web-1", "{found:#}");
    assert_eq!(container["pid"], haproxy.container.pid, "{found:#}");
    assert_eq!(container["image"], "localhost/haproxy-3.0:latest", "{found:#}");
    assert_eq!(container["restart_policy"], "always", "{found:#}");
    assert_eq!(container["compose"]["project"], "edge", "{found:#}");
    assert_eq!(container["compose"]["service"], "web", "{found:#}");
    assert_eq!(container["compose"]["folder"], "/opt/edge", "{found:#}");
}

#[test]
fn a_haproxy_in_a_container_is_podmans_by_its_control_group_and_its_service() {
    let Some(mut podman) = Podman::new() else { return };
    let Some(haproxy) = contained(&podman, "edge-web-1", &[COMPOSE, &["--restart=always"]].concat()) else {
        return;
    };
    let socket = podman.serve();
    let host = format!("unix://{}", socket.display());
    let found = candidate(&Haguard::new(), &[("DOCKER_HOST", &host)], haproxy.container.pid);
    is_podmans(&found, &haproxy);
    assert_eq!(found["control"]["controller"]["container"]["socket"], socket.to_str().unwrap(), "{found:#}");
}

#[test]
fn podman_has_no_daemon_and_without_its_service_its_monitor_and_its_program_say_the_same() {
    let Some(podman) = Podman::new() else { return };
    let Some(haproxy) = contained(&podman, "edge-web-1", &[COMPOSE, &["--restart=always"]].concat()) else {
        return;
    };
    let found = candidate(&Haguard::new(), &[], haproxy.container.pid);
    is_podmans(&found, &haproxy);
    let evidence = found["control"]["evidence"].to_string();
    assert!(evidence.contains("conmon") && evidence.contains("container inspect"), "{found:#}");
}

#[test]
fn a_container_of_a_user_without_rights_is_that_users() {
    let Some(podman) = Podman::of(Some(65534)) else { return };
    let Some(haproxy) = contained(&podman, "edge-web-1", &[COMPOSE, &["--restart=always"]].concat()) else {
        return;
    };
    let found = candidate(&Haguard::new(), &[], haproxy.container.pid);
    is_podmans(&found, &haproxy);
    assert_eq!(found["control"]["controller"]["container"]["user"], 65534, "{found:#}");
}

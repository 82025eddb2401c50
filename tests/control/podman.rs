//! Podman's containers, by a real Podman: with its service, without it, and those of a user without rights.

use serde_json::Value;

use super::{candidate, proven};
use crate::support::configs;
use crate::support::docker::{Container, Dockerd, HAPROXY};
use crate::support::haguard::Haguard;
use crate::support::haproxy::Branch;
use crate::support::podman::Podman;
use crate::support::ports;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const COMPOSE: &[&str] = &[
    "--label=io.podman.compose.project=edge",
    "--label=com.docker.compose.project=edge",
    "--label=com.docker.compose.service=web",
    "--label=com.docker.compose.project.working_dir=/opt/edge",
];

/// A HAProxy in a container.
struct HaproxyContainer {
    container: Container,
    _port: ports::Port,
}

fn contained(podman: &Podman, name: &str, options: &[&str]) -> HaproxyContainer {
    let image = podman.haproxy(Branch::V30);
    let port = ports::free();
    let text = configs::plain(format!("127.0.0.1:{}", port.number));
    std::fs::write(podman.dir().join("haproxy.cfg"), text).unwrap();
    let volume = format!("--volume={}:/etc/haproxy.cfg:ro", podman.dir().join("haproxy.cfg").display());
    let argv = [HAPROXY, "-W", "-db", "-S", "/tmp/master.sock", "-f", "/etc/haproxy.cfg"];
    let container = podman.run(name, &[options, &[&volume]].concat(), &image, &argv);
    wait_for("HAProxy serves in the container", || {
        std::net::TcpStream::connect(("127.0.0.1", port.number)).ok()
    });
    HaproxyContainer { container, _port: port }
}

/// Everything that is said of a container of a compose project, however it was learnt.
#[track_caller]
fn is_podmans(found: &Value, haproxy: &HaproxyContainer) {
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
    requires!(Podman, Haproxy(Branch::V30));
    let mut podman = Podman::new();
    let haproxy = contained(&podman, "edge-web-1", &[COMPOSE, &["--restart=always"]].concat());
    let socket = podman.serve();
    let host = format!("unix://{}", socket.display());
    let found = candidate(&Haguard::new(), &[("DOCKER_HOST", &host)], haproxy.container.pid);
    is_podmans(&found, &haproxy);
    assert_eq!(found["control"]["controller"]["container"]["socket"], socket.to_str().unwrap(), "{found:#}");
}

/// What is said where somebody wants to restart it by its number.
fn refused(haguard: &Haguard, haproxy: &HaproxyContainer) -> Value {
    haguard.run(["restart", &haproxy.container.pid.to_string(), "-o", "json"]).json()
}

#[test]
fn podman_has_no_daemon_and_without_its_service_its_monitor_and_its_program_say_the_same() {
    requires!(Podman, Haproxy(Branch::V30));
    let podman = Podman::new();
    let haproxy = contained(&podman, "edge-web-1", &[COMPOSE, &["--restart=always"]].concat());
    let haguard = Haguard::new();
    let found = candidate(&haguard, &[], haproxy.container.pid);
    is_podmans(&found, &haproxy);
    let evidence = found["control"]["evidence"].to_string();
    assert!(evidence.contains("conmon") && evidence.contains("container inspect"), "{found:#}");
    let refused = refused(&haguard, &haproxy);
    let compared = refused["refusal"]["compared_with"].to_string();
    assert!(compared.contains("rehearsed from cold: it comes up"), "{refused:#}");
    // It is not in the usual place, which podman-compose would look at.
    let by_hand = refused["refusal"]["by_hand"].to_string();
    let way = format!("podman --root {}/root", podman.dir().display());
    assert!(by_hand.contains(&way) && by_hand.contains("nsenter --target"), "{refused:#}");
}

#[test]
fn a_docker_daemon_that_does_not_know_it_is_no_conflict() {
    requires!(Docker, Podman, Haproxy(Branch::V30));
    let podman = Podman::new();
    let haproxy = contained(&podman, "edge-web-1", &[COMPOSE, &["--restart=always"]].concat());
    let dockerd = Dockerd::start();
    let host = format!("unix://{}", dockerd.socket().display());
    is_podmans(&candidate(&Haguard::new(), &[("DOCKER_HOST", &host)], haproxy.container.pid), &haproxy);
}

#[test]
fn a_unit_that_podman_was_told_of_counts_only_where_a_systemd_runs_it() {
    requires!(Podman, Haproxy(Branch::V30));
    let podman = Podman::new();
    // As podman-compose writes it down, whether or not there is such a unit.
    let label = "--label=PODMAN_SYSTEMD_UNIT=podman-compose@edge.service";
    let haproxy = contained(&podman, "edge-web-1", &[label]);
    let found = candidate(&Haguard::new(), &[], haproxy.container.pid);
    let container = &proven(&found["control"], "podman")["container"];
    assert!(container["unit"].is_null(), "{found:#}");
    assert!(found["control"]["evidence"].to_string().contains("podman-compose@edge.service"), "{found:#}");
}

#[test]
fn a_container_of_a_user_without_rights_is_that_users() {
    requires!(Podman, Haproxy(Branch::V30));
    let podman = Podman::for_user(Some(65534));
    let haproxy = contained(&podman, "edge-web-1", &[COMPOSE, &["--restart=always"]].concat());
    let haguard = Haguard::new();
    let found = candidate(&haguard, &[], haproxy.container.pid);
    is_podmans(&found, &haproxy);
    assert_eq!(found["control"]["controller"]["container"]["user"], 65534, "{found:#}");
    // Nothing is rehearsed where we have other rights than the user.
    let refused = refused(&haguard, &haproxy);
    assert!(refused.to_string().contains("user namespace"), "{refused:#}");
    let by_hand = refused["refusal"]["by_hand"].to_string();
    assert!(by_hand.contains("sudo -u '#65534' -H XDG_RUNTIME_DIR=/run/user/65534 podman"), "{refused:#}");
}

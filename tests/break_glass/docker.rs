//! Break-glass of a HAProxy that a real Docker keeps.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{gate, host, twenty, wait_at};
use crate::support::docker::{Container, Dockerd, HAPROXY};
use crate::support::document::as_text;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, ask};
use crate::support::process::alive;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const ETC: &str = "/usr/local/etc/haproxy";
const RUN: &str = "/run/haproxy";

/// A container whose only program is HAProxy, with folders of this host for its files and its sockets.
pub(super) struct DockerBench {
    pub(super) dockerd: Dockerd,
    pub(super) container: Container,
    haguard: Haguard,
    pub(super) folder: TempDir,
}

impl DockerBench {
    pub(super) fn start(branch: Branch) -> Self {
        let dockerd = Dockerd::start();
        let image = dockerd.haproxy(branch);
        let folder = TempDir::with_prefix("hag").unwrap();
        let at = folder.path().to_str().unwrap();
        for name in ["etc", "run"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let config = twenty::config(RUN, ETC, &["127.0.0.1:80"]);
        std::fs::write(folder.path().join("etc/haproxy.cfg"), config).unwrap();
        std::fs::write(folder.path().join("etc/routes.map"), twenty::MAP).unwrap();
        let binds = [format!("{at}/etc:{ETC}:ro"), format!("{at}/run:{RUN}")];
        let argv = [
            HAPROXY,
            "-W",
            "-db",
            "-S",
            "/run/haproxy/master.sock",
            "-f",
            "/usr/local/etc/haproxy/haproxy.cfg",
        ];
        let settings = json!({"NetworkMode": "none", "Binds": binds});
        let body = json!({"Image": image, "Cmd": argv, "HostConfig": settings});
        let container = dockerd.create("edge", &body);
        let edge = DockerBench { dockerd, container, haguard: Haguard::new(), folder };
        wait_for("HAProxy serves in its container", || {
            assert!(alive(edge.container.pid), "it ended:\n{}", edge.dockerd.logs(&edge.container.id));
            let info = ask(&edge.folder.path().join("run/admin.sock"), "show info").ok()?;
            info.contains("Pid:").then_some(())
        });
        edge
    }

    fn admin(&self, command: &str) -> String {
        ask(&self.folder.path().join("run/admin.sock"), command).unwrap()
    }

    fn glass(&self, more: &[&str]) -> RunOutput {
        self.glass_at(&self.dockerd.socket(), more)
    }

    /// The same with a daemon's socket of somebody's choice.
    pub(super) fn glass_at(&self, socket: &Path, more: &[&str]) -> RunOutput {
        let host = host();
        let pid = self.container.pid.to_string();
        let args = ["restart", &pid, "--break-glass", &host, "--reason", "INC-2", "-o", "json"];
        let socket = format!("unix://{}", socket.display());
        RunOutput::from_command(
            self.haguard.command().env("DOCKER_HOST", socket).args([&args, more].concat()),
        )
    }

    fn plan(&self) -> Value {
        self.glass(&["--plan"]).json()
    }
}

#[test]
fn a_container_is_restarted_by_its_daemon_and_is_as_before() {
    requires!(Docker, Haproxy(Branch::V30), Haproxy(Branch::V32));
    for branch in [Branch::V30, Branch::V32] {
        let edge = DockerBench::start(branch);
        let admin = |command: &str| edge.admin(command);
        twenty::disturb(admin, ETC);
        let before = twenty::holds(admin, ETC);
        let plan = edge.plan();
        assert_eq!(plan["exit"], 0, "{branch}: {plan:#}");
        assert!(plan["plan"]["steps"].to_string().contains("\"docker\""), "{branch}: {plan:#}");
        assert!(alive(edge.container.pid), "a plan does nothing");
        let done = edge.glass(&["--approve", as_text(&plan["plan"]["id"])]).json();
        assert_eq!((&done["exit"], &done["changed"]), (&0.into(), &true.into()), "{branch}: {done:#}");
        let now = edge.dockerd.container(&edge.container.id).pid;
        assert_eq!(done["restart"]["main"], now, "{branch}: {done:#}");
        assert!(now != edge.container.pid && !alive(edge.container.pid), "{branch}");
        assert_eq!(twenty::holds(admin, ETC), before, "{branch}: {:#}", done["restart"]["returned"]);
        assert!(done["restart"]["full_service_ms"].as_u64().is_some(), "{branch}");
        assert!(done["proof"].to_string().contains("container edge"), "{branch}: {done:#}");
    }
}

#[test]
fn a_daemon_that_is_gone_is_no_proof_of_who_restarts_it() {
    requires!(Docker, Haproxy(Branch::V32));
    let edge = DockerBench::start(Branch::V32);
    let host = host();
    let pid = edge.container.pid.to_string();
    let args = ["restart", &pid, "--break-glass", &host, "--reason", "x", "--plan", "-o", "json"];
    let said = RunOutput::from_command(
        edge.haguard.command().env("DOCKER_HOST", "unix:///nowhere/d.sock").args(args),
    );
    assert!([3, 5].contains(&said.status), "{said}");
    assert!(said.json()["plan"].is_null(), "{said}");
    assert!(alive(edge.container.pid));
}

#[test]
fn a_container_that_does_not_come_up_again_is_said_in_its_own_words_with_the_way_by_hand() {
    requires!(Docker, Haproxy(Branch::V32));
    let edge = DockerBench::start(Branch::V32);
    let plan = edge.plan();
    assert_eq!(plan["exit"], 0, "{plan:#}");
    let (gate, journal) = gate(&edge.haguard);
    let done = std::thread::scope(|scope| {
        let run = scope.spawn(|| edge.glass(&["--approve", as_text(&plan["plan"]["id"])]).json());
        // The file is spoilt after the last look at it.
        wait_at(&journal);
        std::fs::write(edge.folder.path().join("etc/haproxy.cfg"), "no_such_keyword\n").unwrap();
        drop(gate);
        run.join().unwrap()
    });
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert_eq!(done["restart"]["outcome"], "down", "{done:#}");
    let log = done["restart"]["startup_log"].to_string();
    assert!(log.contains("no_such_keyword") && !log.contains("\\u0000"), "{done:#}");
    let socket = edge.dockerd.socket().display().to_string();
    assert_eq!(done["next"][0], format!("docker -H unix://{socket} start edge"), "{done:#}");
    let evidence = std::path::Path::new(as_text(&done["restart"]["evidence"]));
    assert!(std::fs::read_to_string(evidence.join("haproxy.log")).unwrap().contains("no_such_keyword"));
}

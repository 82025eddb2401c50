//! Break-glass of a HAProxy that a real Podman keeps: through its service, and refused where there is none.

use serde_json::Value;
use tempfile::TempDir;

use super::{host, twenty};
use crate::support::docker::{Container, HAPROXY};
use crate::support::document::as_text;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, ask};
use crate::support::podman::Podman;
use crate::support::ports::{self, Port};
use crate::support::process::alive;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const ETC: &str = "/usr/local/etc/haproxy";
const RUN: &str = "/run/haproxy";

/// A container whose only program is HAProxy, with folders of this host for its files and its sockets.
struct PodmanBench {
    podman: Podman,
    container: Container,
    haguard: Haguard,
    folder: TempDir,
    _port: Port,
}

impl PodmanBench {
    fn start(branch: Branch) -> Self {
        let podman = Podman::new();
        let image = podman.haproxy(branch);
        let (folder, port) = (TempDir::with_prefix("hag").unwrap(), ports::free());
        let at = folder.path().to_str().unwrap();
        for name in ["etc", "run"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let config = twenty::config(RUN, ETC, &[&format!("127.0.0.1:{}", port.number)]);
        std::fs::write(folder.path().join("etc/haproxy.cfg"), config).unwrap();
        std::fs::write(folder.path().join("etc/routes.map"), twenty::MAP).unwrap();
        let volumes = [format!("--volume={at}/etc:{ETC}:ro"), format!("--volume={at}/run:{RUN}")];
        let volumes = volumes.each_ref().map(String::as_str);
        let config = format!("{ETC}/haproxy.cfg");
        let argv = [HAPROXY, "-W", "-db", "-S", "/run/haproxy/master.sock", "-f", &config];
        let container = podman.run("edge", &volumes, &image, &argv);
        let edge = PodmanBench { podman, container, haguard: Haguard::new(), folder, _port: port };
        wait_for("HAProxy serves in its container", || {
            let info = ask(&edge.folder.path().join("run/admin.sock"), "show info").ok()?;
            info.contains("Pid:").then_some(())
        });
        edge
    }

    fn admin(&self, command: &str) -> String {
        ask(&self.folder.path().join("run/admin.sock"), command).unwrap()
    }

    fn glass(&self, socket: &str, more: &[&str]) -> Value {
        let (host, pid) = (host(), self.container.pid.to_string());
        let args = ["restart", &pid, "--break-glass", &host, "--reason", "INC-2", "-o", "json"];
        let socket = format!("unix://{socket}");
        RunOutput::from_command(
            self.haguard.command().env("DOCKER_HOST", socket).args([&args, more].concat()),
        )
        .json()
    }
}

#[test]
fn a_container_is_restarted_by_podmans_service_and_is_as_before() {
    requires!(Podman, Haproxy(Branch::V30), Haproxy(Branch::V34));
    for branch in [Branch::V30, Branch::V34] {
        let mut edge = PodmanBench::start(branch);
        let socket = edge.podman.serve().display().to_string();
        let admin = |command: &str| edge.admin(command);
        twenty::disturb(admin, ETC);
        let before = twenty::holds(admin, ETC);
        let plan = edge.glass(&socket, &["--plan"]);
        assert_eq!(plan["exit"], 0, "{branch}: {plan:#}");
        assert!(alive(edge.container.pid), "a plan does nothing");
        let done = edge.glass(&socket, &["--approve", as_text(&plan["plan"]["id"])]);
        assert_eq!((&done["exit"], &done["changed"]), (&0.into(), &true.into()), "{branch}: {done:#}");
        let now = edge.podman.pid("edge");
        assert_eq!(done["restart"]["main"], now, "{branch}: {done:#}");
        assert!(now != edge.container.pid && !alive(edge.container.pid), "{branch}");
        assert_eq!(twenty::holds(admin, ETC), before, "{branch}: {:#}", done["restart"]["returned"]);
        assert!(done["proof"].to_string().contains("Podman, container edge"), "{branch}: {done:#}");
    }
}

#[test]
fn without_its_service_it_is_refused_with_the_way_by_hand() {
    requires!(Podman, Haproxy(Branch::V32));
    let edge = PodmanBench::start(Branch::V32);
    let refused = edge.glass("/nowhere/podman.sock", &["--plan"]);
    assert_eq!((&refused["exit"], &refused["changed"]), (&3.into(), &false.into()), "{refused:#}");
    let text = refused.to_string();
    let way = format!("podman --root {}/root", edge.podman.dir().display());
    assert!(text.contains("systemctl start podman.socket") && text.contains(&way), "{refused:#}");
    assert!(alive(edge.container.pid));
    // The way that was told works.
    let told = text.split('`').find(|word| word.starts_with(&way)).unwrap();
    assert!(told.ends_with(" restart edge"), "{told}");
    let mut command = edge.haguard.command_for("podman");
    command.args(told.split(' ').skip(1)).assert().success();
    assert!(!alive(edge.container.pid) && alive(edge.podman.pid("edge")));
}

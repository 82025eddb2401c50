//! A HAProxy in a container of a real Docker: read, rehearsed and reloaded from outside, where it lives.

mod guest;
mod links;
mod mounts;
mod signal;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::other_user::as_nobody;
use crate::support::configs;
use crate::support::docker::{Container, Dockerd, HAPROXY};
use crate::support::document::{as_text, finding};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, ask};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// The branches that come with a C library of their own, which an image needs.
const BRANCHES: [Branch; 4] = [Branch::V26, Branch::V30, Branch::V32, Branch::V34];

/// Where the configuration is in a container.
const CONFIG: &str = "/usr/local/etc/haproxy/haproxy.cfg";
const MASTER: &str = "/run/haproxy/master.sock";

const TEXT: &str = "global
    stats socket /run/haproxy/admin.sock level admin
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:80
    default_backend app
backend app
    server one 127.0.0.1:9
";

/// A container whose only program is HAProxy, with folders of this host for its files and its sockets.
struct ContainerBench {
    container: Container,
    haguard: Haguard,
    folder: TempDir,
}

impl ContainerBench {
    fn start(dockerd: &Dockerd, image: &str) -> Self {
        ContainerBench::with(
            dockerd,
            image,
            json!({"NetworkMode": "none"}),
            &["{dir}/etc:/usr/local/etc/haproxy:ro"],
        )
    }

    /// With these settings of the host's side, and these mounts.
    fn with(dockerd: &Dockerd, image: &str, host: Value, binds: &[&str]) -> Self {
        let edge = ContainerBench::made(dockerd, image, host, binds, &["-S", MASTER]);
        wait_for("the master lists a worker", || edge.listed().ok()?.contains("worker").then_some(()));
        edge
    }

    fn without_master(dockerd: &Dockerd, image: &str, host: Value) -> Self {
        ContainerBench::made(dockerd, image, host, &["{dir}/etc:/usr/local/etc/haproxy:ro"], &[])
    }

    fn made(dockerd: &Dockerd, image: &str, mut host: Value, binds: &[&str], more: &[&str]) -> Self {
        let folder = TempDir::with_prefix("hag").unwrap();
        let at = folder.path().to_str().unwrap();
        for name in ["etc", "run"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("etc/haproxy.cfg"), TEXT).unwrap();
        let binds = binds.iter().chain(&["{dir}/run:/run/haproxy"]);
        host["Binds"] = binds.map(|bind| bind.replace("{dir}", at)).collect();
        let name = folder.path().file_name().unwrap().to_str().unwrap();
        let argv = [&[HAPROXY, "-W", "-db", "-f", CONFIG], more].concat();
        let body = json!({"Image": image, "Cmd": argv, "Hostname": "edge-7", "HostConfig": host});
        let container = dockerd.create(name, &body);
        // What Docker itself says is half of the proof of who controls it.
        let daemon = format!("DOCKER_HOST=unix://{}", dockerd.socket().display());
        let edge =
            ContainerBench { container, haguard: Haguard::through(&["/usr/bin/env", &daemon]), folder };
        edge.wait_serving(|| dockerd.logs(&edge.container.id));
        edge
    }

    fn wait_serving(&self, log: impl Fn() -> String) {
        wait_for("HAProxy serves in its container", || {
            assert!(Path::new(&format!("/proc/{}", self.container.pid)).exists(), "it ended:\n{}", log());
            let info = ask(&self.host_path("run/admin.sock"), "show info").ok()?;
            info.contains("Pid:").then_some(())
        });
    }

    fn host_path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, text: &str) {
        std::fs::write(self.host_path("etc/haproxy.cfg"), text).unwrap();
    }

    /// Its master socket as seen through its root.
    fn master(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{MASTER}", self.container.pid))
    }

    fn json(&self, words: &[&str]) -> Value {
        plain(self.haguard.json(words, &self.master()))
    }

    fn run(&self, words: &[&str]) -> RunOutput {
        let master = self.master();
        self.haguard.run(words.iter().copied().chain(["--master-socket", master.to_str().unwrap()]))
    }

    /// What HAProxy calls itself in there.
    fn listed(&self) -> std::io::Result<String> {
        ask(&self.host_path("run/master.sock"), "show proc")
    }

    /// PIDs out here of the master's children.
    fn workers(&self) -> Vec<u64> {
        let children = format!("/proc/{0}/task/{0}/children", self.container.pid);
        let text = std::fs::read_to_string(children).unwrap();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }
}

/// What is known as it is, without the word that it was seen.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut map) if map.len() == 1 && map.contains_key("seen") => plain(map["seen"].take()),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        Value::Array(all) => all.into_iter().map(plain).collect(),
        other => other,
    }
}

/// One daemon, and each branch in turn.
fn every(mut each: impl FnMut(&Dockerd, &str, Branch)) {
    let dockerd = Dockerd::start();
    for branch in BRANCHES {
        let image = dockerd.haproxy(branch);
        each(&dockerd, &image, branch);
    }
}

#[test]
fn it_is_read_in_our_own_numbers_and_tested_by_its_own_program() {
    requires!(Docker, Haproxy(Branch::V26), Haproxy(Branch::V30), Haproxy(Branch::V32), Haproxy(Branch::V34));
    every(|dockerd, image, branch| {
        let edge = ContainerBench::start(dockerd, image);
        let document = edge.json(&["inspect"]);
        let instance = &document["facts"]["instance"];
        assert_eq!(instance["main"]["pid"], edge.container.pid, "{branch}: {document:#}");
        let workers = edge.workers();
        assert!(
            workers.contains(&instance["serving"].as_u64().unwrap()),
            "{branch}: {workers:?} {instance:#}"
        );
        assert!(instance["identity"].as_array().unwrap().len() >= 2, "{branch}: {instance:#}");
        let socket = &instance["admin_sockets"][0];
        assert_eq!(socket["answered_by"], instance["serving"], "{branch}: {socket}");
        let listeners = document["facts"]["live"]["listeners"].to_string();
        assert!(listeners.contains("127.0.0.1:80"), "{branch}: its own tables: {listeners}");
        assert_eq!(document["facts"]["config"]["files"][0]["path"], CONFIG, "{branch}");
        assert_eq!(
            document["facts"]["config"]["test"]["valid"], true,
            "{branch}: {}",
            document["facts"]["config"]
        );
        assert_eq!(
            document["facts"]["unchanged"].as_array().map(Vec::len),
            Some(3),
            "{branch}: {document:#}"
        );

        // By its number out here alone.
        let said = edge.haguard.run(["restart", &edge.container.pid.to_string(), "-o", "json"]);
        let compared = said.json()["refusal"]["compared_with"].to_string();
        assert!(compared.contains("rehearsed from cold: it comes up"), "{branch}: {said}");

        // By the path out here of the mounted socket it is the same one.
        let outside = plain(edge.haguard.json(&["inspect"], &edge.host_path("run/master.sock")));
        assert_eq!(outside["facts"]["instance"]["main"]["pid"], edge.container.pid, "{branch}: {outside:#}");
        assert_eq!(outside["facts"]["instance"]["serving"], instance["serving"], "{branch}");

        edge.write(&(TEXT.to_owned() + "nonsense here\n"));
        let test = &edge.json(&["inspect"])["facts"]["config"]["test"];
        assert_eq!(test["valid"], false, "{branch}: {test}");
        assert!(test["alerts"].to_string().contains("nonsense"), "{branch}: {test}");
    });
}

#[test]
fn the_next_worker_is_rehearsed_there_and_the_one_that_runs_is_not_touched() {
    requires!(Docker, Haproxy(Branch::V26), Haproxy(Branch::V30), Haproxy(Branch::V32), Haproxy(Branch::V34));
    every(|dockerd, image, branch| {
        let edge = ContainerBench::start(dockerd, image);
        let listed = || edge.listed().unwrap().lines().count();
        let before = (listed(), edge.workers());
        let document = edge.json(&["rehearse", "--exit-code"]);
        assert_eq!(document["rehearsal"]["came_up"], true, "{branch}: {document:#}");
        assert_eq!(document["exit"], 0, "{branch}: nothing differs: {document:#}");

        edge.write(&(TEXT.to_owned() + &configs::more_of_app("127.0.0.1:81")));
        let document = edge.json(&["rehearse"]);
        let changes = document["rehearsal"]["difference"].to_string();
        assert!(changes.contains("more") && changes.contains("127.0.0.1:81"), "{branch}: {document:#}");
        assert_eq!(finding(&document, "config.new-binds-free")["level"], "pass", "{branch}: {document:#}");

        // Valid, and it would not come up: there is no such folder in the container, whatever there is out here.
        std::fs::create_dir(edge.host_path("only-here")).unwrap();
        let path = edge.host_path("only-here/s.sock");
        edge.write(&format!(
            "{TEXT}frontend bad\n    bind unix@{}\n    default_backend app\n",
            path.display()
        ));
        let document = edge.json(&["rehearse"]);
        assert_eq!(document["rehearsal"]["came_up"], false, "{branch}: {document:#}");
        assert!(document["rehearsal"]["alerts"].to_string().contains("only-here"), "{branch}: {document:#}");
        assert_eq!(document["exit"], 3, "{branch}");
        assert_eq!((listed(), edge.workers()), before, "{branch}");
    });
}

#[test]
fn a_reload_is_ordered_and_proven_from_outside() {
    requires!(Docker, Haproxy(Branch::V26), Haproxy(Branch::V30), Haproxy(Branch::V32), Haproxy(Branch::V34));
    every(|dockerd, image, branch| {
        let edge = ContainerBench::start(dockerd, image);
        let old = edge.workers();
        edge.write(&(TEXT.to_owned() + &configs::more_of_app("127.0.0.1:81")));
        let planned = edge.json(&["reload", "--plan"]);
        let id = as_text(&planned["plan"]["id"]).to_owned();
        let said = edge.run(&["reload", "--approve", &id, "-o", "json"]);
        let document = said.json();
        assert_eq!(said.status, 0, "{branch}: {said}");
        let proof = document["proof"].as_array().unwrap();
        let claimed = |words: &str| proof.iter().any(|proof| as_text(&proof["claim"]).contains(words));
        assert!(claimed("a new worker serves") && claimed("no reload has failed"), "{branch}: {document:#}");
        let now = edge.json(&["inspect"]);
        let serving = now["facts"]["instance"]["serving"].as_u64().unwrap();
        assert!(!old.contains(&serving) && edge.workers().contains(&serving), "{branch}: {now:#}");
        assert!(now["facts"]["live"]["listeners"].to_string().contains("127.0.0.1:81"), "{branch}");

        edge.write("nonsense\n");
        let said = edge.run(&["reload", "--plan"]);
        assert_eq!(said.status, 3, "{branch}: {said}");
    });
}

#[test]
fn a_confirmation_is_refused_where_its_files_are_not_ours_to_put_back() {
    requires!(Docker, Haproxy(Branch::V32));
    let dockerd = Dockerd::start();
    let image = dockerd.haproxy(Branch::V32);
    let edge = ContainerBench::start(&dockerd, &image);
    let said = edge.run(&["reload", "--plan", "--confirm-within", "1m"]);
    assert_eq!(said.status, 3, "{said}");
    assert!(said.stderr.contains("files of its own"), "{said}");
}

#[test]
fn a_user_who_is_not_root_is_told_what_is_needed() {
    requires!(OtherUser, Docker, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let image = dockerd.haproxy(Branch::V30);
    let edge = ContainerBench::start(&dockerd, &image);
    std::fs::set_permissions(edge.folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let master = edge.master();
    let args = ["check", "--master-socket", master.to_str().unwrap()];
    let said = as_nobody(&edge.haguard, &args);
    assert_eq!(said.status, 5, "{said}");
    assert!(said.to_string().contains("root"), "{said}");
}

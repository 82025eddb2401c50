//! Services that no service manager keeps, but another program does: PostgreSQL below Patroni, a `program` of HAProxy, a
//! port that Docker publishes.

use serde_json::Value;

use super::*;
use crate::support::configs;
use crate::support::docker::{Dockerd, HAPROXY};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{self, Branch};
use crate::support::requires::requires;

/// The word of `restart`, and who was found by it.
#[track_caller]
fn found(word: &str) -> (String, Value) {
    let haguard = Haguard::new();
    let text = unwrapped(&haguard.run(["restart", word]).stdout);
    let document = haguard.run(["restart", word, "-o", "json"]).json();
    assert_eq!(document["exit"], 3, "{document:#}");
    (text, document["refusal"]["asked"]["found"].clone())
}

/// A HAProxy that keeps a web server at this port as its program. It is not asked before it has loaded: 2.6 with a
/// program leaves such a question open.
fn program(branch: Branch, port: &Port, dir: &TempDir) -> Process {
    let (python, binary) = (python(), haproxy::binary(branch));
    let at = dir.path().display();
    let web_server = format!("{} -m http.server --bind 127.0.0.1 {}", python.display(), port.number);
    let sections = format!("frontend f\n    bind {at}/f.sock\nprogram gui\n    command {web_server}\n");
    let config = configs::whole(&at.to_string(), &sections);
    std::fs::write(dir.path().join("haproxy.cfg"), config).unwrap();
    let words = format!("-W -S {at}/master.sock -f {at}/haproxy.cfg");
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    let process = Process::start(&binary, &words, &[], &dir.path().join("log"));
    wait_for("HAProxy has loaded", || {
        text(&dir.path().join("log")).contains("Loading success").then_some(())
    });
    wait_for("the program listens", || std::net::TcpStream::connect(("127.0.0.1", port.number)).ok());
    process
}

#[test]
fn a_program_of_haproxys_configuration_is_its_masters_and_comes_back_with_a_reload() {
    requires!(Program("python3"), Haproxy(Branch::V26), Haproxy(Branch::V30));
    for branch in [Branch::V26, Branch::V30] {
        let (port, dir) = (ports::free(), crate::support::run::scratch());
        let haproxy = program(branch, &port, &dir);
        let (text, found) = found(&port.number.to_string());
        assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
        let control = &found[0]["service"]["control"];
        assert_eq!(control["certainty"], "proven", "{control:#}");
        assert_eq!(control["controller"]["kind"], "haproxy-program", "{control:#}");
        assert_eq!(control["controller"]["master"], haproxy.pid(), "{control:#}");
        let socket = dir.path().join("master.sock").display().to_string();
        for expected in [
            &format!("HAProxy's master {}, as its `program` (proven)", haproxy.pid()),
            &format!("haguard reload --master-socket {socket}"),
            "nothing starts it before the next reload",
        ] {
            assert!(text.contains(expected), "no `{expected}` in {text}");
        }
        assert!(!text.contains("kill -TERM"), "{text}");
    }
}

/// A cluster of one, by the real parts: etcd, Patroni and PostgreSQL, all as a user who is not root.
struct PatroniCluster {
    patroni: Process,
    _etcd: Process,
    dir: TempDir,
    ports: [Port; 4],
}

/// Where Debian has the programs of its newest PostgreSQL.
fn postgresql() -> Option<std::path::PathBuf> {
    let mut all: Vec<_> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|one| one.path().join("bin")).collect();
    all.sort();
    all.into_iter().rfind(|bin| bin.join("postgres").is_file())
}

impl PatroniCluster {
    /// Starts it, and waits until PostgreSQL takes writes.
    fn start() -> Self {
        let (etcd, patroni, bin) = (on_path("etcd"), on_path("patroni"), postgresql());
        let (etcd, patroni, bin) = (etcd.unwrap(), patroni.unwrap(), bin.unwrap());
        let dir = open_folder();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        let ports = [(); 4].map(|()| ports::free());
        let [client, peer, rest, sql] = [0, 1, 2, 3].map(|at: usize| ports[at].number);
        let at = dir.path().display();
        let config = format!(
            "scope: lab\nname: node1\nrestapi: {{listen: '127.0.0.1:{rest}', connect_address: '127.0.0.1:{rest}'}}\n\
             etcd3: {{hosts: ['127.0.0.1:{client}']}}\n\
             bootstrap:\n  dcs: {{ttl: 30, loop_wait: 5, retry_timeout: 5}}\n\
             postgresql:\n  listen: 127.0.0.1:{sql}\n  connect_address: 127.0.0.1:{sql}\n  data_dir: {at}/data/pg\n  \
             bin_dir: {}\n  authentication:\n    replication: {{username: replicator, password: hunter2}}\n    \
             superuser: {{username: postgres, password: hunter2}}\n  pgpass: {at}/data/pgpass\n  parameters: {{unix_socket_directories: {at}/data}}\n",
            bin.display()
        );
        std::fs::write(dir.path().join("patroni.yml"), config).unwrap();
        let urls = [client, peer].map(|port| format!("http://127.0.0.1:{port}"));
        let words = [
            etcd.display().to_string(),
            format!(
                "--name=e0 --data-dir={at}/data/etcd --listen-client-urls={0} --advertise-client-urls={0}",
                urls[0]
            ),
            format!(
                "--listen-peer-urls={0} --initial-advertise-peer-urls={0} --initial-cluster=e0={0}",
                urls[1]
            ),
        ];
        let etcd = as_somebody(&words.join(" "), &dir);
        wait_for("etcd answers", || std::net::TcpStream::connect(("127.0.0.1", client)).ok());
        let patroni = as_somebody(&format!("{} {at}/patroni.yml", patroni.display()), &dir);
        let cluster = PatroniCluster { patroni, _etcd: etcd, dir, ports };
        let answers = || std::net::TcpStream::connect(("127.0.0.1", sql)).ok();
        if crate::support::wait::within(std::time::Duration::from_secs(90), answers).is_none() {
            panic!("PostgreSQL does not listen:\n{}", text(&cluster.dir.path().join("log")));
        }
        cluster
    }
}

impl Drop for PatroniCluster {
    fn drop(&mut self) {
        // PostgreSQL outlives its Patroni unless that is asked to end.
        self.patroni.end(rustix::process::Signal::TERM);
    }
}

/// Starts a program as nobody, who is a user of every host, or as whoever we are if that is not root.
fn as_somebody(words: &str, dir: &TempDir) -> Process {
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups -- ";
    let root = rustix::process::geteuid().is_root();
    let words = if root { format!("{nobody}{words}") } else { words.to_owned() };
    let mut words = words.split(' ').map(OsString::from);
    let program = on_path(&words.next().unwrap().to_string_lossy()).unwrap_or_default();
    if root {
        std::os::unix::fs::chown(dir.path().join("data"), Some(65534), Some(65534)).unwrap();
    }
    Process::start(&program, &words.collect::<Vec<_>>(), &[], &dir.path().join("log"))
}

#[test]
fn postgresql_below_patroni_is_patronis_and_one_service_with_all_of_its_processes() {
    requires!(Root, Patroni, Program("setpriv"));
    let cluster = PatroniCluster::start();
    let [_, _, rest, sql] = &cluster.ports;
    let (text, found) = wait_for("Patroni says when it started PostgreSQL", || {
        let (text, found) = found(&format!("127.0.0.1:{}", sql.number));
        (found[0]["service"]["control"]["certainty"] == "proven").then_some((text, found))
    });
    assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
    let service = &found[0]["service"];
    assert!(service["members"].as_array().unwrap().len() >= 3, "{service:#}");
    let controller = &service["control"]["controller"];
    assert_eq!(controller["kind"], "patroni", "{service:#}");
    assert_eq!(
        (&controller["scope"], &controller["member"]),
        (&"lab".into(), &"node1".into()),
        "{service:#}"
    );
    let config = cluster.dir.path().join("patroni.yml");
    for expected in [
        format!("Patroni ({}), member node1 of cluster lab (proven)", cluster.patroni.pid()),
        format!(
            "http://127.0.0.1:{}/patroni: member node1 of lab, whose PostgreSQL was started",
            rest.number
        ),
        format!("patronictl -c {} restart lab node1", config.display()),
        format!("Patroni ({}) treats that as a failure", cluster.patroni.pid()),
    ] {
        assert!(text.contains(&expected), "no `{expected}` in {text}");
    }
    assert!(!text.contains("kill -TERM") && !text.contains("hunter2"), "{text}");
    // Others of the same user, by name and arguments: one of another cluster, and one that was started at another time.
    let since = std::time::Instant::now();
    wait_for("a moment is over", || (since.elapsed().as_secs() >= 4).then_some(()));
    let script = cluster.dir.path().join("postgres");
    crate::support::executable::script(&script, "#!/bin/sh\nwhile :; do sleep 1; done\n");
    for (scope, certainty, kind) in [("other", "proven", "nobody"), ("lab", "claimed", "patroni")] {
        let words = format!("{} --cluster_name={scope}", script.display());
        let process = as_somebody(&words, &cluster.dir);
        let line = format!("/proc/{}/cmdline", process.pid());
        wait_for("it runs", || std::fs::read_to_string(&line).ok()?.starts_with("/bin/sh").then_some(()));
        let (text, found) = found_by_pid(process.pid());
        let control = &found["service"]["control"];
        assert_eq!(
            (&control["certainty"], &control["controller"]["kind"]),
            (&certainty.into(), &kind.into()),
            "{text}"
        );
        assert_eq!(
            text.contains("it is another one, or the clock was set since"),
            certainty == "claimed",
            "{text}"
        );
    }
}

fn found_by_pid(pid: u32) -> (String, Value) {
    let (text, all) = found(&pid.to_string());
    let found = all.as_array().unwrap().iter().find(|one| one["service"]["process"]["pid"] == pid);
    (text, found.unwrap_or_else(|| panic!("{all:#}")).clone())
}

#[test]
fn a_port_that_docker_publishes_is_its_containers_and_not_the_daemons() {
    requires!(Docker, Haproxy(Branch::V30));
    let docker = Dockerd::bridged();
    let image = docker.haproxy(Branch::V30);
    let dir = crate::support::run::scratch();
    let config = configs::plain(":80");
    std::fs::write(dir.path().join("h.cfg"), config).unwrap();
    let ports = serde_json::json!({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]});
    let body = serde_json::json!({
        "Image": image, "Cmd": [HAPROXY, "-db", "-f", "/h.cfg"], "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"Binds": [format!("{}:/h.cfg:ro", dir.path().join("h.cfg").display())], "PortBindings": ports},
    });
    docker.create("api", &body);
    let pid = docker.pid().to_string();
    let haguard = Haguard::through(&["nsenter", "--target", &pid, "--net", "--"]);
    let socket = format!("unix://{}", docker.socket().display());
    let run =
        |args: &[&str]| RunOutput::from_command(haguard.command().args(args).env("DOCKER_HOST", &socket));
    let said = run(&["restart", "127.0.0.1:8080"]);
    let said_flat = unwrapped(&said.stdout);
    // It is HAProxy, which nobody restarts just because its port is Docker's.
    for expected in [
        "controlled by Docker, container api (proven)",
        "leads to it (it listens on 127.0.0.1:8080)",
        "haguard reload",
    ] {
        assert!(said_flat.contains(expected), "no `{expected}` in {said}");
    }
    assert!(!said_flat.contains("restart api"), "{said}");
    let said = run(&["restart", ":8080"]);
    let by_port = unwrapped(&said.stdout);
    assert!(by_port.contains("Match: haproxy") && !by_port.contains("No visible process"), "{said}");
    let document = run(&["inspect", "-o", "json"]).json();
    let all = document["facts"]["on_host"]["seen"]["services"].as_array().unwrap();
    let is_proxy = |one: &&Value| one["listens"]["seen"] == serde_json::json!(["tcp 127.0.0.1:8080"]);
    let proxy = all.iter().find(|one| is_proxy(one) && one["same_network"]["seen"] == true).unwrap();
    assert_eq!((&proxy["name"], &proxy["control"]["certainty"]), (&"docker-proxy".into(), &"proven".into()));
    assert_eq!(proxy["control"]["controller"]["container"]["name"], "api", "{proxy:#}");
    assert!(
        proxy["control"]["evidence"].to_string().contains("127.0.0.1:8080 to 172.17.0.2:80"),
        "{proxy:#}"
    );
    // Whoever cannot ask Docker does not take the daemon for the one to restart.
    let said = haguard.run(["restart", "127.0.0.1:8080"]);
    assert!(unwrapped(&said.stdout).contains("Docker's proxy of a container, which is not known"), "{said}");
}

//! A HAProxy in a unit that takes most of its rights and files away, under a real systemd: what haguard rehearses is what
//! a reload really does.

mod environment;
mod start;

use serde_json::Value;

use crate::support::configs;
use crate::support::document::{as_text, finding};
use crate::support::guest::{BRANCHES, Guest};
use crate::support::haguard::RunOutput;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// 2.8 comes from a package whose HAProxy was built without systemd: it knows no `-Ws`.
const HERE: [Branch; 4] = [Branch::V26, Branch::V30, Branch::V32, Branch::V34];

const UNIT: &str = "[Unit]
Description=HAProxy at the edge
StartLimitIntervalSec=0
[Service]
Type=notify
User=haproxy
Group=haproxy
SupplementaryGroups=adm
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
LimitNOFILE=4096
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
RuntimeDirectory=edge
ReadWritePaths=/var/lib/haproxy
EnvironmentFile=/etc/edge/env
PIDFile=/run/edge/main.pid
ExecStart={program} -Ws -p /var/run/edge/main.pid -S /run/edge/master.sock -f /etc/edge/haproxy.cfg
ExecReload=/bin/kill -USR2 $MAINPID
KillMode=mixed
SuccessExitStatus=143
";

const CONFIG: &str = "global
    stats socket /run/edge/admin.sock level admin
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend web
    bind \"127.0.0.1:${EDGE_PORT}\"
    bind 127.0.0.1:80
    bind unix@/tmp/private.sock
    default_backend app
backend app
    server one 127.0.0.1:9
";

/// A guest in which the unit runs.
struct HardenedGuest {
    guest: Guest,
}

impl HardenedGuest {
    fn start() -> Self {
        let guest = Guest::boot();
        guest.ok(["chown", "haproxy", "/var/lib/haproxy"]);
        guest.write("/etc/edge/env", "EDGE_PORT=8443\n");
        HardenedGuest { guest }
    }

    /// Starts the unit with a branch's program.
    fn run(&self, branch: Branch) {
        let program = format!("{BRANCHES}/{branch}/haproxy");
        self.guest.write("/etc/systemd/system/edge.service", &UNIT.replace("{program}", &program));
        self.guest.write("/etc/edge/haproxy.cfg", CONFIG);
        self.guest.ok(["systemctl", "daemon-reload"]);
        self.guest.ok(["systemctl", "restart", "edge"]);
    }

    fn haguard(&self, words: &[&str]) -> RunOutput {
        self.guest.haguard(words.iter().chain(&["--master-socket", "/run/edge/master.sock"]))
    }

    fn json(&self, words: &[&str]) -> Value {
        self.haguard(&[words, &["-o", "json"]].concat()).json()
    }

    fn write(&self, more: &str) {
        self.guest.write("/etc/edge/haproxy.cfg", &(CONFIG.to_owned() + more));
    }

    /// Reloads as an operator would, and says whether the new worker took over.
    fn reload(&self) -> bool {
        let look = || {
            let instance = self.json(&["inspect"])["facts"]["instance"]["seen"].take();
            let count = |key: &str| instance[key]["seen"].as_u64();
            Some((count("reloads")?, count("failed_reloads")?, count("serving")?))
        };
        let (before, _, old) = wait_for("the master counts", look);
        self.guest.ok(["systemctl", "reload", "edge"]);
        wait_for("the reload ends", || {
            // A worker that dies after its start takes the whole service with it.
            if self.guest.property("edge", "ActiveState") == "failed" {
                return Some(false);
            }
            let (reloads, failed, serving) = look()?;
            (reloads > before && (failed > 0 || serving != old)).then_some(failed == 0)
        })
    }
}

#[test]
fn what_runs_in_it_is_read_and_its_next_worker_comes_up_alike() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    for branch in HERE {
        edge.run(branch);
        let document = edge.json(&["rehearse", "--exit-code"]);
        assert_eq!(document["rehearsal"]["came_up"], true, "{branch}: {document:#}");
        assert_eq!(document["exit"], 0, "{branch}: nothing differs: {document:#}");
        assert_eq!(document["rehearsal"]["holds"]["binds"], 4, "{branch}: {document:#}");
        let document = edge.json(&["check"]);
        for id in ["arch.identity", "arch.manager", "arch.namespace", "arch.sockets", "config.test-same-argv"]
        {
            let found = finding(&document, id);
            assert_eq!(found["level"], "pass", "{branch}: {found}");
        }
    }
}

#[test]
fn the_rehearsal_fails_where_a_reload_fails_and_comes_up_where_it_does() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    let more = |bind: &str| configs::more_of_app(bind);
    let cases = [
        ("a port that its one capability allows", more("127.0.0.1:81"), true),
        ("a folder that it may write", more("unix@/var/lib/haproxy/s.sock"), true),
        ("a /tmp of its own", more("unix@/tmp/more.sock"), true),
        ("a folder that ProtectSystem forbids", more("unix@/var/log/s.sock"), false),
        ("more files than LimitNOFILE allows", "global\n    maxconn 50000\n".to_owned(), false),
        (
            "a user that NoNewPrivileges and no capability let it become",
            "global\n    user nobody\n".to_owned(),
            false,
        ),
    ];
    for branch in HERE {
        for (what, text, comes_up) in &cases {
            edge.run(branch);
            edge.write(text);
            let document = edge.json(&["rehearse"]);
            let rehearsed = document["rehearsal"]["came_up"] == true;
            let real = edge.reload();
            assert_eq!((rehearsed, real), (*comes_up, *comes_up), "{branch}: {what}: {document:#}");
        }
    }
}

#[test]
fn a_reload_of_a_master_that_systemd_started_is_proven() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    for branch in HERE {
        edge.run(branch);
        edge.write(&configs::more_of_app("127.0.0.1:81"));
        let planned = edge.json(&["reload", "--plan"]);
        let id = as_text(&planned["plan"]["id"]).to_owned();
        let said = edge.haguard(&["reload", "--approve", &id]);
        assert_eq!(said.status, 0, "{branch}: {said}");
        assert_eq!(edge.guest.property("edge", "ActiveState"), "active", "{branch}");
        assert_eq!(edge.guest.property("edge", "NRestarts"), "0", "{branch}");
        assert_eq!(edge.json(&["rehearse", "--exit-code"])["exit"], 0, "{branch}");
    }
}

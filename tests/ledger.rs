//! The ledger beside what really happens: a real reload and a real restart of a throw-away instance lose exactly what
//! the ledger said, and keep exactly what it said.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::Value;

use crate::support::configs::TestConfig;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::{Origin, hold_connection};
use crate::support::pem;
use crate::support::requires::requires;
use crate::support::truth::{self, RuntimeSnapshot};
use crate::support::wait::wait_for;

const CONFIG: TestConfig = TestConfig {
    globals: "localpeer me\n",
    sections: "
peers mates
    peer me 127.0.0.1:{port:peer}
frontend fe
    bind 127.0.0.1:{port:fe}
    bind 127.0.0.1:{port:tls} ssl crt {dir}/site.pem
    acl blocked src -f {dir}/block.lst
    acl api path_beg /api /v2
    http-request deny if blocked
    use_backend api if api
    use_backend %[req.hdr(host),lower,map({dir}/hosts.map)] if { req.hdr(host),lower,map({dir}/hosts.map) -m found }
    default_backend web
frontend hold
    bind 127.0.0.1:{port:hold}
    default_backend steady
backend steady
    server h1 127.0.0.1:{port:origin}
backend web
    balance roundrobin
    stick-table type ip size 1k expire 1h store http_req_cnt peers mates
    server s1 127.0.0.1:{port:origin} weight 10
    server s2 127.0.0.1:{port:origin} disabled
    server-template t 3 127.0.0.1:{port:origin}
backend api
    balance leastconn
    stick-table type string len 16 size 1k expire 1h store http_req_cnt
    server a1 127.0.0.1:{port:origin}
backend gone
    server g1 127.0.0.1:{port:origin}
",
    files: &[
        ("site.pem", "{pem:disk.test}"),
        ("hosts.map", "a.test web\nb.test api\nc.test web\n"),
        ("block.lst", "10.0.0.1\n10.0.0.2\n"),
    ],
};

/// Everything that a person or a connector sets over the socket and nothing writes down.
fn disturb(haproxy: &Instance, origin: &Origin) {
    let dir = haproxy.dir().display();
    let map = format!("{dir}/hosts.map");
    for command in [
        "set server web/s1 state drain".to_owned(),
        "set server web/s2 state ready".to_owned(),
        "set server web/t1 state maint".to_owned(),
        "set server web/t2 weight 50%".to_owned(),
        format!("set server web/t3 addr 127.0.0.7 port {}", origin.port),
        format!("add server api/dyn 127.0.0.1:{}", origin.port),
        format!("add map {map} new.test api"),
        format!("set map {map} b.test web"),
        format!("del map {map} c.test"),
        format!("add acl {dir}/block.lst 10.9.9.9"),
        "set table web key 1.2.3.4 data.http_req_cnt 5".to_owned(),
        "set table api key one data.http_req_cnt 5".to_owned(),
        "set table api key two data.http_req_cnt 5".to_owned(),
    ] {
        let said = haproxy.admin(&command);
        assert!(!said.contains("nknown") && !said.contains("such"), "{command}: {said}");
    }
    let api = inline_acl(haproxy, "path_beg");
    haproxy.admin(&format!("add acl #{api} /v9"));
    haproxy.admin(&format!("set ssl cert {dir}/site.pem <<\n{}\n", pem::self_signed("memory.test")));
    let said = haproxy.admin(&format!("commit ssl cert {dir}/site.pem"));
    assert!(said.contains("Success"), "{said}");
}

fn inline_acl(haproxy: &Instance, criterion: &str) -> String {
    let listed = haproxy.admin("show acl");
    let line =
        listed.lines().find(|line| line.contains(&format!("() acl '{criterion}'"))).expect("it is listed");
    line.split(' ').next().unwrap().to_owned()
}

/// The ledger's lines of one fate, as the truth counts them.
fn reported_losses(document: &Value, operation: &str, fate: &str) -> BTreeMap<(String, String), u64> {
    let lines = document["losses"].as_array().expect("a list").iter();
    let of_fate = lines.filter(|line| line[operation] == fate);
    of_fate
        .filter(|line| !matches!(line["kind"].as_str(), Some("connections" | "pending-reload")))
        .map(|line| {
            let word = |key: &str| line[key].as_str().expect("a word").to_owned();
            ((word("kind"), word("object")), line["count"].as_u64().expect("a number"))
        })
        .collect()
}

fn connections(document: &Value) -> (u64, &str, &str) {
    let line =
        document["losses"].as_array().unwrap().iter().find(|line| line["kind"] == "connections").unwrap();
    let word = |key: &str| line[key].as_str().unwrap();
    (line["count"].as_u64().unwrap(), word("on_reload"), word("on_restart"))
}

/// A backend leaves the file while it runs: what the outage of the first seed looked like.
fn drop_a_backend_from_the_file(haproxy: &mut Instance) {
    let text = haproxy.config();
    let (kept, _) = text.split_once("backend gone").expect("it is the last section");
    let kept = kept.to_owned();
    haproxy.write_config(&kept);
}

/// Up to 2.8 a worker without another peer waits five seconds for one before it is in sync.
fn peers_are_in_sync(haproxy: &Instance) {
    wait_for("the peers section is in sync", || {
        haproxy.ask("show peers").contains("resync_timeout=<PAST>").then_some(())
    });
}

/// Peers teach the new worker within moments; everything else is there when it answers.
fn settled(haproxy: &Instance, kept: &BTreeMap<(String, String), u64>) -> RuntimeSnapshot {
    wait_for("what the ledger calls kept is there again", || {
        let truth = truth::snapshot(haproxy);
        let there = |(key, count): (&(String, String), &u64)| {
            truth.get(key).is_some_and(|entries| key.0 != "stick-table" || entries.len() as u64 >= *count)
        };
        kept.iter().all(there).then_some(truth)
    })
}

fn ledger_is_what_happens(branch: Branch) {
    let origin = Origin::start();
    let mut haproxy = CONFIG.start_before(branch, &origin);
    let haguard = Haguard::new();
    let socket = haproxy.master_socket().unwrap().to_path_buf();

    let clean = haguard.json(&["restart"], &socket);
    assert_eq!(
        reported_losses(&clean, "on_restart", "lost"),
        BTreeMap::new(),
        "{branch}: nothing was set yet"
    );
    assert_eq!(reported_losses(&clean, "on_restart", "unknown"), BTreeMap::new(), "{branch}");

    for operation in ["on_reload", "on_restart"] {
        disturb(&haproxy, &origin);
        peers_are_in_sync(&haproxy);
        let mut clients = hold_connection(haproxy.port("hold"), 3);
        let original = haproxy.config();
        drop_a_backend_from_the_file(&mut haproxy);
        let document = haguard.json(&["restart"], &socket);
        assert_eq!(connections(&document), (3, "kept", "lost"), "{branch}");
        assert_eq!(reported_losses(&document, operation, "unknown"), BTreeMap::new(), "{branch} {operation}");
        let expected = reported_losses(&document, operation, "lost");
        let kinds: std::collections::BTreeSet<&str> =
            expected.keys().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds.len(), 9, "{branch}: every kind is in the test: {kinds:?}");

        let before = truth::snapshot(&haproxy);
        let old_worker = haproxy.worker_pid();
        match operation {
            "on_reload" => assert!(haproxy.reload().success, "{branch}"),
            _ => haproxy.restart(),
        }
        let after = settled(&haproxy, &reported_losses(&document, operation, "kept"));
        assert_eq!(truth::lost(&before, &after), expected, "{branch} {operation}");

        if operation == "on_reload" {
            // Kept means by the old worker, until the exchange ends; a second ledger says so.
            let document = haguard.json(&["restart"], &socket);
            assert_eq!(connections(&document), (3, "kept", "lost"), "{branch}");
            assert!(haproxy.master("show proc").contains(&old_worker.to_string()), "{branch}");
            origin.release();
            for client in &mut clients {
                assert!(finishes(client), "{branch}: the old worker finishes what it has");
            }
            drop(clients);
            crate::support::process::wait_gone(old_worker);
            // For the next turn: the file as at first.
            std::fs::write(haproxy.config_path(), original).unwrap();
            assert!(haproxy.reload().success, "{branch}");
            wait_for("the worker before is gone", || {
                (!haproxy.master("show proc").contains("old workers")).then_some(())
            });
        } else {
            for client in &mut clients {
                assert!(!finishes(client), "{branch}: a restart cuts connections");
            }
        }
    }
}

/// Reads on to the last byte of the body, which is `ok`: true when it comes, false when the connection ends before.
fn finishes(client: &mut std::net::TcpStream) -> bool {
    let mut byte = [0];
    while let Ok(1) = client.read(&mut byte) {
        if byte == *b"k" {
            return true;
        }
    }
    false
}

#[test]
fn a_stick_table_of_a_worker_that_has_just_started_is_lost_up_to_2_8_and_kept_from_3_0_on() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let haproxy = CONFIG.start_before(branch, &origin);
        let socket = haproxy.master_socket().unwrap();
        haproxy.admin("set table web key 1.2.3.4 data.http_req_cnt 5");
        let document = Haguard::new().json(&["restart"], socket);
        let still_young = !haproxy.ask("show peers").contains("resync_timeout=<PAST>");
        assert!(still_young, "{branch}: this machine is too slow to look at a young worker");
        let line =
            document["losses"].as_array().unwrap().iter().find(|line| line["object"] == "web").unwrap();
        assert!(haproxy.reload().success, "{branch}");
        let expected = if branch <= Branch::V28 { "lost" } else { "kept" };
        assert_eq!(line["on_reload"], expected, "{branch}: {line}");
        if expected == "kept" {
            wait_for("the new worker is taught", || {
                haproxy.ask("show table web").contains("used:1").then_some(())
            });
        } else {
            // In sync again means that nobody is going to teach it any more.
            peers_are_in_sync(&haproxy);
            assert!(haproxy.ask("show table web").contains("used:0"), "{branch}");
        }
    }
}

#[test]
fn a_server_state_file_keeps_states_and_weights_and_pins_ports() {
    const STATES: &str = "
backend web
    load-server-state-from-file global
    balance roundrobin
    server s1 127.0.0.1:1001
    server s2 127.0.0.1:1002 weight 10
    server s3 127.0.0.1:1003
    server s4 127.0.0.1:1004
";
    for branch in Branch::here() {
        let builder = Instance::builder(branch).global("    server-state-file {dir}/states\n").config(STATES);
        let mut haproxy = builder.start();
        haproxy.admin("set server web/s1 state maint");
        haproxy.admin("set server web/s2 weight 5");
        std::fs::write(haproxy.dir().join("states"), haproxy.admin("show servers state")).unwrap();
        // After the file was written, so the file does not bring it back.
        haproxy.admin("set server web/s4 state drain");
        let text = haproxy.config().replace(":1003", ":2003");
        haproxy.write_config(&text);

        let document = Haguard::new().json(&["restart"], haproxy.master_socket().unwrap());
        let object = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let kept = reported_losses(&document, "on_reload", "kept");
        assert_eq!(
            kept,
            BTreeMap::from([
                (object("server-admin-state", "web/s1"), 1),
                (object("server-weight", "web/s2"), 1)
            ])
        );
        let lost = reported_losses(&document, "on_reload", "lost");
        assert_eq!(lost, BTreeMap::from([(object("server-admin-state", "web/s4"), 1)]), "{branch}");
        let warned = document["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["id"] == "config.state-file");
        assert!(warned, "{branch}: the port of s3 stays the old one, which nobody expects");

        let before = truth::snapshot(&haproxy);
        assert!(haproxy.reload().success, "{branch}");
        assert_eq!(truth::lost(&before, &truth::snapshot(&haproxy)), lost, "{branch}");
    }
}

#[test]
fn a_backend_made_at_run_time_is_in_no_file() {
    requires!(Haproxy(Branch::V34));
    let defaults = "defaults named\n    mode http\n    balance roundrobin\n    timeout connect 1s\n    timeout server 5s\n";
    let mut haproxy = Instance::builder(Branch::V34).config(defaults).start();
    haproxy.admin("add backend made from named mode http");
    haproxy.admin("add server made/one 127.0.0.1:9");
    haproxy.admin("publish backend made");
    assert!(haproxy.ask("show backend").contains("made"), "3.4 makes backends at run time");
    let document = Haguard::new().json(&["restart"], haproxy.master_socket().unwrap());
    let expected = BTreeMap::from([(("memory-only-config".to_owned(), "made".to_owned()), 1)]);
    assert_eq!(reported_losses(&document, "on_restart", "lost"), expected);
    let before = truth::snapshot(&haproxy);
    haproxy.restart();
    assert_eq!(truth::lost(&before, &truth::snapshot(&haproxy)), expected);
}

#[test]
fn the_ledger_is_what_happens_on_2_6() {
    requires!(Haproxy(Branch::V26));
    ledger_is_what_happens(Branch::V26);
}

#[test]
fn the_ledger_is_what_happens_on_2_8() {
    requires!(Haproxy(Branch::V28));
    ledger_is_what_happens(Branch::V28);
}

#[test]
fn the_ledger_is_what_happens_on_3_0() {
    requires!(Haproxy(Branch::V30));
    ledger_is_what_happens(Branch::V30);
}

#[test]
fn the_ledger_is_what_happens_on_3_2() {
    requires!(Haproxy(Branch::V32));
    ledger_is_what_happens(Branch::V32);
}

#[test]
fn the_ledger_is_what_happens_on_3_4() {
    requires!(Haproxy(Branch::V34));
    ledger_is_what_happens(Branch::V34);
}

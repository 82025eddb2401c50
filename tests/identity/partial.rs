//! A HAProxy that shows only a part of itself: what can be seen is seen, and the rest is unknown, never a zero.

use serde_json::Value;

use super::{connections, proxy, refused};
use crate::support::document::{as_text, finding, level, losses};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::{Origin, hold_connection};
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;

#[test]
fn a_haproxy_without_a_master_is_judged_by_its_own_socket() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let builder = Instance::builder(branch).config(&proxy(&origin)).without_master_worker();
        let haproxy = builder.inside(&sandbox).start();
        let pid = haproxy.worker_pid();
        haproxy.admin("set server app/two state maint");
        let _clients = hold_connection(haproxy.port("web"), 2);

        let haguard = Haguard::inside(&sandbox);
        let (text, document) = refused(&haguard, &["restart"]);
        assert!(
            text.starts_with(&format!("refused: restart of HAProxy (process {pid}, no master)")),
            "{text}"
        );
        assert_eq!(connections(&document), 2, "{branch}");
        assert_eq!(losses(&document, "server-admin-state")[0]["object"], "app/two", "{branch}");
        let finding_ = finding(&document, "arch.master-worker");
        assert_eq!((&finding_["level"], as_text(&finding_["mend"]).contains("-W")), (&"warn".into(), true));
        assert!(document["losses"].as_array().unwrap().iter().all(|line| line["count"].is_u64()), "{branch}");
        assert!(!text.contains("reload\" |") && text.contains("it has no master"), "{text}");
        let socket = haproxy.admin_socket().unwrap().display().to_string();
        assert!(text.contains(&socket), "{text}");

        let inspect = haguard.run(["inspect", "-o", "json"]).json();
        assert_eq!((&inspect["exit"], level(&inspect, "arch.identity")), (&0.into(), "pass"), "{branch}");
        assert_eq!(inspect["facts"]["instance"]["seen"]["mode"], "standalone");
        for skipped in ["proc.master-responsive", "proc.reload-settled", "proc.leftovers"] {
            assert_eq!(level(&inspect, skipped), "skipped", "{branch}");
        }
    }
}

#[test]
fn a_haproxy_without_any_socket_is_refused_with_nothing_counted_as_zero() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let builder = Instance::builder(branch).config(&proxy(&origin));
        let builder = builder.without_master_worker().without_admin_socket().inside(&sandbox);
        let haproxy = builder.start();
        let _clients = hold_connection(haproxy.port("web"), 2);

        let haguard = Haguard::inside(&sandbox);
        let (text, document) = refused(&haguard, &["restart"]);
        assert!(text.contains("could not be seen"), "{text}");
        let lines = document["losses"].as_array().unwrap();
        assert!(lines.len() >= 5, "{document:#}");
        for line in lines {
            assert_eq!(
                (&line["count"], &line["on_restart"]),
                (&Value::Null, &"unknown".into()),
                "{branch}: {line}"
            );
        }
        let sockets = finding(&document, "arch.sockets");
        assert_eq!(sockets["level"], "unknown", "{branch}");
        assert!(as_text(&sockets["mend"]).contains("stats socket"), "{sockets}");
        let listens = &haguard.run(["inspect", "-o", "json"]).json()["facts"]["live"]["listeners"]["seen"];
        assert_eq!(
            *listens,
            serde_json::json!([format!("tcp 127.0.0.1:{}", haproxy.port("web"))]),
            "{branch}"
        );
        assert_eq!(haguard.run(["check"]).status, 5, "{branch}");
    }
}

#[test]
fn a_master_without_its_socket_is_found_by_proc_and_its_worker_is_asked() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let builder = Instance::builder(branch).config(&proxy(&origin)).without_master_socket();
        let haproxy = builder.inside(&sandbox).start();
        haproxy.admin("set server app/two state maint");

        let haguard = Haguard::inside(&sandbox);
        let admin = haproxy.admin_socket().unwrap().to_str().unwrap();
        for args in [&["restart"][..], &["restart", "--stats-socket", admin]] {
            let (text, document) = refused(&haguard, args);
            assert!(text.starts_with("refused: restart of HAProxy (master "), "{text}");
            assert!(
                text.contains("haguard reload --keep-runtime --stats-socket "),
                "a reload is possible without -S: {text}"
            );
            assert_eq!(losses(&document, "server-admin-state").len(), 1, "{branch}: {document:#}");
            let responsive = finding(&document, "proc.master-responsive");
            assert_eq!(responsive["level"], "unknown", "{branch}");
            assert!(as_text(&responsive["mend"]).contains("-S /run/"), "{responsive}");
            // Whether earlier workers still drain connections only the master knows: that is no zero.
            let open = losses(&document, "connections")[0];
            assert_eq!((&open["count"], &open["on_restart"]), (&Value::Null, &"unknown".into()), "{branch}");
            assert_eq!(level(&document, "proc.reload-settled"), "unknown", "{branch}");
        }
        let facts = &haguard.run(["inspect", "-o", "json"]).json()["facts"]["instance"]["seen"];
        assert_eq!(facts["serving"]["seen"], haproxy.worker_pid(), "{branch}");
        assert_eq!(facts["mode"], "master-worker", "{branch}");
    }
}

#[test]
fn a_worker_without_an_admin_socket_is_asked_through_the_master() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let builder = Instance::builder(branch).config(&proxy(&origin)).without_admin_socket();
        let haproxy = builder.inside(&sandbox).start();
        let _clients = hold_connection(haproxy.port("web"), 1);
        haproxy.master("@1 set server app/two state maint");
        haproxy.master("@1 set server app/one weight 0");

        let (text, document) = refused(&Haguard::inside(&sandbox), &["restart"]);
        assert_eq!(connections(&document), 1, "{branch}");
        assert_eq!(losses(&document, "server-admin-state")[0]["object"], "app/two", "{branch}");
        assert_eq!(losses(&document, "server-weight")[0]["object"], "app/one", "{branch}");
        assert!(document["losses"].as_array().unwrap().iter().all(|line| line["count"].is_u64()), "{branch}");
        let record = format!("@!{} show servers state", haproxy.worker_pid());
        assert!(text.contains(&record), "how it is asked by hand: {text}");
    }
}

#[test]
fn a_socket_of_level_user_shows_a_part_and_the_rest_is_unknown_with_a_mend() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let with_map =
            "http-request deny if { req.hdr(host),map({dir}/hosts.map) -m found }\n    default_backend";
        let builder = Instance::builder(branch).config(&proxy(&origin).replace("default_backend", with_map));
        let builder = builder.file("hosts.map", "a.test x\n").level("user").without_master_socket();
        let haproxy = builder.inside(&sandbox).start();
        let _clients = hold_connection(haproxy.port("web"), 2);

        let haguard = Haguard::inside(&sandbox);
        let admin = haproxy.admin_socket().unwrap().to_str().unwrap();
        let (_, document) = refused(&haguard, &["restart", "--stats-socket", admin]);
        assert_eq!(connections(&document), 2, "{branch}: what a user may see is seen");
        // Up to 3.2 a user may read a map.
        let map = losses(&document, "map-entry");
        assert!(map.iter().all(|line| line["count"].is_null()), "{branch}: {map:?}");
        assert_eq!(map.is_empty(), branch < Branch::V34, "{branch}: {map:?}");
        let unknown = losses(&document, "certificate");
        assert_eq!(unknown.len(), 1, "{branch}: {document:#}");
        assert_eq!(unknown[0]["count"], Value::Null, "{branch}");
        let detail = as_text(&unknown[0]["detail"]);
        assert!(detail.contains("has level user") && detail.contains("level admin"), "{branch}: {detail}");
        assert_eq!(haguard.run(["check", "runtime.cert-drift"]).status, 5, "{branch}");
    }
}

//! Reloads that failed, and workers of earlier ones that still have something to finish.

use std::net::TcpListener;

use super::{connections, master_of, proxy, refused, unwrapped};
use crate::support::configs;
use crate::support::document::{as_text, finding, level, losses};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::{Origin, hold_connection};
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;

#[test]
fn after_a_failed_reload_the_ledger_is_of_the_worker_that_serves() {
    // HAProxy tries for seconds to bind what is taken, so all branches do that at once.
    std::thread::scope(|scope| {
        for branch in Branch::here() {
            scope.spawn(move || after_a_failed_reload(branch));
        }
    });
}

fn after_a_failed_reload(branch: Branch) {
    let (sandbox, origin) = (Sandbox::new(), Origin::start());
    let builder = Instance::builder(branch).config(&proxy(&origin)).inside(&sandbox);
    let mut haproxy = builder.start();
    let worker = haproxy.worker_pid();
    haproxy.admin("set server app/two state maint");
    let _clients = hold_connection(haproxy.port("web"), 2);

    // No other program may listen there as well, so the next worker cannot come up.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = haproxy.config() + &configs::more(format!("127.0.0.1:{port}"));
    haproxy.write_config(&text);
    assert!(!haproxy.reload().success, "{branch}");
    let haguard = Haguard::inside(&sandbox);
    let (text, document) = refused(&haguard, &["restart"]);
    let settled = finding(&document, "proc.reload-settled");
    assert_eq!(settled["level"], "fail", "{branch}: {settled}");
    assert!(as_text(&settled["text"]).contains(&format!("worker {worker}")), "{branch}: {settled}");
    let count = haproxy.master("show proc").split_once("[failed: ").unwrap().1.to_owned();
    let count: u32 = count.split_once(']').unwrap().0.parse().unwrap();
    assert!(settled["evidence"].to_string().contains(&format!("[failed: {count}]")), "{settled}");
    assert!(unwrapped(&text).contains(as_text(&settled["text"])), "{branch}: people are told too: {text}");
    assert_eq!(connections(&document), 2, "{branch}: counted once");
    assert_eq!(losses(&document, "server-admin-state")[0]["object"], "app/two", "{branch}");
    assert_eq!(losses(&document, "pending-reload").len(), 1, "{branch}: the files are newer");
    assert!(!unwrapped(&text).contains("earlier reloads still running"), "{branch}: {text}");
    assert_eq!(level(&document, "proc.leftovers"), "none", "{branch}");

    let inspect = haguard.run(["inspect", "-o", "json"]).json();
    let instance = &inspect["facts"]["instance"]["seen"];
    assert_eq!(instance["serving"]["seen"], worker, "{branch}");
    assert_eq!(instance["main"]["pid"], master_of(&haproxy), "{branch}");
    assert_eq!(instance["failed_reloads"]["seen"], count, "{branch}");
    assert_eq!(haguard.run(["check", "proc.reload-settled"]).status, 3, "{branch}");
}

#[test]
fn connections_in_workers_of_earlier_reloads_are_counted() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let builder = Instance::builder(branch).config(&proxy(&origin)).inside(&sandbox);
        let haproxy = builder.start();
        let first = haproxy.worker_pid();
        let _before = hold_connection(haproxy.port("web"), 2);
        assert!(haproxy.reload().success, "{branch}");
        let second = haproxy.worker_pid();
        let _between = hold_connection(haproxy.port("web"), 3);
        assert!(haproxy.reload().success, "{branch}");
        let _after = hold_connection(haproxy.port("web"), 1);

        let haguard = Haguard::inside(&sandbox);
        let (_, document) = refused(&haguard, &["restart"]);
        assert_eq!(connections(&document), 6, "{branch}");
        let detail = as_text(&losses(&document, "connections")[0]["detail"]);
        assert!(detail.contains("5 of them in workers of earlier reloads"), "{branch}: {detail}");
        let leftovers = finding(&document, "proc.leftovers");
        assert_eq!(leftovers["level"], "warn", "{branch}");
        let evidence = leftovers["evidence"].to_string();
        for line in [format!("worker {first}: 2 connections"), format!("worker {second}: 3 connections")] {
            assert!(evidence.contains(&line), "{branch}: {evidence}");
        }
    }
}

//! A server that was down comes back down: it gets no request until its checks say that it is up.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{WAYS, WorkerBeforeReload, set, summarize};
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::Origin;
use crate::support::wait::wait_for;

/// The checks of `sick` go to a port where nothing listens, and come seldom.
const SECTIONS: &str = "
frontend fe
    bind 127.0.0.1:{port:fe}
    default_backend web
backend web
    balance roundrobin
    server well 127.0.0.1:{port:origin}
    server sick 127.0.0.1:{port:sick} check port 1 inter 1h fall 1 disabled
";

/// As `show stat` words it.
fn state_of(haproxy: &Instance, server: &str) -> String {
    let text = haproxy.ask("show stat");
    let line = text.lines().find(|line| line.starts_with(&format!("web,{server},")));
    line.and_then(|line| line.split(',').nth(17)).unwrap_or_default().to_owned()
}

#[test]
fn a_server_that_was_down_gets_no_request_when_it_leaves_maintenance_again() {
    for branch in Branch::here() {
        for way in WAYS {
            let (origin, sick) = (Origin::start(), Origin::start());
            let sections = SECTIONS.replace("{port:sick}", &sick.port.to_string());
            let haproxy = Instance::builder(branch).config(&sections).origin(&origin).start();
            set(&haproxy, &["set server web/sick state ready; set server web/sick health down"]);
            wait_for("it is down", || (state_of(&haproxy, "sick") == "DOWN").then_some(()));
            let before = WorkerBeforeReload::read(&haproxy, None);
            before.reload(&haproxy);
            assert_eq!(state_of(&haproxy, "sick"), "MAINT", "{branch} {way:?}");
            let stop = AtomicBool::new(false);
            let returned = std::thread::scope(|scope| {
                let clients = scope.spawn(|| {
                    let mut asked = 0;
                    while !stop.load(Ordering::Relaxed) || asked < 50 {
                        assert!(haproxy.get("fe", "/").contains(" 200 "), "{branch} {way:?}");
                        asked += 1;
                    }
                });
                let returned = before.put_back(&haproxy, way);
                stop.store(true, Ordering::Relaxed);
                clients.join().expect("every client is answered");
                returned
            });
            assert_eq!(summarize(&returned), ["server-admin-state web/sick state true"], "{branch} {way:?}");
            assert_eq!(state_of(&haproxy, "sick"), "DOWN", "{branch} {way:?}");
            assert!(origin.requests() >= 50, "{branch} {way:?}");
            // Through the master each command has a connection of its own, and a request may come between.
            let allowed = if way == super::SocketRoute::Direct { 0 } else { 1 };
            assert!(sick.requests() <= allowed, "{branch} {way:?}: {} requests", sick.requests());
        }
    }
}

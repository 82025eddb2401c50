//! Sockets from which HAProxy only sends, and that are no listeners.

use std::net::UdpSocket;

use super::{facts, listeners};
use crate::support::document::as_text;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// The name server is a socket of the test, which never answers.
const CONFIG: &str = "
resolvers r
    nameserver n1 127.0.0.1:{dns}
    hold valid 1s
    timeout resolve 200ms
    timeout retry 200ms
frontend f
    bind 127.0.0.1:{port:f}
    default_backend web
backend web
    server one one.test:80 resolvers r init-addr none
";

#[test]
fn the_sockets_of_resolvers_are_no_listeners_and_a_good_reload_is_proven() {
    requires!(Root);
    for branch in Branch::here() {
        let dns = UdpSocket::bind("127.0.0.1:0").unwrap();
        let config = CONFIG.replace("{dns}", &dns.local_addr().unwrap().port().to_string());
        let haproxy = Instance::builder(branch).config(&config).start();
        dns.set_nonblocking(true).unwrap();
        wait_for("it has asked for the name", || dns.recv(&mut [0; 512]).ok());
        let seen = listeners(&facts(&haproxy), "live");
        assert!(seen.iter().all(|listener| !listener.starts_with("udp")), "{branch}: {seen:?}");
        let (haguard, master) = (Haguard::new(), haproxy.master_socket().unwrap());
        let plan = haguard.json(&["reload", "--plan"], master);
        let done = haguard.json(&["reload", "--approve", as_text(&plan["plan"]["id"])], master);
        assert_eq!(done["exit"], 0, "{branch}: {done:#}");
    }
}

//! Two HAProxies on one address, which share its new connections.

use crate::support::configs;
use crate::support::document::finding;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

const CHECK: &str = "proc.shared-listeners";

#[test]
fn another_haproxy_on_the_same_address_is_named_and_a_reload_makes_no_other() {
    requires!(Root);
    for branch in Branch::here() {
        let haproxy = Instance::builder(branch).config(configs::ANSWERING).start();
        let check = || Haguard::new().json(&["check", CHECK], haproxy.master_socket().unwrap());
        let alone = check();
        assert_eq!(finding(&alone, CHECK)["level"], "pass", "{branch}: {alone:#}");
        assert!(haproxy.reload().success, "{branch}");
        assert_eq!(finding(&check(), CHECK)["level"], "pass", "{branch}: its own workers are no others");

        let port = haproxy.port("web").to_string();
        let other =
            Instance::builder(branch).config(&configs::ANSWERING.replace("{port:web}", &port)).start();
        let shared = check();
        let found = finding(&shared, CHECK);
        assert_eq!(found["level"], "warn", "{branch}: {shared:#}");
        let (text, named) = (found.to_string(), [other.master_pid(), other.worker_pid()]);
        assert!(text.contains(&format!("127.0.0.1:{port}")), "{branch}: {found:#}");
        assert!(
            named.iter().any(|pid| text.contains(&format!("PID {pid},"))),
            "{branch} {named:?}: {found:#}"
        );
    }
}

//! A HAProxy in a guest that has a systemd of its own, looked at from the host.

use std::path::PathBuf;

use super::plain;
use crate::support::configs;
use crate::support::document::finding;
use crate::support::guest::Guest;
use crate::support::haguard::Haguard;
use crate::support::requires::requires;

const UNIT: &str = "haproxy.service";

#[test]
fn it_is_read_and_rehearsed_from_the_host_and_not_touched() {
    requires!(Guest);
    let guest = Guest::boot();
    let pid = guest.main_pid(UNIT);
    let haguard = Haguard::new();
    let path = guest.path("/etc/haproxy/haproxy.cfg");
    let text = guest.read("/etc/haproxy/haproxy.cfg");
    let write = |more: &str| std::fs::write(&path, format!("{text}\n{more}")).unwrap();
    let master = PathBuf::from(format!("/proc/{pid}/root/run/haproxy-master.sock"));
    let json = |words: &[&str]| plain(haguard.json(words, &master));

    let document = json(&["inspect"]);
    let instance = &document["facts"]["instance"];
    assert_eq!(instance["main"]["pid"], pid, "{document:#}");
    assert!(instance["identity"].as_array().unwrap().len() >= 2, "{instance:#}");
    assert_eq!(document["facts"]["config"]["test"]["valid"], true, "{}", document["facts"]["config"]);
    let described = finding(&document, "arch.single-instance")["evidence"].to_string();
    assert!(described.contains("in a container or a guest"), "{described}");
    assert_eq!(finding(&document, "arch.namespace")["level"], "pass", "{document:#}");

    assert_eq!(json(&["rehearse", "--exit-code"])["exit"], 0);
    write(configs::UNBINDABLE);
    let document = json(&["rehearse"]);
    assert_eq!(document["rehearsal"]["came_up"], false, "{document:#}");
    write(&configs::more("127.0.0.1:8099"));
    let document = json(&["rehearse"]);
    assert!(document["rehearsal"]["difference"].to_string().contains("127.0.0.1:8099"), "{document:#}");
    // Its systemd cannot be asked from out here: where a reload can be ordered is told.
    let said = haguard.run(["reload", "--plan", "--master-socket", master.to_str().unwrap()]);
    assert_eq!(said.status, 5, "{said}");
    let words = said.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("run haguard inside that system"), "{said}");
    assert_eq!(guest.main_pid(UNIT), pid);
    assert_eq!(guest.property(UNIT, "ActiveState"), "active");
    let listeners = json(&["inspect"])["facts"]["live"]["listeners"].to_string();
    assert!(!listeners.contains("127.0.0.1:8099"), "nothing was reloaded: {listeners}");
}

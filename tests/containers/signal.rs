//! A master in a container that has no socket: a signal reaches it by the number that it has out here.

use serde_json::json;

use super::{ContainerBench, TEXT};
use crate::support::configs;
use crate::support::docker::Dockerd;
use crate::support::document::as_text;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;

#[test]
fn a_master_without_a_socket_is_reloaded_by_a_signal_to_its_number_out_here() {
    requires!(Docker, Haproxy(Branch::V26), Haproxy(Branch::V32));
    let dockerd = Dockerd::start();
    for branch in [Branch::V26, Branch::V32] {
        let image = dockerd.haproxy(branch);
        let edge = ContainerBench::without_master(&dockerd, &image, json!({"NetworkMode": "none"}));
        let pid = edge.container.pid.to_string();
        let reload = |words: &[&str]| edge.haguard.run([&["reload", &pid, "-o", "json"], words].concat());
        let (old, text) = (edge.workers(), TEXT.to_owned() + &configs::more("127.0.0.1:81"));
        edge.write(&text);
        let id = as_text(&reload(&["--plan"]).json()["plan"]["id"]).to_owned();
        let said = reload(&["--approve", &id]);
        assert_eq!(said.status, 0, "{branch}: {said}");
        assert!(edge.workers().iter().all(|pid| !old.contains(pid)), "{branch}: {said}");
    }
}

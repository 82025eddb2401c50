//! What is out of sight: another network namespace, and what only root may read.

use super::*;
use crate::other_user::as_nobody;
use crate::support::haguard::Haguard;
use crate::support::requires::requires;

#[test]
fn a_service_in_another_network_namespace_has_listeners_of_its_own() {
    requires!(Root, Program("unshare"), Program("python3"));
    let python = python();
    let (port, dir) = (ports::free(), open_folder());
    let script = format!(
        "import socket\ns = socket.create_server(('0.0.0.0', {}))\nwhile True: s.accept()",
        port.number
    );
    let args: Vec<OsString> =
        ["--net".into(), "--".into(), python.clone().into(), "-c".into(), script.into()].to_vec();
    let guest = Process::start(&on_path("unshare").unwrap(), &args, &[], &dir.path().join("log"));
    let table = format!("/proc/{}/net/tcp", guest.pid());
    let hex = format!(":{:04X} ", port.number);
    wait_for("it listens in there", || std::fs::read_to_string(&table).ok()?.contains(&hex).then_some(()));
    let haguard = Haguard::new();
    let document = haguard.run(["inspect", "-o", "json"]).json();
    let found = service(&document, guest.pid());
    assert_eq!(found["same_network"]["seen"], false, "{found:#}");
    assert_eq!(found["listens"]["seen"][0], format!("tcp 0.0.0.0:{}", port.number), "{found:#}");
    let said = haguard.run(["restart", &guest.pid().to_string()]);
    assert!(unwrapped(&said.stdout).contains("a network namespace of its own"), "{said}");
}

#[test]
fn without_root_what_others_listen_on_is_unknown_and_their_ports_are_said_all_the_same() {
    requires!(Root, OtherUser, Program("python3"));
    let web = Web::start(&[], &[]);
    let haguard = Haguard::new();
    let said = as_nobody(&haguard, &["inspect", "-o", "json"]);
    let document = said.json();
    let host = &document["facts"]["on_host"]["seen"];
    assert!(host["hidden"].as_u64().unwrap() > 0, "{host:#}");
    let listener = format!("tcp 127.0.0.1:{}", web.port.number);
    let unowned = host["unowned"].as_array().unwrap();
    assert!(unowned.iter().any(|one| one["listener"] == listener.as_str() && one["uid"] == 0), "{host:#}");
    let said = as_nobody(&haguard, &["restart", &format!(":{}", web.port.number)]);
    assert_eq!(said.status, 3, "{said}");
    let text = unwrapped(&said.stdout);
    assert!(text.contains("of a process of root that could not be seen (run as root)"), "{said}");
    // A process that is seen by its number is told, with what is closed.
    let said = as_nobody(&haguard, &["restart", &web.pid().to_string()]);
    let text = unwrapped(&said.stdout);
    assert!(
        text.contains("listens on unknown:") && text.contains("permission denied (run as root)"),
        "{said}"
    );
}

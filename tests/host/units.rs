//! Words that systemd knows, in states in which a restart would not do what is expected of it.

use crate::support::document::unwrapped;
use crate::support::guest::Guest;
use crate::support::requires::requires;

/// A unit that listens on this port.
fn listens(port: u16) -> String {
    format!(
        "[Service]\nExecStart=/usr/bin/socat TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork EXEC:/bin/cat\n\
         [Install]\nAlias=other-{port}.service\n"
    )
}

#[test]
fn a_word_that_systemd_knows_by_another_name_or_cannot_start_again_is_told_so() {
    requires!(Guest);
    let units = [
        ("/etc/systemd/system/gui.service", listens(6100)),
        ("/etc/systemd/system/gone.service", listens(6101)),
        ("/etc/systemd/system/act.service", "[Service]\nExecStart=/bin/sleep 600\n".to_owned()),
        ("/etc/systemd/system/act.socket", "[Socket]\nListenStream=127.0.0.1:6102\n".to_owned()),
        ("/etc/systemd/system/beside.service", "[Service]\nExecStart=/bin/sleep 600\n".to_owned()),
        ("/etc/systemd/system/beside.socket", "[Socket]\nListenStream=127.0.0.2:6102\n".to_owned()),
        (
            "/etc/systemd/system/each@.service",
            "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n".to_owned(),
        ),
        ("/etc/systemd/system/each.socket", "[Socket]\nListenStream=127.0.0.1:6103\nAccept=yes\n".to_owned()),
        ("/etc/systemd/system/failed.service", "[Service]\nExecStart=/bin/false\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> = units.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let guest = Guest::with(&files);
    guest.ok(["systemctl", "enable", "gui.service"]);
    guest.ok([
        "systemctl",
        "start",
        "gui.service",
        "gone.service",
        "act.socket",
        "beside.socket",
        "each.socket",
    ]);
    let _ = guest.run(["systemctl", "start", "failed.service"]);
    guest.ok(["systemctl", "mask", "masked.service"]);
    guest.ok(["rm", "/etc/systemd/system/gone.service"]);
    guest.ok(["systemctl", "daemon-reload"]);
    let (gui, gone) = (guest.property("gui.service", "MainPID"), guest.property("gone.service", "MainPID"));
    let cases = [
        (
            "other-6100",
            vec![
                format!(
                    "The unit other-6100.service (an alias of gui.service) is active; its process is {gui}."
                ),
                "matched by its control group is that of gui.service".to_owned(),
                "systemctl restart gui.service".to_owned(),
            ],
        ),
        (
            "gone",
            vec![
                format!("The file of the unit gone.service is gone, and systemd still runs it as {gone}"),
                "(conflict)".to_owned(),
                format!("systemctl status {gone}"),
            ],
        ),
        ("6101", vec!["could be stopped and not started again".to_owned()]),
        ("act", vec!["is inactive and has no process: act.socket starts it when it is needed.".to_owned()]),
        (
            "127.0.0.1:6102",
            vec![
                "matched by it listens on 127.0.0.1:6102, for act.socket".to_owned(),
                "systemd itself listens there, and starts act.service on a connection".to_owned(),
                "systemctl restart act.service".to_owned(),
            ],
        ),
        (
            "127.0.0.2:6102",
            vec![
                "matched by it listens on 127.0.0.2:6102, for beside.socket".to_owned(),
                "systemctl restart beside.service".to_owned(),
            ],
        ),
        (
            "6102",
            vec![
                "for act.socket and beside.socket".to_owned(),
                "systemctl restart act.service".to_owned(),
                "systemctl restart beside.service".to_owned(),
            ],
        ),
        (
            "6103",
            vec![
                "systemd itself listens there for each.socket, and starts a service for each connection"
                    .to_owned(),
            ],
        ),
        (
            "masked",
            vec![
                "The unit masked.service is masked: systemd does not start it until it is unmasked"
                    .to_owned(),
            ],
        ),
        ("failed", vec!["The unit failed.service is failed and has no process.".to_owned()]),
        ("1", vec!["restarting it restarts this whole host or container".to_owned()]),
        ("g*", vec!["No running service has that name.".to_owned()]),
    ];
    for (word, expected) in cases {
        let said = guest.haguard(["restart", word]);
        assert_eq!(said.status, 3, "{said}");
        for expected in expected {
            assert!(unwrapped(&said.stdout).contains(&expected), "no `{expected}` for {word}: {said}");
        }
        assert!(!said.stdout.contains("kill -TERM 1\n"), "{said}");
    }
}

#[test]
fn another_name_of_haproxys_unit_means_haproxy_whether_it_runs_or_not() {
    requires!(Guest);
    let guest = Guest::boot();
    guest.ok(["sh", "-c", "ln -s $(systemctl show -P FragmentPath haproxy) /etc/systemd/system/lb.service"]);
    guest.ok(["systemctl", "daemon-reload"]);
    let main = guest.property("haproxy.service", "MainPID");
    let said = guest.haguard(["restart", "lb", "-o", "json"]);
    let document = said.json();
    let title = format!("restart of HAProxy (master {main}), haproxy.service on");
    assert!(document["refusal"]["title"].as_str().unwrap().starts_with(&title), "{said}");
    guest.ok(["systemctl", "stop", "haproxy.service"]);
    let said = guest.haguard(["restart", "lb"]);
    let text = unwrapped(&said.stdout);
    assert!(text.contains("so there is nothing to restart: haproxy.service is inactive"), "{said}");
    assert!(text.contains("systemctl start haproxy.service") && !text.contains("is called so"), "{said}");
}

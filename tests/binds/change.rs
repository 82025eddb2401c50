//! What is new, what is gone, and what of it can be had.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use super::{address, check, facts, listeners, new_binds};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;
use crate::support::{ports, process};

const BASE: &str = "
frontend web
    bind 127.0.0.1:{port:web}
    bind *:{port:star}
    http-request return status 200
";

fn start(branch: Branch) -> Instance {
    Instance::builder(branch)
        .config(
            &format!("{BASE}    bind ADDR:21000\n    bind unix@{{dir}}/old.sock\n")
                .replace("ADDR", &address().to_string()),
        )
        .start()
}

#[test]
fn exactly_what_was_added_is_new_and_what_was_taken_away_is_gone() {
    for branch in Branch::here() {
        let mut haproxy = start(branch);
        let base = haproxy.config();
        let before = facts(&haproxy);
        assert!(new_binds(&before).is_empty(), "{branch}");
        let said = check(&haproxy);
        assert_eq!(said["level"], "pass", "{branch}: {said}");
        let gone: Vec<String> = listeners(&before, "live")
            .into_iter()
            .filter(|one| one.ends_with(":21000") || one.ends_with("old.sock"))
            .collect();
        let fewer = base.lines().filter(|line| !line.contains(":21000") && !line.contains("old.sock"));
        let (here, there) = (address(), haproxy.dir().join("new.sock"));
        let text = fewer.collect::<Vec<_>>().join("\n")
            + &format!(
                "\n    bind {here}:22000-22001\n    bind unix@{}\n    bind [::1]:{{port:v6}}\n",
                there.display()
            );
        haproxy.write_config(&text);
        let after = facts(&haproxy);
        let mut fresh: Vec<_> =
            new_binds(&after).into_iter().map(|(address, state, _)| (address, state)).collect();
        fresh.sort();
        let mut expected = [
            format!("{here}:22000"),
            format!("{here}:22001"),
            format!("[::1]:{}", haproxy.port("v6")),
            there.display().to_string(),
        ]
        .map(|address| (address, "free".to_owned()));
        expected.sort();
        assert_eq!(fresh, expected, "{branch}");
        let (live, next) = (listeners(&after, "live"), listeners(&after, "next"));
        let missing: Vec<&String> = live.iter().filter(|one| !next.contains(one)).collect();
        assert_eq!(missing, gone.iter().collect::<Vec<_>>(), "{branch}");
        let socket = haproxy.master_socket().unwrap().to_str().unwrap();
        let text = Haguard::new().run(["inspect", "--master-socket", socket]).stdout;
        assert!(
            text.contains("new binds") && text.contains("binds gone") && text.contains(":22000-22001 (free)"),
            "{text}"
        );
    }
}

#[test]
fn what_is_called_free_comes_up_with_a_reload() {
    for branch in Branch::here() {
        let mut haproxy = start(branch);
        let dir = haproxy.dir().to_path_buf();
        let one = address();
        // Neighbours that stand near, and not in the way.
        let (beside, beside_port) = ports::listen();
        let wild = TcpListener::bind("0.0.0.0:0").unwrap();
        let wild_port = wild.local_addr().unwrap().port();
        let datagrams = UdpSocket::bind((one, 0)).unwrap();
        drop(UnixListener::bind(dir.join("stale.sock")).unwrap());
        let gone = UnixListener::bind(dir.join("deleted.sock")).unwrap();
        std::fs::remove_file(dir.join("deleted.sock")).unwrap();
        let binds = [
            format!("{one}:{}", beside_port.number),
            format!(":::{wild_port} v6only"),
            format!("{one}:{}", datagrams.local_addr().unwrap().port()),
            format!("{one}:{}", haproxy.port("star")),
            format!("{one}:23000-23299"),
            "192.0.2.1:23000 transparent".to_owned(),
            format!("unix@{}/stale.sock", dir.display()),
            format!("unix@{}/deleted.sock", dir.display()),
            format!("abns@haguard-free-{}", haproxy.port("star")),
        ];
        let lines: String = binds.iter().map(|bind| format!("    bind {bind}\n")).collect();
        haproxy.write_config(&(haproxy.config() + &lines));
        let fresh = new_binds(&facts(&haproxy));
        assert_eq!(fresh.len(), 8 + 300, "{branch}: {fresh:?}");
        for (address, state, detail) in &fresh {
            assert_eq!(state, "free", "{branch}: {address}: {detail}");
        }
        assert_eq!(check(&haproxy)["level"], "pass", "{branch}");
        let reload = haproxy.reload();
        assert!(reload.success, "{branch}: {}{}", reload.answer, haproxy.log());
        let after = facts(&haproxy);
        assert!(new_binds(&after).is_empty(), "{branch}: {}", after["binds"]);
        assert_eq!(listeners(&after, "live"), listeners(&after, "next"), "{branch}");
        drop((beside, gone));
    }
}

#[test]
fn a_line_that_cannot_be_told_is_unknown_and_never_free() {
    requires!(Haproxy(Branch::V30));
    let mut haproxy = start(Branch::V30);
    let base = haproxy.config();
    for (line, why) in [
        ("bind name.invalid:80", "name.invalid"),
        ("bind fd@250", "descriptor 250"),
        ("bind 127.0.0.1:80 namespace red", "namespace red"),
    ] {
        haproxy.write_config(&format!("{base}    {line}\n"));
        let said = check(&haproxy);
        assert_eq!(said["level"], "unknown", "{said}");
        assert!(said["evidence"].to_string().contains(why), "{said}");
    }
}

#[test]
fn in_a_network_namespace_of_its_own_its_listeners_are_seen_and_addresses_tried_there() {
    requires!(Program("unshare"), Haproxy(Branch::V32));
    let unshare = process::on_path("unshare").unwrap();
    let network = if rustix::process::geteuid().is_root() { "--net" } else { "--map-root-user --net" };
    let folder = tempfile::tempdir().unwrap();
    let wrapper = folder.path().join("haproxy");
    let real = crate::support::haproxy::binary(Branch::V32);
    let text = format!("#!/bin/sh\nexec {} {network} {} \"$@\"\n", unshare.display(), real.display());
    crate::support::executable::script(&wrapper, &text);
    let builder = Instance::builder(Branch::V32).config("frontend f\n    bind 127.0.0.1:80\n");
    let mut haproxy = builder.program(&wrapper).start();
    let seen = listeners(&facts(&haproxy), "live");
    assert!(seen.contains(&"tcp 127.0.0.1:80".to_owned()), "its tables, not ours: {seen:?}");
    // Held out here, and free where it counts.
    let beside = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = beside.local_addr().unwrap().port();
    haproxy.write_config(&format!("{}    bind 127.0.0.1:{port}\n", haproxy.config()));
    let fresh = new_binds(&facts(&haproxy));
    let states: Vec<&str> = fresh.iter().map(|(_, state, _)| state.as_str()).collect();
    match rustix::process::geteuid().is_root() {
        true => assert_eq!(states, ["free"], "{fresh:?}"),
        // Nobody else may go there.
        false => assert_eq!(states, ["unknown"], "{fresh:?}"),
    }
}

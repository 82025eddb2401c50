//! What would fail at a reload is found before, with HAProxy's own words; HAProxy's own test calls most of it valid.

use std::os::unix::fs::PermissionsExt as _;

use super::{PLAIN, rehearse};
use crate::support::configs;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::check_config;
use crate::support::requires::requires;

/// A user that owns nothing but what is given to it.
const NOBODY: u32 = 65534;

/// Adds `lines` to a running configuration and expects the rehearsal to fail with `words`, and nothing else to happen.
#[track_caller]
fn fails(haproxy: &mut Instance, lines: &str, words: &[&str]) {
    let branch = haproxy.branch();
    let worker = haproxy.worker_pid();
    let text = haproxy.config() + lines;
    haproxy.write_config(&text);
    let (status, document) = rehearse(&Haguard::new(), haproxy, &[]);
    let said = document["rehearsal"]["alerts"].to_string();
    assert_eq!(status, 3, "{branch}: {document:#}");
    assert!(words.iter().any(|words| said.contains(words)), "{branch}: none of {words:?} in {said}");
    assert_eq!(document["rehearsal"]["came_up"], false, "{branch}");
    assert!(document["rehearsal"]["difference"].is_null(), "{branch}: {document:#}");
    assert_eq!(haproxy.worker_pid(), worker, "{branch}");
    assert!(haproxy.master("show proc").contains("[failed: 0]"), "{branch}");
}

fn of_root(branch: Branch) -> Instance {
    Instance::builder(branch).config(PLAIN).start()
}

fn of_nobody(branch: Branch) -> Instance {
    Instance::builder(branch).config(PLAIN).owned_by(NOBODY).start()
}

fn valid(haproxy: &Instance) -> bool {
    check_config(haproxy.binary(), haproxy.config_path()).is_ok()
}

#[test]
fn a_port_that_needs_root_under_a_master_that_is_not_root() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_nobody(branch);
        fails(
            &mut haproxy,
            "frontend low\n    bind 127.0.0.1:99\n    default_backend web\n",
            &["Permission denied"],
        );
        assert!(valid(&haproxy), "{branch}: HAProxy's own test finds it");
    }
}

#[test]
fn a_unix_socket_whose_folder_is_missing() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_root(branch);
        let lines = "frontend u\n    bind unix@{dir}/missing/u.sock\n    default_backend web\n";
        fails(&mut haproxy, lines, &["/missing/u.sock"]);
        assert!(valid(&haproxy), "{branch}: HAProxy's own test finds it");
    }
}

#[test]
fn a_certificate_that_is_missing() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_root(branch);
        let lines =
            "frontend t\n    bind 127.0.0.1:{port:t} ssl crt {dir}/none.pem\n    default_backend web\n";
        fails(&mut haproxy, lines, &["none.pem"]);
    }
}

#[test]
fn a_map_that_is_missing() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_root(branch);
        let lines = "frontend m\n    bind 127.0.0.1:{port:m}\n    use_backend %[path,map({dir}/none.map)]\n";
        fails(&mut haproxy, lines, &["none.map"]);
    }
}

#[test]
fn a_user_that_does_not_exist() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_root(branch);
        fails(&mut haproxy, "global\n    user no-such-user\n", &["no-such-user"]);
    }
}

#[test]
fn a_lua_script_that_fails_at_run_time() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_root(branch);
        let script = haproxy.dir().join("late.lua");
        std::fs::write(&script, "core.register_init(function() error('only when it runs') end)\n").unwrap();
        fails(&mut haproxy, "global\n    lua-load {dir}/late.lua\n", &["only when it runs"]);
        assert!(valid(&haproxy), "{branch}: HAProxy's own test finds it");
    }
}

#[test]
fn a_file_that_only_root_can_read_under_a_master_that_is_not_root() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_nobody(branch);
        let map = haproxy.dir().join("root.map");
        std::fs::write(&map, "a web\n").unwrap();
        std::fs::set_permissions(&map, std::fs::Permissions::from_mode(0o600)).unwrap();
        let lines = "frontend m\n    bind 127.0.0.1:{port:m}\n    use_backend %[path,map({dir}/root.map)]\n";
        fails(&mut haproxy, lines, &["root.map"]);
        assert!(valid(&haproxy), "{branch}: as root HAProxy's own test finds nothing");
    }
}

#[test]
fn one_without_a_master_that_gave_up_its_rights_is_not_rehearsed_with_those_that_are_left() {
    requires!(Root);
    for branch in Branch::here() {
        let alone = || Instance::builder(branch).config(PLAIN).without_master_worker();
        // It serves as the user that started it, and allows itself no further process.
        let kept = alone().owned_by(NOBODY).start();
        let rehearse = |haproxy: &Instance| {
            let socket = haproxy.admin_socket().unwrap().to_str().unwrap();
            Haguard::new().run(["rehearse", "--stats-socket", socket, "-o", "json"])
        };
        let said = rehearse(&kept);
        assert_eq!(said.json()["rehearsal"]["came_up"], true, "{branch}: {said}");
        let changed = alone().global("uid 65534").start();
        let said = rehearse(&changed);
        assert_eq!(said.status, 5, "{branch}: {said}");
        let why = said.json()["rehearsal"]["not_tried"].to_string();
        assert!(why.contains("gave up the user"), "{branch}: {said}");
    }
}

#[test]
fn a_script_that_raises_an_alarm_after_the_start_is_told() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_root(branch);
        let script = haproxy.dir().join("task.lua");
        std::fs::write(&script, "core.register_task(function() error('in the background') end)\n").unwrap();
        haproxy.write_config(&(haproxy.config() + "global\n    lua-load {dir}/task.lua\n"));
        let (status, document) = rehearse(&Haguard::new(), &haproxy, &[]);
        assert_eq!(status, 0, "{branch}: {document:#}");
        assert!(
            document["rehearsal"]["alerts"].to_string().contains("in the background"),
            "{branch}: {document:#}"
        );
        assert_eq!(document["findings"][0]["level"], "warn", "{branch}: {document:#}");
    }
}

#[test]
fn a_bind_that_somebody_else_holds_comes_up_in_the_copy_and_not_here() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = of_root(branch);
        let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = stranger.local_addr().unwrap();
        haproxy.write_config(&(haproxy.config() + &configs::more(at)));
        let (status, document) = rehearse(&Haguard::new(), &haproxy, &[]);
        assert_eq!(status, 3, "{branch}: {document:#}");
        assert_eq!(document["rehearsal"]["came_up"], true, "{branch}: {document:#}");
        let summary = document["summary"].as_str().unwrap();
        let me = format!("(PID {}", std::process::id());
        assert!(summary.contains(&at.to_string()) && summary.contains(&me), "{branch}: {summary}");
    }
}

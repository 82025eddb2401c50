//! haguard run by a person who may not do everything: what is closed to them is unknown, with the mend, and never a
//! pass. As root the tests become that person; elsewhere they are one already.

mod programs;

use std::os::unix::fs::PermissionsExt;

use crate::support::configs;
use crate::support::copied;
use crate::support::document::level;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

/// A user that owns nothing.
pub(crate) const NOBODY: &str = "65534";

/// Runs haguard as nobody.
pub(crate) fn as_nobody(haguard: &Haguard, args: &[&str]) -> RunOutput {
    let home = haguard.home();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home, open).unwrap();
    if !rustix::process::geteuid().is_root() {
        return haguard.run(args);
    }
    let state = home.join("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = haguard.command_for("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(copied::haguard()).args(args);
    RunOutput::from_command(&mut command)
}

#[test]
fn a_socket_that_may_not_be_opened_is_denied_and_not_missing() {
    requires!(OtherUser, Haproxy(Branch::V30));
    let haproxy = Instance::builder(Branch::V30).start();
    let socket = haproxy.master_socket().unwrap();
    std::fs::set_permissions(haproxy.dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    let haguard = Haguard::new();
    let path = socket.to_str().unwrap();
    let said = as_nobody(&haguard, &["restart", "--master-socket", path, "-o", "json"]);
    assert_eq!(said.status, 3, "{said}");
    let text = said.json()["refusal"]["unseen"].to_string();
    assert!(text.contains("permission denied") && text.contains("run as root"), "{said}");
    assert!(said.json()["losses"].as_array().unwrap().iter().all(|line| line["count"].is_null()), "{said}");
}

#[test]
fn through_the_master_alone_the_worker_is_seen_and_the_configuration_test_is_left_to_its_owner() {
    requires!(OtherUser, Haproxy(Branch::V34));
    let haproxy = Instance::builder(Branch::V34).start();
    let socket = haproxy.master_socket().unwrap();
    std::fs::set_permissions(haproxy.dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    std::fs::set_permissions(haproxy.admin_socket().unwrap(), std::fs::Permissions::from_mode(0o000))
        .unwrap();
    let haguard = Haguard::new();
    let path = socket.to_str().unwrap();
    let said = as_nobody(&haguard, &["inspect", "--master-socket", path, "-o", "json"]);
    assert_eq!(said.status, 0, "{said}");
    let facts = &said.json()["facts"];
    assert_eq!(facts["instance"]["seen"]["serving"]["seen"], haproxy.listed_worker().unwrap(), "{said}");
    assert!(facts["live"]["servers"]["seen"].is_array(), "asked through the master: {said}");
    if rustix::process::geteuid().is_root() {
        let why = &facts["config"]["test"]["unknown"]["why"];
        assert!(why.as_str().unwrap().contains("only root"), "{said}");
        assert!(facts["live"]["listeners"]["unknown"]["why"].as_str().unwrap().contains("root"), "{said}");
    }
}

#[test]
fn without_root_nothing_is_rehearsed_and_nothing_is_called_surer_than_what_was_read() {
    requires!(OtherUser, Haproxy(Branch::V30));
    let haproxy = Instance::builder(Branch::V30).config(configs::FRONTEND).start();
    let socket = haproxy.master_socket().unwrap();
    std::fs::set_permissions(haproxy.dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let haguard = Haguard::new();
    let path = socket.to_str().unwrap();
    let said = as_nobody(&haguard, &["rehearse", "--master-socket", path, "-o", "json"]);
    assert_eq!(said.status, 5, "{said}");
    let rehearsal = &said.json()["rehearsal"];
    assert_eq!(
        (&rehearsal["how"], &rehearsal["came_up"]),
        (&"read".into(), &serde_json::Value::Null),
        "{said}"
    );
    assert!(rehearsal["not_tried"].as_str().unwrap().contains("needs root"), "{said}");
    // What would be lost on a reload is told from the files, and says so.
    let said = as_nobody(&haguard, &["restart", "--master-socket", path, "-o", "json"]);
    let compared = said.json()["refusal"]["compared_with"].to_string();
    assert!(compared.contains("not rehearsed") || compared.contains("not known"), "{said}");
    // A file that HAProxy would refuse is refused all the same.
    let bad = haguard.home().join("bad.cfg");
    std::fs::write(&bad, "bogus\n").unwrap();
    std::fs::set_permissions(&bad, std::fs::Permissions::from_mode(0o644)).unwrap();
    let bad = bad.to_str().unwrap();
    let args = ["rehearse", "--master-socket", path, "--config-file", bad, "-o", "json"];
    let said = as_nobody(&haguard, &args);
    assert!(matches!(said.status, 3 | 5), "{said}");
}

/// Starts HAProxy as nobody, with a mount of its own over its configuration: another file, which had the same bytes.
const MOUNTED_ALONE: &str = "for word; do case $word in */haproxy.cfg) \
    cp $word $word.outside && mount --bind $word.outside $word || exit;; esac; done
    exec setpriv --reuid 65534 --regid 65534 --clear-groups -- \"$@\"";

#[test]
fn a_file_that_is_mounted_alone_is_compared_by_its_own_user_too() {
    requires!(Root, OtherUser, Haproxy(Branch::V32));
    let unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNTED_ALONE, "sh"];
    let haproxy = Instance::builder(Branch::V32).owned_by(NOBODY.parse().unwrap()).through(&unshare).start();
    let haguard = Haguard::new();
    let path = haproxy.master_socket().unwrap().to_str().unwrap();
    let check = || as_nobody(&haguard, &["check", "--master-socket", path, "-o", "json"]).json();
    let document = check();
    assert_eq!(level(&document, "arch.config-inode"), "pass", "{document:#}");
    let outside = haproxy.dir().join("haproxy.cfg.outside");
    std::fs::copy(&outside, haproxy.dir().join("new")).unwrap();
    std::fs::rename(haproxy.dir().join("new"), &outside).unwrap();
    let document = check();
    assert_eq!(level(&document, "arch.config-inode"), "warn", "{document:#}");
}

/// As their owner, who could run it by hand; but a command that only looks must not.
#[test]
fn without_root_files_that_name_code_are_not_tested() {
    requires!(Root, OtherUser, Haproxy(Branch::V32));
    const TEST: &str = "config.test-same-argv";
    let words = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"];
    let mut haproxy =
        Instance::builder(Branch::V32).owned_by(NOBODY.parse().unwrap()).through(&words).start();
    std::fs::set_permissions(haproxy.dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let written = haproxy.dir().join("written");
    let script = format!("local f = io.open('{}', 'w') f:write('x') f:close()\n", written.display());
    std::fs::write(haproxy.dir().join("write.lua"), script).unwrap();
    let haguard = Haguard::new();
    let path = haproxy.master_socket().unwrap().to_str().unwrap().to_owned();
    let check = || as_nobody(&haguard, &["check", TEST, "--master-socket", &path, "-o", "json"]).json();
    assert_eq!(level(&check(), TEST), "pass");
    let text = haproxy.config().replacen("global", "global\n    lua-load {dir}/write.lua", 1);
    haproxy.write_config(&text);
    let document = check();
    assert_eq!(level(&document, TEST), "unknown", "{document:#}");
    assert!(document.to_string().contains("would run its code outside a sealed copy"), "{document:#}");
    assert!(!written.exists(), "it ran");
}

//! Judged by the rights of HAProxy's master, which are neither more nor less than those of whoever runs haguard.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{address, facts, new_binds};
use crate::other_user::{NOBODY, as_nobody};
use crate::support::configs;
use crate::support::document::finding;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance, binary};
use crate::support::requires::requires;

/// A program that runs HAProxy as nobody, after its folder was given to nobody.
fn haproxy_of_nobody(branch: Branch, folder: &Path) -> PathBuf {
    let real = binary(branch);
    let wrapper = folder.join("haproxy");
    let text = format!(
        "#!/bin/sh\nfor word; do case $word in */haproxy.cfg) chown -R {NOBODY}:{NOBODY} \"${{word%/*}}\";; esac; done\n\
         exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups {} \"$@\"\n",
        real.display()
    );
    crate::support::executable::script(&wrapper, &text);
    wrapper
}

#[test]
fn what_the_master_may_not_do_is_denied_though_we_are_root() {
    requires!(Root, Program("setpriv"));
    let folder = tempfile::tempdir().unwrap();
    for branch in Branch::here() {
        let program = haproxy_of_nobody(branch, folder.path());
        for (bind, says) in [
            (format!("{}:81", address()), "CAP_NET_BIND_SERVICE".to_owned()),
            (format!("unix@{}/a.sock", folder.path().display()), format!("uid {NOBODY} may not write")),
        ] {
            let mut haproxy = Instance::builder(branch).config(configs::ANSWERING).program(&program).start();
            haproxy.write_config(&format!("{}    bind {bind}\n", haproxy.config()));
            let fresh = new_binds(&facts(&haproxy));
            assert_eq!((fresh.len(), fresh[0].1.as_str()), (1, "denied"), "{branch}: {fresh:?}");
            assert!(fresh[0].2["why"].as_str().unwrap().contains(&says), "{branch}: {fresh:?}");
            assert!(!haproxy.reload().success, "{branch}, {bind}: {}", haproxy.log());
        }
    }
}

#[test]
fn without_the_right_to_see_the_owner_it_is_held_and_the_rest_is_unknown_but_never_free() {
    requires!(Root, Program("setpriv"), Haproxy(Branch::V30));
    let folder = tempfile::tempdir().unwrap();
    let program = haproxy_of_nobody(Branch::V30, folder.path());
    let mut haproxy = Instance::builder(Branch::V30).config(configs::ANSWERING).program(&program).start();
    std::fs::set_permissions(haproxy.dir(), Permissions::from_mode(0o755)).unwrap();
    let stranger = TcpListener::bind((address(), 0)).unwrap();
    let held = stranger.local_addr().unwrap();
    haproxy.write_config(&format!("{}    bind {held}\n    bind {}:81\n", haproxy.config(), address()));
    let haguard = Haguard::new();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    let ask = ["check", "config.new-binds-free", "--master-socket", socket, "-o", "json"];
    let said = as_nobody(&haguard, &ask);
    let document = said.json();
    let found = finding(&document, "config.new-binds-free");
    assert_eq!(found["level"], "fail", "{found}");
    assert!(found["text"].as_str().unwrap().contains("uid 0 (which one only root can see)"), "{found}");
}

#[test]
fn of_an_instance_that_may_not_be_looked_into_nothing_is_called_free() {
    requires!(OtherUser, Haproxy(Branch::V34));
    let mut haproxy = Instance::builder(Branch::V34).config(configs::ANSWERING).start();
    std::fs::set_permissions(haproxy.dir(), Permissions::from_mode(0o755)).unwrap();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap().to_owned();
    std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    haproxy.write_config(&format!("{}    bind {}:24000\n", haproxy.config(), address()));
    let haguard = Haguard::new();
    let ask = ["check", "config.new-binds-free", "--master-socket", &socket, "-o", "json"];
    let said = as_nobody(&haguard, &ask);
    let document = said.json();
    let found = finding(&document, "config.new-binds-free");
    assert_eq!((found["level"].as_str(), said.status), (Some("unknown"), 5), "{found}");
    assert!(found["text"].as_str().unwrap().contains("root"), "{found}");
}

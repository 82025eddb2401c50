//! What runs out on a host, and who else has a say there: real limits around a real HAProxy.

use super::{CONFIG, check, start};
use crate::support::cgroup::MemoryGroup;
use crate::support::configs;
use crate::support::document::{finding, level};
use crate::support::guest::Guest;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::pem;
use crate::support::requires::requires;

/// What a check finds of this HAProxy, in full.
fn found(haproxy: &Instance, id: &str) -> serde_json::Value {
    let document = check(&Haguard::new(), haproxy, &[id, "-o", "json"]).json();
    finding(&document, id).clone()
}

#[test]
fn a_haproxy_that_is_near_its_limit_of_open_files_is_told() {
    requires!(Haproxy(Branch::V30));
    let haproxy = start(Branch::V30);
    let roomy = found(&haproxy, "proc.fd-headroom");
    assert_eq!(roomy["level"], "pass", "{roomy}");
    let pid = rustix::process::Pid::from_raw(haproxy.worker_pid().try_into().unwrap());
    let open = std::fs::read_dir(format!("/proc/{}/fd", haproxy.worker_pid())).unwrap().count() as u64;
    let limit = rustix::process::Rlimit { current: Some(open + 1), maximum: Some(open + 1) };
    rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).unwrap();
    let near = found(&haproxy, "proc.fd-headroom");
    assert_eq!(near["level"], "warn", "{near}");
    assert!(near["evidence"].to_string().contains(&format!("of {} files open", open + 1)), "{near}");
}

#[test]
fn a_control_group_without_room_for_a_second_worker_fails_and_one_with_room_passes() {
    requires!(MemoryLimit, Haproxy(Branch::V30));
    let group = MemoryGroup::new();
    let haproxy = start(Branch::V30);
    group.take(haproxy.master_pid());
    group.take(haproxy.worker_pid());
    group.limit(8 << 30);
    let roomy = found(&haproxy, "proc.mem-headroom");
    assert_eq!(roomy["level"], "pass", "{roomy}");
    assert!(roomy["evidence"].to_string().contains("its control group has"), "{roomy}");
    group.limit(6 << 20);
    let full = found(&haproxy, "proc.mem-headroom");
    assert_eq!(full["level"], "fail", "{full}");
}

#[test]
fn workers_that_pile_up_without_a_limit_are_told_before_the_branch_that_limits_them_itself() {
    requires!(Haproxy(Branch::V26), Haproxy(Branch::V32), Haproxy(Branch::V34));
    let with = |branch, global: &str| {
        let haproxy = Instance::builder(branch).global(global).config(CONFIG).start();
        found(&haproxy, "config.mworker-max-reloads")
    };
    let own = [(Branch::V26, "warn"), (Branch::V32, "warn"), (Branch::V34, "pass")];
    let cases = own.map(|(branch, level)| (branch, "", level)).into_iter().chain([
        (Branch::V26, "mworker-max-reloads 20", "pass"),
        (Branch::V26, "hard-stop-after 30m", "pass"),
    ]);
    for (branch, global, level) in cases {
        let found = with(branch, global);
        assert_eq!(found["level"], level, "{branch} {global}: {found}");
    }
}

#[test]
fn needrestart_that_restarts_by_itself_is_told_until_a_rule_spares_haproxy() {
    requires!(Guest);
    let guest = Guest::boot();
    let judged = || {
        let document = guest.haguard(["check", "host.needrestart", "-o", "json"]).json();
        level(&document, "host.needrestart").to_owned()
    };
    const MODE: &str = "/etc/needrestart/conf.d/50-mode.conf";
    assert_eq!(judged(), "pass", "Debian's own settings ask first");
    guest.write("/etc/needrestart/conf.d/50-mode.conf.dpkg-old", "$nrconf{restart} = 'a';\n");
    assert_eq!(judged(), "pass", "needrestart reads no file of that name");
    guest.write(MODE, "$nrconf{restart} = 'a'; # no questions\n");
    assert_eq!(judged(), "warn");
    guest.write("/etc/needrestart/conf.d/60.conf", "$nrconf{override_rc}{qr(^haproxy)} = 0;\n");
    assert_eq!(judged(), "pass");
    guest.write(MODE, "$nrconf{restart} = $mode;\n");
    guest.write("/etc/needrestart/conf.d/60.conf", "");
    assert_eq!(judged(), "unknown");
}

#[test]
fn a_certificate_that_is_a_file_for_each_kind_of_key_is_no_missing_file() {
    requires!(Haproxy(Branch::V30));
    let text = format!("{CONFIG}\nfrontend tls\n    bind 127.0.0.1:{{port:tls}} ssl crt {{dir}}/site.pem\n");
    let built = Instance::builder(Branch::V30).global("hard-stop-after 30m").config(&text);
    let haproxy = built.file("site.pem.ecdsa", &pem::self_signed("site.test")).start();
    let whole = found(&haproxy, "config.files-readable");
    assert_eq!(whole["level"], "pass", "{whole}");
    std::fs::remove_file(haproxy.dir().join("site.pem.ecdsa")).unwrap();
    let gone = found(&haproxy, "config.files-readable");
    assert_eq!(gone["level"], "fail", "{gone}");
}

/// A map that this user and this group own, of a HAProxy with these globals and words before it.
fn with_map(global: &str, through: &[&str], standalone: bool) -> (Instance, std::path::PathBuf) {
    let text = CONFIG.to_owned() + configs::MAPPED;
    let mut built = Instance::builder(Branch::V30).config(&text).file("hosts.map", "a x\n").global(global);
    if standalone {
        built = built.without_master_worker();
    }
    if !through.is_empty() {
        built = built.owned_by(65534).through(through);
    }
    let haproxy = built.start();
    let map = haproxy.dir().join("hosts.map");
    (haproxy, map)
}

#[test]
fn a_file_that_a_further_group_may_read_is_readable() {
    requires!(Root, Program("setpriv"), Haproxy(Branch::V30));
    let user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--groups", "12345", "--"];
    let (haproxy, map) = with_map("", &user, false);
    std::os::unix::fs::chown(&map, Some(0), Some(12345)).unwrap();
    let mode =
        |mode| std::fs::set_permissions(&map, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o640);
    let readable = found(&haproxy, "config.files-readable");
    assert_eq!(readable["level"], "pass", "{readable}");
    mode(0o600);
    let closed = found(&haproxy, "config.files-readable");
    assert_eq!(closed["level"], "fail", "{closed}");
}

#[test]
fn one_that_gave_up_root_after_it_had_read_its_files_does_not_fail_for_them() {
    requires!(Root, Haproxy(Branch::V30));
    let (haproxy, map) = with_map("uid 65534\ngid 65534", &[], true);
    std::fs::set_permissions(&map, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let socket = haproxy.admin_socket().unwrap().to_str().unwrap();
    let run = || {
        let said =
            Haguard::new().run(["check", "config.files-readable", "-o", "json", "--stats-socket", socket]);
        finding(&said.json(), "config.files-readable").clone()
    };
    let closed = run();
    assert_eq!(closed["level"], "unknown", "{closed}");
    assert!(closed["text"].as_str().unwrap().contains("may have been another"), "{closed}");
    std::fs::remove_file(&map).unwrap();
    assert_eq!(run()["level"], "fail", "what is gone is gone for everybody");
}

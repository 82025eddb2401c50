//! What goes around the guard, or stands in its way, on a real systemd: each is as the program says that it is.

use super::{FILE, UNIT, as_before, change, everything, install, json, level, status, unwrapped_output};
use crate::support::guest::Guest;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

#[test]
fn what_the_guard_does_not_keep_off_happens_and_is_named() {
    requires!(Guest);
    let guest = Guest::boot();
    guest.write("/etc/systemd/system/anchor.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    guest.write("/etc/systemd/system/haproxy.service.d/10-anchor.conf", "[Unit]\nPartOf=anchor.service\n");
    guest.ok(["systemctl", "daemon-reload"]);
    guest.ok(["systemctl", "start", "anchor"]);
    install(&guest);
    let said = guest.haguard(["guard", "status"]);
    for hole in ["mask --now", "revert", "bound so to anchor.service (PartOf=)"] {
        assert!(unwrapped_output(&said).contains(hole), "{hole}: {said}");
    }
    let before = guest.property(UNIT, "MainPID");
    guest.ok(["systemctl", "restart", "anchor"]);
    assert_ne!(guest.property(UNIT, "MainPID"), before, "its restart was carried over");
    guest.ok(["systemctl", "revert", "haproxy"]);
    assert!(!guest.path(FILE).exists() && status(&guest).status == 3);
    install(&guest);
    guest.ok(["systemctl", "mask", "--now", "haproxy"]);
    assert_eq!(guest.property(UNIT, "ActiveState"), "inactive");
}

#[test]
fn a_unit_that_was_masked_while_it_ran_is_told_as_that() {
    requires!(Guest);
    let guest = Guest::boot();
    install(&guest);
    guest.ok(["systemctl", "mask", "haproxy"]);
    let said = status(&guest);
    let document = json(&said);
    assert_eq!((said.status, level(&document, "guard.effective").as_str()), (3, "fail"), "{said}");
    assert_eq!(document["next"][0], "systemctl unmask haproxy.service", "{said}");
    // No name is given: what is not known is no pass.
    let said = guest.haguard(["check", "guard.effective", "guard.holes"]);
    assert!(said.status == 5 && unwrapped_output(&said).contains("masked"), "{said}");
    guest.ok(["systemctl", "unmask", "haproxy"]);
    assert_eq!(status(&guest).status, 0);
}

#[test]
fn a_guard_whose_file_is_gone_ends_with_the_next_daemon_reload_and_can_be_had_again() {
    requires!(Guest);
    let guest = Guest::boot();
    for what in ["install", "remove"] {
        install(&guest);
        std::fs::remove_file(guest.path(FILE)).unwrap();
        let said = status(&guest);
        assert_eq!((said.status, level(&json(&said), "guard.installed").as_str()), (0, "warn"), "{said}");
        assert!(unwrapped_output(&said).contains("daemon-reload ends it"), "{said}");
        let said = change(&guest, what);
        assert_eq!(said.status, 0, "{what}: {said}");
        let wanted = if what == "install" { "yes" } else { "no" };
        assert_eq!(guest.property(UNIT, "RefuseManualStop"), wanted, "{said}");
    }
}

#[test]
fn a_folder_of_units_that_is_a_link_has_a_guard_as_any_other() {
    requires!(Guest);
    let guest = Guest::boot();
    for link in [
        "mv /etc/systemd/system /srv/system && ln -s /srv/system /etc/systemd/system",
        "mkdir /srv/one && ln -s /srv/one /etc/systemd/system/haproxy.service.d",
    ] {
        guest.ok(["sh", "-c", link]);
        guest.ok(["systemctl", "daemon-reload"]);
        let before = everything(&guest);
        install(&guest);
        assert_eq!(status(&guest).status, 0, "{link}");
        let said = change(&guest, "remove");
        assert_eq!(said.status, 0, "{link}: {said}");
        as_before(&guest, &before);
    }
}

#[test]
fn what_an_install_would_find_is_asked_beforehand() {
    requires!(Guest);
    let guest = Guest::boot();
    let asked = |more: &[&str]| guest.haguard(["check", "--for", "guard"].iter().chain(more));
    let said = asked(&["-o", "json"]);
    assert_eq!((said.status, level(&json(&said), "guard.ready").as_str()), (0, "pass"), "{said}");
    guest.write("/etc/haguard/freeze", "INC-7\n");
    assert_eq!(asked(&[]).status, 3);
    std::fs::remove_file(guest.path("/etc/haguard/freeze")).unwrap();
    guest.write(FILE, "[Unit]\nDescription=mine\n");
    let said = asked(&[]);
    assert!(said.status == 3 && unwrapped_output(&said).contains("did not write it"), "{said}");
    assert_eq!(guest.haguard(["guard", "install", "--plan"]).status, said.status, "both judge alike");
}

#[test]
fn where_nothing_runs_a_restart_is_refused_with_the_way_to_a_start() {
    requires!(Guest);
    let guest = Guest::boot();
    let good = guest.read("/etc/haproxy/haproxy.cfg");
    install(&guest);
    guest.write("/etc/haproxy/haproxy.cfg", &format!("{good}\nno_such_section\n"));
    guest.ok(["systemctl", "kill", "--signal=KILL", "haproxy"]);
    wait_for("systemd gives up", || (guest.property(UNIT, "ActiveState") == "failed").then_some(()));
    for args in [&["restart"][..], &["restart", "haproxy"], &["restart", "haproxy.service"]] {
        let said = guest.haguard(args.iter().chain(&["-o", "json"]));
        let document = json(&said);
        let why = document["refusal"]["why"].as_str().unwrap_or_else(|| panic!("{said}"));
        assert!(said.status == 3 && why.contains("haproxy.service has failed"), "{said}");
        let next: Vec<&str> =
            document["next"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let tried = guest.run(["sh", "-c", next[1]]);
        assert!(next[1].starts_with("haguard rehearse") && tried.status == 3, "{said}{tried}");
        assert!(next[2].ends_with("systemctl start haproxy.service"), "{said}");
    }
    let short = unwrapped_output(&guest.haguard(["check", "-o", "short"]));
    assert_eq!(short.matches("no HAProxy process can be seen").count(), 1, "{short}");
    guest.write("/etc/haproxy/haproxy.cfg", &good);
    guest.ok(["sh", "-c", "systemctl reset-failed haproxy.service && systemctl start haproxy.service"]);
    assert_eq!(status(&guest).status, 0, "the guard is there as before");
}

#[test]
fn without_root_a_socket_that_may_not_be_opened_is_not_called_missing() {
    requires!(Guest);
    let guest = Guest::boot();
    let user =
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", "env", "HOME=/tmp"];
    let nobody = |more: &[&str]| guest.run(user.iter().chain(&["haguard", "check"]).chain(more));
    let said = nobody(&["arch.identity", "proc.master-responsive", "proc.reload-settled", "proc.leftovers"]);
    let told = unwrapped_output(&said);
    assert!(said.status == 5 && told.contains("permission denied"), "{said}");
    assert!(!told.contains("has no socket") && !told.contains("-S /run"), "{said}");
    assert!(!told.contains("speaks for it:"), "none is not one: {said}");
    // The guard needs no socket of HAProxy's: what it would say is said.
    let said = nobody(&["--for", "guard"]);
    assert!(said.status == 3 && unwrapped_output(&said).contains("only root can write there"), "{said}");
}

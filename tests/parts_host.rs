//! The real parts that only root has: a guest with systemd, and a Docker daemon.

use crate::support::configs;
use crate::support::docker::{Dockerd, HAPROXY};
use crate::support::guest::{BRANCHES, Guest};
use crate::support::haproxy::Branch;
use crate::support::process::alive;
use crate::support::requires::requires;

/// 2.8 comes without a loader of its own.
const GUESTS: [Branch; 4] = [Branch::V26, Branch::V30, Branch::V32, Branch::V34];

#[test]
fn a_guest_boots_with_a_haproxy_of_its_own_and_leaves_nothing() {
    requires!(Guest);
    let mut guest = Guest::boot();
    assert_eq!(guest.property("haproxy.service", "ActiveState"), "active");
    assert!(alive(guest.main_pid("haproxy.service")));
    assert_eq!(guest.haguard(["--version"]).status, 0);
    for branch in GUESTS {
        let program = format!("{BRANCHES}/{branch}/haproxy");
        assert!(guest.ok([program.as_str(), "-v"]).contains(&format!("version {branch}.")));
    }
    guest.write("/etc/kept", "over a power cut");
    guest.reboot();
    assert_eq!(guest.read("/etc/kept"), "over a power cut");
    let (leader, root) = (guest.leader(), guest.path("/etc"));
    drop(guest);
    assert!(!alive(leader) && !root.exists());
}

/// The checkout is hidden as PrivateTmp and ProtectHome hide it where it is below /tmp, /var/tmp, /home or /root.
#[test]
fn every_branch_runs_in_a_unit_that_does_not_see_the_checkout() {
    requires!(Guest);
    let guest = Guest::boot();
    let checkout = format!("TemporaryFileSystem={}", env!("CARGO_MANIFEST_DIR").replace(' ', "\\x20"));
    let hidden = ["PrivateTmp=yes", "ProtectHome=tmpfs", &checkout];
    let options = hidden.iter().flat_map(|property| ["--property", property]);
    let unit: Vec<&str> = ["systemd-run", "--quiet", "--wait", "--pipe"].into_iter().chain(options).collect();
    for branch in GUESTS {
        let program = format!("{BRANCHES}/{branch}/haproxy");
        let said = guest.ok([&unit[..], &[&program, "-v"]].concat());
        assert!(said.contains(&format!("version {branch}.")), "{said}");
    }
}

#[test]
fn two_guests_at_once_do_not_take_each_others_services_for_their_own() {
    requires!(Guest);
    let (one, other) = (Guest::boot(), Guest::boot());
    let before = other.main_pid("haproxy.service");
    one.ok(["systemctl", "stop", "haproxy"]);
    assert_eq!(other.property("haproxy.service", "ActiveState"), "active");
    assert!(alive(before));
}

#[test]
fn a_container_runs_haproxy_and_goes_with_its_daemon() {
    requires!(Docker, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let image = dockerd.haproxy(Branch::V30);
    let folder = tempfile::TempDir::with_prefix("hag").unwrap();
    let config = configs::whole("/etc/haproxy", configs::LATE);
    std::fs::write(folder.path().join("haproxy.cfg"), config).unwrap();
    let bind = format!("{}:/etc/haproxy", folder.path().display());
    let argv = [HAPROXY, "-W", "-f", "/etc/haproxy/haproxy.cfg"];
    let container = dockerd.run((&image, "edge"), &argv, &[("tier", "edge")], &[&bind], "always");
    let exe = std::fs::read_link(format!("/proc/{}/exe", container.pid)).unwrap();
    assert_eq!(exe.to_str(), Some(HAPROXY), "{}", dockerd.logs(&container.id));
    let seen = dockerd.api("GET", &format!("/containers/{}/json", container.id), None);
    assert_eq!(seen["Config"]["Labels"]["tier"], "edge");
    drop(dockerd);
    assert!(!alive(container.pid));
}

//! systemd, in a guest of its own: asked from the inside, and seen from out here.

use std::sync::LazyLock;

use serde_json::Value;

use super::{candidate, proven, why};
use crate::support::configs;
use crate::support::document::{finding, level};
use crate::support::guest::Guest;
use crate::support::haguard::Haguard;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// What haguard says inside of who controls the HAProxy of this process there.
#[track_caller]
fn inside(guest: &Guest, pid: &str) -> Value {
    let document = guest.haguard(["inspect", "-o", "json"]).json();
    let all = document["facts"]["candidates"]["seen"].as_array().unwrap();
    let number: u64 = pid.parse().unwrap();
    let found = all.iter().find(|found| found["process"]["pid"] == number);
    found.unwrap_or_else(|| panic!("no PID {pid} in {document:#}"))["control"].clone()
}

#[test]
fn the_guests_haproxy_service_seen_from_the_host_is_not_taken_for_the_hosts() {
    requires!(Guest);
    let guest = Guest::boot();
    let master = guest.main_pid("haproxy.service");
    let haguard = Haguard::new();
    let found = candidate(&haguard, &[], master);
    let seen = proven(&found["control"], "guest");
    assert_eq!(seen["leader"], guest.leader(), "{found:#}");
    assert!(seen["inside"].as_str().unwrap().ends_with("/system.slice/haproxy.service"), "{found:#}");
    assert_eq!(found["process"]["same_pid_namespace"]["seen"], false, "{found:#}");
    // Whoever names the unit out here means one of out here, and there is none.
    let said = haguard.run(["restart", "haproxy.service"]);
    assert_eq!(said.status, 3, "{said}");
    let text = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!text.contains("controlled by systemd, haproxy.service"), "{said}");

    // In there it is systemd's, by two sources.
    let control = inside(&guest, &guest.property("haproxy.service", "MainPID"));
    assert_eq!(proven(&control, "systemd")["unit"], "haproxy.service", "{control:#}");
    assert_eq!(level(&guest.haguard(["inspect", "-o", "json"]).json(), "arch.manager"), "pass");
}

static OTHER: LazyLock<String> = LazyLock::new(|| configs::plain("127.0.0.1:8099"));

/// A unit that runs this.
fn unit(start: &str) -> String {
    format!("[Service]\nExecStart={start}\nKillMode=mixed\n")
}

const HAPROXY: &str = "/usr/sbin/haproxy -W -S /run/other.sock -f /opt/other.cfg";

/// Starts the unit and returns the number of the HAProxy in it.
fn started(guest: &Guest, name: &str) -> String {
    guest.ok(["systemctl", "stop", "haproxy.service"]);
    guest.ok(["systemctl", "start", name]);
    wait_for("HAProxy runs in the unit", || {
        let listed = guest.run(["sh", "-c", "echo 'show proc' | socat - UNIX:/run/other.sock"]).stdout;
        let line = listed.lines().find(|line| line.split_whitespace().nth(1) == Some("master"))?.to_owned();
        Some(line.split_whitespace().next()?.to_owned())
    })
}

#[test]
fn a_unit_whose_main_process_is_a_script_around_haproxy_does_not_control_haproxy() {
    requires!(Guest);
    let script = format!("#!/bin/sh\n{HAPROXY}\ntrue\n");
    let files = [
        ("/opt/start", script.as_str()),
        ("/opt/other.cfg", &*OTHER),
        ("/etc/systemd/system/wrapped.service", &unit("/bin/sh /opt/start")),
        ("/etc/systemd/system/plain@.service", &unit(HAPROXY)),
    ];
    let guest = Guest::with(&files);
    let pid = started(&guest, "wrapped.service");
    let control = inside(&guest, &pid);
    let words = why(&control, "conflict");
    assert!(words.contains("wrapped.service") && words.contains("(sh)") && words.contains("exec"), "{words}");
    let document = guest.haguard(["inspect", "-o", "json"]).json();
    assert_eq!(finding(&document, "arch.manager")["level"], "fail", "{document:#}");
    let said = guest.haguard(["reload", "--no-input"]);
    assert_eq!(said.status, 3, "{said}");
    guest.ok(["systemctl", "stop", "wrapped.service"]);
    // The same program as the main process of a template's unit, in a slice of its own.
    let pid = started(&guest, "plain@a.service");
    let control = inside(&guest, &pid);
    assert_eq!(proven(&control, "systemd")["unit"], "plain@a.service", "{control:#}");
}

#[test]
fn a_haproxy_that_was_only_moved_into_a_units_control_group_is_not_the_units() {
    requires!(Guest);
    let guest = Guest::with(&[("/opt/other.cfg", &*OTHER)]);
    let group = guest.property("haproxy.service", "ControlGroup");
    // systemd counts it among the unit's, but it is neither the main process nor below it.
    let script = format!(
        "for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do \
         [ ! -e $root{group}/cgroup.procs ] || echo $$ >$root{group}/cgroup.procs; done; \
         exec {HAPROXY} -D"
    );
    guest.ok(["sh", "-c", &script]);
    let pid = wait_for("the other HAProxy runs", || {
        let listed = guest.run(["sh", "-c", "echo 'show proc' | socat - UNIX:/run/other.sock"]).stdout;
        let line = listed.lines().find(|line| line.split_whitespace().nth(1) == Some("master"))?.to_owned();
        Some(line.split_whitespace().next()?.to_owned())
    });
    let words = why(&inside(&guest, &pid), "conflict");
    assert!(words.contains("MainPID of haproxy.service is"), "{words}");
}

#[test]
fn a_unit_of_a_users_own_systemd_is_the_users() {
    requires!(Guest);
    let unit = unit("/usr/sbin/haproxy -W -S %t/other.sock -f /opt/other.cfg");
    let files = [
        ("/etc/systemd/user/web.service", unit.as_str()),
        ("/opt/other.cfg", &*OTHER),
        // Without PAM's module for logins nobody tells it.
        (
            "/etc/systemd/system/user@.service.d/runtime.conf",
            "[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n",
        ),
    ];
    let guest = Guest::with(&files);
    guest.ok(["systemctl", "start", "user@65534.service"]);
    let user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env"];
    let user = [&user[..], &["XDG_RUNTIME_DIR=/run/user/65534", "systemctl", "--user"]].concat();
    guest.ok(user.iter().chain(&["start", "web.service"]));
    let pid = wait_for("the user's HAProxy runs", || {
        let said = guest.run(user.iter().chain(&["show", "--value", "--property", "MainPID", "web.service"]));
        let pid = said.stdout.trim().to_owned();
        (guest.run(["cat", &format!("/proc/{pid}/comm")]).stdout.trim() == "haproxy").then_some(pid)
    });
    let control = inside(&guest, &pid);
    let controller = proven(&control, "user-systemd");
    assert_eq!(
        (&controller["unit"], &controller["uid"]),
        (&"web.service".into(), &65534.into()),
        "{control:#}"
    );
    assert!(control["evidence"].to_string().contains("systemctl --user show"), "{control:#}");
}

#[test]
fn what_an_agent_of_nomads_starts_as_a_main_process_of_a_unit_is_not_the_units() {
    requires!(Guest);
    // A real Nomad that makes no control groups leaves its tasks in that of its unit; bash takes its name and arguments.
    let task =
        format!("NOMAD_ALLOC_ID=5b1ab8ac-0a3c-4c4a-8c5c-2f4a5f0d6c11 NOMAD_TASK_NAME=web {HAPROXY}\ntrue\n");
    let files = [
        ("/opt/agent", "cd /opt\n(exec -a nomad bash executor)\ntrue\n"),
        ("/opt/executor", task.as_str()),
        ("/opt/other.cfg", &*OTHER),
        ("/etc/systemd/system/nomad.service", &unit("/bin/bash /opt/agent")),
    ];
    let guest = Guest::with(&files);
    let pid = started(&guest, "nomad.service");
    let control = inside(&guest, &pid);
    assert_eq!(proven(&control, "nomad")["task"], "web", "{control:#}");
}

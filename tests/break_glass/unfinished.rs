//! A restart through systemd that haguard stops waiting for. Nobody waits for the 300 seconds here: the `systemctl` that
//! waits for systemd's job is killed, which leaves the job as its deadline does.

use std::path::Path;

use serde_json::Value;

use super::systemd::{UNIT, glass, guarded, guest, plan};
use crate::support::document::as_text;
use crate::support::guest::Guest;
use crate::support::process;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// A program that runs until the file is gone.
pub(super) const HELD: &str = "/bin/sh -c 'while test -e /run/hold; do sleep 0.1; done'";

/// A guest whose unit has these settings too, and that is held up.
pub(super) fn held(settings: &str) -> Guest {
    let guest = guest(None);
    guest.write("/etc/systemd/system/haproxy.service.d/60-held.conf", settings);
    guest.write("/run/hold", "");
    guest.ok(["systemctl", "daemon-reload"]);
    guest
}

pub(super) fn jobs(guest: &Guest) -> String {
    guest.ok(["systemctl", "list-jobs", "--plain", "--no-legend"])
}

/// The `PROGRAM ... restart` that runs in this guest's numbers of processes.
pub(super) fn client(guest: &Guest, program: &str) -> Option<u32> {
    let space = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let ours = space(guest.leader());
    std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line =
            std::fs::read_to_string(Path::new("/proc").join(entry.file_name()).join("cmdline")).ok()?;
        (line.starts_with(&format!("{program}\0")) && line.contains("\0restart\0") && space(pid) == ours)
            .then_some(pid)
    })
}

/// Approves the plan; once systemd has the job, who waits for it is killed. What haguard says.
fn given_up(guest: &Guest, state: &str) -> Value {
    let plan = plan(guest);
    assert_eq!(plan["exit"], 0, "{plan:#}");
    std::thread::scope(|scope| {
        let run = scope.spawn(|| glass(guest, &["--approve", as_text(&plan["plan"]["id"])]).json());
        let job = format!("{UNIT} restart {state}");
        wait_for("systemd has the job", || {
            let words: Vec<String> = jobs(guest).split_whitespace().map(str::to_owned).collect();
            words.join(" ").contains(&job).then_some(())
        });
        process::kill(wait_for("systemctl waits for it", || client(guest, "systemctl")));
        run.join().unwrap()
    })
}

#[test]
fn a_unit_that_is_still_being_stopped_is_said_to_change_yet_and_what_holds_it_up_is_asked_for() {
    requires!(Guest);
    let guest = held(&format!("[Service]\nExecStop={HELD}\nTimeoutStopSec=infinity\n"));
    let old = guest.property(UNIT, "MainPID");
    let done = given_up(&guest, "running");
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert_eq!(done["restart"]["outcome"], "unfinished", "{done:#}");
    let open = done["restart"]["open"].to_string();
    assert!(open.contains("(restart, running) of haproxy.service, which is deactivating"), "{done:#}");
    assert_eq!(done["next"][0], "systemctl list-jobs", "{done:#}");
    assert!(done["proof"].to_string().contains("the guard is back"), "{done:#}");
    assert_eq!(guest.property(UNIT, "MainPID"), old, "{done:#}");
    // What was said comes true.
    std::fs::remove_file(guest.path("/run/hold")).unwrap();
    wait_for("systemd carries the job out", || {
        let new = guest.property(UNIT, "MainPID");
        (new != old && new != "0" && jobs(&guest).is_empty()).then_some(())
    });
    guarded(&guest);
}

#[test]
fn a_job_that_has_not_begun_is_cancelled_and_nothing_is_changed() {
    requires!(Guest);
    let guest = held("");
    // What is started after HAProxy is stopped before it, and this takes its time.
    let slow = format!(
        "[Unit]\nAfter={UNIT}\n[Service]\nExecStart=/bin/sleep infinity\nExecStop={HELD}\nTimeoutStopSec=infinity\n"
    );
    guest.write("/etc/systemd/system/slow.service", &slow);
    guest.ok(["systemctl", "daemon-reload"]);
    guest.ok(["systemctl", "start", "slow.service"]);
    guest.ok(["systemctl", "stop", "--no-block", "slow.service"]);
    let old = guest.property(UNIT, "MainPID");
    let done = given_up(&guest, "waiting");
    assert_eq!((&done["exit"], &done["changed"]), (&1.into(), &false.into()), "{done:#}");
    assert!(done["proof"].to_string().contains("systemd has no job left of the order"), "{done:#}");
    std::fs::remove_file(guest.path("/run/hold")).unwrap();
    wait_for("no job is left", || jobs(&guest).is_empty().then_some(()));
    assert_eq!(guest.property(UNIT, "MainPID"), old);
    guarded(&guest);
}

//! A run that is ended while the guard is lifted, and what the next one says of it.

use serde_json::Value;

use rustix::process::{Pid, Signal, kill_process};

use super::systemd::{LIFT, UNIT, glass, guarded, plan};
use super::unfinished::{HELD, client, held, jobs};
use crate::support::document::{as_text, finding};
use crate::support::guest::Guest;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// A guest whose HAProxy takes its time to end, and the id of a plan for it.
fn slow() -> (Guest, String) {
    let guest = held(&format!("[Service]\nExecStop={HELD}\nTimeoutStopSec=infinity\n"));
    let plan = plan(&guest);
    assert_eq!(plan["exit"], 0, "{plan:#}");
    let id = as_text(&plan["plan"]["id"]).to_owned();
    (guest, id)
}

/// Sends a signal to the run that waits for systemd.
fn signal(guest: &Guest, signal: Signal) {
    wait_for("systemd stops it", || jobs(guest).contains("running").then_some(()));
    let run = wait_for("haguard waits", || client(guest, "haguard"));
    kill_process(Pid::from_raw(run.try_into().unwrap()).unwrap(), signal).unwrap();
}

fn status(guest: &Guest) -> Value {
    guest.haguard(["guard", "status", "-o", "json"]).json()
}

fn effective(guest: &Guest) -> Value {
    finding(&guest.haguard(["check", "-o", "json"]).json(), "guard.effective").clone()
}

#[test]
fn a_guard_that_a_killed_run_left_lifted_is_said_with_the_mend_and_put_back_by_the_next_run() {
    requires!(Guest);
    let (guest, id) = slow();
    let host = guest.ok(["uname", "-n"]);
    let words = ["haguard", "restart", "--break-glass", host.trim(), "--reason", "x", "--approve", &id];
    std::thread::scope(|scope| {
        // It is killed, so that it has no status.
        let run = scope.spawn(|| guest.command(words).output().unwrap());
        signal(&guest, Signal::KILL);
        run.join().unwrap();
    });
    std::fs::remove_file(guest.path("/run/hold")).unwrap();
    wait_for("systemd is done", || jobs(&guest).is_empty().then_some(()));
    assert_eq!(guest.property(UNIT, "RefuseManualStop"), "no", "nobody put it back");
    let lift = format!("{LIFT}/99-haguard-break-glass.conf");
    let said = status(&guest);
    assert_eq!(said["exit"], 3, "{said:#}");
    assert!(as_text(&said["summary"]).contains("lifted by a file under /run"), "{said:#}");
    assert_eq!(said["next"][0], format!("rm {lift} && systemctl daemon-reload"), "{said:#}");
    let check = effective(&guest);
    assert_eq!(check["level"], "fail", "{check:#}");
    assert!(as_text(&check["mend"]).contains(&format!("rm {lift}, systemctl daemon-reload")), "{check:#}");
    // systemd has read its files before the file was removed, and must read them again.
    let text = guest.read(&lift);
    std::fs::remove_file(guest.path(&lift)).unwrap();
    assert_eq!(status(&guest)["next"][0], "systemctl daemon-reload");
    guest.write(&lift, &text);

    let plan = plan(&guest);
    assert!(plan["plan"]["steps"].to_string().contains("a run that was killed left it lifted"), "{plan:#}");
    let done = glass(&guest, &["--approve", as_text(&plan["plan"]["id"])]).json();
    assert_eq!(done["exit"], 0, "{done:#}");
    assert!(done["proof"].to_string().contains("the guard is back"), "{done:#}");
    guarded(&guest);

    // Killed before systemd had read it, it would lift the guard at the next package's installation.
    guest.write(&lift, &text);
    assert_eq!(guest.property(UNIT, "RefuseManualStop"), "yes");
    let (said, check) = (status(&guest), effective(&guest));
    assert_eq!(said["next"][0], format!("rm {lift} && systemctl daemon-reload"), "{said:#}");
    assert_eq!(check["level"], "warn", "{check:#}");
}

#[test]
fn an_interrupt_while_the_guard_is_lifted_waits_for_it_to_be_back() {
    requires!(Guest);
    let (guest, id) = slow();
    let done = std::thread::scope(|scope| {
        let run = scope.spawn(|| glass(&guest, &["--approve", &id]).json());
        signal(&guest, Signal::INT);
        std::fs::remove_file(guest.path("/run/hold")).unwrap();
        run.join().unwrap()
    });
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert_eq!(done["restart"]["outcome"], "stopped", "{done:#}");
    assert!(done["proof"].to_string().contains("the guard is back"), "{done:#}");
    guarded(&guest);
}

//! Break-glass through a real systemd whose unit refuses a restart by hand.

use serde_json::Value;

use super::{twenty, unwrapped};
use crate::support::document::{as_text, finding};
use crate::support::guest::{BRANCHES, Guest};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::terminal;

const ETC: &str = "/etc/haproxy";
pub(super) const UNIT: &str = "haproxy.service";
const GUARD: &str = "/etc/systemd/system/haproxy.service.d/50-test.conf";
pub(super) const LIFT: &str = "/run/systemd/system/haproxy.service.d";

/// A guest whose HAProxy has 20 servers, a map, and a guard that somebody wrote by hand.
pub(super) fn guest(branch: Option<Branch>) -> Guest {
    let config = twenty::config("/run/haproxy", ETC, &["127.0.0.1:8080", "127.0.0.1:8081"]);
    let program = branch.map_or(String::new(), |branch| {
        let program = format!("{BRANCHES}/{branch}/haproxy");
        format!("[Service]\nExecStartPre=\nExecStart=\nExecStart={program} -Ws -f $CONFIG -p $PIDFILE $EXTRAOPTS\n")
    });
    let guest = Guest::with(&[
        ("/etc/haproxy/haproxy.cfg", &config),
        ("/etc/haproxy/routes.map", twenty::MAP),
        (GUARD, &format!("[Unit]\nRefuseManualStop=yes\n{program}")),
    ]);
    assert_eq!(guest.property(UNIT, "RefuseManualStop"), "yes");
    assert_eq!(guest.property(UNIT, "ActiveState"), "active", "{}", guest.ok(["journalctl", "-u", UNIT]));
    guest
}

fn admin(guest: &Guest, command: &str) -> String {
    let line = format!("echo '{command}' | socat -t30 - /run/haproxy/admin.sock");
    guest.ok(["sh", "-c", &line])
}

pub(super) fn glass(guest: &Guest, more: &[&str]) -> RunOutput {
    let host = guest.ok(["uname", "-n"]);
    let args = ["restart", "--break-glass", host.trim(), "--reason", "INC-1", "-o", "json"];
    guest.haguard([&args, more].concat())
}

pub(super) fn plan(guest: &Guest) -> Value {
    glass(guest, &["--plan"]).json()
}

/// systemd refuses again, by nothing but the file that was there before.
#[track_caller]
pub(super) fn guarded(guest: &Guest) {
    assert_eq!(guest.property(UNIT, "RefuseManualStop"), "yes");
    assert_eq!(guest.property(UNIT, "NeedDaemonReload"), "no");
    assert!(!guest.path(LIFT).exists(), "the lift is gone, and its folder");
    assert_eq!(guest.run(["systemctl", "restart", "haproxy"]).status, 4);
}

fn through_systemd(branch: Option<Branch>) {
    let guest = guest(branch);
    let ask = |command: &str| admin(&guest, command);
    twenty::disturb(ask, ETC);
    let (old, before) = (guest.property(UNIT, "MainPID"), twenty::holds(ask, ETC));
    let plan = plan(&guest);
    assert_eq!(plan["exit"], 0, "{plan:#}");
    let steps = plan["plan"]["steps"].to_string();
    assert!(steps.contains("RefuseManualStop of haproxy.service"), "{steps}");
    assert_eq!(guest.property(UNIT, "MainPID"), old, "a plan does nothing");
    let done = glass(&guest, &["--approve", as_text(&plan["plan"]["id"])]).json();
    assert_eq!((&done["exit"], &done["changed"]), (&0.into(), &true.into()), "{done:#}");
    let new = guest.property(UNIT, "MainPID");
    assert_ne!(new, old);
    assert_eq!(done["restart"]["main"].to_string(), new);
    assert_eq!(guest.property(UNIT, "NRestarts"), "0", "systemd itself was asked");
    assert_eq!(twenty::holds(ask, ETC), before, "{:#}", done["restart"]["returned"]);
    guarded(&guest);
    let proof = done["proof"].to_string();
    assert!(proof.contains("the guard is back") && proof.contains("systemd, haproxy.service"), "{proof}");
    let body = &done["restart"];
    assert_eq!(body["listeners"].as_array().unwrap().len(), 2, "{body:#}");
    assert!(
        body["downtime_ms"].as_u64().unwrap() > 0 && body["full_service_ms"].as_u64().is_some(),
        "{body:#}"
    );
    assert!(guest.haguard(["history"]).stdout.contains("INC-1"));
}

#[test]
fn a_guarded_unit_of_the_distribution_is_as_before_and_guarded_again() {
    requires!(Guest);
    through_systemd(None);
}

#[test]
fn a_guarded_unit_of_another_branch_is_as_before_and_guarded_again() {
    requires!(Guest);
    through_systemd(Some(Branch::V32));
}

#[test]
fn a_unit_that_does_not_come_up_again_is_said_loudly_and_the_guard_is_back() {
    requires!(Guest);
    let guest = guest(None);
    // What a rehearsal cannot foresee: a condition of the unit's own.
    guest.write(
        "/etc/systemd/system/haproxy.service.d/60-gate.conf",
        "[Service]\nExecStartPre=/bin/sh -c 'test ! -e /run/closed || { echo the gate is closed; exit 1; }'\n",
    );
    guest.ok(["systemctl", "daemon-reload"]);
    let plan = plan(&guest);
    assert_eq!(plan["exit"], 0, "{plan:#}");
    guest.write("/run/closed", "");
    let done = glass(&guest, &["--approve", as_text(&plan["plan"]["id"])]).json();
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert_eq!(done["restart"]["outcome"], "down", "{done:#}");
    assert!(done["restart"]["startup_log"].to_string().contains("the gate is closed"), "{done:#}");
    assert!(as_text(&done["next"][0]).contains("systemctl start haproxy.service"), "{done:#}");
    assert!(done["proof"].to_string().contains("the guard is back"), "{done:#}");
    assert_eq!(guest.property(UNIT, "RefuseManualStop"), "yes");
    assert!(!guest.path(LIFT).exists());
}

#[test]
fn a_unit_file_that_systemd_has_not_read_is_a_warning_and_another_plan() {
    requires!(Guest);
    let guest = guest(None);
    let first = plan(&guest);
    guest.write(
        GUARD,
        "[Unit]
RefuseManualStop=yes
[Service]
LimitNOFILE=4321
",
    );
    let main = guest.property(UNIT, "MainPID");
    let second = plan(&guest);
    assert_eq!(finding(&second, "restart.unit")["level"], "warn", "{second:#}");
    // Lifting the guard would make systemd read it.
    assert_eq!(finding(&second, "restart.cold-start")["level"], "unknown", "{second:#}");
    assert_eq!(second["exit"], 5, "{second:#}");
    assert_ne!(first["plan"]["id"], second["plan"]["id"]);
    let stale = glass(&guest, &["--approve", as_text(&first["plan"]["id"])]).json();
    assert_eq!(stale["exit"], 6, "{stale:#}");
    assert!(stale["restart"]["moved"].to_string().contains("NeedDaemonReload"), "{stale:#}");
    assert_eq!(guest.property(UNIT, "MainPID"), main);
}

#[test]
fn options_that_its_environment_file_gives_since_are_what_comes_up() {
    requires!(Guest);
    let guest = guest(None);
    assert_eq!(finding(&plan(&guest), "restart.unit")["level"], "pass");
    guest.write(
        "/etc/haproxy/more.cfg",
        "frontend more\n    mode http\n    timeout client 9s\n    bind 127.0.0.1:8099\n",
    );
    guest.write(
        "/etc/default/haproxy",
        "EXTRAOPTS=\"-S /run/haproxy-master.sock -f /etc/haproxy/more.cfg\"\n",
    );
    let plan = plan(&guest);
    let edited = finding(&plan, "restart.unit");
    assert_eq!((&plan["exit"], &edited["level"]), (&0.into(), &"warn".into()), "{edited:#}");
    assert_eq!(edited["evidence"][0], "environment: EXTRAOPTS has another value");
    assert!(as_text(&edited["evidence"][1]).contains("-f /etc/haproxy/more.cfg"), "{edited:#}");
    let done = glass(&guest, &["--approve", as_text(&plan["plan"]["id"])]).json();
    assert_eq!(done["exit"], 0, "{done:#}");
    assert!(done["proof"].to_string().contains("more"), "{done:#}");
    assert!(admin(&guest, "show stat").contains("more,FRONTEND"));
    guarded(&guest);
}

#[test]
fn a_guard_that_cannot_be_lifted_stops_it_before_anything_ends() {
    requires!(Guest);
    let guest = guest(None);
    // Its name comes after every other.
    guest.write("/etc/systemd/system/haproxy.service.d/99-zz.conf", "[Unit]\nRefuseManualStop=yes\n");
    guest.ok(["systemctl", "daemon-reload"]);
    let main = guest.property(UNIT, "MainPID");
    let done = glass(&guest, &["--approve", as_text(&plan(&guest)["plan"]["id"])]).json();
    assert_eq!((&done["exit"], &done["changed"]), (&1.into(), &false.into()), "{done:#}");
    assert!(unwrapped(&done["restart"]["notes"].to_string()).contains("still refuses"), "{done:#}");
    assert_eq!(guest.property(UNIT, "MainPID"), main);
    guarded(&guest);
}

#[test]
fn on_a_terminal_a_guarded_unit_is_restarted_after_a_yes() {
    requires!(Guest, Program("script"));
    let guest = guest(None);
    let old = guest.property(UNIT, "MainPID");
    let host = guest.ok(["uname", "-n"]);
    let words = format!("haguard restart --break-glass {} --reason INC-1", host.trim());
    let said = terminal::run_on_terminal(&Haguard::new(), &guest.line(&words), || (), "y\r");
    assert_eq!(said.status, 0, "{said}");
    assert_ne!(guest.property(UNIT, "MainPID"), old, "{said}");
    guarded(&guest);
}

#[test]
fn an_instance_of_a_template_beside_another_haproxy_is_restarted_alone() {
    requires!(Guest);
    const EDGE: &str = "haproxy@edge.service";
    let guest = guest(None);
    let config = twenty::config("/run/haproxy", ETC, &["127.0.0.1:8090"]);
    guest.write("/etc/haproxy/edge.cfg", &config.replace("admin.sock", "edge.sock"));
    let start = "/usr/sbin/haproxy -Ws -f /etc/haproxy/%i.cfg -S /run/haproxy-%i.sock";
    let unit = format!("[Service]\nType=notify\nExecStart={start}\nKillMode=mixed\nSuccessExitStatus=143\n");
    guest.write("/etc/systemd/system/haproxy@.service", &unit);
    guest.write("/etc/systemd/system/haproxy@edge.service.d/50-test.conf", "[Unit]\nRefuseManualStop=yes\n");
    guest.ok(["systemctl", "daemon-reload"]);
    guest.ok(["systemctl", "start", EDGE]);
    let mains = || [UNIT, EDGE].map(|unit| guest.property(unit, "MainPID"));
    let [other, old] = mains();
    // Without a name nobody knows which one is meant.
    let unnamed = glass(&guest, &["--plan"]).json();
    assert!(unnamed["plan"].is_null() && unnamed["exit"] != 0, "{unnamed:#}");
    let plan = glass(&guest, &[EDGE, "--plan"]).json();
    assert_eq!(plan["exit"], 0, "{plan:#}");
    let done = glass(&guest, &[EDGE, "--approve", as_text(&plan["plan"]["id"])]).json();
    assert_eq!(done["exit"], 0, "{done:#}");
    let [same, new] = mains();
    assert!(same == other && new != old, "{done:#}");
    assert_eq!(done["restart"]["main"].to_string(), new);
    assert_eq!(guest.run(["systemctl", "restart", EDGE]).status, 4, "it is guarded again");
    assert!(!guest.path("/run/systemd/system/haproxy@edge.service.d").exists());
}

//! The guard on a real systemd with Debian's own haproxy.service: what it refuses, what it lets through, and that it
//! leaves nothing behind.

mod around;

use serde_json::Value;

use crate::support::guest::Guest;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::requires::requires;
use crate::support::terminal;
use crate::support::wait::wait_for;

const UNIT: &str = "haproxy.service";
const FILE: &str = "/etc/systemd/system/haproxy.service.d/50-haguard.conf";

/// systemd's own exit status for a refusal.
const REFUSED: i32 = 4;

/// Properties that differ from one moment to the next, whoever looks.
const RESTLESS: [&str; 5] = ["CPUUsage", "Memory", "Tasks", "IO", "IP"];

/// `guard install` or `guard remove`, planned and approved.
fn change(guest: &Guest, what: &str) -> RunOutput {
    let plan = json(&guest.haguard(["guard", what, "--plan", "-o", "json"]));
    let id = plan["plan"]["id"].as_str().unwrap().to_owned();
    guest.haguard(["guard", what, UNIT, "--approve", &id])
}

#[track_caller]
fn install(guest: &Guest) {
    let said = change(guest, "install");
    assert_eq!(said.status, 0, "{said}");
    assert_eq!(guest.property(UNIT, "RefuseManualStop"), "yes", "{said}");
}

#[track_caller]
fn json(said: &RunOutput) -> Value {
    said.json()
}

fn status(guest: &Guest) -> RunOutput {
    guest.haguard(["guard", "status", UNIT, "-o", "json"])
}

/// What it said, however it was wrapped.
fn unwrapped_output(said: &RunOutput) -> String {
    said.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn level(document: &Value, id: &str) -> String {
    let found = document["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {document}"))["level"].as_str().unwrap().to_owned()
}

/// Everything that systemd says of the unit, and every file of systemd's configuration. What a daemon-reload by itself
/// does is left out: it puts lists in another order and forgets when the last command was run.
fn everything(guest: &Guest) -> Vec<String> {
    let shown = guest.ok(["systemctl", "show", "--all", UNIT]);
    let lasting = shown.lines().filter(|line| !RESTLESS.iter().any(|name| line.starts_with(name)));
    let settled = lasting.map(|line| {
        let mut words: Vec<&str> = line.split(" ; start_time=").next().unwrap().split([' ', '=']).collect();
        words[1..].sort_unstable();
        words.join(" ")
    });
    let files =
        "find /etc/systemd /run/systemd/system /run/systemd/generator* -printf '%p %y %m %u %g %l\\n' | sort;
                 find /etc/systemd /run/systemd/system -type f -exec md5sum {} + | sort -k2";
    let files = guest.ok(["sh", "-c", files]);
    settled.chain(files.lines().map(str::to_owned)).collect()
}

#[track_caller]
fn as_before(guest: &Guest, before: &[String]) {
    let now = everything(guest);
    let differ: Vec<_> = before.iter().zip(&now).filter(|(a, b)| a != b).collect();
    assert!(
        differ.is_empty() && before.len() == now.len(),
        "{} lines, {}: {differ:#?}",
        before.len(),
        now.len()
    );
}

#[test]
fn with_the_guard_every_way_to_restart_is_refused_and_a_reload_works() {
    requires!(Guest);
    let guest = Guest::boot();
    let refused = guest.haguard(["guard", "status"]);
    assert_eq!(refused.status, 3, "{refused}");
    install(&guest);
    let before = guest.property(UNIT, "MainPID");
    for words in [
        "systemctl restart haproxy",
        "systemctl stop haproxy",
        "systemctl try-restart haproxy",
        "service haproxy restart",
        "/etc/init.d/haproxy restart",
        "invoke-rc.d haproxy restart",
        "deb-systemd-invoke restart haproxy.service",
        "deb-systemd-invoke stop haproxy.service",
    ] {
        let said = guest.run(words.split(' '));
        assert_eq!(said.status, REFUSED, "{words}: {said}");
    }
    assert_eq!(guest.property(UNIT, "MainPID"), before);
    for words in ["reload", "reload-or-restart", "try-reload-or-restart", "start"] {
        guest.ok(["systemctl", words, "haproxy"]);
    }
    assert_eq!(guest.property(UNIT, "MainPID"), before, "a reload, and nothing else");
    assert!(guest.ok(["systemctl", "status", "haproxy"]).contains("man:haguard-restart(1)"));
    let said = guest.haguard(["guard", "status"]);
    assert_eq!(said.status, 0, "{said}");
    for hole in ["kill", "disable --now", "package", "container"] {
        assert!(said.stdout.contains(hole), "{hole}: {said}");
    }
    // By hand, as the refusal of a restart says it.
    let by_hand = json(&guest.haguard(["restart", "-o", "json"]))["refusal"]["by_hand"].clone();
    let typed = by_hand.as_array().unwrap().iter().map(|advice| advice["command"].as_str().unwrap());
    let lift: Vec<&str> = typed.skip_while(|line| !line.contains("99-lift.conf")).collect();
    assert_eq!(lift.len(), 3, "{by_hand}");
    lift.iter().for_each(|line| drop(guest.ok(["sh", "-c", line])));
    assert_ne!(guest.property(UNIT, "MainPID"), before);
    assert_eq!(guest.run(["systemctl", "restart", "haproxy"]).status, REFUSED, "the guard is back");
    assert_eq!(change(&guest, "remove").status, 0);
    guest.ok(["systemctl", "restart", "haproxy"]);
}

#[test]
fn after_guard_remove_all_is_as_before_byte_for_byte() {
    requires!(Guest);
    let guest = Guest::boot();
    let before = everything(&guest);
    install(&guest);
    assert_ne!(everything(&guest), before);
    let again = guest.haguard(["guard", "install", "-o", "json"]);
    assert_eq!((again.status, json(&again)["changed"].as_bool()), (0, Some(false)), "{again}");
    let said = change(&guest, "remove");
    assert_eq!(said.status, 0, "{said}");
    as_before(&guest, &before);
    assert_eq!(guest.haguard(["guard", "remove"]).status, 0, "there is nothing to do");
    // A folder that was there before stays.
    guest.ok(["mkdir", "/etc/systemd/system/haproxy.service.d"]);
    let before = everything(&guest);
    install(&guest);
    assert_eq!(change(&guest, "remove").status, 0);
    as_before(&guest, &before);
}

#[test]
fn a_host_with_the_guard_boots_and_its_package_is_installed_again() {
    requires!(Guest);
    let mut guest = Guest::boot();
    install(&guest);
    guest.reboot();
    assert_eq!(guest.property(UNIT, "ActiveState"), "active");
    assert_eq!(status(&guest).status, 0);
    let before = guest.property(UNIT, "MainPID");
    guest.ok(["sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg -i /opt/packages/haproxy_*.deb"]);
    assert_eq!(guest.property(UNIT, "MainPID"), before, "the package reloads");
    // A library that was upgraded: needrestart would restart HAProxy.
    guest.ok(["sh", "-c", "L=$(ls /usr/lib/*/libssl.so.3); cp -a $L $L.n && mv $L.n $L"]);
    let said = guest.run(["needrestart", "-r", "a", "-l", "-m", "a"]);
    assert!(unwrapped_output(&said).contains("refused by systemd: haproxy.service"), "{said}");
    assert_eq!(guest.property(UNIT, "MainPID"), before, "{said}");
    assert_eq!(status(&guest).status, 0);
}

#[test]
fn without_root_the_status_is_told_and_nothing_is_changed() {
    requires!(Guest);
    let guest = Guest::boot();
    let nobody = |words: &[&str]| {
        let user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", "haguard"];
        RunOutput::from_command(guest.command(user.iter().chain(words)).env("HOME", "/tmp"))
    };
    assert_eq!(nobody(&["guard", "status", UNIT]).status, 3);
    let plan = nobody(&["guard", "install", UNIT, "--plan", "-o", "json"]);
    assert_eq!(plan.status, 3, "{plan}");
    let id = json(&plan)["plan"]["id"].as_str().unwrap().to_owned();
    let said = nobody(&["guard", "install", UNIT, "--approve", &id]);
    assert!(said.status == 3 && said.stdout.contains("only root"), "{said}");
    assert!(!guest.path(FILE).exists());
    install(&guest);
    assert_eq!(nobody(&["guard", "status", UNIT]).status, 0);
}

#[test]
fn a_file_that_systemd_has_not_read_is_no_guard() {
    requires!(Guest);
    let guest = Guest::boot();
    install(&guest);
    let ours = guest.read(FILE);
    assert_eq!(change(&guest, "remove").status, 0);
    guest.write(FILE, &ours);
    let said = status(&guest);
    assert_eq!((said.status, level(&json(&said), "guard.effective").as_str()), (3, "fail"), "{said}");
    assert!(said.stdout.contains("not effective"), "{said}");
    install(&guest);
    // Lifted by hand, and never put back.
    guest.write("/run/systemd/system/haproxy.service.d/99-lift.conf", "[Unit]\nRefuseManualStop=no\n");
    guest.ok(["systemctl", "daemon-reload"]);
    let said = status(&guest);
    assert!(said.status == 3 && said.stdout.contains("99-lift.conf"), "{said}");
}

#[test]
fn a_file_of_its_name_that_is_somebody_elses_is_left_alone() {
    requires!(Guest);
    let guest = Guest::boot();
    for text in ["[Unit]\nDescription=mine\n", "[Unit]\nRefuseManualStop=yes\n"] {
        guest.write(FILE, text);
        guest.ok(["systemctl", "daemon-reload"]);
        for what in ["install", "remove"] {
            let said = change(&guest, what);
            assert!(
                said.status == 3 && unwrapped_output(&said).contains("did not write it"),
                "{what}: {said}"
            );
            assert_eq!(guest.read(FILE), text);
        }
    }
}

#[test]
fn edits_that_wait_for_a_daemon_reload_are_not_put_in_force_by_the_way() {
    requires!(Guest);
    let guest = Guest::boot();
    guest.write("/etc/systemd/system/haproxy.service.d/10-mine.conf", "[Service]\nRestart=no\n");
    let said = change(&guest, "install");
    assert!(said.status == 3 && unwrapped_output(&said).contains("systemd has not read them"), "{said}");
    assert_eq!(guest.property(UNIT, "Restart"), "always");
    assert!(!guest.path(FILE).exists());
}

/// Writes a generator: a program that systemd runs at each daemon-reload, and that may change any unit.
fn generator(guest: &Guest, condition: &str) {
    let path = "/etc/systemd/system-generators/meddler";
    let folder = "$1/haproxy.service.d";
    guest.write(
        path,
        &format!("#!/bin/sh\n{condition} || exit 0\nmkdir -p {folder}\nprintf '[Service]\\nRestart=no\\n' >{folder}/x.conf\n"),
    );
    guest.ok(["chmod", "+x", path]);
}

#[test]
fn a_unit_that_comes_out_different_otherwise_gets_its_old_self_back() {
    requires!(Guest);
    let guest = Guest::boot();
    let before = everything(&guest);
    generator(&guest, &format!("[ -e {FILE} ]"));
    let said = change(&guest, "install");
    assert_eq!(said.status, 1, "{said}");
    assert!(said.stdout.contains("Restart: was always, is no"), "{said}");
    guest.ok(["rm", "-r", "/etc/systemd/system-generators"]);
    as_before(&guest, &before);
}

#[test]
fn a_unit_that_does_not_get_its_old_self_back_is_told() {
    requires!(Guest);
    let guest = Guest::boot();
    generator(&guest, "true");
    let said = change(&guest, "install");
    assert_eq!(said.status, 8, "{said}");
    assert!(
        said.stdout.contains("Restart: was always, is no") && said.stdout.contains("systemctl cat"),
        "{said}"
    );
    assert!(!guest.path(FILE).exists(), "the guard itself is taken back");
    let history = guest.haguard(["history"]);
    assert!(history.stdout.contains("guard install"), "{history}");
}

#[test]
fn a_unit_that_moved_since_the_plan_is_not_changed() {
    requires!(Guest);
    let guest = Guest::boot();
    let plan = json(&guest.haguard(["guard", "install", "--plan", "-o", "json"]));
    let id = plan["plan"]["id"].as_str().unwrap();
    guest.ok(["systemctl", "disable", "haproxy"]);
    let said = guest.haguard(["guard", "install", UNIT, "--approve", id]);
    assert_eq!(said.status, 6, "{said}");
    assert!(said.stdout.contains("UnitFileState: was enabled, is disabled"), "{said}");
    assert!(!guest.path(FILE).exists());
}

/// Asked on a terminal, and answered with yes after something else was done.
fn asked(guest: &Guest, meanwhile: &[&str]) -> RunOutput {
    let line = guest.line(&format!("haguard guard install {UNIT}"));
    terminal::run_on_terminal(&Haguard::new(), &line, || drop(guest.ok(meanwhile)), "y\r")
}

#[test]
fn what_moves_while_somebody_thinks_about_it_stops_it() {
    requires!(Guest, Program("script"));
    let guest = Guest::boot();
    let said = asked(&guest, &["systemctl", "disable", "haproxy"]);
    assert!(said.status == 6 && said.stdout.contains("was enabled, is disabled"), "{said}");
    assert!(!guest.path(FILE).exists());
    let said = asked(&guest, &["true"]);
    assert!(said.status == 0 && said.stdout.contains("Ansible"), "{said}");
    assert!(guest.path(FILE).exists());
}

#[test]
fn consent_a_freeze_and_a_unit_that_is_not_there_stand_in_the_way() {
    requires!(Guest);
    let guest = Guest::boot();
    let said = guest.haguard(["guard", "install"]);
    assert_eq!(said.status, 3, "{said}");
    let mut lines = said.stdout.lines().map(str::trim);
    let line =
        lines.find(|line| line.starts_with("haguard ") && line.contains("--approve")).unwrap().to_owned();
    for who in ["Ansible", "Puppet", "needrestart"] {
        assert!(said.stdout.contains(who), "{who}: {said}");
    }
    guest.write("/etc/haguard/freeze", "INC-7\n");
    let said = guest.run(line.split(' '));
    assert!(said.status == 7 && said.stderr.contains("INC-7"), "{said}");
    guest.ok(["rm", "/etc/haguard/freeze"]);
    assert_eq!(guest.run(line.split(' ')).status, 0, "the line can be pasted");
    let said = guest.haguard(["guard", "status", "haprxy"]);
    assert!(said.status == 2 && said.stderr.contains("haproxy.service"), "{said}");
}

#[test]
fn each_way_around_the_guard_is_told_afterwards() {
    requires!(Guest);
    let guest = Guest::boot();
    install(&guest);
    let said = guest.run(["systemctl", "disable", "--now", "haproxy"]);
    assert_ne!(said.status, 0, "the stop is refused: {said}");
    let document = json(&status(&guest));
    assert_eq!(level(&document, "guard.boot-enabled"), "warn");
    guest.ok(["systemctl", "enable", "haproxy"]);
    let before = guest.property(UNIT, "MainPID");
    guest.ok(["systemctl", "kill", "--signal=KILL", "haproxy"]);
    wait_for("systemd starts it again", || {
        (guest.property(UNIT, "ActiveState") == "active" && guest.property(UNIT, "MainPID") != before)
            .then_some(())
    });
    let document = json(&status(&guest));
    assert_eq!(level(&document, "guard.holes"), "warn");
    assert_eq!(level(&document, "proc.unplanned-restarts"), "warn");
    assert_eq!(guest.haguard(["check", "guard.installed", "guard.effective"]).status, 0);
}

#[test]
fn a_haproxy_that_systemd_does_not_control_has_no_guard() {
    requires!(Guest);
    let guest = Guest::boot();
    guest.ok(["systemctl", "stop", "haproxy"]);
    let start = ["systemd-run", "--scope", "--quiet", "haproxy", "-W", "-D", "-S", "/run/m.sock", "-f"];
    guest.ok(start.iter().chain(&["/etc/haproxy/haproxy.cfg"]));
    wait_for("it answers", || guest.path("/run/m.sock").exists().then_some(()));
    let said = guest.haguard(["guard", "install", "--plan"]);
    assert!(said.status == 3 && said.stdout.contains("systemd is not asked"), "{said}");
}

#[test]
fn an_instance_with_an_alias_and_an_escaped_name_is_guarded_alone() {
    requires!(Guest);
    let guest = Guest::boot();
    guest.write("/etc/systemd/system/web@.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    guest.ok(["ln", "-s", "web@.service", "/etc/systemd/system/www@.service"]);
    guest.ok(["systemctl", "daemon-reload"]);
    let (one, other) = (r"web@a\x2db.service", "web@c.service");
    guest.ok(["systemctl", "start", one, other]);
    // Asked by its other name, it is found by its own.
    let plan = json(&guest.haguard(["guard", "install", r"www@a\x2db", "--plan", "-o", "json"]));
    let id = plan["plan"]["id"].as_str().unwrap();
    let said = guest.haguard(["guard", "install", one, "--approve", id]);
    assert_eq!(said.status, 0, "{said}");
    assert_eq!(guest.run(["systemctl", "restart", one]).status, REFUSED);
    guest.ok(["systemctl", "restart", other]);
    let said = guest.haguard(["guard", "status", "web@"]);
    assert!(said.status == 2 && said.stderr.contains("template"), "{said}");
}

#[test]
fn where_the_file_cannot_be_written_all_is_as_before() {
    requires!(Guest);
    let guest = Guest::boot();
    let before = everything(&guest);
    guest.ok(["mount", "--bind", "/etc/systemd/system", "/etc/systemd/system"]);
    guest.ok(["mount", "-o", "remount,bind,ro", "/etc/systemd/system"]);
    let said = change(&guest, "install");
    assert!(said.status == 1 && unwrapped_output(&said).contains("Read-only file system"), "{said}");
    guest.ok(["umount", "/etc/systemd/system"]);
    as_before(&guest, &before);
}

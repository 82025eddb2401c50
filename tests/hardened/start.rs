//! What a restart by the unit would start, where that is not what a reload would: rehearsed first, then really done.

use serde_json::Value;

use super::{HERE, HardenedGuest};
use crate::support::document::{as_text, finding, unwrapped};
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const ENV: &str = "/etc/edge/env";
/// More than one branch only where the branch decides anything.
const ONE: Branch = Branch::V30;

impl HardenedGuest {
    fn glass(&self, more: &[&str]) -> Value {
        let host = self.guest.ok(["uname", "-n"]);
        let args = ["restart", "--break-glass", host.trim(), "--reason", "INC-7"];
        self.json(&[&args, more].concat())
    }

    fn plan(&self) -> Value {
        self.glass(&["--plan"])
    }

    /// What the unit says beyond its file.
    fn drop_in(&self, text: &str) {
        self.guest.write("/etc/systemd/system/edge.service.d/50-test.conf", text);
        self.guest.ok(["systemctl", "daemon-reload"]);
    }

    /// Restarts as an operator would by hand. A master of 2.6 is ready before its worker fails.
    fn comes_up_really(&self) -> bool {
        let _ = self.guest.run(["systemctl", "restart", "edge"]);
        wait_for("it serves, or it is down", || {
            if self.guest.property("edge", "ActiveState") == "failed" {
                return Some(false);
            }
            let instance = self.json(&["inspect"])["facts"]["instance"]["seen"].take();
            instance["serving"]["seen"].as_u64().map(|_| true)
        })
    }

    /// The plan is refused, with these words, and a reload is not; the real restart fails.
    #[track_caller]
    fn is_no_way(&self, words: &str) {
        let plan = self.plan();
        let found = finding(&plan, "restart.cold-start");
        assert_eq!((&plan["exit"], &found["level"]), (&3.into(), &"fail".into()), "{plan:#}");
        assert!(unwrapped(&found.to_string()).contains(words), "{found:#}");
        let refused = self.json(&["restart"]);
        assert!(
            as_text(&refused["refusal"]["why"]).contains("what its unit would start fails"),
            "{refused:#}"
        );
        let lost =
            refused["losses"].as_array().unwrap().iter().find(|line| line["kind"] == "unloadable-config");
        assert_eq!(lost.unwrap()["on_restart"], "lost", "{refused:#}");
        assert_eq!(
            self.json(&["rehearse", "--exit-code"])["exit"],
            0,
            "a reload keeps the master's present settings"
        );
        assert!(!self.comes_up_really());
    }
}

#[test]
fn a_unit_that_nobody_touched_starts_what_runs_whatever_its_configuration_sets() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    for branch in HERE {
        edge.run(branch);
        let level = || {
            let plan = edge.plan();
            assert_eq!(plan["exit"], 0, "{branch}: {plan:#}");
            let found = finding(&plan, "restart.unit").clone();
            assert_eq!(found["level"], "pass", "{branch}: {found:#}");
        };
        level();
        edge.write("global\n    setenv EDGE_NAME here\n    presetenv EDGE_MORE there\n    unsetenv LANG\n");
        assert!(edge.reload(), "{branch}");
        level();
    }
}

#[test]
fn a_file_of_the_unit_that_came_later_is_told_whatever_time_it_brings_along() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    let path = "/etc/systemd/system/edge.service.d/50-test.conf";
    edge.guest.write(path, "[Service]\nProtectClock=yes\n");
    // As a package manager does.
    edge.guest.ok(["touch", "-d", "2001-02-03", path]);
    edge.guest.ok(["systemctl", "daemon-reload"]);
    let plan = edge.plan();
    let found = finding(&plan, "restart.unit");
    assert_eq!(found["level"], "warn", "{found:#}");
    let said = format!("not rehearsed: what else {path} says, which was changed since it started");
    assert_eq!(found["evidence"], serde_json::json!([said]), "{found:#}");
}

#[test]
fn a_variable_of_its_file_that_was_edited_is_rehearsed_named_and_comes_up_so() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    for branch in HERE {
        edge.guest.write(ENV, "EDGE_PORT=8443\n");
        edge.run(branch);
        edge.guest.write(ENV, "# moved\nEDGE_PORT=\"8444\" \nEDGE_TOKEN=hunter2\n");
        let plan = edge.plan();
        assert_eq!(plan["exit"], 0, "{branch}: {plan:#}");
        let found = finding(&plan, "restart.unit");
        let said = "environment: EDGE_PORT has another value, EDGE_TOKEN is new";
        assert_eq!(
            (&found["level"], &found["evidence"][0]),
            (&"warn".into(), &said.into()),
            "{branch}: {found:#}"
        );
        assert_eq!(
            edge.json(&["rehearse", "--exit-code"])["exit"],
            0,
            "{branch}: a reload would change nothing"
        );
        let refused = edge.haguard(&["restart"]);
        assert!(unwrapped(&refused.stdout).contains(said), "{branch}: {refused}");
        let done = edge.glass(&["--approve", as_text(&plan["plan"]["id"])]);
        assert_eq!(done["exit"], 0, "{branch}: {done:#}");
        let listens = edge.json(&["inspect"])["facts"]["live"]["listeners"].to_string();
        assert!(listens.contains("8444") && !listens.contains("8443"), "{branch}: {listens}");
        let told = [plan.to_string(), done.to_string(), refused.stdout];
        assert!(told.iter().all(|text| !text.contains("hunter2")), "{branch}");
        assert_eq!(edge.guest.run(["grep", "-r", "hunter2", "/var/lib/haguard"]).status, 1, "{branch}");
        assert_eq!(finding(&edge.plan(), "restart.unit")["level"], "pass", "{branch}: it runs so now");
    }
}

#[test]
fn a_variable_that_is_gone_from_its_file_is_an_outage_and_no_trouble_of_a_reload() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    edge.guest.write(ENV, "EDGE_PORTS=8443\n");
    edge.is_no_way("it would not come up again");
}

#[test]
fn a_file_that_has_to_be_there_and_is_not_is_an_outage_and_one_that_may_be_missing_is_none() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    edge.guest.ok(["rm", ENV]);
    edge.is_no_way("EnvironmentFile=/etc/edge/env has to be there");
    edge.drop_in("[Service]\nEnvironmentFile=\nEnvironmentFile=-/etc/edge/env\nEnvironment=EDGE_PORT=8445\n");
    assert!(edge.comes_up_really());
    let plan = edge.plan();
    assert_eq!(
        (&plan["exit"], &finding(&plan, "restart.unit")["level"]),
        (&0.into(), &"pass".into()),
        "{plan:#}"
    );
}

#[test]
fn a_limit_that_a_drop_in_lowered_is_rehearsed() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    for branch in HERE {
        edge.drop_in("");
        edge.run(branch);
        edge.write("global\n    maxconn 1000\n");
        assert!(edge.comes_up_really(), "{branch}");
        edge.drop_in("[Service]\nLimitNOFILE=500\n");
        let said = finding(&edge.plan(), "restart.unit").to_string();
        assert!(said.contains("LimitNOFILE: now 4096, after a restart 500"), "{branch}: {said}");
        edge.is_no_way("it would not come up again");
    }
}

#[test]
fn a_right_that_a_drop_in_took_is_rehearsed() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    edge.drop_in("[Service]\nAmbientCapabilities=\n");
    let said = finding(&edge.plan(), "restart.unit").to_string();
    assert!(said.contains("-NET_BIND_SERVICE"), "{said}");
    edge.is_no_way("127.0.0.1:80");
}

#[test]
fn a_group_that_a_drop_in_took_is_rehearsed() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.guest.write("/etc/edge/block.lst", "192.0.2.1\n");
    edge.guest.ok(["chgrp", "adm", "/etc/edge/block.lst"]);
    edge.guest.ok(["chmod", "640", "/etc/edge/block.lst"]);
    edge.run(ONE);
    edge.write(
        "frontend more\n    bind 127.0.0.1:81\n    http-request deny if { src -f /etc/edge/block.lst }\n",
    );
    assert!(edge.reload());
    edge.drop_in("[Service]\nSupplementaryGroups=\n");
    let said = finding(&edge.plan(), "restart.unit").to_string();
    assert!(said.contains("groups: 1 fewer"), "{said}");
    edge.is_no_way("block.lst");
}

#[test]
fn a_user_that_a_drop_in_changed_is_rehearsed() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    edge.guest.ok(["chmod", "711", "/etc/edge"]);
    edge.drop_in("[Service]\nUser=nobody\nGroup=nogroup\n");
    let plan = edge.plan();
    let said = finding(&plan, "restart.unit").to_string();
    assert!(said.contains("user: now uid") && said.contains("after a restart uid 65534"), "{said}");
    let done = edge.glass(&["--approve", as_text(&plan["plan"]["id"])]);
    assert_eq!(done["exit"], 0, "its folder under /run is the new user's: {done:#}");
    assert_eq!(edge.json(&["inspect"])["facts"]["instance"]["seen"]["main"]["uid"], 65534);
    edge.drop_in("");
    edge.guest.ok(["chown", "haproxy", "/etc/edge/haproxy.cfg"]);
    edge.guest.ok(["chmod", "600", "/etc/edge/haproxy.cfg"]);
    assert!(edge.comes_up_really());
    edge.drop_in("[Service]\nUser=nobody\nGroup=nogroup\n");
    edge.is_no_way("open configuration file");
}

#[test]
fn a_file_in_a_folder_that_a_restart_makes_anew_is_an_outage_and_no_trouble_of_a_reload() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    for folder in ["/run/edge", "/tmp"] {
        edge.guest.write("/etc/edge/env", "EDGE_PORT=8443\n");
        edge.run(ONE);
        let main = edge.guest.property("edge", "MainPID");
        edge.guest.write(&format!("/proc/{main}/root{folder}/block.lst"), "192.0.2.1\n");
        let list = format!(
            "frontend more\n    bind 127.0.0.1:81\n    http-request deny if {{ src -f {folder}/block.lst }}\n"
        );
        edge.write(&list);
        assert!(edge.reload(), "{folder}");
        let said = finding(&edge.plan(), "restart.unit").to_string();
        assert!(said.contains(&format!("{folder}: a restart empties it, of 1 file (block.lst)")), "{said}");
        edge.is_no_way("block.lst");
    }
}

#[test]
fn without_a_bus_what_runs_is_rehearsed_and_that_is_said() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    edge.guest.write(ENV, "EDGE_PORT=8447\n");
    edge.guest.ok(["systemctl", "stop", "dbus.socket", "dbus.service"]);
    let plan = edge.plan();
    let found = finding(&plan, "restart.unit");
    assert_eq!((&plan["exit"], &found["level"]), (&0.into(), &"warn".into()), "{found:#}");
    assert!(
        as_text(&found["text"]).contains("what runs was rehearsed") && found["evidence"][0] == ENV,
        "{found:#}"
    );
}

#[test]
fn a_file_that_is_edited_after_the_plan_was_shown_is_another_world() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    let plan = edge.plan();
    let main = edge.guest.property("edge", "MainPID");
    edge.guest.write(ENV, "EDGE_PORT=8446\n");
    let stale = edge.glass(&["--approve", as_text(&plan["plan"]["id"])]);
    assert_eq!((&stale["exit"], &stale["changed"]), (&6.into(), &false.into()), "{stale:#}");
    let moved = stale["restart"]["moved"].to_string();
    assert!(moved.contains("EnvironmentFile /etc/edge/env"), "{moved}");
    assert_eq!(edge.guest.property("edge", "MainPID"), main);
}

#[test]
fn another_file_that_the_unit_names_now_is_what_comes_up() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    edge.guest.write(
        "/etc/edge/more.cfg",
        "frontend more\n    mode http\n    timeout client 9s\n    bind 127.0.0.1:8450\n",
    );
    edge.guest.write(ENV, "EDGE_PORT=8443\nMORE=\"-f /etc/edge/more.cfg\"\n");
    let program = format!("{}/{ONE}/haproxy", crate::support::guest::BRANCHES);
    let line = "-Ws -S /run/edge/master.sock -f /etc/edge/haproxy.cfg $MORE";
    edge.drop_in(&format!("[Service]\nExecStart=\nExecStart={program} {line}\n"));
    let plan = edge.plan();
    assert_eq!(plan["exit"], 0, "{plan:#}");
    assert!(plan["plan"]["basis"]["files"].to_string().contains("/etc/edge/more.cfg"), "{plan:#}");
    let said = finding(&plan, "restart.unit").to_string();
    assert!(said.contains("-f /etc/edge/haproxy.cfg -f /etc/edge/more.cfg"), "{said}");
    let done = edge.glass(&["--approve", as_text(&plan["plan"]["id"])]);
    assert_eq!(done["exit"], 0, "{done:#}");
    let listens = edge.json(&["inspect"])["facts"]["live"]["listeners"].to_string();
    assert!(listens.contains("8450"), "{listens}");
}

#[test]
fn one_without_a_master_that_becomes_another_user_starts_as_its_unit_says() {
    requires!(Guest);
    let edge = HardenedGuest::start();
    edge.run(ONE);
    let program = format!("{}/{ONE}/haproxy", crate::support::guest::BRANCHES);
    let unit = format!(
        "[Service]\nType=forking\nPIDFile=/run/alone.pid\n\
         ExecStart={program} -D -f /etc/alone.cfg -p /run/alone.pid\n"
    );
    let config = "global\n    user haproxy\n    group haproxy\n    stats socket /run/alone.sock level admin\n\
                  frontend web\n    mode http\n    timeout client 9s\n    bind 127.0.0.1:82\n";
    edge.guest.write("/etc/systemd/system/alone.service", &unit);
    edge.guest.write("/etc/alone.cfg", config);
    edge.guest.ok(["systemctl", "daemon-reload"]);
    edge.guest.ok(["systemctl", "start", "alone"]);
    let host = edge.guest.ok(["uname", "-n"]);
    let glass = |more: &[&str]| {
        let words = ["restart", "--break-glass", host.trim(), "--reason", "INC-7", "-o", "json"];
        edge.guest.haguard([&words[..], &["--stats-socket", "/run/alone.sock"], more].concat()).json()
    };
    let plan = glass(&["--plan"]);
    let level = |id| &finding(&plan, id)["level"];
    assert_eq!(
        (level("restart.unit"), level("restart.cold-start")),
        (&"pass".into(), &"pass".into()),
        "{plan:#}"
    );
    let done = glass(&["--approve", as_text(&plan["plan"]["id"])]);
    assert_eq!(done["exit"], 0, "{done:#}");
    edge.guest.write("/etc/systemd/system/alone.service", &unit.replace("-D", "-D -n 9999999"));
    edge.guest.ok(["systemctl", "daemon-reload"]);
    let plan = glass(&["--plan"]);
    assert_eq!(finding(&plan, "restart.cold-start")["level"], "fail", "{plan:#}");
}

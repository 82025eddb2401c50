//! What an earlier haguard wrote is still read: its journal, plans, pending confirmations, kept configurations, snapshots,
//! saved looks and pins. The files are those of commit 34cbb6b, as `fixtures/34cbb6b/README.md` tells.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use haguard::facts;
use haguard::state::{loaded_configs, plans, snapshots};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::configs;
use crate::support::document::{as_text, finding};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::wait_gone;
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;
use crate::support::{golden, pem};

/// The folder that the earlier HAProxy's files stood in.
const ITS_FOLDER: &str = "/srv/lb";

/// The reload that was left waiting for its confirmation.
const WAITING: &str = "c222649450";

fn fixture(name: &str) -> PathBuf {
    golden::path("tests/fixtures/34cbb6b").join(name)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document(name: &str) -> Value {
    serde_json::from_str(&text(&fixture(name))).unwrap()
}

/// Copies a file or a folder, with one word of every file replaced.
fn copy(from: &Path, to: &Path, word: &str, by: &str) {
    if !from.is_dir() {
        std::fs::write(to, text(from).replace(word, by)).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        copy(&entry.path(), &to.join(entry.file_name()), word, by);
    }
}

/// A haguard whose state folder is the earlier one's.
fn heir() -> Haguard {
    let haguard = Haguard::new();
    let state = haguard.home().join("state");
    copy(&fixture("state"), &state, ITS_FOLDER, &haguard.home().display().to_string());
    haguard
}

/// When a process started, in clock ticks since boot.
fn start_ticks(pid: u32) -> u64 {
    let stat = text(Path::new(&format!("/proc/{pid}/stat")));
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap()
}

/// A HAProxy with the earlier one's configuration and run-time state, at a place of its own.
fn same_haproxy() -> Instance {
    let builder = Instance::builder(Branch::V30).whole_config(&text(&fixture("haproxy.cfg")));
    let builder = builder.file("hosts.map", "a.test app\n").file("block.lst", "192.0.2.1\n");
    let haproxy = builder.file("site.pem", &pem::self_signed("site.test")).start();
    haproxy.admin("set server app/two state maint");
    haproxy.admin("set table table key one data.http_req_cnt 5");
    haproxy
}

/// Every place in a document that holds a value, with the numbers of its lists left out.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, inner)| keys(inner, &format!("{path}/{key}"), found));
        }
        Value::Array(all) => all.iter().for_each(|inner| keys(inner, &format!("{path}/*"), found)),
        _ => drop(found.insert(path.to_owned())),
    }
}

/// Everything that was said before is said now; what is new may stand beside it.
#[track_caller]
fn holds(now: &Value, before: &Value, path: &str) {
    match before {
        Value::Object(map) => {
            for (key, inner) in map {
                let found = now.get(key).unwrap_or_else(|| panic!("no {path}/{key}"));
                holds(found, inner, &format!("{path}/{key}"));
            }
        }
        Value::Array(all) => {
            assert_eq!(now.as_array().map(Vec::len), Some(all.len()), "{path}");
            all.iter().enumerate().for_each(|(at, inner)| holds(&now[at], inner, &format!("{path}/{at}")));
        }
        _ => assert_eq!(now, before, "{path}"),
    }
}

#[test]
fn every_entry_of_its_journal_is_told() {
    let haguard = heir();
    let told = haguard.run(["history", "-n", "100", "-o", "json"]);
    assert_eq!((told.status, told.stderr.as_str()), (0, ""), "every line is readable: {told}");
    let rows = told.json()["table"]["rows"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 22, "{told}");
    let now = rows.to_string().replace(&home(&haguard), ITS_FOLDER);
    assert_eq!(now, document("history.json")["table"]["rows"].to_string());
}

#[test]
fn its_saved_look_is_read_and_nothing_of_it_is_lost() {
    let file = fixture("inspect.json");
    let now = Haguard::new().run(["inspect", "--facts", file.to_str().unwrap(), "-o", "json"]).json();
    let before = document("inspect.json");
    holds(&now["facts"], &before["facts"], "facts");
    let ids = |document: &Value| -> BTreeSet<String> {
        let all = document["findings"].as_array().unwrap().iter();
        all.map(|one| format!("{} {}", as_text(&one["id"]), as_text(&one["level"]))).collect()
    };
    assert!(ids(&now).is_superset(&ids(&before)), "{:?}", ids(&before).difference(&ids(&now)));
    let lost = |document: &Value| -> Vec<String> {
        let all = document["losses"].as_array().unwrap().iter();
        all.map(|one| format!("{} {} {}", one["kind"], one["count"], one["on_restart"])).collect()
    };
    assert!(!lost(&before).is_empty());
    assert_eq!(lost(&now), lost(&before));
    assert!(facts::parse_snapshot(&before["facts"].to_string()).is_ok(), "the facts alone");
}

#[test]
fn its_plans_are_known_and_none_of_them_is_applied_to_another_state() {
    requires!(Haproxy(Branch::V30));
    let (haguard, haproxy) = (heir(), same_haproxy());
    let state = haguard.home().join("state");
    let files: Vec<_> = std::fs::read_dir(state.join("plans")).unwrap().flatten().collect();
    assert_eq!(files.len(), 9);
    for file in files {
        let name = file.file_name().into_string().unwrap();
        let plan = plans::load(&state, name.strip_suffix(".json").unwrap()).expect("it is read");
        holds(
            &serde_json::to_value(&plan).unwrap(),
            &serde_json::from_str(&text(&file.path())).unwrap(),
            &name,
        );
    }
    let worker = haproxy.worker_pid();
    let approve = |id| haguard.json(&["reload", "--approve", id], haproxy.master_socket().unwrap());
    let old = approve("b4a751fcf9");
    assert_eq!((&old["exit"], &old["reload"]["outcome"]), (&6.into(), &"stale".into()), "{old:#}");
    let moved = old["reload"]["moved"].to_string();
    assert!(moved.contains(&haproxy.master_pid().to_string()) && moved.contains("10"), "{old:#}");
    let unknown = approve("0123456789");
    assert_eq!(unknown["exit"], 6, "{unknown:#}");
    assert_eq!(unknown["reload"]["moved"].as_array().map(Vec::len), Some(0), "no such plan: {unknown:#}");
    assert_eq!(haproxy.worker_pid(), worker, "nothing was reloaded");
}

#[test]
fn its_confirmations_are_known_by_how_far_they_came() {
    let haguard = heir();
    let listed = haguard.run(["confirm", "-o", "json"]).json();
    let rows = listed["table"]["rows"].as_array().unwrap().clone();
    assert_eq!((rows.len(), as_text(&rows[0][0])), (1, WAITING), "the others are decided: {listed:#}");
    let confirm = |id| haguard.run(["confirm", id, "-o", "json"]).json();
    for (id, exit, outcome) in
        [("0fa0448551", 0, "confirmed"), ("86a859e7e4", 6, "late"), (WAITING, 5, "unwatched")]
    {
        let said = confirm(id);
        assert_eq!(
            (&said["exit"], &said["confirmation"]["outcome"]),
            (&exit.into(), &outcome.into()),
            "{said:#}"
        );
        let before = document(&format!("state/confirm/{id}.json"));
        let instant = |value: &Value| as_text(value).parse::<jiff::Timestamp>().unwrap();
        assert_eq!(instant(&said["confirmation"]["until"]), instant(&before["until"]), "{said:#}");
    }
    let back = confirm("86a859e7e4")["confirmation"]["why"].to_string();
    assert!(back.contains("haproxy.cfg.unconfirmed-86a859e7e4"), "{back}");
}

#[test]
fn its_confirmation_that_is_still_watched_waits_and_is_confirmed() {
    let haguard = heir();
    let file = haguard.home().join(format!("state/confirm/{WAITING}.json"));
    let mut pending: Value = serde_json::from_str(&text(&file)).unwrap();
    // As if its HAProxy and the process that watches it were alive: both are these tests.
    let me = std::process::id();
    let started = start_ticks(me);
    (pending["main_pid"], pending["main_start"]) = (me.into(), started.into());
    pending["watcher"] = serde_json::json!([me, started]);
    std::fs::write(&file, pending.to_string()).unwrap();
    let row = haguard.run(["confirm", "-o", "json"]).json()["table"]["rows"][0].clone();
    assert_eq!((as_text(&row[0]), as_text(&row[4])), (WAITING, "waits"), "{row}");
    let said = haguard.run(["confirm", WAITING, "-o", "json"]).json();
    assert_eq!(
        (&said["exit"], &said["confirmation"]["outcome"]),
        (&0.into(), &"confirmed".into()),
        "{said:#}"
    );
    let after: Value = serde_json::from_str(&text(&file)).unwrap();
    assert_eq!(after["state"]["is"], "confirmed", "{after:#}");
    pending["state"] = after["state"].clone();
    assert_eq!(after, pending, "everything else is as it was");
}

#[test]
fn its_copy_of_what_a_worker_loaded_is_what_a_reload_would_go_back_to() {
    requires!(Root, Haproxy(Branch::V30));
    let (haguard, mut haproxy) = (heir(), same_haproxy());
    let kept = haguard.home().join("state/kept");
    let its = kept.join("1311-542378");
    assert_eq!(
        loaded_configs::find(&haguard.home().join("state"), 1311, 542378).unwrap().unwrap().files.len(),
        1
    );
    // The same copy, of this worker and of its file.
    let worker = haproxy.worker_pid();
    copy(&its, &kept.join(format!("{worker}-{}", start_ticks(worker))), &home(&haguard), &dir(&haproxy));
    std::fs::write(kept.join(format!("{worker}-{}/0", start_ticks(worker))), haproxy.config()).unwrap();
    haproxy.write_config(&(haproxy.config() + configs::LATE));
    let plan = |haguard: &Haguard| {
        haguard.json(&["reload", "--plan", "--confirm-within", "10m"], haproxy.master_socket().unwrap())
    };
    let found = plan(&haguard);
    assert_eq!(found["exit"], 0, "{found:#}");
    assert!(found["plan"].to_string().contains(&format!("worker {worker} loaded")), "{found:#}");
    assert_ne!(plan(&Haguard::new())["exit"], 0, "without a copy there is no way back");
}

#[test]
fn its_snapshot_is_one_of_this_haproxy_and_says_what_a_new_one_says() {
    requires!(Root, Haproxy(Branch::V30));
    let (haguard, haproxy) = (heir(), same_haproxy());
    let its = haguard.home().join("state/snapshots/1796073899541-1136");
    let state = haguard.home().join("state");
    let files = snapshots::config_files(&state, "1796073899541-1136").unwrap().unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].0.ends_with("haproxy.cfg") && files[0].1.starts_with(b"global\n"), "{files:?}");
    let folder = std::fs::read_link(format!("/proc/{}/cwd", haproxy.master_pid())).unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let glass = |more: &[&str]| {
        let words = [&["restart", "--break-glass", &host, "--reason", "INC-1"], more].concat();
        haguard.json(&words, haproxy.master_socket().unwrap())
    };
    let done = glass(&["--approve", as_text(&glass(&["--plan"])["plan"]["id"])]);
    let main = i32::try_from(done["restart"]["main"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(main).unwrap(), Signal::TERM).unwrap();
    wait_gone(main.unsigned_abs());
    assert_eq!(done["exit"], 0, "{done:#}");
    let new = PathBuf::from(as_text(&done["restart"]["snapshot"]));
    let of = |folder: &Path| text(&folder.join("of"));
    let started_in = of(&its).replacen(&home(&haguard), &folder.display().to_string(), 1);
    let same = started_in.replace(&home(&haguard), &dir(&haproxy));
    assert_eq!(of(&new), same, "the oldest of one HAProxy go");
    let runtime = |folder: &Path| -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        keys(&serde_json::from_str(&text(&folder.join("runtime.json"))).unwrap(), "", &mut found);
        found
    };
    assert_eq!(runtime(&new), runtime(&its));
}

#[test]
fn its_pin_is_the_architecture_that_is_found() {
    requires!(Sandbox, Haproxy(Branch::V30));
    let sandbox = Sandbox::new();
    let haproxy = Instance::builder(Branch::V30).inside(&sandbox).start();
    let haguard = Haguard::inside(&sandbox);
    let file = haguard.config(&text(&fixture("haguard.toml")).replace(ITS_FOLDER, &dir(&haproxy)));
    let check = || {
        let said =
            haguard.run(["check", "arch.expected", "-o", "json", "--config", file.to_str().unwrap()]).json();
        finding(&said, "arch.expected")["level"].clone()
    };
    assert_eq!(check(), "pass");
    let other = text(&file).replace("haproxy.cfg", "other.cfg");
    std::fs::write(&file, other).unwrap();
    assert_eq!(check(), "fail", "it is compared");
}

fn home(haguard: &Haguard) -> String {
    haguard.home().display().to_string()
}

fn dir(haproxy: &Instance) -> String {
    haproxy.dir().display().to_string()
}

//! Looking changes nothing, and what was seen once can be judged again.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use md5::{Digest, Md5};

use super::{CONFIG, disturb};
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::{Origin, hold_connection};

/// Everything about an instance that a look could disturb: processes, files with inode and content, the tables.
fn print(haproxy: &Instance) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    seen.insert("master".into(), haproxy.master_pid().to_string());
    seen.insert("worker".into(), haproxy.worker_pid().to_string());
    seen.insert(
        "show proc".into(),
        timeless(&haproxy.master("show proc"), |_, word| word.ends_with('s') && word.contains("d0")),
    );
    let servers = haproxy.admin("show servers state");
    seen.insert("servers".into(), timeless(&servers, |at, _| at == 9));
    seen.insert(
        "table".into(),
        timeless(&haproxy.admin("show table table"), |_, word| word.starts_with("exp=")),
    );
    for command in ["show map", "show acl", "show ssl cert"] {
        seen.insert(command.into(), haproxy.admin(command));
    }
    for entry in std::fs::read_dir(haproxy.dir()).unwrap().map(Result::unwrap) {
        let meta = entry.metadata().unwrap();
        let content = std::fs::read(entry.path()).map(|bytes| format!("{:x?}", Md5::digest(bytes)));
        let print =
            format!("{} {:o} {} {}", meta.ino(), meta.mode(), meta.mtime_nsec(), content.unwrap_or_default());
        seen.insert(entry.file_name().into_string().unwrap(), print);
    }
    seen
}

/// A table without what goes on by itself.
fn timeless(table: &str, time: impl Fn(usize, &str) -> bool) -> String {
    let row = |line: &str| {
        let words = line.split_whitespace().enumerate().filter(|(at, word)| !time(*at, word));
        words.map(|(_, word)| word.to_owned()).collect::<Vec<_>>().join(" ")
    };
    table.lines().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn looking_leaves_processes_files_and_sockets_as_they_were() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let haproxy = CONFIG.start_before(branch, &origin);
        let haguard = Haguard::new();
        disturb(&haproxy);
        let before = print(&haproxy);
        let socket = haproxy.master_socket().unwrap();
        for command in
            [&["restart"][..], &["inspect"], &["inspect", "--losses"], &["check"], &["config", "show"]]
        {
            let document = haguard.json(command, socket);
            assert_eq!(document["changed"], false, "{branch}");
            let cost = &document["cost"];
            assert_eq!((&cost["writes"], &cost["reloads"]), (&0.into(), &0.into()), "{branch} {command:?}");
        }
        let after = print(&haproxy);
        assert_eq!(before, after, "{branch}");
        assert_eq!(haproxy.master("show proc").matches("[failed: 0]").count(), 1, "{branch}");
    }
}

#[test]
fn a_look_ends_with_the_proof_that_it_changed_nothing() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let haproxy = CONFIG.start_before(branch, &origin);
        let haguard = Haguard::new();
        let socket = haproxy.master_socket().unwrap();
        for command in ["inspect", "restart", "check"] {
            let document = haguard.json(&[command], socket);
            let proofs = document["proof"].as_array().unwrap();
            let claims: Vec<&str> = proofs.iter().map(|proof| proof["claim"].as_str().unwrap()).collect();
            let config = haproxy.config_path().to_str().unwrap();
            assert_eq!(claims, ["main process", "workers", config], "{branch} {command}");
            for proof in proofs {
                assert_eq!(proof["before"], proof["after"], "{branch}: {proof}");
                assert!(!proof["before"].as_str().unwrap().is_empty(), "{branch}: {proof}");
            }
            let md5 = format!("md5 {}", hex(&Md5::digest(haproxy.config())));
            assert_eq!(proofs[2]["after"], md5, "{branch}");
            assert!(proofs[1]["after"].as_str().unwrap().contains(&haproxy.worker_pid().to_string()));
        }
        let text = haguard.run(["inspect", "--master-socket", socket.to_str().unwrap()]).stdout;
        assert!(text.contains("before and after this look"), "{text}");
        assert!(!text.contains("CHANGED"), "{text}");
        assert!(text.trim_end().ends_with("nothing was changed. (exit 0)"), "{text}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_saved_look_is_judged_the_same_after_the_haproxy_has_ended() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let haproxy = CONFIG.start_before(branch, &origin);
        let haguard = Haguard::new();
        disturb(&haproxy);
        let _clients = hold_connection(haproxy.port("web"), 2);
        let socket = haproxy.master_socket().unwrap().to_str().unwrap();
        let live = haguard.run(["inspect", "--master-socket", socket, "-o", "json"]);
        let saved = haguard.home().join("look.json");
        std::fs::write(&saved, &live.stdout).unwrap();
        drop(haproxy);
        let live = live.json();
        assert!(live["losses"].as_array().unwrap().len() >= 5, "{branch}: {}", CONFIG.sections);
        let file = saved.to_str().unwrap();
        let offline = haguard.run(["inspect", "--facts", file, "-o", "json"]).json();
        for key in ["losses", "findings", "facts", "proof", "summary", "exit"] {
            assert_eq!(live[key], offline[key], "{branch}: {key}");
        }
        // The facts alone are a snapshot too.
        std::fs::write(&saved, live["facts"].to_string()).unwrap();
        let alone = haguard.run(["inspect", "--losses", "--facts", file, "-o", "json"]).json();
        assert_eq!(alone["losses"], live["losses"], "{branch}");
    }
}

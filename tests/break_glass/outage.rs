//! Restarts that do not come out well.

use std::net::TcpListener;

use super::{Bench, end};
use crate::support::document::word;
use crate::support::haproxy::Branch;
use crate::support::process::alive;

#[test]
fn a_haproxy_that_does_not_come_up_again_is_said_loudly_with_its_own_words_and_the_way_by_hand() {
    let Some(mut bench) = Bench::start(Branch::V30) else { return };
    // The stranger comes after the check: this address is bound as soon as the run has written its journal.
    let taken = crate::support::ports::free();
    let text = format!(
        "{}\nfrontend more\n    bind 127.0.0.1:{}\n    default_backend app\n",
        bench.haproxy.config(),
        taken.number
    );
    bench.haproxy.write_config(&text);
    let id = bench.plan();
    let (gate, journal) = bench.gate();
    let args =
        bench.arguments(&["--break-glass", &super::host(), "--reason", "x", "--approve", &id, "-o", "json"]);
    let command = bench.haguard.command();
    let document = std::thread::scope(|scope| {
        let run = scope.spawn(move || {
            let mut command = command;
            crate::support::haguard::Said::of(command.args(args)).json()
        });
        super::wait_at(&journal);
        let _owner = TcpListener::bind(("127.0.0.1", taken.number)).unwrap();
        drop(gate);
        run.join().unwrap()
    });
    assert_eq!((&document["exit"], &document["changed"]), (&8.into(), &true.into()), "{document:#}");
    assert_eq!(document["restart"]["outcome"], "down", "{document:#}");
    assert!(word(&document["summary"]).contains("HAPROXY IS DOWN"), "{document:#}");
    let log = document["restart"]["startup_log"].to_string();
    assert!(log.contains("cannot bind socket"), "{document:#}");
    let by_hand = word(&document["next"][0]);
    assert!(by_hand.contains("haproxy -W -S ") && by_hand.starts_with("cd "), "{by_hand}");
    assert!(!alive(bench.haproxy.master_pid()));
    let evidence = std::path::Path::new(word(&document["restart"]["evidence"]));
    for name in ["report.json", "before.json", "haproxy.log"] {
        assert!(evidence.join(name).is_file(), "{name}");
    }
    assert!(std::path::Path::new(word(&document["restart"]["snapshot"])).join("runtime.json").is_file());
}

#[test]
fn what_cannot_be_put_back_ends_with_8_is_named_and_leaves_evidence() {
    // Without a master's socket, and with a socket that may only look: what was read cannot be set again.
    let Some(mut bench) = Bench::built(Branch::V30, |builder| builder.without_master_socket()) else {
        return;
    };
    bench.haproxy.admin("set server app/s1 state maint");
    let text = bench.haproxy.config();
    bench.haproxy.write_config(&text.replace("level admin", "level user"));
    let done = bench.json(&["--approve", &bench.plan()]);
    let main = u32::try_from(done["restart"]["main"].as_u64().unwrap()).unwrap();
    let serves = alive(main);
    end(main);
    assert_eq!((&done["exit"], &done["changed"]), (&8.into(), &true.into()), "{done:#}");
    assert!(serves, "{done:#}");
    assert!(done["restart"]["open"].to_string().contains("app/s1"), "{done:#}");
    assert!(word(&done["next"][0]).ends_with("runtime.json"), "{done:#}");
    let evidence = std::path::Path::new(word(&done["restart"]["evidence"]));
    let report = std::fs::read_to_string(evidence.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["summary"], done["summary"]);
    assert!(evidence.join("after.json").is_file());
}

//! A saved look comes from outside: whatever was done to it, it is refused or judged, and nothing panics.

use haguard::{checks, facts, plan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::pem;
use crate::support::requires::requires;

const CONFIG: &str = "
peers mates
    peer me 127.0.0.1:{port:peer}
frontend web
    bind 127.0.0.1:{port:web}
    bind 127.0.0.1:{port:tls} ssl crt {dir}/site.pem
    http-request deny if { req.hdr(host),map({dir}/hosts.map) -m found }
    default_backend app
backend app
    stick-table type ip size 1k expire 1h store http_req_cnt peers mates
    server one 127.0.0.1:9 weight 10
    server two 127.0.0.1:9
";

/// The facts of a real HAProxy with a little of everything.
fn gather_facts() -> Value {
    let builder = Instance::builder(Branch::V32).global("localpeer me\n").config(CONFIG);
    let builder = builder.file("hosts.map", "a.test x\n").file("site.pem", &pem::self_signed("facts.test"));
    let haproxy = builder.start();
    haproxy.admin("set server app/two state maint");
    haproxy.admin("set table app key 1.2.3.4 data.http_req_cnt 5");
    Haguard::new().json(&["inspect"], haproxy.master_socket().unwrap())["facts"].clone()
}

/// Every place in a document, as a path for `pointer_mut`.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, inner)| places(inner, &format!("{path}/{key}"), found))
        }
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(at, inner)| places(inner, &format!("{path}/{at}"), found));
        }
        _ => {}
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!({ "unknown": { "why": "mutilated" } })),
        Just(serde_json::json!({ "seen": [] })),
        Just(serde_json::json!({ "seen": 0 })),
        Just(serde_json::json!(-1)),
        Just(serde_json::json!(u64::MAX)),
        Just(serde_json::json!(1e300)),
        any::<bool>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ]
}

/// True where it still was a snapshot.
fn judge_snapshot(text: &str) -> bool {
    let Ok(facts) = facts::parse_snapshot(text) else { return false };
    let ledger = plan::ledger(&facts);
    let findings = checks::run_checks(&facts, &ledger, &[]);
    assert_eq!(findings.len(), checks::catalog::general_checks().count());
    let _ = (checks::exit_code(&findings), plan::safe_alternatives(&facts), plan::manual_restart(&facts));
    true
}

#[test]
fn any_mutilation_of_a_snapshot_is_refused_or_judged() {
    requires!(Haproxy(Branch::V32));
    let facts = gather_facts();
    let whole = facts.to_string();
    assert!(judge_snapshot(&whole));
    let mut all = Vec::new();
    places(&facts, "", &mut all);
    assert!(all.len() > 200, "there is something to mutilate: {}", all.len());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(1500) });
    let kept = std::cell::Cell::new(0);
    let place = proptest::sample::select(all);
    let run = runner.run(&proptest::collection::vec((place, replacement()), 1..3), |changes| {
        let mut mutilated = facts.clone();
        for (place, value) in changes {
            if let Some(spot) = mutilated.pointer_mut(&place) {
                *spot = value;
            }
        }
        kept.set(kept.get() + usize::from(judge_snapshot(&mutilated.to_string())));
        Ok(())
    });
    run.unwrap();
    assert!(kept.get() > 20, "some mutilations are snapshots still: {}", kept.get());
    // Half a file is none.
    for end in (0..whole.len()).step_by(97).filter(|end| whole.is_char_boundary(*end)) {
        assert!(!judge_snapshot(&whole[..end]), "cut at {end}");
    }
}

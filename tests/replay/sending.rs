//! The changes themselves: what is sent comes back from a real HAProxy the same, however it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use haguard::clients::haproxy::runtime::commands::{
    AdminStateCommand, NewServer, PatternListRef, PatternVersion,
};
use haguard::clients::haproxy::runtime::{ChangeError, RuntimeChange, RuntimeSocket, WorkerChannel};
use haguard::wire::haproxy::config::PatternKind;
use haguard::wire::haproxy::runtime::patterns;
use haguard::wire::haproxy::runtime::response::Refused;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{LONG, WAYS, channel};
use crate::support::clearance::clearance;
use crate::support::configs::TestConfig;
use crate::support::golden;
use crate::support::haproxy::Branch;

const CONFIG: TestConfig = TestConfig {
    globals: "",
    sections: "
frontend fe
    bind 127.0.0.1:{port:fe}
    http-request deny if { req.hdr(x) -f {dir}/x.lst }
    http-request deny if { src -f {dir}/ip.lst }
    use_backend %[path,map({dir}/x.map)]
backend web
    balance roundrobin
    server s1 127.0.0.1:1001
",
    files: &[("x.lst", ""), ("x.map", ""), ("ip.lst", "")],
};

fn list(channel: &WorkerChannel, kind: PatternKind) -> PatternListRef {
    let command = if kind == PatternKind::Map { "show map" } else { "show acl" };
    let all = patterns::parse_lists(&channel.ask(command).unwrap()).unwrap();
    PatternListRef {
        kind,
        id: all.iter().find(|list| list.file.as_ref().is_some_and(|file| file.contains("/x."))).unwrap().id,
    }
}

/// Any word or value: blanks, quotes, backslashes, separators and what lies beyond ASCII, but no line end.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "",
        "[ -~]{1,20}",
        "[\\\\;#'\"<> @$]{1,8}",
        "[^\\p{Cc}\\p{Z}]{1,10}",
        "[a-z]{1,4}\t[a-z<]{1,4}"
    ]
}

#[test]
fn entries_come_back_as_they_were_sent() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        for way in WAYS {
            let channel = channel(&haproxy, way);
            let (map, acl) = (list(&channel, PatternKind::Map), list(&channel, PatternKind::Acl));
            let config = Config { cases: 25, failure_persistence: None, ..Config::default() };
            let entries = proptest::collection::vec(("[!-~]{1,12}", value()), 1..6);
            TestRunner::new(config)
                .run(&entries, |entries| {
                    let pairs: Vec<(&str, Option<&str>)> =
                        entries.iter().map(|(key, value)| (key.as_str(), Some(value.as_str()))).collect();
                    // A value that neither form can carry is refused before anything is sent.
                    if let Ok(changes) = RuntimeChange::add_map_entries(map, PatternVersion::Current, &pairs)
                    {
                        let outcomes = channel.writer(&clearance()).change(&changes);
                        prop_assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                        let said = channel.ask(&format!("show map #{}", map.id)).unwrap();
                        let read = patterns::parse_map_entries(&said).unwrap();
                        let is: Vec<(String, String)> = read
                            .iter()
                            .map(|e| (e.key.clone(), e.value.clone().unwrap_or_default()))
                            .collect();
                        prop_assert_eq!(is, entries.clone());
                        for entry in read {
                            let gone = RuntimeChange::delete_entry(map, &entry.reference).unwrap();
                            prop_assert_eq!(
                                channel.writer(&clearance()).change(&[gone]),
                                vec![Ok(String::new())]
                            );
                        }
                    }
                    let (key, pattern) = entries.first().cloned().unwrap();
                    for pattern in [key, pattern] {
                        let Ok(added) = RuntimeChange::add_acl_entry(acl, PatternVersion::Current, &pattern)
                        else {
                            continue;
                        };
                        prop_assert_eq!(
                            channel.writer(&clearance()).change(&[added]),
                            vec![Ok(String::new())]
                        );
                        let said = channel.ask(&format!("show acl #{}", acl.id)).unwrap();
                        let read = patterns::parse_acl_entries(&said).unwrap();
                        prop_assert_eq!(
                            read.iter().map(|e| e.key.clone()).collect::<Vec<_>>(),
                            vec![pattern]
                        );
                        let gone = RuntimeChange::delete_entry(acl, &read[0].reference).unwrap();
                        prop_assert_eq!(
                            channel.writer(&clearance()).change(&[gone]),
                            vec![Ok(String::new())]
                        );
                    }
                    Ok(())
                })
                .unwrap_or_else(|error| panic!("{branch} {way:?}: {error}"));
        }
    }
}

#[test]
fn thousands_of_changes_take_few_connections_and_keep_their_order() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        let calls = Arc::new(AtomicU32::new(0));
        let direct =
            WorkerChannel::Direct(RuntimeSocket::new(haproxy.admin_socket().unwrap(), LONG, calls.clone()));
        let new = |n: usize| NewServer {
            backend: "web".into(),
            name: format!("dyn{n}"),
            ip: "127.0.0.1".into(),
            port: Some(2000),
            weight: 1,
            ..NewServer::default()
        };
        let mut changes: Vec<RuntimeChange> =
            (0..2000).map(|n| RuntimeChange::add_server(&new(n)).unwrap()).collect();
        changes.extend((0..2000).map(|n| {
            RuntimeChange::set_server_state("web", &format!("dyn{n}"), AdminStateCommand::Drain).unwrap()
        }));
        let outcomes = direct.writer(&clearance()).change(&changes);
        assert!(outcomes.iter().all(Result::is_ok), "{branch}: {:?}", outcomes.iter().find(|o| o.is_err()));
        let connections = calls.load(Ordering::Relaxed);
        assert!(connections < 40, "{branch}: {connections}");
        let states = haproxy.ask("show servers state");
        let drained =
            states.lines().filter(|line| line.contains(" dyn") && line.split(' ').nth(6) == Some("8"));
        assert_eq!(drained.count(), 2000, "{branch}");
    }
}

#[test]
fn each_refusal_is_told_from_its_neighbours() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        for way in WAYS {
            let channel = channel(&haproxy, way);
            let changes = [
                RuntimeChange::set_server_state("web", "s1", AdminStateCommand::Maint).unwrap(),
                RuntimeChange::set_server_state("web", "nobody", AdminStateCommand::Maint).unwrap(),
                RuntimeChange::set_server_weight("web", "s1", 999).unwrap(),
                RuntimeChange::set_server_address("web", "s1", "nowhere", None).unwrap(),
                RuntimeChange::set_server_address("web", "s1", "127.0.0.2", Some(7)).unwrap(),
                RuntimeChange::switch_checks("web", "s1", true).unwrap(),
                RuntimeChange::set_server_weight("web", "s1", 7).unwrap(),
            ];
            let outcomes = channel.writer(&clearance()).change(&changes);
            let done: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
            assert_eq!(
                done,
                [true, false, false, false, true, false, true],
                "{branch} {way:?}: {outcomes:?}"
            );
            let not_found = matches!(&outcomes[1], Err(ChangeError::Refused(Refused::NotFound(_))));
            assert!(not_found, "{branch} {way:?}: {outcomes:?}");
            // 2.6 does not close this answer as it closes the others.
            let ready = RuntimeChange::set_server_state("web", "s1", AdminStateCommand::Ready).unwrap();
            let deleted = RuntimeChange::delete_server("web", "s1").unwrap();
            let refused = channel.writer(&clearance()).change(&[ready, deleted]);
            let why = refused[1].as_ref().unwrap_err().to_string();
            assert!(why.contains("maintenance mode"), "{branch} {way:?}: {why}");
        }
    }
}

#[test]
fn a_server_for_a_backend_that_is_not_there_does_not_shift_the_answers() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        for way in WAYS {
            let new = |backend: &str, name: &str| NewServer {
                backend: backend.into(),
                name: format!("{name}-{way:?}"),
                ip: "127.0.0.1".into(),
                weight: 1,
                ..NewServer::default()
            };
            let new = [new("web", "a"), new("nowhere", "b"), new("web", "c"), new("nowhere", "d")];
            let changes: Vec<RuntimeChange> =
                new.iter().map(|new| RuntimeChange::add_server(new).unwrap()).collect();
            let outcomes = channel(&haproxy, way).writer(&clearance()).change(&changes);
            let done: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
            assert_eq!(done, [true, false, true, false], "{branch} {way:?}: {outcomes:?}");
            let not_found = matches!(&outcomes[3], Err(ChangeError::Refused(Refused::NotFound(_))));
            assert!(not_found, "{branch} {way:?}: {outcomes:?}");
        }
    }
}

#[test]
fn a_reason_of_haproxys_does_not_repeat_the_value() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        for way in WAYS {
            let channel = channel(&haproxy, way);
            let all = patterns::parse_lists(&channel.ask("show acl").unwrap()).unwrap();
            let ip = |file: &Option<String>| file.as_ref().is_some_and(|file| file.ends_with("/ip.lst"));
            let id = all.iter().find(|list| ip(&list.file)).unwrap().id;
            let list = PatternListRef { kind: PatternKind::Acl, id };
            let change = RuntimeChange::add_acl_entry(list, PatternVersion::Current, "secret-token").unwrap();
            let why = channel.writer(&clearance()).change(&[change]).pop().unwrap().unwrap_err();
            assert!(why.to_string().contains("is not a valid IPv4"), "{branch} {way:?}: {why}");
            assert!(!why.to_string().contains("secret"), "{branch} {way:?}: {why}");
        }
    }
}

#[test]
fn a_list_is_replaced_at_once_and_half_a_version_is_seen_by_nobody() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        for way in WAYS {
            let channel = channel(&haproxy, way);
            let map = list(&channel, PatternKind::Map);
            let said = channel
                .writer(&clearance())
                .change(&[RuntimeChange::prepare_list(map).unwrap()])
                .pop()
                .unwrap()
                .unwrap();
            let version = patterns::parse_prepared_version(&said).unwrap();
            let pairs = [("k", Some("v")), ("k", Some("second"))];
            let added =
                RuntimeChange::add_map_entries(map, PatternVersion::Prepared(version), &pairs).unwrap();
            assert!(
                channel.writer(&clearance()).change(&added).iter().all(Result::is_ok),
                "{branch} {way:?}"
            );
            let seen = || channel.ask(&format!("show map #{}", map.id)).unwrap().lines().count();
            let before = seen();
            assert!(before == 0 || way == super::SocketRoute::ViaMaster, "{branch} {way:?}");
            assert!(
                channel.writer(&clearance()).change(&[RuntimeChange::commit_list(map, version).unwrap()])[0]
                    .is_ok(),
                "{branch} {way:?}"
            );
            assert_eq!(seen(), 2, "{branch} {way:?}");
        }
    }
}

#[test]
fn nothing_but_the_replay_can_make_a_change() {
    let mut folders = vec![golden::path("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(golden::path("src")).unwrap().to_string_lossy().into_owned();
            let allowed = inside.starts_with("act/") || inside.starts_with("clients/runtime");
            let text = std::fs::read_to_string(&path).unwrap();
            let makes = text.contains("runtime::Change")
                || text.contains("runtime::change")
                || text.contains(" Change::")
                || text.contains("(Change::");
            assert!(allowed || !makes, "{inside} makes a change of a worker");
        }
    }
}

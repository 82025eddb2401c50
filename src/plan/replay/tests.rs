use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::facts::Address;
use crate::facts::loaded_config::{Config, Copied};
use crate::facts::runtime_state::{Checks, HeldCertificate, HeldEntry, HeldList};

fn server(name: &str) -> HeldServer {
    HeldServer {
        backend: "web".into(),
        name: name.into(),
        id: None,
        address: Address { ip: "10.0.0.1".into(), port: 80 },
        named: None,
        admin: Admin::Ready,
        initial_admin: Admin::Ready,
        weight: 1,
        initial_weight: 1,
        health: Checks { configured: true, enabled: true, ..Checks::default() },
        agent: Checks::default(),
        tls: false,
        maxconn: None,
        maxqueue: None,
        backup: false,
        cookie: None,
        rise: None,
        fall: None,
    }
}

fn holdings(servers: Vec<HeldServer>) -> Holdings {
    Holdings {
        backends: Known::Seen(vec!["web".into()]),
        servers: Known::Seen(servers),
        lists: Known::Seen(Vec::new()),
        certificates: Known::Seen(Vec::new()),
        tables: Known::Seen(Vec::new()),
    }
}

fn list(kind: PatternKind, name: &str, values: &[&str]) -> HeldList {
    let entry = |value: &&str| HeldEntry {
        reference: format!("0x{value}"),
        key: (*value).into(),
        value: (kind == PatternKind::Map).then(|| (*value).into()),
    };
    HeldList {
        kind,
        id: 1,
        name: name.into(),
        sample: None,
        entries: Known::Seen(values.iter().map(entry).collect()),
    }
}

fn untouched() -> Loaded {
    let files = ["/m", "/a", "/c"].map(|name| (name.to_owned(), Known::Seen(true)));
    Loaded { config: Known::Seen(Config::Untouched), files: BTreeMap::from(files) }
}

/// Each item as `kind object what`, with a dash before what cannot come back.
fn said(replay: &Replay) -> Vec<String> {
    let mark = |item: &Item| if matches!(item.verdict, Verdict::Cannot(_)) { "- " } else { "" };
    let say = |item: &Item| format!("{}{} {} {}", mark(item), item.kind.name(), item.object, item.what);
    replay.items.iter().map(say).collect()
}

fn steps(replay: &Replay) -> Vec<String> {
    let name = |step: &Step| match step {
        Step::Server { server, change, .. } => {
            let change = format!("{change:?}");
            format!("{server} {}", change.split("(HeldServer").next().unwrap())
        }
        Step::Entries { kind, .. } => format!("{kind:?}"),
        Step::Certificate { name, .. } => name.clone(),
    };
    replay.ordered().into_iter().map(|(_, step)| name(step)).collect()
}

#[test]
fn what_keeps_traffic_away_comes_first_and_the_way_to_a_backend_last() {
    let dynamic = HeldServer { admin: Admin::Drain, weight: 0, ..server("dyn") };
    let ready = HeldServer { initial_admin: Admin::Maint, ..server("s1") };
    let maint = HeldServer { admin: Admin::Maint, ..server("s2") };
    let moved = HeldServer { address: Address { ip: "::1".into(), port: 80 }, ..server("s3") };
    let mut old = holdings(vec![ready, maint, moved, dynamic, server("dyn2")]);
    let disabled = HeldServer { admin: Admin::Maint, initial_admin: Admin::Maint, ..server("s1") };
    let mut new = holdings(vec![disabled, server("s2"), server("s3"), server("s4")]);
    old.lists = Known::Seen(vec![list(PatternKind::Map, "/m", &["x"]), list(PatternKind::Acl, "/a", &["x"])]);
    new.lists = Known::Seen(vec![list(PatternKind::Map, "/m", &[]), list(PatternKind::Acl, "/a", &[])]);
    let certificate = |sha1: &str| {
        let pem = Known::Seen(Secret::new("PEM"));
        Known::Seen(vec![HeldCertificate { name: "/c".into(), sha1: Known::Seen(sha1.into()), pem }])
    };
    (old.certificates, new.certificates) = (certificate("aa"), certificate("bb"));
    let plan = replay(&old, &new, &untouched());
    let want = [
        "s2 State(Maint)",
        "s4 State(Maint)",
        "s4 Delete",
        "Acl",
        "/c",
        "s3 Address(\"::1\", None)",
        "dyn Add",
        "dyn2 Add",
        "dyn Checks(true)",
        "dyn2 Checks(true)",
        "dyn Weight(0)",
        "dyn State(Drain)",
        "s1 State(Ready)",
        "dyn2 State(Ready)",
        "Map",
    ];
    assert_eq!(steps(&plan), want);
    assert!(!format!("{plan:?}").contains("PEM"), "no key is shown");
}

#[test]
fn the_same_holdings_leave_nothing_to_do_whatever_was_loaded() {
    let old = holdings(vec![HeldServer { admin: Admin::Maint, weight: 9, ..server("s1") }]);
    for loaded in [untouched(), Loaded::unknown("nobody looked")] {
        assert_eq!(replay(&old, &old, &loaded), Replay::default());
    }
}

#[test]
fn a_server_that_the_edit_disables_is_not_enabled() {
    let old = holdings(vec![HeldServer { admin: Admin::Drain, ..server("s1") }]);
    let new = holdings(vec![HeldServer { admin: Admin::Maint, initial_admin: Admin::Maint, ..server("s1") }]);
    assert_eq!(said(&replay(&old, &new, &untouched())), ["- server-admin-state web/s1 state"]);
}

#[test]
fn a_server_added_at_run_time_that_stands_in_the_files_now_is_not_added_again() {
    let dynamic = HeldServer {
        admin: Admin::Maint,
        address: Address { ip: "10.0.0.9".into(), port: 1 },
        ..server("d")
    };
    let copy = Copied { complete: true, ..Copied::default() };
    let loaded = Loaded { config: Known::Seen(Config::Was(copy)), files: BTreeMap::new() };
    let plan = replay(&holdings(vec![dynamic]), &holdings(vec![server("d")]), &loaded);
    assert_eq!(
        said(&plan),
        ["server-admin-state web/d state"],
        "its own state, and the address of the files"
    );
}

#[test]
fn a_copy_with_a_condition_that_is_not_decided_does_not_make_a_server_dynamic() {
    let loaded = Loaded { config: Known::Seen(Config::Was(Copied::default())), files: BTreeMap::new() };
    let plan = replay(&holdings(vec![server("s1")]), &holdings(Vec::new()), &loaded);
    assert_eq!(said(&plan), ["- dynamic-server web/s1 server"]);
}

#[test]
fn what_could_not_be_read_is_one_item_for_each_kind_and_no_change() {
    let old = holdings(vec![HeldServer { admin: Admin::Maint, ..server("s1") }]);
    let plan = replay(&old, &Holdings::unseen("the socket is silent"), &untouched());
    assert_eq!(plan.items.len(), 4);
    assert!(plan.ordered().is_empty() && plan.previews().iter().all(|one| one.how.is_none()));
}

#[test]
fn lists_that_merely_moved_with_an_edit_are_not_mentioned() {
    let inline = |name: &str, values: &[&str]| HeldList {
        sample: Some("path_beg".into()),
        ..list(PatternKind::Acl, name, values)
    };
    let (mut old, mut new) = (holdings(Vec::new()), holdings(Vec::new()));
    old.lists =
        Known::Seen(vec![inline("/h:1 path_beg", &["/a"]), inline("/h:2 path_beg", &["/b", "/run-time"])]);
    new.lists = Known::Seen(vec![inline("/h:2 path_beg", &["/a"]), inline("/h:3 path_beg", &["/b"])]);
    let plan = replay(&old, &new, &Loaded::unknown("the files were edited"));
    assert_eq!(said(&plan), ["- acl-entry /h:2 path_beg entries"]);
    let inline = BTreeMap::from([
        ("/h:1 path_beg".to_owned(), vec![vec!["/a".to_owned()]]),
        ("/h:2 path_beg".to_owned(), vec![vec!["/b".to_owned()]]),
    ]);
    let copy = Copied { inline, complete: true, ..Copied::default() };
    let loaded = Loaded { config: Known::Seen(Config::Was(copy)), files: BTreeMap::new() };
    assert_eq!(said(&replay(&old, &new, &loaded)), ["acl-entry /h:2 path_beg entries"]);
}

fn any_server() -> impl Strategy<Value = HeldServer> {
    let admin = || prop_oneof![Just(Admin::Ready), Just(Admin::Drain), Just(Admin::Maint)];
    let state = (admin(), any::<bool>(), 0u32..3, 0u32..3);
    ("[a-c]", 1u16..4, state, any::<bool>()).prop_map(
        |(name, port, (admin, disabled, weight, initial), enabled)| {
            let initial_admin = if disabled { Admin::Maint } else { Admin::Ready };
            let address = Address { ip: "10.0.0.1".into(), port };
            let health = Checks { configured: true, enabled, ..Checks::default() };
            HeldServer {
                address,
                admin,
                initial_admin,
                weight,
                initial_weight: initial,
                health,
                ..server(&name)
            }
        },
    )
}

fn any_servers() -> impl Strategy<Value = Vec<HeldServer>> {
    proptest::collection::vec(any_server(), 0..4).prop_map(|mut all| {
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        all
    })
}

/// What a worker would hold after every step, as HAProxy takes them.
fn applied(new: &[HeldServer], plan: &Replay) -> Vec<HeldServer> {
    let mut all = new.to_vec();
    for (_, step) in plan.ordered() {
        let Step::Server { server: name, change, .. } = step else { continue };
        if let ServerStep::Add(held) = change {
            assert!(all.iter().all(|other| other.name != *name), "added twice");
            let health = Checks { enabled: false, ..held.health.clone() };
            let weight = held.initial_weight;
            all.push(HeldServer {
                admin: Admin::Maint,
                initial_admin: Admin::Ready,
                weight,
                health,
                ..(**held).clone()
            });
            continue;
        }
        let server = all.iter_mut().find(|server| server.name == *name).expect("it is there");
        match change {
            ServerStep::State(admin) => server.admin = *admin,
            ServerStep::Weight(weight) => server.weight = *weight,
            ServerStep::Address(_, port) => server.address.port = port.unwrap_or(server.address.port),
            ServerStep::Checks(on) => server.health.enabled = *on,
            ServerStep::Delete => {
                assert_eq!(server.admin, Admin::Maint, "HAProxy deletes no other");
                all.retain(|server| server.name != *name);
            }
            _ => {}
        }
    }
    all
}

proptest! {
    #[test]
    fn a_second_replay_finds_nothing_to_do(old in any_servers(), new in any_servers(), edited: bool) {
        let loaded = if edited { Loaded::unknown("edited") } else { untouched() };
        let old = holdings(old);
        let plan = replay(&old, &holdings(new.clone()), &loaded);
        let again = replay(&old, &holdings(applied(&new, &plan)), &loaded);
        prop_assert!(again.ordered().is_empty(), "{:?}", steps(&again));
        if edited {
            let only = |step: &(usize, &Step)| matches!(step.1, Step::Server {
                change: ServerStep::State(_) | ServerStep::Weight(_) | ServerStep::Checks(_), ..
            });
            prop_assert!(plan.ordered().iter().all(only), "only what no edit can be taken for");
        }
    }
}

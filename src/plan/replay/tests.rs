use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::facts::ServerAddress;
use crate::facts::loaded_config::{ConfigBaseline, ConfigSinceLoad};
use crate::facts::runtime_state::{
    CheckSettings, RuntimeCertificate, RuntimePatternEntry, RuntimePatternList,
};

fn server(name: &str) -> RuntimeServer {
    RuntimeServer {
        backend: "web".into(),
        name: name.into(),
        id: None,
        address: ServerAddress { ip: "10.0.0.1".into(), port: 80 },
        fqdn: None,
        srv_record: None,
        admin: ServerAdminState::Ready,
        initial_admin: ServerAdminState::Ready,
        down: false,
        weight: 1,
        initial_weight: 1,
        health: CheckSettings { configured: true, enabled: true, ..CheckSettings::default() },
        agent: CheckSettings::default(),
        tls: false,
        maxconn: None,
        maxqueue: None,
        backup: false,
        cookie: None,
        rise: None,
        fall: None,
    }
}

fn runtime_state(servers: Vec<RuntimeServer>) -> RuntimeState {
    RuntimeState {
        proxies: Known::unknown("not asked"),
        backends: Known::Seen(vec!["web".into()]),
        servers: Known::Seen(servers),
        lists: Known::Seen(Vec::new()),
        certificates: Known::Seen(Vec::new()),
        tables: Known::Seen(Vec::new()),
    }
}

fn list(kind: PatternKind, name: &str, values: &[&str]) -> RuntimePatternList {
    let entry = |value: &&str| RuntimePatternEntry {
        reference: format!("0x{value}"),
        key: (*value).into(),
        value: (kind == PatternKind::Map).then(|| (*value).into()),
    };
    RuntimePatternList {
        kind,
        id: kind as u32,
        name: name.into(),
        sample: None,
        entries: Known::Seen(values.iter().map(entry).collect()),
    }
}

fn unchanged_config() -> LoadedConfig {
    let files = ["/m", "/a", "/c"].map(|name| (name.to_owned(), Known::Seen(true)));
    LoadedConfig { config: Known::Seen(ConfigSinceLoad::Unchanged), files: BTreeMap::from(files) }
}

/// Each item as `kind object what`, with a dash before what cannot come back.
fn describe_items(replay: &Replay) -> Vec<String> {
    let mark =
        |item: &ReplayItem| if matches!(item.verdict, ReplayVerdict::NotRestorable(_)) { "- " } else { "" };
    let say = |item: &ReplayItem| format!("{}{} {} {}", mark(item), item.kind, item.object, item.what);
    replay.items.iter().map(say).collect()
}

fn step_names(replay: &Replay) -> Vec<String> {
    let name = |step: &ReplayStep| match step {
        ReplayStep::Server { server, change, .. } => {
            let change = format!("{change:?}");
            format!("{server} {}", change.split("(RuntimeServer").next().unwrap())
        }
        ReplayStep::Entries { kind, .. } => format!("{kind:?}"),
        ReplayStep::Certificate { name, .. } => name.clone(),
    };
    replay.ordered_steps().into_iter().map(|(_, step)| name(step)).collect()
}

#[test]
fn what_keeps_traffic_away_comes_first_and_the_way_to_a_backend_last() {
    let dynamic = RuntimeServer { admin: ServerAdminState::Drain, weight: 0, ..server("dyn") };
    let ready = RuntimeServer { initial_admin: ServerAdminState::Maint, ..server("s1") };
    let maint = RuntimeServer { admin: ServerAdminState::Maint, ..server("s2") };
    let moved = RuntimeServer { address: ServerAddress { ip: "::1".into(), port: 80 }, ..server("s3") };
    let mut old = runtime_state(vec![ready, maint, moved, dynamic, server("dyn2")]);
    let disabled = RuntimeServer {
        admin: ServerAdminState::Maint,
        initial_admin: ServerAdminState::Maint,
        ..server("s1")
    };
    let mut new = runtime_state(vec![disabled, server("s2"), server("s3"), server("s4")]);
    old.lists = Known::Seen(vec![list(PatternKind::Map, "/m", &["x"]), list(PatternKind::Acl, "/a", &["x"])]);
    new.lists = Known::Seen(vec![list(PatternKind::Map, "/m", &[]), list(PatternKind::Acl, "/a", &[])]);
    let certificate = |sha1: &str| {
        let pem = Known::Seen(Secret::new("PEM"));
        Known::Seen(vec![RuntimeCertificate { name: "/c".into(), sha1: Known::Seen(Some(sha1.into())), pem }])
    };
    (old.certificates, new.certificates) = (certificate("aa"), certificate("bb"));
    let plan = replay(&old, &new, &unchanged_config());
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
    assert_eq!(step_names(&plan), want);
    assert!(!format!("{plan:?}").contains("PEM"), "no key is shown");
}

#[test]
fn the_same_holdings_leave_nothing_to_do_whatever_was_loaded() {
    let old =
        runtime_state(vec![RuntimeServer { admin: ServerAdminState::Maint, weight: 9, ..server("s1") }]);
    for loaded in [unchanged_config(), LoadedConfig::unknown("nobody looked")] {
        assert_eq!(replay(&old, &old, &loaded), Replay::default());
    }
}

#[test]
fn a_server_that_the_edit_disables_is_not_enabled() {
    let old = runtime_state(vec![RuntimeServer { admin: ServerAdminState::Drain, ..server("s1") }]);
    let new = runtime_state(vec![RuntimeServer {
        admin: ServerAdminState::Maint,
        initial_admin: ServerAdminState::Maint,
        ..server("s1")
    }]);
    assert_eq!(
        describe_items(&replay(&old, &new, &unchanged_config())),
        ["- server-admin-state web/s1 state"]
    );
}

#[test]
fn a_server_added_at_run_time_that_stands_in_the_files_now_is_not_added_again() {
    let dynamic = RuntimeServer {
        admin: ServerAdminState::Maint,
        address: ServerAddress { ip: "10.0.0.9".into(), port: 1 },
        ..server("d")
    };
    let copy = ConfigBaseline { complete: true, ..ConfigBaseline::default() };
    let loaded = LoadedConfig { config: Known::Seen(ConfigSinceLoad::Changed(copy)), files: BTreeMap::new() };
    let plan = replay(&runtime_state(vec![dynamic]), &runtime_state(vec![server("d")]), &loaded);
    assert_eq!(
        describe_items(&plan),
        ["server-admin-state web/d state"],
        "its own state, and the address of the files"
    );
}

#[test]
fn a_copy_with_a_condition_that_is_not_decided_does_not_make_a_server_dynamic() {
    let loaded = LoadedConfig {
        config: Known::Seen(ConfigSinceLoad::Changed(ConfigBaseline::default())),
        files: BTreeMap::new(),
    };
    let plan = replay(&runtime_state(vec![server("s1")]), &runtime_state(Vec::new()), &loaded);
    assert_eq!(describe_items(&plan), ["- dynamic-server web/s1 server"]);
}

#[test]
fn what_could_not_be_read_is_one_item_for_each_kind_and_no_change() {
    let old = runtime_state(vec![RuntimeServer { admin: ServerAdminState::Maint, ..server("s1") }]);
    let plan = replay(&old, &RuntimeState::unknown("the socket is silent"), &unchanged_config());
    assert_eq!(plan.items.len(), 4);
    assert!(plan.ordered_steps().is_empty() && plan.previews().iter().all(|one| one.how.is_none()));
}

#[test]
fn lists_that_merely_moved_with_an_edit_are_not_mentioned() {
    let inline = |name: &str, values: &[&str]| RuntimePatternList {
        sample: Some("path_beg".into()),
        ..list(PatternKind::Acl, name, values)
    };
    let (mut old, mut new) = (runtime_state(Vec::new()), runtime_state(Vec::new()));
    old.lists =
        Known::Seen(vec![inline("/h:1 path_beg", &["/a"]), inline("/h:2 path_beg", &["/b", "/run-time"])]);
    new.lists = Known::Seen(vec![inline("/h:2 path_beg", &["/a"]), inline("/h:3 path_beg", &["/b"])]);
    let plan = replay(&old, &new, &LoadedConfig::unknown("the files were edited"));
    assert_eq!(describe_items(&plan), ["- acl-entry /h:2 path_beg entries"]);
    let inline = BTreeMap::from([
        ("/h:1 path_beg".to_owned(), vec![vec!["/a".to_owned()]]),
        ("/h:2 path_beg".to_owned(), vec![vec!["/b".to_owned()]]),
    ]);
    let copy = ConfigBaseline { inline, complete: true, ..ConfigBaseline::default() };
    let loaded = LoadedConfig { config: Known::Seen(ConfigSinceLoad::Changed(copy)), files: BTreeMap::new() };
    assert_eq!(describe_items(&replay(&old, &new, &loaded)), ["acl-entry /h:2 path_beg entries"]);
}

fn any_server() -> impl Strategy<Value = RuntimeServer> {
    let admin = || {
        prop_oneof![
            Just(ServerAdminState::Ready),
            Just(ServerAdminState::Drain),
            Just(ServerAdminState::Maint)
        ]
    };
    let state = (admin(), any::<bool>(), 0u32..3, 0u32..3);
    ("[a-c]", 1u16..4, state, any::<bool>()).prop_map(
        |(name, port, (admin, disabled, weight, initial), enabled)| {
            let initial_admin = if disabled { ServerAdminState::Maint } else { ServerAdminState::Ready };
            let address = ServerAddress { ip: "10.0.0.1".into(), port };
            let health = CheckSettings { configured: true, enabled, ..CheckSettings::default() };
            RuntimeServer {
                address,
                admin,
                initial_admin,
                weight,
                initial_weight: initial,
                down: port == 2,
                health,
                ..server(&name)
            }
        },
    )
}

fn any_servers() -> impl Strategy<Value = Vec<RuntimeServer>> {
    proptest::collection::vec(any_server(), 0..4).prop_map(|mut all| {
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        all
    })
}

/// What a worker would hold after every step, as HAProxy takes them.
fn apply_steps(new: &[RuntimeServer], plan: &Replay) -> Vec<RuntimeServer> {
    let mut all = new.to_vec();
    for (_, step) in plan.ordered_steps() {
        let ReplayStep::Server { server: name, change, .. } = step else { continue };
        if let ServerStep::Add(held) = change {
            assert!(all.iter().all(|other| other.name != *name), "added twice");
            let health = CheckSettings { enabled: false, ..held.health.clone() };
            let weight = held.initial_weight;
            all.push(RuntimeServer {
                admin: ServerAdminState::Maint,
                initial_admin: ServerAdminState::Ready,
                weight,
                health,
                ..(**held).clone()
            });
            continue;
        }
        let server = all.iter_mut().find(|server| server.name == *name).expect("it is there");
        match change {
            ServerStep::State(admin) => server.admin = *admin,
            ServerStep::ReadyDown => {
                (server.admin, server.down) = (ServerAdminState::Ready, true);
            }
            ServerStep::Weight(weight) => server.weight = *weight,
            ServerStep::Address(_, port) => server.address.port = port.unwrap_or(server.address.port),
            ServerStep::Checks(on) => server.health.enabled = *on,
            ServerStep::Delete => {
                assert_eq!(server.admin, ServerAdminState::Maint, "HAProxy deletes no other");
                all.retain(|server| server.name != *name);
            }
            _ => {}
        }
    }
    all
}

#[test]
fn a_server_that_was_down_leaves_maintenance_as_down_where_it_has_checks() {
    let maint = RuntimeServer {
        admin: ServerAdminState::Maint,
        initial_admin: ServerAdminState::Maint,
        ..server("s1")
    };
    let down = RuntimeServer { down: true, initial_admin: ServerAdminState::Maint, ..server("s1") };
    let unchecked = |held: &RuntimeServer| RuntimeServer { health: CheckSettings::default(), ..held.clone() };
    let steps = |old: &RuntimeServer, new: &RuntimeServer| {
        let (old, new) = (runtime_state(vec![old.clone()]), runtime_state(vec![new.clone()]));
        step_names(&replay(&old, &new, &unchanged_config()))
    };
    assert_eq!(steps(&down, &maint), ["s1 ReadyDown"]);
    assert_eq!(steps(&down, &unchecked(&maint)), ["s1 State(Ready)"]);
    assert_eq!(steps(&RuntimeServer { down: false, ..down }, &maint), ["s1 State(Ready)"]);
    let added = RuntimeServer { down: true, ..server("dyn") };
    let plan = replay(&runtime_state(vec![added]), &runtime_state(Vec::new()), &unchanged_config());
    assert_eq!(step_names(&plan), ["dyn Add", "dyn Checks(true)", "dyn ReadyDown"]);
}

proptest! {
    #[test]
    fn a_second_replay_finds_nothing_to_do(old in any_servers(), new in any_servers(), edited: bool) {
        let loaded = if edited { LoadedConfig::unknown("edited") } else { unchanged_config() };
        let old = runtime_state(old);
        let plan = replay(&old, &runtime_state(new.clone()), &loaded);
        let again = replay(&old, &runtime_state(apply_steps(&new, &plan)), &loaded);
        prop_assert!(again.ordered_steps().is_empty(), "{:?}", step_names(&again));
        if edited {
            let only = |step: &(usize, &ReplayStep)| matches!(step.1, ReplayStep::Server {
                change: ServerStep::State(_) | ServerStep::ReadyDown | ServerStep::Weight(_) | ServerStep::Checks(_), ..
            });
            prop_assert!(plan.ordered_steps().iter().all(only), "only what no edit can be taken for");
        }
    }
}

#[test]
fn a_file_that_is_both_a_map_and_an_acl_is_put_back_once() {
    let both = |values: &[&str]| {
        let acl = RuntimePatternList { id: PatternKind::Map as u32, ..list(PatternKind::Acl, "/m", values) };
        RuntimeState {
            lists: Known::Seen(vec![list(PatternKind::Map, "/m", values), acl]),
            ..runtime_state(Vec::new())
        }
    };
    let plan = replay(&both(&["x"]), &both(&[]), &unchanged_config());
    assert_eq!(describe_items(&plan), ["map-entry /m entries"]);
}

use super::*;
use crate::facts::test_facts::{self, known_mut};
use crate::facts::{
    Certificate, Connections, Known, PatternKind, Patterns, ServerAddress, ServerAdminState, StickTable,
};

/// The ledger's lines as `kind object count reload restart`.
fn ledger_lines(facts: &Facts) -> Vec<String> {
    let word = |fate| match fate {
        Effect::Kept => "kept",
        Effect::Unknown => "unknown",
        Effect::Lost => "lost",
    };
    let lines = ledger(facts).lines;
    lines
        .iter()
        .map(|l| {
            let count = l.count.map_or("?".to_owned(), |count| count.to_string());
            format!("{} {} {count} {} {}", l.kind, l.object, word(l.on_reload), word(l.on_restart))
        })
        .collect()
}

#[test]
fn a_healthy_instance_loses_nothing() {
    assert_eq!(ledger_lines(&test_facts::healthy()), Vec::<String>::new());
}

#[test]
fn connections_survive_a_reload_and_not_a_restart() {
    let mut facts = test_facts::healthy();
    facts.live.connections = Known::Seen(Connections { current: 400, draining: 12 });
    assert_eq!(ledger_lines(&facts), ["connections established 412 kept lost"]);
    assert!(ledger(&facts).lines[0].detail.contains("12 of them in workers of earlier reloads"));
}

#[test]
fn a_server_in_maintenance_at_run_time_takes_traffic_again() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Maint);
    assert_eq!(ledger_lines(&facts), ["server-admin-state web/s1 1 lost lost"]);
}

#[test]
fn a_server_that_the_files_disable_is_no_loss_but_one_enabled_over_that_is() {
    let mut facts = test_facts::healthy();
    let live = &mut known_mut(&mut facts.live.servers)[0];
    live.initial_admin = Some(ServerAdminState::Maint);
    live.admin = Known::Seen(ServerAdminState::Maint);
    known_mut(&mut facts.next.servers)[0].admin = Known::Seen(ServerAdminState::Maint);
    assert_eq!(ledger_lines(&facts), Vec::<String>::new());
    known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Ready);
    assert_eq!(ledger_lines(&facts), ["server-admin-state web/s1 1 lost lost"]);
}

#[test]
fn a_state_that_the_state_file_restores_is_kept() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Drain);
    known_mut(&mut facts.next.servers)[0].admin = Known::Seen(ServerAdminState::Drain);
    assert_eq!(ledger_lines(&facts), ["server-admin-state web/s1 1 kept kept"]);
}

#[test]
fn weight_and_address_return_to_what_the_files_say() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.live.servers)[0].weight = Known::Seen(50);
    known_mut(&mut facts.live.servers)[1].address =
        Known::Seen(ServerAddress { ip: "10.0.0.9".into(), port: 9 });
    assert_eq!(
        ledger_lines(&facts),
        ["server-weight web/s1 1 lost lost", "server-address web/s2 1 lost lost"]
    );
    let detail = &ledger(&facts).lines[1].detail;
    assert_eq!(detail, "runs at 10.0.0.9:9, would be 10.0.0.1:8002");
}

#[test]
fn a_weight_changed_on_disk_only_is_no_loss() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.next.servers)[0].weight = Known::Seen(7);
    assert_eq!(ledger_lines(&facts), Vec::<String>::new());
}

#[test]
fn a_server_in_no_file_is_dynamic_but_goes_with_its_backend_when_that_is_in_no_file() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.live.servers).push(test_facts::server("web", "dyn", 9));
    assert_eq!(ledger_lines(&facts), ["dynamic-server web/dyn 1 lost lost"]);
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.live.proxies).push(test_facts::proxy("api", false));
    known_mut(&mut facts.live.servers).push(test_facts::server("api", "a1", 9));
    assert_eq!(ledger_lines(&facts), ["memory-only-config api 1 lost lost"]);
    assert!(ledger(&facts).lines[0].detail.contains("backend with 1 server, in no loaded file"));
}

#[test]
fn a_server_behind_an_undecided_condition_is_unknown() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.next.servers)[0].certain = false;
    assert_eq!(ledger_lines(&facts), ["dynamic-server web/s1 ? unknown unknown"]);
}

#[test]
fn many_servers_by_name_are_one_unknown_line() {
    let mut facts = test_facts::healthy();
    for server in known_mut(&mut facts.next.servers) {
        server.address = Known::unknown("db.test did not resolve in time");
    }
    assert_eq!(ledger_lines(&facts), ["server-address 2 servers with a host name ? unknown unknown"]);
}

fn list(entries: &[(&str, &str)]) -> Patterns {
    let entries = entries.iter().map(|(k, v)| ((*k).into(), Some((*v).into()))).collect();
    Patterns { kind: PatternKind::Map, name: "/m".into(), file: true, entries: Known::Seen(entries) }
}

#[test]
fn map_entries_are_counted_against_their_file() {
    let mut facts = test_facts::healthy();
    facts.next.patterns = Known::Seen(vec![list(&[("a", "1"), ("b", "2")])]);
    facts.live.patterns = Known::Seen(vec![list(&[("a", "1"), ("b", "2")])]);
    assert_eq!(ledger_lines(&facts), Vec::<String>::new());
    facts.live.patterns = Known::Seen(vec![list(&[("a", "1"), ("b", "3"), ("c", "4")])]);
    assert_eq!(ledger_lines(&facts), ["map-entry /m 2 lost lost"]);
    assert_eq!(ledger(&facts).lines[0].detail, "1 added, 1 changed against its file");
    known_mut(&mut facts.next.patterns)[0].entries = Known::unknown("reading /m: permission denied");
    assert_eq!(ledger_lines(&facts), ["map-entry /m ? unknown unknown"]);
}

#[test]
fn an_inline_list_that_moved_with_an_edit_is_unknown_and_an_empty_one_is_nothing() {
    let mut facts = test_facts::healthy();
    let inline =
        |entries| Patterns { kind: PatternKind::Acl, name: "/h.cfg:9 src".into(), file: false, entries };
    facts.live.patterns = Known::Seen(vec![inline(Known::Seen(vec![]))]);
    assert_eq!(ledger_lines(&facts), Vec::<String>::new());
    facts.live.patterns = Known::Seen(vec![inline(Known::Seen(vec![("x".into(), None)]))]);
    assert_eq!(ledger_lines(&facts), ["acl-entry /h.cfg:9 src ? unknown unknown"]);
}

fn table(peers: Option<&str>, remote: &[&str]) -> StickTable {
    let remote_peers = remote.iter().map(|name| name.to_string()).collect();
    StickTable {
        name: "web".into(),
        used: 18022,
        peers: peers.map(str::to_owned),
        synced: true,
        remote_peers,
    }
}

#[test]
fn a_stick_table_lives_through_a_reload_only_with_peers_and_through_a_restart_only_with_another() {
    let mut facts = test_facts::healthy();
    facts.next.tables = Known::Seen(vec![table(Some("mates"), &[])]);
    for (live, fates) in [
        (table(None, &[]), "lost lost"),
        (table(Some("mates"), &[]), "kept lost"),
        (table(Some("mates"), &["lb2"]), "kept unknown"),
    ] {
        facts.live.tables = Known::Seen(vec![live]);
        assert_eq!(ledger_lines(&facts), [format!("stick-table web 18022 {fates}")]);
    }
    facts.next.tables = Known::Seen(vec![table(None, &[])]);
    assert_eq!(ledger_lines(&facts), ["stick-table web 18022 lost unknown"]);
}

#[test]
fn a_peers_section_that_has_just_started_sends_no_entries() {
    let mut facts = test_facts::healthy();
    facts.next.tables = Known::Seen(vec![table(Some("mates"), &[])]);
    facts.live.tables = Known::Seen(vec![StickTable { synced: false, ..table(Some("mates"), &[]) }]);
    assert_eq!(ledger_lines(&facts), ["stick-table web 18022 lost lost"]);
}

#[test]
fn a_certificate_set_over_the_socket_differs_from_the_one_on_disk() {
    let certificate = |sha1: Known<Option<&str>>| {
        Known::Seen(vec![Certificate { name: "/c.pem".into(), sha1: sha1.map(|s| s.map(str::to_owned)) }])
    };
    let mut facts = test_facts::healthy();
    facts.live.certificates = certificate(Known::Seen(Some("aa")));
    facts.next.certificates = certificate(Known::Seen(Some("aa")));
    assert_eq!(ledger_lines(&facts), Vec::<String>::new());
    for (disk, fates) in [
        (Known::Seen(Some("bb")), "1 lost lost"),
        (Known::Seen(None), "1 lost lost"),
        (Known::unknown("denied"), "? unknown unknown"),
    ] {
        facts.next.certificates = certificate(disk);
        assert_eq!(ledger_lines(&facts), [format!("certificate /c.pem {fates}")]);
    }
    facts.live.certificates = certificate(Known::Seen(None));
    assert_eq!(ledger_lines(&facts), Vec::<String>::new(), "an empty store holds nothing");
}

#[test]
fn files_that_cannot_be_loaded_make_a_restart_an_outage() {
    let mut facts = test_facts::healthy();
    let test = known_mut(&mut facts.config.test);
    test.valid = false;
    test.alerts = vec!["unknown keyword 'bogus'".into()];
    assert_eq!(ledger_lines(&facts), ["unloadable-config /etc/haproxy.cfg 1 kept lost"]);
    facts.config.test = Known::unknown("only root can test");
    assert_eq!(ledger_lines(&facts), ["unloadable-config /etc/haproxy.cfg ? kept unknown"]);
}

#[test]
fn an_edit_since_the_worker_started_is_pending() {
    let mut facts = test_facts::healthy();
    facts.config.edited_since_load = Known::Seen(vec!["/etc/haproxy.cfg".into()]);
    assert_eq!(ledger_lines(&facts), ["pending-reload /etc/haproxy.cfg 1 kept kept"]);
}

#[test]
fn what_could_not_be_seen_is_a_line_without_a_number() {
    let mut facts = test_facts::healthy();
    facts.live = crate::facts::WorkerState::unknown(Provenance::Live, "the socket is silent");
    let lines = ledger(&facts).lines;
    assert!(lines.iter().all(|line| line.count.is_none() && line.on_restart == Effect::Unknown), "{lines:?}");
    assert_eq!(lines.len(), 6);
    facts.instance = Known::unknown("nothing answers");
    assert_eq!(ledger_lines(&facts).len(), 1);
}

#[test]
fn without_the_files_state_set_at_run_time_is_lost_and_the_rest_unknown() {
    let mut facts = test_facts::healthy();
    known_mut(&mut facts.live.servers)[0].admin = Known::Seen(ServerAdminState::Maint);
    facts.next = crate::facts::WorkerState::unknown(Provenance::Read, "permission denied");
    let lines = ledger_lines(&facts);
    assert!(lines.contains(&"server-admin-state web/s1 1 lost lost".to_owned()), "{lines:?}");
    assert!(lines.contains(&"dynamic-server servers ? unknown unknown".to_owned()), "{lines:?}");
}

#[test]
fn a_restart_that_starts_something_else_than_a_reload_has_its_own_effects() {
    let mut facts = test_facts::healthy();
    let mut tried = test_facts::rehearsed_start(&facts);
    // The reload still has this server, and the other configuration has not; with the other backend it is the other way.
    known_mut(&mut tried.next.servers).retain(|server| server.name != "s1");
    known_mut(&mut facts.next.servers).retain(|server| server.name != "s2");
    facts.start = test_facts::unit_start(tried);
    let ledger = ledger(&facts);
    let fates: Vec<_> =
        ledger.lines.iter().map(|line| (&line.object[..], line.on_reload, line.on_restart)).collect();
    assert_eq!(fates, [("web/s1", Effect::Kept, Effect::Lost), ("web/s2", Effect::Lost, Effect::Kept)]);
}

//! Servers: state, weight, address, checks, and those that no file has.

use crate::support::clearance::clearance;
use std::sync::Arc;

use haguard::clients::haproxy::runtime::WorkerChannel;
use haguard::gather::haproxy::runtime_state::worker_channel;
use haguard::time::Deadline;

use super::{LONG, SocketRoute, WAYS, WorkerBeforeReload, channel, set, summarize};
use crate::support::configs::TestConfig;
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::{Origin, hold_connection};
use crate::support::wait::wait_for;

const CONFIG: TestConfig = TestConfig {
    globals: "",
    sections: "
frontend fe
    bind 127.0.0.1:{port:fe}
    default_backend web
backend web
    balance roundrobin
    option httpchk GET /health
    server s1 127.0.0.1:{port:origin} weight 10
    server s2 127.0.0.1:{port:origin} disabled
    server s3 127.0.0.1:{port:origin} weight 20
    server s4 127.0.0.1:{port:origin} weight 40
    server s5 127.0.0.1:{port:origin}
    server s6 127.0.0.1:{port:origin}
    server s7 127.0.0.1:{port:origin} check inter 1h
    server s8 127.0.0.1:+10
    server s9 127.0.0.1:{port:origin} agent-check agent-port 9 agent-inter 1h
    server untouched 127.0.0.1:{port:origin}
",
    files: &[],
};

/// The columns of a server that haguard's own reading is not asked about.
fn columns(haproxy: &Instance, server: &str) -> Vec<String> {
    let text = haproxy.ask("show servers state");
    let line = text.lines().find(|line| line.split(' ').nth(3) == Some(server));
    let words: Vec<&str> = line.unwrap_or_else(|| panic!("{server} is not in {text}")).split(' ').collect();
    // address, admin bits, weights, port, check port and address, agent port and address
    let plain = [4, 6, 7, 8, 18, 21, 22, 23, 24].map(|at| words[at].to_owned());
    plain.into_iter().chain([checks(&words, 13), checks(&words, 14)]).collect()
}

/// Whether checks are configured and switched on, without the bit that one is under way.
fn checks(words: &[&str], at: usize) -> String {
    let bits: u32 = words[at].parse().unwrap();
    format!("configured {} on {}", bits & 2 != 0, bits & 4 != 0)
}

#[test]
fn states_weights_addresses_and_checks_come_back() {
    let origin = Origin::start();
    for branch in Branch::here() {
        for way in WAYS {
            let haproxy = CONFIG.start_before(branch, &origin);
            let moved = format!("set server web/s6 addr ::1 port {}", origin.port);
            set(
                &haproxy,
                &[
                    "set server web/s1 state drain",
                    "set server web/s2 state ready",
                    "set server web/s3 weight 0",
                    "set server web/s4 weight 50%",
                    "set server web/s5 state maint",
                    &moved,
                    "set server web/s7 check-port 9",
                    // 3.4 takes no address here at all
                    if branch < Branch::V34 {
                        "set server web/s7 check-addr 127.0.0.5"
                    } else {
                        "show version"
                    },
                    "disable health web/s7",
                    "set server web/s8 addr 127.0.0.9",
                    "set server web/s9 agent-addr 127.0.0.6 port 57",
                    "disable agent web/s9",
                ],
            );
            let before = WorkerBeforeReload::read(&haproxy, None);
            let names = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "untouched"];
            let was = names.map(|name| columns(&haproxy, name));
            let promised = before.preview();
            assert_eq!(promised.len(), 7, "{branch}: {promised:?}");
            assert!(promised.iter().all(|one| one.how == Some("runtime")), "{branch}: {promised:?}");

            let lost = before.reload(&haproxy);
            assert_eq!(lost.len(), 7, "{branch}: a plain reload loses all of it: {lost:?}");
            assert_eq!(
                columns(&haproxy, "s7")[9],
                "configured true on true",
                "{branch}: checks are on again"
            );

            let returned = before.put_back(&haproxy, way);
            assert!(returned.iter().all(|one| one.returned), "{branch} {way:?}: {returned:#?}");
            assert_eq!(
                returned.len(),
                if branch < Branch::V34 { 12 } else { 11 },
                "{branch} {way:?}: {returned:#?}"
            );
            assert_eq!(names.map(|name| columns(&haproxy, name)), was, "{branch} {way:?}");
            assert_eq!(before.lost(&haproxy), [].into(), "{branch} {way:?}");
        }
    }
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    let origin = Origin::start();
    for branch in Branch::here() {
        let haproxy = CONFIG.start_before(branch, &origin);
        let added = format!("add server web/dyn 127.0.0.1:{} check", origin.port);
        set(
            &haproxy,
            &["set server web/s1 state maint", "set server web/s3 weight 3", &added, "enable health web/dyn"],
        );
        let before = WorkerBeforeReload::read(&haproxy, None);
        before.reload(&haproxy);
        assert_eq!(before.put_back(&haproxy, SocketRoute::Direct).len(), 3, "{branch}");
        let log = haproxy.log();
        assert_eq!(before.put_back(&haproxy, SocketRoute::ViaMaster), [], "{branch}");
        assert_eq!(haproxy.log(), log, "{branch}: HAProxy was told nothing");
    }
}

#[test]
fn servers_added_at_run_time_come_back_with_their_checks_switched_on() {
    for branch in Branch::here() {
        for way in WAYS {
            // The server with checks has an origin of its own, so that no other check is taken for its.
            let (origin, alone) = (Origin::start(), Origin::start());
            let haproxy = CONFIG.start_before(branch, &origin);
            let (port, other) = (origin.port, alone.port);
            let checked =
                format!("add server web/checked 127.0.0.1:{other} weight 30 maxconn 5 check rise 4 fall 5");
            let backup = format!("add server web/backup ::1:{port} backup maxqueue 9 id 77");
            let drained = format!("add server web/drained 127.0.0.1:{port} weight 7");
            let idle = format!("add server web/idle 127.0.0.1:{port} check");
            set(
                &haproxy,
                &[
                    &checked,
                    "enable health web/checked",
                    "set server web/checked state ready",
                    &backup,
                    "set server web/backup state ready",
                    &drained,
                    "set server web/drained state drain",
                    "set server web/drained weight 3",
                    &idle,
                ],
            );
            let names = ["backup", "drained", "idle"];
            let (was, rows) = (names.map(|name| columns(&haproxy, name)), stat(&haproxy));
            let before = WorkerBeforeReload::read(&haproxy, None);
            assert_eq!(before.reload(&haproxy).len(), 4, "{branch}: they are gone");
            let returned = before.put_back(&haproxy, way);
            assert!(returned.iter().all(|one| one.returned), "{branch} {way:?}: {returned:#?}");
            assert_eq!(before.lost(&haproxy), [].into(), "{branch} {way:?}");
            assert_eq!(names.map(|name| columns(&haproxy, name)), was, "{branch} {way:?}");
            assert_eq!(stat(&haproxy), rows, "{branch} {way:?}");
            let seen = alone.requests();
            wait_for("two health checks of the server reach its origin", || {
                (alone.requests() >= seen + 2).then_some(())
            });
        }
    }
}

/// Weight, backup, limits, rise and fall of the servers that were added.
fn stat(haproxy: &Instance) -> Vec<Vec<String>> {
    let text = haproxy.ask("show stat");
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let wanted = ["svname", "weight", "act", "bck", "slim", "qlimit", "check_rise", "check_fall", "sid"];
    let at = wanted.map(|name| header.iter().position(|column| column == name).expect("a column"));
    let added = lines.filter(|line| {
        line.get(1).is_some_and(|name| ["checked", "backup", "drained"].contains(&name.as_str()))
    });
    let mut rows: Vec<Vec<String>> = added
        .map(|line| at.iter().map(|column| line[*column].clone()).collect())
        .map(|mut row: Vec<String>| {
            // An id that nobody chose is given anew.
            if row[0] != "backup" {
                row.pop();
            }
            row
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn what_haproxy_does_not_show_of_a_server_is_not_guessed() {
    let origin = Origin::start();
    for branch in Branch::here() {
        let haproxy = CONFIG.start_before(branch, &origin);
        set(
            &haproxy,
            &[
                "add server web/tls 127.0.0.1:443 ssl verify none",
                "add server web/path unix@/tmp/x.sock",
                "add server web/named localhost:80",
            ],
        );
        let before = WorkerBeforeReload::read(&haproxy, None);
        assert!(before.preview().iter().all(|one| one.how.is_none()), "{branch}");
        before.reload(&haproxy);
        let returned = before.put_back(&haproxy, SocketRoute::Direct);
        let whys: Vec<&str> = returned.iter().map(|one| one.why.as_deref().unwrap()).collect();
        assert_eq!(whys.len(), 3, "{branch}: {returned:#?}");
        for (why, word) in whys.iter().zip(["TLS", "unix socket", "by the name localhost"]) {
            assert!(why.contains(word) && why.contains("add server"), "{branch}: {why}");
        }
        assert!(!haproxy.ask("show servers state").contains(" tls "), "{branch}");
    }
}

#[test]
fn a_server_deleted_at_run_time_is_deleted_again() {
    let origin = Origin::start();
    for branch in Branch::here() {
        for way in WAYS {
            let haproxy = CONFIG.start_before(branch, &origin);
            set(&haproxy, &["set server web/s5 state maint"]);
            assert!(haproxy.admin("del server web/s5").contains("deleted"), "{branch}");
            let before = WorkerBeforeReload::read(&haproxy, None);
            before.reload(&haproxy);
            assert!(haproxy.ask("show servers state").contains(" s5 "), "{branch}: it is back by itself");
            let returned = before.put_back(&haproxy, way);
            assert_eq!(summarize(&returned), ["dynamic-server web/s5 deletion true"], "{branch} {way:?}");
            assert!(!haproxy.ask("show servers state").contains(" s5 "), "{branch}");
        }
    }
}

#[test]
fn a_worker_that_is_gone_returns_nothing_and_says_so() {
    let origin = Origin::start();
    for branch in Branch::here() {
        let haproxy = CONFIG.start_before(branch, &origin);
        set(&haproxy, &["set server web/s1 state maint"]);
        let before = WorkerBeforeReload::read(&haproxy, None);
        let old = channel(&haproxy, SocketRoute::ViaMaster);
        before.reload(&haproxy);
        wait_for("the old worker ends", || old.ask("show info").is_err().then_some(()));
        let returned = haguard::act::runtime_state::replay::replay_into(
            &before.old,
            &before.loaded,
            old.writer(&clearance()),
            &|_, _| true,
        );
        assert_eq!(returned.len(), 4, "{branch}: {returned:#?}");
        assert!(returned.iter().all(|one| !one.returned && one.why.is_some()), "{branch}: {returned:#?}");
    }
}

#[test]
fn both_workers_are_reached_after_the_reload() {
    let origin = Origin::start();
    for branch in Branch::here() {
        let haproxy = CONFIG.start_before(branch, &origin);
        let old = haproxy.worker_pid();
        set(&haproxy, &["set server web/s1 state maint"]);
        // A held exchange keeps the old worker alive.
        let _held = hold_connection(haproxy.port("fe"), 1);
        let before = WorkerBeforeReload::read(&haproxy, None);
        before.reload(&haproxy);
        let new = haproxy.worker_pid();
        let instance = before.facts.instance.seen().unwrap();
        for (pid, admin) in [(old, Some("1")), (new, Some("0"))] {
            let way = worker_channel(&before.settings, instance, pid, Deadline::after(LONG), &Arc::default());
            let way = way.seen().unwrap();
            let text = way.ask("show servers state web").unwrap();
            let row = text.lines().find(|line| line.contains(" s1 ")).unwrap();
            assert_eq!(row.split(' ').nth(6), admin, "{branch}: {way:?}");
            assert_eq!(matches!(way, WorkerChannel::Direct(_)), pid == new, "{branch}");
        }
        origin.release();
    }
}

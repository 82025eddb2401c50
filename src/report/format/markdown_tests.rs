use super::*;
use crate::facts::controllers::{MultiplexerSession, SystemdUnit, Unmanaged};
use crate::facts::routes::{Route, RouteBackend, RouteServer, Routes};
use crate::facts::{Control, Controller, Role, ServerAddress, UnownedListener, test_facts};

/// HAProxy of systemd, a web server in a tmux that serves one of its servers, and one that nobody serves.
fn facts_with_services() -> Facts {
    let mut facts = test_facts::healthy();
    let systemd = Controller::Systemd(SystemdUnit { unit: "haproxy.service".into() });
    let mut haproxy = test_facts::service("haproxy", 443, systemd);
    haproxy.role = Some(Role::Haproxy);
    haproxy.process = facts.instance.seen().unwrap().main.clone();
    haproxy.user = Some("root".into());
    haproxy.files = vec!["/etc/haproxy.cfg".into()];
    let tmux = Controller::Multiplexer(MultiplexerSession {
        program: "tmux".into(),
        server: 400,
        uid: 1001,
        session: Some("gui".into()),
    });
    let web = test_facts::service("http.server", 5050, tmux);
    let mut odd =
        test_facts::service("a|b_*c", 6000, Controller::Unmanaged(Unmanaged { cgroup: "/".into() }));
    odd.control = Control::unknown("/proc/9/cgroup: permission denied (run as root)");
    odd.process.pid = 9;
    let mut host = test_facts::host_facts(vec![haproxy, web, odd]);
    host.unowned =
        vec![UnownedListener { listener: "tcp 0.0.0.0:111".parse().unwrap(), uid: Some(0), user: None }];
    let server = |name: &str, port| crate::facts::Server {
        address: Known::Seen(ServerAddress { ip: "127.0.0.1".into(), port }),
        ..test_facts::server("web", name, port)
    };
    host.find_local_servers(&[server("s1", 5050), server("s2", 5051)]);
    facts.on_host = Known::Seen(host);
    let route = |host: Option<&str>, when: &str, backend, at: &str| Route {
        frontend: "https".into(),
        host: host.map(str::to_owned),
        when: when.into(),
        backend,
        at: at.into(),
    };
    let at = |name: &str, port: u16, status: &str| RouteServer {
        name: name.into(),
        address: Known::Seen(format!("127.0.0.1:{port}")),
        status: Known::Seen(status.into()),
    };
    facts.routes = Known::Seen(Routes {
        routes: vec![
            route(Some("gui.example"), "", Known::Seen("web".into()), "/etc/haproxy.cfg:9"),
            route(
                None,
                "path_beg /x",
                Known::unknown("decided for each request by bk_%[path]"),
                "/etc/haproxy.cfg:10",
            ),
        ],
        backends: vec![RouteBackend {
            name: "web".into(),
            servers: vec![at("s1", 5050, "UP"), at("s2", 5051, "DOWN")],
        }],
        notes: vec!["/etc/haproxy.cfg was written after the worker's start".into()],
    });
    facts
}

fn render(facts: &Facts) -> String {
    let mut out = Vec::new();
    write(facts, &mut out).unwrap();
    String::from_utf8(out).unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn the_markdown_of_a_whole_situation_is_the_committed_one() {
    let made = render(&facts_with_services());
    let committed = include_str!("markdown_golden.md");
    if made != committed {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/DEPLOYMENT.md.new");
        std::fs::write(path, &made).unwrap();
        panic!("src/report/format/markdown_golden.md is out of date; what is made now stands in {path}");
    }
}

#[test]
fn where_nothing_was_seen_the_file_says_so() {
    let mut facts = facts_with_services();
    facts.on_host = Known::unknown("/proc: denied");
    facts.instance = Known::unknown("nothing answers");
    let made = render(&facts);
    assert!(
        made.contains("Unknown: /proc: denied.") && made.contains("- HAProxy: nothing answers"),
        "{made}"
    );
}

#[test]
fn no_name_can_become_markup() {
    assert_eq!(escape("a|b_*c<x>\n"), r"a\|b\_\*c\<x\>".to_owned() + "\u{fffd}");
    assert_eq!(code("a`b|c"), r"``a`b|c``");
    assert_eq!(table_code("a`b|c"), r"``a`b\|c``");
    assert_eq!(code("`a"), "`` `a ``");
}

//! Files that were edited while the worker ran: what the edit changed on purpose stays.

use super::{SocketRoute, WorkerBeforeReload, edit, set, summarize};
use crate::support::haproxy::{Branch, Instance};

const CONFIG: &str = "
frontend fe
    bind 127.0.0.1:{port:fe}
    acl api path_beg /api
    use_backend web if api
    default_backend web
backend web
    balance roundrobin
    server s1 127.0.0.1:1001 weight 10
    server s2 127.0.0.1:1002
    server s3 127.0.0.1:1003
    server s4 127.0.0.1:1004
backend gone
    server g1 127.0.0.1:1005
";

/// A worker with run-time state of every kind, whose files are then edited; and the files as they were.
fn edited(branch: Branch) -> (Instance, String) {
    let mut haproxy = Instance::builder(branch).config(CONFIG).start();
    let text = haproxy.config();
    let listed = haproxy.ask("show acl");
    let line = listed.lines().find(|line| line.contains("() acl 'path_beg'")).unwrap();
    let acl = format!("add acl #{} /v9", line.split(' ').next().unwrap());
    set(
        &haproxy,
        &[
            "set server web/s1 state maint",
            "set server web/s2 addr 127.0.0.9 port 2002",
            "set server web/s4 weight 0",
            "add server web/dyn 127.0.0.1:2003",
            "set server web/dyn state ready",
            "add server gone/dyn 127.0.0.1:2004",
            "set server gone/g1 state maint",
            &acl,
        ],
    );
    // s3 goes, s4 moves and weighs more, a backend goes, a backend comes, and every line moves.
    edit(
        &mut haproxy,
        "    server s3 127.0.0.1:1003\n    server s4 127.0.0.1:1004\n",
        "    server s4 127.0.0.1:1014 weight 5\n",
    );
    edit(
        &mut haproxy,
        "backend gone\n    server g1 127.0.0.1:1005\n",
        "backend fresh\n    server f1 127.0.0.1:1\n",
    );
    edit(&mut haproxy, "frontend fe\n", "# a comment\nfrontend fe\n");
    (haproxy, text)
}

fn servers(haproxy: &Instance) -> Vec<String> {
    let text = haproxy.ask("show servers state");
    let rows = text
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|row| row.len() > 20 && row[0] != "#");
    rows.map(|row| format!("{}/{} {}:{} {} {}", row[1], row[3], row[4], row[18], row[6], row[7])).collect()
}

#[test]
fn with_a_copy_of_what_was_loaded_the_edit_stays_and_the_rest_comes_back() {
    for branch in Branch::here() {
        let (haproxy, copy) = edited(branch);
        let before = WorkerBeforeReload::read(&haproxy, Some(&copy));
        before.reload(&haproxy);
        let returned = before.put_back(&haproxy, SocketRoute::Direct);
        let line = haproxy.config().lines().position(|line| line.contains("acl api")).unwrap();
        let acl = format!("acl-entry {}:{line} path_beg entries true", haproxy.config_path().display());
        let want = [
            "memory-only-config gone backend false",
            "server-admin-state web/s1 state true",
            "server-address web/s2 address true",
            "server-weight web/s4 weight false",
            "dynamic-server web/dyn server true",
            &acl,
        ];
        assert_eq!(summarize(&returned), want, "{branch}: {returned:#?}");
        let why = returned[3].why.as_deref().unwrap();
        assert!(why.contains("from 1 to 5"), "{why}");
        let mut is = servers(&haproxy);
        is.sort();
        let want = [
            "fresh/f1 127.0.0.1:1 0 1",
            "web/dyn 127.0.0.1:2003 0 1",
            "web/s1 127.0.0.1:1001 1 10",
            "web/s2 127.0.0.9:2002 0 1",
            "web/s4 127.0.0.1:1014 0 5",
        ];
        assert_eq!(is, want, "{branch}");
        assert!(haproxy.ask("show acl").contains("'path_beg'"));
    }
}

#[test]
fn without_a_copy_only_what_is_unmistakable_comes_back() {
    for branch in Branch::here() {
        let (haproxy, _) = edited(branch);
        let before = WorkerBeforeReload::read(&haproxy, None);
        let doubtful = before.preview().into_iter().filter(|one| one.how.is_none()).count();
        assert!(doubtful >= 4, "{branch}: {:?}", before.preview());
        before.reload(&haproxy);
        let returned = before.put_back(&haproxy, SocketRoute::Direct);
        let (back, not): (Vec<_>, Vec<_>) = returned.into_iter().partition(|one| one.returned);
        assert_eq!(summarize(&back), ["server-admin-state web/s1 state true"], "{branch}");
        let doubtful = not.iter().filter(|one| {
            one.why.as_deref().unwrap().contains("it is not known whether this was set at run time")
        });
        let names: Vec<&str> = doubtful.map(|one| one.object.as_str()).collect();
        assert_eq!(names[..4], ["web/s2", "web/s3", "web/s4", "web/dyn"], "{branch}: {not:#?}");
        assert_eq!(names.len(), 5, "{branch}: and the list on the line: {not:#?}");
        let mut is = servers(&haproxy);
        is.sort();
        let want = [
            "fresh/f1 127.0.0.1:1 0 1",
            "web/s1 127.0.0.1:1001 1 10",
            "web/s2 127.0.0.1:1002 0 1",
            "web/s4 127.0.0.1:1014 0 5",
        ];
        assert_eq!(is, want, "{branch}");
    }
}

#[test]
fn a_refusal_half_way_is_reported_and_the_rest_goes_on() {
    for branch in Branch::here() {
        let mut haproxy = Instance::builder(branch).config(CONFIG).start();
        let copy = haproxy.config();
        set(&haproxy, &["add server web/dyn 127.0.0.1:2003 weight 3", "set server web/s1 state drain"]);
        set(&haproxy, &["set server web/s2 addr 127.0.0.9", "set server web/s4 weight 9"]);
        // A backend with a static algorithm takes no server, and no weight but nothing and all.
        edit(&mut haproxy, "    balance roundrobin\n", "    balance static-rr\n");
        let before = WorkerBeforeReload::read(&haproxy, Some(&copy));
        before.reload(&haproxy);
        let returned = before.put_back(&haproxy, SocketRoute::ViaMaster);
        let want = [
            "server-admin-state web/s1 state true",
            "server-address web/s2 address true",
            "server-weight web/s4 weight false",
            "dynamic-server web/dyn server false",
        ];
        assert_eq!(summarize(&returned), want, "{branch}: {returned:#?}");
        let whys: Vec<&str> = returned[2..].iter().map(|one| one.why.as_deref().unwrap()).collect();
        assert!(whys[0].contains("static LB algorithm"), "{branch}: {whys:?}");
        assert!(whys[1].contains("dynamic load balancing"), "{branch}: {whys:?}");
    }
}

//! Map and ACL lists, compared with their order.

use super::{SocketRoute, WAYS, WorkerBeforeReload, set, summarize};
use crate::support::configs::TestConfig;
use crate::support::haproxy::{Branch, Instance};

const CONFIG: TestConfig = TestConfig {
    globals: "",
    sections: "
frontend fe
    bind 127.0.0.1:{port:fe}
    http-request deny if { req.hdr(user-agent) -f {dir}/agents.lst }
    acl api path_beg /api /v2
    use_backend web if api
    use_backend %[path,map_reg({dir}/paths.map)]
    use_backend %[req.hdr(host),lower,map({dir}/hosts.map)]
    default_backend web
backend web
backend api
backend gone
",
    files: &[
        ("agents.lst", "Bad Bot\nWorse\\Bot\n"),
        ("hosts.map", "a.test web\nb.test api\nc.test web\nb.test gone\n"),
        ("paths.map", "^/a web\n^/ab api\n"),
    ],
};

/// Every entry in its order, without the addresses.
fn entries(haproxy: &Instance, command: &str) -> Vec<String> {
    let text = haproxy.ask(command);
    text.lines().filter_map(|line| line.split_once(' ')).map(|(_, entry)| entry.to_owned()).collect()
}

fn inline_acl(haproxy: &Instance) -> String {
    let listed = haproxy.ask("show acl");
    let line = listed.lines().find(|line| line.contains("() acl 'path_beg'")).expect("it is listed");
    line.split(' ').next().unwrap().to_owned()
}

fn lists(haproxy: &Instance) -> [Vec<String>; 4] {
    let dir = haproxy.dir().display();
    [
        entries(haproxy, &format!("show map {dir}/hosts.map")),
        entries(haproxy, &format!("show map {dir}/paths.map")),
        entries(haproxy, &format!("show acl {dir}/agents.lst")),
        entries(haproxy, &format!("show acl #{}", inline_acl(haproxy))),
    ]
}

#[test]
fn entries_added_changed_and_deleted_come_back_in_their_order() {
    for branch in Branch::here() {
        for way in WAYS {
            let haproxy = CONFIG.start(branch);
            let dir = haproxy.dir().display().to_string();
            let (hosts, paths, agents) =
                (format!("{dir}/hosts.map"), format!("{dir}/paths.map"), format!("{dir}/agents.lst"));
            let acl = inline_acl(&haproxy);
            let commands = [
                format!("add map {hosts} two\\ words web"),
                format!("add map {hosts} \"q\"'s' it's\\ \"so\""),
                format!("add map {hosts} back\\\\slash C:\\\\dir\\\\"),
                format!("add map {hosts} #hash a#b\\;c"),
                format!("add map {hosts} grüße\\ → ünï→"),
                format!("add map {hosts} lead \\ blank"),
                format!("add map {hosts} <<\npayload <<\nempty \ntab a\tb\n"),
                format!("set map {hosts} a.test api"),
                format!("del map {hosts} c.test"),
                // The regular expression that was first is now last.
                format!("del map {paths} ^/a"),
                format!("add map {paths} ^/a web"),
                format!("add acl {agents} New\\ Agent\\;\\ \"x\"\\\\#"),
                format!("del acl {agents} Bad\\ Bot"),
                format!("add acl #{acl} /v9"),
                format!("del acl #{acl} /api"),
            ];
            set(&haproxy, &commands.iter().map(String::as_str).collect::<Vec<_>>());
            let was = lists(&haproxy);
            assert!(
                was[0].contains(&"payload <<".to_owned()) && was[1] == ["^/ab api", "^/a web"],
                "{was:?}"
            );
            let before = WorkerBeforeReload::read(&haproxy, None);
            let promised = before.preview();
            assert!(promised.iter().all(|one| one.how == Some("runtime")), "{branch}: {promised:?}");
            before.reload(&haproxy);
            assert!(lists(&haproxy).iter().zip(&was).all(|(is, was)| is != was), "{branch}: the files won");
            let returned = before.put_back(&haproxy, way);
            assert_eq!(returned.len(), 4, "{branch} {way:?}: {returned:#?}");
            assert!(returned.iter().all(|one| one.returned), "{branch} {way:?}: {returned:#?}");
            assert_eq!(lists(&haproxy), was, "{branch} {way:?}");
            assert_eq!(before.put_back(&haproxy, way), [], "{branch} {way:?}: nothing is left to do");
            let json = serde_json::to_string(&returned).unwrap();
            assert!(!json.contains("two") && !json.contains("slash") && !json.contains("v9"), "{json}");
        }
    }
}

#[test]
fn an_entry_whose_backend_is_gone_is_reported_and_the_others_come_back() {
    for branch in Branch::here() {
        let mut haproxy = CONFIG.start(branch);
        let hosts = format!("{}/hosts.map", haproxy.dir().display());
        let commands = [
            format!("add map {hosts} new.test api"),
            format!("add map {hosts} lost.test gone"),
            format!("set map {hosts} a.test gone"),
        ];
        set(&haproxy, &commands.iter().map(String::as_str).collect::<Vec<_>>());
        super::edit(&mut haproxy, "backend gone\n", "");
        let before = WorkerBeforeReload::read(&haproxy, None);
        before.reload(&haproxy);
        let returned = before.put_back(&haproxy, SocketRoute::Direct);
        let map = format!("map-entry {hosts}");
        let want = [
            "memory-only-config gone backend false".to_owned(),
            format!("{map} entries that lead nowhere false"),
            format!("{map} entries true"),
        ];
        // The list on the line could not be told from an edit if it had been changed; it was not.
        assert_eq!(summarize(&returned), want, "{branch}: {returned:#?}");
        let is = entries(&haproxy, &format!("show map {hosts}"));
        assert_eq!(is, ["a.test web", "b.test api", "c.test web", "b.test gone", "new.test api"], "{branch}");
    }
}

#[test]
fn a_map_file_that_was_edited_is_left_as_the_edit_wants_it() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        let hosts = format!("{}/hosts.map", haproxy.dir().display());
        set(&haproxy, &[&format!("add map {hosts} new.test api")]);
        // Moved to its place with an old time of writing, as `cp -p` and rsync do it.
        let (fresh, text) = (haproxy.dir().join("fresh"), "z.test web\n");
        std::fs::write(&fresh, text).unwrap();
        let old = std::fs::metadata(haproxy.config_path()).unwrap().modified().unwrap();
        std::fs::File::open(&fresh).unwrap().set_modified(old - std::time::Duration::from_secs(60)).unwrap();
        let started = old + std::time::Duration::from_secs(1);
        crate::support::wait::wait_for("a second goes by", || {
            (std::time::SystemTime::now() > started).then_some(())
        });
        std::fs::rename(&fresh, &hosts).unwrap();
        let before = WorkerBeforeReload::read(&haproxy, None);
        before.reload(&haproxy);
        let returned = before.put_back(&haproxy, SocketRoute::Direct);
        assert_eq!(summarize(&returned), [format!("map-entry {hosts} entries false")], "{branch}");
        let why = returned[0].why.as_deref().unwrap();
        assert!(
            why.contains("it is not known whether this was set at run time")
                && why.contains("edited after the worker started"),
            "{why}"
        );
        assert_eq!(entries(&haproxy, &format!("show map {hosts}")), ["z.test web"], "{branch}");
    }
}

/// 3.0 and newer: a list may do without its file, and the prefix is no part of its name.
#[test]
fn a_list_that_may_be_missing_takes_nothing_from_the_others() {
    const OPTIONAL: TestConfig = TestConfig {
        globals: "",
        sections: "
frontend fe
    bind 127.0.0.1:{port:fe}
    http-request deny if { src -f opt@{dir}/none.lst }
    http-request deny if { src -f file@{dir}/some.lst }
    use_backend %[path,map({dir}/paths.map)]
    default_backend web
backend web
",
        files: &[("some.lst", "10.0.0.1\n"), ("paths.map", "/a web\n")],
    };
    for branch in Branch::here().into_iter().filter(|branch| *branch >= Branch::V30) {
        let haproxy = OPTIONAL.start(branch);
        let dir = haproxy.dir().display().to_string();
        assert_eq!(WorkerBeforeReload::read(&haproxy, None).preview(), [], "{branch}: nothing was changed");
        set(
            &haproxy,
            &[&format!("add map {dir}/paths.map /b web"), &format!("add acl {dir}/some.lst 10.9.9.9")],
        );
        let before = WorkerBeforeReload::read(&haproxy, None);
        let promised: Vec<_> = before.preview().into_iter().map(|one| (one.object, one.how)).collect();
        let lists = [format!("{dir}/paths.map"), format!("{dir}/some.lst")];
        assert_eq!(promised, lists.clone().map(|name| (name, Some("runtime"))), "{branch}");
        before.reload(&haproxy);
        let returned = before.put_back(&haproxy, SocketRoute::Direct);
        assert!(returned.len() == 2 && returned.iter().all(|one| one.returned), "{branch}: {returned:#?}");
        assert_eq!(before.lost(&haproxy), [].into(), "{branch}");
    }
}

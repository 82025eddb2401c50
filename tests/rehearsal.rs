//! The next worker, rehearsed: it is what comes up, it differs as it is said to, and what would fail is found before.

mod failures;
mod names;
mod sealed;

use serde_json::Value;

use crate::support::configs;
use crate::support::configs::TestConfig;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;
use crate::support::{pem, process};

/// `haguard rehearse` about this HAProxy, with its document.
fn rehearse(haguard: &Haguard, haproxy: &Instance, args: &[&str]) -> (i32, Value) {
    let said = run(haguard, haproxy, args, "json");
    (said.status, said.json())
}

fn run(haguard: &Haguard, haproxy: &Instance, args: &[&str], format: &str) -> RunOutput {
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    haguard.run([&["rehearse", "--master-socket", socket, "-o", format], args].concat())
}

/// `action what object` of every difference.
fn changes(document: &Value) -> Vec<String> {
    let all = document["rehearsal"]["difference"]["changes"].as_array().expect("a list").iter();
    let word = |change: &Value, key: &str| change[key].as_str().expect("a word").to_owned();
    all.map(|c| format!("{} {} {}", word(c, "action"), word(c, "what"), word(c, "object"))).collect()
}

/// As little as serves.
const PLAIN: &str = "
frontend fe
    bind 127.0.0.1:{port:fe}
    default_backend web
backend web
    server s1 127.0.0.1:81
";

const CONFIG: TestConfig = TestConfig {
    globals: "",
    sections: "
frontend fe
    bind 127.0.0.1:{port:fe}
    bind 127.0.0.1:{port:tls} ssl crt {dir}/site.pem
    use_backend %[req.hdr(host),lower,map({dir}/hosts.map)]
    default_backend web
backend web
    server s1 127.0.0.1:{port:one} weight 10
    server s2 127.0.0.1:{port:two}
backend old
    server o1 127.0.0.1:{port:one}
",
    files: &[("site.pem", "{pem:disk.test}"), ("hosts.map", "a.test web\n")],
};

#[test]
fn what_runs_and_what_is_on_disk_alike_is_no_difference() {
    requires!(Root);
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        let (status, document) = rehearse(&Haguard::new(), &haproxy, &["--exit-code"]);
        assert_eq!((status, changes(&document)), (0, vec![]), "{branch}: {document:#}");
        let rehearsal = &document["rehearsal"];
        assert_eq!(rehearsal["how"], "rehearsed", "{branch}");
        assert_eq!(rehearsal["came_up"], true, "{branch}");
        let counted =
            ["frontends", "backends", "servers", "certificates"].map(|key| rehearsal["holds"][key].clone());
        assert_eq!(counted, [1, 2, 3, 1].map(Value::from), "{branch}: {document:#}");
        assert!(rehearsal["memory_kb"].as_u64().unwrap() > 1000, "{branch}");
        assert!(document["losses"].as_array().unwrap().is_empty(), "{branch}");
        assert!(document["findings"].to_string().contains("config.rehearsal"), "{branch}");
    }
}

#[test]
fn an_edit_and_what_was_set_at_run_time_are_told_thing_by_thing() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = CONFIG.start(branch);
        haproxy.admin("set server web/s2 state maint");
        haproxy.admin(&format!("add map {}/hosts.map b.test web", haproxy.dir().display()));
        let text = haproxy.config().replace("weight 10", "weight 20").replace("backend old", "backend new");
        haproxy.write_config(&format!(
            "{text}frontend more\n    bind 127.0.0.1:{{port:more}}\n    default_backend web\n"
        ));
        std::fs::write(haproxy.dir().join("site.pem"), pem::self_signed("renewed.test")).unwrap();
        let (status, document) = rehearse(&Haguard::new(), &haproxy, &["--exit-code"]);
        let dir = haproxy.dir().display();
        let expected = [
            "remove backend old".to_owned(),
            "add backend new".to_owned(),
            format!("change certificate {dir}/site.pem"),
            "add frontend more".to_owned(),
            format!("change map {dir}/hosts.map"),
            "add server new/o1".to_owned(),
            "change server web/s1".to_owned(),
            "change server web/s2".to_owned(),
            "remove server old/o1".to_owned(),
        ];
        let mut found = changes(&document);
        assert!(
            found.iter().any(|c| c.contains("bind") && c.contains(&haproxy.port("more").to_string())),
            "{found:?}"
        );
        found.retain(|change| !change.contains(" bind "));
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        assert_eq!(sorted(found), sorted(expected.into()), "{branch}");
        assert_eq!(status, 4, "{branch}");
        let said = run(&Haguard::new(), &haproxy, &[], "text");
        assert_eq!(said.status, 0, "{branch}: without --exit-code a difference is no failure: {said}");
        for words in
            ["+ backend new", "~ server web/s1 (weight 10 becomes 20)", "(maintenance becomes ready)"]
        {
            assert!(said.stdout.contains(words), "{branch}: no {words:?} in {said}");
        }
        assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{branch}: {said}");
        assert!(said.stdout.trim_end().ends_with("nothing was changed. (exit 0)"), "{branch}: {said}");
    }
}

#[test]
fn a_candidate_is_tried_in_place_of_the_files_that_run() {
    requires!(Root);
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        let candidate = haproxy.dir().join("candidate.cfg");
        std::fs::write(&candidate, haproxy.config() + "backend extra\n    server e1 127.0.0.1:1\n").unwrap();
        let before = haproxy.config();
        let path = candidate.to_str().unwrap();
        let (status, document) = rehearse(&Haguard::new(), &haproxy, &["--config-file", path]);
        assert_eq!(status, 0, "{branch}: {document:#}");
        assert_eq!(changes(&document), ["add backend extra", "add server extra/e1"], "{branch}");
        assert_eq!(haproxy.config(), before, "{branch}");
    }
}

#[test]
fn conditions_and_variables_are_decided_with_the_masters_own_environment() {
    requires!(Root);
    for branch in Branch::here() {
        let text = ".if defined(HAG_EXTRA)\nbackend extra\n    server e1 \"${HAG_HOST}:81\"\n.endif\n";
        let builder = Instance::builder(branch).env("HAG_EXTRA", "1").env("HAG_HOST", "127.0.0.9");
        let mut haproxy = builder.config("").start();
        haproxy.write_config(&(haproxy.config() + text));
        let (_, document) = rehearse(&Haguard::new(), &haproxy, &[]);
        assert_eq!(changes(&document), ["add backend extra", "add server extra/e1"], "{branch}");
        assert!(document["rehearsal"]["difference"].to_string().contains("127.0.0.9:81"), "{branch}");
    }
}

#[test]
fn where_no_haproxy_runs_a_file_is_tried_alone() {
    requires!(Root, Sandbox);
    let sandbox = Sandbox::new();
    for branch in Branch::here() {
        let binary = crate::support::haproxy::binary(branch);
        let haguard = Haguard::inside(&sandbox);
        let file = |name: &str, text: &str| {
            let path = haguard.home().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let settings = haguard.config(&format!("[haproxy]\nbinary = '{}'\n", binary.display()));
        let settings = settings.to_str().unwrap();
        let good =
            file("good.cfg", "defaults\n  mode http\n  timeout client 1s\nfrontend f\n  bind 127.0.0.1:80\n");
        let said = haguard.run(["rehearse", "--config", settings, "--config-file", &good, "-o", "json"]);
        let document = said.json();
        assert_eq!(said.status, 0, "{branch}: {said}");
        assert_eq!(document["rehearsal"]["holds"]["frontends"], 1, "{branch}: {said}");
        assert!(
            document["rehearsal"]["difference"].is_null(),
            "{branch}: nothing runs to differ from: {said}"
        );
        let bad = file("bad.cfg", "frontend f\n  bind unix@/no/such/folder/s.sock\n");
        let said = haguard.run(["rehearse", "--config", settings, "--config-file", &bad]);
        assert_eq!(said.status, 3, "{branch}: {said}");
        assert!(said.stdout.contains("/no/such/folder"), "{branch}: {said}");
    }
}

#[test]
fn bad_input_is_named_with_its_mend() {
    let haguard = Haguard::new();
    for (path, words) in [("/no/such.cfg", "No such file"), ("/dev/null", "neither a file nor a folder")] {
        let said = haguard.run(["rehearse", "--config-file", path]);
        assert_eq!(said.status, 2, "{said}");
        assert!(said.stderr.contains(words) && said.stderr.contains("fix:"), "{said}");
    }
}

#[test]
fn the_ledger_and_the_refusal_rest_on_the_rehearsal() {
    requires!(Root);
    for branch in Branch::here() {
        let mut haproxy = CONFIG.start(branch);
        let haguard = Haguard::new();
        let socket = haproxy.master_socket().unwrap().to_owned();
        let document = haguard.json(&["restart"], &socket);
        let compared = document["refusal"]["compared_with"].as_str().unwrap();
        assert!(
            compared.contains("(rehearsed from cold: it comes up with 1 frontend"),
            "{branch}: {compared}"
        );
        haproxy.admin("set server web/s1 state maint");
        let ledger = haguard.json(&["inspect", "--losses"], &socket)["losses"].clone();
        assert_eq!(ledger[0]["how"], "rehearsed", "{branch}: {ledger:#}");
        // The test calls it valid, and it would not come up: only the rehearsal knows.
        let text = haproxy.config() + configs::UNBINDABLE;
        haproxy.write_config(&text);
        let (binary, config) = (haproxy.binary(), haproxy.config_path());
        assert!(process::check_config(binary, config).is_ok(), "{branch}: HAProxy's own test finds it");
        let document = haguard.json(&["restart"], &socket);
        let kinds = document["losses"].as_array().unwrap();
        let line = kinds.iter().find(|line| line["kind"] == "unloadable-config").expect("it says so");
        assert_eq!((&line["how"], &line["on_restart"]), (&"rehearsed".into(), &"lost".into()), "{branch}");
        assert!(line["detail"].as_str().unwrap().contains("/no/such/folder"), "{branch}: {line}");
    }
}

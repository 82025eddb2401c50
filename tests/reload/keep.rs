//! `reload --keep-runtime`: what the plan says would be lost is there again when the reload is called proven.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Bench, RELOAD, on_every_branch, proof, unwrapped};
use crate::support::document::as_text;
use crate::support::haproxy::Branch;
use crate::support::requires::requires;
use crate::support::truth::{self, RuntimeSnapshot};

/// Everything that only memory holds, set over the socket; lists and certificates are files beside the configuration.
const MORE: &str = "
    bind 127.0.0.1:{port:tls} ssl crt {dir}/site.pem
    http-request deny if { src -f {dir}/block.lst }
    use_backend %[path,map({dir}/routes.map)] if { path,map({dir}/routes.map) -m found }
backend gone
    server g1 127.0.0.1:9
backend more
    balance roundrobin
    server m1 127.0.0.1:9 weight 10
    server m2 127.0.0.1:9 weight 10
";

fn start(branch: Branch) -> Bench {
    RELOAD.start_with(branch, |builder| {
        builder
            .config(&format!("frontend tls{MORE}"))
            .file("site.pem", &crate::support::pem::self_signed("disk.test"))
            .file("routes.map", "/a app\n/b app\n")
            .file("block.lst", "192.0.2.1\n")
    })
}

fn disturb(bench: &Bench) {
    let dir = bench.haproxy.dir().display();
    let port = bench.origin.port;
    for command in [
        "set server more/m1 state maint".to_owned(),
        "set server more/m2 weight 3".to_owned(),
        "set server app/two state drain".to_owned(),
        "set server gone/g1 state maint".to_owned(),
        format!("set server more/m2 addr 127.0.0.7 port {port}"),
        format!("add server more/dyn 127.0.0.1:{port} check inter 100ms weight 7"),
        "enable health more/dyn".to_owned(),
        "enable server more/dyn".to_owned(),
        format!("add map {dir}/routes.map /c more"),
        format!("set map {dir}/routes.map /a more"),
        format!("del map {dir}/routes.map /b"),
        format!("add acl {dir}/block.lst 192.0.2.9"),
    ] {
        let said = bench.haproxy.admin(&command);
        assert!(!said.contains("nknown") && !said.contains("such"), "{command}: {said}");
    }
    let pem = crate::support::pem::self_signed("memory.test");
    bench.haproxy.admin(&format!("set ssl cert {dir}/site.pem <<\n{pem}\n"));
    assert!(bench.haproxy.admin(&format!("commit ssl cert {dir}/site.pem")).contains("Success"));
}

/// Keys of certificates can be read from 3.2 on.
fn gives_keys(branch: Branch) -> bool {
    branch >= Branch::V32
}

fn lost(before: &RuntimeSnapshot, bench: &Bench) -> BTreeMap<(String, String), u64> {
    truth::lost(before, &truth::snapshot(&bench.haproxy))
}

fn kept_steps(plan: &Value) -> Vec<&str> {
    let steps = plan["plan"]["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["how"] == "runtime").map(|step| as_text(&step["object"])).collect()
}

#[test]
fn everything_that_a_plain_reload_loses_is_back_when_it_is_called_proven() {
    on_every_branch(|branch| {
        let bench = start(branch);
        disturb(&bench);
        let before = truth::snapshot(&bench.haproxy);
        let plan = bench.json(&["--keep-runtime", "--plan"]);
        assert_eq!(plan["exit"], 0, "{branch}: {plan:#}");
        assert_eq!(plan["plan"]["options"], serde_json::json!(["keep-runtime"]), "{branch}");
        let steps = kept_steps(&plan);
        for object in ["server-admin-state more/m1", "server-weight more/m2", "dynamic-server more/dyn"] {
            assert!(steps.contains(&object), "{branch}: no {object} in {steps:?}");
        }
        let foreseen = plan["reload"]["notes"].to_string();
        assert_eq!(
            foreseen.contains("not put back: certificate"),
            !gives_keys(branch),
            "{branch}: {foreseen}"
        );
        assert_ne!(
            plan["plan"]["id"],
            bench.json(&["--plan"])["plan"]["id"],
            "{branch}: the option is in the id"
        );

        let done = bench.json(&["--keep-runtime", "--approve", as_text(&plan["plan"]["id"])]);
        assert_eq!((&done["exit"], &done["changed"]), (&0.into(), &true.into()), "{branch}: {done:#}");
        let certificate = ("certificate".to_owned(), format!("{}/site.pem", bench.haproxy.dir().display()));
        let expected = if gives_keys(branch) { BTreeMap::new() } else { BTreeMap::from([(certificate, 1)]) };
        assert_eq!(lost(&before, &bench), expected, "{branch}: {:#}", done["reload"]["returned"]);
        assert!(as_text(&proof(&done, "put back")["after"]).ends_with("back"), "{branch}");
        assert!(done["reload"]["finished"].to_string().contains("put-back"), "{branch}");
        let journal = bench.recorded().iter().map(Value::to_string).collect::<String>();
        assert!(journal.contains("put-back"), "{branch}: {journal}");

        // The checks of the server that came back are on: it answers them.
        crate::support::wait::wait_for("a check of the server that came back", || {
            let rows = bench.haproxy.ask("show stat");
            rows.lines().any(|row| row.starts_with("more,dyn,") && row.contains(",L4OK,")).then_some(())
        });

        // Without the option all of it goes: the control.
        let before = truth::snapshot(&bench.haproxy);
        let plain = bench.json(&["--approve", &bench.plan()]);
        assert_eq!(plain["exit"], 0, "{branch}: {plain:#}");
        let gone = lost(&before, &bench);
        assert!(gone.len() >= 7, "{branch}: {gone:?}");
    });
}

#[test]
fn after_an_edit_what_came_at_run_time_is_told_by_the_copy_that_an_earlier_reload_kept() {
    on_every_branch(|branch| {
        let mut bench = start(branch);
        // This one keeps the copy of what the worker after it has loaded.
        let first = bench.json(&["--approve", &bench.plan()]);
        assert_eq!(first["exit"], 0, "{branch}: {first:#}");
        disturb(&bench);
        let text = bench.haproxy.config();
        let (head, rest) = text.split_once("backend gone").unwrap();
        let rest = rest.split_once("backend more").unwrap().1;
        let rest = rest.replace("m1 127.0.0.1:9 weight 10", "m1 127.0.0.1:8 weight 10");
        bench.haproxy.write_config(&format!("{head}backend more{rest}backend late\n"));
        let before = truth::snapshot(&bench.haproxy);
        let plan = bench.json(&["--keep-runtime", "--plan"]);
        let done = bench.json(&["--keep-runtime", "--approve", as_text(&plan["plan"]["id"])]);
        assert_eq!(done["exit"], 0, "{branch}: {done:#}");
        let after = truth::snapshot(&bench.haproxy);
        let of = |truth: &RuntimeSnapshot, kind: &str, object: &str| {
            truth
                .get(&(kind.to_owned(), object.to_owned()))
                .map(|set| set.iter().cloned().collect::<Vec<_>>())
        };
        for (kind, object) in [
            ("dynamic-server", "more/dyn"),
            ("server-admin-state", "more/m1"),
            ("server-weight", "more/m2"),
            ("server-address", "more/m2"),
        ] {
            assert_eq!(of(&before, kind, object), of(&after, kind, object), "{branch}: {kind} {object}");
        }
        // What the edit did on purpose stands, and the backend that it took away is told and not invented.
        assert_eq!(of(&after, "server-address", "more/m1").unwrap(), ["127.0.0.1:8"], "{branch}");
        assert_eq!(of(&after, "memory-only-config", "gone"), None, "{branch}");
        let told = format!("{}{}", plan["reload"]["notes"], done["reload"]["returned"]);
        assert!(told.contains("gone"), "{branch}: {told}");
    });
}

#[test]
fn the_text_names_what_is_put_back_and_what_is_not() {
    requires!(Haproxy(Branch::V30));
    let bench = start(Branch::V30);
    disturb(&bench);
    let plan = bench.run(&["--keep-runtime", "--plan"]);
    assert_eq!(plan.status, 0, "{plan}");
    assert!(unwrapped(&plan.stdout).contains("not put back: certificate"), "{plan}");
    assert!(unwrapped(&plan.stdout).replace("\\ ", "").contains("--keep-runtime --approve"), "{plan}");
    let id = as_text(&bench.json(&["--keep-runtime", "--plan"])["plan"]["id"]).to_owned();
    let done = bench.run(&["--keep-runtime", "--approve", &id]);
    assert_eq!(done.status, 0, "{done}");
    for words in ["put back into the new worker", "dynamic-server: more/dyn", "NOT certificate"] {
        assert!(unwrapped(&done.stdout).contains(words), "`{words}` in {done}");
    }
    assert!(
        done.stdout.lines().chain(plan.stdout.lines()).all(|line| line.chars().count() <= 80),
        "{plan}{done}"
    );
}

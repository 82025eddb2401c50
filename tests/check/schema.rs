//! The published schema of the documents, and the documents beside it.

use haguard::exit::Exit;
use haguard::plan::losses::KINDS;
use serde_json::{Value, json};

use super::{break_config, start};
use crate::support::document::level;
use crate::support::golden;
use crate::support::guest::Guest;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

const FILE: &str = "examples/haguard-1.schema.json";

/// As a reader takes it: what it does not know is let through. And closed, so that a field which nobody described is seen.
struct Schemas {
    open: jsonschema::Validator,
    closed: jsonschema::Validator,
    bodies: Vec<String>,
}

impl Schemas {
    fn read() -> Self {
        let schema: Value = serde_json::from_str(&golden::read(FILE)).expect("the schema is JSON");
        let required = |name: &String| schema["required"].as_array().unwrap().contains(&json!(name));
        let optional = |name: &&String| !required(name) && *name != "procedures";
        let bodies = schema["properties"].as_object().unwrap().keys().filter(optional).cloned().collect();
        let mut closed = schema.clone();
        close(&mut closed);
        Schemas {
            open: jsonschema::validator_for(&schema).expect("the schema is one"),
            closed: jsonschema::validator_for(&closed).expect("closed, it still is"),
            bodies,
        }
    }

    #[track_caller]
    fn accept(&self, said: &RunOutput) -> Value {
        let document = said.json();
        for (name, schema) in [("open", &self.open), ("closed", &self.closed)] {
            let wrong: Vec<String> = schema
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{said}");
        }
        let keys = document.as_object().unwrap().keys();
        let bodies: Vec<&String> = keys.filter(|key| self.bodies.contains(key)).collect();
        assert_eq!(bodies.len(), 1, "one body and no more: {bodies:?}");
        document
    }
}

/// Every object with named fields has those and no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".into(), Value::Bool(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

fn run(haguard: &Haguard, haproxy: &Instance, words: &[&str]) -> RunOutput {
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    haguard.run(words.iter().chain(&["-o", "json", "--master-socket", socket]))
}

#[test]
fn every_document_is_as_the_published_schema_says() {
    requires!(Haproxy(Branch::V26), Haproxy(Branch::V34));
    let schemas = Schemas::read();
    for branch in [Branch::V26, Branch::V34] {
        let mut haproxy = start(branch);
        let haguard = Haguard::new();
        let root = rustix::process::geteuid().is_root();
        haproxy.admin("set server app/one state ready");
        let run = |haproxy: &Instance, words: &[&str], exit: i32| {
            let said = run(&haguard, haproxy, words);
            assert_eq!(said.status, exit, "{branch} {words:?}: {said}");
            schemas.accept(&said)
        };
        run(&haproxy, &["check"], 0);
        run(&haproxy, &["check", "--for", "reload"], 0);
        let ignore = ["check", "--ignore", "runtime.maint-servers", "--reason", "x"];
        let ignored = run(&haproxy, &ignore, 0);
        assert_eq!(ignored["verdict"]["ignored"], 1, "{branch}: {ignored:#}");
        run(&haproxy, &["inspect"], 0);
        run(&haproxy, &["inspect", "--losses"], 0);
        run(&haproxy, &["inspect", "--routes"], 0);
        run(&haproxy, &["restart", &haproxy.port("web").to_string()], 3);
        run(&haproxy, &["restart", "no-such-service"], 3);
        let pins = haguard.config("");
        // What is pinned depends on who runs the tests.
        let save = ["inspect", "--save", "--config", pins.to_str().unwrap()];
        schemas.accept(&self::run(&haguard, &haproxy, &save));
        run(&haproxy, &["restart"], 3);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        run(&haproxy, &["restart", "--break-glass", &host, "--reason", "x"], if root { 3 } else { 5 });
        run(&haproxy, &["rehearse"], if root { 0 } else { 5 });
        run(&haproxy, &["reload"], 3);
        let plan = run(&haproxy, &["reload", "--keep-runtime", "--plan"], 0);
        let id = plan["plan"]["id"].as_str().unwrap();
        run(&haproxy, &["reload", "--keep-runtime", "--approve", id], 0);
        run(&haproxy, &["reload", "--keep-runtime", "--approve", id], 6);
        break_config(&mut haproxy);
        run(&haproxy, &["check"], 3);
        run(&haproxy, &["reload"], 3);
        run(&haproxy, &["restart"], 3);
        run(&haproxy, &["history"], 0);
        run(&haproxy, &["config", "show"], 0);
    }
}

#[test]
fn what_is_said_of_a_unit_is_as_the_published_schema_says() {
    requires!(Guest);
    let guest = Guest::boot();
    let schemas = Schemas::read();
    let run = |words: &[&str], exit: i32| {
        let said = guest.haguard(words.iter().chain(&["-o", "json"]));
        assert_eq!(said.status, exit, "{words:?}: {said}");
        schemas.accept(&said)
    };
    run(&["guard", "status"], 3);
    run(&["guard", "install"], 3);
    for what in ["install", "remove"] {
        let plan = run(&["guard", what, "--plan"], 0);
        let id = plan["plan"]["id"].as_str().unwrap();
        let done = run(&["guard", what, "--approve", id], 0);
        assert_eq!(done["changed"], true, "{done:#}");
        let again = run(&["guard", what, "--approve", id], 0);
        assert_eq!(again["changed"], false, "there is nothing to do: {again:#}");
        run(&["guard", "status"], if what == "install" { 0 } else { 3 });
    }
    run(&["restart", "dbus"], 3);
    run(&["inspect"], 0);
    run(&["inspect", "--save"], 0);
    let pinned = run(&["check", "arch.expected"], 0);
    assert_eq!(level(&pinned, "arch.expected"), "pass", "{pinned:#}");
    run(&["config", "show"], 0);
    run(&["history"], 0);
}

#[test]
fn what_could_not_be_seen_or_read_has_a_document_too() {
    let (schemas, haguard) = (Schemas::read(), Haguard::new());
    for (words, exit) in [
        (&["check", "--master-socket", "/no/such.sock"][..], 5),
        (&["inspect", "--master-socket", "/no/such.sock"], 5),
        (&["restart", "--master-socket", "/no/such.sock"], 3),
        (&["reload", "--master-socket", "/no/such.sock"], 5),
        (&["check", "arch.sokets"], 2),
        (&["check", "--no-such-flag"], 2),
        (&["confirm", "0123456789"], 2),
        (&["confirm"], 0),
        (&["check", "--list"], 0),
        (&["guard", "status", "--master-socket", "/no/such.sock"], 5),
        (&["explain", "reload"], 0),
        (&["explain"], 0),
    ] {
        let said = haguard.run(words.iter().chain(&["-o", "json"]));
        assert_eq!(said.status, exit, "{words:?}: {said}");
        schemas.accept(&said);
    }
}

#[test]
fn the_schema_lists_the_kinds_the_levels_and_the_codes_of_the_program() {
    let schema: Value = serde_json::from_str(&golden::read(FILE)).unwrap();
    let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
    assert_eq!(schema["properties"]["exit"]["enum"], json!(codes));
    let kinds: Vec<String> = KINDS.iter().map(ToString::to_string).collect();
    assert_eq!(schema["$defs"]["loss"]["properties"]["kind"]["enum"], json!(kinds));
}

#[test]
fn a_document_that_is_none_is_not_accepted() {
    let schemas = Schemas::read();
    let good = Haguard::new().run(["explain", "reload", "-o", "json"]).json();
    assert!(schemas.open.is_valid(&good) && schemas.closed.is_valid(&good));
    let with = |key: &str, value: Value| {
        let mut document = good.clone();
        document[key] = value;
        document
    };
    assert!(!schemas.open.is_valid(&with("exit", json!(9))));
    assert!(!schemas.open.is_valid(&with("findings", json!([{"id": "x.y"}]))));
    let more = with("new_field", json!(1));
    assert!(schemas.open.is_valid(&more) && !schemas.closed.is_valid(&more), "fields are added freely");
}

//! examples/rehearsal.json and examples/reload.json: an edit, tried out and then reloaded, as programs are told of it.

use super::{TranscriptBench, as_if_by_hand, frozen, replace_word};
use crate::support::document::as_text;
use crate::support::golden;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, ask};
use crate::support::origin::{Origin, hold_connection};
use crate::support::requires::requires;

fn run(haguard: &Haguard, config: &std::path::Path, args: &[&str]) -> RunOutput {
    let mut command = haguard.command();
    command.args(args).args(["-o", "json"]).env("HAGUARD_CONFIG", config);
    RunOutput::from_command(&mut command)
}

#[test]
fn the_documents_of_a_rehearsal_and_of_a_reload_are_what_the_program_says() {
    requires!(Root, Haproxy(Branch::V28));
    let origin = Origin::start();
    let scene = TranscriptBench::start(&origin);
    let haguard = Haguard::new();
    let socket = scene.sockets.path().join("master.sock");
    let config = haguard.config(&format!("[haproxy]\nmaster_socket = '{}'\n", socket.display()));
    let reload = |args: &[&str]| run(&haguard, &config, &[&["reload", "--keep-runtime"], args].concat());
    let approved = || {
        let plan = reload(&["--plan"]).json();
        let id = plan["plan"]["id"].as_str().expect("a plan").to_owned();
        let said = reload(&["--approve", &id]);
        assert_eq!(said.status, 0, "{said}");
        said
    };
    // A copy of what was loaded tells an edit from a change at run time.
    let _first = approved();
    let map = scene.files.path().join("routes.map");
    for command in [
        "set server web/web-2 state maint".to_owned(),
        "add server api/api-1 10.0.3.1:25080".to_owned(),
        format!("add map {} /v1 api", map.display()),
    ] {
        let _said = ask(&scene.admin(), &command).unwrap();
    }
    let file = scene.files.path().join("haproxy.cfg");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "backend blog\n    server blog-1 127.0.0.1:8080\n").unwrap();
    // Without it the old worker ends at once, and HAProxy's log says so or not yet.
    let held = hold_connection(scene.port.number, 1);
    let before = scene.worker();

    let said = run(&haguard, &config, &["rehearse", "--exit-code"]);
    assert_eq!(said.status, 4, "{said}");
    golden::file("examples/rehearsal.json", &scene.with_sample_names(&at_any_time(&said)));
    let said = approved();
    let text = at_any_time(&said).replace(&config.display().to_string(), "/etc/haguard/haguard.toml");
    let text = replace_word(&replace_word(&text, &before, "1294"), &scene.worker(), "1327");
    golden::file("examples/reload.json", &scene.with_sample_names(&text));
    drop(held);
}

/// What depends on the moment and on the machine, as it is in the example.
const NUMBERS: [(&str, &str); 9] = [
    ("\"ms\": ", "140"),
    ("\"set_up_ms\": ", "11"),
    ("\"start_up_ms\": ", "19"),
    ("\"memory_kb\": ", "7784"),
    ("\"runtime_calls\": ", "54"),
    ("\"main_start\": ", "827103"),
    ("it came up in ", "19"),
    ("looked at every ", "12"),
    ("alive, start ", "913377"),
];

/// The document without what depends on the moment and on who runs the tests; its keys stay in the program's order.
fn at_any_time(said: &RunOutput) -> String {
    let document = said.json();
    let mut text = NUMBERS.iter().fold(said.stdout.clone(), |text, (before, by)| number(&text, before, by));
    for proof in document["proof"].as_array().unwrap() {
        for seen in [&proof["before"], &proof["after"]].map(as_text) {
            text = text.replace(seen, &frozen(seen));
        }
    }
    if let Some(start) = document["plan"]["basis"]["main_start"].as_u64() {
        text = replace_word(&text, &start.to_string(), "827103");
        text = text.replace(as_text(&document["plan"]["id"]), "3f9c1a2b04");
    }
    for sum in document["plan"]["basis"]["files"].as_object().into_iter().flat_map(|files| files.values()) {
        text = text.replace(as_text(sum), &"0123456789abcdef".repeat(2));
    }
    as_if_by_hand(&text, &document)
}

/// Replaces each number that follows these words.
fn number(text: &str, before: &str, by: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let by = if rest.len() < part.len() { by } else { "" };
        told + before + by + rest
    })
}

#[test]
fn a_number_is_replaced_after_its_words_only() {
    assert_eq!(number("in 19 ms, at 19; in x; in 3", "in ", "7"), "in 7 ms, at 19; in x; in 7");
}

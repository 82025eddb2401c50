//! The refusal, as people and programs read it: on a real HAProxy, with commands that work, and nothing touched.

mod untouched;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::configs;
use crate::support::configs::TestConfig;
use crate::support::copied;
use crate::support::document::{as_text, finding, level, losses, unwrapped};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::origin::{Origin, hold_connection};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

const CONFIG: TestConfig = TestConfig {
    globals: "",
    sections: "
frontend web
    bind 127.0.0.1:{port:web}
    http-request deny if { req.hdr(host),map({dir}/hosts.map) -m found }
    default_backend app
backend app
    server one 127.0.0.1:{port:origin} weight 10
    server two 127.0.0.1:{port:origin}
backend table
    stick-table type string len 16 size 1k expire 1h store http_req_cnt
",
    files: &[("hosts.map", "a.test x\n")],
};

/// One of each kind that is set over a socket.
fn disturb(haproxy: &Instance) {
    let map = haproxy.dir().join("hosts.map").display().to_string();
    haproxy.admin("set server app/two state maint");
    haproxy.admin("set server app/one weight 50%");
    haproxy.admin(&format!("add map {map} b.test y"));
    haproxy.admin("set table table key one data.http_req_cnt 5");
}

fn restart(haguard: &Haguard, haproxy: &Instance, more: &[&str]) -> RunOutput {
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    haguard.run(["restart", "--master-socket", socket].iter().chain(more))
}

/// The commands as printed: lines under a heading that are indented twice, joined where a backslash says so.
fn printed_commands(text: &str) -> Vec<String> {
    let advice = text.split_once("\ndo this instead").expect("there is advice").1.replace("\\\n", "");
    let lines = advice.lines().filter(|line| line.starts_with("    "));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn sh(arguments: &[&str]) -> RunOutput {
    RunOutput::from_command(Haguard::new().command_for("sh").args(arguments))
}

#[test]
fn the_commands_of_a_refusal_can_be_copied_and_do_what_they_say() {
    requires!(Program("socat"));
    for branch in Branch::here() {
        let origin = Origin::start();
        let haproxy = CONFIG.start_before(branch, &origin);
        let haguard = Haguard::new();
        disturb(&haproxy);
        let text = restart(&haguard, &haproxy, &[]);
        assert_eq!(text.status, 3, "{text}");
        assert!(text.stdout.starts_with("refused: restart of HAProxy (master "), "{text}");
        assert!(text.stdout.lines().last().unwrap().starts_with("nothing was changed."), "{text}");
        assert!(text.stderr.is_empty(), "{text}");
        assert_width(&text);

        let document = restart(&haguard, &haproxy, &["-o", "json"]).json();
        let commands = printed_commands(&text.stdout);
        let next: Vec<&str> = document["next"].as_array().unwrap().iter().map(as_text).collect();
        assert!(next.len() >= 3 && commands.starts_with(&next.map_owned()), "{next:?}\n{commands:?}");
        for command in &commands {
            let said = sh(&["-n", "-c", command]);
            assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{command}: {said}");
        }
        let socket = haproxy.master_socket().unwrap().to_str().unwrap();
        assert!(next[0].contains("inspect --losses") && next[0].ends_with(socket), "{next:?}");
        let own = next[0].replace("haguard", copied::haguard());
        assert_eq!(sh(&["-c", &own]).status, 0, "{own}");
        let test = next.iter().find(|command| command.contains("haproxy -c ")).unwrap();
        let said = sh(&["-c", test]);
        assert_eq!(said.status, 0, "{branch} {test}: {said}");

        // The printed command shows a plan and prints the next one, which applies it.
        let ours = |command: &str| command.replacen("haguard", copied::haguard(), 1);
        let reload = next.iter().find(|command| command.starts_with("haguard reload ")).unwrap();
        assert!(reload.ends_with(socket), "{reload}");
        let plan = sh(&["-c", &format!("{} -o json", ours(reload))]);
        assert_eq!(plan.status, 3, "{branch} {reload}: {plan}");
        let apply = as_text(&plan.json()["next"][0]).to_owned();
        let record = commands.iter().find(|command| command.contains("haproxy-before.txt")).unwrap();
        let file = haguard.home().join("before.txt");
        let said = sh(&["-c", &record.replace("haproxy-before.txt", file.to_str().unwrap())]);
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(
            said.status == 0 && kept.contains("two") && kept.contains("hosts.map"),
            "{record}: {said}{kept}"
        );
        let worker = haproxy.worker_pid();
        let said = sh(&["-c", &ours(&apply)]);
        assert_eq!(said.status, 0, "{branch} {apply}: {said}");
        assert_ne!(haproxy.worker_pid(), worker, "{branch}: the printed command reloads");
    }
}

/// Eighty columns, but for a single word of a command that nobody can break.
#[track_caller]
fn assert_width(said: &RunOutput) {
    for line in said.stdout.lines().filter(|line| line.chars().count() > 80) {
        let words = line.trim_end_matches('\\').split_whitespace().count();
        assert!(words == 1 && line.starts_with("    "), "{}: {line}", line.len());
    }
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for Vec<&str> {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[test]
fn text_and_json_say_the_same_numbers() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let haproxy = CONFIG.start_before(branch, &origin);
        let haguard = Haguard::new();
        let _clients = hold_connection(haproxy.port("web"), 3);
        disturb(&haproxy);
        let refusal = restart(&haguard, &haproxy, &["-o", "json"]).json();
        let socket = haproxy.master_socket().unwrap();
        let inspect = haguard.json(&["inspect", "--losses"], socket);
        assert_eq!(refusal["losses"], inspect["losses"], "{branch}");
        let list = haguard.run(["inspect", "--losses", "--master-socket", socket.to_str().unwrap()]);
        assert_eq!(list.status, 0, "{list}");
        assert_width(&list);
        let flat = list.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let table = restart(&haguard, &haproxy, &[]).stdout;
        let mut kinds = BTreeSet::new();
        for line in inspect["losses"].as_array().unwrap() {
            let (kind, object) = (as_text(&line["kind"]), as_text(&line["object"]));
            kinds.insert(kind);
            let said = format!("{kind} {object}: {}", line["count"]);
            assert!(flat.contains(&said), "{branch}: {said}\n{list}");
            let fate = |key: &str| as_text(&line[key]).replace("lost", "LOST");
            let row = format!("{} {} {said}", fate("on_reload"), fate("on_restart"));
            assert!(flat.contains(&row), "{branch}: {row}\n{list}");
        }
        let expected = ["connections", "map-entry", "server-admin-state", "server-weight", "stick-table"];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected, "{branch}");
        for row in
            ["3 open connections", "1 map entry", "1 server state set", "1 weight set", "1 stick-table entry"]
        {
            assert!(table.contains(row), "{branch}: {row}\n{table}");
        }
    }
}

#[test]
fn colour_is_for_those_who_want_it() {
    requires!(Haproxy(Branch::V30));
    let origin = Origin::start();
    let haproxy = CONFIG.start_before(Branch::V30, &origin);
    let haguard = Haguard::new();
    disturb(&haproxy);
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    let coloured = |args: &[&str], no_color: &str| {
        let mut command = haguard.command();
        command.args(["restart", "--master-socket", socket]).args(args);
        if !no_color.is_empty() {
            command.env("NO_COLOR", no_color);
        }
        let said = RunOutput::from_command(&mut command);
        assert_eq!(said.status, 3, "{said}");
        said.stdout.contains('\u{1b}')
    };
    assert!(!coloured(&[], ""), "a pipe gets none");
    assert!(coloured(&["--color", "always"], ""));
    assert!(!coloured(&["--color", "never"], ""));
    assert!(!coloured(&[], "1"));
    assert!(coloured(&["--color", "always"], "1"), "a flag beats the environment");
    assert!(!coloured(&["--color", "always", "-o", "json"], ""), "a document has none");
}

#[test]
fn files_that_cannot_be_loaded_make_a_restart_an_outage_in_haproxys_own_words() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let mut haproxy = CONFIG.start_before(branch, &origin);
        let haguard = Haguard::new();
        let text = haproxy.config() + configs::REFUSED;
        haproxy.write_config(&text);
        let said = restart(&haguard, &haproxy, &[]);
        assert_eq!(said.status, 3, "{said}");
        assert!(unwrapped(&said.stdout).contains("would not come up again"), "{said}");
        assert!(unwrapped(&said.stdout).contains("unknown keyword 'no_such_keyword'"), "{said}");
        let document = restart(&haguard, &haproxy, &["-o", "json"]).json();
        let unloadable = losses(&document, "unloadable-config");
        assert_eq!(unloadable.len(), 1, "{branch}");
        assert_eq!(
            (&unloadable[0]["on_reload"], &unloadable[0]["on_restart"]),
            (&"kept".into(), &"lost".into())
        );
        assert_eq!(level(&document, "config.test-same-argv"), "fail", "{branch}");
        let evidence = finding(&document, "config.test-same-argv")["evidence"].to_string();
        assert!(evidence.contains("no_such_keyword"), "{evidence}");
    }
}

#[test]
fn a_file_that_was_edited_since_the_start_is_a_pending_change() {
    for branch in Branch::here() {
        let origin = Origin::start();
        let mut haproxy = CONFIG.start_before(branch, &origin);
        let haguard = Haguard::new();
        let look = || restart(&haguard, &haproxy, &["-o", "json"]).json();
        assert!(losses(&look(), "pending-reload").is_empty(), "{branch}: read, then started");
        let text = haproxy.config().replace("maxconn 200", "maxconn 201");
        // The clock of /proc counts in hundredths; an edit that soon counts as read.
        wait_for("the edit is seen", || {
            haproxy.write_config(&text);
            let document = restart(&haguard, &haproxy, &["-o", "json"]).json();
            let line = losses(&document, "pending-reload").first().map(|line| (*line).clone())?;
            assert_eq!(as_text(&line["object"]), haproxy.config_path().to_str().unwrap(), "{branch}");
            assert_eq!(level(&document, "config.edited-since-load"), "warn", "{branch}");
            Some(())
        });
        assert!(haproxy.reload().success, "{branch}");
        let document = restart(&haguard, &haproxy, &["-o", "json"]).json();
        assert!(losses(&document, "pending-reload").is_empty(), "{branch}: in force");
    }
}

#[test]
fn a_refusal_is_in_the_journal_which_is_for_its_owner_only() {
    requires!(Haproxy(Branch::V34));
    let origin = Origin::start();
    let haproxy = CONFIG.start_before(Branch::V34, &origin);
    let haguard = Haguard::new();
    assert!(haguard.run(["history"]).stdout.contains("none"));
    assert_eq!(restart(&haguard, &haproxy, &[]).status, 3);
    assert_eq!(restart(&haguard, &haproxy, &["-o", "json"]).status, 3);
    let _ = haguard.run(["inspect", "--master-socket", haproxy.master_socket().unwrap().to_str().unwrap()]);
    let text = haguard.run(["history"]);
    assert_eq!((text.status, text.stdout.matches("refused: restart of HAProxy").count()), (0, 2), "{text}");
    assert!(text.stdout.lines().all(|line| line.chars().count() <= 80), "{text}");
    let document = haguard.run(["history", "-o", "json"]).json();
    let rows = document["table"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{document:#}");
    assert_eq!((&rows[0][2], &rows[0][3]), (&"restart".into(), &"3".into()), "{document:#}");

    let journal = haguard.home().join("state/journal.jsonl");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(journal.clone()), mode(haguard.home().join("state"))), (0o600, 0o700));
    let entry: Value =
        serde_json::from_str(std::fs::read_to_string(journal).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((&entry["exit"], &entry["changed"]), (&3.into(), &false.into()));
    let argv: Vec<&str> = entry["argv"].as_array().unwrap().iter().map(as_text).collect();
    assert!(
        argv[1] == "restart" && argv.contains(&haproxy.master_socket().unwrap().to_str().unwrap()),
        "{argv:?}"
    );
}

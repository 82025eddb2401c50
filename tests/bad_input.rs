//! Whatever a person or a socket gives that cannot be used: an exit code, a clear message with its mend, and no panic.

mod sockets;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::configs;
use crate::support::document::losses;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;

/// Runs it as text and as JSON, with backtraces on, and holds both to what every failure has.
#[track_caller]
fn fails(haguard: &Haguard, exit: i32, args: &[&str]) -> String {
    let json =
        RunOutput::from_command(haguard.command().env("RUST_BACKTRACE", "1").args(args).args(["-o", "json"]));
    let document = json.json();
    assert_eq!((json.status, &document["changed"]), (exit, &false.into()), "{json}");
    let text = RunOutput::from_command(haguard.command().env("RUST_BACKTRACE", "1").args(args));
    assert_eq!(text.status, exit, "{text}");
    assert!(text.stdout.is_empty(), "an error is said on stderr: {text}");
    for said in [&text, &json] {
        for word in ["panicked", "stack backtrace", "Stack backtrace", "RUST_BACKTRACE"] {
            assert!(!said.to_string().contains(word), "{said}");
        }
    }
    assert!(text.stderr.starts_with("error: "), "{text}");
    let flat = text.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    if document["command"] != "usage" {
        let mend = document["error"]["mend"].as_str().unwrap_or_else(|| panic!("no mend: {json}"));
        assert!(flat.contains(&format!("fix: {mend}")) || !mend.is_ascii(), "{text}");
        assert!(flat.ends_with("nothing was changed."), "{text}");
        assert!(text.stderr.lines().all(|line| line.len() <= 80) && !flat.contains('\u{fffd}'), "{text}");
    }
    flat
}

#[track_caller]
fn fails_with(haguard: &Haguard, exit: i32, args: &[&str], words: &[&str]) {
    let said = fails(haguard, exit, args);
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

fn config(haguard: &Haguard, text: &str) -> String {
    haguard.config(text).to_str().unwrap().to_owned()
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_where_and_how_to_mend_it() {
    let haguard = Haguard::new();
    for (text, words) in [
        ("[haproxy]\nmaster_sokcet = '/run/m'\n", &["unknown key `master_sokcet`", "`master_socket`"][..]),
        ("[dataplan]\nurl = 'http://h'\n", &["unknown table `dataplan`", "did you mean `dataplane`"]),
        ("master_socket = '/run/m'\n", &["unknown table `master_socket`", "haproxy"]),
        ("[haproxy]\nunit = 'a'\nunit = 'b'\n", &["line 3", "duplicate key"]),
        ("[haproxy]\n\nunit = haproxy\n", &["line 3", "string values must be quoted"]),
        ("[dataplane]\nurl = 'http://h'\npassword = hunter2\n", &["line 3"]),
        ("[haproxy]\nconfig = 'one.cfg'\n", &["line 2", "config"]),
        ("[dataplane]\nusername = 'a'\n", &["url"]),
        (
            "[dataplane]\nurl = 'http://a:hunter2@h:5555'\n",
            &["url holds a user or password", "password_file"],
        ),
        ("[dataplane]\nurl = 'lb1:5555'\n", &["must start with http://, https:// or unix:"]),
    ] {
        let path = config(&haguard, text);
        for command in ["restart", "inspect", "check", "history"] {
            let args = [command, "--config", &path];
            fails_with(&haguard, 2, &args, words);
            let said = fails(&haguard, 2, &args);
            assert!(said.contains(&path) && !said.contains("hunter2"), "{said}");
        }
    }
    fails_with(
        &haguard,
        2,
        &["restart", "--config", "/nowhere/h.toml"],
        &["/nowhere/h.toml", "No such file"],
    );
    let folder = haguard.home().to_str().unwrap().to_owned();
    fails_with(&haguard, 2, &["restart", "--config", &folder], &[&folder, "directory"]);
    std::fs::write(haguard.home().join("binary.toml"), b"\xff\xfe\x00").unwrap();
    let binary = format!("{folder}/binary.toml");
    fails_with(&haguard, 2, &["restart", "--config", &binary], &["binary.toml"]);
}

#[test]
fn a_password_file_that_others_can_read_is_refused_with_its_mend() {
    let haguard = Haguard::new();
    let secret = haguard.home().join("password");
    let path = config(
        &haguard,
        &format!(
            "[dataplane]\nurl = 'http://127.0.0.1:1'\nusername = 'a'\npassword_file = '{}'\n",
            secret.display()
        ),
    );
    let args = ["inspect", "--config", &path];
    fails_with(&haguard, 2, &args, &["password_file", "No such file"]);
    std::fs::write(&secret, "hunter2\n").unwrap();
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = fails(&haguard, 2, &args);
        assert!(said.contains("chmod 600") && said.contains(&format!("{mode:o}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn words_that_nothing_here_knows_are_answered_with_the_nearest() {
    let haguard = Haguard::new();
    fails_with(
        &haguard,
        2,
        &["check", "arch.sokets"],
        &["no check `arch.sokets`", "`arch.sockets`", "check --list"],
    );
    fails_with(&haguard, 2, &["explain", "nonsense"], &["no subject `nonsense`", "haguard explain"]);
    fails_with(&haguard, 2, &["explain", "exit-code"], &["did you mean `exit-codes`"]);
    fails_with(&haguard, 2, &["explain", "137"], &["did you mean `exit-codes`"]);
    fails_with(&haguard, 2, &["explain", "freeze"], &["did you mean `host.freeze`"]);
    fails_with(&haguard, 2, &["check", "restart"], &["no check `restart`", "haguard check --for restart"]);
    fails_with(&haguard, 2, &["check", "config.*"], &["no check `config.*`", "check --list"]);
    fails_with(&haguard, 2, &["restart", "--timeout", "nonsense"], &["'nonsense' for '--timeout", "as 30s"]);
    fails_with(&haguard, 2, &["restart", "--timeout", "-1s"], &["-1"]);
    fails_with(&haguard, 2, &["restart", "--master-socket", ""], &["value is required", "--master-socket"]);
    fails_with(&haguard, 2, &["restrat"], &["restrat", "restart"]);
    fails_with(&haguard, 2, &["restart", "--force"], &["--force"]);
    fails_with(&haguard, 2, &["restart", "a", "b"], &["'b'"]);
}

#[test]
fn a_format_that_a_command_has_not_is_told_in_that_format_where_a_program_reads_it() {
    let haguard = Haguard::new();
    let said = haguard.run(["completions", "bash", "-o", "json"]);
    assert!(said.status == 2 && said.json()["exit"] == 2, "{said}");
    for args in [&["check", "--list"][..], &["history"], &["guard", "status"]] {
        let said = haguard.run([args, &["-o", "nagios"]].concat());
        assert!(said.status == 3 && said.stdout.starts_with("HAPROXY UNKNOWN - "), "{said}");
    }
}

#[test]
fn whoever_cannot_mend_the_configuration_at_once_goes_without_it() {
    let haguard = Haguard::new();
    let path = config(&haguard, "[[ignore]]\ncheck = 'config.decided'\n");
    fails_with(&haguard, 2, &["history", "--config", &path], &["line 1", "reason", "--config /dev/null"]);
    let said = haguard.run(["history", "--config", "/dev/null"]);
    assert_eq!(said.status, 0, "{said}");
}

#[test]
fn a_snapshot_that_is_none_is_refused_and_a_mutilated_one_too() {
    requires!(Haproxy(Branch::V30));
    let haguard = Haguard::new();
    let haproxy = Instance::builder(Branch::V30).config(configs::FRONTEND).start();
    let whole = haguard.json(&["inspect"], haproxy.master_socket().unwrap());
    let text = whole.to_string();
    let facts = whole["facts"].to_string();
    let other = text.replace("haguard-facts/2", "haguard-facts/9");
    let without = facts.replacen("\"taken_at\"", "\"taken_as\"", 1);
    let wrong_type = facts.replacen("\"uid\":0", "\"uid\":\"root\"", 1);
    for (content, words) in [
        ("", &["no JSON document"][..]),
        ("HTTP/1.1 200 OK\n", &["no JSON document"]),
        ("[]", &["schema", "haguard-facts/2"]),
        ("{\"facts\": 7}", &["schema", "haguard-facts/2"]),
        (&other, &["haguard-facts/9", "not haguard-facts/2"]),
        (&text[..text.len() / 2], &["no JSON document"]),
        (&without, &["taken_at"]),
        (&wrong_type, &["uid"]),
    ] {
        let path = haguard.home().join("facts.json");
        std::fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap();
        fails_with(&haguard, 2, &["inspect", "--facts", path], words);
        fails_with(&haguard, 2, &["inspect", "--facts", path], &[path, "haguard inspect -o json"]);
    }
    std::fs::write(haguard.home().join("binary"), b"\xff\xfe").unwrap();
    let folder = haguard.home().to_str().unwrap();
    fails_with(&haguard, 2, &["inspect", "--facts", &format!("{folder}/binary")], &["UTF-8"]);
    fails_with(&haguard, 2, &["inspect", "--facts", folder], &[folder, "directory"]);
    fails_with(&haguard, 2, &["inspect", "--facts", "/nowhere"], &["/nowhere"]);
}

#[test]
fn a_refusal_that_cannot_be_recorded_is_still_a_refusal_and_says_so() {
    requires!(Haproxy(Branch::V28));
    let haguard = Haguard::new();
    let haproxy = Instance::builder(Branch::V28).config(configs::FRONTEND).start();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    let file = haguard.home().join("file");
    std::fs::write(&file, "").unwrap();
    // Root may write everywhere, so what stands in the way is a file where a folder is needed.
    for state in [file.join("state"), file, Path::new("/proc/haguard").to_path_buf()] {
        let mut command = haguard.command();
        command.env("HAGUARD_STATE_DIR", &state);
        let said =
            RunOutput::from_command(command.args(["restart", "--master-socket", socket, "-o", "json"]));
        assert_eq!(said.status, 3, "{said}");
        assert!(said.stderr.contains("was not recorded"), "{said}");
        assert!(said.stderr.contains(state.to_str().unwrap()), "{said}");
        assert!(losses(&said.json(), "unloadable-config").is_empty(), "{said}");
    }
}

#[test]
fn a_pipe_where_a_map_was_is_told_and_not_waited_for() {
    requires!(Haproxy(Branch::V30));
    let text = "defaults\n    mode http\n    timeout client 9s\nfrontend web\n    bind 127.0.0.1:{port:web}\n    \
                http-request return status 200 lf-string %[path,map({dir}/routes.map,none)] content-type text/plain\n";
    let builder = Instance::builder(Branch::V30).config(text).file("routes.map", "/a one\n");
    let haproxy = builder.start();
    let map = haproxy.dir().join("routes.map");
    std::fs::remove_file(&map).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &map, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    // HAProxy's own test of the files does wait.
    let socket = haproxy.master_socket().unwrap();
    let document = Haguard::new().json(&["inspect", "--timeout", "2s"], socket);
    let line = losses(&document, "map-entry").first().unwrap_or_else(|| panic!("{document:#}")).to_string();
    assert!(line.contains("it is no plain file") && line.contains("unknown"), "{document:#}");
}

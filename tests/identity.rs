//! The target HAProxy, and what can be reported of one that shows only a part of itself. Each test lives in a process
//! namespace of its own, because haguard looks at every HAProxy that it can see.

mod partial;
mod reloads;

use serde_json::Value;

use crate::support::configs;
use crate::support::copied;
use crate::support::document::{as_text, finding, level, losses, unwrapped};
use crate::support::executable;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{self, Branch, Instance};
use crate::support::origin::Origin;
use crate::support::process::{Process, on_path};
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;
use crate::support::wait::wait_for;

fn proxy(origin: &Origin) -> String {
    origin.behind(&format!("{}    server two 127.0.0.1:{{port:origin}}\n", configs::PROXY))
}

/// The PID of the master inside its namespace.
fn master_of(haproxy: &Instance) -> u64 {
    let table = haproxy.master("show proc");
    let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some("master")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[track_caller]
fn refused(haguard: &Haguard, args: &[&str]) -> (String, Value) {
    let text = haguard.run(args);
    assert_eq!(text.status, 3, "{text}");
    assert!(text.stdout.starts_with("refused: "), "{text}");
    assert!(text.stdout.lines().last().unwrap().starts_with("nothing was changed"), "{text}");
    let json = haguard.run(args.iter().copied().chain(["-o", "json"]));
    (text.stdout, json.json())
}

#[track_caller]
fn connections(document: &Value) -> u64 {
    losses(document, "connections")[0]["count"].as_u64().unwrap_or_else(|| panic!("{document:#}"))
}

#[test]
fn with_two_masters_on_a_host_nobody_guesses_which_one_is_meant() {
    requires!(Sandbox, Haproxy(Branch::V28), Haproxy(Branch::V34));
    let (sandbox, origin) = (Sandbox::new(), Origin::start());
    let start = |branch| Instance::builder(branch).config(&proxy(&origin)).inside(&sandbox).start();
    let (one, two) = (start(Branch::V28), start(Branch::V34));
    two.admin("set server app/two state maint");
    let (first, second) = (master_of(&one), master_of(&two));

    let haguard = Haguard::inside(&sandbox);
    let (text, document) = refused(&haguard, &["restart"]);
    let said = unwrapped(&text);
    for haproxy in [&one, &two] {
        let socket = haproxy.master_socket().unwrap().display().to_string();
        let named = format!("found: PID {}, uid 0, {}", master_of(haproxy), haproxy.config_path().display());
        assert!(said.contains(&named) && said.contains(&socket), "{named}\n{said}");
    }
    assert!(said.contains("--master-socket"), "{text}");
    assert!(
        document["losses"].as_array().unwrap().iter().all(|line| line["count"].is_null()),
        "{document:#}"
    );
    assert_eq!(haguard.run(["inspect"]).status, 5);
    assert_eq!(haguard.run(["check"]).status, 5);

    let worker = two.worker_pid().to_string();
    let (by_pid, other) = (second.to_string(), first.to_string());
    let socket = two.master_socket().unwrap().to_str().unwrap();
    for args in [
        &["restart", "--master-socket", socket][..],
        &["restart", &by_pid],
        &["restart", &worker],
        &["restart", &by_pid, "--master-socket", socket],
    ] {
        let (text, document) = refused(&haguard, args);
        assert!(text.starts_with(&format!("refused: restart of HAProxy (master {second})")), "{text}");
        assert_eq!(losses(&document, "server-admin-state").len(), 1, "{args:?}");
        assert_eq!(level(&document, "arch.single-instance"), "warn", "{args:?}");
    }
    let (text, document) = refused(&haguard, &["restart", &other]);
    assert!(text.starts_with(&format!("refused: restart of HAProxy (master {first})")), "{text}");
    assert!(losses(&document, "server-admin-state").is_empty(), "{document:#}");
    // The socket says one and the person another: neither is believed.
    let (text, _) = refused(&haguard, &["restart", &other, "--master-socket", socket]);
    assert!(
        unwrapped(&text).contains(&format!("HAProxy (master {second}), which is not PID {first}")),
        "{text}"
    );

    let config = haguard.config(&format!("[haproxy]\nmaster_socket = \"{socket}\"\n"));
    let (text, _) = refused(&haguard, &["restart", "--config", config.to_str().unwrap()]);
    assert!(text.starts_with(&format!("refused: restart of HAProxy (master {second})")), "{text}");
}

#[test]
fn a_stats_socket_alone_leads_to_the_master_behind_it() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let haproxy = Instance::builder(branch).config(&proxy(&origin)).inside(&sandbox).start();
        let haguard = Haguard::inside(&sandbox);
        let admin = haproxy.admin_socket().unwrap().to_str().unwrap();
        let document = haguard.run(["inspect", "--stats-socket", admin, "-o", "json"]).json();
        let instance = &document["facts"]["instance"]["seen"];
        assert_eq!(instance["main"]["pid"], master_of(&haproxy), "{branch}");
        assert_eq!(instance["serving"]["seen"], haproxy.worker_pid(), "{branch}");
        let master = haproxy.master_socket().unwrap().to_str().unwrap();
        assert_eq!(instance["master_socket"]["seen"]["path"], master, "{branch}");
        assert_eq!(instance["admin_sockets"]["seen"][0]["source"], "flag --stats-socket", "{branch}");
        assert_eq!(level(&document, "arch.sockets"), "pass", "{branch}");
    }
}

#[test]
fn a_socket_that_another_instance_answers_is_named_with_both_and_never_read() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let start = |admin: &str| {
            let line = format!("stats socket {admin} level admin\n");
            let builder = Instance::builder(branch).config(&proxy(&origin)).inside(&sandbox);
            builder.without_admin_socket().global(&line).start()
        };
        let ours = start("{dir}/own.sock");
        let path = ours.dir().join("own.sock").display().to_string();
        ours.master("@1 set server app/two state maint");
        // The stranger is configured with the same path, and binds over it: the last one wins.
        let stranger = start(&path);
        for server in ["app/one", "app/two"] {
            stranger.master(&format!("@1 set server {server} weight 50%"));
        }
        let haguard = Haguard::inside(&sandbox);
        let master = ours.master_socket().unwrap().to_str().unwrap();
        for args in [
            &["restart", "--master-socket", master][..],
            &["restart", "--master-socket", master, "--stats-socket", &path],
        ] {
            let (text, document) = refused(&haguard, args);
            let sockets = finding(&document, "arch.sockets");
            assert_eq!(sockets["level"], "fail", "{branch}: {sockets}");
            let said = format!("{}\n{}", sockets["text"], sockets["evidence"]);
            let (own, other) = (ours.worker_pid_by_master(), stranger.worker_pid_by_master());
            for number in [path.clone(), format!("answered by {other}"), own.to_string()] {
                assert!(said.contains(&number), "{branch}: {number} in {said}");
            }
            assert_eq!(losses(&document, "server-admin-state").len(), 1, "{branch}: {document:#}");
            assert!(losses(&document, "server-weight").is_empty(), "{branch}: the stranger was read");
            assert!(
                !text.contains(&format!("UNIX-CONNECT:{path}")),
                "{branch}: it advises the stranger: {text}"
            );
        }
    }
}

#[test]
fn restart_haproxy_means_the_only_one_and_a_name_that_fits_none_is_said() {
    requires!(Sandbox, Haproxy(Branch::V30));
    let (sandbox, origin) = (Sandbox::new(), Origin::start());
    let haproxy = Instance::builder(Branch::V30).config(&proxy(&origin)).inside(&sandbox).start();
    let haguard = Haguard::inside(&sandbox);
    let (text, _) = refused(&haguard, &["restart", "haproxy"]);
    assert!(text.contains(&format!("(master {})", master_of(&haproxy))), "{text}");
    for (name, words) in [
        ("no-such-unit", "There is no unit no-such-unit.service to restart"),
        ("nginx.service", "There is no unit nginx.service to restart"),
        ("1", "Match: sleep (PID 1,"),
    ] {
        let (text, _) = refused(&haguard, &["restart", name]);
        let said = unwrapped(&text);
        assert!(said.contains(words), "{text}");
        assert!(
            name == "1"
                || said.contains("Other HAProxy instances on this host: 1 (`haguard inspect` lists them)"),
            "what there is is counted: {text}"
        );
    }
    let empty = haguard.run(["restart", ""]);
    assert_eq!(empty.status, 2, "a recipe's variable that is not set is no name: {empty}");
}

#[test]
fn a_program_that_was_removed_or_replaced_on_disk_is_said() {
    requires!(Sandbox, Haproxy(Branch::V28), Haproxy(Branch::V30));
    let original = haproxy::binary(Branch::V28);
    let (sandbox, origin) = (Sandbox::new(), Origin::start());
    let folder = tempfile::tempdir().unwrap();
    // With its libraries: they are looked for beside the program.
    std::os::unix::fs::symlink(original.with_file_name("lib"), folder.path().join("lib")).unwrap();
    let copy = folder.path().join("haproxy");
    executable::copy(&original, &copy);
    let builder = Instance::builder(Branch::V28).config(&proxy(&origin)).program(&copy).inside(&sandbox);
    let _haproxy = builder.start();
    let haguard = Haguard::inside(&sandbox);
    let look = || haguard.run(["inspect", "-o", "json"]).json();
    assert_eq!(level(&look(), "arch.process"), "pass");

    std::fs::remove_file(&copy).unwrap();
    let document = look();
    let process = finding(&document, "arch.process");
    assert_eq!(process["level"], "warn", "{process}");
    assert!(as_text(&process["text"]).contains(copy.to_str().unwrap()), "{process}");
    assert!(!as_text(&process["text"]).contains("(deleted)"), "{process}");
    let test = finding(&document, "config.test-same-argv");
    assert_eq!(test["level"], "unknown", "{test}");
    assert_eq!(level(&document, "host.version-skew"), "unknown");

    let newer = haproxy::binary(Branch::V30);
    // Branches whose libraries are elsewhere only start where they are.
    executable::script(&copy, &format!("#!/bin/sh\nexec {} \"$@\"\n", newer.display()));
    let document = look();
    let skew = finding(&document, "host.version-skew");
    assert_eq!(skew["level"], "warn", "{skew}");
    let text = as_text(&skew["text"]);
    assert!(text.contains("2.8.") && text.contains("3.0.") && text.contains("on disk"), "{text}");
}

#[test]
fn on_a_host_without_haproxy_restart_still_refuses_and_the_others_cannot_tell() {
    requires!(Sandbox);
    let sandbox = Sandbox::new();
    let haguard = Haguard::inside(&sandbox);
    let (text, document) = refused(&haguard, &["restart"]);
    assert!(unwrapped(&text).contains("no HAProxy process can be seen here"), "{text}");
    assert!(text.contains("ss -lxp"), "{text}");
    assert!(
        document["losses"].as_array().unwrap().iter().all(|line| line["count"].is_null()),
        "{document:#}"
    );
    let (text, _) = refused(&haguard, &["restart", "haproxy.service"]);
    assert!(text.starts_with("refused: restart of `haproxy.service` on "), "{text}");
    for command in ["inspect", "check"] {
        let said = haguard.run([command]);
        assert_eq!(said.status, 5, "{said}");
        assert!(said.stdout.trim_end().ends_with("nothing was changed. (exit 5)"), "{said}");
        assert_eq!(haguard.run([command, "-o", "json"]).json()["exit"], 5);
    }
}

#[test]
fn a_neighbour_whose_name_only_begins_with_haproxy_is_none() {
    requires!(Sandbox, Haproxy(Branch::V32));
    let (sandbox, origin) = (Sandbox::new(), Origin::start());
    let haproxy = Instance::builder(Branch::V32).config(&proxy(&origin)).inside(&sandbox).start();
    let folder = tempfile::tempdir().unwrap();
    let exporter = folder.path().join("haproxy_exporter");
    executable::copy(&on_path("sleep").unwrap(), &exporter);
    let mut words = sandbox.prefix();
    words.extend([exporter.into(), "infinity".into()]);
    let program = std::path::PathBuf::from(words.remove(0));
    let _neighbour = Process::start(&program, &words, &[], &folder.path().join("log"));
    let list = Haguard::inside(&sandbox);
    let named = || {
        let mut command = list.command_for("sh");
        let said = RunOutput::from_command(command.args(["-c", "cat /proc/[0-9]*/comm"]));
        said.stdout.contains("haproxy_exporte").then_some(())
    };
    wait_for("the neighbour runs", named);

    let (text, document) = refused(&list, &["restart"]);
    assert!(text.contains(&format!("(master {})", master_of(&haproxy))), "{text}");
    assert_eq!(level(&document, "arch.single-instance"), "none", "{document:#}");
}

#[test]
fn a_master_that_went_into_the_background_is_no_container() {
    requires!(Sandbox);
    for branch in Branch::here() {
        let (sandbox, origin) = (Sandbox::new(), Origin::start());
        let binary = haproxy::binary(branch);
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("haproxy.cfg");
        let port = crate::support::ports::free();
        let text = proxy(&origin).replace("{port:web}", &port.number.to_string());
        std::fs::write(&config, configs::DEFAULTS.to_owned() + &text).unwrap();
        let socket = folder.path().join("master.sock");
        let haguard = Haguard::inside(&sandbox);
        // It leaves its parent, so only the end of the namespace ends it.
        let mut command = haguard.command_for(binary.to_str().unwrap());
        command.args(["-D", "-W", "-S", socket.to_str().unwrap(), "-f", config.to_str().unwrap()]);
        let started = RunOutput::from_command(&mut command);
        assert_eq!(started.status, 0, "{branch}: {started}");
        wait_for("the master lists a worker", || {
            let said = haproxy::ask(&socket, "@1 show info").ok()?;
            said.contains("Pid:").then_some(())
        });
        for args in [&["restart"][..], &["restart", "--master-socket", socket.to_str().unwrap()]] {
            let (text, document) = refused(&haguard, args);
            assert!(text.contains("HAProxy (master "), "{branch} {args:?}: {text}");
            assert_eq!(level(&document, "arch.identity"), "none", "{branch}: {document:#}");
        }
    }
}

/// What haguard shows on a terminal of its own, after these keys; `script` makes the terminal.
fn on_a_terminal(haguard: &Haguard, line: &str, keys: &'static str, no_color: bool) -> RunOutput {
    let mut command = haguard.command_for("script");
    command.args(["-qec", &format!("{} {line}", copied::haguard()), "/dev/null"]);
    command.env("TERM", "xterm").write_stdin(keys);
    if no_color {
        command.env("NO_COLOR", "1");
    }
    RunOutput::from_command(&mut command)
}

#[test]
fn on_a_terminal_the_one_that_is_meant_can_be_chosen_and_no_input_never_asks() {
    requires!(Sandbox, Haproxy(Branch::V28), Haproxy(Branch::V34));
    let (sandbox, origin) = (Sandbox::new(), Origin::start());
    let start = |branch| Instance::builder(branch).config(&proxy(&origin)).inside(&sandbox).start();
    let (one, two) = (start(Branch::V28), start(Branch::V34));
    let haguard = Haguard::inside(&sandbox);
    let (first, second) = (master_of(&one), master_of(&two));
    for (keys, chosen) in [("\r", first), ("\u{1b}[B\r", second)] {
        let said = on_a_terminal(&haguard, "restart", keys, false);
        assert_eq!(said.status, 3, "{said}");
        assert!(said.stdout.contains("Which HAProxy"), "{said}");
        assert!(said.stdout.contains(&format!("(master {chosen})")), "{said}");
        assert!(said.stdout.contains("\u{1b}[31mrefused:"), "a terminal gets colour: {said}");
    }
    let plain = on_a_terminal(&haguard, "restart --no-input", "", true);
    assert!(!plain.stdout.contains("Which HAProxy") && plain.stdout.contains("none was named"), "{plain}");
    assert!(!plain.stdout.contains("\u{1b}[31m"), "NO_COLOR holds on a terminal: {plain}");
}

#[test]
fn a_stats_socket_never_leads_to_another_master_that_took_over_the_path_of_its_own() {
    requires!(Sandbox, Haproxy(Branch::V30), Haproxy(Branch::V34));
    let (sandbox, origin) = (Sandbox::new(), Origin::start());
    let start = |branch| Instance::builder(branch).config(&proxy(&origin)).inside(&sandbox).start();
    let (one, two) = (start(Branch::V30), start(Branch::V34));
    let first = master_of(&one);
    std::fs::rename(two.master_socket().unwrap(), one.master_socket().unwrap()).unwrap();
    let socket = one.admin_socket().unwrap().to_str().unwrap();
    let document = Haguard::inside(&sandbox).run(["inspect", "--stats-socket", socket, "-o", "json"]).json();
    assert_eq!(document["facts"]["instance"]["seen"]["main"]["pid"], first, "{document:#}");
}

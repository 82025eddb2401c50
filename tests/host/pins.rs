//! The pinned architecture: written once, compared by every command that changes something.

use super::*;
use crate::support::configs;
use crate::support::docker::{Dockerd, HAPROXY};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;

/// What a test checks of `arch.expected`.
fn expected(said: &RunOutput) -> (String, String) {
    let document = said.json();
    let findings = document["findings"].as_array().unwrap();
    let finding = findings.iter().find(|one| one["id"] == "arch.expected").expect("it was judged");
    (finding["level"].as_str().unwrap().to_owned(), finding["text"].as_str().unwrap().to_owned())
}

#[test]
fn what_is_pinned_is_found_again_and_every_other_byte_of_the_file_stays() {
    requires!(Sandbox, Haproxy(Branch::V30));
    let sandbox = Sandbox::new();
    let haproxy = Instance::builder(Branch::V30).inside(&sandbox).start();
    let haguard = Haguard::inside(&sandbox);
    let before = format!(
        "# ours\n[haproxy]  # one\nmaster_socket = '{}'\n",
        haproxy.master_socket().unwrap().display()
    );
    let file = haguard.config(&before);
    let config = ["--config", file.to_str().unwrap()];
    let run = |args: &[&str]| haguard.run(args.iter().copied().chain(config));
    assert_eq!(expected(&run(&["check", "arch.expected", "-o", "json"])).0, "skipped");

    let said = run(&["inspect", "--save", "-o", "json"]);
    assert_eq!(
        (said.status, &said.json()["changed"], &said.json()["cost"]["writes"]),
        (0, &true.into(), &1.into()),
        "{said}"
    );
    let saved = text(&file);
    assert!(saved.starts_with(&before), "{saved}");
    let pin = format!(
        "service = \"haproxy\"\ncontroller = \"nobody\"\nconfig = [\"{}\"]\n",
        haproxy.config_path().display()
    );
    assert!(saved.ends_with(&format!("\n[[pin]]\n{pin}")), "{saved}");
    assert_eq!(expected(&run(&["check", "arch.expected", "-o", "json"])).0, "pass");

    let said = run(&["inspect", "--save"]);
    assert_eq!(said.status, 0, "{said}");
    assert!(
        said.stdout.contains("already pinned in") && said.stdout.contains("nothing was changed"),
        "{said}"
    );
    assert_eq!(text(&file), saved, "a second time nothing is written");
    let shown = run(&["config", "show"]);
    assert!(shown.stdout.contains("pin") && shown.stdout.contains("haproxy: no service manager"), "{shown}");
}

#[test]
fn architecture_pinned_as_systemd_and_found_with_no_manager_stops_a_reload_and_both_are_shown() {
    requires!(Sandbox, Haproxy(Branch::V30));
    let sandbox = Sandbox::new();
    let haproxy = Instance::builder(Branch::V30).inside(&sandbox).start();
    let haguard = Haguard::inside(&sandbox);
    let file = haguard.config(&format!(
        "[haproxy]\nmaster_socket = '{}'\n[[pin]]\nservice = 'haproxy'\ncontroller = 'systemd'\nunit = 'haproxy.service'\n",
        haproxy.master_socket().unwrap().display()
    ));
    let config = ["--config", file.to_str().unwrap()];
    let run = |args: &[&str]| haguard.run(args.iter().copied().chain(config));
    let said = run(&["check", "arch.expected", "-o", "json"]);
    assert_eq!(said.status, 3, "{said}");
    let (level, words) = expected(&said);
    assert_eq!(level, "fail", "{words}");
    let worker = haproxy.worker_pid();
    let plan = run(&["reload", "--plan", "-o", "json"]);
    let id = plan.json()["plan"]["id"].as_str().map(str::to_owned).unwrap_or_default();
    let said = run(&["reload", "--approve", &id]);
    assert_eq!(said.status, 3, "{said}");
    let text = unwrapped(&said.stdout);
    assert!(text.contains("haproxy is pinned: systemd haproxy.service; found: no service manager"), "{said}");
    assert_eq!(haproxy.worker_pid(), worker, "nothing was reloaded");

    // Saving shows what changes, in place.
    let said = run(&["inspect", "--save"]);
    assert_eq!(said.status, 0, "{said}");
    let lines: Vec<&str> = said.stdout.lines().map(str::trim).collect();
    assert!(lines.contains(&"- haproxy: systemd haproxy.service"), "{said}");
    assert!(unwrapped(&said.stdout).contains("+ haproxy: no service manager,"), "{said}");
    assert_eq!(expected(&run(&["check", "arch.expected", "-o", "json"])).0, "pass");
}

#[test]
fn nothing_is_pinned_where_it_is_not_proven_or_the_file_may_not_be_written() {
    requires!(OtherUser, Haproxy(Branch::V30));
    let haproxy = Instance::builder(Branch::V30).start();
    let haguard = Haguard::new();
    std::fs::create_dir_all(haguard.home().join(".config/haguard")).unwrap();
    let socket = haproxy.master_socket().unwrap().to_str().unwrap();
    let args = ["inspect", "--save", "--master-socket", socket, "-o", "json"];
    let said = crate::other_user::as_nobody(&haguard, &args);
    let document = said.json();
    assert_eq!(document["changed"], false, "{said}");
    // Others on this host may be unproven for him, or all of them are proven and the file is root's.
    match said.status {
        5 => assert!(!document["pins"]["unproven"].as_array().unwrap().is_empty(), "{said}"),
        1 => assert!(document["error"]["mend"].as_str().unwrap().contains("--config"), "{said}"),
        _ => panic!("{said}"),
    }
    assert!(!haguard.home().join(".config/haguard/haguard.toml").exists());
}

#[test]
fn architecture_pinned_as_systemd_and_found_as_docker_exits_3_and_shows_both() {
    requires!(Docker, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let image = dockerd.haproxy(Branch::V30);
    let dir = TempDir::with_prefix("hag").unwrap();
    let (run, port) = (dir.path().display().to_string(), ports::free());
    let config = configs::whole(&run, &configs::more(format!("127.0.0.1:{}", port.number)));
    std::fs::write(dir.path().join("haproxy.cfg"), config).unwrap();
    // In the PIDs of the host it is seen as plainly as one of systemd's; only its control group and Docker tell.
    let argv = [HAPROXY, "-W", "-S", &format!("{run}/master.sock"), "-f", &format!("{run}/haproxy.cfg")];
    let host =
        serde_json::json!({"Binds": [format!("{run}:{run}")], "NetworkMode": "host", "PidMode": "host"});
    let body = serde_json::json!({"Image": image, "Cmd": argv, "User": "0", "HostConfig": host});
    let container = dockerd.create("lb", &body);
    let socket = dir.path().join("master.sock");
    wait_for("HAProxy serves in there", || std::os::unix::net::UnixStream::connect(&socket).ok());
    let haguard = Haguard::new();
    let pin = "controller = 'systemd'\nunit = 'haproxy.service'\n";
    let file = haguard.config(&format!("[[pin]]\nservice = 'haproxy'\n{pin}"));
    let run = |args: &[&str]| {
        let mut command = haguard.command();
        command.env("DOCKER_HOST", format!("unix://{}", dockerd.socket().display()));
        command.args(args).arg("--config").arg(&file).arg("--master-socket").arg(&socket);
        RunOutput::from_command(&mut command)
    };
    let said = run(&["check", "arch.expected"]);
    assert_eq!(said.status, 3, "{said}\n{}", dockerd.logs(&container.id));
    let words = unwrapped(&said.stdout);
    assert!(
        words.contains("haproxy is pinned: systemd haproxy.service; found: docker container lb"),
        "{said}"
    );
    let said = run(&["reload", "--no-input"]);
    assert!(unwrapped(&said.stdout).contains("found: docker container lb"), "{said}");
    assert_ne!(said.status, 0, "{said}");

    let said = run(&["inspect", "-o", "markdown"]);
    assert!(said.stdout.contains("Docker, container lb"), "{said}");
}

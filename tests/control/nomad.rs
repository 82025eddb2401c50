//! Tasks of a real Nomad, by each driver that starts a HAProxy. It is opt-in: Nomad is in no package registry.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::proven;
use crate::support::configs;
use crate::support::docker::{Dockerd, HAPROXY, libraries};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{self, Branch};
use crate::support::nomad::Nomad;
use crate::support::ports;
use crate::support::requires::requires;
use crate::support::wait::{PATIENCE, wait_for, within};

/// A task that runs HAProxy on a port of its own.
fn task(name: &str, driver: &str, more: &str, program: &str, port: u16) -> String {
    let file = match driver {
        // There is no chroot, and Nomad says the task's folder.
        "raw_exec" => format!("${{NOMAD_TASK_DIR}}/{name}.cfg"),
        _ => format!("/local/{name}.cfg"),
    };
    let config = configs::plain(format!("127.0.0.1:{port}"));
    format!(
        "    task \"{name}\" {{\n      driver = \"{driver}\"\n      config {{\n        command = \"{program}\"\n        \
         args = [\"-W\", \"-db\", \"-f\", \"{file}\"]\n{more}      }}\n      template {{\n        \
         destination = \"local/{name}.cfg\"\n        data = <<END\n{config}END\n      }}\n      \
         resources {{\n        cpu = 50\n        memory = 64\n      }}\n    }}\n"
    )
}

/// The master whose arguments hold this word, among all HAProxies of this host.
#[track_caller]
fn master(all: &Value, word: &str) -> Value {
    let found = all.as_array().unwrap().iter().find(|one| one["process"]["argv"].to_string().contains(word));
    found.unwrap_or_else(|| panic!("none has {word}: {all:#}")).clone()
}

#[test]
fn a_task_is_nomads_whatever_driver_starts_it_and_is_restarted_by_the_command_that_is_told() {
    requires!(Docker, Nomad, Haproxy(Branch::V30));
    let dockerd = Dockerd::start();
    let (image, binary) = (dockerd.haproxy(Branch::V30), haproxy::binary(Branch::V30));
    // What is called latest is fetched, whatever is here.
    dockerd.api("POST", &format!("/images/{image}/tag?repo={image}&tag=tested"), None);
    // It may have been fetched elsewhere, and looks for its library there.
    let folders = BTreeSet::from([
        binary.parent().unwrap().to_owned(),
        libraries(&binary).parent().unwrap().to_owned(),
    ]);
    let mut nomad = Nomad::start(&dockerd, &folders);
    let ports = [(); 3].map(|()| ports::free());
    let [raw, exec, docker] = ports.each_ref().map(|port| port.number);
    let program = binary.display().to_string();
    let inside = format!("        image = \"{image}:tested\"\n        network_mode = \"host\"\n");
    let text = format!(
        "job \"edge\" {{\n  group \"g\" {{\n{}{}{}  }}\n}}\n",
        task("raw", "raw_exec", "", &program, raw),
        task("exec", "exec", "", &program, exec),
        task("contained", "docker", &inside, HAPROXY, docker)
    );
    let allocation = nomad.run("edge", &text);
    let serves = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).ok();
    for (name, port) in [("raw", raw), ("exec", exec), ("contained", docker)] {
        let said = || nomad.ok(&["alloc", "logs", "-stderr", "-task", name, &allocation]);
        assert!(within(PATIENCE, || serves(port)).is_some(), "task {name} does not serve:\n{}", said());
    }

    let haguard = Haguard::new();
    let host = format!("unix://{}", dockerd.socket().display());
    let run = |args: &[&str]| {
        RunOutput::from_command(haguard.command().env("DOCKER_HOST", &host).args(args).args(["-o", "json"]))
            .json()
    };
    let document = run(&["inspect"]);
    let all = &document["facts"]["candidates"]["seen"];
    for name in ["raw", "exec", "contained"] {
        let found = master(all, &format!("{name}.cfg"));
        let expected = json!({"kind": "nomad", "allocation": allocation, "task": name, "job": "edge", "namespace": null});
        assert_eq!(*proven(&found["control"], "nomad"), expected, "{found:#}");
        // By hand it is Nomad's as well: it would start another one beside ours.
        let pid = &found["process"]["pid"];
        let refused = run(&["restart", &pid.to_string()]);
        let by_hand = refused["refusal"]["by_hand"].as_array().unwrap().last().unwrap().clone();
        let told = format!("nomad alloc restart -task {name} {allocation}");
        assert_eq!(by_hand["command"], told, "{refused:#}");
        nomad.ok(&told.split(' ').skip(1).collect::<Vec<_>>());
        wait_for("Nomad has started another one", || {
            let document = run(&["inspect"]);
            let all = document["facts"]["candidates"]["seen"].as_array()?.clone();
            let word = format!("{name}.cfg");
            let now = all.iter().find(|one| one["process"]["argv"].to_string().contains(&word))?;
            (&now["process"]["pid"] != pid).then_some(())
        });
    }
}

//! Names, numbers and files that are not what they seem. None is believed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ManagedHaproxy, candidate, programs, proven};
use crate::support::document::{finding, level};
use crate::support::executable;
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::{Process, on_path};
use crate::support::requires::requires;
use crate::support::sandbox::Sandbox;
use crate::support::wait::wait_for;

/// Starts a program in there and waits until its command name is HAProxy's.
fn pretender(sandbox: &Sandbox, program: &Path, args: &[&str], log: &Path) -> (Process, String) {
    let mut words = sandbox.prefix();
    words.push(program.into());
    words.extend(args.iter().map(OsString::from));
    let nsenter = PathBuf::from(words.remove(0));
    let process = Process::start(&nsenter, &words, &[], log);
    let haguard = Haguard::inside(sandbox);
    let pid = wait_for("it is called haproxy", || {
        let said = RunOutput::from_command(
            haguard.command_for("sh").args(["-c", "grep -lx haproxy /proc/[0-9]*/comm"]),
        );
        Some(said.stdout.split('/').nth(2)?.to_owned())
    });
    (process, pid)
}

#[test]
fn a_process_that_only_took_the_name_of_haproxy_is_no_instance_and_nothing_is_done_to_it() {
    requires!(Sandbox, Program("bash"), Program("sleep"));
    let [sleep, bash] = programs(["sleep", "bash"]);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("haproxy");
    executable::copy(&sleep, &copy);
    let renamed = "echo -n haproxy >/proc/$$/comm; while :; do read -rt 600 <>/dev/ptmx; done";
    for (program, args) in [(copy.as_path(), &["infinity"][..]), (&bash, &["-c", renamed])] {
        let sandbox = Sandbox::new();
        let (mut process, pid) = pretender(&sandbox, program, args, &folder.path().join("log"));
        let haguard = Haguard::inside(&sandbox);
        let document = haguard.run(["inspect", "-o", "json"]).json();
        assert_eq!(document["exit"], 5, "{document:#}");
        let why = document["facts"]["instance"]["unknown"]["why"].as_str().unwrap();
        assert!(why.contains(&format!("PID {pid} is called haproxy, but")), "{why}");
        for act in [&["reload", "--no-input"][..], &["restart"], &["reload", "--plan"]] {
            let said = haguard.run(act);
            assert!(matches!(said.status, 3 | 5), "{act:?}: {said}");
            assert!(said.stdout.contains("nothing was changed"), "{act:?}: {said}");
        }
        assert!(!process.has_ended(), "PID {pid} was touched");
        process.end(rustix::process::Signal::KILL);
    }
}

#[test]
fn a_pid_file_that_names_a_stranger_leads_nobody_to_the_stranger() {
    requires!(Program("sleep"), Haproxy(Branch::V30));
    let stranger = on_path("sleep").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stranger = Process::start(&stranger, &["infinity".into()], &[], &folder.path().join("log"));
    let haproxy = Instance::builder(Branch::V30).arg("-p").arg("{dir}/haproxy.pid").start();
    let file = haproxy.dir().join("haproxy.pid");
    std::fs::write(&file, format!("{}\n", stranger.pid())).unwrap();
    let document = Haguard::new().json(&["inspect"], haproxy.master_socket().unwrap());
    let instance = &document["facts"]["instance"]["seen"];
    assert_eq!(instance["main"]["pid"], haproxy.master_pid(), "{document:#}");
    assert_eq!(level(&document, "arch.identity"), "pass", "{document:#}");
    assert!(!instance["control"].to_string().contains(&format!(" {} ", stranger.pid())), "{document:#}");
}

#[test]
fn a_control_group_of_a_service_without_a_systemd_that_says_so_is_not_systemds() {
    requires!(Root, ControlGroups, Haproxy(Branch::V28));
    let kept = ManagedHaproxy::new(Branch::V28);
    let [sh] = programs(["sh"]);
    let group = crate::support::cgroup::Cgroup::new("lie.slice");
    let name = group.name();
    // A path as systemd makes them; whoever is root can make one.
    let script = format!(
        "{}for root in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do \
         [ ! -d $root/{name} ] || {{ mkdir $root/{name}/haproxy.service; echo $$ >$root/{name}/haproxy.service/cgroup.procs; }}; done\n\
         exec {}",
        group.enter(),
        kept.command()
    );
    let _process = Process::start(&sh, &["-c".into(), script.into()], &[], &kept.path("log"));
    let master = u32::try_from(kept.started()).unwrap();
    let found = candidate(&Haguard::new(), &[], master);
    assert_ne!(found["control"]["certainty"], "proven", "{found:#}");
    assert!(found["control"]["evidence"].to_string().contains("haproxy.service"), "{found:#}");
    let document = Haguard::new().json(&["reload", "--plan"], &kept.socket());
    assert!(matches!(document["exit"].as_u64(), Some(3 | 5)), "{document:#}");
}

#[test]
fn after_an_upgrade_the_program_on_disk_is_what_is_rehearsed() {
    requires!(Haproxy(Branch::V28), Haproxy(Branch::V30));
    let (original, newer) =
        (crate::support::haproxy::binary(Branch::V28), crate::support::haproxy::binary(Branch::V30));
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(original.with_file_name("lib"), folder.path().join("lib")).unwrap();
    let copy = folder.path().join("haproxy");
    executable::copy(&original, &copy);
    let haproxy = Instance::builder(Branch::V28).program(&copy).start();
    let socket = haproxy.master_socket().unwrap();
    let haguard = Haguard::new();
    std::fs::remove_file(&copy).unwrap();
    // A reload would have the master execute a program that is gone.
    let document = haguard.json(&["reload", "--no-input"], socket);
    assert!(matches!(document["exit"].as_u64(), Some(3 | 5)), "{document:#}");
    assert_eq!(level(&haguard.json(&["inspect"], socket), "arch.process"), "warn");
    assert_eq!(haproxy.listed_worker(), Some(haproxy.worker_pid()), "it serves on");

    executable::script(&copy, &format!("#!/bin/sh\nexec {} \"$@\"\n", newer.display()));
    let document = haguard.json(&["rehearse"], socket);
    let skew = finding(&haguard.json(&["inspect"], socket), "host.version-skew").clone();
    assert!(skew["text"].as_str().unwrap().contains("3.0."), "{skew}");
    // Without root nothing is started, and nothing is claimed.
    let expected = if rustix::process::geteuid().is_root() { Value::Bool(true) } else { Value::Null };
    assert_eq!(document["rehearsal"]["came_up"], expected, "{document:#}");
}

#[test]
fn every_haproxy_is_shown_with_who_controls_it() {
    requires!(Sandbox, Haproxy(Branch::V26), Haproxy(Branch::V32));
    let sandbox = Sandbox::new();
    let start = |branch| Instance::builder(branch).inside(&sandbox).start();
    let (_one, _two) = (start(Branch::V26), start(Branch::V32));
    let haguard = Haguard::inside(&sandbox);
    let document = haguard.run(["inspect", "-o", "json"]).json();
    for found in document["facts"]["candidates"]["seen"].as_array().unwrap() {
        proven(&found["control"], "nobody");
    }
    let text = haguard.run(["restart"]).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("no service manager"), "{text}");
}

#[test]
fn below_a_program_that_keeps_others_and_cannot_be_asked_it_is_not_called_nobodys() {
    requires!(Program("bash"), Haproxy(Branch::V30));
    let kept = super::ManagedHaproxy::new(Branch::V30);
    let [bash] = programs(["bash"]);
    let line = format!("echo -n supervise >/proc/$$/comm; while :; do {}; done", kept.command());
    let _process = Process::start(&bash, &["-c".into(), line.into()], &[], &kept.path("log"));
    kept.started();
    let why = super::why(&kept.control(), "unknown");
    assert!(why.contains("(supervise) may start it again"), "{why}");
}

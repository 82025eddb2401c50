//! supervisord, runit and s6.

use std::path::Path;

use super::{KillOnDrop, ManagedHaproxy, programs, proven, why};
use crate::other_user::as_nobody;
use crate::support::document::level;
use crate::support::haguard::Haguard;
use crate::support::haproxy::Branch;
use crate::support::process::Process;
use crate::support::requires::requires;
use crate::support::wait::wait_for;

fn executable(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    crate::support::executable::script(path, text);
}

/// Starts supervisord with a program `web` in group `edge`, and another that it lists before.
fn supervisord(kept: &ManagedHaproxy, socket: &str, program: &str) -> Process {
    let [supervisord] = programs(["supervisord"]);
    let dir = kept.dir.path().display();
    let text = format!(
        "[supervisord]\nnodaemon=true\nlogfile={dir}/s.log\npidfile={dir}/s.pid\nchildlogdir={dir}\n{socket}\n\
         [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [program:another]\ncommand=sleep infinity\n[group:edge]\nprograms=web\n[program:web]\ncommand={program}\n"
    );
    std::fs::write(kept.path("s.conf"), text).unwrap();
    let config = kept.path("s.conf");
    Process::start(&supervisord, &["-n".into(), "-c".into(), config.into()], &[], &kept.path("log"))
}

fn unix_socket(kept: &ManagedHaproxy) -> String {
    format!("[unix_http_server]\nfile={}/s.sock\n", kept.dir.path().display())
}

#[test]
fn a_program_of_supervisord_is_supervisords_by_its_parent_and_by_supervisords_own_list() {
    requires!(Program("supervisord"), Haproxy(Branch::V28));
    let kept = ManagedHaproxy::new(Branch::V28);
    let process = supervisord(&kept, &unix_socket(&kept), &kept.command());
    kept.started();
    let control = kept.control();
    let controller = proven(&control, "supervisord");
    assert_eq!(controller["program"], "edge:web", "{control:#}");
    assert_eq!(controller["supervisor"], process.pid(), "{control:#}");
    assert_eq!(controller["config"], kept.path("s.conf").to_str().unwrap(), "{control:#}");
}

#[test]
fn a_script_that_supervisord_runs_and_that_runs_haproxy_is_still_supervisords() {
    requires!(Program("supervisord"), Haproxy(Branch::V34));
    let kept = ManagedHaproxy::new(Branch::V34);
    executable(
        &kept.path("run"),
        &format!("#!/bin/sh\n{} &\ntrap \"kill $!\" TERM\nwait\nwait\n", kept.command()),
    );
    let run = kept.path("run").display().to_string();
    let _process = supervisord(&kept, &unix_socket(&kept), &run);
    kept.started();
    assert_eq!(proven(&kept.control(), "supervisord")["program"], "edge:web");
}

#[test]
fn a_supervisord_that_cannot_be_asked_is_only_claimed() {
    requires!(Program("supervisord"), Haproxy(Branch::V30));
    let kept = ManagedHaproxy::new(Branch::V30);
    let _process = supervisord(&kept, "", &kept.command());
    kept.started();
    let control = kept.control();
    assert!(why(&control, "claimed").contains("[unix_http_server]"), "{control:#}");
    assert_eq!(control["controller"]["kind"], "supervisord", "{control:#}");
    // What is only claimed is not pinned.
    let haguard = Haguard::new();
    let file = haguard.config("");
    let said = haguard.json(&["inspect", "--save", "--config", file.to_str().unwrap()], &kept.socket());
    assert_eq!((&said["exit"], &said["changed"]), (&5.into(), &false.into()), "{said:#}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "", "{said:#}");
}

#[test]
fn a_supervisord_with_a_password_is_only_claimed() {
    requires!(Program("supervisord"), Haproxy(Branch::V32));
    let kept = ManagedHaproxy::new(Branch::V32);
    let socket = unix_socket(&kept) + "username=u\npassword=hunter2\n";
    let _process = supervisord(&kept, &socket, &kept.command());
    kept.started();
    let control = kept.control();
    assert!(why(&control, "claimed").contains("wants a user and a password"), "{control:#}");
    assert!(!control.to_string().contains("hunter2"), "{control:#}");
}

#[test]
fn a_service_of_runit_is_runits_by_its_parent_and_by_what_it_wrote() {
    requires!(Program("runsv"), Haproxy(Branch::V26));
    let kept = ManagedHaproxy::new(Branch::V26);
    let [runsv] = programs(["runsv"]);
    let service = kept.path("web");
    executable(&service.join("run"), &format!("#!/bin/sh\nexec {}\n", kept.command()));
    let process = Process::start(&runsv, &[service.clone().into()], &[], &kept.path("log"));
    let master = kept.started();
    let control = kept.control();
    let controller = proven(&control, "runit");
    assert_eq!(controller["folder"], service.to_str().unwrap(), "{control:#}");
    assert_eq!(controller["supervisor"], process.pid(), "{control:#}");

    // A PID file that names another process is believed no more than the parent: they disagree.
    let file = service.join("supervise/pid");
    wait_for("runsv wrote its PID file", || {
        (std::fs::read_to_string(&file).ok()?.trim() == master.to_string()).then_some(())
    });
    std::fs::write(&file, "1\n").unwrap();
    let control = kept.control();
    assert!(why(&control, "conflict").contains("names another process"), "{control:#}");
}

#[test]
fn a_service_of_s6_is_s6s_by_its_parent_and_by_what_it_wrote() {
    requires!(Program("s6-supervise"), Haproxy(Branch::V30));
    let kept = ManagedHaproxy::new(Branch::V30);
    let [supervise] = programs(["s6-supervise"]);
    let service = kept.path("web");
    executable(&service.join("run"), &format!("#!/bin/sh\nexec {}\n", kept.command()));
    let process = Process::start(&supervise, &[service.clone().into()], &[], &kept.path("log"));
    kept.started();
    let control = kept.control();
    let controller = proven(&control, "s6");
    assert_eq!(controller["folder"], service.to_str().unwrap(), "{control:#}");
    assert_eq!(controller["supervisor"], process.pid(), "{control:#}");

    // A status that names another process disagrees with the parent.
    let file = service.join("supervise/status");
    let mut status = std::fs::read(&file).unwrap();
    status[24..32].copy_from_slice(&1u64.to_be_bytes());
    std::fs::write(&file, status).unwrap();
    assert!(why(&kept.control(), "conflict").contains("names another process"));
}

#[test]
fn without_root_what_is_denied_is_said_and_a_change_refuses() {
    requires!(Root, OtherUser, Program("runsv"), Haproxy(Branch::V34));
    let kept = ManagedHaproxy::new(Branch::V34);
    let [runsv] = programs(["runsv"]);
    let service = kept.path("web");
    executable(&service.join("run"), &format!("#!/bin/sh\nexec {}\n", kept.command()));
    let _process = Process::start(&runsv, &[service.into()], &[], &kept.path("log"));
    kept.started();
    let open = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    open(kept.dir.path(), 0o755);
    open(&kept.socket(), 0o666);
    let (haguard, socket) = (Haguard::new(), kept.socket());
    let socket = socket.to_str().unwrap();
    let said = as_nobody(&haguard, &["inspect", "--master-socket", socket, "-o", "json"]);
    let document = said.json();
    let control = &document["facts"]["instance"]["seen"]["control"];
    assert!(why(control, "claimed").contains("run as root"), "{control:#}");
    assert_eq!(level(&document, "arch.manager"), "unknown", "{document:#}");
    let reload = ["reload", "--no-input", "--master-socket", socket, "-o", "json"];
    let said = as_nobody(&haguard, &reload);
    assert!(matches!(said.status, 3 | 5), "{said}");
    assert_eq!(said.json()["changed"], false, "{said}");
}

/// Nomad is in no registry: bash takes the name and the arguments of its executor.
fn executor(kept: &ManagedHaproxy, environment: &str) -> Process {
    let [bash] = programs(["bash"]);
    executable(&kept.path("executor"), &format!("{environment} {}\ntrue\n", kept.command()));
    let line = format!("cd {}; exec -a nomad bash executor", kept.dir.path().display());
    Process::start(&bash, &["-c".into(), line.into()], &[], &kept.path("log"))
}

#[test]
fn a_task_of_nomads_without_a_control_group_is_nomads_by_its_executor_and_its_environment() {
    requires!(Program("bash"), Haproxy(Branch::V32));
    let kept = ManagedHaproxy::new(Branch::V32);
    let names = "NOMAD_ALLOC_ID=5b1ab8ac-0a3c-4c4a-8c5c-2f4a5f0d6c11 NOMAD_TASK_NAME=web";
    let _process = executor(&kept, names);
    let _server = KillOnDrop(u32::try_from(kept.started()).unwrap());
    let control = kept.control();
    let nomad = proven(&control, "nomad");
    assert_eq!(nomad["allocation"], "5b1ab8ac-0a3c-4c4a-8c5c-2f4a5f0d6c11", "{control:#}");
    assert_eq!(nomad["task"], "web", "{control:#}");
}

#[test]
fn a_task_of_nomads_that_cannot_be_named_is_unknown_and_not_nobodys() {
    requires!(Program("bash"), Haproxy(Branch::V28));
    let kept = ManagedHaproxy::new(Branch::V28);
    let _process = executor(&kept, "");
    let _server = KillOnDrop(u32::try_from(kept.started()).unwrap());
    let words = why(&kept.control(), "unknown");
    assert!(words.contains("Nomad's") && words.contains("names no allocation"), "{words}");
}

#[test]
fn a_parent_that_only_took_the_name_of_a_supervisor_is_not_believed() {
    requires!(Program("bash"), Haproxy(Branch::V30));
    let [bash] = programs(["bash"]);
    for name in ["runsv", "s6-supervise", "supervisord", "tmux: server"] {
        let kept = ManagedHaproxy::new(Branch::V30);
        // What would be read is a pipe that nobody writes to.
        let pipes = "mkdir supervise; mkfifo supervise/pid supervise/status";
        let script = format!("{pipes}; echo -n '{name}' >/proc/$$/comm; {}; true", kept.command());
        let folder = kept.dir.path().to_owned();
        let args = ["-c".into(), format!("cd {}; {script}", folder.display()).into()];
        let _process = Process::start(&bash, &args, &[], &kept.path("log"));
        kept.started();
        let control = kept.control();
        assert_eq!(control["certainty"], "claimed", "{name}: {control:#}");
        let document = Haguard::new().json(&["reload", "--no-input"], &kept.socket());
        assert!(matches!(document["exit"].as_u64(), Some(3 | 5)), "{name}: {document:#}");
    }
}

//! The recipes in examples/, on a real HAProxy.
#![expect(clippy::disallowed_methods, reason = "make and just are what a person types")]

use std::path::Path;
use std::process::{Command, Output};

use crate::support::golden;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::on_path;
use crate::support::skip;

const CONFIG: &str = "frontend web\n    bind 127.0.0.1:{port:web}\n    http-request return status 204\n";

/// Runs a recipe with the haguard under test on PATH.
fn recipe(program: &str, arguments: &[String], haguard: &Haguard) -> Output {
    let folder = Path::new(env!("CARGO_BIN_EXE_haguard")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), skip::variable("PATH").unwrap_or_default().display());
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("HAGUARD_STATE_DIR", haguard.home().join("state"));
    command.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("MAKELEVEL");
    command.output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn make(target: &str, haproxy: &Instance) -> Output {
    let file = golden::path("examples/Makefile").display().to_string();
    let socket = format!("SOCKET={}", haproxy.master_socket().unwrap().display());
    recipe("make", &["-f".into(), file, socket, target.into()], &Haguard::new())
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_makefile_refuses_a_restart_and_names_the_status() {
    let Some(haproxy) = Instance::builder(Branch::V28).config(CONFIG).start() else { return };
    let master = haproxy.master_pid();
    let output = make("restart-haproxy", &haproxy);
    let said = said(&output);
    assert!(said.contains("refused: restart of HAProxy") && said.contains("Error 3"), "{said}");
    assert_eq!((output.status.code(), haproxy.master_pid()), (Some(2), master), "{said}");
}

#[test]
fn the_makefile_reloads_with_proof_and_fails_where_there_is_none() {
    for branch in Branch::all() {
        let Some(mut haproxy) = Instance::builder(branch).config(CONFIG).start() else { continue };
        let before = haproxy.worker_pid();
        let output = make("reload-haproxy", &haproxy);
        let after = haproxy.worker_pid();
        let told = said(&output);
        assert!(output.status.success(), "{branch}: {told}");
        assert!(
            told.contains(&format!("worker {before} was replaced by worker {after}")),
            "{branch}: {told}"
        );

        let good = haproxy.config();
        haproxy.write_config(&format!("{good}\nbackend broken\n    no_such_keyword\n"));
        let output = make("reload-haproxy", &haproxy);
        assert!(!output.status.success(), "{branch}: {}", said(&output));
        assert_eq!(haproxy.worker_pid(), after, "{branch}: nothing was reloaded");
    }
}

#[test]
fn the_justfile_passes_the_status_of_the_refusal_on() {
    let fetched = Some(golden::path(".cache/bin/just")).filter(|path| path.exists());
    let Some(just) = on_path("just").or(fetched) else {
        skip::missing("just, which .ci/just fetches");
        return;
    };
    let Some(haproxy) = Instance::builder(Branch::V28).config(CONFIG).start() else { return };
    let file = golden::path("examples/justfile").display().to_string();
    let socket = haproxy.master_socket().unwrap().display().to_string();
    let run = |target: &str| {
        let arguments = ["--justfile", &file, "--set", "socket", &socket, target].map(str::to_owned);
        recipe(&just.to_string_lossy(), &arguments, &Haguard::new())
    };
    let output = run("restart-haproxy");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let output = run("reload-haproxy");
    assert!(output.status.success(), "{}", said(&output));
}

//! The recipes in examples/, on a real HAProxy.
#![expect(clippy::disallowed_methods, reason = "make and just are what a person types")]

use std::path::Path;
use std::process::{Command, Output};

use crate::support::configs;
use crate::support::copied;
use crate::support::golden;
use crate::support::haguard::Haguard;
use crate::support::haproxy::{Branch, Instance};
use crate::support::process::on_path;
use crate::support::requires::requires;
use crate::support::skip;

/// Runs a recipe with the haguard under test on PATH.
fn recipe(program: &str, arguments: &[String], haguard: &Haguard) -> Output {
    recipe_with(program, arguments, haguard, &[])
}

fn recipe_with(program: &str, arguments: &[String], haguard: &Haguard, variables: &[(&str, &str)]) -> Output {
    let folder = Path::new(copied::haguard()).parent().unwrap();
    let path = format!("{}:{}", folder.display(), skip::variable("PATH").unwrap_or_default().display());
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("HAGUARD_STATE_DIR", haguard.home().join("state"));
    command.envs(variables.iter().copied());
    command.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("MAKELEVEL");
    command.output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn make(target: &str, more: &[&str], haproxy: &Instance, haguard: &Haguard) -> Output {
    let file = golden::path("examples/Makefile").display().to_string();
    let socket = format!("SOCKET={}", socket(haproxy));
    let mut arguments = vec!["-f".to_owned(), file, socket, target.to_owned()];
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    recipe("make", &arguments, haguard)
}

fn socket(haproxy: &Instance) -> String {
    haproxy.master_socket().unwrap().display().to_string()
}

/// The id that a plan ends with.
fn id(told: &str) -> String {
    let (_, rest) = told.rsplit_once("--approve").unwrap_or_else(|| panic!("no plan to approve: {told}"));
    rest.trim_start_matches([' ', '\\', '\n']).split_whitespace().next().unwrap().to_owned()
}

fn combined_output(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_makefile_refuses_a_restart_and_names_the_status() {
    requires!(Haproxy(Branch::V28));
    let haproxy = Instance::builder(Branch::V28).config(configs::ANSWERING).start();
    let master = haproxy.master_pid();
    let output = make("restart-haproxy", &[], &haproxy, &Haguard::new());
    let said = combined_output(&output);
    assert!(said.contains("refused: restart of HAProxy") && said.contains("Error 3"), "{said}");
    assert_eq!((output.status.code(), haproxy.master_pid()), (Some(2), master), "{said}");
}

#[test]
fn the_makefile_shows_a_plan_and_applies_the_one_that_was_approved() {
    for branch in Branch::here() {
        let mut haproxy = Instance::builder(branch).config(configs::ANSWERING).start();
        let haguard = Haguard::new();
        let before = haproxy.worker_pid();
        let asked = make("reload-haproxy", &[], &haproxy, &haguard);
        let told = combined_output(&asked);
        assert!(told.contains("it needs consent") && told.contains("Error 3"), "{branch}: {told}");
        let planned = make("plan-reload", &[], &haproxy, &haguard);
        assert!(planned.status.success(), "{branch}: {}", combined_output(&planned));
        assert_eq!(haproxy.worker_pid(), before, "{branch}: nothing was reloaded");
        let id = format!("ID={}", id(&combined_output(&planned)));
        let output = make("approve-reload", &[&id], &haproxy, &haguard);
        let (told, after) = (combined_output(&output), haproxy.worker_pid());
        assert!(output.status.success(), "{branch}: {told}");
        let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = format!("worker {after} serves in place of {before}, proven");
        assert!(flat.contains(&words), "{branch}: {told}");

        let good = haproxy.config();
        haproxy.write_config(&(good.clone() + configs::REFUSED));
        for (target, code) in [("plan-reload", 3), ("reload-haproxy", 3), ("approve-reload", 6)] {
            let told = combined_output(&make(target, &[&id], &haproxy, &haguard));
            assert!(told.contains(&format!("Error {code}")), "{branch}: {target}: {told}");
        }
        assert_eq!(haproxy.worker_pid(), after, "{branch}: nothing was reloaded");
    }
}

#[test]
fn the_makefile_rehearses_a_file_and_tells_a_difference_from_one_that_would_not_come_up() {
    requires!(Root, Haproxy(Branch::V28));
    let haproxy = Instance::builder(Branch::V28).config(configs::ANSWERING).start();
    let haguard = Haguard::new();
    let settings = haguard.config(&format!("[haproxy]\nmaster_socket = '{}'\n", socket(&haproxy)));
    let settings = settings.display().to_string();
    let file = haproxy.dir().join("candidate.cfg");
    let make = |text: &str| {
        std::fs::write(&file, haproxy.config() + text).unwrap();
        let [makefile, file] =
            [golden::path("examples/Makefile"), file.clone()].map(|p| p.display().to_string());
        let arguments = ["-f".to_owned(), makefile, "rehearse".to_owned(), format!("FILE={file}")];
        combined_output(&recipe_with("make", &arguments, &haguard, &[("HAGUARD_CONFIG", &settings)]))
    };
    let told = make("");
    assert!(!told.contains("Error") && told.contains("(exit 0)"), "{told}");
    let told = make("backend more\n    server m1 127.0.0.1:1\n");
    assert!(told.contains("Error 4") && told.contains("+ backend more"), "{told}");
    let told = make(configs::UNBINDABLE);
    assert!(told.contains("Error 3") && told.contains("/no/such/folder"), "{told}");
}

#[test]
fn the_makefile_checks_for_a_reload_and_writes_the_deployment_down() {
    requires!(Root, Haproxy(Branch::V28));
    let mut haproxy = Instance::builder(Branch::V28).config(configs::ANSWERING).start();
    let (haguard, folder) = (Haguard::new(), haproxy.dir().display().to_string());
    let output = make("check-reload", &[], &haproxy, &haguard);
    assert!(
        output.status.success() && combined_output(&output).contains("config.rehearsal"),
        "{}",
        combined_output(&output)
    );
    let output = make("deployment", &["-C", &folder], &haproxy, &haguard);
    assert!(output.status.success(), "{}", combined_output(&output));
    let text = std::fs::read_to_string(haproxy.dir().join("DEPLOYMENT.md")).unwrap();
    assert!(text.starts_with("# Deployment of ") && text.contains("haguard reload"), "{text}");
    let good = haproxy.config();
    haproxy.write_config(&(good.clone() + configs::REFUSED));
    let told = combined_output(&make("check-reload", &[], &haproxy, &haguard));
    assert!(told.contains("Error 3"), "{told}");
    let told = combined_output(&make("guard-status", &["UNIT=no-such-unit.service"], &haproxy, &haguard));
    assert!(told.contains("Error "), "{told}");
}

#[test]
fn the_justfile_passes_the_status_on() {
    requires!(Program("just"), Haproxy(Branch::V28));
    let fetched = Some(golden::path(".cache/bin/just")).filter(|path| path.exists());
    let just = on_path("just").or(fetched).unwrap();
    let haproxy = Instance::builder(Branch::V28).config(configs::ANSWERING).start();
    let file = golden::path("examples/justfile").display().to_string();
    let socket = socket(&haproxy);
    let haguard = Haguard::new();
    let run = |target: &[&str]| {
        let arguments = [&["--justfile", &file, "--set", "socket", &socket], target].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        recipe(&just.to_string_lossy(), &arguments, &haguard)
    };
    for target in ["restart-haproxy", "reload-haproxy"] {
        let output = run(&[target]);
        assert_eq!(output.status.code(), Some(3), "{target}: {}", combined_output(&output));
    }
    let planned = run(&["plan-reload"]);
    assert!(planned.status.success(), "{}", combined_output(&planned));
    let output = run(&["approve-reload", &id(&combined_output(&planned))]);
    assert!(
        output.status.success() && combined_output(&output).contains("proven: reloaded"),
        "{}",
        combined_output(&output)
    );
    let output = run(&["rehearse", "/no/such.cfg"]);
    assert_eq!(output.status.code(), Some(2), "{}", combined_output(&output));
}

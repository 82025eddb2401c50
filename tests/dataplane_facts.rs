//! What a Data Plane API is up to, as an operator reads it from haguard: on the stand-in and, where it is installed, on
//! the real server, in both of its ways to reload.

use std::path::Path;

use serde_json::Value;

use crate::support::dataplane::{CONFIG, DataPlaneServer, Mode, PASSWORD, RAW, TRANSACTIONS, USER};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::http::{Response, Server};
use crate::support::origin::Origin;
use crate::support::ports;
use crate::support::process::{Process, on_path};
use crate::support::requires::requires;
use crate::support::skip::say;
use crate::support::wait::wait_for;

/// haguard, told of one HAProxy and one API.
struct DataPlaneBench<'a> {
    haguard: Haguard,
    haproxy: &'a Instance,
    server: &'a DataPlaneServer,
    /// The configuration without a header.
    text: String,
}

impl<'a> DataPlaneBench<'a> {
    fn new(haproxy: &'a Instance, server: &'a DataPlaneServer) -> Self {
        let haguard = Haguard::new();
        configure(&haguard, haproxy, &format!("http://127.0.0.1:{}", server.port()));
        DataPlaneBench { haguard, haproxy, server, text: haproxy.config() }
    }

    fn check(&self, id: &str) -> Value {
        check(&self.haguard, PASSWORD, id)
    }

    fn level(&self, id: &str) -> String {
        self.check(id)["level"].as_str().unwrap().to_owned()
    }

    fn version(&self) -> u64 {
        self.server.client().config_version().unwrap()
    }

    fn post(&self, query: &str, text: &str) -> Response {
        self.server.call("POST", &format!("{RAW}?{query}"), text)
    }

    fn pending_in_the_ledger(&self) -> Vec<Value> {
        let document = run(&self.haguard, PASSWORD, &["restart", "-o", "json"]).json();
        let lines = document["losses"].as_array().unwrap().iter();
        lines.filter(|line| line["kind"] == "pending-reload").cloned().collect()
    }
}

fn configure(haguard: &Haguard, haproxy: &Instance, url: &str) {
    let socket = haproxy.master_socket().unwrap().display();
    haguard.config(&format!(
        "[haproxy]\nmaster_socket = \"{socket}\"\n[dataplane]\nurl = \"{url}\"\nusername = \"{USER}\"\n"
    ));
}

fn run(haguard: &Haguard, password: &str, args: &[&str]) -> RunOutput {
    let config = haguard.home().join("haguard.toml");
    let mut command = haguard.command();
    RunOutput::from_command(
        command.args(args).arg("--config").arg(config).env("HAGUARD_DATAPLANE_PASSWORD", password),
    )
}

fn check(haguard: &Haguard, password: &str, id: &str) -> Value {
    let document = run(haguard, password, &["check", id, "-o", "json"]).json();
    document["findings"][0].clone()
}

#[test]
fn what_the_api_is_up_to_is_named_on_the_stand_in_and_on_the_real_server() {
    requires!(Haproxy(Branch::V30));
    for mode in [Mode::MasterSocket, Mode::ReloadCommand] {
        let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
        let server = DataPlaneServer::fake(&haproxy, mode);
        situations(&DataPlaneBench::new(&haproxy, &server), mode);
    }
    for mode in [Mode::MasterSocket, Mode::ReloadCommand] {
        let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
        let Some(server) = DataPlaneServer::real(&haproxy, mode) else {
            return say("real dataplaneapi: not found, its situations ran on the stand-in only");
        };
        let operator = DataPlaneBench::new(&haproxy, &server);
        how_it_reloads(&operator, mode);
        situations(&operator, mode);
        a_last_known_good_file_that_lags_behind(&operator);
    }
}

/// Only the real server is a process whose settings can be read.
fn how_it_reloads(operator: &DataPlaneBench<'_>, mode: Mode) {
    let finding = operator.check("dp.reload-strategy");
    let (level, said) = match mode {
        Mode::MasterSocket => ("pass", operator.haproxy.master_socket().unwrap().display().to_string()),
        Mode::ReloadCommand => ("warn", "reload_cmd runs kill".to_owned()),
    };
    assert_eq!(finding["level"], level, "{finding}");
    assert!(finding["evidence"].to_string().contains(&said), "{finding}");
    another_writer(operator);
    let stranger = check(&operator.haguard, "not-the-password", "dp.auth");
    assert_eq!(stranger["level"], "fail", "{stranger}");
    assert!(!stranger.to_string().contains("not-the-password"), "{stranger}");
}

/// Any program under the name of one that is known: haguard looks at names and arguments, and so does its evidence.
fn another_writer(operator: &DataPlaneBench<'_>) {
    // Whoever else runs on this machine may have one, which is no matter.
    let alone = operator.check("dp.other-writers");
    let folder = tempfile::TempDir::with_prefix("hag").unwrap();
    let program = folder.path().join("consul-template");
    crate::support::executable::copy(&on_path("tail").unwrap(), &program);
    let start =
        |file: &Path| Process::start(&program, &["-f".into(), file.into()], &[], &folder.path().join("log"));
    let other = start(Path::new("/etc/hostname"));
    assert_eq!(operator.check("dp.other-writers"), alone, "it writes something else");
    drop(other);
    let writer = start(operator.haproxy.config_path());
    let finding = operator.check("dp.other-writers");
    assert_eq!(finding["level"], "warn", "{finding}");
    assert!(finding.to_string().contains(&format!("consul-template (PID {})", writer.pid())), "{finding}");
    drop(writer);
    assert_eq!(operator.check("dp.other-writers"), alone);
}

fn situations(operator: &DataPlaneBench<'_>, mode: Mode) {
    all_is_well(operator);
    an_open_transaction_of_someone_else(operator);
    a_reload_that_is_pending(operator);
    a_file_edited_by_hand(operator);
    match mode {
        Mode::MasterSocket => poisoned_by_a_failed_reload(operator),
        Mode::ReloadCommand => a_reload_command_that_lied(operator),
    }
}

fn all_is_well(operator: &DataPlaneBench<'_>) {
    // The stand-in is no process of that name, so its last known good file cannot be found from outside.
    for id in [
        "arch.config-path",
        "dp.reachable",
        "dp.auth",
        "dp.memory",
        "dp.md5",
        "dp.pending-reload",
        "dp.open-transactions",
    ] {
        let finding = operator.check(id);
        assert_eq!(finding["level"], "pass", "{finding}");
    }
}

fn an_open_transaction_of_someone_else(operator: &DataPlaneBench<'_>) {
    let opened = operator.server.call("POST", &format!("{TRANSACTIONS}?version={}", operator.version()), "");
    assert_eq!(opened.status, 201, "{opened:?}");
    let id = operator.server.client().transactions().unwrap()[0].id.clone();
    let finding = operator.check("dp.open-transactions");
    assert_eq!(finding["level"], "warn", "{finding}");
    assert!(finding["evidence"].to_string().contains(&id), "{finding}");
    assert_eq!(operator.server.call("DELETE", &format!("{TRANSACTIONS}/{id}"), "").status, 204);
    assert_eq!(operator.level("dp.open-transactions"), "pass");
}

fn a_reload_that_is_pending(operator: &DataPlaneBench<'_>) {
    // The server's clock may strike between the write and the look; then the write is made once more.
    let (id, lines) = wait_for("a pending reload is seen", || {
        let answer = operator.post(&format!("version={}", operator.version()), &operator.text);
        let id = answer.header("reload-id")?.to_owned();
        let finding = operator.check("dp.pending-reload");
        let lines = operator.pending_in_the_ledger();
        let seen = finding["evidence"].to_string().contains(&id)
            && lines.iter().any(|line| line["object"] == id.as_str());
        seen.then_some((id, lines))
    });
    let line = lines.iter().find(|line| line["object"] == id.as_str()).unwrap();
    assert_eq!(
        (line["on_reload"].as_str(), line["on_restart"].as_str()),
        (Some("kept"), Some("kept")),
        "{line}"
    );
    wait_for("it is done", || (operator.level("dp.pending-reload") == "pass").then_some(()));
}

fn a_file_edited_by_hand(operator: &DataPlaneBench<'_>) {
    let mut limit = 300;
    // A server that watches the file makes the edit its own within moments; then another edit is made.
    let finding = wait_for("an edit is seen before the server takes it over", || {
        limit += 1;
        let file = operator.haproxy.config();
        let (before, rest) = file.split_once("maxconn ").unwrap();
        let edited = format!("{before}maxconn {limit}\n{}", rest.split_once('\n').unwrap().1);
        replace(operator.haproxy.config_path(), &edited);
        let finding = operator.check("dp.md5");
        (finding["level"] == "warn").then_some(finding)
    });
    assert!(finding["text"].as_str().unwrap().contains("md5"), "{finding}");
    // The server counts the edit as a version of its own; from there on all is well again.
    wait_for("the edit is taken over", || {
        (operator.level("dp.md5") == "pass" && operator.level("dp.memory") == "pass").then_some(())
    });
}

fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, path).unwrap();
}

fn broken(operator: &DataPlaneBench<'_>, taken: &Origin) -> String {
    let text = &operator.text;
    format!("{text}\nfrontend more from unnamed_defaults_1\n  bind 127.0.0.1:{}\n", taken.port)
}

fn poisoned_by_a_failed_reload(operator: &DataPlaneBench<'_>) {
    let taken = Origin::start();
    let good = operator.post(&format!("version={}&force_reload=true", operator.version()), &operator.text);
    assert_eq!(good.status, 201, "{good:?}");
    let version = operator.version();
    let failed = operator.post(&format!("version={version}&force_reload=true"), &broken(operator, &taken));
    assert_eq!(failed.status, 400, "{failed:?}");
    let finding = operator.check("dp.memory");
    assert_eq!(finding["level"], "fail", "{finding}");
    let text = finding["text"].as_str().unwrap();
    assert!(text.contains(&format!("version {} in memory", version + 1)), "{text}");
    assert!(text.contains(&format!("disk is version {version}")), "{text}");
    assert!(finding["mend"].as_str().unwrap().contains("USR2"), "{finding}");
    assert_eq!(operator.level("proc.reload-settled"), "fail");
    // The cure that was named is one.
    operator.server.reread();
    wait_for("the cure works", || (operator.level("dp.memory") == "pass").then_some(()));
}

/// The API calls the reload a success and its file good; the master alone tells.
fn a_reload_command_that_lied(operator: &DataPlaneBench<'_>) {
    let taken = Origin::start();
    let answer = operator.post(&format!("version={}", operator.version()), &broken(operator, &taken));
    assert_eq!(answer.status, 202, "{answer:?}");
    wait_for("the master counts the failure", || {
        (operator.level("proc.reload-settled") == "fail").then_some(())
    });
    assert_eq!(operator.level("dp.memory"), "pass", "nothing in the API tells");
    let finding = operator.check("config.edited-since-load");
    assert_eq!(finding["level"], "warn", "what is on disk is not what runs: {finding}");
}

fn a_last_known_good_file_that_lags_behind(operator: &DataPlaneBench<'_>) {
    let written = operator.post(&format!("version={}&skip_reload=true", operator.version()), &operator.text);
    assert_eq!(written.status, 201, "{written:?}");
    let finding = operator.check("dp.lkg-drift");
    assert_eq!(finding["level"], "warn", "{finding}");
    assert!(finding["evidence"].to_string().contains(".lkg"), "{finding}");
}

#[test]
fn the_file_that_the_api_writes_is_not_the_file_that_the_master_loads() {
    requires!(Haproxy(Branch::V30));
    let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
    let other = haproxy.dir().join("other.cfg");
    std::fs::write(&other, format!("{}\nbackend routes from unnamed_defaults_1\n", haproxy.config()))
        .unwrap();
    let Some(server) = DataPlaneServer::real_writing(&haproxy, &other) else {
        return say("real dataplaneapi: not found, no other file was written");
    };
    let finding = DataPlaneBench::new(&haproxy, &server).check("arch.config-path");
    assert_eq!(finding["level"], "fail", "{finding}");
    let evidence = finding["evidence"].to_string();
    for path in [&other, haproxy.config_path()] {
        assert!(evidence.contains(&path.display().to_string()), "{finding}");
    }
}

/// A refusal does not need the API, and says what it could not learn from it.
#[track_caller]
fn unreachable(haproxy: &Instance, url: &str, password: &str, words: &[&str]) {
    let haguard = Haguard::new();
    configure(&haguard, haproxy, url);
    let finding = check(&haguard, password, "dp.reachable");
    assert_eq!(finding["level"], "unknown", "{finding}");
    for word in words {
        assert!(finding["text"].as_str().unwrap().contains(word), "no `{word}` in {finding}");
    }
    let refusal = run(&haguard, password, &["restart", "-o", "json"]);
    assert_eq!(refusal.status, 3, "{refusal}");
    assert!(!refusal.stdout.contains("hunter2") && !refusal.stderr.contains("hunter2"), "{refusal}");
    assert!(refusal.json()["refusal"]["title"].as_str().unwrap().contains("master"), "{refusal}");
}

#[test]
fn wrong_credentials_a_web_page_and_nobody_there_are_told_with_the_mend() {
    requires!(Haproxy(Branch::V30));
    let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
    let server = DataPlaneServer::fake(&haproxy, Mode::MasterSocket);
    let url = format!("http://127.0.0.1:{}", server.port());
    unreachable(&haproxy, &url, "hunter2", &[USER, "HAGUARD_DATAPLANE_PASSWORD"]);
    // A stub: no Data Plane API answers with a page.
    let page = Server::start(|_| Response::new(200, "text/html", "<!doctype html><title>shop</title>"));
    unreachable(&haproxy, &format!("http://127.0.0.1:{}", page.port), "hunter2", &["page"]);
    let nobody = ports::free();
    unreachable(
        &haproxy,
        &format!("http://127.0.0.1:{}", nobody.number),
        "hunter2",
        &["nothing accepts connections"],
    );
}

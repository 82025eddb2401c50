//! A reload beside a Data Plane API, in both of its ways to reload: what it has pending blocks, and afterwards its memory,
//! its file and its last known good file are the same, or the report says which is not.

use serde_json::Value;

use crate::support::dataplane::{CONFIG, DataPlaneServer, Mode, PASSWORD, RAW, USER};
use crate::support::document::{as_text, finding, level};
use crate::support::haguard::{Haguard, RunOutput};
use crate::support::haproxy::{Branch, Instance};
use crate::support::requires::requires;
use crate::support::skip::say;
use crate::support::wait::wait_for;

const MODES: [Mode; 2] = [Mode::MasterSocket, Mode::ReloadCommand];

struct DataPlaneBench<'a> {
    haguard: Haguard,
    haproxy: &'a Instance,
    server: &'a DataPlaneServer,
}

impl<'a> DataPlaneBench<'a> {
    fn new(haproxy: &'a Instance, server: &'a DataPlaneServer) -> Self {
        let haguard = Haguard::new();
        let socket = haproxy.master_socket().unwrap().display();
        let url = format!("http://127.0.0.1:{}", server.port());
        haguard.config(&format!(
            "[haproxy]\nmaster_socket = \"{socket}\"\n[dataplane]\nurl = \"{url}\"\nusername = \"{USER}\"\n"
        ));
        DataPlaneBench { haguard, haproxy, server }
    }

    fn reload(&self, more: &[&str]) -> Value {
        let config = self.haguard.home().join("haguard.toml");
        let mut command = self.haguard.command();
        command.arg("reload").args(more).args(["-o", "json", "--config"]).arg(config);
        RunOutput::from_command(command.env("HAGUARD_DATAPLANE_PASSWORD", PASSWORD)).json()
    }

    /// Plans and applies, once more where the API's own clock struck in between.
    fn done(&self) -> Value {
        wait_for("a reload of ours", || {
            let plan = self.reload(&["--plan"]);
            let done = self.reload(&["--approve", as_text(&plan["plan"]["id"])]);
            (done["exit"] == 0).then_some(done)
        })
    }

    fn write(&self, query: &str) -> String {
        let version = self.server.client().config_version().unwrap();
        let answer =
            self.server.call("POST", &format!("{RAW}?version={version}&{query}"), &self.haproxy.config());
        assert!(answer.status < 300, "{answer:?}");
        answer.header("reload-id").unwrap_or_default().to_owned()
    }
}

fn situations(operator: &DataPlaneBench<'_>) {
    let worker = operator.haproxy.worker_pid();
    let done = operator.done();
    assert_ne!(operator.haproxy.worker_pid(), worker);
    for id in ["dp.memory", "dp.md5", "dp.pending-reload"] {
        assert_eq!(finding(&done, id)["level"], "pass", "{done:#}");
    }
    what_is_pending_blocks(operator);
}

fn what_is_pending_blocks(operator: &DataPlaneBench<'_>) {
    // The server's clock may strike between the write and the look; then the write is made once more.
    let plan = wait_for("a pending reload blocks", || {
        let id = operator.write("");
        let plan = operator.reload(&["--plan"]);
        let settled = finding(&plan, "reload.settled");
        (settled["level"] == "fail" && settled["evidence"].to_string().contains(&id)).then_some(plan)
    });
    assert_eq!((&plan["exit"], &plan["changed"]), (&3.into(), &false.into()), "{plan:#}");
    wait_for("it is done", || (operator.reload(&["--plan"])["exit"] == 0).then_some(()));
    let done = operator.done();
    assert_eq!(level(&done, "dp.memory"), "pass", "{done:#}");
}

#[test]
fn a_reload_beside_the_api_leaves_it_consistent_on_the_stand_in_and_on_the_real_server() {
    requires!(Haproxy(Branch::V30));
    for mode in MODES {
        let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
        situations(&DataPlaneBench::new(&haproxy, &DataPlaneServer::fake(&haproxy, mode)));
    }
    for mode in MODES {
        let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
        let Some(server) = DataPlaneServer::real(&haproxy, mode) else {
            return say("real dataplaneapi: not found, a reload beside it ran on the stand-in only");
        };
        let operator = DataPlaneBench::new(&haproxy, &server);
        situations(&operator);
        a_last_known_good_file_that_the_reload_leaves_behind_is_said(&operator);
    }
}

fn a_last_known_good_file_that_the_reload_leaves_behind_is_said(operator: &DataPlaneBench<'_>) {
    operator.write("skip_reload=true");
    let done = operator.done();
    let lags = finding(&done, "dp.lkg-drift");
    assert_eq!(lags["level"], "warn", "{done:#}");
    assert!(as_text(&lags["mend"]).contains("dataplaneapi"), "{lags}");
    assert_eq!(level(&done, "dp.memory"), "pass", "{done:#}");
}

#[test]
fn an_api_that_does_not_answer_blocks_because_it_may_have_a_reload_pending() {
    requires!(Haproxy(Branch::V30));
    let haproxy = Instance::builder(Branch::V30).whole_config(CONFIG).start();
    let server = DataPlaneServer::fake(&haproxy, Mode::MasterSocket);
    let operator = DataPlaneBench::new(&haproxy, &server);
    let nobody = crate::support::ports::free();
    let config = std::fs::read_to_string(operator.haguard.home().join("haguard.toml")).unwrap();
    operator.haguard.config(&config.replace(&server.port().to_string(), &nobody.number.to_string()));
    let plan = operator.reload(&["--plan"]);
    assert_eq!(plan["exit"], 5, "{plan:#}");
    assert_eq!(finding(&plan, "reload.settled")["level"], "unknown", "{plan:#}");
}

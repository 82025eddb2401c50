//! `reload --confirm-within` and `confirm`: what is confirmed stays, and everything else is rolled back.

mod attributes;
mod lost;
mod previous;
mod troubles;

use std::path::PathBuf;

use serde_json::Value;

use super::{Bench, RELOAD, on_every_branch, proof, unwrapped};
use crate::support::configs;
use crate::support::document::as_text;
use crate::support::haguard::RunOutput;
use crate::support::haproxy::Branch;
use crate::support::process::wait_gone;
use crate::support::requires::requires;

/// Longer than any test takes: it is decided by something else.
const LONG: &str = "10m";

/// A bench whose worker haguard has proven, so that it knows what it has loaded, and whose file was edited since.
struct EditedBench {
    bench: Bench,
    before: String,
    edit: String,
}

impl EditedBench {
    fn start(branch: Branch) -> Self {
        let mut bench = RELOAD.start(branch);
        let first = bench.run(&["--approve", &bench.plan()]);
        assert_eq!(first.status, 0, "{branch}: {first}");
        let before = bench.haproxy.config();
        let edit = before.clone() + configs::LATE;
        bench.haproxy.write_config(&edit);
        EditedBench { bench, before, edit }
    }

    /// The id of the plan to reload so.
    fn plan(&self, within: &str) -> String {
        let document = self.bench.json(&["--plan", "--confirm-within", within]);
        assert_eq!(document["exit"], 0, "{document:#}");
        as_text(&document["plan"]["id"]).to_owned()
    }

    /// Reloads so, and proves it.
    fn reload(&self, within: &str) -> (String, Value) {
        let id = self.plan(within);
        let document = self.bench.json(&["--confirm-within", within, "--approve", &id]);
        assert_eq!(document["exit"], 0, "{document:#}");
        (id, document)
    }

    /// It has what was edited.
    fn is_new(&self) -> bool {
        self.bench.haproxy.ask("show backend").contains("late")
    }

    /// Where what was not confirmed is kept.
    fn aside(&self, id: &str) -> PathBuf {
        let path = self.bench.haproxy.config_path();
        path.with_file_name(format!("haproxy.cfg.unconfirmed-{id}"))
    }
}

impl Bench {
    fn confirm(&self, id: &str) -> RunOutput {
        self.haguard.run(["confirm", id])
    }

    fn confirm_json(&self, id: &str) -> Value {
        self.haguard.run(["confirm", id, "-o", "json"]).json()
    }

    /// The file of the confirmation.
    fn pending(&self, id: &str) -> Option<Value> {
        let path = self.haguard.home().join(format!("state/confirm/{id}.json"));
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }

    /// The process that waits for it.
    fn watcher(&self, id: &str) -> u32 {
        let pid = self.pending(id).expect("it waits")["watcher"][0].as_u64();
        u32::try_from(pid.expect("a PID")).unwrap()
    }

    /// What the watcher of this plan wrote last, once it has ended.
    fn end_of(&self, id: &str) -> Value {
        wait_gone(self.watcher(id));
        let mine = |line: &Value| {
            let about = line["summary"].as_str().is_some_and(|text| text.contains(id));
            // `haguard confirm` records itself as well.
            line["command"] == "confirm" && line["argv"][1] == "reload" && about
        };
        self.recorded().into_iter().rfind(mine).expect("the watcher's last word")
    }
}

#[test]
fn what_is_confirmed_in_time_stays_and_another_reload_waits_for_it() {
    on_every_branch(|branch| {
        let edited = EditedBench::start(branch);
        let bench = &edited.bench;
        let (id, done) = edited.reload(LONG);
        let confirm = &done["reload"]["confirm"];
        assert_eq!((&confirm["id"], &confirm["within"]), (&id.as_str().into(), &"600s".into()), "{done:#}");
        assert_eq!(done["next"][0], format!("haguard confirm {id}"), "{done:#}");
        let (worker, watcher) = (bench.haproxy.worker_pid(), bench.watcher(&id));
        let alive = proof(&done, "waits for a confirmation");
        assert_eq!(alive["claim"], format!("process {watcher} waits for a confirmation"), "{branch}");

        for more in [&["--plan"][..], &["--approve", &id]] {
            let second = bench.run(more);
            assert_eq!(second.status, 7, "{branch}: {second}");
            let said = unwrapped(&second.stderr);
            assert!(said.contains(&format!("plan {id} of HAProxy (master ")), "{branch}: {second}");
            assert!(said.contains(&format!("`haguard confirm {id}` keeps it")), "{branch}: {second}");
        }
        let listed = bench.haguard.run(["confirm"]);
        assert!(listed.stdout.contains(&id) && listed.stdout.contains("waits"), "{branch}: {listed}");

        let confirmed = bench.confirm_json(&id);
        assert_eq!(confirmed["exit"], 0, "{branch}: {confirmed:#}");
        assert_eq!(confirmed["confirmation"]["until"], confirm["until"], "{branch}");
        wait_gone(watcher);
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}");
        assert!(edited.is_new() && bench.haproxy.config() == edited.edit, "{branch}");
        assert!(!edited.aside(&id).exists(), "{branch}");
        let again = bench.confirm(&id);
        assert!(again.status == 0 && again.stdout.contains("has confirmed it already"), "{branch}: {again}");
        assert_eq!(bench.haguard.run(["confirm"]).stdout, "none\n", "{branch}");
        assert_eq!(bench.run(&["--plan"]).status, 0, "{branch}: nothing waits any more");
    });
}

#[test]
fn what_nobody_confirms_goes_back_and_is_proven() {
    on_every_branch(|branch| {
        let edited = EditedBench::start(branch);
        let bench = &edited.bench;
        let worker = bench.haproxy.worker_pid();
        let (id, done) = edited.reload("1s");
        let new = &done["reload"]["worker"];
        let end = bench.end_of(&id);
        assert_eq!((&end["exit"], &end["changed"]), (&0.into(), &true.into()), "{branch}: {end:#}");
        assert_eq!(bench.haproxy.config(), edited.before, "{branch}");
        assert_eq!(std::fs::read_to_string(edited.aside(&id)).unwrap(), edited.edit, "{branch}");
        let back = bench.haproxy.worker_pid();
        assert!(back != worker && back != *new, "{branch}");
        assert!(as_text(&end["summary"]).contains(&format!("worker {back} is proven")), "{branch}: {end:#}");
        assert!(
            as_text(&end["summary"]).contains(&edited.aside(&id).display().to_string()),
            "{branch}: {end:#}"
        );
        assert!(!edited.is_new(), "{branch}");
        bench.assert_serves();

        let steps: Vec<Value> = bench
            .recorded()
            .into_iter()
            .filter(|line| line["run"] == end["run"] && line["step"].is_string())
            .collect();
        let names: Vec<&str> = steps.iter().map(|step| as_text(&step["step"])).collect();
        assert_eq!(
            names,
            [
                "take the lock",
                "take the lock",
                "restore",
                "restore",
                "reload",
                "reload",
                "prove",
                "prove",
                "keep",
                "keep"
            ],
            "{branch}"
        );
        let late = bench.confirm_json(&id);
        assert_eq!(
            (&late["exit"], &late["confirmation"]["outcome"]),
            (&6.into(), &"late".into()),
            "{late:#}"
        );
        assert_eq!(late["confirmation"]["why"], end["summary"], "{branch}");
        let history = bench.haguard.run(["history"]);
        assert!(unwrapped(&history.stdout).contains("was not"), "{branch}: {history}");
        assert!(!history.stdout.contains("stopped unfinished"), "{branch}: {history}");
        // What is in force now is known, so that the next one has a way back too.
        bench.haproxy.ask("show info");
        assert_eq!(bench.run(&["--plan", "--confirm-within", "1s"]).status, 0, "{branch}");
    });
}

#[test]
fn an_id_that_does_not_wait_is_a_usage_error_that_names_those_that_do() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let bench = &edited.bench;
    let unknown = bench.confirm("0123456789");
    assert_eq!(unknown.status, 2, "{unknown}");
    assert!(unknown.stderr.contains("nothing waits for a confirmation here"), "{unknown}");
    let (id, _) = edited.reload(LONG);
    for other in ["0123456789", "../x", ""] {
        let unknown = bench.confirm(other);
        assert_eq!(unknown.status, 2, "{unknown}");
        assert!(unknown.stderr.contains(&format!("these wait for a confirmation: {id}")), "{unknown}");
    }
    assert_eq!(bench.confirm(&id).status, 0);
}

#[test]
fn every_text_about_a_confirmation_fits_a_terminal() {
    requires!(Haproxy(Branch::V30));
    let edited = EditedBench::start(Branch::V30);
    let bench = &edited.bench;
    let plan = bench.run(&["--plan", "--confirm-within", LONG]);
    let said = unwrapped(&plan.stdout);
    let path = bench.haproxy.config_path().display().to_string();
    for words in [
        "restore",
        "(unless-confirmed): after 600s without `haguard confirm`: the copy that haguard kept",
        "no other files are put back",
        "--confirm-within 600s --approve ",
    ] {
        assert!(said.replace("\\ ", "").contains(words), "`{words}` in {plan}");
    }
    assert!(said.replace(' ', "").contains(&path.replace(' ', "")), "{plan}");
    let id = edited.plan(LONG);
    let done = bench.run(&["--confirm-within", LONG, "--approve", &id]);
    assert!(
        unwrapped(&done.stdout)
            .contains(&format!("confirm it with haguard confirm {id} otherwise HAProxy rolls back at")),
        "{done}"
    );
    let (list, confirmed, again) = (bench.haguard.run(["confirm"]), bench.confirm(&id), bench.confirm(&id));
    assert!(confirmed.stdout.starts_with(&format!("confirmed: plan {id}: HAProxy (master ")), "{confirmed}");
    assert!(unwrapped(&confirmed.stdout).contains("it would have been rolled back at"), "{confirmed}");
    let explained = bench.haguard.run(["explain", "confirm"]);
    assert_eq!(explained.status, 0, "{explained}");
    for said in [&plan, &done, &list, &confirmed, &again, &explained] {
        super::assert_width(&said.stdout);
        assert!(said.stderr.is_empty(), "{said}");
    }
}

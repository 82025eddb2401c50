//! `haguard reload` on real HAProxies: what it shows, what it wants, what it does, and what it proves.

mod confirm;
mod consent;
mod dataplane;
mod failure;
mod keep;
mod signals;
mod steps;
mod turn;

use std::fs::File;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::bench::{BackgroundRun, Bench, BenchConfig};
use crate::support::configs::{self, TestConfig};
use crate::support::document::{as_text, unwrapped};
use crate::support::haproxy::{Branch, on_every_branch};
use crate::support::requires::requires;
use crate::support::wait::wait_for;

/// It loads for as long as the file `hold` stands beside it.
const HELD_WHILE_LOADING: &str = "
local function held() local f = io.open('{dir}/hold') if f then f:close() return true end return false end
while held() do os.execute('sleep 0.02') end
";

const RELOAD: BenchConfig = BenchConfig {
    operation: "reload",
    wants: &[],
    config: TestConfig {
        globals: "lua-load {dir}/hold.lua",
        sections: "
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    server one 127.0.0.1:{port:origin} check inter 200ms
    server two 127.0.0.1:{port:origin}
",
        files: &[("hold.lua", HELD_WHILE_LOADING)],
    },
};

impl Bench {
    /// Stops every run at its next line of the journal, until this is dropped.
    fn gate(&self) -> File {
        std::fs::create_dir_all(self.journal().parent().unwrap()).unwrap();
        let journal = File::options().create(true).append(true).open(self.journal()).unwrap();
        journal.lock().unwrap();
        journal
    }

    /// Keeps the next worker loading, until the path that comes back is removed.
    fn hold_loading(&self) -> PathBuf {
        let hold = self.haproxy.dir().join("hold");
        File::create(&hold).unwrap();
        hold
    }

    /// HAProxy serves, whoever of its workers does.
    fn assert_serves(&self) {
        let answer = self.haproxy.get("web", "/");
        assert!(answer.contains(" 200 "), "{answer}\n{}", self.haproxy.log());
    }
}

impl BackgroundRun {
    /// Waits until it stands before the gate.
    fn wait_at_gate(&self) {
        let me = format!(" {} ", self.process.pid());
        wait_for("the run wants to write its journal", || {
            assert!(!self.process.has_ended(), "{}", self.output());
            let locks = std::fs::read_to_string("/proc/locks").unwrap();
            locks.lines().any(|line| line.contains("-> FLOCK") && line.contains(&me)).then_some(())
        });
    }

    fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for its end: the exit status, and everything that it said.
    fn end(mut self) -> (Option<i32>, String) {
        wait_for("haguard ends", || self.process.has_ended().then_some(()));
        let status = self.process.end(rustix::process::Signal::TERM).unwrap();
        (status.code(), self.output())
    }
}

#[track_caller]
fn assert_width(text: &str) {
    for line in text.lines().filter(|line| line.chars().count() > 80) {
        let words = line.trim_end_matches('\\').split_whitespace().count();
        assert!(words == 1 && line.starts_with("  "), "{}: {line}", line.len());
    }
}

fn proof<'a>(document: &'a Value, claim: &str) -> &'a Value {
    let all = document["proof"].as_array().unwrap();
    all.iter()
        .find(|proof| as_text(&proof["claim"]).contains(claim))
        .unwrap_or_else(|| panic!("{claim}: {all:#?}"))
}

#[test]
fn a_reload_puts_the_files_in_force_and_proves_the_new_worker() {
    on_every_branch(|branch| {
        let mut bench = RELOAD.start(branch);
        let (master, worker) = (bench.haproxy.master_pid(), bench.haproxy.worker_pid());
        let text = bench.haproxy.config() + configs::LATE;
        bench.haproxy.write_config(&text);
        let plan = bench.json(&["--plan"]);
        assert_eq!((&plan["exit"], &plan["changed"]), (&0.into(), &false.into()), "{branch}: {plan:#}");
        let steps: Vec<String> =
            plan["plan"]["steps"].as_array().unwrap().iter().map(Value::to_string).collect();
        assert!(steps.iter().any(|step| step.contains("add") && step.contains("backend late")), "{steps:?}");
        assert_eq!(bench.haproxy.worker_pid(), worker, "{branch}: a plan does nothing");

        let id = as_text(&plan["plan"]["id"]);
        let done = bench.json(&["--approve", id]);
        assert_eq!((&done["exit"], &done["changed"]), (&0.into(), &true.into()), "{branch}: {done:#}");
        let new = bench.haproxy.worker_pid();
        assert_ne!(new, worker, "{branch}");
        assert_eq!((&done["reload"]["worker"], &done["reload"]["outcome"]), (&new.into(), &"proven".into()));
        assert_eq!(done["reload"]["refused_ms"], 0, "{branch}: {done:#}");
        assert_eq!(done["cost"]["reloads"], 1, "{branch}");
        assert_eq!(bench.haproxy.master_pid(), master);
        assert!(bench.haproxy.ask("show backend").contains("late"), "{branch}");
        assert_eq!(proof(&done, "admin socket")["after"], new.to_string(), "{branch}");
        assert_eq!(proof(&done, "a new worker")["before"], worker.to_string(), "{branch}");
        assert_eq!(proof(&done, "no server that was up")["after"], "1 up", "{branch}: {done:#}");
        assert!(
            as_text(&proof(&done, "every listener")["after"]).starts_with("2 of them"),
            "{branch}: {done:#}"
        );
        bench.assert_serves();

        let kept: Vec<_> = std::fs::read_dir(bench.haguard.home().join("state/kept")).unwrap().collect();
        let folder = kept[0].as_ref().unwrap().path();
        assert!(folder.file_name().unwrap().to_str().unwrap().starts_with(&format!("{new}-")), "{folder:?}");
        assert_eq!(std::fs::read_to_string(folder.join("0")).unwrap(), bench.haproxy.config(), "{branch}");

        // A second one right after it is another plan.
        let again = bench.plan();
        assert_ne!(again, id, "{branch}");
        let second = bench.run(&["--approve", &again]);
        assert_eq!(second.status, 0, "{branch}: {second}");
        let steps: Vec<String> =
            bench.recorded().iter().map(|l| format!("{} {}", l["step"], l["result"].is_null())).collect();
        let whole = [
            r#""reload" true"#,
            r#""reload" false"#,
            r#""prove" true"#,
            r#""prove" false"#,
            r#""keep" true"#,
        ];
        assert!(steps.windows(whole.len()).any(|run| run == whole), "{branch}: {steps:?}");
    });
}

#[test]
fn a_master_without_a_socket_is_sent_a_signal_and_its_new_worker_is_proven_all_the_same() {
    on_every_branch(|branch| {
        let bench = RELOAD.start_with(branch, |builder| builder.without_master_socket());
        let worker = bench.haproxy.worker_pid();
        let plan = bench.json(&["--plan"]);
        assert_eq!(plan["plan"]["steps"][0]["how"], "signal", "{branch}: {plan:#}");
        let done = bench.json(&["--approve", as_text(&plan["plan"]["id"])]);
        assert_eq!(done["exit"], 0, "{branch}: {done:#}");
        let new = bench.haproxy.worker_pid();
        assert_ne!(new, worker, "{branch}");
        assert_eq!(done["reload"]["worker"], new, "{branch}");
        bench.assert_serves();
    });
}

#[test]
fn every_text_of_a_reload_fits_a_terminal() {
    requires!(Haproxy(Branch::V30));
    let bench = RELOAD.start(Branch::V30);
    bench.haproxy.admin("set server app/two state maint");
    let plan = bench.run(&["--plan"]);
    assert_eq!(plan.status, 0, "{plan}");
    let said = unwrapped(&plan.stdout);
    for words in [
        "what would be done 1 reload HAProxy (master",
        "1 server state set at run time: app/two",
        "rehearsed",
        "nothing was changed. (exit 0)",
    ] {
        assert!(said.contains(words), "`{words}` in {plan}");
    }
    // The command that is printed last is the one that applies it.
    let command = said.rsplit_once("apply it with ").unwrap().1.replace("\\ ", "");
    let command = command.split(" nothing was").next().unwrap().strip_prefix("haguard ").unwrap().to_owned();
    let done = bench.haguard.run(command.split(' '));
    assert_eq!(done.status, 0, "{done}");
    assert!(done.stdout.starts_with("proven: reloaded HAProxy"), "{done}");
    assert!(done.stdout.trim_end().ends_with("changes were made. (exit 0)"), "{done}");
    assert!(!done.stdout.contains("nothing was changed"), "{done}");
    let stale = bench.haguard.run(command.split(' '));
    for said in [&plan, &done, &stale] {
        assert!(said.stderr.is_empty(), "no terminal, no progress: {said}");
        assert_width(&said.stdout);
    }
}

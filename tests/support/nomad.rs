//! A Nomad of a test's own: server and client in one, on loopback. It is in no package registry, so that a machine
//! without it only says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::docker::{Dockerd, run_output};
use super::ports::{self, Port};
use super::process::{Process, on_path};
use super::wait::{wait_for, within};
use super::{run, skip};

/// It looks at the whole machine before it is ready.
const BOOT: Duration = Duration::from_secs(60);

/// A running agent.
#[derive(Debug)]
pub(crate) struct Nomad {
    agent: Process,
    program: PathBuf,
    ports: [Port; 3],
    jobs: Vec<String>,
    dir: TempDir,
}

/// Where it is installed.
pub(super) fn program() -> Option<PathBuf> {
    skip::variable("HAGUARD_TEST_NOMAD").or_else(|| on_path("nomad"))
}

impl Nomad {
    /// Starts one that has this daemon make containers and shows its `exec` tasks these folders of the host.
    pub(crate) fn start(dockerd: &Dockerd, shown: &BTreeSet<PathBuf>) -> Self {
        let program = program().expect("the test requires it");
        let (dir, ports) = (run::scratch(), [(); 3].map(|()| ports::free()));
        let at = dir.path().display();
        let shown: String =
            shown.iter().map(|path| format!("    \"{0}\" = \"{0}\"\n", path.display())).collect();
        let [http, rpc, serf] = ports.each_ref().map(|port| port.number);
        let socket = dockerd.socket();
        let text = format!(
            "bind_addr = \"127.0.0.1\"\ndata_dir = \"{at}/data\"\nports {{\n  http = {http}\n  rpc = {rpc}\n  serf = {serf}\n}}\n\
             plugin \"raw_exec\" {{\n  config {{\n    enabled = true\n  }}\n}}\n\
             plugin \"docker\" {{\n  config {{\n    endpoint = \"unix://{}\"\n  }}\n}}\n\
             client {{\n  options {{\n    \"fingerprint.denylist\" = \"env_aws,env_gce,env_azure,env_digitalocean\"\n  }}\n  \
             chroot_env {{\n{shown}  }}\n}}\n",
            socket.display()
        );
        let config = dir.path().join("agent.hcl");
        std::fs::write(&config, text).expect("a file in our folder");
        let words = ["agent", "-dev"].map(Into::into).into_iter();
        let mut named = std::ffi::OsString::from("-config=");
        named.push(&config);
        let args: Vec<_> = words.chain([named]).collect();
        let agent = Process::start(&program, &args, &[], &dir.path().join("log"));
        let nomad = Nomad { agent, program, ports, jobs: Vec::new(), dir };
        let ready = within(BOOT, || {
            assert!(!nomad.agent.has_ended(), "nomad ended:\n{}", nomad.log());
            let nodes = nomad.try_run(&["node", "status", "-json", "-self"]).ok()?;
            let node: Value = serde_json::from_str(&nodes).ok()?;
            let healthy = |driver: &str| node["Drivers"][driver]["Healthy"] == true;
            ["raw_exec", "exec", "docker"].into_iter().all(healthy).then_some(())
        });
        assert!(ready.is_some(), "Nomad has not all of its drivers:\n{}", nomad.log());
        nomad
    }

    /// What the agent wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn try_run(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.env("NOMAD_ADDR", format!("http://127.0.0.1:{}", self.ports[0].number)).args(args);
        run_output(&mut command)
    }

    /// Has its own program do something that has to work; what it wrote.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.try_run(args).unwrap_or_else(|error| panic!("nomad {args:?}: {error}"))
    }

    /// Runs a job of one group; the id of its allocation, once all of its tasks run.
    #[track_caller]
    pub(crate) fn run(&mut self, job: &str, text: &str) -> String {
        let file = self.dir.path().join(format!("{job}.nomad"));
        std::fs::write(&file, text).expect("a file in our folder");
        self.jobs.push(job.to_owned());
        self.ok(&["job", "run", "-detach", &file.display().to_string()]);
        wait_for("the allocation runs", || {
            let all: Value =
                serde_json::from_str(&self.try_run(&["job", "allocs", "-json", job]).ok()?).ok()?;
            let one = all.as_array()?.first()?;
            assert_ne!(one["ClientStatus"], "failed", "{one:#}");
            (one["ClientStatus"] == "running").then(|| one["ID"].as_str().map(str::to_owned))?
        })
    }
}

impl Drop for Nomad {
    fn drop(&mut self) {
        let ended = |job: &String| {
            let all = self.try_run(&["job", "allocs", "-json", job]).unwrap_or_default();
            let all: Vec<Value> = serde_json::from_str(&all).unwrap_or_default();
            all.iter().all(|one| {
                !["pending", "running"].contains(&one["ClientStatus"].as_str().unwrap_or_default())
            })
        };
        for job in &self.jobs {
            let _ = self.try_run(&["job", "stop", job]);
            // An agent that ends before its tasks leaves them.
            let _ = within(BOOT, || ended(job).then_some(()));
            let _ = self.try_run(&["job", "stop", "-purge", job]);
            let _ = self.try_run(&["system", "gc"]);
        }
        self.agent.signal(Signal::INT);
        let _ = within(BOOT, || self.agent.has_ended().then_some(()));
        // What it mounted for its tasks it leaves in any case.
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let ours =
            |line: &&str| line.split(' ').nth(1).is_some_and(|at| Path::new(at).starts_with(self.dir.path()));
        for line in mounts.lines().filter(ours) {
            let _ = run_output(Command::new("umount").arg("--lazy").args(line.split(' ').nth(1)));
        }
    }
}

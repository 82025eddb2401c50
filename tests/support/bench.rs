//! A HAProxy in front of an origin, and a haguard that does one operation to it.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::builder::Builder;
use super::configs::TestConfig;
use super::copied;
use super::document::as_text;
use super::haguard::{Haguard, RunOutput};
use super::haproxy::{Branch, Instance, ask};
use super::origin::Origin;
use super::process::{Process, alive, wait_gone};
use super::wait::wait_for;

/// What a bench is made of. One server of its configuration is checked, and the bench waits for the first result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BenchConfig {
    pub(crate) operation: &'static str,
    /// What the operation wants each time it is run; `HOST` is the name of this host.
    pub(crate) wants: &'static [&'static str],
    pub(crate) config: TestConfig,
}

/// A HAProxy, the haguard for it, and what its servers are.
pub(crate) struct Bench {
    pub(crate) haproxy: Instance,
    pub(crate) haguard: Haguard,
    pub(crate) origin: Origin,
    operation: &'static str,
    wants: &'static [&'static str],
}

impl BenchConfig {
    /// Starts everything.
    #[track_caller]
    pub(crate) fn start(&self, branch: Branch) -> Bench {
        self.start_with(branch, |builder| builder)
    }

    /// The same, with a HAProxy that differs.
    #[track_caller]
    pub(crate) fn start_with(&self, branch: Branch, change: impl FnOnce(Builder) -> Builder) -> Bench {
        let origin = Origin::start();
        let haproxy = change(self.config.builder(branch)).origin(&origin).start();
        wait_for("the first check", || haproxy.ask("show stat").contains(",L4OK,").then_some(()));
        Bench { haproxy, haguard: Haguard::new(), origin, operation: self.operation, wants: self.wants }
    }
}

/// What came up in place of the HAProxy is not the test's child, and the test ends it.
impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(pid) = self.main().filter(|pid| *pid != self.haproxy.master_pid()) {
            end(pid);
        }
    }
}

/// The name of this host, as `--break-glass` wants it.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Ends a HAProxy that haguard has started.
pub(crate) fn end(pid: u32) {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id is positive");
    if alive(pid) && kill_process(number, Signal::TERM).is_ok() {
        wait_gone(pid);
    }
}

impl Bench {
    /// The main process, by what holds its socket.
    pub(crate) fn main(&self) -> Option<u32> {
        let Some(socket) = self.haproxy.master_socket() else {
            let info = ask(self.haproxy.admin_socket()?, "show info").ok()?;
            return info.lines().find_map(|line| line.strip_prefix("Pid: ")?.trim().parse().ok());
        };
        let table = ask(socket, "show proc").ok()?;
        let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some("master"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// The arguments that name this HAProxy.
    pub(crate) fn socket(&self) -> [String; 2] {
        let path = |path: &Path| path.display().to_string();
        match (self.haproxy.master_socket(), self.haproxy.admin_socket()) {
            (Some(master), _) => ["--master-socket".to_owned(), path(master)],
            (None, admin) => ["--stats-socket".to_owned(), path(admin.expect("a socket at least"))],
        }
    }

    /// The operation, this HAProxy, and these arguments.
    pub(crate) fn arguments(&self, more: &[&str]) -> Vec<String> {
        let more = more.iter().map(|word| (*word).to_owned());
        std::iter::once(self.operation.to_owned()).chain(self.socket()).chain(more).collect()
    }

    /// The same with what the operation wants each time.
    fn whole_arguments(&self, more: &[&str]) -> Vec<String> {
        let host = host();
        let wants = self.wants.iter().map(|word| if *word == "HOST" { host.as_str() } else { word });
        self.arguments(&wants.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// Runs the operation with everything that it wants.
    pub(crate) fn run(&self, more: &[&str]) -> RunOutput {
        self.haguard.run(self.whole_arguments(more))
    }

    pub(crate) fn json(&self, more: &[&str]) -> Value {
        self.run(&[more, &["-o", "json"]].concat()).json()
    }

    /// The id of the plan of now.
    pub(crate) fn plan(&self) -> String {
        let document = self.json(&["--plan"]);
        as_text(&document["plan"]["id"]).to_owned()
    }

    /// Starts a run of haguard with these arguments and goes on.
    pub(crate) fn spawn(&self, args: Vec<String>) -> BackgroundRun {
        static RUNS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = self.haguard.home().join(format!("run-{number}.log"));
        let args: Vec<_> = args.into_iter().map(Into::into).collect();
        let home = self.haguard.home().display().to_string();
        let env = [("HAGUARD_STATE_DIR".to_owned(), format!("{home}/state")), ("HOME".to_owned(), home)];
        let process = Process::start(Path::new(copied::haguard()), &args, &env, &log);
        BackgroundRun { process, log }
    }

    /// Starts the operation and goes on.
    pub(crate) fn background(&self, more: &[&str]) -> BackgroundRun {
        self.spawn(self.whole_arguments(more))
    }

    /// The journal's file.
    pub(crate) fn journal(&self) -> PathBuf {
        self.haguard.home().join("state/journal.jsonl")
    }

    /// The lines of the journal.
    pub(crate) fn recorded(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.journal()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// A run of haguard that goes on by itself.
pub(crate) struct BackgroundRun {
    pub(crate) process: Process,
    pub(crate) log: PathBuf,
}

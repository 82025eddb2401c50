//! A real HAProxy of any long-term branch, started by a test, asked, reloaded, restarted and ended.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::builder::{Builder, PreparedInstance, fill};
use super::ports::Port;
use super::process::Process;
use super::requires::{self, Part};
use super::wait::{PATIENCE, wait_for, within};
use super::{copied, origin, run, skip};

/// How long a HAProxy may take to come up or to say why it does not.
const START: Duration = PATIENCE;

/// The long-term branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Branch {
    V26,
    V28,
    V30,
    V32,
    V34,
}

/// Every branch that is here at once: most of the time is spent waiting.
pub(crate) fn on_every_branch(test: impl Fn(Branch) + Sync) {
    std::thread::scope(|scope| {
        for branch in Branch::here() {
            let test = &test;
            scope.spawn(move || test(branch));
        }
    });
}

impl Branch {
    /// Every branch, oldest first.
    pub(crate) fn all() -> [Branch; 5] {
        [Branch::V26, Branch::V28, Branch::V30, Branch::V32, Branch::V34]
    }

    /// Those that are on this machine, oldest first; a visible line for each that is not.
    pub(crate) fn here() -> Vec<Branch> {
        let here = |branch: &Branch| !requires::lacks(&[Part::Haproxy(*branch)]);
        Self::all().into_iter().filter(here).collect()
    }

    /// As HAProxy's own version begins.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Branch::V26 => "2.6",
            Branch::V28 => "2.8",
            Branch::V30 => "3.0",
            Branch::V32 => "3.2",
            Branch::V34 => "3.4",
        }
    }
}

impl std::fmt::Display for Branch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The program of a branch.
pub(crate) fn binary(branch: Branch) -> PathBuf {
    run::folder(); // before anybody makes a folder for this program
    if let Some(lacking) = lacking(branch) {
        panic!("no {lacking}: the test has to say so at its head, see requires.rs");
    }
    copied::usable(folder(branch)).join("haproxy")
}

/// The branch, where it is not on this machine.
pub(super) fn lacking(branch: Branch) -> Option<String> {
    let path = folder(branch).join("haproxy");
    (!path.is_file()).then(|| format!("HAProxy {branch} at {} (.ci/haproxy fetches it)", path.display()))
}

/// Where `.ci/haproxy` puts a folder for each branch.
pub(crate) fn cache() -> PathBuf {
    let fetched = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/haproxy");
    skip::variable("HAGUARD_TEST_HAPROXY_DIR").unwrap_or_else(fetched)
}

fn folder(branch: Branch) -> PathBuf {
    cache().join(branch.name())
}

/// What came of a reload.
#[derive(Debug)]
pub(crate) struct Reload {
    /// Whether the new worker took over.
    pub(crate) success: bool,
    /// The master's answer: empty on 2.6.
    pub(crate) answer: String,
}

/// A running HAProxy with a folder of its own.
#[derive(Debug)]
pub(crate) struct Instance {
    process: Process,
    branch: Branch,
    binary: PathBuf,
    prepared: PreparedInstance,
    master_worker: bool,
    master_socket: Option<PathBuf>,
    admin_socket: Option<PathBuf>,
    dir: TempDir, // the last field: the folder goes after the process
}

impl Instance {
    /// Describes one before it is started.
    pub(crate) fn builder(branch: Branch) -> Builder {
        Builder::new(branch)
    }

    pub(super) fn start(builder: &Builder, binary: &Path) -> Result<Self, String> {
        let dir = run::scratch();
        let prepared = builder.prepare(dir.path());
        if let Some(uid) = builder.owner {
            std::os::unix::fs::chown(dir.path(), Some(uid), Some(uid)).expect("root gives folders away");
        }
        let process = started(binary, &prepared, dir.path());
        let text = std::fs::read_to_string(&prepared.config).expect("it was just written");
        let admin = dir.path().join("admin.sock");
        let instance = Instance {
            process,
            branch: builder.branch,
            binary: binary.to_path_buf(),
            master_worker: builder.master_worker,
            master_socket: builder.master_socket.then(|| dir.path().join("master.sock")),
            admin_socket: text.contains(&format!("stats socket {}", admin.display())).then_some(admin),
            prepared,
            dir,
        };
        instance.wait_serving()?;
        Ok(instance)
    }

    /// Waits until it serves; what it wrote, where it ends instead.
    fn wait_serving(&self) -> Result<(), String> {
        let settled = within(START, || match (self.process.has_ended(), self.serves()) {
            (true, _) => Some(Err(self.log())),
            (false, true) => Some(Ok(())),
            (false, false) => None,
        });
        settled.unwrap_or_else(|| Err(format!("neither serving nor ended after {START:?}:\n{}", self.log())))
    }

    fn serves(&self) -> bool {
        // a listed worker may still be loading (3.2 and later); one that answers has bound everything
        let listed = self.master_socket.is_none() || self.listed_worker().is_some();
        if self.admin_socket.is_some() || self.master_socket.is_some() {
            let answering = self.try_ask("show info").ok().and_then(|info| pid_in_info(&info));
            return listed && answering.is_some();
        }
        if self.master_worker {
            return self.log().contains("Loading success");
        }
        let binds = self.config();
        let binds = binds.lines().filter_map(|line| line.trim().strip_prefix("bind 127.0.0.1:"));
        let mut ports = binds.filter_map(|rest| rest.split_whitespace().next()?.parse::<u16>().ok());
        ports.all(|port| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    /// Asks the serving worker: on its own socket, else through the master.
    #[track_caller]
    pub(crate) fn ask(&self, command: &str) -> String {
        self.try_ask(command).unwrap_or_else(|error| panic!("asking `{command}`: {error}\n{}", self.log()))
    }

    fn try_ask(&self, command: &str) -> std::io::Result<String> {
        match (&self.admin_socket, &self.master_socket) {
            (Some(admin), _) => ask(admin, command),
            (None, Some(master)) => ask(master, &format!("@1 {command}")),
            (None, None) => Err(std::io::Error::other("this HAProxy was started without sockets")),
        }
    }

    /// Sends a command to the stats socket.
    #[track_caller]
    pub(crate) fn admin(&self, command: &str) -> String {
        let socket = self.admin_socket.as_ref().expect("it was started with a stats socket");
        ask(socket, command).unwrap_or_else(|error| panic!("admin `{command}`: {error}\n{}", self.log()))
    }

    /// Sends a command to the master socket.
    #[track_caller]
    pub(crate) fn master(&self, command: &str) -> String {
        let socket = self.master_socket.as_ref().expect("it was started with a master socket");
        ask(socket, command).unwrap_or_else(|error| panic!("master `{command}`: {error}\n{}", self.log()))
    }

    /// Asks the master to reload and waits for the end of it.
    #[track_caller]
    pub(crate) fn reload(&self) -> Reload {
        let before = failed_reloads(&self.master("show proc")).expect("`show proc` counts failed reloads");
        let worker = self.worker_pid();
        let answer = self.master("reload");
        if answer.contains("Success=") {
            return Reload { success: answer.contains("Success=1"), answer };
        }
        // 2.6 says nothing, and its master socket is away for a moment
        let success = wait_for("the reload ends", || {
            let table = ask(self.master_socket.as_ref()?, "show proc").ok()?;
            let failed = failed_reloads(&table)?;
            let loaded = worker_in(&table).is_some_and(|pid| pid != worker) && failed == 0;
            (loaded || failed > before).then_some(loaded)
        });
        if success {
            wait_for("the new worker answers", || self.try_ask("show info").ok());
        }
        Reload { success, answer }
    }

    /// Stops it as a service manager does and starts it again with the same command line.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.process.end(Signal::TERM);
        self.process = started(&self.binary, &self.prepared, self.dir.path());
        self.wait_serving().unwrap_or_else(|log| panic!("it did not come back:\n{log}"));
    }

    /// The process that serves now.
    #[track_caller]
    pub(crate) fn worker_pid(&self) -> u32 {
        pid_in_info(&self.ask("show info")).expect("`show info` names its process")
    }

    /// The process that serves now, by what it says through the master.
    #[track_caller]
    pub(crate) fn worker_pid_by_master(&self) -> u32 {
        pid_in_info(&self.master("@1 show info")).expect("`show info` names its process")
    }

    /// Sends a signal to the process that was started.
    pub(crate) fn signal_master(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// The process that was started: the master, or the only one without `-W`.
    pub(crate) fn master_pid(&self) -> u32 {
        self.process.pid()
    }

    /// True for a process that was started with `-W`.
    pub(crate) fn is_master_worker(&self) -> bool {
        self.master_worker
    }

    /// The current worker as the master lists it.
    pub(crate) fn listed_worker(&self) -> Option<u32> {
        worker_in(&ask(self.master_socket.as_ref()?, "show proc").ok()?)
    }

    /// Its branch.
    pub(crate) fn branch(&self) -> Branch {
        self.branch
    }

    /// Its program.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its configuration file.
    pub(crate) fn config_path(&self) -> &Path {
        &self.prepared.config
    }

    /// The text of its configuration file, as it is now.
    pub(crate) fn config(&self) -> String {
        std::fs::read_to_string(self.config_path()).expect("the configuration is readable")
    }

    /// Replaces the configuration file, with `{dir}` and `{port:NAME}` as in the builder.
    pub(crate) fn write_config(&mut self, text: &str) {
        let text = fill(text, self.dir.path(), &mut self.prepared.ports);
        std::fs::write(self.config_path(), text).expect("the configuration is writable");
    }

    /// The master socket's path, where there is one.
    pub(crate) fn master_socket(&self) -> Option<&Path> {
        self.master_socket.as_deref()
    }

    /// The stats socket's path, where there is one.
    pub(crate) fn admin_socket(&self) -> Option<&Path> {
        self.admin_socket.as_deref()
    }

    /// The number behind `{port:NAME}`.
    #[track_caller]
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports().get(name).unwrap_or_else(|| panic!("no {{port:{name}}} in the configuration")).number
    }

    fn ports(&self) -> &BTreeMap<String, Port> {
        &self.prepared.ports
    }

    /// What one request through the port behind `{port:NAME}` is answered.
    #[track_caller]
    pub(crate) fn get(&self, name: &str, path: &str) -> String {
        origin::get(self.port(name), path)
    }

    /// Everything that it wrote to its standard output and error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("haproxy.log")).unwrap_or_default()
    }
}

fn started(binary: &Path, prepared: &PreparedInstance, dir: &Path) -> Process {
    let PreparedInstance { prefix, args, env, .. } = prepared;
    let mut words = prefix.iter().cloned().chain([binary.into()]).chain(args.iter().cloned());
    let program = words.next().map(PathBuf::from).expect("a program at least");
    Process::start(&program, &words.collect::<Vec<_>>(), env, &dir.join("haproxy.log"))
}

/// One command over a connection of its own, as HAProxy's sockets want it.
pub(crate) fn ask(socket: &Path, command: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(format!("{command}\n").as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?; // a master keeps the connection open otherwise
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn pid_in_info(info: &str) -> Option<u32> {
    info.lines().find_map(|line| line.strip_prefix("Pid: ")?.trim().parse().ok())
}

/// The first worker of `show proc`, current before old: from 3.2 on a failed reload leaves the serving one under old.
fn worker_in(table: &str) -> Option<u32> {
    let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some("worker"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn failed_reloads(table: &str) -> Option<u32> {
    table.split_once("[failed: ")?.1.split_once(']')?.0.parse().ok()
}

//! How a test's HAProxy is described before it is started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::haproxy::{Branch, Instance};
use super::origin::Origin;
use super::pem;
use super::ports::{self, Port};
use super::sandbox::Sandbox;

/// Times that a start is tried again with other ports, after somebody outside these tests took one in between.
const TRIES: usize = 5;

/// A HAProxy to be started. In every text, `{dir}` is its folder and `{port:NAME}` a port of its own.
#[derive(Debug, Clone)]
pub(crate) struct Builder {
    pub(crate) branch: Branch,
    pub(crate) master_worker: bool,
    pub(crate) master_socket: bool,
    pub(crate) admin_level: Option<String>,
    globals: String,
    body: String,
    whole: Option<String>,
    as_folder: bool,
    more_configs: Vec<(String, String)>,
    files: Vec<(String, String)>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    program: Option<PathBuf>,
    prefix: Vec<OsString>,
    pub(crate) owner: Option<u32>,
}

/// What a builder became for one start: its files are written, its ports chosen.
#[derive(Debug)]
pub(crate) struct PreparedInstance {
    pub(crate) prefix: Vec<OsString>,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) ports: BTreeMap<String, Port>,
    pub(crate) config: PathBuf,
}

impl Builder {
    pub(crate) fn new(branch: Branch) -> Self {
        Builder {
            branch,
            master_worker: true,
            master_socket: true,
            admin_level: Some("admin".into()),
            globals: String::new(),
            body: String::new(),
            whole: None,
            as_folder: false,
            more_configs: Vec::new(),
            files: Vec::new(),
            env: Vec::new(),
            args: Vec::new(),
            program: None,
            prefix: Vec::new(),
            owner: None,
        }
    }

    /// Adds sections after the usual `global` and `defaults`.
    pub(crate) fn config(mut self, sections: &str) -> Self {
        self.body.push_str(sections);
        self.body.push('\n');
        self
    }

    /// Fills in the port of this origin for `{port:origin}`.
    pub(crate) fn origin(mut self, origin: &Origin) -> Self {
        self.body = origin.behind(&self.body);
        self
    }

    /// Adds lines to the `global` section.
    pub(crate) fn global(mut self, lines: &str) -> Self {
        self.globals.push_str(lines);
        self.globals.push('\n');
        self
    }

    /// Takes this text instead of the usual `global` and `defaults` and everything given to `config`.
    pub(crate) fn whole_config(mut self, text: &str) -> Self {
        self.whole = Some(text.into());
        self
    }

    /// Adds a configuration file that is given with another `-f`.
    pub(crate) fn extra_config(mut self, name: &str, text: &str) -> Self {
        self.more_configs.push((name.into(), text.into()));
        self
    }

    /// Gives `-f` a folder that holds the configuration, instead of the file.
    pub(crate) fn config_folder(mut self) -> Self {
        self.as_folder = true;
        self
    }

    /// Writes a file that the configuration refers to as `{dir}/NAME`.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// Starts without `-W`, hence without a master and its socket.
    pub(crate) fn without_master_worker(mut self) -> Self {
        self.master_worker = false;
        self.without_master_socket()
    }

    /// Starts without `-S`.
    pub(crate) fn without_master_socket(mut self) -> Self {
        self.master_socket = false;
        self
    }

    /// Leaves out the `stats socket` line.
    pub(crate) fn without_admin_socket(mut self) -> Self {
        self.admin_level = None;
        self
    }

    /// The level of the stats socket: `user`, `operator` or `admin`.
    pub(crate) fn level(mut self, level: &str) -> Self {
        self.admin_level = Some(level.into());
        self
    }

    /// Sets a variable in HAProxy's environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Adds an argument to the command line.
    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Runs this copy of the branch's program.
    pub(crate) fn program(mut self, path: &Path) -> Self {
        self.program = Some(path.into());
        self
    }

    /// Runs it in a namespace of its own. `master_pid` is then the number outside; the sockets tell the one inside.
    pub(crate) fn inside(mut self, sandbox: &Sandbox) -> Self {
        self.prefix = sandbox.prefix();
        self
    }

    /// Runs it through a program that executes it in the end, so that its PID stays.
    pub(crate) fn through(mut self, words: &[&str]) -> Self {
        self.prefix = words.iter().map(OsString::from).collect();
        self
    }

    /// Runs it as this user, who owns its folder; only root can.
    pub(crate) fn owned_by(mut self, uid: u32) -> Self {
        self.owner = Some(uid);
        let uid = uid.to_string();
        self.through(&["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups", "--"])
    }

    /// Starts it and waits until it serves.
    #[track_caller]
    pub(crate) fn start(self) -> Instance {
        let branch = self.branch;
        self.try_start().unwrap_or_else(|log| panic!("HAProxy {branch} did not start:\n{log}"))
    }

    /// As `start`, but what HAProxy wrote where it does not come up.
    pub(crate) fn try_start(self) -> Result<Instance, String> {
        let binary = self.program.clone().unwrap_or_else(|| super::haproxy::binary(self.branch));
        let mut result = Instance::start(&self, &binary);
        for _ in 1..TRIES {
            // a literal address in use is the test's wish; only a port of ours is worth another number
            match &result {
                Err(log) if log.contains("in use") && self.has_ports() => {}
                _ => break,
            }
            result = Instance::start(&self, &binary);
        }
        result
    }

    fn has_ports(&self) -> bool {
        let texts =
            self.more_configs.iter().map(|(_, text)| text).chain(self.whole.iter()).chain([&self.body]);
        texts.into_iter().any(|text| text.contains("{port:"))
    }

    /// Writes every file into `dir` and puts the command line together.
    pub(crate) fn prepare(&self, dir: &Path) -> PreparedInstance {
        let mut ports = BTreeMap::new();
        let folder = if self.as_folder { dir.join("conf.d") } else { dir.to_path_buf() };
        std::fs::create_dir_all(&folder).expect("a folder for the configuration");
        let config = folder.join("haproxy.cfg");
        write(&config, &fill(&self.text(), dir, &mut ports));
        for (name, text) in &self.files {
            write(&dir.join(name), &fill(text, dir, &mut ports));
        }
        let mut args = Vec::<OsString>::new();
        if self.master_worker {
            args.push("-W".into());
        }
        if self.master_socket {
            args.extend(["-S".into(), dir.join("master.sock").into()]);
        }
        args.extend(["-f".into(), if self.as_folder { folder.into() } else { config.clone().into() }]);
        for (name, text) in &self.more_configs {
            write(&dir.join(name), &fill(text, dir, &mut ports));
            args.extend(["-f".into(), dir.join(name).into()]);
        }
        args.extend(self.args.iter().map(|arg| fill(arg, dir, &mut ports).into()));
        let mut value = |text: &String| fill(text, dir, &mut ports);
        let env = self.env.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        PreparedInstance { prefix: self.prefix.clone(), args, env, ports, config }
    }

    fn text(&self) -> String {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let socket = self.admin_level.as_ref();
        let socket = socket
            .map_or(String::new(), |level| format!("    stats socket {{dir}}/admin.sock level {level}\n"));
        let globals = self.globals.lines().map(|line| format!("    {}\n", line.trim())).collect::<String>();
        format!(
            "global\n    maxconn 200\n{socket}{globals}\ndefaults\n    mode http\n    retries 0\n    timeout connect 2s\n    \
             timeout client 60s\n    timeout server 60s\n\n{}",
            self.body
        )
    }
}

/// Puts the folder and ports into a text; a port that was named before keeps its number.
pub(crate) fn fill(text: &str, dir: &Path, ports: &mut BTreeMap<String, Port>) -> String {
    let text = with_certificates(&text.replace("{dir}", &dir.to_string_lossy()));
    let mut pieces = text.split("{port:");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').expect("{port:NAME} is closed");
        let port = ports.entry(name.to_owned()).or_insert_with(ports::free);
        filled.push_str(&format!("{}{rest}", port.number));
    }
    filled
}

/// Puts a new certificate in the place of each `{pem:NAME}`.
fn with_certificates(text: &str) -> String {
    let mut pieces = text.split("{pem:");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').expect("{pem:NAME} is closed");
        filled.push_str(&(pem::self_signed(name) + rest));
    }
    filled
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}

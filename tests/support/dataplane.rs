//! A Data Plane API beside a HAProxy of these tests: the real server where it is installed, else the stand-in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use haguard::clients::dataplane::DataPlane;
use haguard::clients::http::{Credentials, HttpEndpoint};
use haguard::secret::Secret;
use rustix::process::Signal;

use super::haproxy::Instance;
use super::http::{self, Response};
use super::ports::{self, Port};
use super::process::Process;
use super::standin::FakeDataPlane;
use super::{skip, wait::wait_for};

/// Where the API's paths about HAProxy begin.
pub(crate) const HAPROXY: &str = "/v3/services/haproxy";
/// The whole configuration as text.
pub(crate) const RAW: &str = "/v3/services/haproxy/configuration/raw";
/// Transactions.
pub(crate) const TRANSACTIONS: &str = "/v3/services/haproxy/transactions";

/// As the real server itself would write it, so that nothing changes but its header.
pub(crate) const CONFIG: &str = "global
  maxconn 200
  stats socket {dir}/admin.sock level admin

defaults unnamed_defaults_1
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s

frontend web from unnamed_defaults_1
  bind 127.0.0.1:{port:web}
  default_backend app

backend app from unnamed_defaults_1
  server one 127.0.0.1:{port:origin}
";

/// The user that every server of these tests knows.
pub(crate) const USER: &str = "admin";
/// Its password.
pub(crate) const PASSWORD: &str = "secret";
/// The two as HTTP Basic.
pub(crate) const BASIC: &str = "Basic YWRtaW46c2VjcmV0";

/// How the server reloads HAProxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Through the master socket, which says how it went.
    MasterSocket,
    /// By sending the master a signal, as `systemctl reload` does; all it sees is that the signal was sent.
    ReloadCommand,
}

/// Files and processes that a server works with.
#[derive(Debug, Clone)]
pub(crate) struct ServerSetup {
    pub(crate) mode: Mode,
    pub(crate) config: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) binary: PathBuf,
    pub(crate) master_socket: PathBuf,
    pub(crate) stats_socket: PathBuf,
    pub(crate) master_pid: u32,
}

/// A running Data Plane API.
#[derive(Debug)]
pub(crate) struct DataPlaneServer {
    surroundings: ServerSetup,
    kind: ServerKind,
}

#[derive(Debug)]
enum ServerKind {
    Real(Process, Port),
    Fake(FakeDataPlane),
}

impl ServerSetup {
    fn from_instance(haproxy: &Instance, mode: Mode) -> Self {
        let dir = haproxy.dir().join("dataplane");
        for folder in ["transactions", "backups", "storage", "maps", "certs", "general", "spoe"] {
            std::fs::create_dir_all(dir.join(folder)).expect("a folder for the Data Plane API");
        }
        ServerSetup {
            mode,
            config: haproxy.config_path().to_path_buf(),
            dir,
            binary: haproxy.binary().to_path_buf(),
            master_socket: haproxy
                .master_socket()
                .expect("it was started with a master socket")
                .to_path_buf(),
            stats_socket: haproxy.admin_socket().expect("it was started with a stats socket").to_path_buf(),
            master_pid: haproxy.master_pid(),
        }
    }

    /// Where backups and the last known good configuration go.
    pub(crate) fn backups(&self) -> PathBuf {
        self.dir.join("backups")
    }

    fn settings(&self, port: u16) -> String {
        let ServerSetup { config, dir, binary, master_socket, master_pid, .. } = self;
        let (config, dir, binary, socket) =
            (config.display(), dir.display(), binary.display(), master_socket.display());
        let reload = match self.mode {
            Mode::MasterSocket => {
                format!(
                    "  master_worker_mode: true\n  master_runtime: {socket}\n  reload:\n    reload_cmd: /bin/false\n"
                )
            }
            Mode::ReloadCommand => format!("  reload:\n    reload_cmd: kill -USR2 {master_pid}\n"),
        };
        format!(
            "config_version: 2\nname: tested\nmode: single\ndataplaneapi:\n  host: 127.0.0.1\n  port: {port}\n  \
             scheme: [http]\n  userlist:\n    userlist: controller\n    userlist_file: {dir}/users.cfg\n  \
             transaction:\n    transaction_dir: {dir}/transactions\n    backups_dir: {dir}/backups\n  \
             resources:\n    dataplane_storage_dir: {dir}/storage\n    maps_dir: {dir}/maps\n    \
             ssl_certs_dir: {dir}/certs\n    general_storage_dir: {dir}/general\n    spoe_dir: {dir}/spoe\n    \
             spoe_transaction_dir: {dir}/spoe-transactions\n\
             haproxy:\n  config_file: {config}\n  haproxy_bin: {binary}\n{reload}    restart_cmd: /bin/false\n    \
             reload_delay: 1\n    reload_strategy: custom\nlog_targets:\n- log_to: stdout\n  log_level: warning\n"
        )
    }
}

impl DataPlaneServer {
    /// Where the real server is installed.
    pub(crate) fn installed() -> Option<PathBuf> {
        skip::variable("HAGUARD_TEST_DATAPLANEAPI").or_else(|| super::process::on_path("dataplaneapi"))
    }

    /// The real server, or None where it is not installed.
    pub(crate) fn real(haproxy: &Instance, mode: Mode) -> Option<Self> {
        Self::start(ServerSetup::from_instance(haproxy, mode))
    }

    /// The real server, writing a file that HAProxy was not started with.
    pub(crate) fn real_writing(haproxy: &Instance, config: &Path) -> Option<Self> {
        let surroundings = ServerSetup::from_instance(haproxy, Mode::MasterSocket);
        Self::start(ServerSetup { config: config.to_path_buf(), ..surroundings })
    }

    fn start(surroundings: ServerSetup) -> Option<Self> {
        let program = Self::installed()?;
        let port = ports::free();
        let yml = surroundings.dir.join("dataplaneapi.yml");
        std::fs::write(&yml, surroundings.settings(port.number)).expect("settings for the Data Plane API");
        let users = format!("userlist controller\n    user {USER} insecure-password {PASSWORD}\n");
        std::fs::write(surroundings.dir.join("users.cfg"), users).expect("users for the Data Plane API");
        let log = surroundings.dir.join("dataplaneapi.log");
        let process = Process::start(&program, &["-f".into(), yml.into()], &[], &log);
        let server = DataPlaneServer { surroundings, kind: ServerKind::Real(process, port) };
        wait_for("the Data Plane API answers", || server.answers(&log).then_some(()));
        Some(server)
    }

    /// The stand-in, which needs nothing but HAProxy.
    pub(crate) fn fake(haproxy: &Instance, mode: Mode) -> Self {
        let surroundings = ServerSetup::from_instance(haproxy, mode);
        DataPlaneServer { kind: ServerKind::Fake(FakeDataPlane::start(surroundings.clone())), surroundings }
    }

    fn answers(&self, log: &Path) -> bool {
        if let ServerKind::Real(process, _) = &self.kind {
            let said = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(!process.has_ended(), "the Data Plane API ended:\n{}", said());
        }
        std::net::TcpStream::connect(("127.0.0.1", self.port())).is_ok()
            && self
                .call("GET", "/v3/services/haproxy/configuration/version", "")
                .header("configuration-version")
                .is_some()
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        match &self.kind {
            ServerKind::Real(_, port) => port.number,
            ServerKind::Fake(standin) => standin.port(),
        }
    }

    /// Its process, where it has one of its own.
    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.kind {
            ServerKind::Real(process, _) => Some(process.pid()),
            ServerKind::Fake(_) => None,
        }
    }

    /// Makes it read its file again: SIGUSR2 for the real server.
    pub(crate) fn reread(&self) {
        match &self.kind {
            ServerKind::Real(process, _) => process.signal(Signal::USR2),
            ServerKind::Fake(standin) => standin.reread(),
        }
    }

    /// Where it keeps backups and the last known good configuration.
    pub(crate) fn backups(&self) -> PathBuf {
        self.surroundings.backups()
    }

    /// One call with the right credentials, as a test makes it.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Response {
        self.call_as(Some(BASIC), method, path, body)
    }

    /// One call with any credentials.
    #[track_caller]
    pub(crate) fn call_as(
        &self,
        authorization: Option<&str>,
        method: &str,
        path: &str,
        body: &str,
    ) -> Response {
        let mut headers = authorization.map(|value| ("authorization", value)).into_iter().collect::<Vec<_>>();
        if !body.is_empty() {
            headers.push(("content-type", "text/plain"));
        }
        http::call(self.port(), method, path, &headers, body)
    }

    /// Whom haguard asks, with a password.
    pub(crate) fn target(&self, password: &str) -> HttpEndpoint {
        let origin = "the test".to_owned();
        HttpEndpoint {
            url: format!("http://127.0.0.1:{}", self.port()),
            credentials: Some(Credentials { user: USER.into(), password: Secret::new(password), origin }),
            ca_file: None,
            timeout: Duration::from_secs(30),
        }
    }

    /// haguard's own client for it.
    pub(crate) fn client(&self) -> DataPlane {
        DataPlane::new(self.target(PASSWORD)).expect("the address is one")
    }
}

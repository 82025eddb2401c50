//! The stand-in for a Data Plane API: only what haguard asks of one, on a real file and a real HAProxy.
//!
//! It behaves as the real 3.2 does where that was observed; `dataplane_contract.rs` holds both to the same assertions.
//! A difference is a bug in here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use haguard::wire::dataplane::{expected_md5, last_known_good_path, parse_header};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use super::dataplane::{BASIC, Mode, ServerSetup};
use super::haproxy::ask;
use super::http::{Request, Response, Server};
use super::process::check_config;

const HAPROXY: &str = "/v3/services/haproxy/";
/// The real server's ticker: a scheduled reload waits for the next beat, however near it is.
const BEAT: Duration = Duration::from_secs(1);
/// How soon a change of the file by somebody else is noticed.
const WATCH: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct FakeDataPlane {
    server: Server,
    shared: Arc<FakeShared>,
    ticking: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct FakeShared {
    surroundings: ServerSetup,
    state: Mutex<FakeState>,
    stop: Condvar,
}

/// What the server holds in memory only.
#[derive(Debug, Default)]
struct FakeState {
    version: u64,
    seen: String,
    pending: Option<String>,
    reloads: BTreeMap<String, Value>,
    reload_count: usize,
    transactions: BTreeMap<String, Value>,
    transaction_count: usize,
    stopping: bool,
}

impl FakeDataPlane {
    pub(crate) fn start(surroundings: ServerSetup) -> Self {
        let shared = Arc::new(FakeShared { surroundings, state: Mutex::default(), stop: Condvar::new() });
        shared.read_file(&mut shared.state());
        shared.keep_as_good();
        let handler = Arc::clone(&shared);
        let server = Server::start(move |request| handler.answer(&request));
        let ticker = Arc::clone(&shared);
        let ticking = Some(std::thread::spawn(move || ticker.tick()));
        FakeDataPlane { server, shared, ticking }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port
    }

    /// What SIGUSR2 does to the real server.
    pub(crate) fn reread(&self) {
        self.shared.read_file(&mut self.shared.state());
    }
}

impl Drop for FakeDataPlane {
    fn drop(&mut self) {
        self.shared.state().stopping = true;
        self.shared.stop.notify_all();
        if let Some(ticking) = self.ticking.take() {
            let _ = ticking.join();
        }
    }
}

impl FakeShared {
    fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Response {
        // held while HAProxy reloads, as the real server's list of reloads waits for that, too
        let mut state = self.state();
        let answer = self.route(&mut state, request);
        let version = state.version;
        answer.with("configuration-version", version)
    }

    fn route(&self, state: &mut FakeState, request: &Request) -> Response {
        let missing = || refuse(404, &format!("path {} was not found", request.path));
        let route = match request.path.strip_prefix(HAPROXY) {
            Some(rest) => rest.split('/').collect::<Vec<_>>(),
            None if request.path == "/v3/info" => vec!["info"],
            None => return missing(),
        };
        let method = request.method.as_str();
        let handle = |state: &mut FakeState| {
            Some(match (method, route.as_slice()) {
                ("GET", ["info"]) => found(&json!({ "api": { "version": "stand-in" }, "system": {} })),
                ("GET", ["configuration", "version"]) => found(&json!(state.version)),
                ("GET", ["configuration", "raw"]) => self.configuration(200, "text/plain"),
                ("POST", ["configuration", "raw"]) => self.write(state, request),
                ("GET", ["reloads"]) => found(&state.reloads.values().cloned().collect()),
                ("GET", ["reloads", id]) => match state.reloads.get(*id) {
                    Some(reload) => found(reload),
                    None => refuse(404, &format!("Reload with ID {id} does not exist")),
                },
                ("GET", ["transactions"]) => found(&state.transactions.values().cloned().collect()),
                ("POST", ["transactions"]) => open_transaction(state, request),
                ("GET", ["transactions", id]) => match state.transactions.get(*id) {
                    Some(transaction) => found(transaction),
                    None => refuse(404, &format!("transaction does not exist: {id}")),
                },
                ("DELETE", ["transactions", id]) => match state.transactions.remove(*id) {
                    Some(_) => Response { status: 204, ..Response::default() },
                    None => refuse(404, &format!("transaction does not exist: {id}")),
                },
                ("GET", ["runtime", "info"]) => found(&self.runtime_info()),
                _ => return None,
            })
        };
        match request.headers.get("authorization").map(String::as_str) {
            Some(BASIC) => handle(state).unwrap_or_else(missing),
            _ => refuse(401, "unauthorized").with("www-authenticate", "Basic realm=\"API\""),
        }
    }

    fn file(&self) -> String {
        std::fs::read_to_string(&self.surroundings.config).unwrap_or_default()
    }

    /// Memory becomes what the file says; a file that was never written by the server counts as version 1.
    fn read_file(&self, state: &mut FakeState) {
        state.seen = self.file();
        state.version = parse_header(state.seen.as_bytes()).version.unwrap_or(1);
    }

    fn configuration(&self, status: u16, kind: &str) -> Response {
        let file = self.file();
        let answer = Response::new(status, kind, file.clone());
        match parse_header(file.as_bytes()).md5 {
            Some(md5) => answer.with("configuration-checksum", md5),
            None => answer,
        }
    }

    fn write(&self, state: &mut FakeState, request: &Request) -> Response {
        let is = |name: &str| request.query.get(name).is_some_and(|value| value == "true");
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let plain = |answer: Response| answer.with("content-type", "text/plain");
        if is("only_validate") {
            let scratch = self.surroundings.dir.join("onlyvalidate");
            return match self.check(&scratch, &text) {
                Ok(()) => self.configuration(202, "text/plain"),
                Err(why) => plain(refuse(400, &format!("validation error: exit status 1: {why}"))),
            };
        }
        let version = match request.query.get("version").and_then(|version| version.parse::<u64>().ok()) {
            _ if is("skip_version") => parse_header(&request.body).version.unwrap_or(1),
            Some(version) if version == state.version => version + 1,
            Some(version) => return plain(mismatch(state.version, version)),
            None => {
                let words = "version or transaction not specified";
                return plain(refuse(400, &format!("{words}: {words}, specify only one")));
            }
        };
        if !text.contains('\n') {
            return plain(refuse(400, "invalid configuration: no newline character found"));
        }
        let whole = with_header(version, &text);
        let id = state.new_id();
        let draft = self.surroundings.dir.join("transactions").join(format!("haproxy.cfg.{id}"));
        if let Err(why) = self.check(&draft, &whole) {
            state.transactions.insert(id.clone(), json!({ "id": id, "status": "failed" }));
            return plain(refuse(
                400,
                &format!("validation error: exit status 1: err transactionId={id} \n{why}"),
            ));
        }
        self.put(state, version, whole);
        if is("skip_reload") {
            return self.configuration(201, "text/plain");
        }
        if is("force_reload") {
            let pending = state.pending.take();
            let written = self.configuration(201, "text/plain");
            return match self.reload(state, pending) {
                Ok(()) => written,
                Err(why) => {
                    plain(refuse(400, &format!("Reload failed: failed to reload configuration, {why}")))
                }
            };
        }
        let id = state.schedule();
        self.configuration(202, "text/plain").with("reload-id", id)
    }

    fn put(&self, state: &mut FakeState, version: u64, whole: String) {
        std::fs::write(&self.surroundings.config, &whole).expect("the configuration is writable");
        (state.version, state.seen) = (version, whole);
    }

    /// `haproxy -c` as the server runs it before each write: it binds nothing.
    fn check(&self, draft: &Path, text: &str) -> Result<(), String> {
        std::fs::write(draft, text).expect("a draft can be written");
        let result = check_config(&self.surroundings.binary, draft);
        std::fs::remove_file(draft).expect("it was just written");
        result.map_err(|said| {
            let alerts = said.lines().filter_map(|line| line.split_once("[ALERT]")?.1.split_once(" : "));
            let messages = alerts.map(|(_, words)| format!("msg=\"{}\"", words.replace(" : ", " ")));
            messages.collect::<Vec<_>>().join("\n")
        })
    }

    /// Reloads as the mode can, then keeps or puts back the last known good file. Memory stays in either case.
    fn reload(&self, state: &mut FakeState, id: Option<String>) -> Result<(), String> {
        let outcome = match self.surroundings.mode {
            Mode::MasterSocket => {
                let answer = ask(&self.surroundings.master_socket, "reload").unwrap_or_default();
                let log = answer.split_once("--\n").map_or("", |(_, log)| log.trim()).to_owned();
                if answer.contains("Success=1") { Ok(Some(log)) } else { Err(log) }
            }
            Mode::ReloadCommand => {
                let master = i32::try_from(self.surroundings.master_pid).ok().and_then(Pid::from_raw);
                let sent = rustix::process::kill_process(master.expect("a process id"), Signal::USR2);
                sent.map(|()| None).map_err(|error| error.to_string())
            }
        };
        let good = self.good();
        match &outcome {
            Ok(_) => self.keep_as_good(),
            Err(_) => {
                std::fs::copy(good, &self.surroundings.config).expect("the last good file can be put back");
                state.seen = self.file(); // the watcher leaves a file alone whose hash fits
            }
        }
        if let Some(id) = id {
            let status = if outcome.is_ok() { "succeeded" } else { "failed" };
            let mut entry = json!({ "id": id, "reload_timestamp": 1, "status": status });
            if let Ok(Some(log)) | Err(log) = &outcome {
                entry["response"] = json!(log);
            }
            if outcome.is_ok() {
                state.reloads.retain(|_, reload| reload["status"] != "succeeded"); // only the last is kept
            }
            state.reloads.insert(id, entry);
        }
        outcome.map(|_| ())
    }

    fn good(&self) -> std::path::PathBuf {
        last_known_good_path(&self.surroundings.config, Some(&self.surroundings.backups()))
    }

    fn keep_as_good(&self) {
        std::fs::copy(&self.surroundings.config, self.good()).expect("a good file can be kept");
    }

    fn runtime_info(&self) -> Value {
        let ServerSetup { master_socket, stats_socket, .. } = &self.surroundings;
        let (socket, command) = match self.surroundings.mode {
            Mode::MasterSocket => (master_socket, "@1 show info"),
            Mode::ReloadCommand => (stats_socket, "show info"),
        };
        let info = ask(socket, command).unwrap_or_default();
        let pid = info.lines().find_map(|line| line.strip_prefix("Pid: ")?.parse::<u32>().ok());
        json!({ "info": { "pid": pid }, "runtimeAPI": socket })
    }

    fn tick(&self) {
        let mut state = self.state();
        let mut beat = Instant::now() + BEAT;
        while !state.stopping {
            self.watch(&mut state);
            if Instant::now() >= beat {
                beat += BEAT;
                if let Some(id) = state.pending.take() {
                    let _ = self.reload(&mut state, Some(id));
                }
            }
            state = self.stop.wait_timeout(state, WATCH).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// A change by somebody else becomes the next version and is written back, without a reload.
    fn watch(&self, state: &mut FakeState) {
        let file = self.file();
        let fits = parse_header(file.as_bytes()).md5.is_some_and(|md5| md5 == expected_md5(file.as_bytes()));
        if file != state.seen && !fits {
            let version = parse_header(file.as_bytes()).version.unwrap_or(1) + 1;
            self.put(state, version, with_header(version, &file));
        }
    }
}

impl FakeState {
    fn new_id(&mut self) -> String {
        self.transaction_count += 1;
        format!("00000000-0000-4000-8000-{:012}", self.transaction_count)
    }

    /// All writes between two beats share one reload.
    fn schedule(&mut self) -> String {
        if let Some(id) = &self.pending {
            return id.clone();
        }
        let id = format!("2026-01-01-{}", self.reload_count);
        self.reload_count += 1;
        self.reloads.insert(id.clone(), json!({ "id": id, "status": "in_progress" }));
        self.pending = Some(id.clone());
        id
    }
}

fn open_transaction(state: &mut FakeState, request: &Request) -> Response {
    match request.query.get("version").and_then(|version| version.parse::<u64>().ok()) {
        None => {
            Response::new(422, "application/json", r#"{"code":602,"message":"version in query is required"}"#)
        }
        Some(version) if version != state.version => mismatch(state.version, version),
        Some(version) => {
            let id = state.new_id();
            let transaction = json!({ "_version": version, "id": id, "status": "in_progress" });
            state.transactions.insert(id, transaction.clone());
            Response { status: 201, ..found(&transaction) }
        }
    }
}

/// The text under a fresh header; a header that it brought along goes.
fn with_header(version: u64, text: &str) -> String {
    let ours = |line: &&str| !line.starts_with("# _md5hash=") && !line.starts_with("# _version=");
    let rest = text.split_inclusive('\n').filter(ours).collect::<String>();
    let body = format!("# _version={version}\n\n{}", rest.trim_start_matches('\n'));
    format!("# _md5hash={}\n{body}", expected_md5(body.as_bytes()))
}

fn found(value: &Value) -> Response {
    Response::new(200, "application/json", format!("{value}\n"))
}

fn refuse(status: u16, message: &str) -> Response {
    Response::new(status, "application/json", json!({ "code": status, "message": message }).to_string())
}

fn mismatch(ours: u64, given: u64) -> Response {
    let message =
        format!("version mismatch: version in configuration file is {ours}, given version is {given}");
    refuse(409, &message)
}

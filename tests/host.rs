//! The host around HAProxy: who serves what, who keeps it running, and what a restart of it would take. Real programs of
//! other users, in a real tmux, behind a real HAProxy.

mod elsewhere;
mod kept;
mod pins;
mod restart;
mod routes;
mod units;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::document::unwrapped;
use crate::support::ports::{self, Port};
use crate::support::process::{Process, on_path};
use crate::support::run;
use crate::support::wait::wait_for;

/// A user who is nowhere in /etc/passwd.
const STRANGER: u32 = 4242;

/// A web server of the Python library, as whoever starts it.
struct Web {
    port: Port,
    dir: TempDir,
    process: Process,
}

/// Words that make root somebody else for a program; the test requires root and setpriv.
fn as_stranger() -> Vec<OsString> {
    let uid = STRANGER.to_string();
    let words = ["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups", "--"];
    words.map(OsString::from).to_vec()
}

/// A folder that the stranger may use, with a service's in it. Services are looked for by name among all that run on
/// this machine, so no other test may have one of this name, nor another run of the tests.
fn open_folder() -> TempDir {
    use std::os::unix::fs::{PermissionsExt, chown};
    let dir = run::scratch();
    let folder = backend(&dir);
    std::fs::create_dir(&folder).expect("a folder inside");
    for path in [dir.path(), &folder] {
        if rustix::process::geteuid().is_root() {
            chown(path, Some(STRANGER), Some(STRANGER)).expect("root gives folders away");
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("our own folder");
    }
    dir
}

/// The name of the service in such a folder: `NAME` as `NAME-backend` is asked for, too.
fn name(dir: &TempDir) -> String {
    dir.path().file_name().expect("it has a name").to_string_lossy().into_owned()
}

/// The folder of the service.
fn backend(dir: &TempDir) -> PathBuf {
    dir.path().join(format!("{}-backend", name(dir)))
}

fn python() -> std::path::PathBuf {
    on_path("python3").expect("the test requires it")
}

impl Web {
    /// Starts one, with these words before it and these arguments after its own.
    fn start(before: &[OsString], after: &[&str]) -> Self {
        let python = python();
        let (port, dir) = (ports::free(), open_folder());
        let mut words: Vec<OsString> = before.to_vec();
        words.push(python.into());
        words.extend(["-m", "http.server", "--bind", "127.0.0.1", "--directory"].map(OsString::from));
        words.push(backend(&dir).into());
        words.push(port.number.to_string().into());
        words.extend(after.iter().map(OsString::from));
        let program = words.remove(0);
        let program = on_path(&program.to_string_lossy()).unwrap_or_else(|| program.into());
        let process = Process::start(&program, &words, &[], &dir.path().join("log"));
        let web = Web { port, dir, process };
        web.wait();
        web
    }

    fn wait(&self) {
        wait_for("the web server listens", || {
            std::net::TcpStream::connect(("127.0.0.1", self.port.number)).ok()
        });
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// The service of this PID in a document of `inspect -o json`.
#[track_caller]
fn service(document: &serde_json::Value, pid: u32) -> &serde_json::Value {
    let services = document["facts"]["on_host"]["seen"]["services"].as_array().expect("services were seen");
    let found = services.iter().find(|service| service["process"]["pid"] == pid);
    found.unwrap_or_else(|| panic!("no service with PID {pid} in {services:#?}"))
}

/// The whole of a file that must be there.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a readable file")
}
